//! The verdict.

use super::{Call, answer, enveloped, fields};
use crate::view::View;
use axum::http::StatusCode;
use axum::response::Response;
use module_utils::status::checks::{Problem, Verdict};
use module_utils::status::model::At;
use module_utils::status::report::Summary;
use serde::Serialize;

/// Whether all is well.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct StatusAnswer<'a> {
    verdict: Verdict,
    /// What is wrong, the worst first.
    problems: &'a [Problem],
    summary: Summary,
}

impl<'a> StatusAnswer<'a> {
    fn of(view: &'a View) -> Self {
        let status = &view.status;
        Self { verdict: status.verdict, problems: &status.problems, summary: status.summary }
    }
}

/// Whether all is well
///
/// The verdict, what is wrong and what to do, and how many there are of what. Always 200.
#[cfg_attr(feature = "openapi", utoipa::path(get, path = "/api/v1/status", tag = "status", responses(
    (status = 200, description = "What is known", body = super::Enveloped<StatusAnswer>),
)))]
pub fn status(view: &View, _: &Call) -> Response {
    enveloped(view, &StatusAnswer::of(view))
}

/// Whether somebody must look, by the status of the answer
///
/// For Uptime Kuma, load balancers and the like.
#[cfg_attr(feature = "openapi", utoipa::path(get, path = "/api/v1/check", tag = "status", responses(
    (status = 200, description = "All is well, or there are warnings only", body = super::Enveloped<StatusAnswer>),
    (status = 503, description = "Something is critical, or could not be found out", body = super::Enveloped<StatusAnswer>),
)))]
pub fn check(view: &View, _: &Call) -> Response {
    let mut answer = enveloped(view, &StatusAnswer::of(view));
    if matches!(view.status.verdict, Verdict::Unknown | Verdict::Critical) {
        *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    answer
}

/// That this program answers.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Health {
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
#[cfg_attr(feature = "openapi", utoipa::path(get, path = "/api/v1/health", tag = "status", responses(
    (status = 200, description = "It does", body = Health),
)))]
pub fn health(_: &View, _: &Call) -> Response {
    let (status, service, version) = ("healthy", "zfs_monitor", env!("CARGO_PKG_VERSION"));
    answer(fields(&Health { status, service, version, timestamp: crate::collect::now() }))
}
