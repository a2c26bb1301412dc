//! A `Zigbee2MQTT` stream and discoveries in its midst, while the daemon is killed again and again: the rows are those of a
//! daemon that was left alone, units that were announced included.

use std::io::Result;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::daemon_killed::kill_often;
use super::scale::{Moments, pick};
use super::support::{Daemon, Home, RawClient, SOON, Version, eventually, free_port};

/// For all kills and restarts, on a busy machine.
const ALL_SENT: Duration = Duration::from_secs(600);
const RETRY: Duration = Duration::from_millis(20);
const DEVICES: usize = 5;

fn config(port: u16) -> String {
    format!(
        "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:{port}\"\n\
         [[devices]]\npreset = \"zigbee2mqtt\"\n[[devices]]\npreset = \"homeassistant\"\n"
    )
}

/// What a bridge says of its devices: the first so many of them.
fn definitions(count: usize) -> (String, String) {
    let device = |number: usize| {
        let expose = json!({ "type": "numeric", "name": "temperature", "property": "temperature", "unit": "°C", "access": 1 });
        json!({ "ieee_address": format!("0x{number:016x}"), "friendly_name": format!("hall/{number}"), "type": "EndDevice",
                "definition": { "model": "T", "vendor": "V", "exposes": [expose] } })
    };
    let all: Vec<_> = (0..count).map(device).collect();
    ("zigbee2mqtt/bridge/devices".into(), json!(all).to_string())
}

fn discovery(unit: &str) -> (String, String) {
    let config = json!({ "unique_id": "meter-1", "state_topic": "site/meter/state", "device_class": "temperature",
                         "unit_of_measurement": unit, "value_template": "{{ value_json.t }}" });
    ("homeassistant/sensor/meter-1/config".into(), config.to_string())
}

/// Everything that is sent, in order. Half-way a device joins and an entity is announced anew, in another unit.
fn messages(count: usize) -> Vec<(String, String)> {
    let mut messages = vec![definitions(DEVICES - 1), discovery("°C")];
    for number in 0..count {
        if number == count / 2 {
            messages.extend([definitions(DEVICES), discovery("°F")]);
        }
        let device = number % DEVICES;
        let at = chrono::DateTime::from_timestamp(
            1_790_000_000 + i64::try_from(number).expect("a count"),
            0,
        )
        .expect("a time");
        let state = json!({ "temperature": number as f64 + 0.25, "last_seen": at.to_rfc3339() });
        messages.push((format!("zigbee2mqtt/hall/{device}"), state.to_string()));
        messages.push(("site/meter/state".into(), json!({ "t": number }).to_string()));
    }
    messages
}

/// Sends them one after another, each until it is acknowledged.
fn send(addr: &str, messages: &[(String, String)]) {
    let mut next = 0;
    eventually("all messages acknowledged", ALL_SENT, || {
        // The end of a connection is what this is about.
        let _ = send_from(addr, messages, &mut next);
        thread::sleep(RETRY);
        (next == messages.len()).then_some(())
    });
}

fn send_from(addr: &str, messages: &[(String, String)], next: &mut usize) -> Result<()> {
    let mut bare = RawClient::connect(addr, "bridge", Version::V5)?;
    while let Some((topic, payload)) = messages.get(*next) {
        bare.publish(1, 1, topic, payload.as_bytes())?;
        bare.acknowledgement()?;
        *next += 1;
    }
    Ok(())
}

/// Rows of the stream, which has times of its own, and distinct rows of the entity, which has none: what is sent again
/// unacknowledged is another reading there.
fn rows(home: &Home, daemon: &mut Daemon, last: usize) -> [Vec<String>; 2] {
    let of_stream = "SELECT sensor_id || '|' || quantity || '|' || value || '|' || unit || '|' || timestamp FROM readings \
                     WHERE sensor_id LIKE 'hall/%' ORDER BY 1";
    let of_entity = "SELECT DISTINCT quantity || '|' || value || '|' || unit FROM readings \
                     WHERE sensor_id = 'meter-1' ORDER BY 1";
    let is_there =
        format!("SELECT count(*) FROM readings WHERE sensor_id = 'meter-1' AND value = {last}");
    daemon.wait_until("the last one", SOON, || home.db().number(&is_there) >= 1);
    [of_stream, of_entity].map(|sql| home.db().texts(sql))
}

#[test]
fn kills_change_nothing_of_what_devices_decode_to() {
    let (count, kills) = pick((400, 4), (8_000, 20));
    let messages = messages(count);
    let run = |kills: usize| {
        let port = free_port();
        let config = config(port);
        let home = Home::new();
        let mut daemon = home.start(&config);
        daemon.wait_ready();
        let mut moments = Moments::new();
        println!("seed {}", moments.seed);
        let sent = messages.clone();
        let sender = thread::spawn(move || send(&format!("127.0.0.1:{port}"), &sent));
        kill_often(&home, &config, &mut daemon, kills, &mut moments);
        sender.join().expect("all sent");
        let rows = rows(&home, &mut daemon, count - 1);
        assert_eq!(daemon.stop(), 0);
        rows
    };
    let (alone, killed) = (run(0), run(kills));
    assert_eq!((alone[0].len(), alone[1].len()), (count, count));
    for (of, (alone, killed)) in ["stream", "entity"].iter().zip(alone.iter().zip(&killed)) {
        let first = alone.iter().zip(killed).find(|(a, b)| a != b);
        assert_eq!((alone.len(), first), (killed.len(), None), "{of}");
    }
    println!(
        "CHAOS devices: {count} messages of a stream and {count} of an entity, {kills} kills: all rows equal"
    );
}
