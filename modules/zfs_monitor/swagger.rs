//! Swagger UI, from this program itself: nothing is loaded from elsewhere, and all paths are relative, so it works below any prefix.

use crate::api;
use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use flate2::read::GzDecoder;
use std::io::Read;
use std::sync::Arc;

const PAGE: &str = include_str!("swagger.html");
const START: &str = include_str!("swagger.js");
const SCRIPT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz"));
const STYLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz"));

/// Its own files only; it sets styles itself and draws its icons as data.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The page and what it loads, and the document that it shows.
pub fn router(document: Arc<str>) -> Router {
    let page = || async { ([(CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE)) };
    // Relative links on the page are seen from here.
    let without_slash = || async { (StatusCode::PERMANENT_REDIRECT, [(LOCATION, "../docs")]) };
    Router::new()
        .route("/api/docs", get(page))
        .route("/api/docs/", get(without_slash))
        .route("/api/docs/start.js", get(|| async { ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], START) }))
        .route(
            "/api/docs/swagger-ui-bundle.js",
            get(|headers: HeaderMap| async move { file(&headers, "text/javascript; charset=utf-8", SCRIPT) }),
        )
        .route(
            "/api/docs/swagger-ui.css",
            get(|headers: HeaderMap| async move { file(&headers, "text/css; charset=utf-8", STYLE) }),
        )
        .route("/api/openapi.json", get(openapi))
        .with_state(document)
}

async fn openapi(State(document): State<Arc<str>>) -> Response {
    ([(CONTENT_TYPE, "application/json")], document.to_string()).into_response()
}

/// A file as it is kept, or unpacked for those who do not take that.
fn file(headers: &HeaderMap, kind: &'static str, packed: &'static [u8]) -> Response {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    if crate::negotiate::takes_gzip(accepted) {
        return ([(CONTENT_TYPE, kind), (CONTENT_ENCODING, "gzip"), (VARY, "Accept-Encoding")], packed).into_response();
    }
    let mut unpacked = Vec::new();
    match GzDecoder::new(packed).read_to_end(&mut unpacked) {
        Ok(_) => ([(CONTENT_TYPE, kind), (VARY, "Accept-Encoding")], unpacked).into_response(),
        Err(_) => api::problem(StatusCode::INTERNAL_SERVER_ERROR, "this file of the program is damaged"),
    }
}
