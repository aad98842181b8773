//! The same as JSON. What the seeds' zfs-api served has its path and fields here, and more beside.

#![allow(clippy::struct_field_names, reason = "they are the names of the API")]

mod backups;
mod datasets;
mod pools;
mod snapshots;
mod status;

use crate::view::{View, Viewer, stale_parts};
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use module_utils::status::model::At;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// What begins every answer.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Envelope {
    /// This host.
    host: String,
    /// The version of this program.
    version: &'static str,
    /// When this was put together.
    collected_at: At,
    /// What could not be read, so that what is said of it is older, or null.
    stale_parts: Vec<String>,
}

/// An answer with what begins it, as the document has it.
#[cfg(feature = "openapi")]
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Enveloped<T> {
    #[serde(flatten)]
    envelope: Envelope,
    #[serde(flatten)]
    body: T,
}

/// The fields of a value.
fn fields(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// An answer of these fields, as one instance of `Json` for all of them.
fn answer(fields: Map<String, Value>) -> Response {
    ([(CONTENT_TYPE, "application/json")], Value::Object(fields).to_string()).into_response()
}

/// An answer with what begins it.
fn enveloped(view: &View, body: &impl Serialize) -> Response {
    let mut all = fields(&Envelope {
        host: view.status.host.clone(),
        version: view.status.version,
        collected_at: view.status.facts.collected_at,
        stale_parts: stale_parts(&view.status),
    });
    all.extend(fields(body));
    answer(all)
}

/// What was asked.
struct Call {
    /// The last part of the path, where that names something.
    name: String,
    uri: Uri,
}

/// Answers by a function. All are of one type, and so is the code around them.
fn by(answer: fn(&View, &Call) -> Response) -> MethodRouter<Arc<Viewer>> {
    get(
        move |State(viewer): State<Arc<Viewer>>,
              path: Result<Path<HashMap<String, String>>, PathRejection>,
              uri: Uri| async move {
            match path {
                Ok(Path(parts)) => {
                    let name = parts.into_values().next().unwrap_or_default();
                    answer(&viewer.now(), &Call { name, uri })
                }
                Err(why) => problem(StatusCode::BAD_REQUEST, why.body_text()),
            }
        },
    )
}

/// Why there is no answer, as RFC 9457 says it.
#[cfg(feature = "openapi")]
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Refusal {
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// What is wrong.
    detail: String,
}

/// A refusal.
pub fn problem(status: StatusCode, detail: impl Into<String>) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let body = json!({"title": title, "status": status.as_u16(), "detail": detail.into()});
    (status, [(CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

#[cfg(feature = "openapi")]
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "zfs_monitor",
        description = "Whether the ZFS backups of a host are fine. Everything is read from memory: no request starts a command. \
            Bytes are integers, times RFC 3339 in UTC, and what is not known is null.",
        license(name = "GPL-3.0-or-later", identifier = "GPL-3.0-or-later")
    ),
    servers((url = "..", description = "This host, below whatever prefix it is reached by")),
    tags(
        (name = "status", description = "All of it in a word"),
        (name = "pools", description = "Pools and their devices"),
        (name = "datasets", description = "Datasets and their snapshots"),
        (name = "backups", description = "What goes elsewhere, and the jobs that bring it there")
    ),
    paths(
        status::status, status::check, status::health,
        pools::pools, pools::pool, pools::pool_status,
        datasets::datasets, datasets::dataset, datasets::dataset_snapshots,
        snapshots::snapshots, snapshots::snapshots_of,
        backups::replication, backups::backups, backups::jobs, backups::job,
    ),
)]
struct Document;

/// The document that describes the API, for `make generate`: made of the code, it is made when that changes, not in each program.
#[cfg(feature = "openapi")]
pub fn document() -> Option<String> {
    <Document as utoipa::OpenApi>::openapi().to_pretty_json().ok()
}

/// The paths of the API.
pub fn router() -> Router<Arc<Viewer>> {
    Router::new()
        .route("/api/v1/status", by(status::status))
        .route("/api/v1/check", by(status::check))
        .route("/api/v1/health", by(status::health))
        .route("/api/v1/pools", by(pools::pools))
        .route("/api/v1/pools/{pool}", by(pools::pool))
        .route("/api/v1/pools/{pool}/status", by(pools::pool_status))
        .route("/api/v1/datasets", by(datasets::datasets))
        .route("/api/v1/datasets/{*dataset}", by(datasets::below))
        .route("/api/v1/snapshots", by(snapshots::snapshots))
        .route("/api/v1/snapshots/{*dataset}", by(snapshots::snapshots_of))
        .route("/api/v1/replication", by(backups::replication))
        .route("/api/v1/backups", by(backups::backups))
        .route("/api/v1/jobs", by(backups::jobs))
        .route("/api/v1/jobs/{job}", by(backups::job))
}
