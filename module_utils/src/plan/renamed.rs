//! Replicas whose sources have another name now: known by guid, and moved to where the sources would be sent. Pure.
//!
//! A dataset keeps its guid when it is renamed, and its snapshots keep theirs. So a replica is moved only where its own mark says that
//! it is of this source; without one, where a bookmark of the source says so, or where it has snapshots of this source alone and the
//! name that it goes by is gone. It goes by the name beside its place where first streams arrive, too (see [`super::swap`]): two that swap names have room, and whatever
//! cuts it short, the next run finds what stands there and finishes it.

use super::common::common_base;
use super::mapping::Mapping;
use super::swap::There;
use crate::model::bookmark_name::{BookmarkName, TargetTag};
use crate::model::code::codes;
use crate::model::{ARRIVING, DELETED, Dataset, DatasetName, Version};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What to do where a source has been renamed. It is an option of the module as it is: its doc comments are what `ansible-doc` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Renamed {
    /// Say so in RV(orphans), and send the source anew to its new place; its replica stays where it is.
    #[default]
    Report,
    /// Rename the replica alike, and go on from there.
    Follow,
}

/// Both sides, as they were listed.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// What is sent.
    pub sources: &'a There,
    /// All that the sending side was found to have, with its guids.
    pub listed: &'a BTreeMap<DatasetName, u64>,
    /// Of what was asked for, what is not below something else of it.
    pub roots: &'a [DatasetName],
    /// What the target has.
    pub targets: &'a There,
    /// Where each source lands.
    pub mapping: &'a Mapping,
}

/// Why a replica whose source was renamed cannot be moved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stuck {
    /// Something else is there.
    #[error(
        "its replica is {replica}, but cannot be renamed to {place}, where another dataset is whose source is gone or unknown. Rename that \
         out of the way (zfs rename), and run again"
    )]
    PlaceTaken {
        /// The replica.
        replica: DatasetName,
        /// Where it belongs.
        place: DatasetName,
    },
    /// It cannot be moved into itself.
    #[error(
        "its replica is {replica}, which cannot be renamed to {place} below itself. Rename it to another name first (zfs rename), then to \
         that, and run again"
    )]
    BelowItself {
        /// The replica.
        replica: DatasetName,
        /// Where it belongs.
        place: DatasetName,
    },
    /// ZFS moves nothing away from its key.
    #[error(
        "its replica is {replica}, which cannot be renamed to {place}: {child} has its key from {root}, and ZFS moves nothing out of \
         there. Give it a key of its own (zfs change-key), or set renamed: report to have it sent anew"
    )]
    KeepsKey {
        /// The replica.
        replica: DatasetName,
        /// Where it belongs.
        place: DatasetName,
        /// What has its key from elsewhere: the replica, or something below it.
        child: DatasetName,
        /// From where.
        root: DatasetName,
    },
    /// The names would be too long.
    #[error("its replica is {replica}, which cannot be renamed: {name} would be too long a name by {} bytes", name.len().saturating_sub(crate::model::MAX_NAME))]
    NameTooLong {
        /// The replica.
        replica: DatasetName,
        /// The name.
        name: String,
    },
    /// Something of that name is there already.
    #[error(
        "its replica is {replica}, which cannot be renamed to {place}: {other} is there already. Rename one of the two out of the way \
         (zfs rename), and run again"
    )]
    Exists {
        /// The replica.
        replica: DatasetName,
        /// Where it belongs.
        place: DatasetName,
        /// What is in the way.
        other: DatasetName,
    },
    /// Two replicas are as good as each other.
    #[error(
        "{0} and {1} on the target are both replicas of it, with the same newest snapshot. Rename the one that is to go on to its place \
         (zfs rename), and run again"
    )]
    Ambiguous(DatasetName, DatasetName),
    /// What it lies below cannot be moved.
    #[error("its replica is {replica}, below {above}, whose own source was renamed, too, and which cannot be renamed")]
    Above {
        /// The replica.
        replica: DatasetName,
        /// What it lies below.
        above: DatasetName,
    },
}

codes! {
    Stuck {
        PlaceTaken => "renamed_place_taken",
        BelowItself => "renamed_below_itself",
        KeepsKey => "child_keeps_key",
        NameTooLong => "name_too_long",
        Exists => "renamed_place_taken",
        Ambiguous => "renamed_ambiguous",
        Above => "renamed_above",
    }
}

/// A source that was renamed, and its replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The replica's name as it is.
    pub replica: DatasetName,
    /// Its guid.
    pub guid: u64,
    /// Where it belongs.
    pub place: DatasetName,
}

/// Sources that were renamed, with their replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// What can be told apart, by source.
    pub of: BTreeMap<DatasetName, Pair>,
    /// What cannot.
    pub ambiguous: BTreeMap<DatasetName, Stuck>,
}

/// Finds them.
#[must_use]
pub fn pairs(seen: &Seen<'_>) -> Pairs {
    let unfed: Vec<(&Dataset, DatasetName)> = seen.sources.values().filter_map(|source| seen.unfed(source)).collect();
    if unfed.is_empty() {
        return Pairs::default();
    }
    let stray: Vec<&Dataset> = seen.targets.values().filter(|target| seen.is_stray(target)).collect();
    let mut by_guid: HashMap<u64, Vec<&Dataset>> = HashMap::new();
    for replica in &stray {
        replica.snapshots().for_each(|snapshot| by_guid.entry(snapshot.guid).or_default().push(replica));
    }
    let mut pairs = Pairs::default();
    for (source, place) in unfed {
        match seen.replica_of(source, &by_guid) {
            None => {}
            Some(Ok(replica)) => {
                let pair = Pair { replica: replica.name.clone(), guid: replica.guid, place };
                pairs.of.insert(source.name.clone(), pair);
            }
            Some(Err(stuck)) => drop(pairs.ambiguous.insert(source.name.clone(), stuck)),
        }
    }
    pairs
}

impl Seen<'_> {
    /// A source that has nothing in common with what is in its place, nor with what arrives there.
    fn unfed<'s>(&self, source: &'s Dataset) -> Option<(&'s Dataset, DatasetName)> {
        let place = self.mapping.target_of(&source.name).ok()?;
        let feeds =
            |name: &DatasetName| self.targets.get(name).is_some_and(|there| common_base(source, there).is_some());
        let is_fed = feeds(&place) || place.arriving().is_ok_and(|arriving| feeds(&arriving));
        (!is_fed && !source.versions.is_empty()).then_some((source, place))
    }

    /// A replica that its own source does not feed.
    fn is_stray(&self, target: &Dataset) -> bool {
        let path = target.name.below(&self.mapping.target).unwrap_or_default();
        // What is set aside, or about to be put somewhere, was so on purpose.
        let is_kept =
            path.split('/').any(|part| part == DELETED || part.contains("_diverged_") || part.ends_with(ARRIVING));
        if path.is_empty() || is_kept || target.placeholder || target.snapshots().next().is_none() {
            return false;
        }
        let source = self.mapping.source_of(&target.name).and_then(|name| self.sources.get(&name));
        source.is_none_or(|source| common_base(source, target).is_none())
    }

    /// The replica of a source, if it is known by guid.
    fn replica_of<'s>(
        &self,
        source: &Dataset,
        by_guid: &HashMap<u64, Vec<&'s Dataset>>,
    ) -> Option<Result<&'s Dataset, Stuck>> {
        let mut found: BTreeMap<&DatasetName, (u64, &'s Dataset)> = BTreeMap::new();
        for version in &source.versions {
            for replica in by_guid.get(&version.guid).into_iter().flatten() {
                found.insert(&replica.name, (version.createtxg, replica));
            }
        }
        found.retain(|_, (_, replica)| self.is_proven(source, replica));
        let newest = found.values().map(|(txg, _)| *txg).max()?;
        match found.into_values().filter(|(txg, _)| *txg == newest).map(|(_, replica)| replica).collect::<Vec<_>>()[..]
        {
            [one] => Some(Ok(one)),
            [one, other, ..] => Some(Err(Stuck::Ambiguous(one.name.clone(), other.name.clone()))),
            [] => None,
        }
    }

    /// Whether a replica that has a snapshot of the source is certainly its, and of nothing else.
    fn is_proven(&self, source: &Dataset, replica: &Dataset) -> bool {
        if let Some(guid) = replica.replica_of {
            return guid == source.guid;
        }
        if was_confirmed(source, replica) {
            return true;
        }
        let Some(old) = self.mapping.source_of(&replica.name) else { return false };
        let is_looked_at = self.roots.iter().any(|root| self.listed.contains_key(root) && old.below(root).is_some());
        let guids: HashSet<u64> = replica.snapshots().map(|snapshot| snapshot.guid).collect();
        let has = |other: &&Dataset| other.versions.iter().any(|version| guids.contains(&version.guid));
        let is_another = || self.sources.contains_key(&old);
        is_looked_at
            && (!self.listed.contains_key(&old) || is_another())
            && self.sources.values().filter(has).count() == 1
    }
}

/// Whether a bookmark of ours says that the replica has had a snapshot of the source: it goes wherever the source goes, and no stream
/// takes it to another.
fn was_confirmed(source: &Dataset, replica: &Dataset) -> bool {
    let place = replica.name.as_str();
    let is_of_place = |name: &str| name.parse::<BookmarkName>().is_ok_and(|name| name.target.is_of_place(place));
    let bookmarks = source.versions.iter().filter(|version| !version.is_snapshot() && is_of_place(&version.name));
    let has = |guid: u64| replica.snapshots().any(|snapshot| snapshot.guid == guid);
    bookmarks.map(|bookmark| bookmark.guid).any(has)
}

/// True where a source without a place on the target once had a replica, maybe of another name: it has a bookmark of ours.
#[must_use]
pub fn may_have_strayed(sources: &There, targets: &There, mapping: &Mapping) -> bool {
    let is_missing = |source: &&Dataset| {
        mapping.target_of(&source.name).is_ok_and(|place| {
            let is_there = |name: &DatasetName| targets.contains_key(name);
            !is_there(&place) && !place.arriving().is_ok_and(|arriving| is_there(&arriving))
        })
    };
    let is_ours = |version: &Version| !version.is_snapshot() && version.name.parse::<BookmarkName>().is_ok();
    sources.values().filter(is_missing).any(|source| source.versions.iter().any(is_ours))
}

/// Of what the target has beyond the places of what was asked for: replicas of sources that were renamed, with all below them. One that
/// has the whole name that its source has now is where another job sends that.
#[must_use]
pub fn strayed(sources: &There, beyond: &There) -> BTreeSet<DatasetName> {
    let mut by_guid: HashMap<u64, Vec<(&DatasetName, TargetTag)>> = HashMap::new();
    for source in sources.values() {
        for bookmark in source.versions.iter().filter(|version| !version.is_snapshot()) {
            if let Ok(BookmarkName { target, .. }) = bookmark.name.parse() {
                by_guid.entry(bookmark.guid).or_default().push((&source.name, target));
            }
        }
    }
    let is_replica = |replica: &&Dataset| {
        let name = replica.name.as_str();
        let is_its = |(source, target): &(&DatasetName, TargetTag)| {
            target.is_of_place(name) && !name.ends_with(&format!("/{source}"))
        };
        replica.snapshots().filter_map(|snapshot| by_guid.get(&snapshot.guid)).flatten().any(is_its)
    };
    let replicas: Vec<&DatasetName> = beyond.values().filter(is_replica).map(|replica| &replica.name).collect();
    let goes_along = |name: &&DatasetName| replicas.iter().any(|replica| name.below(replica).is_some());
    beyond.keys().filter(goes_along).cloned().collect()
}

/// Which of them can have their places, as far as what is there now goes; and why not.
#[must_use]
pub fn movable(pairs: &Pairs, targets: &There) -> (BTreeMap<DatasetName, Pair>, BTreeMap<DatasetName, Stuck>) {
    let (mut of, mut stuck) = (pairs.of.clone(), pairs.ambiguous.clone());
    let mut left: Vec<&Pair> = Vec::new();
    loop {
        let replicas: BTreeSet<&DatasetName> = of.values().map(|pair| &pair.replica).collect();
        let goes =
            |name: &DatasetName| replicas.contains(name) || name.ancestors().any(|above| replicas.contains(&above));
        let is_free = |pair: &Pair| match targets.get(&pair.place) {
            None => true,
            Some(there) => (there.placeholder && there.snapshots().next().is_none()) || goes(&there.name),
        };
        let lies_below = |pair: &Pair| {
            let is_above = |other: &&&Pair| {
                pair.replica.below(&other.replica).is_some() && pair.place.below(&other.place).is_some()
            };
            left.iter().find(is_above).map(|other| other.replica.clone())
        };
        let next = of.iter().find_map(|(source, pair)| {
            let Pair { replica, place, .. } = pair.clone();
            let why = match lies_below(pair) {
                Some(above) => Some(Stuck::Above { replica, above }),
                None => (!is_free(pair)).then_some(Stuck::PlaceTaken { replica, place }),
            };
            Some((source.clone(), why?))
        });
        let Some((source, why)) = next else { return (of, stuck) };
        of.remove(&source);
        left.extend(pairs.of.get(&source));
        stuck.insert(source, why);
    }
}

#[cfg(test)]
#[path = "renamed_tests.rs"]
pub(super) mod tests;
