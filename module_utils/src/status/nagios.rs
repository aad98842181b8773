//! The answer for Nagios, Icinga and the like: one line with figures behind it, further lines, an exit status. Pure.
//!
//! <https://www.monitoring-plugins.org/doc/guidelines.html>

use super::checks::{Problem, Severity, Verdict};
use super::model::Limits;
use super::report::Status;
use crate::exec::foreign;
use std::fmt::Write as _;

/// Problems in the first line; the others follow.
const IN_LINE: usize = 4;

/// The most lines that follow.
const LINES: usize = 100;

/// What is printed, and the exit status.
#[must_use]
pub fn answer(status: &Status, limits: &Limits) -> (String, u8) {
    let worth: Vec<&Problem> = status.problems.iter().filter(|problem| problem.severity > Severity::Info).collect();
    let shown: Vec<String> = worth.iter().take(IN_LINE).map(|problem| said(problem)).collect();
    let more = worth.len().saturating_sub(IN_LINE);
    let rest = if more > 0 { format!("; {more} more") } else { String::new() };
    let words = if worth.is_empty() { well(status) } else { shown.join("; ") + &rest };
    let mut text = format!("ZFS {} - {words} | {}\n", status.verdict.word(), figures(status, limits));
    for problem in worth.iter().take(LINES) {
        let _ = writeln!(text, "{}: {} ({})", word(problem.severity), said(problem), plain(&problem.advice));
    }
    if worth.len() > LINES {
        let _ = writeln!(text, "{} more", worth.len() - LINES);
    }
    (text, exit_status(status.verdict))
}

/// What is printed, and the exit status, where nothing could be found out at all.
#[must_use]
pub fn unknown(why: &str) -> (String, u8) {
    (format!("ZFS UNKNOWN - {}\n", plain(why)), exit_status(Verdict::Unknown))
}

fn exit_status(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Ok => 0,
        Verdict::Warning => 1,
        Verdict::Critical => 2,
        Verdict::Unknown => 3,
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "INFO",
        Severity::Warning => "WARNING",
        Severity::Unknown => "UNKNOWN",
        Severity::Critical => "CRITICAL",
    }
}

fn said(problem: &Problem) -> String {
    plain(&format!("{}: {}", problem.subject, problem.message))
}

/// `|` begins the figures, and a line is a line.
fn plain(text: &str) -> String {
    foreign::clean(text).replace('|', "/").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn well(status: &Status) -> String {
    let summary = &status.summary;
    let count = |number: Option<usize>, what: &str| {
        number.map(|number| format!("{number} {what}{}", if number == 1 { "" } else { "s" }))
    };
    let counts = [
        count(summary.pools, "pool"),
        count(summary.datasets, "dataset"),
        count(summary.jobs, "job"),
        count(summary.replicas, "replica"),
    ];
    counts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn figures(status: &Status, limits: &Limits) -> String {
    let mut all = Vec::new();
    for pool in status.facts.pools.iter().flatten() {
        let label = |what: &str| format!("'{}_{what}'", pool.name);
        if let Some(percent) = pool.properties.capacity_percent {
            let (warning, critical) = (limits.capacity_warning, limits.capacity_critical);
            all.push(format!("{}={percent}%;{warning};{critical};0;100", label("used")));
        }
        if let Some(errors) = pool.status.as_ref().and_then(|status| status.data_errors) {
            all.push(format!("{}={errors};;0;0", label("data_errors")));
        }
    }
    let summary = &status.summary;
    let counts = [
        ("overdue", summary.overdue),
        ("critical", Some(summary.critical)),
        ("unknown", Some(summary.unknown)),
        ("warnings", Some(summary.warnings)),
    ];
    all.extend(counts.into_iter().filter_map(|(label, count)| Some(format!("{label}={};;;0", count?))));
    all.join(" ")
}
