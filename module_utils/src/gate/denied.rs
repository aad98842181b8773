//! Why something is not let through: in words for people, with a code for programs. docs/errors.md has a section for each code.

use crate::model::InvalidName;
use crate::model::code::{Coded, codes};
use std::fmt;

/// Why something is not let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The code.
    pub code: Denial,
    /// What is wrong.
    pub message: String,
}

/// The code of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// Nothing was asked for, or nothing that is text.
    NoCommand,
    /// `zfs_replicate` says no such thing.
    CommandNotAllowed,
    /// It is for the other mode.
    WrongMode,
    /// It is about something else than the gate's datasets.
    OutsideDatasets,
    /// It may lose something on the target.
    AllowRollbackMissing,
    /// An encrypted dataset would leave in plain.
    RawOnly,
    /// It may remove what has no source any more.
    AllowDeleteMissing,
    /// It may rename replicas.
    AllowRenameMissing,
    /// It has a source, or has had one not long enough ago.
    NotDeleted,
    /// Only what was made without data gives way, and only for what has arrived.
    NoPlaceholder,
    /// The stream would do more, or something else, than go onto its target.
    StreamNotAllowed,
    /// ZFS did not say what must be known first.
    CannotTell,
}

codes! {
    Denial {
        NoCommand => "no_command",
        CommandNotAllowed => "command_not_allowed",
        WrongMode => "wrong_mode",
        OutsideDatasets => "outside_datasets",
        AllowRollbackMissing => "allow_rollback_missing",
        AllowDeleteMissing => "allow_delete_missing",
        AllowRenameMissing => "allow_rename_missing",
        NotDeleted => "not_deleted_long_enough",
        RawOnly => "raw_only",
        NoPlaceholder => "no_placeholder",
        StreamNotAllowed => "stream_not_allowed",
        CannotTell => "cannot_tell",
    }
}

impl Denial {
    /// With what is wrong.
    pub fn because(self, message: impl Into<String>) -> Denied {
        Denied { code: self, message: message.into() }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.code.code())
    }
}

impl From<InvalidName> for Denied {
    fn from(error: InvalidName) -> Self {
        error.to_string().into()
    }
}

/// What is wrong with its words makes it a command that `zfs_replicate` does not say.
impl From<String> for Denied {
    fn from(message: String) -> Self {
        Denial::CommandNotAllowed.because(message)
    }
}

impl From<&str> for Denied {
    fn from(message: &str) -> Self {
        Denial::CommandNotAllowed.because(message)
    }
}
