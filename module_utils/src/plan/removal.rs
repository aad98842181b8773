//! How replicas go whose sources have been gone for long enough: which of them can, and in which order. Pure.

use super::deleted::DeletedDatasets;
use super::swap::There;
use crate::model::code::codes;
use crate::model::{DELETED, Dataset, DatasetName, MAX_NAME, ShortName, Version};
use std::collections::{BTreeMap, BTreeSet};

/// What is in the way of replicas that are due.
#[derive(Debug, Default)]
pub struct InTheWay {
    /// Mounted ones.
    pub mounted: BTreeSet<DatasetName>,
    /// Snapshots that are held by others, in full.
    pub held: BTreeMap<DatasetName, String>,
    /// Snapshots that have clones, in full.
    pub cloned: BTreeMap<DatasetName, String>,
}

/// Why a replica that is due cannot go.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// Something else of the run failed.
    #[error("it is due, but only a run in which nothing fails removes anything")]
    RunFailed,
    /// Something below it stays.
    #[error("it is due, but {0} below it stays")]
    ChildStays(DatasetName),
    /// Somebody has it mounted.
    #[error("it is due, but mounted. Unmount it (zfs unmount) when nobody uses it any more")]
    Mounted,
    /// Somebody holds it.
    #[error("{0} is held, so it cannot be destroyed: `zfs holds` there shows by whom, and zfs release ends it")]
    Held(String),
    /// Somebody has made a clone of it.
    #[error("{0} has a clone, so it cannot be destroyed: `zfs get clones` there names it")]
    Cloned(String),
    /// It cannot be moved away from its key.
    #[error("it has its key from {0}, and ZFS moves nothing out of there. Set it aside by hand below {0}")]
    KeepsKey(DatasetName),
    /// The new name would be too long.
    #[error("{0} would be too long a name by {1} bytes")]
    NameTooLong(String, usize),
    /// More than allowed.
    #[error(
        "{count} replicas are due, more than max_delete={most} allows; none was removed. If that is right, run once with a higher max_delete"
    )]
    TooMany {
        /// How many are due.
        count: usize,
        /// How many may go.
        most: usize,
    },
}

codes! {
    Blocked {
        RunFailed => "other_failed",
        ChildStays => "child_stays",
        Mounted => "mounted",
        Held => "held",
        Cloned => "cloned",
        KeepsKey => "child_keeps_key",
        NameTooLong => "name_too_long",
        TooMany => "max_delete_exceeded",
    }
}

impl Blocked {
    /// True where it waits for somebody who has asked for something else.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        !matches!(self, Self::RunFailed | Self::ChildStays(_) | Self::Mounted)
    }
}

/// One step, in the order in which they are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The snapshots are destroyed, oldest first, then the dataset.
    Destroy(DatasetName, Vec<ShortName>),
    /// A placeholder below one of them, which has no data.
    DestroyPlaceholder(DatasetName),
    /// The dataset is renamed, with all below it.
    SetAside(DatasetName, DatasetName),
}

/// What can go and how, and what cannot.
#[derive(Debug, Default)]
pub struct Removals {
    /// The steps.
    pub steps: Vec<Removal>,
    /// Those that go.
    pub going: BTreeSet<DatasetName>,
    /// The others.
    pub blocked: BTreeMap<DatasetName, Blocked>,
}

/// The target as far as removing goes.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// What there is.
    pub targets: &'a There,
    /// The dataset below which everything lands.
    pub target: &'a DatasetName,
    /// What is added to the name of what is set aside.
    pub stamp: &'a str,
    /// Places that have a source.
    pub fed: &'a BTreeSet<DatasetName>,
}

/// Decides about those that are due.
#[must_use]
pub fn removals(
    due: &BTreeSet<DatasetName>,
    place: &Place<'_>,
    way: &InTheWay,
    (what, most): (DeletedDatasets, usize),
) -> Removals {
    let mut all = Removals { going: due.clone(), ..Removals::default() };
    // Names sort behind those above them, so what is below is decided first.
    for name in due.iter().rev() {
        if let Some(blocked) = place.blocked(name, &all.going, way, what) {
            all.going.remove(name);
            all.blocked.insert(name.clone(), blocked);
        }
    }
    if what == DeletedDatasets::SetAside {
        place.leave_what_cannot_move(&mut all);
    }
    if all.going.len() > most {
        let blocked = Blocked::TooMany { count: all.going.len(), most };
        all.blocked.extend(std::mem::take(&mut all.going).into_iter().map(|name| (name, blocked.clone())));
    }
    all.steps = if what == DeletedDatasets::Destroy { place.destroy(&all.going) } else { place.set_aside(&all.going) };
    all
}

impl Place<'_> {
    fn below<'n>(&'n self, name: &'n DatasetName) -> impl DoubleEndedIterator<Item = &'n Dataset> {
        self.targets.values().filter(move |other| other.name.below(name).is_some_and(|path| !path.is_empty()))
    }

    fn is_empty_place(&self, dataset: &Dataset) -> bool {
        dataset.placeholder && dataset.snapshots().next().is_none() && !self.fed.contains(&dataset.name)
    }

    fn blocked(
        &self,
        name: &DatasetName,
        going: &BTreeSet<DatasetName>,
        way: &InTheWay,
        what: DeletedDatasets,
    ) -> Option<Blocked> {
        let goes = |other: &&Dataset| going.contains(&other.name) || self.is_empty_place(other);
        if let Some(stays) = self.below(name).find(|other| !goes(other)) {
            return Some(Blocked::ChildStays(stays.name.clone()));
        }
        // A rename takes nothing from anybody.
        if what == DeletedDatasets::SetAside {
            return None;
        }
        let held = way.held.get(name).map(|snapshot| Blocked::Held(snapshot.clone()));
        let cloned = way.cloned.get(name).map(|snapshot| Blocked::Cloned(snapshot.clone()));
        way.mounted.contains(name).then_some(Blocked::Mounted).or(held).or(cloned)
    }

    /// Who is moved takes along all that is below, with its keys.
    fn leave_what_cannot_move(&self, all: &mut Removals) {
        for name in std::mem::take(&mut all.going) {
            let goes_along = name.ancestors().any(|above| all.going.contains(&above));
            match self.cannot_move(&name).filter(|_| !goes_along) {
                Some(blocked) => {
                    all.blocked.insert(name, blocked);
                }
                None => {
                    all.going.insert(name);
                }
            }
        }
    }

    /// The name that it gets: its path below the target, in one component.
    fn aside(&self, name: &DatasetName) -> Result<DatasetName, Blocked> {
        let path = name.below(self.target).unwrap_or_default().replace('/', ":");
        let aside = format!("{}/{DELETED}/{path}_{}", self.target, self.stamp);
        aside.parse().map_err(|_| too_long(aside))
    }

    fn cannot_move(&self, name: &DatasetName) -> Option<Blocked> {
        let aside = match self.aside(name) {
            Ok(aside) => aside,
            Err(blocked) => return Some(blocked),
        };
        for dataset in self.targets.get(name).into_iter().chain(self.below(name)) {
            let longest = dataset.snapshots().map(Version::signed).max_by_key(String::len).unwrap_or_default();
            let path = dataset.name.as_str().strip_prefix(name.as_str()).unwrap_or_default();
            let new = format!("{aside}{path}{longest}");
            if new.len() > MAX_NAME {
                return Some(too_long(new));
            }
            let root = dataset.encryption_root.as_ref().filter(|root| root.below(name).is_none());
            if let Some(root) = root.filter(|root| self.target.below(root).is_none()) {
                return Some(Blocked::KeepsKey(root.clone()));
            }
        }
        None
    }

    fn destroy(&self, going: &BTreeSet<DatasetName>) -> Vec<Removal> {
        let mut names: BTreeSet<&DatasetName> = going.iter().collect();
        for name in going {
            names.extend(self.below(name).map(|dataset| &dataset.name));
        }
        let removal = |name: &DatasetName| {
            if !going.contains(name) {
                return Some(Removal::DestroyPlaceholder(name.clone()));
            }
            let snapshots = self.targets.get(name)?.snapshots().map(|snapshot| snapshot.name.parse().ok());
            Some(Removal::Destroy(name.clone(), snapshots.collect::<Option<_>>()?))
        };
        names.into_iter().rev().filter_map(removal).collect()
    }

    fn set_aside(&self, going: &BTreeSet<DatasetName>) -> Vec<Removal> {
        let is_topmost = |name: &&DatasetName| !name.ancestors().any(|above| going.contains(&above));
        let topmost = going.iter().filter(is_topmost);
        topmost.filter_map(|name| Some(Removal::SetAside(name.clone(), self.aside(name).ok()?))).collect()
    }
}

fn too_long(name: String) -> Blocked {
    let over = name.len().saturating_sub(MAX_NAME);
    Blocked::NameTooLong(name, over)
}

#[cfg(test)]
#[path = "removal_tests.rs"]
mod tests;
