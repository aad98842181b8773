//! Datasets, and how each stands with its snapshots.

use super::{Envelope, Refusal, problem};
use crate::view::{View, Viewer};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use module_utils::model::units::ByteSize;
use module_utils::status::model::{Confirmed, Dataset, Role, Snapshots};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// The most that are given at once, unless fewer are asked for.
const MOST: usize = 1_000;

/// Which datasets.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Of this pool.
    pool: Option<String>,
    /// With this policy.
    policy: Option<String>,
    /// `true` for those that no policy speaks of, `false` for the others.
    unmanaged: Option<bool>,
    /// At most so many.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Those whose names come after this one: the last of the page before.
    after: Option<String>,
}

/// A dataset, with its sizes as people say them.
#[derive(Debug, Serialize, ToSchema)]
pub struct DatasetEntry {
    #[serde(flatten)]
    dataset: Dataset,
    used_human: Option<String>,
    available_human: Option<String>,
    referenced_human: Option<String>,
    /// How much smaller compression makes it.
    compression_savings_percent: Option<f64>,
}

impl DatasetEntry {
    fn of(dataset: &Dataset) -> Self {
        let human = |bytes: Option<u64>| bytes.map(|bytes| ByteSize(bytes).to_string());
        let space = &dataset.space;
        let saved = space.compression_ratio.filter(|ratio| *ratio >= 1.0);
        Self {
            used_human: human(space.used_bytes),
            available_human: human(space.available_bytes),
            referenced_human: human(space.referenced_bytes),
            compression_savings_percent: saved.map(|ratio| (1000.0 * (1.0 - 1.0 / ratio)).round() / 10.0),
            dataset: dataset.clone(),
        }
    }
}

/// Datasets by name.
#[derive(Debug, Serialize, ToSchema)]
pub struct Datasets {
    #[serde(flatten)]
    envelope: Envelope,
    datasets: Vec<DatasetEntry>,
    /// How many of them are given here.
    count: usize,
    /// What to ask for after this; none if this was the last page.
    next_after: Option<String>,
}

/// All datasets
///
/// By name, a page at a time.
#[utoipa::path(get, path = "/api/v1/datasets", tag = "datasets", params(Which), responses(
    (status = 200, description = "Those that were asked for", body = Datasets),
    (status = 400, description = "What was asked for is not understood", body = Refusal, content_type = "application/problem+json"),
))]
pub async fn datasets(State(viewer): State<Arc<Viewer>>, which: Result<Query<Which>, QueryRejection>) -> Response {
    let Query(which) = match which {
        Ok(which) => which,
        Err(why) => return problem(StatusCode::BAD_REQUEST, why.body_text()),
    };
    if which.limit.is_some_and(|limit| !(1..=MOST).contains(&limit)) {
        return problem(StatusCode::BAD_REQUEST, format!("limit: expected 1 to {MOST}"));
    }
    let view = viewer.now();
    let mut fitting: Vec<&Dataset> =
        view.status.facts.datasets.iter().flatten().filter(|dataset| which.includes(dataset)).collect();
    fitting.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let limit = which.limit.unwrap_or(MOST);
    let page: Vec<DatasetEntry> = fitting.iter().take(limit).map(|dataset| DatasetEntry::of(dataset)).collect();
    let next_after = page.last().filter(|_| fitting.len() > limit).map(|last| last.dataset.name.clone());
    Json(Datasets { envelope: Envelope::of(&view), count: page.len(), datasets: page, next_after }).into_response()
}

impl Which {
    fn includes(&self, dataset: &Dataset) -> bool {
        let is_unmanaged = dataset.policy.is_none() && dataset.role == Role::None && !dataset.placeholder;
        self.pool.as_ref().is_none_or(|pool| dataset.pool == *pool)
            && self.policy.as_ref().is_none_or(|policy| dataset.policy.as_ref() == Some(policy))
            && self.unmanaged.is_none_or(|wanted| wanted == is_unmanaged)
            && self.after.as_ref().is_none_or(|after| dataset.name > *after)
    }
}

/// The dataset of that name.
pub fn found<'a>(view: &'a View, name: &str) -> Option<&'a Dataset> {
    view.status.facts.datasets.iter().flatten().find(|dataset| dataset.name == name)
}

/// That there is none.
pub fn missing(name: &str) -> Response {
    problem(StatusCode::NOT_FOUND, format!("there is no dataset {name}"))
}

/// How a dataset stands with its snapshots.
#[derive(Debug, Serialize, ToSchema)]
pub struct DatasetSnapshots {
    #[serde(flatten)]
    envelope: Envelope,
    /// Its full path.
    dataset: String,
    /// Its policy; none if no policy speaks of it.
    policy: Option<String>,
    /// Counts, newest and oldest of each interval; none where they could not be listed.
    snapshots: Option<Snapshots>,
    /// What targets have confirmed.
    confirmed: Vec<Confirmed>,
}

/// Paths of datasets have slashes themselves, so what comes last tells what is meant.
pub async fn below(viewer: State<Arc<Viewer>>, Path(path): Path<String>) -> Response {
    match path.strip_suffix("/snapshots") {
        Some(name) => dataset_snapshots(viewer, Path(name.to_owned())),
        None => dataset(viewer, Path(path)),
    }
}

/// One dataset
#[utoipa::path(get, path = "/api/v1/datasets/{dataset}", tag = "datasets",
    params(("dataset" = String, Path, description = "Its full path, with its slashes as they are or as %2F")), responses(
    (status = 200, description = "The dataset", body = DatasetEntry),
    (status = 404, description = "There is none of that name", body = Refusal, content_type = "application/problem+json"),
))]
pub fn dataset(State(viewer): State<Arc<Viewer>>, Path(name): Path<String>) -> Response {
    found(&viewer.now(), &name).map_or_else(|| missing(&name), |one| Json(DatasetEntry::of(one)).into_response())
}

/// How a dataset stands with its snapshots
#[utoipa::path(get, path = "/api/v1/datasets/{dataset}/snapshots", tag = "datasets",
    params(("dataset" = String, Path, description = "Its full path, with its slashes as they are or as %2F")), responses(
    (status = 200, description = "Its snapshots by interval", body = DatasetSnapshots),
    (status = 404, description = "There is none of that name", body = Refusal, content_type = "application/problem+json"),
))]
pub fn dataset_snapshots(State(viewer): State<Arc<Viewer>>, Path(name): Path<String>) -> Response {
    let view = viewer.now();
    let Some(dataset) = found(&view, &name) else { return missing(&name) };
    let answer = DatasetSnapshots {
        envelope: Envelope::of(&view),
        policy: dataset.policy.clone(),
        snapshots: dataset.snapshots.clone(),
        confirmed: dataset.confirmed.clone(),
        dataset: name,
    };
    Json(answer).into_response()
}
