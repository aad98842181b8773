//! What is to be done with one dataset: the streams, and what comes before them.

use super::conflict::Conflict;
use super::resume::Discard;
use super::send_flags::{Flags, History};
use super::steps::{Step, StepKind};
use crate::model::{Dataset, DatasetName, Partial, Version};

/// What to do with one dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The source has no snapshot that is wanted.
    NoSnapshots {
        /// What an interrupted receive left.
        discard: Option<Discard>,
    },
    /// The target has everything that is wanted.
    UpToDate {
        /// The newest common snapshot or bookmark of the source.
        base: Version,
        /// What an interrupted receive left.
        discard: Option<Discard>,
    },
    /// Streams to send, in this order.
    Send(Transfer),
}

impl Plan {
    /// What an interrupted receive left, where nothing is to be sent.
    #[must_use]
    pub fn leftover(&self) -> Option<&Discard> {
        match self {
            Self::NoSnapshots { discard } | Self::UpToDate { discard, .. } => discard.as_ref(),
            Self::Send(_) => None,
        }
    }
}

/// Streams to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The streams.
    pub steps: Vec<Step>,
    /// They are raw.
    pub raw: bool,
    /// How they are sent if they are not.
    pub flags: Flags,
    /// The target's pool can keep what an interrupted receive leaves.
    pub resumable: bool,
    /// What the first one takes the place of.
    pub replaces: Replaces,
    /// What the target becomes a clone of.
    pub origin: Option<Origin>,
    /// What it is received with, as far as encryption goes.
    pub key: Key,
    /// What the target's interrupted receive needs first.
    pub partial: Option<PartialPlan>,
    /// What has to make way on the target, because an option asked for it by name.
    pub clearing: Option<Clearing>,
}

impl Transfer {
    /// True where the target gets its first snapshot.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.origin.is_some() || self.steps.first().is_some_and(|step| step.from.is_none())
    }

    /// True where the first stream has everything in it, and nothing of it has arrived.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.steps.first().is_some_and(|step| step.kind == StepKind::Full)
    }

    /// What of the dataset's history is there, given what there is where the first stream goes.
    #[must_use]
    pub fn history(&self, source: &Dataset, there: Option<&Dataset>) -> History {
        let is_new = matches!(self.clearing, Some(Clearing::SetAside { .. })) || self.is_first();
        let resumes = matches!(self.partial, Some(PartialPlan::Resume { .. }));
        match there {
            Some(there) if resumes || !is_new => match &there.partial {
                _ if there.replica_of == Some(source.guid) && there.small_blocks => History::Small,
                Some(Partial { content: Ok(content), .. }) if resumes && content.large_blocks => History::Large,
                _ if is_new => self.begins_as(),
                _ if there.replica_of == Some(source.guid) => History::Large,
                _ => History::Unknown,
            },
            _ => self.begins_as(),
        }
    }

    /// What a dataset has from its origin, if from anything.
    fn begins_as(&self) -> History {
        self.origin.as_ref().map_or(History::None, |origin| origin.history)
    }

    /// Where the first stream goes.
    #[must_use]
    pub fn landing<'a>(&'a self, target: &'a DatasetName) -> &'a DatasetName {
        if let Replaces::Beside(arriving) = &self.replaces { arriving } else { target }
    }
}

/// What a first stream starts from, and its target becomes a clone of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The version on the source, in full: `tank/base@s`, or a bookmark of that.
    pub from: String,
    /// Its guid.
    pub guid: u64,
    /// The snapshot on the target, in full.
    pub snapshot: String,
    /// It is encrypted there: so is its clone, whatever is above that.
    pub encrypted: bool,
    /// With which flags the origin's history came.
    pub history: History,
    /// The source dataset that brings the snapshot in this very run.
    pub waits_for: Option<DatasetName>,
}

/// Where what is received, or made as a placeholder above it, has its key from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// It is received without encryption, because the key of the dataset above it is not there: that is a raw replica.
    pub plain: bool,
    /// So are the placeholders that are made above it.
    pub plain_parents: bool,
}

/// What a first stream takes the place of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replaces {
    /// Nothing.
    Nothing,
    /// A placeholder, in one stroke: `zfs receive -F`.
    Placeholder,
    /// A placeholder that ZFS does not replace, or what is set aside: the stream goes to this name beside it, which then takes its
    /// place.
    Beside(DatasetName),
}

/// What has to make way on the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clearing {
    /// These snapshots and whatever was written since `to`.
    Rollback {
        /// The newest common snapshot, by its name on the target.
        to: String,
        /// Snapshots of the target that are destroyed.
        destroyed: Vec<String>,
        /// Bytes written since the target's newest snapshot, which are lost too.
        written: u64,
    },
    /// The whole dataset, which keeps its data under another name.
    SetAside {
        /// Its name from then on.
        to: DatasetName,
        /// Why.
        reason: Conflict,
    },
}

/// What to do with what an interrupted receive left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartialPlan {
    /// Resume it; that is the first step.
    Resume {
        /// The token to send with.
        token: String,
    },
    /// Discard it, because it does not fit any more.
    Discard(Discard),
}
