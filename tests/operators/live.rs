//! The live feed, with a separate client: published values arrive, a reconnect resumes, and a slow client costs nothing.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fixture::Fixture;
use crate::support::websocket::{Frame, LiveClient, WebSocket};
use crate::support::{Home, SOON, names, readings};

const WEB: &str = "[web]\nlisten = \"127.0.0.1:0\"\n";

fn fixture() -> (Fixture, String) {
    let mut fixture = Fixture::embedded(WEB);
    let address = fixture.daemon.wait_ready()["web"].as_str().expect("an address").to_owned();
    (fixture, address)
}

fn all() -> Value {
    json!({ "series": 4, "alarms": true })
}

fn connect(address: &str) -> LiveClient {
    LiveClient::connect(address, None, 0, &all())
}

/// Newest value of a series in a state, by index.
fn value_of(state: &Value, index: u64) -> Option<Value> {
    let values = state["values"].as_array()?;
    values.iter().find(|value| value[0] == index).cloned()
}

fn alarm_of<'a>(state: &'a Value, rule: &str) -> Option<&'a Value> {
    state["alarms"].as_array()?.iter().find(|alarm| alarm["rule"] == rule)
}

#[test]
fn a_published_value_and_its_alarm_arrive_within_a_second() {
    let (mut fixture, address) = fixture();
    fixture.publish_reading("T_1", 20.5);
    let mut client = connect(&address);
    assert_eq!(client.welcome["version"], 1);
    assert_eq!(
        (&client.welcome["open"], &client.welcome["role"]),
        (&json!(true), &json!("operator"))
    );
    assert_eq!(
        (&client.welcome["zone"], &client.welcome["language"]),
        (&json!("UTC"), &json!("en"))
    );
    let first = client.state(SOON).expect("a state");
    assert_eq!(first["full"], true);
    let series = &first["series"][0];
    let expected = json!({
        "i": 0, "id": "T_1", "location": "Atelier", "quantity": "temperature", "unit": "celsius",
        "low": 10.0, "high": 24.0, "every": null,
    });
    assert_eq!(*series, expected);
    let at = chrono::DateTime::parse_from_rfc3339(&readings::timestamp(0)).expect("a time");
    assert_eq!(first["values"], json!([[0, 20.5, at.timestamp_millis(), 0]]));

    let reading = readings::reading("T_1", 38.2, &readings::timestamp(1));
    let published = Instant::now();
    fixture.client.publish(names::READINGS, reading, 1);
    let (value, alarm) = client.wait_state("the value and its alarm", SOON, |state| {
        Some((value_of(state, 0)?, alarm_of(state, "warm")?.clone()))
    });
    let took = published.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    // Priority high, unacknowledged.
    assert_eq!((&value[1], &value[3]), (&json!(38.2), &json!(2 + 8)));
    assert_eq!((&alarm["state"], &alarm["sensor_id"]), (&json!("unacknowledged"), &json!("T_1")));
    assert_eq!(alarm["runbook"], Value::Null);
    let stored = fixture.home.api().get("/api/v1/alarms").expect("an answer").json;
    let mut without_runbook = alarm.clone();
    without_runbook.as_object_mut().expect("an object").remove("runbook");
    assert_eq!(without_runbook, stored["alarms"][0], "as the API has it");

    assert_eq!(fixture.vigie(&["ack", "warm/T_1", "--by", "anne"]).0, 0);
    client.wait_state("its acknowledgement", SOON, |state| {
        (alarm_of(state, "warm")?["acknowledged"]["by"] == "anne").then_some(())
    });
    fixture.client.publish(
        names::READINGS,
        readings::reading("T_1", 20.0, &readings::timestamp(2)),
        1,
    );
    client.wait_state("its end", SOON, |state| {
        let is_gone = state["gone"].as_array()?.contains(&json!("warm/T_1"));
        is_gone.then_some(())
    });
    assert_eq!(fixture.daemon.stop(), 0);
}

#[test]
fn a_reconnect_resumes_and_a_restart_sends_the_full_state() {
    let (mut fixture, address) = fixture();
    fixture.publish_reading("T_1", 20.0);
    fixture.publish_reading("T_2", 21.0);
    let mut client = connect(&address);
    assert_eq!(client.state(SOON).expect("a state")["values"].as_array().map(Vec::len), Some(2));
    let (epoch, seq) = (client.epoch().to_owned(), client.seq);
    drop(client);
    fixture.publish_reading("T_2", 22.0);
    let mut client = LiveClient::connect(&address, Some(&epoch), seq, &all());
    assert_eq!(client.epoch(), epoch);
    let resumed = client.state(SOON).expect("a state");
    assert_eq!(
        (&resumed["full"], resumed["values"].as_array().map(Vec::len)),
        (&Value::Null, Some(1))
    );
    assert_eq!(value_of(&resumed, 1).expect("its value")[1], 22.0);
    let seq = client.seq;
    drop(client);
    // The same value again changes nothing.
    let mut client = LiveClient::connect(&address, Some(&epoch), seq, &all());
    assert_eq!(client.state(Duration::from_secs(1)), None);

    assert_eq!(fixture.daemon.stop(), 0);
    let mut daemon = fixture.home.start(&fixture.config);
    let address = daemon.wait_ready()["web"].as_str().expect("an address").to_owned();
    let mut client = LiveClient::connect(&address, Some(&epoch), seq, &all());
    assert_ne!(client.epoch(), epoch);
    assert_eq!(client.state(SOON).expect("a state")["full"], true);
}

#[test]
fn a_client_that_does_not_acknowledge_is_sent_nothing_but_beats() {
    let (mut fixture, address) = fixture();
    fixture.publish_reading("T_1", 20.0);
    let mut client = connect(&address);
    client.state(SOON).expect("a state");
    // From here on it acknowledges nothing.
    fixture.publish_reading("T_1", 21.0);
    let Frame::Json(unacknowledged) = client.socket.receive(SOON) else { panic!("no state") };
    assert_eq!(unacknowledged["type"], "state");
    for number in 0..20_u32 {
        fixture.publish_reading("T_1", f64::from(number) / 2.0);
    }
    let begun = Instant::now();
    for _ in 0..2 {
        let Frame::Json(frame) = client.socket.receive(SOON) else { panic!("no frame") };
        assert_eq!(frame["type"], "beat", "{frame}");
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "beats come each 2 s");
    // After an acknowledgement, one state has everything that it missed.
    client.socket.send(&json!({ "ack": unacknowledged["seq"] }).to_string());
    let missed = client.state(SOON).expect("a state");
    assert_eq!(missed["values"].as_array().map(Vec::len), Some(1));
    assert_eq!(value_of(&missed, 0).expect("its value")[1], 9.5);
    // A client that reads nothing does not delay the stop.
    let stopped = Instant::now();
    assert_eq!(fixture.daemon.stop(), 0);
    assert!(stopped.elapsed() < Duration::from_secs(3), "{:?}", stopped.elapsed());
    assert_eq!(last(&mut client.socket), Frame::Close(1001));
}

/// The close frame or the end, after any text frames.
fn last(socket: &mut WebSocket) -> Frame {
    loop {
        match socket.receive(SOON) {
            Frame::Json(_) => {}
            last => return last,
        }
    }
}

#[test]
fn subscriptions_of_a_feed_can_change() {
    let (mut fixture, address) = fixture();
    let mut client = LiveClient::connect(&address, None, 0, &json!({ "alarms": true }));
    let first = client.state(SOON).expect("a state");
    assert_eq!((&first["full"], &first["series"]), (&json!(true), &Value::Null));
    fixture.publish_reading("T_1", 38.0);
    let state = client
        .wait_state("the alarm", SOON, |state| alarm_of(state, "warm").map(|_| state.clone()));
    assert_eq!(state["values"], Value::Null);
    client.socket.send(&json!({ "want": all() }).to_string());
    let series = client.wait_state("the series", SOON, |state| state["series"].as_array().cloned());
    assert_eq!(series.len(), 1);
}

#[test]
fn other_origins_and_invalid_frames_are_refused() {
    let (_fixture, address) = fixture();
    let open =
        |origin: &str| WebSocket::open(&address, "/api/v1/live", &[("Origin", origin)]).map(drop);
    assert_eq!(open("http://evil.example"), Err(403));
    assert_eq!(open("null"), Err(403));
    assert_eq!(open(&format!("http://{address}")), Ok(()));
    for (first, code) in [
        ("{\"hello\":2}", 1008),
        ("{\"hello\":1,\"want\":{\"series\":9}}", 1008),
        ("no JSON", 1008),
        (format!("{{\"hello\":1,\"epoch\":\"{}\"}}", "x".repeat(5000)).as_str(), 1008),
    ] {
        let mut socket = WebSocket::open(&address, "/api/v1/live", &[]).expect("a feed");
        socket.send(first);
        assert_eq!(last(&mut socket), Frame::Close(code), "{first:.40}");
    }
    let mut client = connect(&address);
    for _ in 0..21 {
        if client.socket.try_send("{\"ack\":0}").is_err() {
            break;
        }
    }
    assert_eq!(last(&mut client.socket), Frame::Close(1008));
}

#[test]
fn at_most_32_feeds_are_open() {
    let (mut fixture, address) = fixture();
    let mut clients: Vec<_> = (0..32).map(|_| connect(&address)).collect();
    let mut refused = WebSocket::open(&address, "/api/v1/live", &[]).expect("a connection");
    assert_eq!(refused.receive(SOON), Frame::Close(1013));
    // The other feeds are unaffected, and the API answers.
    fixture.publish_reading("T_1", 20.0);
    for client in &mut clients {
        client.wait_state("the value", SOON, |state| value_of(state, 0));
    }
    assert_eq!(fixture.home.api().get("/api/v1/status").expect("an answer").status, 200);
    drop(clients.pop());
    let mut is_open = false;
    fixture.daemon.wait_until("a place", SOON, || {
        let mut socket = WebSocket::open(&address, "/api/v1/live", &[]).expect("a connection");
        is_open |= socket.receive(Duration::from_millis(300)) == Frame::Nothing;
        is_open
    });
    let stopped = Instant::now();
    assert_eq!(fixture.daemon.stop(), 0);
    assert!(stopped.elapsed() < Duration::from_secs(3), "{:?}", stopped.elapsed());
}

#[test]
fn without_a_websocket_the_state_is_polled() {
    let (mut fixture, address) = fixture();
    fixture.publish_reading("T_1", 38.0);
    fixture.publish_reading("T_2", 20.0);
    let server = crate::support::api::Server::Tcp(address);
    let get = |query: &str| server.get(&format!("/api/v1/live{query}")).expect("an answer");
    let first = get("");
    assert_eq!(first.status, 200);
    let (welcome, state) = (&first.json["welcome"], &first.json["state"]);
    assert_eq!((&welcome["type"], &state["full"]), (&json!("welcome"), &json!(true)));
    assert_eq!(state["series"].as_array().map(Vec::len), Some(2));
    assert_eq!(state["alarms"].as_array().map(Vec::len), Some(1));
    let epoch = welcome["epoch"].as_str().expect("an epoch");
    let resume = format!("?epoch={epoch}&seq={}", state["seq"]);
    let same = get(&resume).json;
    assert_eq!((&same["state"]["full"], &same["state"]["values"]), (&Value::Null, &Value::Null));
    fixture.publish_reading("T_2", 21.0);
    let changed = get(&resume).json;
    assert_eq!(changed["state"]["values"].as_array().map(Vec::len), Some(1));
    assert_eq!(get("?epoch=other&seq=1").json["state"]["full"], true);
    assert_eq!(get("?sequence=1").status, 422);
}

#[test]
fn a_large_fleet_comes_in_parts() {
    let (fixture, address) = fixture();
    let sensors = 2000;
    let readings = (0..sensors).map(|number| {
        let reading = readings::reading(&format!("T_{number}"), 20.0, &readings::timestamp(0));
        (names::READINGS.to_owned(), reading.into_bytes())
    });
    fixture.client.publish_all(readings);
    let mut client = connect(&address);
    let mut series = std::collections::BTreeSet::new();
    let deadline = Instant::now() + SOON;
    while series.len() < sensors {
        assert!(Instant::now() < deadline, "only {} series", series.len());
        if let Some(state) = client.state(SOON) {
            series.extend(
                state["series"].as_array().into_iter().flatten().map(|of| of["i"].as_u64()),
            );
        }
    }
    // A new client gets the full state at once.
    let mut parts = 0;
    let mut late = connect(&address);
    loop {
        let Frame::Json(part) = late.socket.receive(SOON) else { panic!("no part") };
        assert!(part.to_string().len() <= 64 * 1024);
        assert_eq!(part["full"] == true, parts == 0);
        parts += 1;
        if part["more"].is_null() {
            break;
        }
        assert_eq!(part["seq"], 0, "who has only this begins anew");
    }
    assert!(parts > 3, "{parts}");
}

#[test]
fn feeds_that_end_without_a_close_frame_free_their_places() {
    let home = Home::new();
    let mut daemon = home.start(&format!("[broker]\nlisten = \"127.0.0.1:0\"\n{WEB}"));
    let address = daemon.wait_ready()["web"].as_str().expect("an address").to_owned();
    let clients: Vec<_> = (0..32).map(|_| connect(&address)).collect();
    drop(clients);
    daemon.wait_until("a place", SOON, || {
        let mut socket = WebSocket::open(&address, "/api/v1/live", &[]).expect("a connection");
        socket.receive(Duration::from_millis(300)) == Frame::Nothing
    });
}
