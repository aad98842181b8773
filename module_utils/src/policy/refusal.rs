//! Why nothing is done with a dataset, where no command has failed: each with its code.

use crate::model::code::codes;
use crate::model::{DatasetName, SnapshotName};
use crate::plan::retain::MaxDestroy;
use std::io;

const REPLICA: &str = "it holds what another host took, and a snapshot taken here would part it from its source";

/// What to do with a replica that is not one any more.
pub const OWN_AGAIN: &str = "If it belongs to this host, as after a restore, say so with `zfs inherit ferro.zfs:replica DATASET`, and \
    `zfs inherit ferro.zfs:placeholder PARENT` where a parent has that; \
    snapshot_replicas=true takes them all the same";

/// When a dataset was found to be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Before anything was done.
    Before,
    /// Since it was listed.
    Meanwhile,
}

impl Gone {
    /// What happened to the dataset.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::Before => "does not exist",
            Self::Meanwhile => "was destroyed or renamed meanwhile",
        }
    }
}

/// Why a dataset counts as failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is on the list of datasets to be snapshotted, and not there.
    #[error("the dataset {}; check its name, or set on_missing to warn", .0.what())]
    DatasetMissing(Gone),
    /// It is on the list of datasets to be pruned, and not there any more.
    #[error("it was destroyed or renamed meanwhile; check its name, or take it off the list")]
    Vanished,
    /// ZFS does not take names of that length.
    #[error("the name {dataset}@{name} would be longer than ZFS allows; use a shorter prefix")]
    NameTooLong {
        /// Of which dataset.
        dataset: DatasetName,
        /// The snapshot's name.
        name: String,
    },
    /// It is listed, and holds what another host took.
    #[error("{REPLICA}. {OWN_AGAIN}")]
    Replica,
    /// An option forbids to destroy as many.
    #[error("{count} of its {own} snapshots would be destroyed, more than max_destroy={limit} allows; none was")]
    MaxDestroyExceeded {
        /// How many would be destroyed.
        count: usize,
        /// How many it has.
        own: usize,
        /// The option.
        limit: MaxDestroy,
    },
    /// The kernel would not destroy one of many.
    #[error("cannot destroy {snapshot}: {}", io::Error::from_raw_os_error(*errno))]
    NotDestroyed {
        /// The snapshot.
        snapshot: Box<SnapshotName>,
        /// The number of the error.
        errno: i32,
    },
}

codes! {
    Refusal {
        DatasetMissing => "dataset_missing",
        Vanished => "dataset_missing",
        NameTooLong => "name_too_long",
        Replica => "replica",
        MaxDestroyExceeded => "max_destroy_exceeded",
        NotDestroyed => "command_failed",
    }
}

/// Why a dataset got no snapshot, where that is no failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeftOut {
    /// Its policy takes none at all.
    #[error("policy {0} takes no snapshots")]
    PolicyTakesNone(String),
    /// Its policy has none of the intervals that were asked for.
    #[error("policy {0} keeps none of these intervals")]
    PolicyKeepsNone(String),
    /// The current period of each interval has a snapshot.
    #[error("nothing is due")]
    NotDue,
    /// The option `skip_unchanged`.
    #[error("nothing was written since its newest snapshot")]
    Unchanged,
    /// It was found below a listed one.
    #[error("{REPLICA}")]
    Replica,
    /// Another run was faster.
    #[error("{0} was taken meanwhile")]
    TakenMeanwhile(SnapshotName),
    /// It was found below a listed one, and is gone since.
    #[error("vanished: it was destroyed or renamed meanwhile")]
    Vanished,
    /// The hook before it failed, and says that this is a warning.
    #[error("the hook that comes before its snapshots failed")]
    HookFailed,
    /// It is listed and not there, and `on_missing` says that this is a warning.
    #[error("{}", .0.what())]
    DatasetMissing(Gone),
}

codes! {
    LeftOut {
        PolicyTakesNone => "policy_takes_none",
        PolicyKeepsNone => "interval_not_kept",
        NotDue => "not_due",
        Unchanged => "unchanged",
        Replica => "replica",
        TakenMeanwhile => "taken_meanwhile",
        Vanished => "vanished",
        HookFailed => "hook_failed",
        DatasetMissing => "dataset_missing",
    }
}
