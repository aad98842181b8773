//! What is to be compared, all checked before the first command runs.

use crate::exec::ssh::Host;
use crate::model::DatasetName;
use crate::model::glob::Globs;
use crate::plan::choice::Choice;
use crate::plan::mapping::Mapping;
use crate::plan::selection::Selection;
use jiff::Timestamp;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A checked request.
#[derive(Debug)]
pub struct Request {
    /// Datasets that were replicated; none is below another when `recursive`.
    pub roots: Vec<DatasetName>,
    /// Datasets as they were named, overlapping or not.
    pub named: Vec<DatasetName>,
    /// Where the replica of each is.
    pub mapping: Mapping,
    /// The host of the sources.
    pub source: Host,
    /// The host of the replicas.
    pub target: Host,
    /// With descendants.
    pub recursive: bool,
    /// Datasets left out, with all below them that is not named itself.
    pub exclude: Globs,
    /// What counts of what datasets say of themselves.
    pub selection: Selection,
    /// Not the roots, only what is below them.
    pub children_only: bool,
    /// How much is compared in a run.
    pub budget: Budget,
    /// Bytes per second that are read of each side.
    pub bandwidth_limit: Option<u64>,
    /// A stream without a byte for this long is given up.
    pub stall: Duration,
    /// What is remembered from run to run.
    pub state_file: Option<PathBuf>,
    /// When the run began.
    pub now: Timestamp,
}

impl Request {
    /// By what datasets are chosen.
    #[must_use]
    pub fn choice(&self) -> Choice<'_> {
        let Self { roots, named, exclude, selection, children_only, .. } = self;
        Choice { roots, named, exclude, selection, children_only: *children_only }
    }
}

/// How much is compared in a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budget {
    /// Bytes.
    pub sample: Option<u64>,
    /// The moment after which nothing more is read.
    pub until: Option<Instant>,
}

impl Budget {
    /// True where so many bytes are enough, or the time is over.
    #[must_use]
    pub fn is_used_up(&self, bytes: u64, now: Instant) -> bool {
        self.sample.is_some_and(|sample| bytes >= sample) || self.until.is_some_and(|until| now >= until)
    }
}
