//! Clones stay clones: from which version of its origin a dataset that is new on the target is sent, so that it lands as a clone of that.

use super::send_flags::History;
use super::steps::{Step, StepKind};
use super::transfer::{Clearing, Origin, Transfer};
use super::wish::{Clones, Wish};
use crate::model::code::{Coded, codes};
use crate::model::{Dataset, DatasetName, Version};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What is planned for the dataset that a clone is of.
#[derive(Clone, Copy, Debug)]
pub enum Coming<'a> {
    /// Nothing.
    Nothing,
    /// It is refused.
    Refused,
    /// These streams; and whether they land encrypted.
    Streams(&'a Transfer, bool),
}

/// The dataset that a clone is of.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a> {
    /// On the source.
    pub source: &'a Dataset,
    /// Its place on the target.
    pub place: &'a DatasetName,
    /// What is in that place.
    pub there: Option<&'a Dataset>,
    /// What is planned for it.
    pub coming: Coming<'a>,
}

/// Why a clone cannot be sent from its origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoOrigin {
    /// Nothing is known of it.
    #[error("its origin {0} is not to be seen there, or can have no place on the target")]
    Unseen(String),
    /// The target has no part of its history.
    #[error(
        "its origin {origin} is not at {place} on the target, nor any snapshot before it, and is not among what is sent"
    )]
    NotThere {
        /// The snapshot.
        origin: String,
        /// Where it should be.
        place: DatasetName,
    },
    /// The modes differ.
    #[error(
        "its origin {origin} was received {} at {place}, and the clone is to be sent {}",
        if *raw { "plain" } else { "raw" }, if *raw { "raw" } else { "plain" }
    )]
    OtherMode {
        /// The snapshot.
        origin: String,
        /// Where it is.
        place: DatasetName,
        /// The clone is sent raw.
        raw: bool,
    },
    /// ZFS lets a clone be made only with the key of what is above it.
    #[error("it lands below a dataset whose key is not loaded, where ZFS makes no clone of {0}")]
    BelowLocked(String),
    /// What should bring it does not.
    #[error(
        "it is a clone of {origin}, which is to arrive first, but is refused. Once that is mended it is sent from there; \
         clones: whole sends it whole"
    )]
    Refused {
        /// The snapshot.
        origin: String,
    },
    /// Its clone would be encrypted with it.
    #[error(
        "it is a clone of {origin}, which is encrypted on the target, and the key of {place} is not loaded there. Load it (zfs \
         load-key); clones: whole sends it whole"
    )]
    Locked {
        /// The snapshot.
        origin: String,
        /// Where it is.
        place: DatasetName,
    },
}

codes! {
    NoOrigin {
        Unseen => "origin_missing",
        NotThere => "origin_missing",
        OtherMode => "origin_missing",
        BelowLocked => "origin_missing",
        Refused => "origin_not_arrived",
        Locked => "target_key_not_loaded",
    }
}

impl NoOrigin {
    /// True where it will go by itself, or can be mended: then nothing is sent whole, for that would be so for ever.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Locked { .. })
    }
}

/// What a clone is refused for with `clones: keep`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is a clone and cannot land as one: {0}. With clones: auto it is sent whole")]
pub struct NotKept(pub NoOrigin);

impl Coded for NotKept {
    fn code(&self) -> &'static str {
        self.0.code()
    }
}

/// The dataset of a clone's origin, and the snapshot's own name.
#[must_use]
pub fn origin_of(source: &Dataset) -> Option<(DatasetName, &str)> {
    let (dataset, snapshot) = source.origin.as_deref()?.split_once('@')?;
    Some((dataset.parse().ok()?, snapshot))
}

/// Versions of the origin's dataset that are part of the clone's history, newest first.
pub fn shared<'a>(base: &'a Dataset, snapshot: &str) -> impl Iterator<Item = &'a Version> + use<'a> {
    let limit = base.snapshots().find(|version| version.name == snapshot).map(|version| version.createtxg);
    base.versions.iter().rev().filter(move |version| limit.is_some_and(|limit| version.createtxg <= limit))
}

/// What the clone `source` is sent from: the newest version of its history that the target has, or will have when it is its turn.
pub fn origin(source: &Dataset, base: Option<Base<'_>>, wish: &Wish) -> Result<Option<Origin>, NoOrigin> {
    let Some(name) = source.origin.clone().filter(|_| wish.clones != Clones::Whole) else { return Ok(None) };
    let Some((base, (_, snapshot))) = base.zip(origin_of(source)) else { return Err(NoOrigin::Unseen(name)) };
    let streams =
        if let Coming::Streams(transfer, encrypted) = base.coming { Some((transfer, encrypted)) } else { None };
    let is_set_aside = streams.is_some_and(|(it, _)| matches!(it.clearing, Some(Clearing::SetAside { .. })));
    let there = base.there.filter(|_| !is_set_aside);
    let theirs: HashMap<u64, &Version> = there.into_iter().flat_map(Dataset::snapshots).map(|s| (s.guid, s)).collect();
    let arriving = streams.map(|(transfer, _)| arriving(base.source, transfer)).unwrap_or_default();
    for version in shared(base.source, snapshot) {
        let origin = Origin {
            from: format!("{}{}", base.source.name, version.signed()),
            guid: version.guid,
            snapshot: format!("{}@{}", base.place, theirs.get(&version.guid).map_or(&version.name, |twin| &twin.name)),
            encrypted: streams.map_or_else(|| there.is_some_and(|there| there.encrypted), |(_, encrypted)| encrypted),
            history: history(&base, there, streams.map(|(transfer, _)| transfer)),
            waits_for: None,
        };
        match (theirs.get(&version.guid), there) {
            (Some(twin), Some(there)) => {
                fits(source, (version, twin), there, wish, &name)?;
                return Ok(Some(Origin { encrypted: there.encrypted, ..origin }));
            }
            _ if arriving.contains(&version.guid) => {
                return Ok(Some(Origin { waits_for: Some(base.source.name.clone()), ..origin }));
            }
            _ => {}
        }
    }
    Err(match base.coming {
        Coming::Refused => NoOrigin::Refused { origin: name },
        _ => NoOrigin::NotThere { origin: name, place: base.place.clone() },
    })
}

/// Whether ZFS can make a clone of what is there.
fn fits(
    source: &Dataset,
    (ours, twin): (&Version, &Version),
    there: &Dataset,
    wish: &Wish,
    origin: &str,
) -> Result<(), NoOrigin> {
    let raw = wish.raw.applies_to(source);
    let (origin, place) = (origin.to_owned(), there.name.clone());
    let are_alike = ours.asked.ivset.is_some() && ours.asked.ivset == twin.asked.ivset;
    if source.encrypted && raw != are_alike {
        return Err(NoOrigin::OtherMode { origin, place, raw });
    }
    if there.locked && !raw {
        return Err(NoOrigin::Locked { origin, place });
    }
    Ok(())
}

/// Guids of the snapshots of `source` that arrive.
fn arriving(source: &Dataset, transfer: &Transfer) -> HashSet<u64> {
    let txg = |signed: &str| source.versions.iter().find(|v| v.signed() == signed).map(|v| v.createtxg);
    let mut all = HashSet::new();
    for step in &transfer.steps {
        all.insert(step.to_guid);
        if step.kind == StepKind::Intermediates
            && let (Some(from), Some(to)) = (step.from.as_deref().and_then(txg), txg(&format!("@{}", step.to)))
        {
            all.extend(source.snapshots().filter(|s| from < s.createtxg && s.createtxg <= to).map(|s| s.guid));
        }
    }
    all
}

/// How the large blocks came that a clone shares with its origin.
fn history(base: &Base<'_>, there: Option<&Dataset>, coming: Option<&Transfer>) -> History {
    match (coming, there) {
        (Some(transfer), _) if !transfer.raw && !transfer.flags.large_block => History::Small,
        (None, Some(there)) if there.replica_of != Some(base.source.guid) => History::Unknown,
        (None, Some(there)) if there.small_blocks => History::Small,
        (None, None) => History::None,
        _ => History::Large,
    }
}

/// The steps of a first replication, of which the first starts from the origin.
#[must_use]
pub fn from_origin(mut steps: Vec<Step>, origin: Option<&Origin>) -> Vec<Step> {
    if let (Some(origin), Some(first)) = (origin, steps.first_mut().filter(|step| step.kind == StepKind::Full)) {
        first.kind = StepKind::Clone;
        first.from = Some(origin.from.clone());
    }
    steps
}

/// The datasets in an order in which each comes after the one above it and after that of its origin. Where these lie in a circle, as a
/// dataset that was moved below its own clone, the origin does not count.
#[must_use]
pub fn in_order(sources: &BTreeMap<DatasetName, Dataset>) -> Vec<&Dataset> {
    let origin = |it: &Dataset| origin_of(it).map(|(name, _)| name).filter(|name| sources.contains_key(name));
    let above = |it: &Dataset| it.name.ancestors().find(|name| sources.contains_key(name));
    let mut waiting: Vec<(&Dataset, [Option<DatasetName>; 2])> =
        sources.values().map(|it| (it, [above(it), origin(it)])).collect();
    let mut done = BTreeSet::new();
    let mut order = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let before = order.len();
        waiting.retain(|(it, needs)| {
            let is_ready = needs.iter().flatten().all(|name| done.contains(name));
            if is_ready {
                done.insert(it.name.clone());
                order.push(*it);
            }
            !is_ready
        });
        if order.len() == before {
            // A circle: the first of them whose parent is done goes ahead.
            let ready = |(_, [above, _]): &&mut (&Dataset, [Option<DatasetName>; 2])| {
                above.as_ref().is_none_or(|name| done.contains(name))
            };
            if let Some((_, needs)) = waiting.iter_mut().find(ready) {
                needs[1] = None;
            }
        }
    }
    order
}

#[cfg(test)]
#[path = "clones_tests.rs"]
mod tests;
