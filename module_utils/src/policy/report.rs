//! What both policy modules say about what went wrong.

use super::refusal::Refusal;
use crate::exec::failure::{ErrorReport, FailedDataset, Failure};
use crate::exec::signals;
use crate::exec::stderr::reason;
use crate::model::DatasetName;

/// What could not be done, and for which datasets.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The datasets; one command may be for many.
    pub datasets: Vec<DatasetName>,
    /// Why.
    pub why: Why,
    /// What would help, where more is known than the failure tells.
    pub hint: Option<String>,
}

/// Why something could not be done.
#[derive(Clone, Debug)]
pub enum Why {
    /// A command failed.
    Command(Box<Failure>),
    /// It was not tried.
    Refused(Refusal),
}

impl Failed {
    /// A command failed for these.
    #[must_use]
    pub fn command(datasets: Vec<DatasetName>, failure: Failure) -> Self {
        Self {
            datasets,
            why: Why::Command(Box::new(Failure { command: shortened(&failure.command).into(), ..failure })),
            hint: None,
        }
    }

    /// One dataset was refused.
    #[must_use]
    pub fn refused(dataset: &DatasetName, why: Refusal) -> Self {
        Self { datasets: vec![dataset.clone()], why: Why::Refused(why), hint: None }
    }

    fn message(&self) -> String {
        self.hint.as_ref().map_or_else(|| self.why.to_string(), |hint| format!("{}. {hint}", self.why))
    }
}

/// A command may be for thousands of names.
fn shortened(command: &str) -> String {
    const SHOWN: usize = 400;
    match command.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} ... ({} characters more)", &command[..end], command.len() - end),
        None => command.to_owned(),
    }
}

/// The list `failures` of the result: one entry for each dataset.
#[must_use]
pub fn list(failures: &[Failed]) -> Vec<FailedDataset> {
    let entry = |dataset: &DatasetName, failed: &Failed| {
        let mut error = match &failed.why {
            Why::Command(failure) => ErrorReport::from(&**failure),
            Why::Refused(refusal) => ErrorReport::of_plan(refusal),
        };
        error.caused_by = failed.hint.clone().or(error.caused_by);
        FailedDataset { dataset: dataset.to_string(), error }
    };
    failures.iter().flat_map(|failed| failed.datasets.iter().map(|dataset| entry(dataset, failed))).collect()
}

/// The `msg` of a task that failed: names each dataset; those that failed in the same way together. To be stopped is to fail.
#[must_use]
pub fn message(failures: &[Failed]) -> Option<String> {
    let stopped = || signals::received().map(|signal| format!("stopped by {signal}; the result says what was done"));
    failed(failures).or_else(stopped)
}

fn failed(failures: &[Failed]) -> Option<String> {
    let mut ways: Vec<(&Failed, Vec<&str>)> = Vec::new();
    for failed in failures {
        let names = failed.datasets.iter().map(DatasetName::as_str);
        match ways.iter_mut().find(|(other, _)| other.why.is_like(&failed.why)) {
            Some((_, all)) => all.extend(names),
            None => ways.push((failed, names.collect())),
        }
    }
    for (_, names) in &mut ways {
        names.sort_unstable();
    }
    let count: usize = ways.iter().map(|(_, names)| names.len()).sum();
    let noun = if count == 1 { "dataset" } else { "datasets" };
    let shown: Vec<String> =
        ways.iter().map(|(failed, names)| format!("{}: {}", names.join(", "), failed.message())).collect();
    (count > 0).then(|| format!("{count} {noun} failed. {}", shown.join("; ")))
}

impl Why {
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Command(a), Self::Command(b)) => {
                (a.stage, a.rc, reason(&a.stderr)) == (b.stage, b.rc, reason(&b.stderr))
            }
            (Self::Refused(a), Self::Refused(b)) => a == b,
            _ => false,
        }
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Command(failure) => failure.fmt(f),
            Self::Refused(why) => why.fmt(f),
        }
    }
}

/// Datasets that appear in any failure.
#[must_use]
pub fn failed_datasets(failures: &[Failed]) -> usize {
    let mut names: Vec<_> = failures.iter().flat_map(|failed| &failed.datasets).collect();
    names.sort_unstable();
    names.dedup();
    names.len()
}
