//! What all reports come to: sums, what is new, what failed. Pure.

use super::report::{Action, DatasetReport, Status};
use serde::Serialize;

/// The sums.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Summary {
    /// Datasets looked at.
    pub datasets: usize,
    /// Those that got, or would get, something.
    pub replicated: usize,
    /// Those that needed nothing.
    pub up_to_date: usize,
    /// Those that have nothing to send.
    pub no_snapshots: usize,
    /// Those that were gone before they could be sent.
    pub vanished: usize,
    /// Those that failed or were skipped because another one failed.
    pub failed: usize,
    /// Bytes sent.
    pub bytes: u64,
    /// Time spent, in seconds.
    pub seconds: f64,
}

/// Sums up; the time is that of the whole run.
#[must_use]
pub fn summary(reports: &[DatasetReport], seconds: f64) -> Summary {
    let failed = |report: &&DatasetReport| matches!(report.status, Status::Failed | Status::Skipped);
    let vanished = |report: &&DatasetReport| report.status == Status::Vanished;
    let fine = || reports.iter().filter(|report| !failed(report) && !vanished(report));
    let bare = |report: &&DatasetReport| report.action == Some(Action::NoSnapshots);
    Summary {
        datasets: reports.len(),
        replicated: fine().filter(|report| report.is_change()).count(),
        up_to_date: fine().filter(|report| !report.is_change() && !bare(report)).count(),
        no_snapshots: fine().filter(bare).count(),
        vanished: reports.iter().filter(vanished).count(),
        failed: reports.iter().filter(failed).count(),
        bytes: reports.iter().map(|report| report.bytes).sum(),
        seconds,
    }
}

/// The newest snapshot of each target that gets, or would get, something: before and after.
#[must_use]
pub fn newest(reports: &[DatasetReport]) -> (Vec<String>, Vec<String>) {
    let side = |snapshot: &dyn Fn(&DatasetReport) -> Option<&str>| {
        let changes = reports.iter().filter(|report| report.is_change() && report.error.is_none());
        changes.filter_map(|report| Some(format!("{}@{}", report.target, snapshot(report)?))).collect()
    };
    let before = side(&|report| report.had().map(|version| version.trim_start_matches(['@', '#'])));
    (before, side(&|report| report.to.as_deref()))
}

/// The message of a task that failed: each failed dataset with its reason, and why replicas could not be removed.
#[must_use]
pub fn failure_message(reports: &[DatasetReport], not_removed: &[String]) -> Option<String> {
    let failed: Vec<String> = reports.iter().filter_map(DatasetReport::failure).collect();
    let datasets = match failed.len() {
        0 | 1 => failed.concat(),
        n => format!("{n} of {} datasets failed:\n{}", reports.len(), failed.join("\n")),
    };
    let all = [std::slice::from_ref(&datasets), not_removed].concat();
    let message = all.iter().filter(|line| !line.is_empty()).map(String::as_str).collect::<Vec<_>>().join("\n");
    (!message.is_empty()).then_some(message)
}
