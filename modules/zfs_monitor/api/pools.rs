//! Pools.

use super::{Call, answer, enveloped, fields, problem};
use crate::view::View;
use axum::http::StatusCode;
use axum::response::Response;
use module_utils::model::units::ByteSize;
use module_utils::status::model::{Pool, PoolState, PoolStatus};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A pool, with its sizes as people say them.
#[cfg(feature = "openapi")]
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PoolEntry {
    #[serde(flatten)]
    pool: Pool,
    size_human: Option<String>,
    allocated_human: Option<String>,
    free_human: Option<String>,
}

fn entry(pool: &Pool) -> Map<String, Value> {
    let human = |bytes: Option<u64>| json!(bytes.map(|bytes| ByteSize(bytes).to_string()));
    let mut entry = fields(pool);
    entry.insert("size_human".to_owned(), human(pool.properties.size_bytes));
    entry.insert("allocated_human".to_owned(), human(pool.properties.allocated_bytes));
    entry.insert("free_human".to_owned(), human(pool.properties.free_bytes));
    entry
}

/// All pools.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Pools {
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<PoolEntry>))]
    pools: Vec<Map<String, Value>>,
    /// How many.
    count: usize,
}

/// All pools
#[cfg_attr(feature = "openapi", utoipa::path(get, path = "/api/v1/pools", tag = "pools", responses(
    (status = 200, description = "All that are imported", body = super::Enveloped<Pools>),
)))]
pub fn pools(view: &View, _: &Call) -> Response {
    let pools: Vec<_> = view.status.facts.pools.iter().flatten().map(entry).collect();
    enveloped(view, &Pools { count: pools.len(), pools })
}

fn found<'a>(view: &'a View, name: &str) -> Option<&'a Pool> {
    view.status.facts.pools.iter().flatten().find(|pool| pool.name == name)
}

fn missing(name: &str) -> Response {
    problem(StatusCode::NOT_FOUND, format!("there is no pool {name}"))
}

/// One pool
#[cfg_attr(feature = "openapi", utoipa::path(get, path = "/api/v1/pools/{pool}", tag = "pools", params(("pool" = String, Path, description = "Its name")), responses(
    (status = 200, description = "The pool", body = PoolEntry),
    (status = 404, description = "There is none of that name", body = crate::api::Refusal, content_type = "application/problem+json"),
)))]
pub fn pool(view: &View, call: &Call) -> Response {
    found(view, &call.name).map_or_else(|| missing(&call.name), |pool| answer(entry(pool)))
}

/// What `zpool status` says of a pool.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct PoolStatusAnswer<'a> {
    /// Its name.
    pool: &'a str,
    state: &'a PoolState,
    /// None where it could not be asked.
    status: Option<&'a PoolStatus>,
}

/// What `zpool status` says of a pool
#[cfg_attr(feature = "openapi", utoipa::path(get, path = "/api/v1/pools/{pool}/status", tag = "pools", params(("pool" = String, Path, description = "Its name")), responses(
    (status = 200, description = "Its devices, scans and errors", body = super::Enveloped<PoolStatusAnswer>),
    (status = 404, description = "There is none of that name", body = crate::api::Refusal, content_type = "application/problem+json"),
)))]
pub fn pool_status(view: &View, call: &Call) -> Response {
    let Some(pool) = found(view, &call.name) else { return missing(&call.name) };
    enveloped(view, &PoolStatusAnswer { pool: &pool.name, state: &pool.state, status: pool.status.as_ref() })
}
