//! Snapshots against policy, in the shape that the seeds' zfs-api gave them.

use super::datasets::{found, missing};
use super::{Call, enveloped};
use crate::view::View;
use axum::response::Response;
use module_utils::plan::period::Interval;
use module_utils::status::model::{At, Dataset, Role, Snapshot, Snapshots};
use serde::Serialize;
use std::collections::BTreeMap;

/// Below this compliance is low.
const LOW: f64 = 80.0;

/// A dataset and its snapshots against its policy.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Report {
    /// Its full path.
    dataset: String,
    /// Its policy; none if no policy speaks of it.
    policy: Option<String>,
    /// How many there are of each interval.
    counts: BTreeMap<Interval, u64>,
    /// How many its policy keeps.
    retention: BTreeMap<Interval, u64>,
    /// Percent of what there can be by now; 0 where the newest is overdue, whatever there is.
    compliance: BTreeMap<Interval, f64>,
    /// All there are.
    total_snapshots: u64,
    /// True if a snapshot is missing that should have been taken.
    overdue: bool,
    /// The newest, whatever it is.
    newest: Option<Snapshot>,
}

impl Report {
    fn of(dataset: &Dataset, snapshots: &Snapshots) -> Self {
        let each = |of: fn(&module_utils::status::model::OfInterval) -> u64| {
            snapshots.each().map(|(interval, one)| (interval, of(one))).collect()
        };
        let compliance = |(interval, of): (Interval, &module_utils::status::model::OfInterval)| {
            Some((interval, (of.compliance()? * 100.0).round()))
        };
        Self {
            dataset: dataset.name.clone(),
            policy: dataset.policy.clone(),
            counts: each(|of| of.kept),
            retention: each(|of| of.wanted),
            compliance: snapshots.each().filter_map(compliance).collect(),
            total_snapshots: snapshots.total,
            overdue: snapshots.is_overdue(),
            newest: snapshots.newest.clone(),
        }
    }

    fn average(&self) -> Option<f64> {
        let count = self.compliance.len();
        (count > 0).then(|| (self.compliance.values().sum::<f64>() / count as f64).round())
    }
}

/// How many of what.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct ReportSummary {
    total_datasets: usize,
    total_snapshots: u64,
    /// Of the datasets whose snapshots are taken here, in percent; none if there are none.
    avg_compliance: Option<f64>,
    low_compliance_count: usize,
}

/// A dataset that has much less than its policy wants.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct LowCompliance {
    dataset: String,
    policy: Option<String>,
    avg_compliance: f64,
}

/// What should be looked at.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct ReportAlerts {
    low_compliance_datasets: Vec<LowCompliance>,
}

/// Snapshots against policy.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct SnapshotReport {
    /// This host.
    hostname: String,
    /// When this was put together.
    timestamp: At,
    datasets: Vec<Report>,
    summary: ReportSummary,
    alerts: ReportAlerts,
}

/// Snapshots against policy
///
/// Of every dataset: counts, what its policy keeps, and how much of what there can be by now is there.
#[cfg_attr(feature = "openapi", utoipa::path(get, path = "/api/v1/snapshots", tag = "datasets", responses(
    (status = 200, description = "All datasets", body = super::Enveloped<SnapshotReport>),
)))]
pub fn snapshots(view: &View, _: &Call) -> Response {
    enveloped(view, &report(view))
}

fn report(view: &View) -> SnapshotReport {
    let all = || view.status.facts.datasets.iter().flatten();
    let listed = all().filter_map(|dataset| Some(Report::of(dataset, dataset.snapshots.as_ref()?)));
    let datasets: Vec<Report> = listed.collect();
    let is_source = |name: &str| all().any(|dataset| dataset.name == name && dataset.role == Role::Source);
    let low: Vec<LowCompliance> = datasets
        .iter()
        .filter_map(|one| {
            let avg_compliance = one.average().filter(|average| *average < LOW && is_source(&one.dataset))?;
            Some(LowCompliance { dataset: one.dataset.clone(), policy: one.policy.clone(), avg_compliance })
        })
        .collect();
    SnapshotReport {
        hostname: view.status.host.clone(),
        timestamp: view.status.facts.collected_at,
        summary: ReportSummary {
            total_datasets: datasets.len(),
            total_snapshots: datasets.iter().map(|one| one.total_snapshots).sum(),
            avg_compliance: view.status.summary.compliance_percent,
            low_compliance_count: low.len(),
        },
        datasets,
        alerts: ReportAlerts { low_compliance_datasets: low },
    }
}

/// A snapshot that is known by name.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Named {
    /// Its name without the dataset.
    name: String,
    /// With it.
    full_name: String,
    /// Its identity, as text.
    guid: String,
    /// Seconds since 1970.
    creation_timestamp: Option<i64>,
    /// The same.
    creation_iso: Option<At>,
}

/// The snapshots of a dataset.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct SnapshotsOf {
    /// Its full path.
    dataset: String,
    /// How many there are; none where they could not be listed.
    snapshot_count: Option<u64>,
    /// What they use.
    total_used_bytes: Option<u64>,
    /// The newest and the oldest of each interval, by time. The others are counted, not kept.
    snapshots: Vec<Named>,
}

/// The newest and oldest snapshots of a dataset
#[cfg_attr(feature = "openapi", utoipa::path(get, path = "/api/v1/snapshots/{dataset}", tag = "datasets",
    params(("dataset" = String, Path, description = "Its full path, with its slashes as they are or as %2F")), responses(
    (status = 200, description = "Its snapshots", body = super::Enveloped<SnapshotsOf>),
    (status = 404, description = "There is none of that name", body = crate::api::Refusal, content_type = "application/problem+json"),
)))]
pub fn snapshots_of(view: &View, call: &Call) -> Response {
    let name = call.name.clone();
    let Some(dataset) = found(view, &name) else { return missing(&name) };
    let all = dataset.snapshots.as_ref();
    let ends = all.into_iter().flat_map(|all| {
        let of = all.intervals.values().flat_map(|of| [&of.oldest, &of.newest]);
        of.chain([&all.newest]).flatten()
    });
    let mut snapshots: Vec<Named> = ends.map(|snapshot| named(&name, snapshot)).collect();
    snapshots.sort_unstable_by(|a, b| (a.creation_timestamp, &a.name).cmp(&(b.creation_timestamp, &b.name)));
    snapshots.dedup_by(|a, b| a.name == b.name);
    let answer = SnapshotsOf {
        snapshot_count: all.map(|all| all.total),
        total_used_bytes: dataset.space.used_by_snapshots_bytes,
        snapshots,
        dataset: name,
    };
    enveloped(view, &answer)
}

fn named(dataset: &str, snapshot: &Snapshot) -> Named {
    Named {
        name: snapshot.name.clone(),
        full_name: format!("{dataset}@{}", snapshot.name),
        guid: snapshot.guid.clone(),
        creation_timestamp: snapshot.created_at.map(|at| at.0),
        creation_iso: snapshot.created_at,
    }
}
