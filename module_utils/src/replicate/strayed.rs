//! Replicas of renamed sources that lie beyond the places of what is asked for: there, where what was asked for was renamed itself, as a
//! pool that was imported by another name.

use super::listing;
use super::request::Request;
use crate::exec::runner::Failure;
use crate::exec::stderr::Cause;
use crate::model::DatasetName;
use crate::plan::renamed::{may_have_strayed, strayed};
use crate::plan::swap::There;
use crate::zfs::commands::Zfs;
use std::collections::BTreeSet;

/// Adds them to what is known of the target, and gives their names. Lists all of that only where a source that once was replicated has
/// no place now.
pub fn look(
    request: &Request,
    target: Zfs<'_>,
    sources: &There,
    targets: &mut There,
) -> Result<BTreeSet<DatasetName>, Failure> {
    if !may_have_strayed(sources, targets, &request.mapping) {
        return Ok(BTreeSet::new());
    }
    let mut beyond = match listing::side(target, std::slice::from_ref(&request.mapping.target), true, &[]) {
        // What its gate hides is not ours to move.
        Err(failure) if failure.cause == Cause::Refused => return Ok(BTreeSet::new()),
        all => all?,
    };
    beyond.retain(|name, _| !targets.contains_key(name));
    let strayed = strayed(sources, &beyond);
    beyond.retain(|name, _| strayed.contains(name));
    targets.extend(beyond);
    Ok(strayed)
}
