//! The same for Prometheus, in its text format. Times, never ages: what is old looks older, however late it is read. Pure.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>

mod backups;
mod datasets;
mod pools;

use super::report::Status;
use std::fmt::Write as _;

/// Above this many datasets only pools, jobs and replication have series.
const MOST_DATASETS: usize = 2_000;

/// All series.
#[must_use]
pub fn text(status: &Status) -> String {
    let mut families = Families::default();
    pools::add(status, &mut families);
    let many = status.facts.datasets.as_ref().map_or(0, Vec::len);
    if many <= MOST_DATASETS {
        datasets::add(status, &mut families);
    }
    families.gauge(
        "ferro_zfs_datasets_without_series",
        "Datasets that have no series of their own, because there are too many.",
        &[],
        if many <= MOST_DATASETS { 0 } else { many },
    );
    backups::add(status, &mut families);
    families.gauge(
        "ferro_zfs_exporter_build_info",
        "1; the labels say what made these series.",
        &[("version", status.version)],
        1,
    );
    families.gauge(
        "ferro_zfs_exporter_time_seconds",
        "When this was collected, by the clock here.",
        &[],
        status.facts.collected_at.0,
    );
    families.text()
}

/// A label and its value.
type Label<'a> = (&'a str, &'a str);

/// Families in the order in which they were begun.
#[derive(Debug, Default)]
struct Families(Vec<Family>);

#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    kind: &'static str,
    samples: String,
}

impl Families {
    fn gauge(&mut self, name: &'static str, help: &'static str, labels: &[Label<'_>], value: impl std::fmt::Display) {
        self.add(name, help, "gauge", labels, &value.to_string());
    }

    /// What is not known has no sample.
    fn known(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[Label<'_>],
        value: Option<impl std::fmt::Display>,
    ) {
        if let Some(value) = value {
            self.gauge(name, help, labels, value);
        }
    }

    /// Something that only grows; its name ends with `_total`.
    fn counter(&mut self, name: &'static str, help: &'static str, labels: &[Label<'_>], value: Option<u64>) {
        if let Some(value) = value {
            self.add(name, help, "counter", labels, &value.to_string());
        }
    }

    fn add(&mut self, name: &'static str, help: &'static str, kind: &'static str, labels: &[Label<'_>], value: &str) {
        let at = self.0.iter().position(|family| family.name == name).unwrap_or_else(|| {
            self.0.push(Family { name, help, kind, samples: String::new() });
            self.0.len() - 1
        });
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0[at].samples, "{name}{labels} {value}");
    }

    fn text(self) -> String {
        let family = |Family { name, help, kind, samples }: Family| {
            format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{samples}")
        };
        self.0.into_iter().map(family).collect()
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A yes or no as a number.
fn flag(is: bool) -> u8 {
    u8::from(is)
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
