//! `vigie receivers`: their state, and `vigie receivers test` without a daemon.

use crate::fixture::{HOT, ReadingPublisher, config, notified, receiver, webhook};
use crate::support::http::{Answer, Request};
use crate::support::{Home, HttpServer, MailServer, SOON, alertmanager_v4, free_port, run_vigie};

const USAGE: i32 = 2;
const UNAVAILABLE: i32 = 69;

/// Runs `vigie receivers ARGS`; returns exit code and output.
fn receivers(home: &Home, args: &[&str]) -> (i32, String) {
    let args = [&["receivers"], args, &["-c", "vigie.toml"]].concat();
    let output = run_vigie(home, &args);
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().expect("an exit code"), String::from_utf8(said).expect("text"))
}

/// Runs `vigie receivers test on-call` with this configuration.
fn test(home: &Home, text: &str) -> (i32, String) {
    home.write("vigie.toml", text);
    receivers(home, &["test", "on-call"])
}

#[test]
fn a_test_notification_takes_the_channel_of_alarms_and_its_end_follows() {
    let (home, server) = (Home::new(), HttpServer::with_token("Bearer s3cret"));
    home.write("token", "Bearer s3cret\n");
    let keys = format!(
        "type = \"webhook\"\nurl = \"{}\"\nheaders = {{ Authorization = {{ file = \"token\" }} }}\n\
         priorities = [\"medium\", \"critical\", \"low\"]",
        server.url("/hook")
    );
    let (code, said) = test(&home, &config("fr", &receiver("on-call", &keys)));
    assert_eq!((code, said.trim()), (0, "test notification delivered to receiver on-call"));
    let messages: Vec<_> = server.taken().iter().map(Request::json).collect();
    assert_eq!(messages.len(), 2);
    assert_eq!(notified(&messages[0]), ["vigie-test firing"]);
    assert_eq!(notified(&messages[1]), ["vigie-test resolved"]);
    let alerts = [0, 1].map(|index| alertmanager_v4::alerts(&messages[index]).remove(0));
    assert_eq!(alerts[0]["labels"]["severity"], "critical");
    assert_eq!(alerts[0]["fingerprint"], alerts[1]["fingerprint"]);
    let summary = alerts[0]["annotations"]["summary"].as_str().expect("a text");
    assert!(summary.contains("ce n'est pas une alarme"), "{summary}");
    assert!(!home.path("sensor_data.db").exists(), "it is of no installation");
    assert!(!said.contains("s3cret"));
}

#[test]
fn a_test_says_why_it_was_not_delivered() {
    let (home, server) = (Home::new(), HttpServer::new());
    let text = config("en", &webhook("on-call", &server.url("/hook")));
    for (answer, expected) in [
        (Answer::Status(401), "HTTP status 401; check its token or password. An alarm would wait"),
        (Answer::Status(503), "HTTP status 503. An alarm would wait and be tried again"),
        (Answer::Status(400), "HTTP status 400. An alarm like it would be given up"),
    ] {
        server.answer(&[answer]);
        let (code, said) = test(&home, &text);
        assert_eq!(code, UNAVAILABLE, "{said}");
        assert!(said.contains("vigie receivers test on-call: it answers with"), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    home.write("hook", &format!("http://127.0.0.1:{}/s3cret\n", free_port()));
    let text = config("en", &receiver("on-call", "type = \"webhook\"\nurl_file = \"hook\""));
    let (code, said) = test(&home, &text);
    assert_eq!(code, UNAVAILABLE);
    assert!(said.contains("nothing listens at 127.0.0.1") && !said.contains("s3cret"), "{said}");
    let (code, said) =
        test(&home, &text.replace("url_file = \"hook\"", "url_env = \"VIGIE_UNSET\""));
    assert!(code == UNAVAILABLE && said.contains("VIGIE_UNSET"), "{code}: {said}");
}

#[test]
fn a_test_by_mail_names_the_refused_address() {
    let (home, server) = (Home::new(), MailServer::new());
    let keys = format!(
        "type = \"email\"\nserver = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
         from = \"v@example.org\"\nto = [\"a@example.org\", \"b@example.org\"]",
        server.port()
    );
    let text = config("en", &receiver("on-call", &keys));
    assert_eq!(test(&home, &text).0, 0);
    let mail = server.wait_mails(1, SOON).remove(0);
    assert_eq!(mail.to, ["a@example.org", "b@example.org"]);
    assert_eq!(mail.header("Subject"), "🚨 Test: 1 alarm active");
    assert!(mail.text().contains("Test of receiver on-call: this is no alarm"), "{}", mail.text());
    server.refuse("b@example.org", "550 5.1.1 no such user");
    let (code, said) = test(&home, &text);
    assert_eq!(code, UNAVAILABLE);
    assert!(said.contains("b@example.org: ") && said.contains("no such user"), "{said}");
    assert_eq!(server.wait_mails(2, SOON)[1].to, ["a@example.org"]);
}

#[test]
fn an_unknown_receiver_is_a_usage_error() {
    let home = Home::new();
    let hooks = ["one", "two"].map(|name| webhook(name, "http://127.0.0.1:9/"));
    let (code, said) = test(&home, &config("en", &hooks.concat()));
    assert_eq!(code, USAGE);
    assert!(said.contains("there is no receiver on-call; there is one, two"), "{said}");
    let (code, said) = test(&home, &config("en", ""));
    assert!(code == USAGE && said.contains("the configuration has no [[receivers]]"), "{said}");
}

#[test]
fn the_running_daemon_lists_its_receivers() {
    let (home, server) = (Home::new(), HttpServer::new());
    let (code, said) = test(&home, &config("en", ""));
    assert!(code == USAGE, "{said}");
    assert_eq!(receivers(&home, &[]).0, UNAVAILABLE, "there is no daemon");
    let away = format!("http://127.0.0.1:{}/", free_port());
    let hooks = [webhook("on-call", &server.url("/")), webhook("away", &away)];
    let mut daemon = home.start(&config("en", &hooks.concat()));
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    server.wait_taken(1, SOON);
    daemon.wait_line("Receiver away can't be notified", SOON);
    let (code, said) = receivers(&home, &[]);
    assert_eq!(code, 0);
    let row = |name: &str| said.lines().find(|line| line.starts_with(name)).expect(name);
    assert!(said.starts_with("RECEIVER"), "{said}");
    assert!(row("on-call ").contains(" ok "), "{said}");
    assert!(row("away ").contains(" failing ") && row("away ").contains("nothing listens"));
    let (code, json) = receivers(&home, &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        (code, &json[0]["name"], &json[1]["state"]),
        (0, &"on-call".into(), &"failing".into())
    );
    assert_eq!(daemon.stop(), 0);
}
