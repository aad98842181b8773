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
type Label<'a> = (&'static str, &'a str);

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
    labels: Labels,
}

#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    /// Each with its place in [`Labels`].
    samples: Vec<(usize, Number)>,
}

/// The labels of all samples, which most have in common with others: there are ten thousand, of a thousand datasets.
#[derive(Debug, Default)]
struct Labels {
    /// The values of all labels, one after another.
    values: String,
    /// The names that there are; there are few.
    names: Vec<&'static str>,
    /// Each label: which name it has, and where its value ends.
    each: Vec<(u32, u32)>,
    /// Where the labels of a sample end.
    ends: Vec<usize>,
}

impl Labels {
    /// The place of these labels, which are those of the sample before, more often than not.
    fn place(&mut self, labels: &[Label<'_>]) -> usize {
        let is_same = self.ends.len().checked_sub(1).is_some_and(|last| self.at(last).eq(labels.iter().copied()));
        if !is_same {
            for (label, value) in labels {
                let name = self.names.iter().position(|name| name == label).unwrap_or_else(|| {
                    self.names.push(label);
                    self.names.len() - 1
                });
                self.values.push_str(value);
                self.each.push((short(name), short(self.values.len())));
            }
            self.ends.push(self.each.len());
        }
        self.ends.len() - 1
    }

    fn at(&self, place: usize) -> impl Iterator<Item = Label<'_>> {
        let begin = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        (begin..self.ends[place]).map(|index| {
            let from = index.checked_sub(1).map_or(0, |before| self.each[before].1);
            let (name, end) = self.each[index];
            (self.names[name as usize], &self.values[from as usize..end as usize])
        })
    }
}

/// A place in what is never 4 GiB: two thousand datasets have a few MiB of labels.
fn short(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
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
        let labels = self.labels.place(labels);
        self.all[self.at].samples.push((labels, value));
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
        let mut labels: Vec<Label<'_>> = Vec::new();
        for Family { name, help, kind, samples } in &self.all {
            // The encoders put it back.
            let name = name.strip_suffix("_total").unwrap_or(name);
            let mut family = encoder.encode_descriptor(name, help, None, *kind)?;
            for (place, number) in samples {
                labels.clear();
                labels.extend(self.labels.at(*place));
                let labels = labels.as_slice();
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
