//! The same for Prometheus, in its text formats. Times, never ages: what is old looks older, however late it is read. Pure.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>

mod backups;
mod datasets;
mod pools;
mod watch;

pub use watch::{Collector as CollectorRun, Watch};

use super::report::Status;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;

/// Above this many datasets only pools, jobs and replication have series.
const MOST_DATASETS: usize = 2_000;

/// How series are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The text format 0.0.4 of Prometheus.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// All series of one look at everything.
#[must_use]
pub fn text(status: &Status) -> String {
    of(status, |families| pools::parts(status, families)).text(Format::Prometheus)
}

/// All series of what looks again and again, in parts.
#[must_use]
pub fn watched(status: &Status, watch: &Watch, format: Format) -> String {
    of(status, |families| self::watch::add(watch, families)).text(format)
}

fn of(status: &Status, collectors: impl FnOnce(&mut Families)) -> Families {
    let mut families = Families::default();
    pools::add(status, &mut families);
    collectors(&mut families);
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
        1_u8,
    );
    families.gauge(
        "ferro_zfs_exporter_time_seconds",
        "When this was collected, by the clock here.",
        &[],
        status.facts.collected_at.0,
    );
    families
}

/// A label and its value.
type Label<'a> = (&'a str, &'a str);

/// A number of a sample.
#[derive(Clone, Copy, Debug)]
enum Number {
    Whole(i64),
    Broken(f64),
}

macro_rules! whole {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Number {
            fn from(value: $kind) -> Self {
                Self::Whole(i64::try_from(value).unwrap_or(i64::MAX))
            }
        }
    )*};
}
whole!(u8, u64, i64, usize);

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Broken(value)
    }
}

/// Families in the order in which they were begun. They are const: what is gone leaves no series behind.
#[derive(Debug, Default)]
struct Families {
    all: Vec<Family>,
    /// Of the last sample: that of the next family, more often than not.
    at: usize,
    /// Of the last sample: those of the next one, too, more often than not.
    labels: Labels,
}

/// Labels that many samples have in common: there are ten thousand, of a thousand datasets.
type Labels = Arc<[(String, String)]>;

#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    samples: Vec<(Labels, Number)>,
}

impl Families {
    fn gauge(&mut self, name: &'static str, help: &'static str, labels: &[Label<'_>], value: impl Into<Number>) {
        self.add(name, help, MetricType::Gauge, labels, value.into());
    }

    /// What is not known has no sample.
    fn known(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[Label<'_>],
        value: Option<impl Into<Number>>,
    ) {
        if let Some(value) = value {
            self.gauge(name, help, labels, value);
        }
    }

    /// Something that only grows; its name ends with `_total`.
    fn counter(&mut self, name: &'static str, help: &'static str, labels: &[Label<'_>], value: Option<u64>) {
        if let Some(value) = value {
            self.add(name, help, MetricType::Counter, labels, value.into());
        }
    }

    fn add(&mut self, name: &'static str, help: &'static str, kind: MetricType, labels: &[Label<'_>], value: Number) {
        self.at = self.place(name).unwrap_or_else(|| {
            self.all.push(Family { name, help, kind, samples: Vec::new() });
            self.all.len() - 1
        });
        let is_same = |((kept, of), (label, value)): (&(String, String), &Label<'_>)| kept == label && of == value;
        if labels.len() != self.labels.len() || !self.labels.iter().zip(labels).all(is_same) {
            self.labels = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
        }
        self.all[self.at].samples.push((Arc::clone(&self.labels), value));
    }

    /// Where the family of that name is. It is looked for from the last one on: each dataset has its samples in the same order.
    fn place(&self, name: &str) -> Option<usize> {
        let count = self.all.len();
        (1..=count).map(|step| (self.at + step) % count).find(|at| self.all[*at].name == name)
    }

    fn text(self, format: Format) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        let encoded = match format {
            Format::Prometheus => prometheus_text::encode(&mut text, &registry),
            Format::OpenMetrics => text::encode(&mut text, &registry),
        };
        // Writing to a string does not fail.
        encoded.map_or_else(|_| String::new(), |()| text)
    }
}

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Family { name, help, kind, samples } in &self.all {
            // The encoders put it back.
            let name = name.strip_suffix("_total").unwrap_or(name);
            let mut family = encoder.encode_descriptor(name, help, None, *kind)?;
            for (labels, number) in samples {
                let labels = &**labels;
                let mut sample = family.encode_family(&labels)?;
                match (kind, *number) {
                    (MetricType::Counter, Number::Whole(value)) => {
                        sample.encode_counter::<NoLabelSet, _, u64>(&value.unsigned_abs(), None)?;
                    }
                    (_, Number::Whole(value)) => sample.encode_gauge(&value)?,
                    (_, Number::Broken(value)) => sample.encode_gauge(&value)?,
                }
            }
        }
        Ok(())
    }
}

/// A yes or no as a number.
fn flag(is: bool) -> u8 {
    u8::from(is)
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
