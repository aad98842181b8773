//! The same as JSON. What the seeds' zfs-api served has its path and fields here, and more beside.

#![allow(clippy::struct_field_names, reason = "they are the names of the API")]

mod backups;
mod datasets;
mod pools;
mod snapshots;
mod status;

use crate::view::{View, Viewer, stale_parts};
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use module_utils::status::model::At;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use utoipa::{OpenApi, ToSchema};

/// What begins every answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Envelope {
    /// This host.
    host: String,
    /// The version of this program.
    version: &'static str,
    /// When this was put together.
    collected_at: At,
    /// What could not be read, so that what is said of it is older, or null.
    stale_parts: Vec<String>,
}

impl Envelope {
    fn of(view: &View) -> Self {
        Self {
            host: view.status.host.clone(),
            version: view.status.version,
            collected_at: view.status.facts.collected_at,
            stale_parts: stale_parts(&view.status),
        }
    }
}

/// Why there is no answer, as RFC 9457 says it.
#[derive(Debug, Serialize, ToSchema)]
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
    let body = json!(Refusal { title, status: status.as_u16(), detail: detail.into() });
    (status, [(CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

#[derive(OpenApi)]
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

/// The paths of the API, and the document that describes them.
pub fn router() -> (Router<Arc<Viewer>>, String) {
    let router = Router::new()
        .route("/api/v1/status", get(status::status))
        .route("/api/v1/check", get(status::check))
        .route("/api/v1/health", get(status::health))
        .route("/api/v1/pools", get(pools::pools))
        .route("/api/v1/pools/{pool}", get(pools::pool))
        .route("/api/v1/pools/{pool}/status", get(pools::pool_status))
        .route("/api/v1/datasets", get(datasets::datasets))
        .route("/api/v1/datasets/{*dataset}", get(datasets::below))
        .route("/api/v1/snapshots", get(snapshots::snapshots))
        .route("/api/v1/snapshots/{*dataset}", get(snapshots::snapshots_of))
        .route("/api/v1/replication", get(backups::replication))
        .route("/api/v1/backups", get(backups::backups))
        .route("/api/v1/jobs", get(backups::jobs))
        .route("/api/v1/jobs/{job}", get(backups::job));
    let document = Document::openapi().to_json().unwrap_or_default();
    (router, document)
}
