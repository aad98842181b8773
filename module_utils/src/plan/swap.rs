//! How a dataset takes the place of its placeholder where `zfs receive -F` cannot do it: ZFS never replaces an encrypted
//! dataset, nor any by an encrypted one. And how it takes the place of a replica that has diverged, which is set aside.
//!
//! The dataset arrives beside what has the place, at `NAME_ferro_arriving`, while all replicas below that stay where
//! they are and can be found. Only when its first snapshot is there, it takes the place: what is below the placeholder is
//! moved below it, one rename each; the placeholder, which is empty then, is destroyed, never with anything below it, or the
//! replica renamed; and it is renamed to its place. Wherever that is cut short, both names say what is still to be done, and the next run does it
//! before anything else.

use super::common::common_base;
use super::conflict::Conflict;
use crate::model::{Dataset, DatasetName, InvalidName, Kind};
use std::collections::{BTreeMap, HashMap};

/// One change on the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A dataset of this kind gets another name, with all below it.
    Rename(Kind, DatasetName, DatasetName),
    /// A placeholder is made that has no key, because it could not have that of the one above it.
    Create(DatasetName),
    /// A placeholder that is empty goes.
    Destroy(DatasetName),
}

/// A swap that is to be done, or finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swap {
    /// The placeholder's name, which the other will have.
    pub place: DatasetName,
    /// The name that what has the place now gets, unless it is a placeholder.
    pub aside: Option<DatasetName>,
    /// The changes, in their order; or why it cannot be done.
    pub changes: Result<Vec<Change>, Conflict>,
}

/// What a target has, by name.
pub type There = BTreeMap<DatasetName, Dataset>;

/// More than any empty dataset has, whatever its pool is made of: a few blocks of metadata.
pub const EMPTY: u64 = 1 << 20;

/// A placeholder gives way only as long as nothing is in it. Ours are never mounted, but anybody may mark a dataset of his own.
pub fn check_empty(place: &Dataset) -> Result<(), Conflict> {
    match place.written {
        written if place.placeholder && written > EMPTY => {
            Err(Conflict::PlaceholderWritten { target: place.name.clone(), written })
        }
        _ => Ok(()),
    }
}

/// What it takes until `arriving` has the place of the placeholder `place`, if that is still there; or of the replica of that
/// name, which then gets the name `aside`.
pub fn changes(
    place: &DatasetName,
    arriving: &Dataset,
    aside: Option<&DatasetName>,
    there: &There,
) -> Result<Vec<Change>, Conflict> {
    let mut changes = Vec::new();
    if let Some(old) = there.get(place) {
        empty((place, place), &arriving.name, arriving.encryption_root.as_ref(), there, &mut changes)?;
        if let Some(aside) = aside {
            changes.push(Change::Rename(old.kind, place.clone(), aside.clone()));
        } else {
            check_empty(old)?;
            changes.push(Change::Destroy(place.clone()));
        }
    }
    changes.push(Change::Rename(arriving.kind, arriving.name.clone(), place.clone()));
    Ok(changes)
}

/// Moves all that is below `from` to below `to`, whose encryption root is `root`.
fn empty(
    (place, from): (&DatasetName, &DatasetName),
    to: &DatasetName,
    root: Option<&DatasetName>,
    there: &There,
    changes: &mut Vec<Change>,
) -> Result<(), Conflict> {
    for child in there.values().filter(|child| child.name.parent().as_ref() == Some(from)) {
        let Some(new) = child.name.moved(from, to) else { continue };
        let new = new.map_err(|_| Conflict::NameTooLong {
            name: format!("{to}/{}", child.name.below(from).unwrap_or_default()),
        })?;
        // `dsl_dir_rename_crypt_check` in OpenZFS, module/zfs/dsl_crypt.c.
        if !child.encrypted || child.is_encryption_root() || child.encryption_root.as_ref() == root {
            changes.push(Change::Rename(child.kind, child.name.clone(), new));
        } else if child.placeholder {
            check_empty(child)?;
            if !there.contains_key(&new) {
                changes.push(Change::Create(new.clone()));
            }
            empty((place, &child.name), &new, None, there, changes)?;
            changes.push(Change::Destroy(child.name.clone()));
        } else {
            let root = child.encryption_root.clone().unwrap_or_else(|| child.name.clone());
            return Err(Conflict::ChildKeepsKey { target: place.clone(), child: child.name.clone(), root });
        }
    }
    Ok(())
}

/// The dataset as it will be when the first stream of `source` has arrived beside the placeholder `place`.
#[must_use]
pub fn arrived(source: &Dataset, name: &DatasetName, place: &Dataset, raw: bool) -> Dataset {
    // Received raw, each dataset has its own key. Otherwise it inherits that of the dataset above, as the placeholder does.
    let root = if raw { Some(name.clone()) } else { place.encryption_root.clone() };
    Dataset { name: name.clone(), encrypted: root.is_some(), encryption_root: root, ..source.clone() }
}

/// Swaps that an earlier run has begun: what stands beside is whole, and of the source that belongs there. Afterwards, `there`
/// is what it will be when all of them are finished.
///
/// `sources` are the datasets to send, parents first, with the place of each. A replica in the place is set aside by a name with
/// `stamp` if `may_set_aside`, or if some of what was below it has gone ahead already: then that was asked for.
pub fn begun<'a>(
    sources: impl Iterator<Item = (&'a Dataset, DatasetName)>,
    there: &mut There,
    stamp: &str,
    may_set_aside: bool,
) -> Vec<Swap> {
    let mut swaps = Vec::new();
    for (source, place) in sources {
        let Some(arriving) = place.arriving().ok().and_then(|name| there.get(&name)) else { continue };
        if common_base(source, arriving).is_none() {
            continue;
        }
        let is_free = there.get(&place).is_none_or(|place| place.placeholder && place.snapshots().next().is_none());
        let has_gone_ahead = || there.keys().any(|name| name.parent().as_ref() == Some(&arriving.name));
        if !is_free && !may_set_aside && !has_gone_ahead() {
            continue;
        }
        let aside = if is_free { None } else { aside(&place, stamp).ok() };
        if !is_free && aside.is_none() {
            continue;
        }
        let changes = changes(&place, arriving, aside.as_ref(), there);
        if let Ok(changes) = &changes {
            apply(changes, there);
        }
        swaps.push(Swap { place, aside, changes });
    }
    swaps
}

/// The name by which what has diverged is kept.
pub fn aside(place: &DatasetName, stamp: &str) -> Result<DatasetName, InvalidName> {
    format!("{place}_diverged_{stamp}").parse()
}

/// What is there after the changes.
pub fn apply(changes: &[Change], there: &mut There) {
    for change in changes {
        match change {
            Change::Create(name) => {
                there.insert(name.clone(), placeholder(name));
            }
            Change::Destroy(name) => {
                there.remove(name);
            }
            Change::Rename(_, from, to) => rename(from, to, there),
        }
    }
}

fn rename(from: &DatasetName, to: &DatasetName, there: &mut There) {
    let moved: HashMap<DatasetName, DatasetName> =
        there.keys().filter_map(|name| Some((name.clone(), name.moved(from, to)?.ok()?))).collect();
    for (old, new) in &moved {
        if let Some(mut dataset) = there.remove(old) {
            dataset.name = new.clone();
            dataset.encryption_root = dataset.encryption_root.map(|root| moved.get(&root).cloned().unwrap_or(root));
            there.insert(new.clone(), dataset);
        }
    }
}

fn placeholder(name: &DatasetName) -> Dataset {
    Dataset { placeholder: true, ..Dataset::empty(name.clone(), 0) }
}

#[cfg(test)]
#[path = "swap_tests.rs"]
mod tests;
