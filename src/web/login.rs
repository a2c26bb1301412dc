//! `/api/v1/session`: identity, login, logout.
//!
//! Always: a failed login is one log line with the client's address, for tools that block
//! addresses; the refusal is the same for an unknown name and a wrong password. Never: a password
//! in a log line, an answer or an error.

use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::access::{Attempt, LoginError, key_of};
use super::answers::{error, whole_body};
use super::api::{self, Shared};
use super::cookie::{self, Hop};
use super::session::{Identity, SessionKey};
use crate::config::Secret;

/// Limit of a name in a log line, in characters.
const SHOWN_CHARS: usize = 64;

/// Delay before a retry while too many log in, in seconds.
const BUSY_SECONDS: u64 = 2;

/// Body of a login.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    name: String,
    password: String,
}

/// Session key of a request's cookie.
pub(super) fn session_key(headers: &header::HeaderMap) -> Option<SessionKey> {
    let cookies = headers.get_all(header::COOKIE).filter_map(|header| header.to_str().ok());
    cookies.filter_map(cookie::session_id).map(key_of).next()
}

/// Answers with the sender's identity and rights.
pub(super) async fn who(request: HttpRequest, api: Shared) -> HttpResponse {
    let visitor = api::visitor(&request);
    HttpResponse::Ok().json(json!({
        "user": visitor.as_ref().and_then(|visitor| visitor.user.clone()),
        "role": visitor.as_ref().map(|visitor| visitor.role.as_str()),
        "open": api.settings.access.is_open(),
        "language": api.settings.language,
        "zone": api.settings.times.zone.name(),
    }))
}

pub(super) async fn log_in(
    request: HttpRequest,
    payload: web::Payload,
    api: Shared,
) -> HttpResponse {
    let body = match whole_body(&request, payload).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    // serde's error could quote the password.
    let Ok(Credentials { name, password }) = serde_json::from_slice(&body) else {
        let why = "a login is {\"name\":\"…\",\"password\":\"…\"}";
        return error(StatusCode::UNPROCESSABLE_ENTITY, why);
    };
    if !api.settings.access.has_users() {
        let why =
            "nobody can log in: add [[web.users]] to the configuration (run vigie passwd USER)";
        return error(StatusCode::NOT_FOUND, why);
    }
    let (address, is_secure) = with_hop(&request, &api, |hop| {
        (hop.client(&api.settings.proxies), hop.is_secure(&api.settings.proxies))
    });
    let shown = shown(&name);
    let attempt = Attempt { address, name, password: Secret::new(password) };
    match api.settings.access.log_in(attempt).await {
        Ok(id) => {
            log::info!(target: "vigie::web", address:%, user = shown; "login from {address}, user \"{shown}\"");
            let cookie = cookie::set(&id, is_secure);
            HttpResponse::NoContent().insert_header((header::SET_COOKIE, cookie)).finish()
        }
        Err(refused) => {
            let what = in_words(&refused);
            if let Some(more) = api.settings.access.admit_line(&refused) {
                let more = if more > 0 { format!(" (+{more})") } else { String::new() };
                log::warn!(target: "vigie::web", address:%, user = shown; "login refused from {address}, user \"{shown}\": {what}{more}");
            }
            refusal(&refused, what)
        }
    }
}

fn in_words(error: &LoginError) -> String {
    match error {
        LoginError::Wrong => "wrong name or password".into(),
        LoginError::TooOften(wait) => {
            format!("too many failures: wait {} s", seconds(*wait))
        }
        LoginError::Busy => "too many log in at once: try again in a moment".into(),
        LoginError::Failed(why) => format!("it can't be checked: {why}"),
    }
}

fn refusal(refused: &LoginError, what: String) -> HttpResponse {
    let (status, wait) = match refused {
        LoginError::Wrong => (StatusCode::UNAUTHORIZED, None),
        LoginError::TooOften(wait) => (StatusCode::TOO_MANY_REQUESTS, Some(seconds(*wait))),
        LoginError::Busy => (StatusCode::SERVICE_UNAVAILABLE, Some(BUSY_SECONDS)),
        LoginError::Failed(_) => (StatusCode::INTERNAL_SERVER_ERROR, None),
    };
    let mut answer = error(status, what);
    if let Some(wait) = wait {
        answer.headers_mut().insert(header::RETRY_AFTER, wait.into());
    }
    answer
}

/// Whole seconds, rounded up.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// Ends the session of the request's cookie, if any.
pub(super) async fn log_out(request: HttpRequest, api: Shared) -> HttpResponse {
    let ended = session_key(request.headers()).and_then(|key| api.settings.access.log_out(&key));
    if let Some(Identity { name, .. }) = ended {
        let address = with_hop(&request, &api, |hop| hop.client(&api.settings.proxies));
        let shown = shown(&name);
        log::info!(target: "vigie::web", address:%, user = shown; "logout from {address}, user \"{shown}\"");
    }
    HttpResponse::NoContent().insert_header((header::SET_COOKIE, cookie::unset())).finish()
}

/// Evaluates the origin of a request.
fn with_hop<T>(request: &HttpRequest, api: &Shared, work: impl FnOnce(Hop<'_>) -> T) -> T {
    let headers = request.headers();
    let all = |name| headers.get_all(name).filter_map(|it: &header::HeaderValue| it.to_str().ok());
    let forwarded_for: Vec<_> = all(header::X_FORWARDED_FOR).collect();
    // The Unix socket has no address.
    let peer = request.peer_addr().map_or(std::net::Ipv4Addr::LOCALHOST.into(), |peer| peer.ip());
    work(Hop {
        peer,
        is_tls: api.settings.tls.is_some(),
        forwarded_for: &forwarded_for,
        forwarded_proto: all(header::X_FORWARDED_PROTO).last(),
    })
}

/// Name as it may be logged.
fn shown(name: &str) -> String {
    name.chars().take(SHOWN_CHARS).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_on_its_line_and_in_its_quotes() {
        assert_eq!(shown("anne"), "anne");
        assert_eq!(
            shown("a\"\nlogin refused from 192.0.2.7"),
            "a\\\"\\nlogin refused from 192.0.2.7"
        );
        assert_eq!(shown(&"x".repeat(1000)).len(), SHOWN_CHARS);
    }

    #[test]
    fn a_wait_is_not_too_short() {
        assert_eq!(seconds(Duration::from_millis(29_001)), 30);
        assert_eq!(seconds(Duration::from_secs(30)), 30);
    }
}
