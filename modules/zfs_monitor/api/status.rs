//! The verdict.

use super::Envelope;
use crate::view::{View, Viewer};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use module_utils::status::checks::{Problem, Verdict};
use module_utils::status::model::At;
use module_utils::status::report::Summary;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Whether all is well.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusAnswer {
    #[serde(flatten)]
    envelope: Envelope,
    verdict: Verdict,
    /// What is wrong, the worst first.
    problems: Vec<Problem>,
    summary: Summary,
}

impl StatusAnswer {
    fn of(view: &View) -> Self {
        let status = &view.status;
        Self {
            envelope: Envelope::of(view),
            verdict: status.verdict,
            problems: status.problems.clone(),
            summary: status.summary,
        }
    }
}

/// Whether all is well
///
/// The verdict, what is wrong and what to do, and how many there are of what. Always 200.
#[utoipa::path(get, path = "/api/v1/status", tag = "status", responses(
    (status = 200, description = "What is known", body = StatusAnswer),
))]
pub async fn status(State(viewer): State<Arc<Viewer>>) -> Json<StatusAnswer> {
    Json(StatusAnswer::of(&viewer.now()))
}

/// Whether somebody must look, by the status of the answer
///
/// For Uptime Kuma, load balancers and the like.
#[utoipa::path(get, path = "/api/v1/check", tag = "status", responses(
    (status = 200, description = "All is well, or there are warnings only", body = StatusAnswer),
    (status = 503, description = "Something is critical, or could not be found out", body = StatusAnswer),
))]
pub async fn check(State(viewer): State<Arc<Viewer>>) -> Response {
    let answer = StatusAnswer::of(&viewer.now());
    let status = match answer.verdict {
        Verdict::Ok | Verdict::Warning => StatusCode::OK,
        Verdict::Unknown | Verdict::Critical => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(answer)).into_response()
}

/// That this program answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `healthy`.
    status: &'static str,
    /// The name of this program.
    service: &'static str,
    /// Its version.
    version: &'static str,
    /// Now.
    timestamp: At,
}

/// That this program answers
///
/// It says nothing about pools or backups: that is what `/api/v1/check` is for.
#[utoipa::path(get, path = "/api/v1/health", tag = "status", responses(
    (status = 200, description = "It does", body = Health),
))]
pub async fn health() -> Json<Health> {
    let (status, service, version) = ("healthy", "zfs_monitor", env!("CARGO_PKG_VERSION"));
    Json(Health { status, service, version, timestamp: crate::collect::now() })
}
