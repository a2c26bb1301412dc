//! Error responses as problem details (RFC 9457), and the timeouts that cause them.
//!
//! Always: the cause is in `detail`, for people. Never: a wait without a timeout.

use std::time::Duration;

use actix_web::guard::{Any, Get, Head};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Route, web};
use serde::Serialize;

use super::guard::Denial;

/// Timeout of a client for its request's head, and then for its body.
pub(super) const REQUEST_PATIENCE: Duration = Duration::from_secs(5);

/// Media type of a problem document.
const PROBLEM: &str = "application/problem+json";

/// A problem document.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
}

/// Response with what failed and why.
pub(super) fn error(status: StatusCode, detail: impl AsRef<str>) -> HttpResponse {
    let problem = Problem {
        r#type: "about:blank",
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail: detail.as_ref(),
    };
    HttpResponse::build(status)
        .content_type(PROBLEM)
        .body(serde_json::to_string(&problem).unwrap_or_default())
}

pub(super) fn refusal(denied: Denial) -> HttpResponse {
    let status = StatusCode::from_u16(denied.status()).unwrap_or(StatusCode::FORBIDDEN);
    let mut refused = error(status, denied.to_string());
    if status == StatusCode::UNAUTHORIZED {
        // `Basic` would make browsers ask for a password themselves.
        let scheme = HeaderValue::from_static("Bearer realm=\"vigie\"");
        refused.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    }
    refused
}

/// Reads the database on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, HttpResponse> {
    let read = web::block(read).await.map_err(|error| error.to_string());
    read.and_then(|found| found).map_err(|why| error(StatusCode::SERVICE_UNAVAILABLE, why))
}

/// Body of a request, within the timeout.
pub(super) async fn whole_body(
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<web::Bytes, HttpResponse> {
    let body = web::Bytes::from_request(request, &mut payload.into_inner());
    match tokio::time::timeout(REQUEST_PATIENCE, body).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(why)) => Err(error(why.as_response_error().status_code(), why.to_string())),
        Err(_) => {
            let why = format!("the request's body was not there within {REQUEST_PATIENCE:?}");
            Err(error(StatusCode::REQUEST_TIMEOUT, why))
        }
    }
}

pub(super) fn read_only(route: Route) -> Route {
    route.guard(Any(Get()).or(Head()))
}

/// Refuses other methods than those a [`read_only`] route has.
pub(super) fn not_read(why: &'static str) -> Route {
    wrong_method(why.to_owned(), "GET, HEAD".to_owned())
}

pub(super) fn wrong_method(why: String, allowed: String) -> Route {
    web::to(move || {
        let mut refused = error(StatusCode::METHOD_NOT_ALLOWED, &why);
        if let Ok(allowed) = HeaderValue::from_str(&allowed) {
            refused.headers_mut().insert(header::ALLOW, allowed);
        }
        async move { refused }
    })
}
