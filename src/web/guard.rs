//! Admission of requests: who sends one, and with which rights. Pure.
//!
//! Any web page can make a browser send requests to this machine. Such a request lacks our token,
//! and browsers leave our cookie out. Where no login is required, a foreign page is recognised by
//! its `Host` (its own name may resolve to 127.0.0.1), and can't change anything, since JSON needs
//! a preflight.

use std::net::IpAddr;
use std::sync::Arc;

use super::password::is_same_secret;
use super::session::{Identity, SessionKey};
use crate::config::{Role, Secret};

/// Listener of a request.
#[derive(Debug, Clone)]
pub(super) enum Door {
    /// Unix socket: whoever can open it has all rights.
    Local,
    /// TCP.
    Tcp {
        /// Bearer token with full rights, if configured.
        token: Option<Secret>,
    },
}

/// Rights that a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RequiredRights {
    /// None: the page, which shows the login, and the login itself.
    Nothing,
    /// To read.
    Read,
    /// To act.
    Act,
}

/// Paths that change nothing although their method is POST.
const READ_BY_POST: [&str; 1] = ["/api/v1/rules/try"];

impl RequiredRights {
    /// Rights for a path, by whether its method is a safe one.
    pub fn of(path: &str, is_safe: bool) -> Self {
        match path {
            "/" | "/api/v1/session" | "/-/healthy" => Self::Nothing,
            _ if path.starts_with("/a/") => Self::Nothing,
            _ if is_safe || READ_BY_POST.contains(&path) => Self::Read,
            _ => Self::Act,
        }
    }
}

/// Attributes of a request that decide its admission.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestFacts<'a> {
    pub need: RequiredRights,
    /// Its `Host` headers.
    pub hosts: &'a [&'a str],
    pub authorization: Option<&'a str>,
    /// Session of its cookie.
    pub session: Option<&'a (SessionKey, Identity)>,
    pub origin: Option<&'a str>,
    /// The header `Sec-Fetch-Site`.
    pub fetch_site: Option<&'a str>,
    /// Whether its method changes something.
    pub is_change: bool,
    /// Whether it is a `POST`, which a foreign page can send without a preflight.
    pub is_post: bool,
    pub content_type: Option<&'a str>,
    /// Whether it asks for another protocol: browsers let every page open a WebSocket anywhere.
    pub is_upgrade: bool,
}

/// Sender of an admitted request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principal {
    /// Name of the logged-in user; `None` without a login.
    pub user: Option<Arc<str>>,
    pub role: Role,
    /// Whether access is open.
    pub is_open: bool,
    /// Whether it may manage the daemon itself.
    pub is_owner: bool,
    /// Session of the logged-in user.
    pub session: Option<SessionKey>,
}

impl Principal {
    /// Sender with the daemon's own rights: by its socket, or the token.
    const fn owner(is_open: bool) -> Self {
        Self { user: None, role: Role::Operator, is_open, is_owner: true, session: None }
    }

    /// Anonymous sender on this machine, while access is open.
    fn anybody() -> Self {
        Self { is_owner: false, ..Self::owner(true) }
    }

    fn user((key, Identity { name, role }): &(SessionKey, Identity)) -> Self {
        Self {
            user: Some(name.clone()),
            role: *role,
            is_open: false,
            is_owner: *role >= Role::Operator,
            session: Some(*key),
        }
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Denial {
    #[error(
        "log in first (POST /api/v1/session), or send the header `Authorization: Bearer TOKEN` with the right token"
    )]
    NotKnown,
    #[error(
        "this API is for this machine: call it localhost or 127.0.0.1, or set users or a token in [web]"
    )]
    StrangeHost,
    #[error("this page is served from elsewhere: a session's requests come from Vigie's own pages")]
    ForeignOrigin,
    #[error("a change is asked for in JSON: send `Content-Type: application/json`")]
    NoJson,
    #[error("you are logged in as a viewer: a viewer reads, an operator acts")]
    OnlyViewer,
    #[error(
        "this is for the daemon's user: ask on its Unix socket, or set users or a token in [web]"
    )]
    NotOwner,
}

impl Denial {
    pub const fn status(self) -> u16 {
        match self {
            Self::NotKnown => 401,
            Self::StrangeHost | Self::ForeignOrigin | Self::OnlyViewer | Self::NotOwner => 403,
            Self::NoJson => 415,
        }
    }
}

/// Decides on the admission of a request; `None` for an anonymous sender. `is_open`: no login is
/// required.
pub(super) fn admit(
    door: &Door,
    is_open: bool,
    asking: RequestFacts<'_>,
) -> Result<Option<Principal>, Denial> {
    let visitor = visitor(door, is_open, asking)?;
    if asking.is_upgrade && !asking.origin.is_none_or(|origin| is_same_host(origin, asking.hosts)) {
        return Err(Denial::ForeignOrigin);
    }
    let is_by_cookie = visitor.as_ref().is_none_or(|visitor| visitor.session.is_some());
    if asking.is_change && is_by_cookie && !is_own_page(asking) {
        return Err(Denial::ForeignOrigin);
    }
    match (&visitor, asking.need) {
        (_, RequiredRights::Nothing) => {}
        (None, _) => return Err(Denial::NotKnown),
        (Some(visitor), RequiredRights::Act) if visitor.role < Role::Operator => {
            return Err(Denial::OnlyViewer);
        }
        (Some(_), RequiredRights::Read | RequiredRights::Act) => {}
    }
    if asking.is_post && !asking.content_type.is_some_and(is_json) {
        return Err(Denial::NoJson);
    }
    Ok(visitor)
}

fn visitor(
    door: &Door,
    is_open: bool,
    asking: RequestFacts<'_>,
) -> Result<Option<Principal>, Denial> {
    let Door::Tcp { token } = door else { return Ok(Some(Principal::owner(true))) };
    if is_open {
        let [host] = asking.hosts else { return Err(Denial::StrangeHost) };
        let visitor = is_loopback(host).then(Principal::anybody);
        return visitor.map(Some).ok_or(Denial::StrangeHost);
    }
    let given = asking.authorization.and_then(bearer);
    if let (Some(given), Some(token)) = (given, token)
        && is_same_secret(given, token.reveal())
    {
        return Ok(Some(Principal::owner(false)));
    }
    Ok(asking.session.map(Principal::user))
}

/// Browsers name the origin of a request; other clients don't, and have no cookie but their own.
fn is_own_page(asking: RequestFacts<'_>) -> bool {
    match (asking.fetch_site, asking.origin) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => is_same_host(origin, asking.hosts),
        (None, None) => true,
    }
}

/// Managing the daemon needs more than a login.
pub(super) fn admit_owner(visitor: Option<&Principal>) -> Result<(), Denial> {
    match visitor {
        Some(visitor) if visitor.is_owner => Ok(()),
        Some(visitor) if visitor.role < Role::Operator => Err(Denial::OnlyViewer),
        Some(_) | None => Err(Denial::NotOwner),
    }
}

/// Scheme names are case-insensitive (RFC 9110, 11.1).
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A host of a `Host` header, with or without a port.
fn is_loopback(host: &str) -> bool {
    let (name, rest) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').unwrap_or_default(),
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let is_port = |rest: &str| {
        let port = rest.strip_prefix(':');
        rest.is_empty() || port.is_some_and(|port| port.bytes().all(|it| it.is_ascii_digit()))
    };
    let is_local = name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    is_local && is_port(rest)
}

/// Whether an `Origin`, of any scheme, has the requested host.
fn is_same_host(origin: &str, hosts: &[&str]) -> bool {
    let [host] = hosts else { return false };
    origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(host))
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests;
