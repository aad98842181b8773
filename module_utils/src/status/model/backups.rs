//! Jobs, and what they bring elsewhere.

use super::{At, Snapshot};
use serde::Serialize;

/// A job: what a timer starts.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Job {
    /// Its name: `snapshot`, `prune`, `pull@nas`, `push@offsite`.
    pub name: String,
    /// The program that it runs, where that is known.
    pub program: Option<&'static str>,
    /// Its options are installed; else there is only a result.
    pub declared: bool,
    /// Since when they are.
    pub declared_at: Option<At>,
    /// Its last run; none if it never ran.
    pub last_run: Option<LastRun>,
    /// When it last did all it should; none if never.
    pub last_success_at: Option<At>,
    /// When its timer starts it next; none where that is not known.
    pub next_run_at: Option<At>,
    /// Whether its timer is active; none where that is not known.
    pub timer_active: Option<bool>,
    /// Whether it runs now; none where that is not known.
    pub running: Option<bool>,
    /// How old its last success may be.
    pub max_age_seconds: u64,
    /// From when on it is older than that, unless it succeeds before; none where nothing is expected of it.
    pub overdue_at: Option<At>,
    /// It is older than that.
    pub overdue: bool,
    /// Of all its runs; none where its result is of a version that did not count.
    pub totals: Option<Totals>,
}

/// Of all runs of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Totals {
    /// Runs that did something.
    pub runs: u64,
    /// Those that did not do all they should.
    pub failed_runs: u64,
    /// Bytes that were sent.
    pub sent_bytes: u64,
}

/// The last run of a job.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LastRun {
    /// When it ended.
    pub finished_at: Option<At>,
    /// How long it took.
    pub seconds: Option<f64>,
    /// It did not do all it should.
    pub failed: bool,
    /// Why.
    pub message: Option<String>,
    /// Its numbers, as its result has them; none where it has none.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub summary: serde_json::Value,
}

/// A dataset on its way from a source to a target.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Replica {
    /// The name of the job.
    pub name: String,
    /// `pull`, `push`, `local` or `relay`.
    pub direction: &'static str,
    /// Where it comes from; none if from here.
    pub source_host: Option<String>,
    /// The dataset there.
    pub source: String,
    /// Where it goes to; none if to here.
    pub target_host: Option<String>,
    /// The dataset there.
    pub target: String,
    /// The newest snapshot that both have, as far as is known; none if there is none.
    pub newest: Option<Snapshot>,
    /// The target is known to have all that the source has.
    pub up_to_date: bool,
    /// How the last run ended for it: `ok`, `failed`, `skipped`, `vanished`, or `never`.
    pub status: String,
    /// Why it failed.
    pub error: Option<String>,
    /// Bytes of the last run.
    pub last_bytes: Option<u64>,
    /// Snapshots of the last run.
    pub last_snapshots: Option<u64>,
    /// How long the last run took for it.
    pub last_seconds: Option<f64>,
    /// When the last run ended.
    pub last_run_at: Option<At>,
    /// When a run last did all it should for it.
    pub last_success_at: Option<At>,
    /// How old the newest common snapshot may be.
    pub max_age_seconds: u64,
    /// From when on it is older than that, unless something newer arrives before; none where nothing newer is to arrive.
    pub overdue_at: Option<At>,
    /// It is older than that.
    pub overdue: bool,
    /// How it was compared with its source; none if no job does that.
    pub verification: Option<Verification>,
}

/// How a replica was compared with its source.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Verification {
    /// How the last run of `zfs_verify` ended for it, in its word, such as `verified`, `in_progress` or `differs`.
    pub status: String,
    /// Why it did not end well.
    pub error: Option<String>,
    /// When the last run ended.
    pub last_run_at: Option<At>,
    /// When all of it was last found to be what the source is; none if never.
    pub verified_at: Option<At>,
    /// The snapshot of which that was found.
    pub verified_snapshot: Option<String>,
}

impl Verification {
    /// True if it is not what the source is, or a side cannot read what it has.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        matches!(self.status.as_str(), "differs" | "unreadable")
    }

    /// True if nothing could be compared.
    #[must_use]
    pub fn is_not_comparable(&self) -> bool {
        self.status == "not_comparable"
    }
}

impl Replica {
    /// True if the last run did not do for it what it should.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        matches!(self.status.as_str(), "failed" | "skipped")
    }

    /// True if its source had no snapshots in the last run.
    #[must_use]
    pub fn is_without_snapshots(&self) -> bool {
        self.status == "no_snapshots"
    }
}
