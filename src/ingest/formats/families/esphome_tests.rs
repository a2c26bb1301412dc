use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::config::Preset;
use crate::domain::Presence;

fn format(base: Option<&str>) -> Esphome {
    let base = base.map(str::to_owned);
    let preset = Preset::Esphome;
    Esphome::new(&PresetTable { preset, base, topic: None, device: None, precision: None }).unwrap()
}

fn decode(topic: &str, payload: &[u8]) -> Result<Decoded, String> {
    let received_at = DateTime::UNIX_EPOCH;
    let message = Message { topic, payload, received_at, is_replayed: false };
    format(None).decode(&message, &mut Vec::new())
}

/// The one reading of a message: sensor, quantity, value and unit.
#[track_caller]
fn reads(topic: &str, payload: &str, expected: &str) {
    let decoded = decode(topic, payload.as_bytes()).unwrap();
    let readings: Vec<_> = decoded.measurements.iter().map(|it| &it.reading).collect();
    let shown: Vec<_> = readings
        .iter()
        .map(|it| format!("{} {} {} {}", it.sensor_id, it.quantity, it.value, it.unit.as_str()))
        .collect();
    assert_eq!((shown.join("\n").trim(), decoded.num_faults), (expected, 0), "{topic}");
}

#[test]
fn an_object_id_gives_sensor_and_quantity() {
    reads("kiln/sensor/temperature/state", "812.5", "kiln/temperature temperature 812.5 °C");
    reads("kiln/sensor/door_temp/state", "44", "kiln/door temperature 44 °C");
    reads("a/b/kiln/sensor/door_temp_2/state", "44", "a/b/kiln/door_2 temperature 44 °C");
    reads("kiln/sensor/temperature_2/state", "44", "kiln/temperature_2 temperature 44 °C");
    reads("kiln/sensor/room_pm_2_5/state", "7", "kiln/room pm2_5 7");
    reads("kiln/sensor/main_power_factor/state", "0.9", "kiln/main power_factor 0.9");
    reads("kiln/sensor/scale_factor/state", "0.9", "kiln/scale_factor value 0.9");
    reads("kiln/sensor/flow_1/state", "3.25", "kiln/flow_1 value 3.25");
}

#[test]
fn binary_states_and_measured_climate() {
    reads("gate/binary_sensor/limit/state", "ON", "gate/limit state 1");
    reads("gate/switch/motor/state", "OFF", "gate/motor state 0");
    let topic = "hall/climate/heater/current_temperature/state";
    reads(topic, "19.4", "hall/heater current_temperature 19.4 °C");
}

#[test]
fn nothing_is_quiet_and_nonsense_is_not() {
    for payload in ["nan", "NaN", "NA", "", " "] {
        reads("kiln/sensor/temperature/state", payload, "");
    }
    reads("gate/binary_sensor/limit/state", "unknown", "");
    for (topic, payload, why) in [
        ("kiln/sensor/temperature/state", "hot", "\"hot\" is not a number"),
        ("kiln/sensor/temperature/state", "inf", "not a number"),
        ("kiln/sensor/temperature/state", "-500", "absolute zero"),
        ("gate/binary_sensor/limit/state", "maybe", "neither `ON` nor `OFF`"),
    ] {
        let decoded = decode(topic, payload.as_bytes()).unwrap();
        assert!(decoded.faults[0].contains(why), "{payload}: {decoded:?}");
    }
}

#[test]
fn birth_and_will() {
    let decoded = decode("a/kiln/status", b"offline").unwrap();
    let word = &decoded.availability[0];
    assert_eq!((word.device.as_str(), word.presence), ("a/kiln", Presence::Offline));
    // Another program's status.
    assert!(decode("kiln/status", br#"{"uptime":3}"#).unwrap().ignored.is_some());
}

#[test]
fn only_states_are_claimed() {
    let claims = |format: &Esphome, topic| format.claim(topic) == Claim::Decodes;
    let all = format(None);
    for topic in [
        "kiln/debug",
        "kiln/number/limit/state",
        "kiln/sensor/temperature",
        "sensor/temperature/state",
        "kiln/switch/motor/command",
        "kiln/climate/heater/target_temperature/state",
        "/status",
    ] {
        assert!(!claims(&all, topic), "{topic}");
    }
    let hall = format(Some("hall/"));
    assert!(claims(&hall, "hall/sensor/x/state") && claims(&hall, "hall/kiln/status"));
    assert!(!claims(&hall, "halls/sensor/x/state") && !claims(&hall, "kiln/status"));
    assert_ne!(all.key(), hall.key());
    let filters = hall.filters();
    for topic in ["hall/status", "hall/a/b/sensor/x/state"] {
        assert!(filters.iter().any(|it| topics::matches(&it.text, topic)), "{topic}");
    }
    let wild = PresetTable {
        preset: Preset::Esphome,
        base: Some("a/+".into()),
        topic: None,
        device: None,
        precision: None,
    };
    assert!(Esphome::new(&wild).unwrap_err().contains("wildcard"));
}

proptest! {
    #[test]
    fn no_bytes_panic(
        object in "[a-z0-9_]{0,12}",
        payload in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        for topic in [
            format!("p/sensor/{object}/state"),
            format!("p/binary_sensor/{object}/state"),
            format!("p/{object}/status"),
        ] {
            let _ = decode(&topic, &payload);
        }
    }
}
