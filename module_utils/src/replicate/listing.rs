//! What one end has: datasets with their versions.

use crate::exec::runner::Failure;
use crate::exec::stderr::Cause;
use crate::model::{Dataset, DatasetName, Partial};
use crate::plan::swap::There;
use crate::zfs::commands::Zfs;
use std::collections::HashMap;

/// What there is at and below roots, with these properties; but one root that the gate there does not let us see does not keep us from the others.
pub fn sides_of(
    zfs: Zfs<'_>,
    roots: &[DatasetName],
    recursive: bool,
    properties: &[String],
) -> Result<(There, Vec<(DatasetName, Failure)>), Failure> {
    let all = match side(zfs, roots, recursive, properties) {
        Err(failure) if failure.cause == Cause::Refused && roots.len() > 1 => failure,
        all => return all.map(|all| (all, Vec::new())),
    };
    let (mut there, mut refused) = (There::new(), Vec::new());
    for root in roots {
        match side(zfs, std::slice::from_ref(root), recursive, properties) {
            Ok(more) => there.extend(more),
            Err(failure) if failure.cause == Cause::Refused => refused.push((root.clone(), failure)),
            Err(failure) => return Err(failure),
        }
    }
    if refused.len() == roots.len() { Err(all) } else { Ok((there, refused)) }
}

/// What there is at and below roots, with these properties.
pub fn side(zfs: Zfs<'_>, roots: &[DatasetName], recursive: bool, properties: &[String]) -> Result<There, Failure> {
    let rows = zfs.datasets_with(roots, recursive, properties)?;
    let mut versions = if rows.is_empty() { HashMap::new() } else { zfs.versions(roots, recursive)? };
    let with_versions = |(mut dataset, token): (Dataset, Option<String>)| {
        dataset.versions = versions.remove(&dataset.name).unwrap_or_default();
        dataset.partial = token.map(|token| Partial { token, content: Err("it was not decoded".to_owned()), bytes: 0 });
        (dataset.name.clone(), dataset)
    };
    Ok(rows.into_iter().map(with_versions).collect())
}
