//! What goes elsewhere, and the jobs that bring it there.

use super::{Call, answer, enveloped, fields, problem};
use crate::view::View;
use axum::http::StatusCode;
use axum::response::Response;
use module_utils::status::model::{Job, Replica};
use serde::Serialize;

/// Each source with its target.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Replication<'a> {
    replication: &'a [Replica],
    /// How many.
    count: usize,
}

/// Each source with its target
///
/// And how new what the target has is.
#[cfg_attr(feature = "openapi", utoipa::path(get, path = "/api/v1/replication", tag = "backups", responses(
    (status = 200, description = "All that is declared or has been found", body = super::Enveloped<Replication>),
)))]
pub fn replication(view: &View, _: &Call) -> Response {
    let replication = view.status.facts.replication.as_deref().unwrap_or_default();
    enveloped(view, &Replication { replication, count: replication.len() })
}

/// The same under the name that the seeds' zfs-api has for it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Backups<'a> {
    backups: &'a [Replica],
    /// How many.
    count: usize,
}

/// Each source with its target, under its older name
#[cfg_attr(feature = "openapi", utoipa::path(get, path = "/api/v1/backups", tag = "backups", responses(
    (status = 200, description = "The same as /api/v1/replication", body = super::Enveloped<Backups>),
)))]
pub fn backups(view: &View, _: &Call) -> Response {
    let backups = view.status.facts.replication.as_deref().unwrap_or_default();
    enveloped(view, &Backups { backups, count: backups.len() })
}

/// The jobs of this host.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Jobs<'a> {
    jobs: &'a [Job],
    /// How many.
    count: usize,
}

/// The jobs of this host
#[cfg_attr(feature = "openapi", utoipa::path(get, path = "/api/v1/jobs", tag = "backups", responses(
    (status = 200, description = "All that are installed or have left a result", body = super::Enveloped<Jobs>),
)))]
pub fn jobs(view: &View, _: &Call) -> Response {
    let jobs = view.status.facts.jobs.as_deref().unwrap_or_default();
    enveloped(view, &Jobs { jobs, count: jobs.len() })
}

/// One job
#[cfg_attr(feature = "openapi", utoipa::path(get, path = "/api/v1/jobs/{job}", tag = "backups",
    params(("job" = String, Path, description = "Its name: `snapshot`, `prune`, `pull@nas`")), responses(
    (status = 200, description = "How it is going", body = Job),
    (status = 404, description = "There is none of that name", body = crate::api::Refusal, content_type = "application/problem+json"),
)))]
pub fn job(view: &View, call: &Call) -> Response {
    let found = view.status.facts.jobs.iter().flatten().find(|job| job.name == call.name);
    let missing = || problem(StatusCode::NOT_FOUND, format!("there is no job {}", call.name));
    found.map_or_else(missing, |job| answer(fields(job)))
}
