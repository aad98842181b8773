//! What a gate guards, and what it makes of a command. Pure.

use super::names::{Version, version};
use crate::exec::scripts::Script;
use crate::gate::denied::{Denial, Denied};
use crate::model::DatasetName;
use crate::model::absence::Absence;
use std::time::Duration;

/// Which end the gate guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The sending one.
    Send,
    /// The receiving one.
    Receive,
}

/// What a gate was told to guard.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Which end.
    pub mode: Mode,
    /// What it may touch: these, and all below them.
    pub datasets: Vec<DatasetName>,
    /// The receiving end may lose snapshots and changes.
    pub allow_rollback: bool,
    /// What has had no source for so long may be removed.
    pub allow_delete: Option<Duration>,
    /// Replicas may follow their renamed sources.
    pub allow_rename: bool,
    /// Encrypted datasets leave the sending end only as raw streams.
    pub raw_only: bool,
}

/// A command that may run, if what remains to be looked at is as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    /// Its words.
    pub argv: Vec<String>,
    /// What is to be done with them, if not just to run them.
    pub script: Option<Script>,
    /// What remains to be looked at.
    pub condition: Condition,
}

/// What only a look at ZFS or at the stream can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    None,
    /// What a resume token sends must lie within the datasets (openzfs/zfs#14153).
    Token(String),
    /// The dataset must not be encrypted: the stream would be its plain text.
    Encryption(DatasetName),
    /// The stream must be plain, and fit onto its target.
    Receive(Receiving),
    /// This is a placeholder, which bears our mark itself and has no snapshot, and beside it, or beside one above it, is what is to take its place. Only then does it go.
    GivesWay(DatasetName),
    /// A placeholder whose guid is this: the mark may say so.
    Mark {
        /// The placeholder.
        place: DatasetName,
        /// What the mark says.
        guid: u64,
    },
    /// A replica whose source is missing from now on: the mark may say so.
    Missing {
        /// The replica.
        place: DatasetName,
        /// What the mark says.
        absence: Absence,
    },
    /// This, with all below it, has been marked as without a source for so long, or is what [`Self::GivesWay`] means.
    Deleted {
        /// The replica.
        place: DatasetName,
        /// How long.
        after: Duration,
    },
}

/// What `zfs receive` was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiving {
    /// Where the stream goes.
    pub target: DatasetName,
    /// `-F`
    pub forced: bool,
    /// With `-F`: it may only take the place of an empty dataset that was made for it.
    pub over_placeholder: bool,
    /// It becomes a clone of a snapshot within the datasets, which is named.
    pub of_origin: bool,
}

impl Rules {
    /// Whether a dataset is one of the gate's, or lies below one: by whole components, so `tank/database` is not in `tank/data`.
    pub fn within(&self, name: &DatasetName) -> Result<(), Denied> {
        if self.datasets.iter().any(|ours| name.below(ours).is_some()) {
            Ok(())
        } else {
            Err(Denial::OutsideDatasets.because(format!("{name} is not within its datasets")))
        }
    }

    pub(super) fn strictly_within(&self, name: &DatasetName) -> Result<(), Denied> {
        if self.is_own(name) {
            Err(Denial::OutsideDatasets.because(format!("{name} is the gate's own dataset, not below it")))
        } else {
            self.within(name)
        }
    }

    /// Whether a dataset is one of those that the gate was given.
    #[must_use]
    pub fn is_own(&self, name: &DatasetName) -> bool {
        self.datasets.contains(name)
    }

    pub(super) fn snapshots(&self, names: &[&str]) -> Result<Condition, Denied> {
        each(names, |name| match version(name)? {
            Version { dataset, sign: Some('@') } => self.within(&dataset),
            _ => Err(format!("{name:?} is not a snapshot").into()),
        })
    }
}

/// Checks each of the names, of which there must be one at least.
pub(super) fn each(names: &[&str], check: impl Fn(&str) -> Result<(), Denied>) -> Result<Condition, Denied> {
    if names.is_empty() {
        return Err("it names no dataset".into());
    }
    names.iter().try_for_each(|name| check(name)).map(|()| Condition::None)
}
