//! Formats of notifications: webhook, template, mail.

use crate::fixture::{FINE, HOT, ReadingPublisher, config, notified, receiver, webhook};
use crate::support::{Home, HttpServer, MailServer, SOON, alertmanager_v4, run_vigie};

#[test]
fn a_webhook_gets_what_alertmanager_would_send() {
    let (home, server) = (Home::new(), HttpServer::new());
    let mut daemon = home.start(&config("fr", &webhook("on-call", &server.url("/hook"))));
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish("COLD_1", "Chambre froide", HOT, 0);
    let raised = server.wait_taken(1, SOON).remove(0);
    assert_eq!((raised.method.as_str(), raised.path.as_str()), ("POST", "/hook"));
    assert_eq!(raised.headers["content-type"], "application/json");
    let message = raised.json();
    let alert = &alertmanager_v4::alerts(&message)[0];
    assert_eq!(message["receiver"], "on-call");
    assert_eq!(message["groupKey"], "{}:{location=\"Chambre froide\"}");
    assert_eq!(message["groupLabels"], serde_json::json!({ "location": "Chambre froide" }));
    let labels = serde_json::json!({
        "alertname": "hot", "sensor": "COLD_1", "location": "Chambre froide",
        "quantity": "temperature", "severity": "critical", "alert_type": "HIGH_TEMPERATURE",
    });
    assert_eq!(alert["labels"], labels);
    assert_eq!(message["commonLabels"], labels);
    assert_eq!(alert["annotations"]["summary"], "Température élevée détectée: 38.2°C");
    assert_eq!(alert["annotations"]["runbook_url"], "https://wiki.example/hot");
    assert_eq!(alert["annotations"]["value"], "38.2");
    assert_eq!(alert["annotations"]["threshold"], "35");
    assert_eq!(alert["startsAt"], "2024-08-14T00:00:00.000000Z");
    publisher.publish("COLD_1", "Chambre froide", FINE, 60);
    let over = server.wait_taken(2, SOON).remove(1).json();
    let end = &alertmanager_v4::alerts(&over)[0];
    assert_eq!((&over["status"], &end["status"]), (&"resolved".into(), &"resolved".into()));
    assert_eq!(end["startsAt"], alert["startsAt"]);
    assert_eq!(end["endsAt"], "2024-08-14T00:01:00.000000Z");
    assert_eq!(end["fingerprint"], alert["fingerprint"]);
    assert_ne!(raised.headers["idempotency-key"], "");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_template_fills_in_what_each_format_needs() {
    let (home, server) = (Home::new(), HttpServer::new());
    let json = receiver(
        "chat",
        &format!(
            "type = \"template\"\nurl = \"{}\"\nheaders = {{ X-Team = \"plant\", Authorization = \
             {{ file = \"token\" }} }}\nbody = '{{\"text\": \"{{subject}}\\n{{text}}\", \"n\": \
             {{firing}}, \"alerts\": {{alerts}}}}'",
            server.url("/json")
        ),
    );
    let form = receiver(
        "sms",
        &format!(
            "type = \"template\"\nmethod = \"PUT\"\nurl = \"{}\"\n\
             content_type = \"application/x-www-form-urlencoded\"\nbody = \"to=12&text={{subject}}\"",
            server.url("/form")
        ),
    );
    home.write("token", "Bearer s3cret\n");
    let mut daemon = home.start(&config("en", &format!("{json}{form}")));
    ReadingPublisher::of(&mut daemon).publish("T_1", "Hall \"3\" & 4", HOT, 0);
    let taken = server.wait_taken(2, SOON);
    let at = |path: &str| taken.iter().find(|request| request.path == path).expect(path);
    let (chat, sms) = (at("/json"), at("/form"));
    assert_eq!(chat.headers["x-team"], "plant");
    assert_eq!(chat.headers["authorization"], "Bearer s3cret");
    let body = chat.json();
    let text = body["text"].as_str().expect("a text");
    assert!(text.starts_with("🚨 Hall \"3\" & 4: 1 alarm active\nRaised:\n"), "{text}");
    assert!(text.contains("[CRITICAL] High temperature detected: 38.2°C (T_1, Hall \"3\" & 4)"));
    assert!(text.contains("What to do: https://wiki.example/hot"), "{text}");
    assert_eq!(body["n"], 1);
    assert_eq!(body["alerts"][0]["labels"]["sensor"], "T_1");
    assert_eq!(sms.method, "PUT");
    assert_eq!(sms.body, "to=12&text=%F0%9F%9A%A8+Hall+%223%22+%26+4%3A+1+alarm+active");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_mail_comes_in_both_languages() {
    for (language, subject, lines) in [
        (
            "en",
            "🚨 Entrepôt: 1 alarm active",
            [
                "Raised:",
                "[CRITICAL] High temperature detected: 38.2°C (T_1, Entrepôt), since 2024-08-14 00:00:00 UTC",
            ],
        ),
        (
            "fr",
            "🚨 Entrepôt: 1 alarme active",
            [
                "Déclenchées:",
                "[CRITICAL] Température élevée détectée: 38.2°C (T_1, Entrepôt), depuis le 2024-08-14 00:00:00 UTC",
            ],
        ),
    ] {
        let (home, server) = (Home::new(), MailServer::with_login("vigie", "s3cret"));
        home.write("password", "s3cret\n");
        let keys = format!(
            "type = \"email\"\nserver = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
             username = \"vigie\"\npassword_file = \"password\"\n\
             from = \"Vigie <vigie@example.org>\"\nto = [\"a@example.org\", \"b@example.org\"]",
            server.port()
        );
        let mut daemon = home.start(&config(language, &receiver("on-call", &keys)));
        let publisher = ReadingPublisher::of(&mut daemon);
        publisher.publish("T_1", "Entrepôt", HOT, 0);
        let mail = server.wait_mails(1, SOON).remove(0);
        assert_eq!(mail.from, "vigie@example.org");
        assert_eq!(mail.to, ["a@example.org", "b@example.org"]);
        assert_eq!(mail.header("Subject"), subject);
        let text = mail.text();
        assert!(lines.iter().all(|line| text.contains(line)), "{text}");
        publisher.publish("T_1", "Entrepôt", FINE, 60);
        let over = server.wait_mails(2, SOON).remove(1);
        assert!(over.header("Subject").starts_with("✅ Entrepôt: 1 alarm"), "{over:?}");
        assert_ne!(over.header("Message-ID"), mail.header("Message-ID"));
        assert_eq!(daemon.stop(), 0);
    }
}

#[test]
fn only_matching_alarms_are_notified() {
    let (home, server) = (Home::new(), HttpServer::new());
    let only = |name: &str, more: &str| {
        let url = server.url(&format!("/{name}"));
        receiver(name, &format!("type = \"webhook\"\nurl = \"{url}\"\n{more}"))
    };
    let receivers = [
        only("low", "priorities = [\"low\", \"medium\"]"),
        only("place", "locations = [\"Hall *\"]\nrules = [\"h*\"]"),
        only("raised", "send_resolved = false"),
        only("rule", "rules = [\"cold\"]"),
    ];
    let mut daemon = home.start(&config("en", &receivers.concat()));
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish("A", "Hall 1", HOT, 0);
    publisher.publish("B", "Roof", HOT, 0);
    // Three notifications: the hall's to two receivers, the roof's to one.
    server.wait_taken(3, SOON);
    publisher.publish("A", "Hall 1", FINE, 60);
    publisher.publish("B", "Roof", FINE, 60);
    server.wait_taken(4, SOON);
    // A marker: an unwanted notification would arrive before it.
    publisher.publish("A", "Hall 1", HOT, 120);
    let mut told: Vec<_> = server
        .wait_taken(6, SOON)
        .iter()
        .map(|request| format!("{}: {}", request.path, notified(&request.json()).join(", ")))
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            "/place: A firing",
            "/place: A firing",
            "/place: A resolved",
            "/raised: A firing",
            "/raised: A firing",
            "/raised: B firing"
        ]
    );
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn no_log_and_no_status_contains_a_token() {
    const TOKEN: &str = "correct-horse-battery-staple";
    let (mut home, server) = (Home::new(), HttpServer::new());
    home.set_env("RUST_LOG", "trace");
    home.set_env("VIGIE_HOOK", &server.url(&format!("/hook/{TOKEN}?key={TOKEN}")));
    home.set_env(
        "VIGIE_GONE",
        &format!("http://127.0.0.1:{}/{TOKEN}", crate::support::free_port()),
    );
    home.set_env("VIGIE_BAD", &format!("{}\u{7f}", server.url(&format!("/{TOKEN}"))));
    let of = |name: &str| {
        let keys = format!("type = \"webhook\"\nurl_env = \"VIGIE_{}\"", name.to_uppercase());
        receiver(name, &keys)
    };
    let text = config("en", &["hook", "gone", "bad"].map(of).concat());
    let mut daemon = home.start(&text);
    ReadingPublisher::of(&mut daemon).publish("T_1", "Hall", HOT, 0);
    let hook = server.wait_taken(1, SOON).remove(0);
    assert_eq!(hook.path, format!("/hook/{TOKEN}?key={TOKEN}"));
    daemon.wait_line("Receiver gone can't be notified", SOON);
    daemon.wait_line("Receiver bad can't be notified", SOON);
    let status = run_vigie(&home, &["status", "-c", "vigie.toml"]);
    assert_eq!(daemon.stop(), 0);
    let said = [daemon.log(), String::from_utf8_lossy(&status.stdout).into_owned()].concat();
    assert!(said.contains(" TRACE ") || said.contains(" DEBUG "), "it talks");
    assert!(!said.contains(TOKEN), "{}", said.lines().find(|line| line.contains(TOKEN)).unwrap());
}
