//! Whether a request may be answered. Pure.
//!
//! A browser can be made to send requests to this machine by any page it shows. Such a request can't
//! carry our token; where there is none, a page of elsewhere is known by the name it calls us by (it may
//! have made its own name resolve to 127.0.0.1), and can't change anything, since it can't send JSON
//! without being asked back first.

use std::net::IpAddr;

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
    /// Whether it asks for a change, and what its body is said to be.
    pub is_change: bool,
    pub content_type: Option<&'a str>,
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
    #[error("a change is asked for in JSON: send `Content-Type: application/json`")]
    NoJson,
    #[error("this is for the daemon's user: ask on its Unix socket, or set a token in [web]")]
    NotOwner,
}

impl Denied {
    pub const fn status(self) -> u16 {
        match self {
            Self::NoToken => 401,
            Self::StrangeHost | Self::NotOwner => 403,
            Self::NoJson => 415,
        }
    }
}

pub(super) fn admit(door: &Door, asking: Asking<'_>) -> Result<(), Denied> {
    match door {
        Door::Local => {}
        Door::Loopback => {
            let [host] = asking.hosts else { return Err(Denied::StrangeHost) };
            if !is_loopback(host) {
                return Err(Denied::StrangeHost);
            }
        }
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
    Ok(())
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

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(host: &str) -> Result<(), Denied> {
        admit(&Door::Loopback, Asking { hosts: &[host], ..Asking::default() })
    }

    fn with(authorization: Option<&str>) -> Result<(), Denied> {
        let door = Door::Token(Secret::new("s3cret".to_owned()));
        admit(&door, Asking { authorization, hosts: &["anything"], ..Asking::default() })
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
        assert_eq!(admit(&Door::Local, Asking::default()), Ok(()));
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
            admit(&Door::Local, asking)
        };
        assert_eq!(change(Some("application/json")), Ok(()));
        assert_eq!(change(Some("Application/JSON; charset=utf-8")), Ok(()));
        for other in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
            assert_eq!(change(other), Err(Denied::NoJson));
        }
    }
}
