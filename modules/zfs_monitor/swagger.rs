//! Swagger UI, from this host itself: nothing is loaded from elsewhere, and all paths are relative, so it works below any prefix. Its two
//! files are a fifth of what a program here may be, and whoever wants no such page needs none, so they lie beside the program.

use crate::api;
use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use flate2::read::GzDecoder;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

const PAGE: &str = include_str!("swagger.html");
const START: &str = include_str!("swagger.js");
const DOCUMENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.gz"));
const SCRIPT: &str = "swagger-ui-bundle.js.gz";
const SCRIPTS: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "swagger-ui.css.gz";

/// Its own files only; it sets styles itself and draws its icons as data.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The page and what it loads from a folder, and the document that it shows.
pub fn router(folder: &Path) -> Router {
    // Relative links on the page are seen from here.
    let without_slash = || async { (StatusCode::PERMANENT_REDIRECT, [(LOCATION, "../docs")]) };
    let load = |name: &'static str, kind: &'static str| {
        get(
            move |State(folder): State<Arc<Path>>, headers: HeaderMap| async move { file(&folder, &headers, name, kind) },
        )
    };
    let document = |headers: HeaderMap| async move { packed(&headers, "application/json", DOCUMENT.to_vec()) };
    Router::new()
        .route("/api/docs", get(page))
        .route("/api/docs/", get(without_slash))
        .route("/api/docs/start.js", get(|| async { ([(CONTENT_TYPE, SCRIPTS)], START) }))
        .route("/api/docs/swagger-ui-bundle.js", load(SCRIPT, SCRIPTS))
        .route("/api/docs/swagger-ui.css", load(STYLE, "text/css; charset=utf-8"))
        .route("/api/openapi.json", get(document))
        .with_state(Arc::from(folder))
}

async fn page(State(folder): State<Arc<Path>>) -> Response {
    if folder.join(SCRIPT).exists() {
        return ([(CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE)).into_response();
    }
    let folder = folder.display();
    let why = format!(
        "Swagger UI is not here: its files are looked for in {folder}, where the role zfs_monitor puts them. The document itself is at /api/openapi.json"
    );
    api::problem(StatusCode::NOT_FOUND, why)
}

fn file(folder: &Path, headers: &HeaderMap, name: &str, kind: &'static str) -> Response {
    match std::fs::read(folder.join(name)) {
        Ok(content) => packed(headers, kind, content),
        Err(error) => api::problem(StatusCode::NOT_FOUND, format!("{}: {error}", folder.join(name).display())),
    }
}

/// What is packed as it is, or unpacked for those who do not take that.
fn packed(headers: &HeaderMap, kind: &'static str, content: Vec<u8>) -> Response {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    if crate::negotiate::takes_gzip(accepted) {
        return ([(CONTENT_TYPE, kind), (CONTENT_ENCODING, "gzip"), (VARY, "Accept-Encoding")], content)
            .into_response();
    }
    let mut unpacked = Vec::new();
    match GzDecoder::new(content.as_slice()).read_to_end(&mut unpacked) {
        Ok(_) => ([(CONTENT_TYPE, kind), (VARY, "Accept-Encoding")], unpacked).into_response(),
        Err(_) => api::problem(StatusCode::INTERNAL_SERVER_ERROR, "this file is damaged"),
    }
}
