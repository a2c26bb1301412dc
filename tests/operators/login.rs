//! Logins, sessions and roles, and the log of refused logins.

use serde_json::{Value, json};
use vigie::web::hash_password;

use crate::USAGE;
use crate::fixture::{ACTIONS, EMBEDDED, Fixture, RULES};
use crate::support::api::{Raw, Server};
use crate::support::websocket::{Frame, WebSocket};
use crate::support::{Home, SOON, run_vigie};

pub const JSON: (&str, &str) = ("Content-Type", "application/json");
pub const SESSION: &str = "/api/v1/session";
pub const ACK: &str = "/api/v1/alarms/warm%2FT_1/ack";
pub const PASSWORD: &str = "correct horse";

/// Configuration of a user with the password [`PASSWORD`].
fn user(name: &str, role: &str) -> String {
    let hash = hash_password(PASSWORD).expect("a hash");
    format!("[[web.users]]\nname = \"{name}\"\npassword_hash = \"{hash}\"\nrole = \"{role}\"\n")
}

/// A daemon with two users, on loopback.
pub fn users(more: &str) -> String {
    let web = "[web]\nlisten = \"127.0.0.1:0\"\n";
    [web, more, "\n", &user("anne", "operator"), &user("bob", "viewer")].concat()
}

fn fixture(more: &str) -> Fixture {
    Fixture::embedded(&users(more))
}

pub fn log_in(server: &Server, name: &str, password: &str, headers: &[(&str, &str)]) -> Raw {
    let body = json!({"name": name, "password": password}).to_string();
    server.ask_raw("POST", SESSION, &[&[JSON], headers].concat(), &body).expect("an answer")
}

/// Logs in; returns the session's cookie.
pub fn cookie(server: &Server, name: &str) -> String {
    let answer = log_in(server, name, PASSWORD, &[]);
    assert_eq!(answer.status, 204, "{answer:?}");
    answer.headers["set-cookie"].split(';').next().expect("a pair").to_owned()
}

pub fn status(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
    let body = if method == "POST" { "{\"by\":\"mallory\"}" } else { "" };
    server.ask_raw(method, path, headers, body).expect("an answer").status
}

fn detail(answer: &Raw) -> String {
    let problem: Value = serde_json::from_slice(&answer.body).expect("a problem");
    problem["detail"].as_str().expect("a text").to_owned()
}

#[test]
fn without_a_login_only_the_page_and_the_login_answer() {
    let mut fixture = fixture("");
    let tcp = fixture.daemon.web();
    for path in [
        "/api/v1/alarms",
        "/api/v1/alerts",
        "/api/v1/status",
        "/api/v1/openapi.json",
        "/api/v1/live",
        "/api/v1/nothing",
        "/metrics",
        "/-/ready",
        "/nothing",
    ] {
        assert_eq!(status(&tcp, "GET", path, &[]), 401, "{path}");
    }
    for path in ["/api/v1/reload", ACK] {
        assert_eq!(status(&tcp, "POST", path, &[JSON]), 401, "{path}");
    }
    let wrong = ("Cookie", "vigie_session=00");
    assert_eq!(status(&tcp, "GET", "/api/v1/alarms", &[wrong]), 401);
    for path in ["/", "/-/healthy", SESSION] {
        assert_eq!(status(&tcp, "GET", path, &[]), 200, "{path}");
    }
    assert_eq!(status(&tcp, "HEAD", "/-/healthy", &[]), 200);
    let who = tcp.get(SESSION).expect("an answer").json;
    assert_eq!(
        (&who["user"], &who["role"], &who["open"]),
        (&Value::Null, &Value::Null, &json!(false))
    );
    // The socket's file mode decides who may use it.
    let local = fixture.home.api();
    assert_eq!(local.get("/api/v1/alarms").expect("an answer").status, 200);
    assert_eq!(local.get(SESSION).expect("an answer").json["role"], "operator");
}

#[test]
fn a_login_begins_a_session_that_a_logout_ends() {
    let mut fixture = fixture("");
    let tcp = fixture.daemon.web();
    let wrong = log_in(&tcp, "anne", "wrong horse", &[]);
    let unknown = log_in(&tcp, "nobody\n\"", PASSWORD, &[]);
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!((&wrong.body, wrong.headers.get("set-cookie")), (&unknown.body, None));
    let answer = log_in(&tcp, "anne", PASSWORD, &[]);
    assert_eq!(answer.status, 204, "{answer:?}");
    let set = &answer.headers["set-cookie"];
    let (pair, flags) = set.split_once("; ").expect("flags");
    assert_eq!(flags, "HttpOnly; SameSite=Strict; Path=/; Max-Age=604800");
    assert_eq!(pair.len(), "vigie_session=".len() + 64, "{pair}");
    let cookie = ("Cookie", pair);
    let who = tcp.ask("GET", SESSION, &[cookie], "").expect("an answer").json;
    let expected =
        json!({"user": "anne", "role": "operator", "open": false, "language": "en", "zone": "UTC"});
    assert_eq!(who, expected);
    for path in ["/api/v1/alarms", "/api/v1/status", "/metrics", "/-/ready"] {
        assert_eq!(status(&tcp, "GET", path, &[cookie]), 200, "{path}");
    }
    let ended = tcp.ask_raw("DELETE", SESSION, &[cookie], "").expect("an answer");
    assert_eq!(ended.status, 204);
    assert!(ended.headers["set-cookie"].contains("Max-Age=0"), "{ended:?}");
    assert_eq!(status(&tcp, "GET", "/api/v1/alarms", &[cookie]), 401);
    let log = fixture.daemon.log();
    for line in [
        "login refused from 127.0.0.1, user \"anne\": wrong name or password",
        "login refused from 127.0.0.1, user \"nobody\\n\\\"\": wrong name or password",
        "login from 127.0.0.1, user \"anne\"",
        "logout from 127.0.0.1, user \"anne\"",
    ] {
        assert!(log.contains(line), "{line}\n{log}");
    }
    for secret in ["horse", "argon2", pair.split_once('=').expect("an id").1] {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
}

#[test]
fn a_malformed_login_is_refused_without_quoting_it() {
    let mut fixture = fixture("");
    let tcp = fixture.daemon.web();
    let post = |headers: &[(&str, &str)], body: &str| {
        tcp.ask_raw("POST", SESSION, headers, body).expect("an answer")
    };
    for body in ["", "{}", "{\"name\":\"anne\",\"password\":[\"s3cret\"]}", "s3cret"] {
        let refused = post(&[JSON], body);
        assert_eq!(refused.status, 422, "{body}");
        assert!(!detail(&refused).contains("s3cret"), "{refused:?}");
    }
    let body = json!({"name": "anne", "password": PASSWORD}).to_string();
    assert_eq!(post(&[], &body).status, 415);
    assert_eq!(post(&[("Content-Type", "text/plain")], &body).status, 415);
    let foreign = [JSON, ("Origin", "http://evil.example")];
    assert_eq!(post(&foreign, &body).status, 403);
}

#[test]
fn after_five_failures_a_name_is_blocked_for_a_while() {
    let mut fixture = fixture("");
    let tcp = fixture.daemon.web();
    for name in ["anne", "nobody"] {
        for _ in 0..5 {
            assert_eq!(log_in(&tcp, name, "wrong horse", &[]).status, 401);
        }
        let refused = log_in(&tcp, name, PASSWORD, &[]);
        assert_eq!(refused.status, 429, "{refused:?}");
        let wait: u64 = refused.headers["retry-after"].parse().expect("seconds");
        assert!((1..=30).contains(&wait), "{wait}");
        assert!(detail(&refused).contains("wait"), "{refused:?}");
    }
    assert_eq!(log_in(&tcp, "bob", PASSWORD, &[]).status, 204);
}

#[test]
fn a_viewer_reads_and_an_operator_acts_in_his_own_name() {
    let mut fixture = fixture("");
    fixture.publish_reading("T_1", 30.0);
    let tcp = fixture.daemon.web();
    let (anne, bob) = (cookie(&tcp, "anne"), cookie(&tcp, "bob"));
    let (anne, bob) = (("Cookie", &*anne), ("Cookie", &*bob));
    assert_eq!(status(&tcp, "GET", "/api/v1/alarms", &[bob]), 200);
    let refused = tcp.ask_raw("POST", ACK, &[bob, JSON], "{}").expect("an answer");
    assert_eq!(refused.status, 403);
    assert!(detail(&refused).contains("viewer"), "{refused:?}");
    for path in ["/api/v1/reload", "/api/v1/nothing"] {
        assert_eq!(status(&tcp, "POST", path, &[bob, JSON]), 403, "{path}");
    }
    assert_eq!(status(&tcp, "GET", "/api/v1/status", &[bob]), 403);
    assert_eq!(status(&tcp, "POST", "/api/v1/reload", &[anne, JSON]), 200);
    assert_eq!(fixture.alarms()[0]["state"], "unacknowledged");

    assert_eq!(status(&tcp, "POST", ACK, &[anne]), 415);
    assert_eq!(status(&tcp, "POST", ACK, &[anne, ("Content-Type", "text/plain")]), 415);
    let Server::Tcp(address) = &tcp else { panic!("an address") };
    let own = format!("http://{address}");
    let host = ("Host", &**address);
    for foreign in [
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        assert_eq!(status(&tcp, "POST", ACK, &[anne, JSON, host, foreign]), 403, "{foreign:?}");
        assert_eq!(status(&tcp, "DELETE", SESSION, &[anne, host, foreign]), 403, "{foreign:?}");
    }
    assert_eq!(fixture.home.db().texts(ACTIONS), Vec::<String>::new());
    assert_eq!(status(&tcp, "POST", ACK, &[anne, JSON, host, ("Origin", &own)]), 200);
    assert_eq!(fixture.home.db().texts(ACTIONS), ["acknowledge|warm|T_1|anne|api|done"]);
    assert_eq!(fixture.daemon.stop(), 0);
}

#[test]
fn a_token_has_full_rights_beside_users() {
    let mut home = Home::new();
    home.set_env("WEB_TOKEN", "s3cret-t0ken");
    let mut fixture =
        Fixture::with(home, &format!("{EMBEDDED}{}{RULES}", users("token_env = \"WEB_TOKEN\"")));
    fixture.publish_reading("T_1", 30.0);
    let tcp = fixture.daemon.web();
    let token = ("Authorization", "Bearer s3cret-t0ken");
    assert_eq!(status(&tcp, "POST", ACK, &[token, JSON]), 200);
    assert_eq!(fixture.home.db().texts(ACTIONS), ["acknowledge|warm|T_1|mallory|api|done"]);
    assert_eq!(status(&tcp, "POST", "/api/v1/reload", &[token, JSON]), 200);
    let bob = cookie(&tcp, "bob");
    assert_eq!(status(&tcp, "GET", "/api/v1/alarms", &[("Cookie", &bob)]), 200);
}

#[test]
fn a_declared_proxys_forwarded_headers_are_used() {
    let forwarded = [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "203.0.113.9")];
    for (proxies, is_declared) in [("proxies = [\"127.0.0.1\"]", true), ("", false)] {
        let mut fixture = fixture(proxies);
        let tcp = fixture.daemon.web();
        let set = log_in(&tcp, "anne", PASSWORD, &forwarded).headers["set-cookie"].clone();
        assert_eq!(set.ends_with("; Secure"), is_declared, "{set}");
        assert!(!log_in(&tcp, "anne", PASSWORD, &[]).headers["set-cookie"].contains("Secure"));
        let from = if is_declared { "203.0.113.9" } else { "127.0.0.1" };
        assert_eq!(log_in(&tcp, "anne", "wrong horse", &forwarded).status, 401);
        let line = format!("login refused from {from}, user \"anne\"");
        assert!(fixture.daemon.log().contains(&line), "{line}\n{}", fixture.daemon.log());
    }
}

#[test]
fn a_reload_replaces_the_users_and_ends_their_sessions() {
    let mut fixture = Fixture::embedded("[web]\nlisten = \"127.0.0.1:0\"\n");
    let tcp = fixture.daemon.web();
    let config = |users: &str| format!("{EMBEDDED}[web]\nlisten = \"127.0.0.1:0\"\n{users}{RULES}");
    let reload = |users: &str| {
        fixture.home.write("vigie.toml", &config(users));
        let (code, said) = fixture.vigie(&["reload"]);
        assert_eq!(code, 0, "{said}");
        said
    };
    assert_eq!(status(&tcp, "GET", "/api/v1/alarms", &[]), 200);
    let open = log_in(&tcp, "anne", PASSWORD, &[]);
    assert!(open.status == 404 && detail(&open).contains("vigie passwd"), "{open:?}");
    let (anne, bob) = (user("anne", "operator"), user("bob", "viewer"));
    assert_eq!(reload(&format!("{anne}{bob}")), "the users of the page\n");
    assert_eq!(status(&tcp, "GET", "/api/v1/alarms", &[]), 401);
    let cookies = [cookie(&tcp, "anne"), cookie(&tcp, "bob")];
    let are_in = || {
        let is_in = |cookie: &String| status(&tcp, "GET", "/api/v1/alarms", &[("Cookie", cookie)]);
        cookies.each_ref().map(is_in)
    };
    assert_eq!(reload(&format!("{anne}{bob}")), "nothing changed\n");
    assert_eq!(are_in(), [200, 200]);
    reload(&bob);
    assert_eq!(are_in(), [401, 200]);
    assert_eq!(log_in(&tcp, "anne", PASSWORD, &[]).status, 401);
}

#[test]
fn a_feed_needs_a_session_and_ends_with_it() {
    let mut fixture = fixture("");
    let tcp = fixture.daemon.web();
    let Server::Tcp(address) = &tcp else { panic!("an address") };
    let open = |headers: &[(&str, &str)]| WebSocket::open(address, "/api/v1/live", headers);
    assert_eq!(open(&[]).err(), Some(401));
    let pair = cookie(&tcp, "bob");
    let bob = ("Cookie", &*pair);
    assert_eq!(open(&[bob, ("Origin", "http://evil.example")]).err(), Some(403));
    let own = format!("http://{address}");
    let mut feed = open(&[bob, ("Origin", &own)]).expect("a feed");
    feed.send("{\"hello\":1,\"epoch\":null,\"seq\":0,\"want\":{\"series\":0}}");
    let Frame::Json(welcome) = feed.receive(SOON) else { panic!("a welcome") };
    let who = (&welcome["user"], &welcome["role"], &welcome["open"]);
    assert_eq!(who, (&json!("bob"), &json!("viewer"), &json!(false)));
    assert_eq!(status(&tcp, "DELETE", SESSION, &[bob]), 204);
    loop {
        match feed.receive(SOON) {
            Frame::Json(_) => {}
            end => break assert_eq!(end, Frame::Close(1008)),
        }
    }
    assert_eq!(open(&[bob]).err(), Some(401));
}

#[test]
fn no_error_quotes_a_password_hash() {
    let home = Home::new();
    let lines = user("anne", "operator");
    for broken in [
        lines.replace("$v=19$", "$v=x$"),
        lines.replace("[[web.users]]", "[[web.users]]\nextra = 1"),
        lines.replace("\"operator\"", "\"admin\""),
        lines.replace("password_hash = \"", "password_hash = \"\n"),
    ] {
        home.write("vigie.toml", &format!("{EMBEDDED}[web]\nlisten = \"0.0.0.0:0\"\n{broken}"));
        for command in ["check", "run"] {
            let output = run_vigie(&home, &[command, "-c", "vigie.toml"]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(USAGE), "{said}");
            assert!(!said.contains("argon2id"), "{said}");
        }
    }
}
