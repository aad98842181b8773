//! The one list of checks: whatever is shown anywhere as wrong was found here. Pure.

mod backups;
mod pools;
mod snapshots;

pub use backups::course;

use super::model::{At, Facts, Limits, Part};
use serde::Serialize;

/// How bad something is, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Severity {
    /// Worth knowing; all is well.
    Info,
    /// It should be looked at.
    Warning,
    /// It could not be found out, so it may be anything.
    Unknown,
    /// Data or backups are in danger.
    Critical,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// How bad.
    pub severity: Severity,
    /// Which check found it.
    pub check: &'static str,
    /// What it belongs to.
    pub part: Part,
    /// The pool, dataset, device, job or pair.
    pub subject: String,
    /// Since when, where that is known.
    pub since: Option<At>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(rename = "do")]
    pub advice: String,
}

/// All of it in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Verdict {
    /// Nothing is wrong.
    Ok,
    /// Something should be looked at.
    Warning,
    /// Something could not be found out.
    Unknown,
    /// Something is in danger.
    Critical,
}

impl Verdict {
    /// Of the worst problem. What is known to be critical outweighs what is not known, and what is not known all the rest.
    #[must_use]
    pub fn of(problems: &[Problem]) -> Self {
        match problems.iter().map(|problem| problem.severity).max() {
            None | Some(Severity::Info) => Self::Ok,
            Some(Severity::Warning) => Self::Warning,
            Some(Severity::Unknown) => Self::Unknown,
            Some(Severity::Critical) => Self::Critical,
        }
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Unknown => "UNKNOWN",
            Self::Critical => "CRITICAL",
        }
    }
}

/// What each check adds to.
struct Found {
    part: Part,
    problems: Vec<Problem>,
}

impl Found {
    fn add(
        &mut self,
        severity: Severity,
        check: &'static str,
        subject: &str,
        message: String,
        advice: &str,
    ) -> &mut Problem {
        self.problems.push(Problem {
            severity,
            check,
            part: self.part,
            subject: subject.to_owned(),
            since: None,
            message,
            advice: advice.to_owned(),
        });
        // Just pushed.
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }
}

/// Everything that is wrong in these parts, the worst first.
#[must_use]
pub fn judge(facts: &Facts, limits: &Limits, parts: &[Part]) -> Vec<Problem> {
    let mut all = Vec::new();
    for part in parts {
        let mut found = Found { part: *part, problems: Vec::new() };
        match part {
            Part::Pools => pools::state(facts, &mut found),
            Part::Scrub => pools::scrub(facts, limits, &mut found),
            Part::Errors => pools::errors(facts, &mut found),
            Part::Capacity => pools::capacity(facts, limits, &mut found),
            Part::Snapshots => snapshots::against_policy(facts, &mut found),
            Part::Jobs => backups::jobs(facts, &mut found),
            Part::Replication => backups::replication(facts, limits, &mut found),
        }
        unreadable(facts, &mut found);
        all.append(&mut found.problems);
    }
    // What cannot be read is told once, whatever depends on it.
    let mut told = std::collections::HashSet::new();
    all.retain(|problem| {
        problem.check != UNREADABLE || told.insert((problem.subject.clone(), problem.message.clone()))
    });
    nothing(facts, parts, &mut all);
    all.sort_by(|a, b| (b.severity, a.part, &a.subject, a.check).cmp(&(a.severity, b.part, &b.subject, b.check)));
    all
}

const UNREADABLE: &str = "unreadable";

/// Parts that are read from the same source.
fn unreadable(facts: &Facts, found: &mut Found) {
    let of_pool = |part: Part| matches!(part, Part::Pools | Part::Scrub | Part::Errors | Part::Capacity);
    let part = found.part;
    let needs = |other: Part| match part {
        Part::Snapshots => other == Part::Pools,
        Part::Replication => matches!(other, Part::Pools | Part::Snapshots | Part::Jobs),
        Part::Jobs => false,
        _ => of_pool(other),
    };
    let concerns = |other: Part| other == part || needs(other);
    for one in facts.unreadable.iter().filter(|one| concerns(one.part)) {
        found.add(Severity::Unknown, UNREADABLE, &one.subject, one.message.clone(), &one.advice);
    }
}

/// Who looks at nothing must not say that all is well.
fn nothing(facts: &Facts, parts: &[Part], all: &mut Vec<Problem>) {
    let is_empty = |part: Part| match part {
        Part::Pools | Part::Scrub | Part::Errors | Part::Capacity => facts.pools.as_ref().is_none_or(Vec::is_empty),
        Part::Snapshots => facts.datasets.is_none() || !facts.has_policies,
        Part::Jobs => facts.jobs.as_ref().is_none_or(Vec::is_empty),
        Part::Replication => {
            let confirmed =
                |datasets: &Vec<super::model::Dataset>| datasets.iter().any(|dataset| !dataset.confirmed.is_empty());
            facts.replication.as_ref().is_none_or(Vec::is_empty) && !facts.datasets.as_ref().is_some_and(confirmed)
        }
    };
    if parts.iter().all(|part| is_empty(*part)) && all.iter().all(|problem| problem.severity < Severity::Unknown) {
        let part = parts.first().copied().unwrap_or(Part::Pools);
        let mut found = Found { part, problems: Vec::new() };
        let words: Vec<&str> = parts.iter().map(|part| part.word()).collect();
        let message = format!("nothing is monitored here: there are no {}", words.join(", "));
        let advice = "import a pool (`zpool import`), or set up a policy or a job";
        found.add(Severity::Unknown, "nothing_monitored", "host", message, advice);
        all.append(&mut found.problems);
    }
}

#[cfg(test)]
#[path = "checks_tests.rs"]
mod tests;
