//! Who asks, and what he may: whether a request may be answered. Pure.
//!
//! A browser can be made to send requests to this machine by any page it shows. Such a request can't carry our
//! token, and its browser leaves our cookie out. Where nobody has to log in, a page of elsewhere is known by the
//! name it calls us by (it may have made its own name resolve to 127.0.0.1), and can't change anything, since it
//! can't send JSON without being asked back first.

use std::net::IpAddr;

use super::session::Identity;
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
pub(super) enum Need {
    /// None: the page, which shows the login, and the login itself.
    Nothing,
    /// To read.
    Read,
    /// To act.
    Act,
}

/// Paths that change nothing although they are posted to.
const READ_BY_POST: [&str; 1] = ["/api/v1/rules/try"];

impl Need {
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
pub(super) struct Asking<'a> {
    pub need: Need,
    /// Its `Host` headers.
    pub hosts: &'a [&'a str],
    pub authorization: Option<&'a str>,
    /// Whose session its cookie names.
    pub session: Option<&'a Identity>,
    pub origin: Option<&'a str>,
    /// The header `Sec-Fetch-Site`.
    pub fetch_site: Option<&'a str>,
    /// Whether its method is one that changes something.
    pub is_change: bool,
    /// Whether it is a `POST`, which a page of elsewhere can send without being asked back.
    pub is_post: bool,
    pub content_type: Option<&'a str>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Visitor {
    /// Whoever can open the Unix socket.
    Owner,
    /// Whoever has the token.
    Token,
    /// A user, by a session.
    User(Identity),
    /// Anybody on this machine, where nobody has to log in.
    Anybody,
    /// Nobody that is known.
    Stranger,
}

impl Visitor {
    /// Rights of the visitor; `None` for a stranger.
    pub const fn role(&self) -> Option<Role> {
        match self {
            Self::Owner | Self::Token | Self::Anybody => Some(Role::Operator),
            Self::User(Identity { role, .. }) => Some(*role),
            Self::Stranger => None,
        }
    }

    /// Name of the logged-in user.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::User(identity) => Some(&identity.name),
            _ => None,
        }
    }
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Denied {
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

impl Denied {
    pub const fn status(self) -> u16 {
        match self {
            Self::NotKnown => 401,
            Self::StrangeHost | Self::ForeignOrigin | Self::OnlyViewer | Self::NotOwner => 403,
            Self::NoJson => 415,
        }
    }
}

/// Who asks, if he may. `is_open`: nobody has to log in.
pub(super) fn admit(door: &Door, is_open: bool, asking: Asking<'_>) -> Result<Visitor, Denied> {
    let visitor = visitor(door, is_open, asking)?;
    if asking.is_change && matches!(visitor, Visitor::User(_) | Visitor::Stranger) {
        check_origin(asking)?;
    }
    match (visitor.role(), asking.need) {
        (_, Need::Nothing) => {}
        (None, _) => return Err(Denied::NotKnown),
        (Some(role), Need::Act) if role < Role::Operator => return Err(Denied::OnlyViewer),
        (Some(_), Need::Read | Need::Act) => {}
    }
    if asking.is_post && !asking.content_type.is_some_and(is_json) {
        return Err(Denied::NoJson);
    }
    Ok(visitor)
}

fn visitor(door: &Door, is_open: bool, asking: Asking<'_>) -> Result<Visitor, Denied> {
    let Door::Tcp { token } = door else { return Ok(Visitor::Owner) };
    if is_open {
        let [host] = asking.hosts else { return Err(Denied::StrangeHost) };
        return if is_loopback(host) { Ok(Visitor::Anybody) } else { Err(Denied::StrangeHost) };
    }
    let given = asking.authorization.and_then(bearer);
    if let (Some(given), Some(token)) = (given, token)
        && is_same(given, token.reveal())
    {
        return Ok(Visitor::Token);
    }
    Ok(asking.session.map_or(Visitor::Stranger, |identity| Visitor::User(identity.clone())))
}

/// A browser says by itself where the page is from that makes it ask; what is no browser says nothing, and has no
/// cookie that is not its own.
pub(super) fn check_origin(asking: Asking<'_>) -> Result<(), Denied> {
    let is_own = match (asking.fetch_site, asking.origin, asking.hosts) {
        (Some(site), ..) => site == "same-origin",
        (None, None, _) => true,
        (None, Some(origin), [host]) => {
            origin.split_once("://").is_some_and(|(_, from)| from.eq_ignore_ascii_case(host))
        }
        (None, Some(_), _) => false,
    };
    if is_own { Ok(()) } else { Err(Denied::ForeignOrigin) }
}

/// What concerns the daemon itself is not for everybody who can log in on this machine.
pub(super) fn admit_owner(visitor: &Visitor) -> Result<(), Denied> {
    match visitor {
        Visitor::Owner | Visitor::Token => Ok(()),
        Visitor::User(Identity { role: Role::Operator, .. }) => Ok(()),
        Visitor::User(_) => Err(Denied::OnlyViewer),
        Visitor::Anybody | Visitor::Stranger => Err(Denied::NotOwner),
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

    const TOKEN: &str = "s3cret";

    fn tcp(token: Option<&str>) -> Door {
        Door::Tcp { token: token.map(|token| Secret::new(token.to_owned())) }
    }

    fn identity(role: Role) -> Identity {
        Identity { name: "anne".into(), role }
    }

    const fn reading<'a>(hosts: &'a [&'a str]) -> Asking<'a> {
        Asking {
            need: Need::Read,
            hosts,
            authorization: None,
            session: None,
            origin: None,
            fetch_site: None,
            is_change: false,
            is_post: false,
            content_type: None,
        }
    }

    const fn acting<'a>(hosts: &'a [&'a str]) -> Asking<'a> {
        let content_type = Some("application/json");
        Asking { need: Need::Act, is_change: true, is_post: true, content_type, ..reading(hosts) }
    }

    #[test]
    fn where_nobody_logs_in_only_this_machine_is_meant() {
        let from = |hosts: &[&str]| admit(&tcp(None), true, reading(hosts));
        for host in ["localhost", "LocalHost:8420", "127.0.0.1:8420", "127.1.2.3", "[::1]:8420"] {
            assert_eq!(from(&[host]), Ok(Visitor::Anybody), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example:80", "192.168.0.9", "[::2]", "1"] {
            assert_eq!(from(&[host]), Err(Denied::StrangeHost), "{host}");
        }
        assert_eq!(from(&[]), Err(Denied::StrangeHost));
        assert_eq!(from(&["localhost", "evil.example"]), Err(Denied::StrangeHost));
        assert_eq!(admit(&Door::Local, true, reading(&[])), Ok(Visitor::Owner));
        assert_eq!(admit(&Door::Local, false, acting(&[])), Ok(Visitor::Owner));
    }

    #[test]
    fn a_token_is_the_right_one_or_none() {
        let with = |authorization| {
            let asking = Asking { authorization, ..acting(&["anything"]) };
            admit(&tcp(Some(TOKEN)), false, asking)
        };
        assert_eq!(with(Some("Bearer s3cret")), Ok(Visitor::Token));
        assert_eq!(with(Some("bearer  s3cret ")), Ok(Visitor::Token));
        for wrong in ["Bearer s3cres", "Bearer s3cre", "Basic s3cret", "s3cret", "Bearer "] {
            assert_eq!(with(Some(wrong)), Err(Denied::NotKnown), "{wrong}");
        }
        assert_eq!(with(None), Err(Denied::NotKnown));
    }

    #[test]
    fn a_viewer_reads_and_an_operator_acts() {
        let (viewer, operator) = (identity(Role::Viewer), identity(Role::Operator));
        for door in [tcp(None), tcp(Some(TOKEN))] {
            let ask = |session, asking| admit(&door, false, Asking { session, ..asking });
            let hosts = &["vigie.example"];
            assert_eq!(ask(None, reading(hosts)), Err(Denied::NotKnown));
            assert_eq!(ask(None, acting(hosts)), Err(Denied::NotKnown));
            let user = |identity: &Identity| Ok(Visitor::User(identity.clone()));
            assert_eq!(ask(Some(&viewer), reading(hosts)), user(&viewer));
            assert_eq!(ask(Some(&viewer), acting(hosts)), Err(Denied::OnlyViewer));
            assert_eq!(ask(Some(&operator), acting(hosts)), user(&operator));
            let by_post = Asking { need: Need::Read, ..acting(hosts) };
            assert_eq!(ask(Some(&viewer), by_post), user(&viewer));
            let page = Asking { need: Need::Nothing, ..reading(hosts) };
            assert_eq!(ask(None, page), Ok(Visitor::Stranger));
        }
    }

    #[test]
    fn a_session_acts_from_its_own_pages_alone() {
        let operator = identity(Role::Operator);
        let from = |origin, fetch_site, hosts| {
            let asking = Asking { session: Some(&operator), origin, fetch_site, ..acting(hosts) };
            admit(&tcp(None), false, asking).map(drop)
        };
        let host: &[&str] = &["Vigie.example:8420"];
        for (origin, site) in [
            (None, None),
            (Some("http://vigie.example:8420"), None),
            (Some("https://vigie.example:8420"), Some("same-origin")),
            // Behind a proxy that does not hand the host on.
            (Some("https://vigie.example"), Some("same-origin")),
        ] {
            assert_eq!(from(origin, site, host), Ok(()), "{origin:?} {site:?}");
        }
        for (origin, site) in [
            (Some("http://evil.example"), None),
            (Some("http://vigie.example:8421"), None),
            (Some("null"), None),
            (Some("http://vigie.example:8420"), Some("same-site")),
            (None, Some("cross-site")),
        ] {
            assert_eq!(from(origin, site, host), Err(Denied::ForeignOrigin), "{origin:?} {site:?}");
        }
        let two: &[&str] = &["vigie.example", "evil.example"];
        assert_eq!(from(Some("http://vigie.example"), None, two), Err(Denied::ForeignOrigin));
        // Nor can it log somebody in from elsewhere.
        let login = Asking { need: Need::Nothing, origin: Some("http://evil"), ..acting(host) };
        assert_eq!(admit(&tcp(None), false, login), Err(Denied::ForeignOrigin));
    }

    #[test]
    fn the_daemon_itself_is_for_who_may_act_by_login_socket_or_token() {
        for visitor in [Visitor::Owner, Visitor::Token, Visitor::User(identity(Role::Operator))] {
            assert_eq!(admit_owner(&visitor), Ok(()));
        }
        assert_eq!(admit_owner(&Visitor::Anybody), Err(Denied::NotOwner));
        assert_eq!(admit_owner(&Visitor::User(identity(Role::Viewer))), Err(Denied::OnlyViewer));
    }

    #[test]
    fn changes_are_asked_for_in_json() {
        let change = |content_type| {
            admit(&Door::Local, true, Asking { content_type, ..acting(&[]) }).map(drop)
        };
        assert_eq!(change(Some("application/json")), Ok(()));
        assert_eq!(change(Some("Application/JSON; charset=utf-8")), Ok(()));
        for other in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
            assert_eq!(change(other), Err(Denied::NoJson));
        }
    }

    #[test]
    fn paths_need_rights() {
        for path in ["/", "/a/0123/app.js", "/-/healthy", "/api/v1/session"] {
            assert_eq!(Need::of(path, true), Need::Nothing, "{path}");
        }
        assert_eq!(Need::of("/api/v1/session", false), Need::Nothing);
        for path in ["/api/v1/alarms", "/metrics", "/-/ready", "/api/v1/live", "/nothing", "/api"] {
            assert_eq!(Need::of(path, true), Need::Read, "{path}");
        }
        assert_eq!(Need::of("/api/v1/rules/try", false), Need::Read);
        for path in ["/api/v1/reload", "/api/v1/alarms/x/ack", "/nothing"] {
            assert_eq!(Need::of(path, false), Need::Act, "{path}");
        }
    }
}
