use super::*;

const TOKEN: &str = "s3cret";

fn tcp(token: Option<&str>) -> Door {
    Door::Tcp { token: token.map(|token| Secret::new(token.to_owned())) }
}

fn session(role: Role) -> (SessionKey, Identity) {
    ([7; 32], Identity { name: "anne".into(), role })
}

const fn reading<'a>(hosts: &'a [&'a str]) -> RequestFacts<'a> {
    RequestFacts {
        need: RequiredRights::Read,
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

const fn acting<'a>(hosts: &'a [&'a str]) -> RequestFacts<'a> {
    let content_type = Some("application/json");
    RequestFacts {
        need: RequiredRights::Act,
        is_change: true,
        is_post: true,
        content_type,
        ..reading(hosts)
    }
}

#[test]
fn where_nobody_logs_in_only_this_machine_is_meant() {
    let from = |hosts: &[&str]| admit(&tcp(None), true, reading(hosts));
    for host in ["localhost", "LocalHost:8420", "127.0.0.1:8420", "127.1.2.3", "[::1]:8420"] {
        assert_eq!(from(&[host]), Ok(Some(Principal::anybody())), "{host}");
    }
    for host in [
        "",
        "evil.example",
        "localhost.evil.example:80",
        "192.168.0.9",
        "[::2]",
        "1",
        "localhost:80@evil.example",
        "[::1].evil.example",
        "[::1",
        "localhost:x",
    ] {
        assert_eq!(from(&[host]), Err(Denial::StrangeHost), "{host}");
    }
    assert_eq!(from(&[]), Err(Denial::StrangeHost));
    assert_eq!(from(&["localhost", "evil.example"]), Err(Denial::StrangeHost));
    assert_eq!(admit(&Door::Local, true, reading(&[])), Ok(Some(Principal::owner(true))));
    assert_eq!(admit(&Door::Local, false, acting(&[])), Ok(Some(Principal::owner(true))));
}

#[test]
fn a_token_is_the_right_one_or_none() {
    let with = |authorization| {
        let asking = RequestFacts { authorization, ..acting(&["anything"]) };
        admit(&tcp(Some(TOKEN)), false, asking)
    };
    assert_eq!(with(Some("Bearer s3cret")), Ok(Some(Principal::owner(false))));
    assert_eq!(with(Some("bearer  s3cret ")), Ok(Some(Principal::owner(false))));
    for wrong in ["Bearer s3cres", "Bearer s3cre", "Basic s3cret", "s3cret", "Bearer "] {
        assert_eq!(with(Some(wrong)), Err(Denial::NotKnown), "{wrong}");
    }
    assert_eq!(with(None), Err(Denial::NotKnown));
}

#[test]
fn a_viewer_reads_and_an_operator_acts() {
    let (viewer, operator) = (session(Role::Viewer), session(Role::Operator));
    for door in [tcp(None), tcp(Some(TOKEN))] {
        let ask = |session, asking| admit(&door, false, RequestFacts { session, ..asking });
        let hosts = &["vigie.example"];
        assert_eq!(ask(None, reading(hosts)), Err(Denial::NotKnown));
        assert_eq!(ask(None, acting(hosts)), Err(Denial::NotKnown));
        let user = |session| Ok(Some(Principal::user(session)));
        assert_eq!(ask(Some(&viewer), reading(hosts)), user(&viewer));
        assert_eq!(ask(Some(&viewer), acting(hosts)), Err(Denial::OnlyViewer));
        assert_eq!(ask(Some(&operator), acting(hosts)), user(&operator));
        let by_post = RequestFacts { need: RequiredRights::Read, ..acting(hosts) };
        assert_eq!(ask(Some(&viewer), by_post), user(&viewer));
        let page = RequestFacts { need: RequiredRights::Nothing, ..reading(hosts) };
        assert_eq!(ask(None, page), Ok(None));
    }
}

#[test]
fn a_session_acts_from_its_own_pages_alone() {
    let operator = session(Role::Operator);
    let from = |origin, fetch_site, hosts| {
        let asking = RequestFacts { session: Some(&operator), origin, fetch_site, ..acting(hosts) };
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
        assert_eq!(from(origin, site, host), Err(Denial::ForeignOrigin), "{origin:?} {site:?}");
    }
    let two: &[&str] = &["vigie.example", "evil.example"];
    assert_eq!(from(Some("http://vigie.example"), None, two), Err(Denial::ForeignOrigin));
    // Nor can it log somebody in from elsewhere.
    let login =
        RequestFacts { need: RequiredRights::Nothing, origin: Some("http://evil"), ..acting(host) };
    assert_eq!(admit(&tcp(None), false, login), Err(Denial::ForeignOrigin));
}

#[test]
fn a_page_of_elsewhere_opens_no_websocket() {
    for (is_open, door) in [(true, tcp(None)), (false, tcp(None)), (false, Door::Local)] {
        let viewer = session(Role::Viewer);
        let from = |origin| {
            let asking = reading(&["localhost:8420"]);
            let asking =
                RequestFacts { session: Some(&viewer), origin, is_upgrade: true, ..asking };
            admit(&door, is_open, asking).map(drop)
        };
        assert_eq!(from(None), Ok(()));
        assert_eq!(from(Some("http://LOCALHOST:8420")), Ok(()));
        for origin in ["http://evil.example", "http://localhost", "null", ""] {
            assert_eq!(from(Some(origin)), Err(Denial::ForeignOrigin), "{origin}");
        }
    }
}

#[test]
fn the_daemon_itself_is_for_who_may_act_by_login_socket_or_token() {
    let [viewer, operator] = [Role::Viewer, Role::Operator].map(session);
    for visitor in [Principal::owner(true), Principal::owner(false), Principal::user(&operator)] {
        assert_eq!(admit_owner(Some(&visitor)), Ok(()));
    }
    assert_eq!(admit_owner(Some(&Principal::anybody())), Err(Denial::NotOwner));
    assert_eq!(admit_owner(Some(&Principal::user(&viewer))), Err(Denial::OnlyViewer));
    assert_eq!(admit_owner(None), Err(Denial::NotOwner));
}

#[test]
fn changes_are_asked_for_in_json() {
    let change = |content_type| {
        admit(&Door::Local, true, RequestFacts { content_type, ..acting(&[]) }).map(drop)
    };
    assert_eq!(change(Some("application/json")), Ok(()));
    assert_eq!(change(Some("Application/JSON; charset=utf-8")), Ok(()));
    for other in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        assert_eq!(change(other), Err(Denial::NoJson));
    }
}

#[test]
fn paths_need_rights() {
    for path in ["/", "/a/0123/app.js", "/-/healthy", "/api/v1/session"] {
        assert_eq!(RequiredRights::of(path, true), RequiredRights::Nothing, "{path}");
    }
    assert_eq!(RequiredRights::of("/api/v1/session", false), RequiredRights::Nothing);
    for path in ["/api/v1/alarms", "/metrics", "/-/ready", "/api/v1/live", "/nothing", "/api"] {
        assert_eq!(RequiredRights::of(path, true), RequiredRights::Read, "{path}");
    }
    assert_eq!(RequiredRights::of("/api/v1/rules/try", false), RequiredRights::Read);
    for path in ["/api/v1/reload", "/api/v1/alarms/x/ack", "/nothing"] {
        assert_eq!(RequiredRights::of(path, false), RequiredRights::Act, "{path}");
    }
}
