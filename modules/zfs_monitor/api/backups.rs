//! What goes elsewhere, and the jobs that bring it there.

use super::{Envelope, Refusal, problem};
use crate::view::Viewer;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use module_utils::status::model::{Job, Replica};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Each source with its target.
#[derive(Debug, Serialize, ToSchema)]
pub struct Replication {
    #[serde(flatten)]
    envelope: Envelope,
    replication: Vec<Replica>,
    /// How many.
    count: usize,
}

/// Each source with its target
///
/// And how new what the target has is.
#[utoipa::path(get, path = "/api/v1/replication", tag = "backups", responses(
    (status = 200, description = "All that is declared or has been found", body = Replication),
))]
pub async fn replication(State(viewer): State<Arc<Viewer>>) -> Json<Replication> {
    let view = viewer.now();
    let replication = view.status.facts.replication.clone().unwrap_or_default();
    Json(Replication { envelope: Envelope::of(&view), count: replication.len(), replication })
}

/// The same under the name that the seeds' zfs-api has for it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Backups {
    #[serde(flatten)]
    envelope: Envelope,
    backups: Vec<Replica>,
    /// How many.
    count: usize,
}

/// Each source with its target, under its older name
#[utoipa::path(get, path = "/api/v1/backups", tag = "backups", responses(
    (status = 200, description = "The same as /api/v1/replication", body = Backups),
))]
pub async fn backups(State(viewer): State<Arc<Viewer>>) -> Json<Backups> {
    let view = viewer.now();
    let backups = view.status.facts.replication.clone().unwrap_or_default();
    Json(Backups { envelope: Envelope::of(&view), count: backups.len(), backups })
}

/// The jobs of this host.
#[derive(Debug, Serialize, ToSchema)]
pub struct Jobs {
    #[serde(flatten)]
    envelope: Envelope,
    jobs: Vec<Job>,
    /// How many.
    count: usize,
}

/// The jobs of this host
#[utoipa::path(get, path = "/api/v1/jobs", tag = "backups", responses(
    (status = 200, description = "All that are installed or have left a result", body = Jobs),
))]
pub async fn jobs(State(viewer): State<Arc<Viewer>>) -> Json<Jobs> {
    let view = viewer.now();
    let jobs = view.status.facts.jobs.clone().unwrap_or_default();
    Json(Jobs { envelope: Envelope::of(&view), count: jobs.len(), jobs })
}

/// One job
#[utoipa::path(get, path = "/api/v1/jobs/{job}", tag = "backups",
    params(("job" = String, Path, description = "Its name: `snapshot`, `prune`, `pull@nas`")), responses(
    (status = 200, description = "How it is going", body = Job),
    (status = 404, description = "There is none of that name", body = Refusal, content_type = "application/problem+json"),
))]
pub async fn job(State(viewer): State<Arc<Viewer>>, Path(name): Path<String>) -> Response {
    let view = viewer.now();
    let found = view.status.facts.jobs.iter().flatten().find(|job| job.name == name);
    let missing = || problem(StatusCode::NOT_FOUND, format!("there is no job {name}"));
    found.map_or_else(missing, |job| Json(job.clone()).into_response())
}
