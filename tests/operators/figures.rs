//! What the dashboard requests by HTTP: series, system, broker, alert history.

use std::time::Duration;

use serde_json::{Value, json};

use super::fixture::{EMBEDDED, Fixture, RULES};
use crate::support::websocket::LiveClient;
use crate::support::{Client, Home, SOON, free_port, names, readings};

fn get(home: &Home, path: &str) -> Value {
    let answer = home.api().get(path).expect("an answer");
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json
}

#[test]
fn series_come_page_by_page() {
    let mut fixture = Fixture::embedded("");
    for number in 0..5 {
        fixture.publish_reading(&format!("T_{number}"), 38.5);
    }
    let first = get(&fixture.home, "/api/v1/sensors?limit=2");
    let sensor = &first["sensors"][0];
    let expected = json!({
        "sensor_id": "T_0", "location": "Atelier", "quantity": "temperature", "unit": "celsius",
        "value": 38.5, "timestamp": "2024-08-14T00:00:00.000000+00:00", "low": 10.0, "high": 24.0,
        "every": null,
        "state": { "severity": "HIGH", "unacknowledged": true, "silent": false, "withheld": false },
    });
    assert_eq!(*sensor, expected);
    let mut ids = Vec::new();
    let mut next = Some(String::new());
    while let Some(after) = next {
        let query = if after.is_empty() { String::new() } else { format!("&after={after}") };
        let page = get(&fixture.home, &format!("/api/v1/sensors?limit=2{query}"));
        let sensors = page["sensors"].as_array().expect("sensors");
        ids.extend(sensors.iter().map(|it| it["sensor_id"].as_str().expect("an id").to_owned()));
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(ids, ["T_0", "T_1", "T_2", "T_3", "T_4"]);
    let refused = fixture.home.api().get("/api/v1/sensors?limit=0").expect("an answer");
    assert_eq!((refused.status, &refused.json["title"]), (422, &json!("Unprocessable Entity")));
}

#[test]
fn the_history_of_alerts_comes_page_by_page() {
    let mut fixture = Fixture::embedded("");
    for number in 0..6 {
        fixture.publish_reading("T_1", if number % 2 == 0 { 5.0 } else { 38.0 });
    }
    let all = get(&fixture.home, "/api/v1/alerts");
    let numbers = |page: &Value| -> Vec<u64> {
        let alerts = page["alerts"].as_array().expect("alerts");
        alerts.iter().map(|alert| alert["number"].as_u64().expect("a number")).collect()
    };
    let all = numbers(&all);
    assert!(all.len() > 6 && all.is_sorted(), "{all:?}");
    let (mut pages, mut before) = (Vec::new(), String::new());
    loop {
        let page = get(&fixture.home, &format!("/api/v1/alerts?limit=4{before}"));
        pages.splice(0..0, numbers(&page));
        let Some(next) = page["next"].as_u64() else { break };
        before = format!("&before={next}");
    }
    assert_eq!(pages, all);
    let until = get(&fixture.home, "/api/v1/alerts?until=2024-08-14T00:00:01Z");
    assert!(!numbers(&until).is_empty() && numbers(&until).len() < all.len());
    assert_eq!(
        get(&fixture.home, "/api/v1/alerts?until=2024-08-14T00:00:00Z")["alerts"],
        json!([])
    );
}

#[test]
fn a_trial_limit_is_evaluated_on_stored_readings() {
    let mut fixture = Fixture::embedded("");
    for value in [20.0, 31.0, 32.0, 29.5, 28.0, 33.0] {
        fixture.publish_reading("T_1", value);
    }
    fixture.publish_reading("T_2", 99.0);
    let ask = |more: Value| {
        let mut body = json!({
            "sensor": "T_1", "quantity": "temperature", "kind": "high", "limit": 30.0, "deadband": 1.0,
            "from": "2024-08-14T00:00:00Z", "to": "2024-08-14T01:00:00Z",
        });
        for (key, value) in more.as_object().expect("an object") {
            body[key] = value.clone();
        }
        fixture.home.api().post("/api/v1/rules/try", &body).expect("an answer")
    };
    let at = |second| {
        let time =
            chrono::DateTime::parse_from_rfc3339(&readings::timestamp(second)).expect("a time");
        json!(time.timestamp_millis())
    };
    let tried = ask(json!({}));
    assert_eq!(tried.status, 200, "{tried:?}");
    assert_eq!(tried.json["count"], 2);
    assert_eq!(tried.json["spans"], json!([[at(1), at(4)], [at(5), null]]));
    let config = tried.json["config"].as_str().expect("a text");
    assert_eq!(
        config,
        "[[rules]]\nname = \"t_1-high\"\nkind = \"high\"\nsensors = [\"T_1\"]\n\
         quantity = \"temperature\"\nlimit = 30.0\ndeadband = 1.0\n"
    );
    let low = ask(json!({ "kind": "low", "limit": 25, "deadband": 0, "on_delay": "0s" }));
    assert_eq!(low.json["spans"], json!([[at(0), at(1)]]));
    for (wrong, what) in [
        (json!({ "on_delay": "soon" }), "`soon` is no duration"),
        (json!({ "deadband": -1.0 }), "deadband"),
        (json!({ "from": "yesterday" }), "from"),
        (json!({ "to": "2024-08-13T00:00:00Z" }), "ends before it begins"),
        (json!({ "quantity": "Temperature" }), "quantity"),
    ] {
        let refused = ask(wrong);
        let detail = refused.json["detail"].as_str().expect("a text");
        assert!(refused.status == 422 && detail.contains(what), "{what}: {detail}");
    }
    assert_eq!(ask(json!({ "sensor": "NONE" })).json["count"], 0);
}

#[test]
fn the_system_lists_problems_with_their_beginning() {
    let home = Home::new();
    let port = free_port();
    let mut daemon = home.start(&format!(
        "language = \"en\"\n[mqtt]\nurl = \"mqtt://127.0.0.1:{port}\"\nname = \"Far\"\n"
    ));
    let mut system = Value::Null;
    daemon.wait_until("a problem", SOON, || {
        system = get(&home, "/api/v1/system");
        system["problems"][0]["what"] == "not connected to Far" && !system["database"].is_null()
    });
    let time = |text: &Value| {
        chrono::DateTime::parse_from_rfc3339(text.as_str().expect("a text")).expect("a time")
    };
    assert!(time(&system["problems"][0]["since"]) >= time(&system["started_at"]));
    let database = &system["database"];
    assert_eq!(
        (&system["pid"], &database["path"]),
        (&json!(daemon.pid()), &json!(names::DATABASE))
    );
    assert!(database["bytes"].as_u64() > Some(0) && database["disk_free_bytes"].is_u64());
    let broker = get(&home, "/api/v1/broker");
    let seen = json!([broker["name"], broker["embedded"], broker["connected"], broker["sessions"]]);
    assert_eq!(seen, json!(["Far", false, false, null]));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn the_broker_shows_rates_topics_and_sessions() {
    let config = format!("{EMBEDDED}[web]\nlisten = \"127.0.0.1:0\"\n{RULES}");
    let mut fixture = Fixture::with(Home::new(), &config);
    let access = fixture.daemon.embedded_broker();
    let address = fixture.daemon.wait_ready()["web"].as_str().expect("an address").to_owned();
    let away = Client::resume(&access, "AWAY").expect("a session");
    away.disconnect();
    let long =
        format!("{{\"sensor_id\":\"T_1\",\"temperature\":20.0,\"note\":\"{}\"}}", "x".repeat(300));
    fixture.client.publish(
        names::READINGS,
        readings::reading("T_1", 38.0, &readings::timestamp(0)),
        1,
    );
    fixture.client.publish(names::READINGS, long, 1);
    let mut broker = Value::Null;
    fixture.daemon.wait_until("rates", SOON, || {
        broker = get(&fixture.home, "/api/v1/broker");
        broker["in_per_s"].as_f64() > Some(0.0) && broker["out_per_s"].as_f64() > Some(0.0)
    });
    fixture.daemon.wait_until("sessions", SOON, || {
        broker = get(&fixture.home, "/api/v1/broker");
        broker["sessions"].as_array().is_some_and(|sessions| sessions.len() == 3)
    });
    assert_eq!((&broker["embedded"], &broker["connected"]), (&json!(true), &json!(true)));
    assert!(broker["since"].is_string() && broker["limits"].is_array(), "{broker}");
    let topics = broker["topics"].as_array().expect("topics");
    let of = |name: &str| topics.iter().find(|topic| topic["topic"] == name).expect("the topic");
    let readings = of(names::READINGS);
    assert_eq!(
        (&readings["is_cut"], readings["payload"].as_str().map(str::len)),
        (&json!(true), Some(256))
    );
    assert_eq!(
        (&of(names::STATUS)["retained"], &of(names::ALERTS)["retained"]),
        (&json!(true), &json!(false))
    );
    let sessions = broker["sessions"].as_array().expect("sessions");
    let away = sessions.iter().find(|session| session["client_id"] == "AWAY").expect("its session");
    assert_eq!((&away["connected"], &away["address"]), (&json!(false), &Value::Null));
    let here =
        sessions.iter().find(|session| session["subscriptions"] == 1).expect("the listener's");
    assert!(here["connected"] == true && here["address"].is_string() && here["since"].is_string());

    // The feed has the same, at most once a second.
    let want = json!({ "system": true, "broker": true });
    let mut client = LiveClient::connect(&address, None, 0, &want);
    let state = client.state(SOON).expect("a state");
    assert_eq!(
        (&state["system"]["pid"], &state["broker"]["name"]),
        (&json!(fixture.daemon.pid()), &broker["name"])
    );
    let rate = client.wait_state("a reading's rate", Duration::from_secs(15), |state| {
        state["system"]["readings_per_s"].as_f64()
    });
    assert!(rate >= 0.0);
}
