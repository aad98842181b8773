//! The one result: what was found, what is wrong with it, and the verdict. Everybody who shows anything gets this.

use super::checks::{Problem, Severity, Verdict, judge};
use super::model::{Facts, Limits, Part, Role};
use serde::Serialize;

/// The whole.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// This host.
    pub host: String,
    /// The version of this program.
    pub version: &'static str,
    /// All of it in a word.
    pub verdict: Verdict,
    /// What is wrong, the worst first.
    pub problems: Vec<Problem>,
    /// How many of what.
    pub summary: Summary,
    /// What was found.
    #[serde(flatten)]
    pub facts: Facts,
}

/// How many of what; none where that was not asked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Summary {
    /// Pools.
    pub pools: Option<usize>,
    /// Datasets.
    pub datasets: Option<usize>,
    /// Datasets that no policy speaks of.
    pub unmanaged: Option<usize>,
    /// Snapshots.
    pub snapshots: Option<u64>,
    /// Datasets with a snapshot that is overdue.
    pub overdue: Option<usize>,
    /// What datasets whose snapshots are taken here have of what their policies want, on average.
    pub compliance_percent: Option<f64>,
    /// Jobs.
    pub jobs: Option<usize>,
    /// Datasets on their way to a target.
    pub replicas: Option<usize>,
    /// Critical problems.
    pub critical: usize,
    /// What could not be found out.
    pub unknown: usize,
    /// Warnings.
    pub warnings: usize,
}

impl Status {
    /// Judges the facts in these parts.
    #[must_use]
    pub fn new(host: String, facts: Facts, limits: &Limits, parts: &[Part]) -> Self {
        let problems = judge(&facts, limits, parts);
        Self {
            host,
            version: env!("CARGO_PKG_VERSION"),
            verdict: Verdict::of(&problems),
            summary: summary(&facts, &problems),
            problems,
            facts,
        }
    }
}

/// The name of this host.
#[must_use]
pub fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

fn summary(facts: &Facts, problems: &[Problem]) -> Summary {
    let of = |severity: Severity| problems.iter().filter(|problem| problem.severity == severity).count();
    let datasets = facts.datasets.as_ref();
    let listed = || datasets.map(|all| all.iter().filter_map(|dataset| Some((dataset, dataset.snapshots.as_ref()?))));
    let shares: Vec<f64> = listed()
        .into_iter()
        .flatten()
        .filter(|(dataset, _)| dataset.role == Role::Source)
        .flat_map(|(_, snapshots)| snapshots.each().filter_map(|(_, of)| of.compliance()))
        .collect();
    Summary {
        pools: facts.pools.as_ref().map(Vec::len),
        datasets: datasets.map(Vec::len),
        unmanaged: datasets.map(|_| facts.pools.iter().flatten().map(|pool| pool.unmanaged.len()).sum()),
        snapshots: listed().map(|all| all.map(|(_, snapshots)| snapshots.total).sum()),
        overdue: listed().map(|all| all.filter(|(_, snapshots)| snapshots.is_overdue()).count()),
        compliance_percent: (!shares.is_empty())
            .then(|| (100.0 * shares.iter().sum::<f64>() / shares.len() as f64).round()),
        jobs: facts.jobs.as_ref().map(Vec::len),
        replicas: facts.replication.as_ref().map(Vec::len),
        critical: of(Severity::Critical),
        unknown: of(Severity::Unknown),
        warnings: of(Severity::Warning),
    }
}
