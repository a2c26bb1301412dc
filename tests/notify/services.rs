//! Formats of the services, each tested against a server that is as strict as the service: single alarms, groups, ends,
//! unusual and long texts.

use std::time::Duration;

use serde_json::Value;

use crate::fixture::{FINE, HOT, ReadingPublisher, config, receiver};
use crate::support::http::{Answer, Request};
use crate::support::services::{
    NTFY_TOPIC, TELEGRAM_CHAT, TELEGRAM_TOKEN, alertmanager, ntfy, slack, teams, telegram,
};
use crate::support::{Daemon, Home, HttpServer, SOON, run_vigie};

/// A location that contains markup of several services.
const ODD: &str = "<!channel> & *Hall* _3_ \"x\" \\ {a} `b` [c](d) 🚨";
/// Number of alarms whose text exceeds every service's limit.
const MANY: usize = 400;

/// A service: its server, its configuration, and access to the text of an accepted message.
struct Service {
    name: &'static str,
    server: HttpServer,
    keys: String,
    said: fn(&Request) -> String,
}

fn texts(value: &Value, key: &str, to: &mut String) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| texts(value, key, to)),
        Value::Object(object) => {
            for (name, value) in object {
                match value.as_str() {
                    Some(text) if name == key => *to += &format!("{text}\n"),
                    _ => texts(value, key, to),
                }
            }
        }
        _ => {}
    }
}

/// All `text` values, without the escapes of mrkdwn.
fn all_texts(request: &Request) -> String {
    let mut all = String::new();
    texts(&request.json(), "text", &mut all);
    all.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn ntfy_text(request: &Request) -> String {
    let message = request.json();
    let text = |name: &str| message[name].as_str().expect(name).to_owned();
    format!("{}\n{}", text("title"), text("message"))
}

/// All services except Alertmanager, whose format has no text for people.
fn services(home: &Home) -> [Service; 4] {
    home.write("topic", &format!("{NTFY_TOPIC}\n"));
    home.write("bot", &format!("{TELEGRAM_TOKEN}\n"));
    let servers = [ntfy, slack, teams, telegram].map(HttpServer::judging);
    let [ntfy, slack, teams, telegram] = servers;
    home.write("slack", &format!("{}\n", slack.url("/services/T0123456789/B0123456/s3cret")));
    home.write("teams", &format!("{}\n", teams.url("/workflows/1/paths/invoke?sig=s3cret99")));
    [
        Service {
            name: "ntfy",
            keys: format!("url = \"{}\"\ntopic_file = \"topic\"", ntfy.url("")),
            server: ntfy,
            said: ntfy_text,
        },
        Service {
            name: "slack",
            server: slack,
            keys: "url_file = \"slack\"".into(),
            said: all_texts,
        },
        Service {
            name: "teams",
            server: teams,
            keys: "url_file = \"teams\"".into(),
            said: all_texts,
        },
        Service {
            name: "telegram",
            keys: format!(
                "url = \"{}\"\ntoken_file = \"bot\"\nchat_id = {TELEGRAM_CHAT}",
                telegram.url("")
            ),
            server: telegram,
            said: all_texts,
        },
    ]
}

fn tables(services: &[Service], more: &str) -> String {
    let table =
        |it: &Service| receiver(it.name, &format!("type = \"{}\"\n{}\n{more}", it.name, it.keys));
    services.iter().map(table).collect()
}

/// Waits until a service has accepted `count` messages; returns their texts.
fn said(service: &Service, count: usize) -> Vec<String> {
    service.server.wait_taken(count, SOON).iter().map(service.said).collect()
}

#[test]
fn alarms_and_their_ends_are_accepted_whatever_the_texts_are() {
    let home = Home::new();
    let services = services(&home);
    let mut daemon = home.start(&config("en", &tables(&services, "")));
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish("T_1", ODD, HOT, 0);
    for service in &services {
        let said = &said(service, 1)[0];
        assert!(said.contains(&format!("🚨 {ODD}: 1 alarm active")), "{}: {said}", service.name);
        assert!(said.contains(&format!("38.2°C (T_1, {ODD}), since")), "{}: {said}", service.name);
        assert!(said.contains("What to do: https://wiki.example/hot"), "{}", service.name);
    }
    publisher.publish_all((2..4).map(|n| (format!("T_{n}"), ODD.to_owned(), HOT, 0)));
    publisher.publish("T_1", ODD, FINE, 60);
    for service in &services {
        daemon.wait_until("the end and two more", SOON, || {
            let all = said(service, 2).concat();
            all.contains("(T_3, ") && all.contains("(T_2, ") && all.contains("Over:\n")
        });
        assert!(
            service.server.requests().iter().all(|it| it.answer.is_taken()),
            "{}",
            service.name
        );
    }
    publisher.publish_all((2..4).map(|n| (format!("T_{n}"), ODD.to_owned(), FINE, 60)));
    for service in &services {
        daemon.wait_until("all over", SOON, || {
            said(service, 3).last().is_some_and(|said| said.contains("✅"))
        });
    }
    assert_eq!(daemon.stop(), 0);
    assert_eq!(daemon.lines_with("given up").len(), 0);
}

#[test]
fn a_text_too_long_for_a_service_is_cut_with_a_note() {
    let home = Home::new();
    let services = services(&home);
    let waits = "group_wait = \"1s\"";
    let mut daemon = home.start(&config("fr", &tables(&services, waits)));
    let place = "Entrepôt & <quai> n° 3 ".repeat(5);
    ReadingPublisher::of(&mut daemon)
        .publish_all((0..MANY).map(|n| (format!("CAPTEUR_{n:03}"), place.clone(), HOT, 0)));
    for service in &services {
        let all = said(service, 1);
        assert!(all[0].contains("plus que ne tient ici"), "{}: {}", service.name, all[0]);
        assert!(
            service.server.requests().iter().all(|it| it.answer.is_taken()),
            "{}",
            service.name
        );
    }
    assert_eq!(daemon.stop(), 0);
    assert_eq!(daemon.lines_with("abandonnée").len(), 0);
}

#[test]
fn a_test_notification_gets_through_to_each() {
    let home = Home::new();
    let services = services(&home);
    home.write("vigie.toml", &config("en", &tables(&services, "")));
    for service in &services {
        let args = ["receivers", "test", service.name, "-c", "vigie.toml"];
        let output = run_vigie(&home, &args);
        assert!(output.status.success(), "{}: {output:?}", service.name);
        assert!(said(service, 1)[0].contains("this is no alarm"), "{}", service.name);
    }
    let server = HttpServer::judging(alertmanager);
    home.write("vigie.toml", &config("en", &alertmanager_table(&server, "")));
    let output = run_vigie(&home, &["receivers", "test", "am", "-c", "vigie.toml"]);
    assert!(output.status.success(), "{output:?}");
    let alerts = alerts(&server.taken()[0]);
    assert!(alerts[0].0 == "vigie-test" && (235..=240).contains(&alerts[0].1), "{alerts:?}");
}

/// A daemon whose only receiver was refused, and the log line.
fn refused(service: &Service, home: &Home, answer: Answer) -> (Daemon, String) {
    service.server.answer(&[answer]);
    let text = config("en", &tables(std::slice::from_ref(service), ""));
    let mut daemon = home.start(&text);
    ReadingPublisher::of(&mut daemon).publish("T_1", "Hall", HOT, 0);
    let line = daemon.wait_line(&format!("eceiver {} ", service.name), SOON);
    (daemon, line)
}

#[test]
fn a_chat_that_is_gone_gives_no_alarm_up_though_it_answers_400() {
    let home = Home::new();
    let [.., telegram] = services(&home);
    let gone = r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#;
    let (mut daemon, line) = refused(&telegram, &home, Answer::Said(400, gone.into()));
    assert!(line.contains("check its settings (it says: Bad Request: chat not found)"), "{line}");
    said(&telegram, 1);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(daemon.lines_with("given up").len(), 0);
}

#[test]
fn retry_after_in_the_body_is_respected() {
    let home = Home::new();
    let [.., telegram] = services(&home);
    let busy = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 3",
                   "parameters":{"retry_after":3}}"#;
    let (mut daemon, line) = refused(&telegram, &home, Answer::Said(429, busy.into()));
    assert!(line.contains("Next try in 3.0 s"), "{line}");
    said(&telegram, 1);
    let requests = telegram.server.requests();
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(3));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_workflow_that_is_off_gives_no_alarm_up() {
    let home = Home::new();
    let [_, _, teams, _] = services(&home);
    let off = r#"{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"it is off"}}"#;
    let (mut daemon, line) = refused(&teams, &home, Answer::Said(400, off.into()));
    assert!(line.contains("(it says: it is off)"), "{line}");
    said(&teams, 1);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn no_log_and_no_status_contains_a_topic_or_a_token() {
    let mut home = Home::new();
    home.set_env("RUST_LOG", "trace");
    let services = services(&home);
    let secrets = [NTFY_TOPIC, "T0123456789", "s3cret99", TELEGRAM_TOKEN];
    for (service, secret) in services.iter().zip(secrets) {
        // The answer quotes the request.
        service.server.answer(&[Answer::Said(404, format!("there is no {secret}"))]);
    }
    let mut daemon = home.start(&config("en", &tables(&services, "")));
    ReadingPublisher::of(&mut daemon).publish("T_1", "Hall", HOT, 0);
    for service in &services {
        let line = daemon.wait_line(&format!("Receiver {} can't be notified", service.name), SOON);
        assert!(line.contains("(it says: there is no ***)"), "{line}");
        said(service, 1);
    }
    let status = run_vigie(&home, &["status", "-c", "vigie.toml"]);
    assert_eq!(daemon.stop(), 0);
    let all = daemon.log() + &String::from_utf8_lossy(&status.stdout);
    assert!(all.contains(" TRACE ") || all.contains(" DEBUG "), "it talks");
    for secret in secrets {
        let line = all.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}

fn alertmanager_table(server: &HttpServer, more: &str) -> String {
    let url = server.url("/am/");
    format!("[[receivers]]\nname = \"am\"\ntype = \"alertmanager\"\nurl = \"{url}\"\n{more}")
}

/// Sensor and seconds until `endsAt` from receipt on; negative for an ended alert.
fn alerts(request: &Request) -> Vec<(String, i64)> {
    let json = request.json();
    let alert = |alert: &Value| {
        let ends_at: chrono::DateTime<chrono::Utc> =
            alert["endsAt"].as_str().expect("a text").parse().expect("a time");
        let sensor = alert["labels"]["sensor"].as_str().expect("a sensor").to_owned();
        (sensor, (ends_at - request.now).num_seconds())
    };
    json.as_array().expect("a list").iter().map(alert).collect()
}

#[test]
fn alertmanager_gets_repeats_before_expiry_and_an_end_at_once() {
    let (home, server) = (Home::new(), HttpServer::judging(alertmanager));
    let more = "repeat_interval = \"500ms\"\ngroup_interval = \"100ms\"";
    let mut daemon = home.start(&config("en", &alertmanager_table(&server, more)));
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish("T_1", ODD, HOT, 0);
    publisher.publish("T_2", ODD, HOT, 0);
    let taken = server.wait_taken(5, SOON);
    assert!(taken.iter().flat_map(alerts).all(|(_, holds)| holds >= 88), "{taken:?}");
    let labels = &taken[0].json()[0]["labels"];
    assert_eq!((&labels["alertname"], &labels["location"]), (&"hot".into(), &ODD.into()));
    publisher.publish("T_1", ODD, FINE, 60);
    let ended = |request: &Request| {
        alerts(request).iter().any(|(sensor, holds)| sensor == "T_1" && *holds <= 0)
    };
    daemon.wait_until("the end of one", SOON, || server.taken().iter().any(ended));
    // The end is sent once, and the active alert repeatedly.
    let so_far = server.taken().len();
    let taken = server.wait_taken(so_far + 3, SOON);
    let last: Vec<_> = taken[so_far..].iter().flat_map(alerts).collect();
    assert!(last.iter().all(|(sensor, holds)| sensor == "T_2" && *holds >= 88), "{last:?}");
    assert!(server.requests().iter().all(|it| it.answer.is_taken()), "{:?}", server.requests());
    assert_eq!(daemon.stop(), 0);
    let lines = daemon.lines_with("am was told").len();
    assert!((2..=3).contains(&lines), "news alone is worth a line: {lines}");
}

#[test]
fn alertmanager_gets_repeats_of_more_alarms_than_one_message_holds() {
    let (home, server) = (Home::new(), HttpServer::judging(alertmanager));
    let more = "repeat_interval = \"2s\"\nmax_alerts = 7";
    let mut daemon = home.start(&config("en", &alertmanager_table(&server, more)));
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish_all((0..30).map(|n| (format!("T_{n}"), "Hall".to_owned(), HOT, 0)));
    let rounds = |request: &Request| alerts(request).into_iter().map(|(sensor, _)| sensor);
    daemon.wait_until("each three times", SOON, || {
        let all: Vec<_> = server.taken().iter().flat_map(rounds).collect();
        (0..30).all(|n| all.iter().filter(|it| **it == format!("T_{n}")).count() >= 3)
    });
    assert!(server.requests().iter().all(|it| alerts(it).len() <= 7));
    assert_eq!(daemon.stop(), 0);
}
