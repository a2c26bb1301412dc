//! The HTTP API: requests, responses and access.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::fixture::{ACTIONS, EMBEDDED, Fixture, RULES};
use crate::support::api::Server;
use crate::support::{Home, SOON, names};
use crate::{UNAVAILABLE, USAGE};

#[test]
fn the_api_answers_on_its_socket_and_by_tcp() {
    let mut fixture = Fixture::embedded("[web]\nlisten = \"127.0.0.1:0\"\n");
    fixture.publish_reading("T_1", 30.0);
    let (local, tcp) = (fixture.home.api(), fixture.daemon.web());
    let get = |path: &str| {
        let answer = tcp.get(path).expect("an answer");
        assert_eq!(local.get(path).expect("an answer"), answer, "{path}");
        answer
    };
    let listed = get("/api/v1/alarms");
    assert_eq!((listed.status, listed.json["alarms"].as_array().map(Vec::len)), (200, Some(1)));
    let id = listed.json["alarms"][0]["id"].as_str().expect("an id").to_owned();
    let one = get(&format!("/api/v1/alarms/{id}"));
    assert_eq!((one.status, &one.json), (200, &listed.json["alarms"][0]));
    assert_eq!(get("/api/v1/alarms/warm%2FT_1"), one);
    assert_eq!(get("/api/v1/openapi.json").json["openapi"], "3.1.0");

    let done = tcp.post(&format!("/api/v1/alarms/{id}/ack"), &json!({"by": "anne"}));
    let done = done.expect("an answer");
    assert_eq!((done.status, &done.json["changed"]), (200, &json!(true)), "{done:?}");
    let history = get("/api/v1/alerts?sensor=T_1");
    assert_eq!(history.json["alerts"][1]["transition"], "acknowledged");
    assert_eq!(history.json["alerts"][1]["by"], "anne");
    assert_eq!(get("/api/v1/alerts?limit=1").json["alerts"].as_array().map(Vec::len), Some(1));
    assert_eq!(fixture.home.db().texts(ACTIONS), ["acknowledge|warm|T_1|anne|api|done"]);

    for (path, status) in [
        ("/api/v1/alarms/0123456789abcdef", 404),
        ("/api/v1/alarms/T_1", 422),
        ("/api/v1/alerts?since=yesterday", 422),
        ("/api/v1/alerts?till=1h", 422),
        ("/api/v1/nothing", 404),
        ("/api/v1/alarms/warm%2FT_1/ack", 405),
    ] {
        let refused = get(path);
        assert_eq!(refused.status, status, "{path}: {refused:?}");
        assert!(refused.json["detail"].is_string(), "{path}: {refused:?}");
    }
    for (method, path, allowed) in [
        ("GET", "/api/v1/alarms/warm%2FT_1/ack", "POST"),
        ("PUT", "/api/v1/session", "GET, POST, DELETE"),
        ("PUT", "/metrics", "GET, HEAD"),
    ] {
        let refused = tcp.ask_raw(method, path, &[], "").expect("an answer");
        let said = refused.headers.get("allow").map(String::as_str);
        assert_eq!((refused.status, said), (405, Some(allowed)), "{method} {path}");
    }
    for (path, body, status) in [
        ("warm%2FT_1/reset", json!({"by": "anne"}), 409),
        ("cold%2FT_1/ack", json!({"by": "anne"}), 409),
        ("cold%2FT_2/ack", json!({"by": "anne"}), 404),
        ("warm%2FT_1/ack", json!({}), 422),
        ("warm%2FT_1/shelve", json!({"by": "anne"}), 422),
        ("warm%2FT_1/shelve", json!({"by": "anne", "why": "x", "for": "25h"}), 422),
        ("warm%2FT_1/ack", json!({"by": "x".repeat(20_000)}), 413),
    ] {
        let answer = tcp.post(&format!("/api/v1/alarms/{path}"), &body).expect("an answer");
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(answer.json["detail"].is_string(), "{path}: {answer:?}");
    }
    let socket = std::fs::metadata(fixture.home.path(names::API_SOCKET)).expect("the socket");
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    assert_eq!(fixture.daemon.stop(), 0);
    assert!(!fixture.home.path(names::API_SOCKET).exists());
}

#[test]
fn a_page_of_another_origin_can_neither_read_nor_change_anything() {
    let mut fixture = Fixture::embedded("[web]\nlisten = \"127.0.0.1:0\"\n");
    fixture.publish_reading("T_1", 30.0);
    let tcp = fixture.daemon.web();
    let ask = |method: &str, headers: &[(&str, &str)], body: &str| {
        let path = if method == "GET" { "/api/v1/alarms" } else { "/api/v1/alarms/warm%2FT_1/ack" };
        tcp.ask(method, path, headers, body).expect("an answer").status
    };
    let body = "{\"by\":\"mallory\"}";
    assert_eq!(ask("GET", &[("Host", "evil.example")], ""), 403);
    let json = ("Content-Type", "application/json");
    assert_eq!(ask("POST", &[("Host", "evil.example"), json], body), 403);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        assert_eq!(ask("POST", &[("Content-Type", kind)], body), 415, "{kind}");
    }
    assert_eq!(ask("POST", &[], body), 415);
    assert_eq!(fixture.alarms()[0]["state"], "unacknowledged");
    assert_eq!(fixture.home.db().texts(ACTIONS), Vec::<String>::new());
    assert_eq!(ask("GET", &[("Host", "127.0.0.1:8420")], ""), 200);
}

#[test]
fn status_and_reload_need_the_socket() {
    let mut fixture = Fixture::embedded("[web]\nlisten = \"127.0.0.1:0\"\n");
    let (local, tcp) = (fixture.home.api(), fixture.daemon.web());
    let reload = |server: &Server, headers: &[(&str, &str)]| {
        server.ask("POST", "/api/v1/reload", headers, "").expect("an answer")
    };
    let json = ("Content-Type", "application/json");
    for refused in [tcp.get("/api/v1/status").expect("an answer"), reload(&tcp, &[json])] {
        assert_eq!(
            (refused.status, refused.json["detail"].is_string()),
            (403, true),
            "{refused:?}"
        );
    }
    let status = local.get("/api/v1/status").expect("an answer");
    assert_eq!((status.status, &status.json["pid"]), (200, &json!(fixture.daemon.pid())));
    assert_eq!(reload(&local, &[]).status, 415);
    let done = reload(&local, &[json]);
    assert_eq!((done.status, &done.json), (200, &json!({"changes": "nothing changed"})));
    fixture.home.write("vigie.toml", "colour = 3\n");
    let refused = reload(&local, &[json]);
    let why = refused.json["detail"].as_str().expect("a text");
    assert!(refused.status == 422 && why.contains("unknown key `colour`"), "{refused:?}");
    assert_eq!(fixture.daemon.stop(), 0);
}

#[test]
fn with_a_token_configured_requests_without_it_are_refused() {
    let mut home = Home::new();
    home.set_env("WEB_TOKEN", "s3cret-t0ken");
    let web = "[web]\nlisten = \"127.0.0.1:0\"\ntoken_env = \"WEB_TOKEN\"\n";
    let mut fixture = Fixture::with(home, &format!("{EMBEDDED}{web}{RULES}"));
    fixture.publish_reading("T_1", 30.0);
    let tcp = fixture.daemon.web();
    let get = |path: &str, authorization: &str| {
        let headers = [("Host", "vigie.example"), ("Authorization", authorization)];
        tcp.ask("GET", path, &headers, "").expect("an answer")
    };
    let ask = |authorization: &str| get("/api/v1/alarms", authorization);
    assert_eq!(tcp.get("/api/v1/alarms").expect("an answer").status, 401);
    assert_eq!(tcp.get("/api/v1/nothing").expect("an answer").status, 401);
    let wrong = ask("Bearer s3cret-t0keN");
    assert_eq!((wrong.status, wrong.json["detail"].is_string()), (401, true));
    assert_eq!(ask("Bearer s3cret-t0ken").status, 200);
    assert_eq!(get("/api/v1/status", "Bearer s3cret-t0ken").status, 200);
    let headers = [("Content-Type", "application/json")];
    let path = "/api/v1/alarms/warm%2FT_1/ack";
    let change = tcp.ask("POST", path, &headers, "{\"by\":\"anne\"}").expect("an answer");
    assert_eq!(change.status, 401);
    assert_eq!(fixture.alarms()[0]["state"], "unacknowledged");
    // The socket's file mode decides who may use it.
    assert_eq!(fixture.home.api().get("/api/v1/alarms").expect("an answer").status, 200);
    assert!(!fixture.daemon.log().contains("s3cret"), "the token is in the log");
}

#[test]
fn an_incomplete_request_times_out() {
    let mut fixture = Fixture::embedded("[web]\nlisten = \"127.0.0.1:0\"\n");
    let Server::Tcp(address) = fixture.daemon.web() else { panic!("an address") };
    // Returns only when the server closes the connection.
    let answer_to = |half: &str| {
        let mut stream = TcpStream::connect(&address).expect("a connection");
        stream.set_read_timeout(Some(SOON)).expect("set the patience");
        stream.write_all(half.as_bytes()).expect("send");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer, and its end");
        answer
    };
    let head = "HTTP/1.1\r\nHost: localhost\r\n";
    let no_body = "Content-Type: application/json\r\nContent-Length: 10\r\n\r\n";
    let answer = answer_to(&format!("POST /api/v1/alarms/warm%2FT_1/ack {head}{no_body}"));
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("within 5s"), "{answer}");
    let answer = answer_to(&format!("GET /api/v1/alarms {head}\r\nG"));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(fixture.daemon.stop(), 0);
}

#[test]
fn a_failed_listener_has_a_reason() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    for (web, code, what) in [
        (format!("listen = \"{address}\""), UNAVAILABLE, "the API can't listen on"),
        ("listen = \"127.0.0.1:0\"\ntoken_env = \"NOT_SET\"".into(), USAGE, "no token for [web]"),
        ("listen = \"0.0.0.0:0\"".into(), USAGE, "anyone may acknowledge"),
    ] {
        let home = Home::new();
        let mut daemon = home.spawn(&format!("{EMBEDDED}[web]\n{web}\n"));
        assert_eq!(daemon.exit_code(SOON), code, "{web}");
        assert!(daemon.log().contains(what), "{web}: {}", daemon.log());
    }
}

/// Malformed requests give a few log lines and a count of suppressed ones.
#[test]
fn malformed_requests_do_not_fill_the_log() {
    let mut fixture = Fixture::embedded("[web]\nlisten = \"127.0.0.1:0\"\n");
    let Server::Tcp(address) = fixture.daemon.web() else { panic!("it listens by TCP") };
    for _ in 0..100 {
        let mut stream = std::net::TcpStream::connect(&address).expect("a connection");
        stream.write_all(b"\x00 / HTTP/9.9\r\n\r\n").expect("send");
        let _answer = stream.read_to_end(&mut Vec::new()); // the server may reset the connection
    }
    let lines = fixture.daemon.lines_with("actix");
    assert!(lines.len() <= 6, "{lines:?}");
}

#[test]
fn responses_have_security_and_caching_headers() {
    let mut home = Home::new();
    home.set_env("THE_TOKEN", "0123456789abcdef0123456789abcdef");
    let web = "[web]\nlisten = \"127.0.0.1:0\"\ntoken_env = \"THE_TOKEN\"\n";
    let mut fixture = Fixture::with(home, &format!("{EMBEDDED}{web}{RULES}"));
    let server = fixture.daemon.web();
    let refused = server.ask_raw("GET", "/api/v1/alarms", &[], "").expect("an answer");
    assert_eq!(
        (refused.status, &*refused.headers["www-authenticate"]),
        (401, "Bearer realm=\"vigie\"")
    );
    for answer in
        [refused, fixture.home.api().ask_raw("GET", "/api/v1/alarms", &[], "").expect("one")]
    {
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
}

/// Paging returns each alarm once, whatever the page size.
#[test]
fn alarms_come_in_pages() {
    let mut fixture = Fixture::embedded("");
    for n in 0..7 {
        fixture.publish_reading(&format!("T_{n}"), 30.0);
    }
    let api = fixture.home.api();
    let page = |query: &str| api.get(&format!("/api/v1/alarms{query}")).expect("an answer");
    let whole = page("").json;
    assert_eq!((whole["alarms"].as_array().map(Vec::len), &whole["next"]), (Some(7), &Value::Null));
    let (mut paged, mut after) = (Vec::new(), String::new());
    loop {
        let one = page(&format!("?limit=3{after}")).json;
        paged.extend(one["alarms"].as_array().expect("a list").iter().cloned());
        let Some(next) = one["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(Value::Array(paged), whole["alarms"]);
    assert_eq!(page("?after=warm/T_6").json["alarms"], json!([]));
    for wrong in ["?limit=0", "?limit=10001", "?after=x", "?before=1"] {
        assert_eq!(page(wrong).status, 422, "{wrong}");
    }
}
