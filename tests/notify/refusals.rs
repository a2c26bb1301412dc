//! Web servers and proxies that refuse. A refused message is given up; a refused sender or address is retried.

use std::time::Duration;

use crate::fixture::{FINE, HOT, ReadingPublisher, config, notified, receiver, webhook};
use crate::support::http::Answer;
use crate::support::{Daemon, Home, HttpServer, Proxy, SOON, run_vigie};

/// Well below the time of a retry after `Retry-After`.
const AT_ONCE: Duration = Duration::from_secs(10);

fn status(home: &Home) -> String {
    let output = run_vigie(home, &["status", "-c", "vigie.toml"]);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits for `count` accepted messages; returns sensor and status of each alert.
fn all_notified(server: &HttpServer, count: usize) -> Vec<Vec<String>> {
    server.wait_taken(count, SOON).iter().map(|request| notified(&request.json())).collect()
}

/// Waits until the status has, or no longer has, a line; returns the status.
fn wait_status(home: &Home, daemon: &mut Daemon, line: &str, has_it: bool) -> String {
    daemon.wait_until(line, SOON, || status(home).contains(line) == has_it);
    status(home)
}

#[test]
fn an_expired_token_loses_no_alarm() {
    let (home, server) = (Home::new(), HttpServer::with_token("Bearer new"));
    home.write("token", "Bearer expired\n");
    let keys = format!(
        "type = \"webhook\"\nurl = \"{}\"\nheaders = {{ Authorization = {{ file = \"token\" }} }}",
        server.url("/hook")
    );
    let mut daemon = home.start(&config("en", &receiver("on-call", &keys)));
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish("A", "Hall", HOT, 0);
    let line = daemon.wait_line("Receiver on-call can't be notified", SOON);
    assert!(line.contains("HTTP status 401; check its token"), "{line}");
    let said =
        wait_status(&home, &mut daemon, "receiver on-call fails: it answers with HTTP", true);
    let row = said.lines().find(|line| line.starts_with("on-call ")).expect("a receiver's line");
    assert!(row.contains("failing"), "{row}");
    home.write("token", "Bearer new\n");
    assert_eq!(all_notified(&server, 1), [["A firing"]]);
    daemon.wait_line("Receiver on-call can be notified again", SOON);
    publisher.publish("A", "Hall", FINE, 60);
    assert_eq!(all_notified(&server, 2)[1], ["A resolved"]);
    assert_eq!(daemon.lines_with("given up").len(), 0);
    assert_eq!(daemon.stop(), 0);
    assert!(!daemon.log().contains("expired"), "it is a secret");
}

#[test]
fn a_refusal_of_the_sender_or_the_address_gives_no_alarm_up() {
    const STATUSES: [u16; 9] = [301, 302, 303, 402, 403, 404, 405, 407, 410];
    let (home, servers) = (Home::new(), STATUSES.map(|_| HttpServer::new()));
    let mut receivers = String::new();
    for (status, server) in STATUSES.into_iter().zip(&servers) {
        let answer = match status {
            ..400 => Answer::Redirect(status, "/login".into()),
            _ => Answer::Status(status),
        };
        server.answer(&[answer]);
        receivers += &webhook(&format!("r{status}"), &server.url("/"));
    }
    let mut daemon = home.start(&config("en", &receivers));
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    for (status, server) in STATUSES.into_iter().zip(&servers) {
        assert_eq!(all_notified(server, 1), [["A firing"]], "{status}");
        let requests = server.requests();
        assert!(requests.iter().all(|it| it.path == "/"), "{status}: not followed");
        let keys: Vec<_> = requests.iter().map(|it| &it.headers["idempotency-key"]).collect();
        assert_eq!(keys[0], keys[1], "{status}");
    }
    assert_eq!(daemon.stop(), 0);
    assert_eq!(daemon.lines_with("given up").len(), 0);
}

#[test]
fn a_redirection_within_the_host_is_followed_with_method_headers_and_body() {
    for status in [307, 308] {
        let (home, server) = (Home::new(), HttpServer::new());
        home.write("token", "Bearer s3cret\n");
        server.answer(&[Answer::Redirect(status, "/there?x=1".into())]);
        let keys = format!(
            "type = \"template\"\nmethod = \"PUT\"\nurl = \"{}\"\nbody = '{{\"a\": {{firing}}}}'\n\
             headers = {{ Authorization = {{ file = \"token\" }} }}",
            server.url("/here")
        );
        let mut daemon = home.start(&config("en", &receiver("on-call", &keys)));
        ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
        server.wait_taken(1, SOON);
        let requests = server.requests();
        let [first, second] = &requests[..] else { panic!("{requests:?}") };
        assert_eq!((first.path.as_str(), second.path.as_str()), ("/here", "/there?x=1"));
        assert_eq!((&second.method, &second.body), (&first.method, &first.body));
        assert_eq!(second.headers["authorization"], "Bearer s3cret");
        assert_eq!(daemon.lines_with("can't be notified").len(), 0, "in one attempt");
        assert_eq!(daemon.stop(), 0);
    }
}

#[test]
fn a_redirection_to_another_host_or_in_a_circle_is_not_followed() {
    let (home, server, other) = (Home::new(), HttpServer::new(), HttpServer::new());
    // Another name of the same machine is another host.
    server.answer(&[Answer::Redirect(307, format!("http://localhost:{}/", other.port()))]);
    let circle = HttpServer::new();
    circle.answer(&[(); 4].map(|()| Answer::Redirect(308, "/".into())));
    let receivers = [webhook("on-call", &server.url("/")), webhook("circle", &circle.url("/"))];
    let mut daemon = home.start(&config("en", &receivers.concat()));
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    let line = daemon.wait_line("Receiver on-call can't be notified", SOON);
    assert!(line.contains("HTTP status 307, a redirection, which is not followed"), "{line}");
    daemon.wait_line("Receiver circle can't be notified", SOON);
    for server in [&server, &circle] {
        assert_eq!(all_notified(server, 1), [["A firing"]]);
    }
    assert_eq!(daemon.stop(), 0);
    assert_eq!(other.requests().len(), 0, "nothing goes to it");
    assert_eq!(circle.requests().len(), 5, "four in the first attempt");
}

#[test]
fn a_refused_message_is_given_up_and_its_end_is_not_notified_first() {
    const UNTOLD: &str = "receiver on-call has not been told of active alarms";
    let (home, server) = (Home::new(), HttpServer::new());
    server.answer(&[Answer::Status(413)]);
    let text = config("en", &webhook("on-call", &server.url("/")));
    let mut daemon = home.start(&text);
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    daemon.wait_line("refuses a notification, which is given up", SOON);
    wait_status(&home, &mut daemon, UNTOLD, true);
    assert_eq!(daemon.stop(), 0);
    // A restart does not end the failure.
    let mut daemon = home.start(&text);
    let said = wait_status(&home, &mut daemon, UNTOLD, true);
    let row = said.lines().find(|line| line.starts_with("on-call ")).expect("a receiver's line");
    assert!(row.contains("failing"), "{row}");
    assert!(said.contains("active alarms that it has not been told of: 1"), "{said}");
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish("A", "Hall", FINE, 60);
    wait_status(&home, &mut daemon, UNTOLD, false);
    publisher.publish("B", "Hall", HOT, 60);
    assert_eq!(all_notified(&server, 1), [["B firing"]], "nobody knows of A");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn an_alarm_given_up_is_notified_with_the_next_one_and_so_is_its_end() {
    const UNTOLD: &str = "receiver on-call has not been told of active alarms";
    let (home, server) = (Home::new(), HttpServer::new());
    server.answer(&[Answer::Status(422)]);
    let mut daemon = home.start(&config("en", &webhook("on-call", &server.url("/"))));
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish("A", "Hall", HOT, 0);
    daemon.wait_line("refuses a notification, which is given up", SOON);
    publisher.publish("B", "Hall", HOT, 0);
    assert_eq!(all_notified(&server, 1), [["B firing", "A firing"]]);
    wait_status(&home, &mut daemon, UNTOLD, false);
    let status = status(&home);
    let row = status.lines().find(|line| line.starts_with("on-call ")).expect("a receiver's line");
    assert!(row.contains(" ok "), "{row}");
    publisher.publish("A", "Hall", FINE, 60);
    assert_eq!(all_notified(&server, 2)[1], ["A resolved", "B firing"]);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_receiver_is_failing_while_any_notification_fails() {
    let (home, server) = (Home::new(), HttpServer::new());
    let keys = format!("type = \"webhook\"\nurl = \"{}\"", server.url("/"));
    let mut daemon = home.start(&config("en", &receiver("on-call", &keys)));
    let publisher = ReadingPublisher::of(&mut daemon);
    server.answer(&[Answer::Status(500)]);
    publisher.publish("A", "Hall", HOT, 0);
    daemon.wait_line("Receiver on-call can't be notified", SOON);
    // The retry comes after the other group's, which succeeds.
    server.answer(&[Answer::Status(500), Answer::Status(500), Answer::Status(500)]);
    daemon.wait_until("more tries", SOON, || server.requests().len() == 4);
    publisher.publish("B", "Roof", HOT, 0);
    assert_eq!(all_notified(&server, 1), [["B firing"]]);
    assert!(status(&home).contains("receiver on-call fails: it answers with HTTP status 500"));
    assert_eq!(daemon.lines_with("can be notified again").len(), 0);
    assert_eq!(all_notified(&server, 2)[1], ["A firing"]);
    daemon.wait_line("Receiver on-call can be notified again", SOON);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_reload_retries_denied_notifications_at_once() {
    let (home, server) = (Home::new(), HttpServer::new());
    server.answer(&[Answer::After(3600)]);
    let mut daemon = home.start(&config("en", &webhook("on-call", &server.url("/"))));
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    daemon.wait_line("Receiver on-call can't be notified", SOON);
    let reloaded = run_vigie(&home, &["reload", "-c", "vigie.toml"]);
    assert!(reloaded.status.success(), "{reloaded:?}");
    server.wait_taken(1, AT_ONCE);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_proxy_is_used_and_retried_when_it_refuses() {
    let (home, server) = (Home::new(), HttpServer::new());
    let proxy = Proxy::with_login(server.port(), "me:r1ght");
    let login = |password: &str| format!("http://me:{password}@{}\n", proxy.address());
    home.write("proxy", &login("wr0ng"));
    let keys = "type = \"webhook\"\nurl = \"http://hooks.plant.example/x\"\nproxy_file = \"proxy\"";
    let mut daemon = home.start(&config("en", &receiver("on-call", keys)));
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    let line = daemon.wait_line("Receiver on-call can't be notified", SOON);
    let refuses = format!("the proxy {} refuses: HTTP status 407; check the user", proxy.address());
    assert!(line.contains(&refuses), "{line}");
    home.write("proxy", &login("r1ght"));
    assert_eq!(all_notified(&server, 1), [["A firing"]]);
    assert!(proxy.asked().iter().all(|asked| asked == "hooks.plant.example:80"));
    assert_eq!(server.requests()[0].headers["host"], "hooks.plant.example");
    let said = status(&home);
    assert_eq!(daemon.stop(), 0);
    for secret in ["wr0ng", "r1ght"] {
        assert!(!daemon.log().contains(secret) && !said.contains(secret), "{secret}");
    }
}

#[test]
fn the_environments_proxy_is_used_except_for_loopback_and_no_proxy() {
    let (mut home, server, direct) = (Home::new(), HttpServer::new(), HttpServer::new());
    let proxy = Proxy::to(server.port());
    home.set_env("http_proxy", &format!("http://{}", proxy.address()));
    home.set_env("no_proxy", "inside.example");
    let receivers = [
        webhook("far", "http://hooks.plant.example:8080/far"),
        webhook("here", &direct.url("/here")),
        webhook("inside", "http://vigie.inside.example/inside"),
    ];
    let mut daemon = home.start(&config("en", &receivers.concat()));
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    assert_eq!(server.wait_taken(1, SOON)[0].path, "/far");
    assert_eq!(direct.wait_taken(1, SOON)[0].path, "/here");
    daemon.wait_line("Receiver inside can't be notified", SOON);
    assert_eq!(proxy.asked(), ["hooks.plant.example:8080"]);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_host_that_a_proxy_cant_reach_is_retried() {
    let (home, server) = (Home::new(), HttpServer::new());
    let proxy = Proxy::to(server.port());
    proxy.refuse(Some(503));
    let keys = format!(
        "type = \"webhook\"\nurl = \"http://hooks.plant.example/\"\nproxy = \"http://{}\"",
        proxy.address()
    );
    let mut daemon = home.start(&config("en", &receiver("on-call", &keys)));
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    let line = daemon.wait_line("Receiver on-call can't be notified", SOON);
    assert!(line.contains("can't reach hooks.plant.example: HTTP status 503"), "{line}");
    proxy.refuse(None);
    assert_eq!(all_notified(&server, 1), [["A firing"]]);
    assert_eq!(daemon.stop(), 0);
}
