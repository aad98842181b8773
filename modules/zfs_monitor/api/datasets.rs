//! Datasets, and how each stands with its snapshots.

use super::{Call, answer, enveloped, fields, problem};
use crate::view::View;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use module_utils::model::units::ByteSize;
use module_utils::status::model::{Confirmed, Dataset, Role, Snapshots};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The most that are given at once, unless fewer are asked for.
const MOST: usize = 1_000;

/// Which datasets. A word that is misspelt would select all of them, so none is passed over.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
struct Which {
    /// Of this pool.
    pool: Option<String>,
    /// With this policy.
    policy: Option<String>,
    /// `true` for those that no policy speaks of, `false` for the others.
    unmanaged: Option<bool>,
    /// At most so many.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 1000))]
    limit: Option<usize>,
    /// Those whose names come after this one: the last of the page before.
    after: Option<String>,
}

/// A dataset, with its sizes as people say them.
#[cfg(feature = "openapi")]
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct DatasetEntry {
    #[serde(flatten)]
    dataset: Dataset,
    used_human: Option<String>,
    available_human: Option<String>,
    referenced_human: Option<String>,
    /// How much smaller compression makes it.
    compression_savings_percent: Option<f64>,
}

fn entry(dataset: &Dataset) -> Map<String, Value> {
    let human = |bytes: Option<u64>| json!(bytes.map(|bytes| ByteSize(bytes).to_string()));
    let space = &dataset.space;
    let ratio = space.compression_ratio.filter(|ratio| *ratio >= 1.0);
    let saved = ratio.map(|ratio| (1000.0 * (1.0 - 1.0 / ratio)).round() / 10.0);
    let mut entry = fields(dataset);
    entry.insert("used_human".to_owned(), human(space.used_bytes));
    entry.insert("available_human".to_owned(), human(space.available_bytes));
    entry.insert("referenced_human".to_owned(), human(space.referenced_bytes));
    entry.insert("compression_savings_percent".to_owned(), json!(saved));
    entry
}

/// Datasets by name.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Datasets<'a> {
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<DatasetEntry>))]
    datasets: Vec<Map<String, Value>>,
    /// How many of them are given here.
    count: usize,
    /// What to ask for after this; none if this was the last page.
    next_after: Option<&'a str>,
}

/// All datasets
///
/// By name, a page at a time.
#[cfg_attr(feature = "openapi", utoipa::path(get, path = "/api/v1/datasets", tag = "datasets", params(Which), responses(
    (status = 200, description = "Those that were asked for", body = super::Enveloped<Datasets>),
    (status = 400, description = "What was asked for is not understood", body = crate::api::Refusal, content_type = "application/problem+json"),
)))]
pub fn datasets(view: &View, call: &Call) -> Response {
    let which = match Query::<Which>::try_from_uri(&call.uri) {
        Ok(Query(which)) => which,
        Err(why) => return problem(StatusCode::BAD_REQUEST, why.body_text()),
    };
    if which.limit.is_some_and(|limit| !(1..=MOST).contains(&limit)) {
        return problem(StatusCode::BAD_REQUEST, format!("limit: expected 1 to {MOST}"));
    }
    let mut fitting: Vec<&Dataset> =
        view.status.facts.datasets.iter().flatten().filter(|dataset| which.includes(dataset)).collect();
    fitting.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let (limit, all) = (which.limit.unwrap_or(MOST), fitting.len());
    fitting.truncate(limit);
    let next_after = fitting.last().filter(|_| all > limit).map(|last| last.name.as_str());
    let datasets = fitting.iter().map(|dataset| entry(dataset)).collect();
    enveloped(view, &Datasets { datasets, count: fitting.len(), next_after })
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
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct DatasetSnapshots<'a> {
    /// Its full path.
    dataset: &'a str,
    /// Its policy; none if no policy speaks of it.
    policy: Option<&'a str>,
    /// Counts, newest and oldest of each interval; none where they could not be listed.
    snapshots: Option<&'a Snapshots>,
    /// What targets have confirmed.
    confirmed: &'a [Confirmed],
}

/// Paths of datasets have slashes themselves, so what comes last tells what is meant.
pub fn below(view: &View, call: &Call) -> Response {
    match call.name.strip_suffix("/snapshots") {
        Some(name) => dataset_snapshots(view, name),
        None => dataset(view, &call.name),
    }
}

/// One dataset
#[cfg_attr(feature = "openapi", utoipa::path(get, path = "/api/v1/datasets/{dataset}", tag = "datasets",
    params(("dataset" = String, Path, description = "Its full path, with its slashes as they are or as %2F")), responses(
    (status = 200, description = "The dataset", body = DatasetEntry),
    (status = 404, description = "There is none of that name", body = crate::api::Refusal, content_type = "application/problem+json"),
)))]
fn dataset(view: &View, name: &str) -> Response {
    found(view, name).map_or_else(|| missing(name), |dataset| answer(entry(dataset)))
}

/// How a dataset stands with its snapshots
#[cfg_attr(feature = "openapi", utoipa::path(get, path = "/api/v1/datasets/{dataset}/snapshots", tag = "datasets",
    params(("dataset" = String, Path, description = "Its full path, with its slashes as they are or as %2F")), responses(
    (status = 200, description = "Its snapshots by interval", body = super::Enveloped<DatasetSnapshots>),
    (status = 404, description = "There is none of that name", body = crate::api::Refusal, content_type = "application/problem+json"),
)))]
fn dataset_snapshots(view: &View, name: &str) -> Response {
    let Some(dataset) = found(view, name) else { return missing(name) };
    let body = DatasetSnapshots {
        dataset: &dataset.name,
        policy: dataset.policy.as_deref(),
        snapshots: dataset.snapshots.as_ref(),
        confirmed: &dataset.confirmed,
    };
    enveloped(view, &body)
}
