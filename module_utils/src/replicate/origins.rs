//! Origins of new clones, also of those that are not among what is sent: what must be asked about them.

use super::listing::sides_of;
use super::request::Request;
use crate::exec::runner::Failure;
use crate::exec::stderr::Cause;
use crate::model::{Dataset, DatasetName};
use crate::plan::clones::{origin_of, shared};
use crate::plan::swap::There;
use crate::plan::wish::Clones;
use crate::zfs::commands::Zfs;
use std::collections::BTreeSet;

/// Origins that are not among what is sent, by both their sides.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// On the source.
    pub sources: There,
    /// In their places on the target.
    pub targets: There,
}

/// True for a clone that has something to send and is new on the target.
fn is_new(request: &Request, source: &Dataset, targets: &There) -> bool {
    let target = request.mapping.target_of(&source.name).ok();
    let has_snapshots = |there: &Dataset| there.snapshots().next().is_some();
    let has_place = target.is_some_and(|name| !targets.get(&name).is_some_and(has_snapshots));
    has_place && source.snapshots().any(|snapshot| request.wish.wants(&snapshot.name))
}

/// Looks at the origins of new clones, where they are not among what was listed. What may not be seen is not there.
pub fn look(
    request: &Request,
    (source, sources): (Zfs<'_>, &There),
    (target, targets): (Zfs<'_>, &There),
    refused: &[(DatasetName, Failure)],
) -> Result<Origins, Failure> {
    if request.wish.clones == Clones::Whole {
        return Ok(Origins::default());
    }
    let new = sources.values().filter(|source| is_new(request, source, targets));
    let outside: BTreeSet<DatasetName> =
        new.filter_map(|source| Some(origin_of(source)?.0)).filter(|name| !sources.contains_key(name)).collect();
    let origins = seen(source, &outside.into_iter().collect::<Vec<_>>())?;
    let places = origins.keys().filter_map(|name| request.mapping.target_of(name).ok());
    let is_seen = |place: &DatasetName| refused.iter().all(|(root, _)| place.below(root).is_none());
    let places: Vec<DatasetName> = places.filter(|place| !targets.contains_key(place) && is_seen(place)).collect();
    Ok(Origins { sources: origins, targets: seen(target, &places)? })
}

fn seen(zfs: Zfs<'_>, names: &[DatasetName]) -> Result<There, Failure> {
    if names.is_empty() {
        return Ok(There::new());
    }
    match sides_of(zfs, names, false, &[]) {
        Ok((there, _)) => Ok(there),
        Err(failure) if failure.cause == Cause::Refused => Ok(There::new()),
        Err(failure) => Err(failure),
    }
}

impl Origins {
    /// Of encrypted clones that are new, the versions of their origins whose IV sets decide: those of the source, and of the target.
    #[must_use]
    pub fn ivsets(&self, request: &Request, sources: &There, targets: &There) -> (Vec<String>, Vec<String>) {
        let mut asked = (Vec::new(), Vec::new());
        let new = sources.values().filter(|source| source.encrypted && is_new(request, source, targets));
        for (name, snapshot) in new.filter(|_| request.wish.clones != Clones::Whole).filter_map(origin_of) {
            let Some((base, _, Some(there))) = self.base(request, (sources, targets), &name) else { continue };
            let twin = |guid: u64| there.snapshots().find(|snapshot| snapshot.guid == guid);
            if let Some((ours, twin)) = shared(base, snapshot).find_map(|ours| Some((ours, twin(ours.guid)?))) {
                asked.0.push(format!("{}{}", base.name, ours.signed()));
                asked.1.push(format!("{}{}", there.name, twin.signed()));
            }
        }
        asked
    }

    /// A dataset of the source, whether it is sent or not, its place on the target and what is there.
    pub fn base<'a>(
        &'a self,
        request: &Request,
        (sources, targets): (&'a There, &'a There),
        name: &DatasetName,
    ) -> Option<(&'a Dataset, DatasetName, Option<&'a Dataset>)> {
        let source = sources.get(name).or_else(|| self.sources.get(name))?;
        let place = request.mapping.target_of(name).ok()?;
        let there = targets.get(&place).or_else(|| self.targets.get(&place));
        Some((source, place, there))
    }
}
