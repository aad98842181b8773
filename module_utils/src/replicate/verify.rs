//! What has been streamed is asked for: that the target has the guid that was sent, and nothing else, is success.

use super::bookmarks::{self, Undone};
use super::refusal::Obstacle;
use super::report::{DatasetReport, RolledBack};
use crate::exec::runner::Failure;
use crate::exec::ssh::Host;
use crate::model::DatasetName;
use crate::zfs::commands::Zfs;
use std::collections::HashMap;

/// A dataset whose streams have all been received.
#[derive(Debug)]
pub struct Arrival {
    /// Where from.
    pub source: DatasetName,
    /// Where to.
    pub target: DatasetName,
    /// The newest snapshot that was sent.
    pub snapshot: String,
    /// Its guid.
    pub guid: u64,
    /// It took the place of a placeholder.
    pub over_placeholder: bool,
    /// Our bookmarks on the source that are of no use from now on.
    pub superseded: Vec<String>,
}

/// What has come of some arrivals.
#[derive(Debug, Default)]
pub struct Settled {
    /// Whether they are really there.
    pub verdicts: Vec<(Arrival, Result<(), Failure>)>,
    /// Older bookmarks of ours that could not be removed.
    pub stay: Undone,
}

/// Asks the target, once for all of them, whether their snapshots are really there, and gives what came of each. What has arrived has
/// its older bookmarks removed; those that stay are given too.
pub fn settle(source: Zfs<'_>, target: Zfs<'_>, arrived: Vec<Arrival>) -> Settled {
    if arrived.is_empty() {
        return Settled::default();
    }
    let snapshots: Vec<String> = arrived.iter().map(Arrival::snapshot).collect();
    let guids = target.numbers("guid", &snapshots);
    let verdict = |arrival: &Arrival| {
        arrival.judge(guids.as_ref().map_err(Clone::clone)?, target.host)?;
        if arrival.over_placeholder { target.unmark_placeholder(&arrival.target) } else { Ok(()) }
    };
    let mut verdicts = Vec::new();
    let mut superseded = Vec::new();
    for arrival in arrived {
        let verdict = verdict(&arrival);
        if verdict.is_ok() {
            superseded.extend(arrival.superseded.iter().cloned());
        }
        verdicts.push((arrival, verdict));
    }
    Settled { verdicts, stay: bookmarks::sweep(source, &superseded) }
}

impl Arrival {
    fn snapshot(&self) -> String {
        format!("{}@{}", self.target, self.snapshot)
    }

    fn judge(&self, guids: &HashMap<String, u64>, host: &Host) -> Result<(), Failure> {
        let (snapshot, guid) = (self.snapshot(), self.guid);
        let found = guids.get(&snapshot).copied();
        if found == Some(guid) {
            return Ok(());
        }
        Err(Failure::refusal("verify", host, &Obstacle::NotArrived { snapshot, guid, found }))
    }
}

/// Adds what an earlier try already did for the same dataset.
pub fn after(before: DatasetReport, report: &mut DatasetReport) {
    report.bytes += before.bytes;
    report.seconds += before.seconds;
    report.discarded = report.discarded.take().or(before.discarded);
    report.origin = report.origin.take().or(before.origin);
    report.set_aside = report.set_aside.take().or(before.set_aside);
    report.rolled_back = match (before.rolled_back, report.rolled_back.take()) {
        (Some(before), Some(now)) => Some(RolledBack {
            destroyed: [before.destroyed, now.destroyed].concat(),
            written: before.written.max(now.written),
            to: now.to,
        }),
        (before, now) => now.or(before),
    };
    if before.bytes > 0 {
        report.action = before.action;
        report.from = before.from;
        report.snapshots = report.snapshots.max(before.snapshots);
        if report.steps.is_empty() {
            report.steps = before.steps;
        }
    }
}
