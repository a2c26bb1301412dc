//! nginx in front of the daemon, below a path, with the manual's lines. Everything works with and without a WebSocket, and
//! forwarded headers are trusted from the declared proxy only.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fixture::{ACTIONS, Fixture};
use crate::login::{ACK, JSON, PASSWORD, SESSION, cookie, log_in, status, users};
use crate::support::api::{Raw, Server};
use crate::support::websocket::{Frame, WebSocket};
use crate::support::{Ca, Nginx, SOON, require};
use crate::tls::ask_by_tls;

const LIVE: &str = "/api/v1/live";
const HELLO: &str =
    "{\"hello\":1,\"epoch\":null,\"seq\":0,\"want\":{\"series\":4,\"alarms\":true}}";

/// A daemon with two users that trusts nginx, and its address.
fn fixture() -> (Fixture, String) {
    let mut fixture = Fixture::embedded(&users(&format!("proxies = [\"{}\"]", Nginx::ADDRESS)));
    let Server::Tcp(address) = fixture.daemon.web() else { panic!("an address") };
    (fixture, address)
}

fn below(path: &str) -> String {
    format!("{}{path}", Nginx::PATH)
}

fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Raw {
    server.ask_raw("GET", &below(path), headers, "").expect("an answer")
}

fn post_login(server: &Server, name: &str, password: &str, headers: &[(&str, &str)]) -> Raw {
    let body = json!({"name": name, "password": password}).to_string();
    let headers = [&[JSON], headers].concat();
    server.ask_raw("POST", &below(SESSION), &headers, &body).expect("an answer")
}

/// Logs in; returns the cookie as name and value.
fn session(answer: &Raw) -> String {
    assert_eq!(answer.status, 204, "{answer:?}");
    answer.headers["set-cookie"].split(';').next().expect("a pair").to_owned()
}

/// Relative links in a file, to the page's own files.
fn files(page: &Raw) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(&page.body).into_owned();
    text.split('"').filter(|part| part.starts_with("a/")).map(str::to_owned).collect()
}

/// Checks the page, its files and the API with a login; returns the session's cookie.
fn serves_all(nginx: &Nginx) -> String {
    let server = Server::Tcp(nginx.address().to_owned());
    let without_slash = server.ask_raw("GET", Nginx::PATH, &[], "").expect("an answer");
    assert_eq!(without_slash.status, 301);
    let page = get(&server, "/", &[]);
    assert_eq!((page.status, &*page.headers["content-type"]), (200, "text/html; charset=utf-8"));
    let files = files(&page);
    assert!(files.len() >= 2, "{files:?}"); // the script and the style sheet, which load the others
    for file in &files {
        assert_eq!(get(&server, &format!("/{file}"), &[]).status, 200, "{file}");
    }
    for path in ["/api/v1/alarms", LIVE, "/metrics", "/-/ready"] {
        assert_eq!(get(&server, path, &[]).status, 401, "{path}");
    }
    let answer = post_login(&server, "anne", PASSWORD, &[]);
    let set = &answer.headers["set-cookie"];
    assert!(set.contains("; Path=/vigie/;") && !set.contains("Secure"), "{set}");
    let pair = session(&answer);
    let who = get(&server, SESSION, &[("Cookie", &pair)]);
    let who: Value = serde_json::from_slice(&who.body).expect("JSON");
    assert_eq!((&who["user"], &who["role"]), (&json!("anne"), &json!("operator")));
    pair
}

/// Changes are accepted from the page behind the proxy, and from no other origin.
fn refuses_foreign_pages(nginx: &Nginx, cookie: (&str, &str)) {
    let server = Server::Tcp(nginx.address().to_owned());
    let host = ("Host", nginx.address());
    let foreign = ("Origin", "http://evil.example");
    let headers = [cookie, JSON, host, foreign];
    for (method, path) in [("POST", ACK), ("POST", "/api/v1/reload"), ("DELETE", SESSION)] {
        assert_eq!(status(&server, method, &below(path), &headers), 403, "{method} {path}");
    }
    assert_eq!(post_login(&server, "anne", PASSWORD, &[host, foreign]).status, 403);
}

#[test]
fn the_page_works_below_a_path_with_its_web_socket() {
    if !require(&["nginx"]) {
        return;
    }
    let (mut fixture, address) = fixture();
    fixture.publish_reading("T_1", 30.0);
    let nginx = Nginx::before(&address);
    let pair = serves_all(&nginx);
    let cookie = ("Cookie", &*pair);
    refuses_foreign_pages(&nginx, cookie);
    let own = format!("http://{}", nginx.address());
    let open = |headers: &[(&str, &str)]| WebSocket::open(nginx.address(), &below(LIVE), headers);
    assert_eq!(open(&[("Origin", &own)]).err(), Some(401));
    assert_eq!(open(&[cookie, ("Origin", "http://evil.example")]).err(), Some(403));
    let mut feed = open(&[cookie, ("Origin", &own)]).expect("a feed");
    feed.send(HELLO);
    let Frame::Json(welcome) = feed.receive(SOON) else { panic!("a welcome") };
    assert_eq!((&welcome["type"], &welcome["user"]), (&json!("welcome"), &json!("anne")));
    let Frame::Json(state) = feed.receive(SOON) else { panic!("a state") };
    assert_eq!((&state["full"], &state["values"][0][1]), (&json!(true), &json!(30.0)));
    feed.send(&json!({ "ack": state["seq"] }).to_string());

    // nginx decodes the slash in the alarm's name.
    let server = Server::Tcp(nginx.address().to_owned());
    let act = |headers: &[(&str, &str)]| status(&server, "POST", &below(ACK), headers);
    assert_eq!(act(&[cookie, JSON, ("Host", nginx.address()), ("Origin", &own)]), 200);
    assert_eq!(fixture.home.db().texts(ACTIONS), ["acknowledge|warm|T_1|anne|api|done"]);
    let alarm = get(&server, "/api/v1/alarms/warm%2FT_1", &[cookie]);
    assert_eq!(alarm.status, 200, "{alarm:?}");
    loop {
        match feed.receive(SOON) {
            Frame::Json(state) if state["alarms"][0]["acknowledged"]["by"] == "anne" => break,
            Frame::Json(_) => {}
            end => panic!("the acknowledgement did not come: {end:?}"),
        }
    }
    // A logout ends the feed through the proxy.
    assert_eq!(status(&server, "DELETE", &below(SESSION), &[cookie]), 204);
    loop {
        match feed.receive(SOON) {
            Frame::Json(_) => {}
            end => break assert_eq!(end, Frame::Close(1008)),
        }
    }
    assert_eq!(fixture.daemon.stop(), 0);
}

#[test]
fn the_page_works_below_a_path_without_a_web_socket() {
    if !require(&["nginx"]) {
        return;
    }
    let (mut fixture, address) = fixture();
    fixture.publish_reading("T_1", 20.0);
    let nginx = Nginx::without_upgrade(&address);
    let pair = serves_all(&nginx);
    let cookie = ("Cookie", &*pair);
    refuses_foreign_pages(&nginx, cookie);
    // Without the Upgrade header the request is a poll, answered with one state.
    assert_eq!(WebSocket::open(nginx.address(), &below(LIVE), &[cookie]).err(), Some(200));
    let server = Server::Tcp(nginx.address().to_owned());
    let poll = |query: &str| -> Value {
        let answer = get(&server, &format!("{LIVE}{query}"), &[cookie]);
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_slice(&answer.body).expect("JSON")
    };
    let first = poll("");
    assert_eq!(first["state"]["full"], true);
    assert_eq!(first["welcome"]["user"], "anne");
    let epoch = first["welcome"]["epoch"].as_str().expect("an epoch");
    fixture.publish_reading("T_1", 21.0);
    let changed = poll(&format!("?epoch={epoch}&seq={}", first["state"]["seq"]));
    assert_eq!(changed["state"]["full"], Value::Null);
    assert_eq!(changed["state"]["values"][0][1], 21.0);
    assert_eq!(fixture.daemon.stop(), 0);
}

#[test]
fn behind_tls_of_the_proxy_the_cookie_is_secure() {
    if !require(&["nginx"]) {
        return;
    }
    let ((mut fixture, address), ca) = (fixture(), Ca::new("proxy"));
    let nginx = Nginx::with_tls(&address, &ca.issue_local());
    let body = json!({"name": "anne", "password": PASSWORD}).to_string();
    let host = nginx.address();
    let login = format!(
        "POST {} HTTP/1.1\r\nHost: {host}\r\nOrigin: https://{host}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        below(SESSION),
        body.len()
    );
    let (answer, _) = ask_by_tls(host, &ca, &login).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    assert!(answer.contains("; Path=/vigie/; Max-Age=604800; Secure\r\n"), "{answer}");
    // Headers of an undeclared proxy are ignored.
    let https = [("X-Forwarded-Proto", "https")];
    let set = log_in(&Server::Tcp(address), "anne", PASSWORD, &https);
    assert!(!set.headers["set-cookie"].contains("Secure"), "{set:?}");
    assert_eq!(fixture.daemon.stop(), 0);
}

#[test]
fn a_forged_forwarded_header_does_not_evade_the_block() {
    if !require(&["nginx"]) {
        return;
    }
    let (mut fixture, address) = fixture();
    let (direct, nginx) = (Server::Tcp(address.clone()), Nginx::before(&address));
    let proxied = Server::Tcp(nginx.address().to_owned());
    type LogIn = fn(&Server, &str, &str, &[(&str, &str)]) -> Raw;
    let ways: [(&Server, LogIn, &str); 2] =
        [(&direct, log_in, "bob"), (&proxied, post_login, "anne")];
    for (server, log_in, name) in ways {
        let try_from = |number: u8, password: &str| {
            let claimed = format!("203.0.113.{number}");
            log_in(server, name, password, &[("X-Forwarded-For", &claimed)])
        };
        for number in 0..5 {
            assert_eq!(try_from(number, "wrong horse").status, 401, "{name}");
        }
        let refused = try_from(5, PASSWORD);
        assert_eq!(refused.status, 429, "{name}: {refused:?}");
        assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
        let line = format!("login refused from 127.0.0.1, user \"{name}\"");
        assert_eq!(fixture.daemon.lines_with(&line).len(), 6, "{}", fixture.daemon.log());
    }
    assert!(!fixture.daemon.log().contains("203.0.113"), "{}", fixture.daemon.log());
    // No failed login is counted against the proxy's own address.
    assert!(fixture.daemon.lines_with(Nginx::ADDRESS).is_empty(), "{}", fixture.daemon.log());
    assert_eq!(fixture.daemon.stop(), 0);
}

#[test]
fn behind_an_undeclared_proxy_every_client_has_its_address() {
    if !require(&["nginx"]) {
        return;
    }
    let mut fixture = Fixture::embedded(&users(""));
    let Server::Tcp(address) = fixture.daemon.web() else { panic!("an address") };
    let nginx = Nginx::before(&address);
    let proxied = Server::Tcp(nginx.address().to_owned());
    assert_eq!(post_login(&proxied, "anne", "wrong horse", &[]).status, 401);
    let line = format!("login refused from {}, user \"anne\"", Nginx::ADDRESS);
    assert!(fixture.daemon.log().contains(&line), "{}", fixture.daemon.log());
    assert_eq!(log_in(&Server::Tcp(address.clone()), "anne", PASSWORD, &[]).status, 204);
    assert!(!cookie(&Server::Tcp(address), "bob").is_empty());
    assert_eq!(fixture.daemon.stop(), 0);
}
