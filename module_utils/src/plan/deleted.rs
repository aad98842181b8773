//! Replicas whose sources are gone: whether that is certain, and for how long it has been so. Pure.
//!
//! That a source is missing from a listing proves little. It may be left out, renamed, not mounted in a new pool of the same name, or
//! never have been ours. So a replica counts as deleted at its source only where this very source has fed it before, and still has
//! something that it feeds.

use super::common::common_base;
use super::mapping::Mapping;
use super::swap::There;
use crate::model::absence::Absence;
use crate::model::code::codes;
use crate::model::{Dataset, DatasetName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// What to do with replicas whose sources are gone. It is an option of the module as it is: its doc comments are what `ansible-doc` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeletedDatasets {
    /// Leave them alone, and say nothing of them.
    Keep,
    /// Leave them alone, and name them in RV(orphans).
    #[default]
    Report,
    /// Rename those whose sources have been gone for O(deleted_after) to a name below C(TARGET/ferro_deleted).
    SetAside,
    /// Destroy those whose sources have been gone for O(deleted_after), with all their snapshots.
    Destroy,
}

impl DeletedDatasets {
    /// True where replicas are marked and removed.
    #[must_use]
    pub fn acts(self) -> bool {
        matches!(self, Self::SetAside | Self::Destroy)
    }
}

/// How far deletions are mirrored.
#[derive(Clone, Copy, Debug)]
pub struct DeletedRules {
    /// What is done.
    pub what: DeletedDatasets,
    /// How long a source must have been missing.
    pub after: Duration,
    /// At most so many replicas in one run, or none.
    pub most: usize,
}

/// What a replica says of itself, in properties of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The guid of the dataset below which it was last seen to be fed from.
    pub fed: Option<u64>,
    /// Since when it is not any more, if that can be read.
    pub missing: Option<Option<Absence>>,
}

/// The marks of replicas.
pub type AllMarks = BTreeMap<DatasetName, Marks>;

/// Both sides, completely listed.
pub struct Seen<'a> {
    /// Replicas without a source, by name.
    pub orphans: Vec<&'a Dataset>,
    /// Sources, without what is left out.
    pub sources: &'a BTreeMap<DatasetName, Dataset>,
    /// All that the sending side has, with its guids.
    pub listed: &'a BTreeMap<DatasetName, u64>,
    /// What the target has.
    pub targets: &'a There,
    /// Where each lands.
    pub mapping: &'a Mapping,
    /// Of what was asked for, what is not below something else of it.
    pub roots: &'a [DatasetName],
    /// What was asked for.
    pub named: &'a [DatasetName],
    /// Whether a source of this name would be left out.
    pub is_excluded: &'a dyn Fn(&DatasetName) -> bool,
    /// What replicas say of themselves.
    pub marks: &'a AllMarks,
    /// Now.
    pub now: Timestamp,
}

/// Why a replica whose source is missing stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stays {
    /// Not yet.
    #[error("its source has been missing since {since} only")]
    Recent {
        /// When that was first seen.
        since: Timestamp,
    },
    /// It was asked for.
    #[error("{0}, its source, is named in the task, so it should be there")]
    Named(DatasetName),
    /// It would not be looked at.
    #[error("{0}, its source, would be left out by exclude, so that it is missing says nothing")]
    Excluded(DatasetName),
    /// It has another name.
    #[error(
        "its source is {0} now. Rename the replica alike (zfs rename), or let renamed: follow do that, and the next run goes on from there"
    )]
    Elsewhere(DatasetName),
    /// We did not make it.
    #[error(
        "no run with this option has fed it from there yet, so it may be of another source. If it is of no use any more, destroy it by hand"
    )]
    NotFed,
    /// The whole source may be another one.
    #[error(
        "nothing at or below {0} on the sending side has a snapshot in common with its replica, so it may be empty, or a new one of the same name"
    )]
    Unproven(DatasetName),
    /// Somebody works with it.
    #[error("{0} bytes were written to it since its newest snapshot")]
    Modified(u64),
}

codes! {
    Stays {
        Recent => "deleted_recently",
        Named => "source_missing",
        Excluded => "source_excluded",
        Elsewhere => "source_renamed",
        NotFed => "not_fed_from_here",
        Unproven => "source_not_proven",
        Modified => "target_modified",
    }
}

/// What is known of a replica whose source is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays.
    Stays(Stays),
    /// That is seen for the first time.
    Noticed(Absence),
    /// It has been missing for long enough.
    Due {
        /// Since when.
        since: Timestamp,
    },
}

/// What is to be done with marks, and what becomes of each replica without a source.
#[derive(Debug, Default)]
pub struct Judged {
    /// Each of them.
    pub fates: BTreeMap<DatasetName, Fate>,
    /// Replicas to be marked as fed, with the guid that they are marked with.
    pub fed: BTreeMap<u64, Vec<DatasetName>>,
    /// Replicas whose absence is over, or not certain any more.
    pub found: Vec<DatasetName>,
}

/// Judges all of them.
#[must_use]
pub fn judge(seen: &Seen<'_>, after: Duration) -> Judged {
    let pairs = seen.fed_pairs();
    let elsewhere = seen.where_snapshots_are();
    let mut judged = Judged { found: seen.no_longer_missing(), ..Judged::default() };
    for (root, target) in &pairs {
        let fed = seen.marks.get(&target.name).and_then(|marks| marks.fed);
        match seen.listed.get(*root) {
            Some(guid) if fed != Some(*guid) => judged.fed.entry(*guid).or_default().push(target.name.clone()),
            _ => {}
        }
    }
    for orphan in &seen.orphans {
        let marks = seen.marks.get(&orphan.name).cloned().unwrap_or_default();
        let fate = match seen.proven_missing(orphan, &marks, &pairs, &elsewhere) {
            Err(stays) => {
                // What is not certain any more begins anew.
                if marks.missing.is_some() {
                    judged.found.push(orphan.name.clone());
                }
                Fate::Stays(stays)
            }
            Ok(newest) => seen.for_how_long(orphan, &marks, newest, after),
        };
        judged.fates.insert(orphan.name.clone(), fate);
    }
    judged
}

impl Seen<'_> {
    /// Replicas that are fed, each with the root that it is fed from: they have something in common with their sources.
    fn fed_pairs(&self) -> Vec<(&DatasetName, &Dataset)> {
        let pair = |source: &Dataset| {
            let target = self.targets.get(&self.mapping.target_of(&source.name).ok()?)?;
            let is_fed = !target.placeholder && common_base(source, target).is_some();
            is_fed.then_some((self.root_of(&source.name)?, target))
        };
        self.sources.values().filter_map(pair).collect()
    }

    /// Marked replicas whose sources are there, whatever they hold.
    fn no_longer_missing(&self) -> Vec<DatasetName> {
        let targets = self.listed.keys().filter_map(|name| self.mapping.target_of(name).ok());
        let is_marked = |name: &DatasetName| self.marks.get(name).is_some_and(|marks| marks.missing.is_some());
        targets.filter(is_marked).collect()
    }

    /// The root that a source lies at or below.
    fn root_of(&self, source: &DatasetName) -> Option<&DatasetName> {
        self.roots.iter().find(|root| source.below(root).is_some())
    }

    /// By guid, which source has a snapshot or bookmark.
    fn where_snapshots_are(&self) -> HashMap<u64, &DatasetName> {
        let all =
            self.sources.values().flat_map(|source| source.versions.iter().map(|version| (version.guid, &source.name)));
        all.collect()
    }

    /// Whether it is certain that a source is gone; gives the guid of the replica's newest snapshot.
    fn proven_missing(
        &self,
        orphan: &Dataset,
        marks: &Marks,
        pairs: &[(&DatasetName, &Dataset)],
        elsewhere: &HashMap<u64, &DatasetName>,
    ) -> Result<u64, Stays> {
        let newest = orphan.snapshots().next_back().ok_or(Stays::NotFed)?;
        let source = self.mapping.source_of(&orphan.name).ok_or(Stays::NotFed)?;
        if self.named.contains(&source) {
            return Err(Stays::Named(source));
        }
        let root = self.root_of(&source).ok_or(Stays::NotFed)?;
        let guid = self.listed.get(root).ok_or_else(|| Stays::Unproven(root.clone()))?;
        if (self.is_excluded)(&source) {
            return Err(Stays::Excluded(source));
        }
        if let Some(now) = self.renamed_to(orphan, elsewhere) {
            return Err(Stays::Elsewhere(now.clone()));
        }
        if marks.fed != Some(*guid) {
            return Err(Stays::NotFed);
        }
        if !pairs.iter().any(|(of, _)| *of == root) {
            return Err(Stays::Unproven(root.clone()));
        }
        if orphan.written > 0 {
            return Err(Stays::Modified(orphan.written));
        }
        Ok(newest.guid)
    }

    /// The source under its new name: the same dataset, or one that has its snapshots.
    fn renamed_to<'s>(
        &'s self,
        orphan: &Dataset,
        elsewhere: &HashMap<u64, &'s DatasetName>,
    ) -> Option<&'s DatasetName> {
        // Children inherit the mark of the replica above them.
        let is_above =
            |name: &DatasetName| self.mapping.target_of(name).is_ok_and(|target| orphan.name.below(&target).is_some());
        let is_same = |(name, guid): &(&DatasetName, &u64)| Some(**guid) == orphan.replica_of && !is_above(name);
        let same = self.listed.iter().find(is_same).map(|(name, _)| name);
        same.or_else(|| orphan.snapshots().rev().find_map(|snapshot| elsewhere.get(&snapshot.guid).copied()))
    }

    fn for_how_long(&self, orphan: &Dataset, marks: &Marks, newest: u64, after: Duration) -> Fate {
        let is_own =
            |absence: &Absence| absence.dataset == orphan.guid && absence.newest == newest && absence.since <= self.now;
        match marks.missing.flatten().filter(is_own) {
            // What was copied from elsewhere, or made while the clock was wrong, or before more arrived, says nothing.
            None => Fate::Noticed(Absence { since: self.now, dataset: orphan.guid, newest }),
            Some(Absence { since, .. }) if self.now.duration_since(since).unsigned_abs() < after => {
                Fate::Stays(Stays::Recent { since })
            }
            Some(Absence { since, .. }) => Fate::Due { since },
        }
    }
}

#[cfg(test)]
#[path = "deleted_tests.rs"]
mod tests;
