//! What was found, as data: its JSON is what every reader gets. What is not known is null, never 0, and never left out.

mod backups;
mod datasets;
mod pools;

pub use backups::{Job, LastRun, Replica, Totals, Verification};
pub use datasets::{Confirmed, Dataset, OfInterval, Role, Snapshot, Snapshots, Space};
pub use pools::{Pool, PoolProperties, PoolState, PoolStatus, Scan, ScanFunction, ScanState, Vdev};

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use std::fmt;

/// A moment in seconds since 1970; in JSON as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, format = DateTime))]
pub struct At(pub i64);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_second(self.0) {
            Ok(moment) => moment.fmt(f),
            Err(_) => write!(f, "{} s", self.0),
        }
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl At {
    /// Since before anything: of what is overdue without anybody knowing since when.
    pub const EVER: Self = Self(0);

    /// So many seconds later.
    #[must_use]
    pub fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add_unsigned(seconds))
    }
}

impl From<Timestamp> for At {
    fn from(moment: Timestamp) -> Self {
        Self(moment.as_second())
    }
}

/// The part of the whole that a fact or a check belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Part {
    /// Whether pools, their devices and their keys are there.
    Pools,
    /// When pools were last read as a whole.
    Scrub,
    /// What could not be read or written, or was damaged.
    Errors,
    /// How full pools are.
    Capacity,
    /// Snapshots against policy.
    Snapshots,
    /// What timers start.
    Jobs,
    /// What other pools have got.
    Replication,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Pools, Self::Scrub, Self::Errors, Self::Capacity, Self::Snapshots, Self::Jobs, Self::Replication];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pools => "pools",
            Self::Scrub => "scrub",
            Self::Errors => "errors",
            Self::Capacity => "capacity",
            Self::Snapshots => "snapshots",
            Self::Jobs => "jobs",
            Self::Replication => "replication",
        }
    }

    /// The part of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.word() == word)
    }
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Unreadable {
    /// What is not known therefore.
    pub part: Part,
    /// What it is about: a pool, a file.
    pub subject: String,
    /// Why.
    pub message: String,
    /// What to do.
    #[serde(rename = "do")]
    pub advice: String,
}

/// All that was found.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// When.
    pub collected_at: At,
    /// The pools; none where they were not asked for.
    pub pools: Option<Vec<Pool>>,
    /// Pools that were named or that a policy speaks of, and that are not there.
    pub missing_pools: Vec<String>,
    /// The datasets; none where they were not asked for.
    pub datasets: Option<Vec<Dataset>>,
    /// Datasets that a policy lists and that are not there, of pools that are.
    pub missing_datasets: Vec<String>,
    /// A policy speaks of some dataset.
    pub has_policies: bool,
    /// The jobs; none where they were not asked for.
    pub jobs: Option<Vec<Job>>,
    /// Each source with its target; none where that was not asked for.
    pub replication: Option<Vec<Replica>>,
    /// What could not be read.
    pub unreadable: Vec<Unreadable>,
}

/// From when on something is wrong.
#[derive(Clone, Debug)]
pub struct Limits {
    /// A pool this full is a warning.
    pub capacity_warning: u64,
    /// A pool this full is critical.
    pub capacity_critical: u64,
    /// A scrub may be so many seconds old.
    pub scrub_max_age: u64,
    /// What a target has confirmed may be so many seconds old.
    pub confirmed_max_age: u64,
}
