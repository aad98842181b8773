//! What is known so far, shared by those who gather it and those who show it.

use module_utils::status::answers::{Answers, Question};
use module_utils::status::assemble::Jobs;
use module_utils::status::metrics::CollectorRun;
use module_utils::status::model::{At, Unreadable};
use module_utils::status::timers::Timers;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How the gathering of one thing goes.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Since when it runs; none if it does not.
    pub running_since: Option<At>,
    /// Whether it went well the last time.
    pub success: Option<bool>,
    /// How long it took, in seconds.
    pub seconds: Option<f64>,
    /// When it last went well.
    pub last_success_at: Option<At>,
}

/// All that is known.
pub struct Known {
    /// What pools have answered.
    pub answers: BTreeMap<String, Answers>,
    /// How asking them goes.
    pub runs: BTreeMap<(String, Question), Run>,
    /// What the files of jobs say.
    pub jobs: Jobs,
    /// How reading them goes.
    pub files: Run,
    /// Counts the times that the files have changed.
    pub jobs_version: u64,
    /// Counts those after which snapshots may be others than is known: where a job has listed them itself, they are not.
    pub snapshots_version: u64,
    /// What systemd says.
    pub timers: Option<Timers>,
    /// Why it says nothing.
    pub timers_unreadable: Option<Unreadable>,
    /// How asking it goes.
    pub timers_run: Run,
    /// Pools that are there, as the kernel says.
    pub present: Vec<String>,
    /// Counts all changes.
    pub version: u64,
}

/// What is known, and a bell that rings when it changes.
pub struct Store {
    known: Mutex<Known>,
    bell: Condvar,
}

impl Store {
    /// Nothing but the files of jobs.
    #[must_use]
    pub fn new(jobs: Jobs) -> Self {
        let known = Known {
            answers: BTreeMap::new(),
            runs: BTreeMap::new(),
            jobs,
            files: Run::default(),
            jobs_version: 0,
            snapshots_version: 0,
            timers: None,
            timers_unreadable: None,
            timers_run: Run::default(),
            present: Vec::new(),
            version: 0,
        };
        Self { known: Mutex::new(known), bell: Condvar::new() }
    }

    /// What is known at the moment.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it.
    pub fn change<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        let mut known = self.known();
        known.version += 1;
        let result = change(&mut known);
        drop(known);
        self.bell.notify_all();
        result
    }

    /// Waits so long, or until something changes.
    pub fn wait(&self, time: Duration) {
        let known = self.known();
        drop(self.bell.wait_timeout(known, time).unwrap_or_else(PoisonError::into_inner));
    }
}

impl Run {
    /// It begins.
    pub fn begin(&mut self, now: At) {
        self.running_since = Some(now);
    }

    /// It has ended.
    pub fn end(&mut self, now: At, took: Duration, success: bool) {
        let last_success_at = if success { Some(now) } else { self.last_success_at };
        *self =
            Self { running_since: None, success: Some(success), seconds: Some(took.as_secs_f64()), last_success_at };
    }

    /// For metrics.
    #[must_use]
    pub fn series(&self, name: &'static str, pool: &str) -> CollectorRun {
        CollectorRun {
            name,
            pool: pool.to_owned(),
            success: self.success,
            seconds: self.seconds,
            last_success_at: self.last_success_at,
            running_since: self.running_since,
        }
    }
}
