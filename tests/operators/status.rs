//! `vigie status` of a running daemon, of a starting one, and without one.

use serde_json::Value;

use crate::support::{Home, SOON, free_port, run_vigie};

const UNAVAILABLE: i32 = 69;

const CONFIG: &str = "[broker]\n\
    listen = \"127.0.0.1:0\"\n\
    [[sensors]]\n\
    id = \"TEMP_001\"\n\
    interval = \"1s\"\n\
    source = { type = \"simulated\" }\n";

#[test]
fn status_describes_a_running_daemon() {
    let home = Home::new();
    let mut daemon = home.start(CONFIG);
    let file = home.write("asked.toml", CONFIG);
    let file = file.to_str().expect("a path of text");
    let mut report = Value::Null;
    daemon.wait_until("the connection is told", SOON, || {
        let output = run_vigie(&home, &["status", "--json", "-c", file]);
        assert_eq!(output.status.code(), Some(0));
        report = serde_json::from_slice(&output.stdout).expect("one JSON object");
        report["broker"]["connected"] == true
    });
    assert_eq!(report["pid"], daemon.pid());
    let children = report["tree"]["children"].as_array().expect("the children");
    let names: Vec<_> = children.iter().filter_map(|child| child["name"].as_str()).collect();
    for name in ["storage", "web", "alerts", "broker", "gateway", "fleet", "reload"] {
        assert!(names.contains(&name), "{name} is missing in {names:?}");
    }
    assert!(children.iter().all(|child| child["state"] == "up"), "{children:?}");
    assert_eq!(report["tree"]["groups"][0]["states"]["up"], 1);
    assert!(report["lag"]["unpublished"].is_u64() && report["lag"]["uncommitted"].is_u64());
    assert!(report["queues"]["store"]["depth"].is_u64());

    let output = run_vigie(&home, &["status", "-c", file]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("Vigie (embedded broker), connected"), "{text}");
    assert_eq!(daemon.stop(), 0);

    let output = run_vigie(&home, &["status", "-c", file]);
    assert_eq!(output.status.code(), Some(UNAVAILABLE));
    let complaint = String::from_utf8(output.stderr).expect("text");
    assert!(complaint.contains("no daemon answers at"), "{complaint}");
}

#[test]
fn status_answers_during_a_start_and_a_reload_waits_for_its_end() {
    let home = Home::new();
    // The start waits some seconds for a broker that is down.
    let config = format!("language = \"en\"\n[mqtt]\nurl = \"mqtt://127.0.0.1:{}\"\n", free_port());
    let mut daemon = home.spawn(&config);
    let state = |name: &str| {
        let output = run_vigie(&home, &["status", "--json", "-c", "vigie.toml"]);
        let report: Value = serde_json::from_slice(&output.stdout).ok()?;
        let children = report["tree"]["children"].as_array()?;
        let child = children.iter().find(|child| child["name"] == name)?;
        child["state"].as_str().map(str::to_owned)
    };
    daemon.wait_until("the gateway", SOON, || state("gateway").is_some_and(|it| it == "starting"));
    assert_eq!((state("web"), state("reload")), (Some("up".into()), Some("starting".into())));
    let output = run_vigie(&home, &["reload", "-c", "vigie.toml"]);
    assert_eq!((output.status.code(), &*output.stdout), (Some(0), &b"nothing changed\n"[..]));
    assert_eq!(state("reload"), Some("up".into()));
    assert_eq!(daemon.stop(), 0);
}
