//! Who gets what at which path, and who may.

use crate::negotiate::{format, takes_gzip, wants_html};
use crate::view::{View, Viewer};
use crate::{api, page, swagger};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, REFERRER_POLICY, VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use flate2::{Compression, write::GzEncoder};
use module_utils::exec::atomic_file;
use module_utils::status::metrics::Format;
use module_utils::status::screen::Screen;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

/// Below this many bytes nothing is gained by compressing.
const WORTH: usize = 1_400;

/// What readers must bring.
#[derive(Clone)]
pub struct Token(Arc<[u8]>);

impl Token {
    /// The first line of a file.
    pub fn read(path: &Path) -> Result<Self, String> {
        const LONGEST: u64 = 4_096;
        let wrong = |why: String| format!("option token_file: {}: {why}", path.display());
        let mut text = String::new();
        let file = atomic_file::open(path).map_err(|error| wrong(error.to_string()))?;
        file.take(LONGEST).read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
        let token = text.lines().next().unwrap_or_default().trim();
        if token.len() < 16 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong(
                "expected one line of at least 16 characters without spaces, as of `openssl rand -hex 32`".to_owned(),
            ));
        }
        Ok(Self(token.as_bytes().into()))
    }

    /// In the same time for every guess of the same length.
    fn is(&self, given: &[u8]) -> bool {
        self.0.len() == given.len() && self.0.iter().zip(given).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
    }
}

/// All paths.
pub fn router(viewer: Arc<Viewer>, token: Option<Token>, swagger_ui: &Path) -> Router {
    let open = Router::new()
        .route("/-/healthy", get(|| async { "healthy\n" }))
        .route("/-/ready", get(ready))
        .with_state(Arc::clone(&viewer));
    let guarded = Router::new()
        .route("/", get(front))
        .route("/metrics", get(metrics))
        .merge(api::router())
        .with_state(viewer)
        .merge(swagger::router(swagger_ui))
        .layer(from_fn_with_state(token, only_with_token));
    open.merge(guarded)
        .fallback(|| async { api::problem(StatusCode::NOT_FOUND, "there is nothing at this path; see /api/docs") })
        .layer(from_fn(compressed))
        .layer(from_fn(guard))
}

async fn ready(State(viewer): State<Arc<Viewer>>) -> Response {
    if viewer.now().is_complete {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not everything has been looked at yet\n").into_response()
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

async fn front(State(viewer): State<Arc<Viewer>>, headers: HeaderMap) -> Response {
    let view: Arc<View> = viewer.now();
    let vary = [(VARY, "Accept")];
    if wants_html(header(&headers, &ACCEPT)) {
        return (vary, Html(page::page(&view.status).into_string())).into_response();
    }
    (vary, Screen::new(&view.status).text(false)).into_response()
}

async fn metrics(State(viewer): State<Arc<Viewer>>, headers: HeaderMap) -> Response {
    let format = format(header(&headers, &ACCEPT));
    let kind = match format {
        Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
    };
    ([(CONTENT_TYPE, kind), (VARY, "Accept")], viewer.now().metrics(format)).into_response()
}

async fn only_with_token(State(token): State<Option<Token>>, request: Request, next: Next) -> Response {
    let given = header(request.headers(), &AUTHORIZATION).and_then(|value| value.split_once(' '));
    let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, given)| given.trim());
    match token {
        Some(token) if !given.is_some_and(|given| token.is(given.as_bytes())) => {
            let mut answer =
                api::problem(StatusCode::UNAUTHORIZED, "this needs the token: Authorization: Bearer TOKEN");
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"zfs_monitor\""));
            answer
        }
        _ => next.run(request).await,
    }
}

/// Reading is all there is, and what is read is of this moment and not for other pages.
async fn guard(request: Request, next: Next) -> Response {
    let mut answer = if matches!(*request.method(), Method::GET | Method::HEAD) {
        next.run(request).await
    } else {
        let mut refusal = api::problem(StatusCode::METHOD_NOT_ALLOWED, "everything here is read with GET or HEAD");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        refusal
    };
    let headers = answer.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ));
    answer
}

/// Compresses what is worth it for those who take it.
async fn compressed(request: Request, next: Next) -> Response {
    let takes = takes_gzip(header(request.headers(), &ACCEPT_ENCODING)) && request.method() == Method::GET;
    let answer = next.run(request).await;
    if !takes || answer.headers().contains_key(CONTENT_ENCODING) {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    // All bodies here are whole.
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    match encoder.write_all(&bytes).and_then(|()| encoder.finish()) {
        Ok(smaller) if bytes.len() >= WORTH => {
            parts.headers.remove(axum::http::header::CONTENT_LENGTH);
            parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            parts.headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
            Response::from_parts(parts, Body::from(smaller))
        }
        _ => Response::from_parts(parts, Body::from(bytes)),
    }
}
