//! What a dataset needs, in a word.

use crate::plan::steps::{Step, StepKind};
use serde::Serialize;

/// What a dataset needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Everything, beginning with one whole snapshot.
    Full,
    /// What is newer than the common base.
    Incremental,
    /// What differs from the origin, of which the target becomes a clone.
    Clone,
    /// First the rest of an interrupted stream.
    Resume,
    /// Nothing: the target has all that is wanted.
    UpToDate,
    /// Nothing: the source has no snapshot that is wanted.
    NoSnapshots,
}

impl Action {
    /// Those with nothing to send.
    pub const NOTHING: [Self; 2] = [Self::UpToDate, Self::NoSnapshots];

    /// The word in the result.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::Clone => "clone",
            Self::Resume => "resume",
            Self::UpToDate => "up_to_date",
            Self::NoSnapshots => "no_snapshots",
        }
    }

    /// What the first stream says.
    #[must_use]
    pub fn of(first: &Step) -> Self {
        match first.kind {
            StepKind::Full => Self::Full,
            StepKind::Clone => Self::Clone,
            StepKind::Resume => Self::Resume,
            StepKind::Incremental | StepKind::Intermediates => Self::Incremental,
        }
    }
}
