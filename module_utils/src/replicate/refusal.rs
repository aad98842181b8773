//! Why nothing, or nothing more, is done with a dataset: all that is refused here, each with its code.

use super::report::DatasetError;
use crate::exec::runner::Failure;
use crate::model::code::codes;
use crate::model::{DatasetName, InvalidName};
use crate::plan::clones::{NoOrigin, NotKept};
use crate::plan::conflict::Conflict;
use crate::plan::renamed::Stuck;
use crate::plan::send_flags::Unfit;

/// Why nothing is done with a dataset.
#[derive(Debug)]
pub enum Refusal {
    /// The sides do not go together.
    Conflict(Conflict),
    /// It would not arrive as it should.
    Unwanted(Unwanted),
    /// The target's pool cannot take it, or its history not as it is asked for.
    Unfit(Unfit),
    /// It is a clone, whose origin must come first.
    NoOrigin(NoOrigin),
    /// It is a clone, and would land as none.
    NotKept(NotKept),
    /// A user may not.
    NotPermitted(Failure),
    /// What an earlier run had begun could not be finished.
    NotFinished(Failure),
    /// Its replica has another name, and cannot have the right one.
    Stuck(Stuck),
}

/// What would arrive, but not as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwanted {
    /// Without its key it can only be sent raw.
    #[error(
        "its key is not loaded on the sending side, so that it can only be sent raw. Load the key (zfs load-key), or \
         leave raw: never out"
    )]
    KeyNotLoaded,
    /// ZFS sends the properties of what is encrypted only raw.
    #[error(
        "ZFS sends the properties of an encrypted dataset only with a raw stream. Leave out send_properties, or raw: \
         never"
    )]
    PropertiesNeedRaw,
    /// It would be readable on the target.
    #[error(
        "it would land unencrypted, and require_encrypted_target is set. Send an encrypted dataset raw, or choose a \
         target below an encrypted dataset"
    )]
    LandsUnencrypted,
    /// It is the target, or in it.
    #[error("it lies within the target, so it would be replicated into itself. Add the target to exclude")]
    SourceWithinTarget,
}

codes! {
    Unwanted {
        KeyNotLoaded => "key_not_loaded",
        PropertiesNeedRaw => "properties_need_raw",
        LandsUnencrypted => "lands_unencrypted",
        SourceWithinTarget => "source_within_target",
    }
}

/// What keeps a run, or one dataset of it, from going on, where no command has failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// The pool is not there.
    #[error("pool {0} is not imported there, or there is none of this name. Import it first: zpool import {0}")]
    PoolMissing(String),
    /// A root is not there.
    #[error("source dataset {0} does not exist; check its name")]
    SourceMissing(DatasetName),
    /// The dataset below which everything lands is not there.
    #[error("target {0} does not exist. Create it first: zfs create -p -o canmount=off {0}")]
    TargetMissing(DatasetName),
    /// What is to be listed is not there.
    #[error("{0} does not exist there; check its name")]
    NothingThere(DatasetName),
    /// Compression was asked for.
    #[error("compress: zstd needs the program zstd on {0}. Install it there, or leave compress out")]
    ZstdMissing(String),
    /// The user of that end may not do what is needed.
    #[error("{0}")]
    PermissionMissing(String),
    /// The parent's first receive was interrupted, and only its end may have children.
    #[error("its parent {0} has arrived in part and must arrive first, but failed")]
    ParentNotArrived(DatasetName),
    /// What is a clone of it starts from it.
    #[error("{0}, of which it is a clone, must arrive first, but has not")]
    OriginNotArrived(DatasetName),
    /// Something above has not got its name yet.
    #[error("{0}, above it, could not be put in its place")]
    ParentNotInPlace(DatasetName),
    /// Somebody has taken away what had arrived.
    #[error("{0} has arrived, but is not there any more")]
    ArrivalVanished(DatasetName),
    /// Somebody has changed the placeholder meanwhile.
    #[error("{place} is no placeholder any more, so {arriving} stays beside it")]
    PlaceTaken {
        /// What was a placeholder.
        place: DatasetName,
        /// What was to take its place.
        arriving: DatasetName,
    },
    /// What is to be destroyed has no name of a snapshot, so it might be anything.
    #[error("{0}")]
    NoSnapshotName(InvalidName),
    /// What was sent is not there.
    #[error("{snapshot} should have guid {guid} after the receive, but there is {}", .found.map_or_else(|| "nothing".to_owned(), |found| format!("guid {found}")))]
    NotArrived {
        /// The snapshot, in full.
        snapshot: String,
        /// What it should be.
        guid: u64,
        /// What there is of that name.
        found: Option<u64>,
    },
}

codes! {
    Obstacle {
        PoolMissing => "pool_missing",
        SourceMissing => "source_missing",
        TargetMissing => "target_missing",
        NothingThere => "dataset_missing",
        ZstdMissing => "zstd_missing",
        PermissionMissing => "permission_missing",
        ParentNotArrived => "parent_not_arrived",
        OriginNotArrived => "origin_not_arrived",
        ParentNotInPlace => "parent_not_in_place",
        ArrivalVanished => "target_changed",
        PlaceTaken => "target_changed",
        NoSnapshotName => "answer_not_understood",
        NotArrived => "not_arrived",
    }
}

impl Refusal {
    /// What is told of it.
    #[must_use]
    pub fn report(&self) -> DatasetError {
        match self {
            Self::NotPermitted(failure) | Self::NotFinished(failure) => DatasetError::from(failure),
            Self::Conflict(conflict) => DatasetError::of_conflict(conflict),
            Self::Stuck(stuck) => DatasetError::of_plan(stuck),
            Self::Unfit(unfit) => DatasetError::of_plan(unfit),
            Self::NoOrigin(no_origin) => DatasetError::of_plan(no_origin),
            Self::NotKept(not_kept) => DatasetError::of_plan(not_kept),
            Self::Unwanted(unwanted) => DatasetError::of_plan(unwanted),
        }
    }
}
