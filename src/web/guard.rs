//! Who asks, and what he may: whether a request may be answered. Pure.
//!
//! A browser can be made to send requests to this machine by any page it shows. Such a request can't carry our
//! token, and its browser leaves our cookie out. Where nobody has to log in, a page of elsewhere is known by the
//! name it calls us by (it may have made its own name resolve to 127.0.0.1), and can't change anything, since it
//! can't send JSON without being asked back first.

use std::net::IpAddr;
use std::sync::Arc;

use super::password::is_same_secret;
use super::session::{Identity, SessionKey};
use crate::config::{Role, Secret};

/// By which door a request comes.
#[derive(Debug, Clone)]
pub(super) enum Door {
    /// The Unix socket: who can open it may do all.
    Local,
    /// TCP.
    Tcp {
        /// Bearer token with full rights, if there is one.
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

/// Paths that change nothing although they are posted to.
const READ_BY_POST: [&str; 1] = ["/api/v1/rules/try"];

impl RequiredRights {
    /// Rights that a request needs, by its path and whether its method is a safe one.
    pub fn of(path: &str, is_safe: bool) -> Self {
        match path {
            "/" | "/api/v1/session" | "/-/healthy" => Self::Nothing,
            _ if path.starts_with("/a/") => Self::Nothing,
            _ if is_safe || READ_BY_POST.contains(&path) => Self::Read,
            _ => Self::Act,
        }
    }
}

/// What counts of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestFacts<'a> {
    pub need: RequiredRights,
    /// Its `Host` headers.
    pub hosts: &'a [&'a str],
    pub authorization: Option<&'a str>,
    /// Whose session its cookie names.
    pub session: Option<&'a (SessionKey, Identity)>,
    pub origin: Option<&'a str>,
    /// The header `Sec-Fetch-Site`.
    pub fetch_site: Option<&'a str>,
    /// Whether its method is one that changes something.
    pub is_change: bool,
    /// Whether it is a `POST`, which a page of elsewhere can send without being asked back.
    pub is_post: bool,
    pub content_type: Option<&'a str>,
    /// Whether it asks for another protocol: a browser lets every page open a WebSocket to everywhere.
    pub is_upgrade: bool,
}

/// Who sent an admitted request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principal {
    /// Name of the logged-in user; `None` for who needed no login.
    pub user: Option<Arc<str>>,
    pub role: Role,
    /// Whether the door asks nobody who he is.
    pub is_open: bool,
    /// Whether what concerns the daemon itself is for him.
    pub is_owner: bool,
    /// Session of the logged-in user.
    pub session: Option<SessionKey>,
}

impl Principal {
    /// Whoever has what stands for the daemon's own user: its socket, or the token.
    const fn owner(is_open: bool) -> Self {
        Self { user: None, role: Role::Operator, is_open, is_owner: true, session: None }
    }

    /// Anybody on this machine, where nobody has to log in.
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

/// Why a request is not answered.
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

/// The one place that decides who is answered; who it is, unless it is a stranger. `is_open`: nobody has to log in.
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

/// A browser says by itself where the page is from that makes it ask; what is no browser says nothing, and has no
/// cookie that is not its own.
fn is_own_page(asking: RequestFacts<'_>) -> bool {
    match (asking.fetch_site, asking.origin) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => is_same_host(origin, asking.hosts),
        (None, None) => true,
    }
}

/// What concerns the daemon itself is not for everybody who can log in on this machine.
pub(super) fn admit_owner(visitor: Option<&Principal>) -> Result<(), Denial> {
    match visitor {
        Some(visitor) if visitor.is_owner => Ok(()),
        Some(visitor) if visitor.role < Role::Operator => Err(Denial::OnlyViewer),
        Some(_) | None => Err(Denial::NotOwner),
    }
}

/// The name of a scheme is of either case (RFC 9110, 11.1).
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

/// Whether an `Origin`, of whichever scheme, is of the host that is asked.
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
