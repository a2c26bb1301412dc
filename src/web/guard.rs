//! Whether a request may be answered. Pure.
//!
//! A browser can be made to send requests to this machine by any page it shows. Such a request can't
//! carry our token; where there is none, a page of elsewhere is known by the name it calls us by (it may
//! have made its own name resolve to 127.0.0.1), and can't change anything, since it can't send JSON
//! without being asked back first.

use std::net::IpAddr;
use std::sync::Arc;

use crate::config::Secret;

/// By which door a request comes.
#[derive(Debug, Clone)]
pub(super) enum Door {
    /// The Unix socket: who can open it may do all.
    Local,
    /// TCP on loopback, without a token.
    Loopback,
    /// TCP, with this token.
    Token(Secret),
}

/// What counts of a request.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asking<'a> {
    /// Its `Host` headers.
    pub hosts: &'a [&'a str],
    pub authorization: Option<&'a str>,
    /// The page that sends it, as a browser says.
    pub origin: Option<&'a str>,
    /// Whether it asks for a file of the dashboard, which asks who one is by itself.
    pub is_page: bool,
    /// Whether it asks for a change, and what its body is said to be.
    pub is_change: bool,
    pub content_type: Option<&'a str>,
    /// Whether it asks for another protocol: a browser lets every page open a WebSocket to everywhere.
    pub is_upgrade: bool,
}

/// What one may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Reads, and acts on alarms.
    Operator,
}

impl Role {
    /// As it travels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
        }
    }
}

/// Who sent an admitted request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Visitor {
    /// Name of the user; `None` for who needed none.
    pub user: Option<Arc<str>>,
    pub role: Role,
    /// Whether the door asks nobody who he is.
    pub is_open: bool,
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Denied {
    #[error("this API needs the header `Authorization: Bearer TOKEN`, with the right token")]
    NoToken,
    #[error(
        "this API is for this machine: call it localhost or 127.0.0.1, or set a token in [web]"
    )]
    StrangeHost,
    #[error(
        "this API answers its own page alone: the header `Origin` names another host than `Host`"
    )]
    StrangeOrigin,
    #[error("a change is asked for in JSON: send `Content-Type: application/json`")]
    NoJson,
    #[error("this is for the daemon's user: ask on its Unix socket, or set a token in [web]")]
    NotOwner,
}

impl Denied {
    pub const fn status(self) -> u16 {
        match self {
            Self::NoToken => 401,
            Self::StrangeHost | Self::StrangeOrigin | Self::NotOwner => 403,
            Self::NoJson => 415,
        }
    }
}

/// The one place that decides who is answered.
pub(super) fn admit(door: &Door, asking: Asking<'_>) -> Result<Visitor, Denied> {
    match door {
        Door::Local => {}
        Door::Loopback => {
            let [host] = asking.hosts else { return Err(Denied::StrangeHost) };
            if !is_loopback(host) {
                return Err(Denied::StrangeHost);
            }
        }
        Door::Token(_) if asking.is_page => {}
        Door::Token(token) => {
            let given = asking.authorization.and_then(bearer);
            if !given.is_some_and(|given| is_same(given, token.reveal())) {
                return Err(Denied::NoToken);
            }
        }
    }
    if asking.is_change && !asking.content_type.is_some_and(is_json) {
        return Err(Denied::NoJson);
    }
    if asking.is_upgrade && !asking.origin.is_none_or(|origin| is_same_host(origin, asking.hosts)) {
        return Err(Denied::StrangeOrigin);
    }
    Ok(Visitor { user: None, role: Role::Operator, is_open: !matches!(door, Door::Token(_)) })
}

/// What concerns the daemon itself is not for everybody who can log in on this machine.
pub(super) fn admit_owner(door: &Door) -> Result<(), Denied> {
    match door {
        Door::Local | Door::Token(_) => Ok(()),
        Door::Loopback => Err(Denied::NotOwner),
    }
}

/// The name of a scheme is of either case (RFC 9110, 11.1).
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Takes as long wherever the first difference is.
fn is_same(given: &str, token: &str) -> bool {
    let (given, token) = (given.as_bytes(), token.as_bytes());
    given.len() == token.len()
        && given.iter().zip(token).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// A host of a `Host` header, with or without a port.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
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
mod tests {
    use super::*;

    fn from(host: &str) -> Result<(), Denied> {
        admit(&Door::Loopback, Asking { hosts: &[host], ..Asking::default() }).map(drop)
    }

    fn with(authorization: Option<&str>) -> Result<(), Denied> {
        let door = Door::Token(Secret::new("s3cret".to_owned()));
        let asking = Asking { authorization, hosts: &["anything"], ..Asking::default() };
        admit(&door, asking).map(drop)
    }

    #[test]
    fn without_a_token_only_this_machine_is_meant() {
        for host in ["localhost", "LocalHost:8420", "127.0.0.1:8420", "127.1.2.3", "[::1]:8420"] {
            assert_eq!(from(host), Ok(()), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example:80", "192.168.0.9", "[::2]", "1"] {
            assert_eq!(from(host), Err(Denied::StrangeHost), "{host}");
        }
        let none = admit(&Door::Loopback, Asking::default());
        assert_eq!(none, Err(Denied::StrangeHost));
        let two = Asking { hosts: &["localhost", "evil.example"], ..Asking::default() };
        assert_eq!(admit(&Door::Loopback, two), Err(Denied::StrangeHost));
        assert!(admit(&Door::Local, Asking::default()).is_ok_and(|visitor| visitor.is_open));
    }

    #[test]
    fn the_page_is_shown_to_who_has_no_token_yet() {
        let door = Door::Token(Secret::new("s3cret".to_owned()));
        let page = Asking { hosts: &["plant"], is_page: true, ..Asking::default() };
        assert!(admit(&door, page).is_ok());
        let other = Asking { hosts: &["evil.example"], is_page: true, ..Asking::default() };
        assert_eq!(admit(&Door::Loopback, other), Err(Denied::StrangeHost));
    }

    #[test]
    fn a_web_socket_is_opened_by_the_own_page_or_by_no_page() {
        let opened = |origin, host: &str| {
            let asking = Asking { hosts: &[host], origin, is_upgrade: true, ..Asking::default() };
            admit(&Door::Local, asking).map(drop)
        };
        assert_eq!(opened(None, "plant:8420"), Ok(()));
        assert_eq!(opened(Some("http://Plant:8420"), "plant:8420"), Ok(()));
        assert_eq!(opened(Some("https://plant"), "plant"), Ok(()));
        for origin in ["null", "", "http://evil.example", "http://plant:8421", "http://plant"] {
            assert_eq!(opened(Some(origin), "plant:8420"), Err(Denied::StrangeOrigin), "{origin}");
        }
    }

    #[test]
    fn a_token_is_the_right_one_or_none() {
        assert_eq!(with(Some("Bearer s3cret")), Ok(()));
        assert_eq!(with(Some("bearer  s3cret ")), Ok(()));
        for wrong in ["Bearer s3cres", "Bearer s3cre", "Basic s3cret", "s3cret", "Bearer "] {
            assert_eq!(with(Some(wrong)), Err(Denied::NoToken), "{wrong}");
        }
        assert_eq!(with(None), Err(Denied::NoToken));
    }

    #[test]
    fn the_daemon_itself_is_for_who_has_its_socket_or_the_token() {
        assert_eq!(admit_owner(&Door::Local), Ok(()));
        assert_eq!(admit_owner(&Door::Token(Secret::new("s3cret".to_owned()))), Ok(()));
        assert_eq!(admit_owner(&Door::Loopback), Err(Denied::NotOwner));
    }

    #[test]
    fn changes_are_asked_for_in_json() {
        let change = |content_type| {
            let asking = Asking { is_change: true, content_type, ..Asking::default() };
            admit(&Door::Local, asking).map(drop)
        };
        assert_eq!(change(Some("application/json")), Ok(()));
        assert_eq!(change(Some("Application/JSON; charset=utf-8")), Ok(()));
        for other in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
            assert_eq!(change(other), Err(Denied::NoJson));
        }
    }
}
