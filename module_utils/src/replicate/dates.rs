//! When the snapshots were taken that the targets have, and which they are: a question each for all of them.

use super::report::DatasetReport;
use super::request::Request;
use crate::exec::runner::Runner;
use crate::exec::ssh::Host;
use crate::zfs::commands::Zfs;
use jiff::Timestamp;

/// Adds both. They are the same on both ends, so the one that is this host is asked, if there is one. Where it does not answer they are
/// not known, and nothing else is wrong with that.
pub fn add(request: &Request, runner: &Runner, reports: &mut [DatasetReport]) {
    let is_here = |host: &Host| matches!(host, Host::Local);
    let at_source = is_here(&request.source) && !is_here(&request.target);
    let host = if at_source { &request.source } else { &request.target };
    let name = |report: &DatasetReport| {
        let dataset = if at_source { &report.source } else { &report.target };
        report.to.as_ref().map(|to| format!("{dataset}@{to}"))
    };
    let names: Vec<String> = reports.iter().filter_map(name).collect();
    let zfs = Zfs { host, runner };
    let Ok(times) = zfs.numbers("creation", &names) else { return };
    let guids = zfs.numbers("guid", &names).unwrap_or_default();
    for report in reports {
        let Some(name) = name(report) else { continue };
        let seconds = times.get(&name).and_then(|seconds| i64::try_from(*seconds).ok());
        report.to_created =
            seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()).map(|time| time.to_string());
        report.to_guid = guids.get(&name).map(ToString::to_string);
    }
}
