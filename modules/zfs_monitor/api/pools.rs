//! Pools.

use super::{Envelope, Refusal, problem};
use crate::view::{View, Viewer};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use module_utils::model::units::ByteSize;
use module_utils::status::model::{Pool, PoolState, PoolStatus};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A pool, with its sizes as people say them.
#[derive(Debug, Serialize, ToSchema)]
pub struct PoolEntry {
    #[serde(flatten)]
    pool: Pool,
    size_human: Option<String>,
    allocated_human: Option<String>,
    free_human: Option<String>,
}

impl PoolEntry {
    fn of(pool: &Pool) -> Self {
        let human = |bytes: Option<u64>| bytes.map(|bytes| ByteSize(bytes).to_string());
        Self {
            size_human: human(pool.properties.size_bytes),
            allocated_human: human(pool.properties.allocated_bytes),
            free_human: human(pool.properties.free_bytes),
            pool: pool.clone(),
        }
    }
}

/// All pools.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pools {
    #[serde(flatten)]
    envelope: Envelope,
    pools: Vec<PoolEntry>,
    /// How many.
    count: usize,
}

/// All pools
#[utoipa::path(get, path = "/api/v1/pools", tag = "pools", responses(
    (status = 200, description = "All that are imported", body = Pools),
))]
pub async fn pools(State(viewer): State<Arc<Viewer>>) -> Json<Pools> {
    let view = viewer.now();
    let pools: Vec<PoolEntry> = view.status.facts.pools.iter().flatten().map(PoolEntry::of).collect();
    Json(Pools { envelope: Envelope::of(&view), count: pools.len(), pools })
}

fn found<'a>(view: &'a View, name: &str) -> Option<&'a Pool> {
    view.status.facts.pools.iter().flatten().find(|pool| pool.name == name)
}

fn missing(name: &str) -> Response {
    problem(StatusCode::NOT_FOUND, format!("there is no pool {name}"))
}

/// One pool
#[utoipa::path(get, path = "/api/v1/pools/{pool}", tag = "pools", params(("pool" = String, Path, description = "Its name")), responses(
    (status = 200, description = "The pool", body = PoolEntry),
    (status = 404, description = "There is none of that name", body = Refusal, content_type = "application/problem+json"),
))]
pub async fn pool(State(viewer): State<Arc<Viewer>>, Path(name): Path<String>) -> Response {
    found(&viewer.now(), &name).map_or_else(|| missing(&name), |pool| Json(PoolEntry::of(pool)).into_response())
}

/// What `zpool status` says of a pool.
#[derive(Debug, Serialize, ToSchema)]
pub struct PoolStatusAnswer {
    #[serde(flatten)]
    envelope: Envelope,
    /// Its name.
    pool: String,
    state: PoolState,
    /// None where it could not be asked.
    status: Option<PoolStatus>,
}

/// What `zpool status` says of a pool
#[utoipa::path(get, path = "/api/v1/pools/{pool}/status", tag = "pools", params(("pool" = String, Path, description = "Its name")), responses(
    (status = 200, description = "Its devices, scans and errors", body = PoolStatusAnswer),
    (status = 404, description = "There is none of that name", body = Refusal, content_type = "application/problem+json"),
))]
pub async fn pool_status(State(viewer): State<Arc<Viewer>>, Path(name): Path<String>) -> Response {
    let view = viewer.now();
    let Some(pool) = found(&view, &name) else { return missing(&name) };
    let (state, status) = (pool.state.clone(), pool.status.clone());
    Json(PoolStatusAnswer { envelope: Envelope::of(&view), pool: name, state, status }).into_response()
}
