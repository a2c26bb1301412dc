//! Who asks, and what he may: whether a request may be answered. Pure.
//!
//! A browser can be made to send requests to this machine by any page it shows. Such a request can't carry our
//! token, and its browser leaves our cookie out. Where nobody has to log in, a page of elsewhere is known by the
//! name it calls us by (it may have made its own name resolve to 127.0.0.1), and can't change anything, since it
//! can't send JSON without being asked back first.

use std::net::IpAddr;
use std::sync::Arc;

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
pub(super) struct Visitor {
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

impl Visitor {
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

/// The one place that decides who is answered; who it is, unless it is a stranger. `is_open`: nobody has to log in.
pub(super) fn admit(
    door: &Door,
    is_open: bool,
    asking: Asking<'_>,
) -> Result<Option<Visitor>, Denied> {
    let visitor = visitor(door, is_open, asking)?;
    if asking.is_upgrade && !asking.origin.is_none_or(|origin| is_same_host(origin, asking.hosts)) {
        return Err(Denied::ForeignOrigin);
    }
    let is_by_cookie = visitor.as_ref().is_none_or(|visitor| visitor.session.is_some());
    if asking.is_change && is_by_cookie && !is_own_page(asking) {
        return Err(Denied::ForeignOrigin);
    }
    match (&visitor, asking.need) {
        (_, Need::Nothing) => {}
        (None, _) => return Err(Denied::NotKnown),
        (Some(visitor), Need::Act) if visitor.role < Role::Operator => {
            return Err(Denied::OnlyViewer);
        }
        (Some(_), Need::Read | Need::Act) => {}
    }
    if asking.is_post && !asking.content_type.is_some_and(is_json) {
        return Err(Denied::NoJson);
    }
    Ok(visitor)
}

fn visitor(door: &Door, is_open: bool, asking: Asking<'_>) -> Result<Option<Visitor>, Denied> {
    let Door::Tcp { token } = door else { return Ok(Some(Visitor::owner(true))) };
    if is_open {
        let [host] = asking.hosts else { return Err(Denied::StrangeHost) };
        let visitor = is_loopback(host).then(Visitor::anybody);
        return visitor.map(Some).ok_or(Denied::StrangeHost);
    }
    let given = asking.authorization.and_then(bearer);
    if let (Some(given), Some(token)) = (given, token)
        && is_same(given, token.reveal())
    {
        return Ok(Some(Visitor::owner(false)));
    }
    Ok(asking.session.map(Visitor::user))
}

/// A browser says by itself where the page is from that makes it ask; what is no browser says nothing, and has no
/// cookie that is not its own.
fn is_own_page(asking: Asking<'_>) -> bool {
    match (asking.fetch_site, asking.origin) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => is_same_host(origin, asking.hosts),
        (None, None) => true,
    }
}

/// What concerns the daemon itself is not for everybody who can log in on this machine.
pub(super) fn admit_owner(visitor: Option<&Visitor>) -> Result<(), Denied> {
    match visitor {
        Some(visitor) if visitor.is_owner => Ok(()),
        Some(visitor) if visitor.role < Role::Operator => Err(Denied::OnlyViewer),
        Some(_) | None => Err(Denied::NotOwner),
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

    const TOKEN: &str = "s3cret";

    fn tcp(token: Option<&str>) -> Door {
        Door::Tcp { token: token.map(|token| Secret::new(token.to_owned())) }
    }

    fn session(role: Role) -> (SessionKey, Identity) {
        ([7; 32], Identity { name: "anne".into(), role })
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
            is_upgrade: false,
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
            assert_eq!(from(&[host]), Ok(Some(Visitor::anybody())), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example:80", "192.168.0.9", "[::2]", "1"] {
            assert_eq!(from(&[host]), Err(Denied::StrangeHost), "{host}");
        }
        assert_eq!(from(&[]), Err(Denied::StrangeHost));
        assert_eq!(from(&["localhost", "evil.example"]), Err(Denied::StrangeHost));
        assert_eq!(admit(&Door::Local, true, reading(&[])), Ok(Some(Visitor::owner(true))));
        assert_eq!(admit(&Door::Local, false, acting(&[])), Ok(Some(Visitor::owner(true))));
    }

    #[test]
    fn a_token_is_the_right_one_or_none() {
        let with = |authorization| {
            let asking = Asking { authorization, ..acting(&["anything"]) };
            admit(&tcp(Some(TOKEN)), false, asking)
        };
        assert_eq!(with(Some("Bearer s3cret")), Ok(Some(Visitor::owner(false))));
        assert_eq!(with(Some("bearer  s3cret ")), Ok(Some(Visitor::owner(false))));
        for wrong in ["Bearer s3cres", "Bearer s3cre", "Basic s3cret", "s3cret", "Bearer "] {
            assert_eq!(with(Some(wrong)), Err(Denied::NotKnown), "{wrong}");
        }
        assert_eq!(with(None), Err(Denied::NotKnown));
    }

    #[test]
    fn a_viewer_reads_and_an_operator_acts() {
        let (viewer, operator) = (session(Role::Viewer), session(Role::Operator));
        for door in [tcp(None), tcp(Some(TOKEN))] {
            let ask = |session, asking| admit(&door, false, Asking { session, ..asking });
            let hosts = &["vigie.example"];
            assert_eq!(ask(None, reading(hosts)), Err(Denied::NotKnown));
            assert_eq!(ask(None, acting(hosts)), Err(Denied::NotKnown));
            let user = |session| Ok(Some(Visitor::user(session)));
            assert_eq!(ask(Some(&viewer), reading(hosts)), user(&viewer));
            assert_eq!(ask(Some(&viewer), acting(hosts)), Err(Denied::OnlyViewer));
            assert_eq!(ask(Some(&operator), acting(hosts)), user(&operator));
            let by_post = Asking { need: Need::Read, ..acting(hosts) };
            assert_eq!(ask(Some(&viewer), by_post), user(&viewer));
            let page = Asking { need: Need::Nothing, ..reading(hosts) };
            assert_eq!(ask(None, page), Ok(None));
        }
    }

    #[test]
    fn a_session_acts_from_its_own_pages_alone() {
        let operator = session(Role::Operator);
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
    fn a_page_of_elsewhere_opens_no_websocket() {
        for (is_open, door) in [(true, tcp(None)), (false, tcp(None)), (false, Door::Local)] {
            let viewer = session(Role::Viewer);
            let from = |origin| {
                let asking = reading(&["localhost:8420"]);
                let asking = Asking { session: Some(&viewer), origin, is_upgrade: true, ..asking };
                admit(&door, is_open, asking).map(drop)
            };
            assert_eq!(from(None), Ok(()));
            assert_eq!(from(Some("http://LOCALHOST:8420")), Ok(()));
            for origin in ["http://evil.example", "http://localhost", "null", ""] {
                assert_eq!(from(Some(origin)), Err(Denied::ForeignOrigin), "{origin}");
            }
        }
    }

    #[test]
    fn the_daemon_itself_is_for_who_may_act_by_login_socket_or_token() {
        let [viewer, operator] = [Role::Viewer, Role::Operator].map(session);
        for visitor in [Visitor::owner(true), Visitor::owner(false), Visitor::user(&operator)] {
            assert_eq!(admit_owner(Some(&visitor)), Ok(()));
        }
        assert_eq!(admit_owner(Some(&Visitor::anybody())), Err(Denied::NotOwner));
        assert_eq!(admit_owner(Some(&Visitor::user(&viewer))), Err(Denied::OnlyViewer));
        assert_eq!(admit_owner(None), Err(Denied::NotOwner));
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
