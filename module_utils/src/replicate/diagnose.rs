//! Where else the snapshots are that a source and its target do not have in common: people rename, swap and promote.

use super::gather::Sides;
use super::planned::Entry;
use super::refusal::Refusal;
use crate::model::{Dataset, DatasetName};
use crate::plan::conflict::{Conflict, Elsewhere};
use crate::zfs::commands::{Versions, Zfs};
use std::collections::{BTreeMap, HashSet};

/// Adds to each conflict of that kind what is known of it. Asks the target for all that lies below `root` only if there is one, and
/// what was listed does not tell.
pub fn diagnose(sides: &Sides, target: Zfs<'_>, root: &DatasetName, entries: &mut [Entry<'_>]) {
    let listed: BTreeMap<DatasetName, Vec<u64>> =
        sides.targets.values().map(|there| (there.name.clone(), there.snapshots().map(|s| s.guid).collect())).collect();
    let mut all: Option<BTreeMap<DatasetName, Vec<u64>>> = None;
    for entry in entries {
        let Err(Refusal::Conflict(Conflict::NoCommonSnapshot(conflict))) = &mut entry.plan else { continue };
        let found = elsewhere(entry.source, &conflict.target, &listed, sides);
        conflict.elsewhere = match found {
            None | Some(Elsewhere::PerhapsAtOrigin(_)) => {
                // Who may not ask, as behind a gate, knows less; the conflict is the same.
                let all = all.get_or_insert_with(|| {
                    target.versions(std::slice::from_ref(root), true).map(guids).unwrap_or_default()
                });
                elsewhere(entry.source, &conflict.target, all, sides).or(found)
            }
            found => found,
        };
    }
}

fn guids(versions: Versions) -> BTreeMap<DatasetName, Vec<u64>> {
    let guids = |versions: Vec<crate::model::Version>| {
        versions.into_iter().filter(crate::model::Version::is_snapshot).map(|version| version.guid).collect()
    };
    versions.into_iter().map(|(name, versions)| (name, guids(versions))).collect()
}

/// Where on the target the source's snapshots are, or its origin is.
fn elsewhere(
    source: &Dataset,
    place: &DatasetName,
    there: &BTreeMap<DatasetName, Vec<u64>>,
    sides: &Sides,
) -> Option<Elsewhere> {
    let ours: HashSet<u64> = source.versions.iter().map(|version| version.guid).collect();
    let common = |guids: &[u64]| guids.iter().filter(|guid| ours.contains(guid)).count();
    let others = there.iter().filter(|(name, _)| *name != place).map(|(name, guids)| (common(guids), name));
    if let Some((_, other)) = others.filter(|(count, _)| *count > 0).max() {
        return Some(Elsewhere::OnTarget(other.clone()));
    }
    let origin = source.origin.as_ref()?;
    let known = || {
        let (dataset, name) = origin.split_once('@')?;
        let dataset = sides.sources.get(&dataset.parse::<DatasetName>().ok()?)?;
        let guid = dataset.snapshots().find(|snapshot| snapshot.name == name)?.guid;
        Some(there.get(place)?.contains(&guid))
    };
    match known() {
        Some(true) => Some(Elsewhere::AtOrigin(origin.clone())),
        Some(false) => None,
        None => Some(Elsewhere::PerhapsAtOrigin(origin.clone())),
    }
}
