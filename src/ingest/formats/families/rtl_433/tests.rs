use proptest::prelude::*;

use super::*;
use crate::config::Preset;
use crate::ingest::formats::kit::testing::{decode, decode_at, preset_table};

fn format() -> Rtl433 {
    new(&preset_table(Preset::Rtl433, None), Tz::Europe__Paris).unwrap()
}

fn event(payload: &str) -> Vec<String> {
    decode(&mut format(), "rtl_433/roof/events", payload)
}

#[test]
fn an_event_has_units_at_the_end_of_its_keys() {
    assert_eq!(
        event(
            r#"{"time":"2026-03-01 12:59:30","model":"Hall-T1","id":7,"battery_ok":0.5,"battery_V":2.9,
                "temperature_C":-3.25,"wind_avg_km_h":14.4,"rain_mm":3.3,"light_lux":900,"uvi":1.2,
                "sequence_num":4,"flags":128,"mic":"CRC","freq":433.9,"noise":-30.5,"rssi":-9.5}"#
        ),
        [
            "Hall-T1/7 battery_voltage=2.9 V @2026-03-01T11:59:30Z",
            "Hall-T1/7 battery_ok=0.5 @2026-03-01T11:59:30Z",
            "Hall-T1/7 illuminance=900 lx @2026-03-01T11:59:30Z",
            "Hall-T1/7 rain=3.3 mm @2026-03-01T11:59:30Z",
            "Hall-T1/7 temperature=-3.25 °C @2026-03-01T11:59:30Z",
            "Hall-T1/7 uvi=1.2 @2026-03-01T11:59:30Z",
            "Hall-T1/7 wind_avg=14.4 km/h @2026-03-01T11:59:30Z",
            "Hall-T1/7 rssi=-9.5 dB @2026-03-01T11:59:30Z",
        ]
    );
}

#[test]
fn ids_are_those_of_the_device_topics() {
    for (fields, sensor) in [
        (r#""model":"A-B","id":9"#, "A-B/9"),
        (r#""model":"A-B","channel":"2","id":"0xf 1""#, "A-B/2/0xf_1"),
        (r#""type":"TPMS","model":"A","subtype":"S/1","id":1"#, "TPMS/A/S_1/1"),
        (r#""model":"A B","id":"","channel":null"#, "A_B"),
    ] {
        let lines = event(&format!("{{{fields},\"humidity\":50}}"));
        assert_eq!(lines, [format!("{sensor} humidity=50 %")], "{fields}");
    }
}

#[test]
fn times_in_every_style() {
    for (time, shown) in [
        (r#""2026-03-01 12:00:01.250000""#, "2026-03-01T11:00:01.250Z"),
        (r#""2026-03-01T11:00:01Z""#, "2026-03-01T11:00:01Z"),
        (r#""2026-03-01T12:00:01+0100""#, "2026-03-01T11:00:01Z"),
        (r#""1772362801.5""#, "2026-03-01T11:00:01.500Z"),
        ("1772362801", "2026-03-01T11:00:01Z"),
    ] {
        let lines = event(&format!(r#"{{"time":{time},"model":"M","humidity":1}}"#));
        assert_eq!(lines, [format!("M humidity=1 % @{shown}")], "{time}");
    }
    assert_eq!(event(r#"{"time":"@3.2s","model":"M","humidity":1}"#), ["M humidity=1 %"]);
    assert!(event(r#"{"time":"noon","model":"M","humidity":1}"#)[0].starts_with("error: "));
}

#[test]
fn of_two_units_the_metric_one_counts_and_probes_stand_apart() {
    assert_eq!(
        event(
            r#"{"model":"M","pressure_PSI":30,"pressure_kPa":206.8,"rain_in":0.1,"temperature_1_C":1,
                "temperature_2_C":null,"temperature_2_F":50,"temperature_F":68}"#
        ),
        [
            "M pressure=206.8 kPa",
            "M/1 temperature=1 °C",
            "M rain=0.1 in",
            "M/2 temperature=50 °F",
            "M temperature=68 °F",
        ]
    );
}

#[test]
fn states_are_numbers_and_words_are_none() {
    assert_eq!(
        event(
            r#"{"model":"Door","state":"open","reed_open":1,"tamper":false,"alarm":"OK","battery":"LOW"}"#
        ),
        ["Door reed_open=1", "Door tamper=0"]
    );
    assert_eq!(
        event(r#"{"model":"M","temperature_C":"cold","humidity":12}"#),
        ["M humidity=12 %", "fault: `temperature` of M: \"cold\" is not a number"]
    );
}

#[test]
fn what_measures_nothing_is_ignored() {
    for payload in [
        r#"{"enabled":100,"frames":{"count":5}}"#,
        r#"{"model":"Remote","id":3,"button":2,"code":"a1","rssi":-3}"#,
        "",
    ] {
        assert!(event(payload)[0].starts_with("ignored: "), "{payload}");
    }
    assert!(event("model: A")[0].starts_with("error: "));
    assert!(event("[]")[0].starts_with("error: "));
}

#[test]
fn device_topics_give_the_same_ids() {
    let mut format = format();
    let topic = "rtl_433/roof/devices/Hall-T1/2/7/temperature_2_C";
    assert_eq!(decode(&mut format, topic, "4.5"), ["Hall-T1/2/7/2 temperature=4.5 °C"]);
    assert_eq!(
        decode(&mut format, "rtl_433/roof/devices/D/alarm", "OK")[0],
        "ignored: no value in it"
    );
    assert!(decode(&mut format, topic, "warm")[0].starts_with("fault: "));
    for key in ["time", "id", "mic", "channel", "rssi"] {
        let topic = format!("rtl_433/roof/devices/Hall-T1/2/7/{key}");
        assert_eq!(format.claim(&topic), Claim::Ignores, "{key}");
    }
}

#[test]
fn device_topics_are_ignored_while_events_come() {
    let mut format = format();
    let value = |format: &mut Rtl433, host: &str, minute: &str| {
        let topic = format!("rtl_433/{host}/devices/M/humidity");
        decode_at(format, &topic, b"50", &format!("2026-03-01T12:{minute}:00Z"))[0].clone()
    };
    assert_eq!(value(&mut format, "roof", "00"), "M humidity=50 %");
    let payload = br#"{"model":"M","humidity":50}"#;
    decode_at(&mut format, "rtl_433/roof/events", payload, "2026-03-01T12:00:00Z");
    assert!(value(&mut format, "roof", "00").starts_with("ignored: the same value"));
    assert!(value(&mut format, "roof", "09").starts_with("ignored: the same value"));
    assert_eq!(value(&mut format, "roof", "10"), "M humidity=50 %");
    assert_eq!(value(&mut format, "cellar", "00"), "M humidity=50 %");
    // An invalid stored value is ignored and the previous one kept; a deletion clears it.
    format.remember("roof", Some(b"?"));
    assert!(value(&mut format, "roof", "01").starts_with("ignored: the same value"));
    format.remember("roof", None);
    assert_eq!(value(&mut format, "roof", "01"), "M humidity=50 %");
}

#[test]
fn an_event_is_remembered_once_a_minute() {
    let mut format = format();
    let payload = br#"{"model":"M","humidity":50}"#;
    let mut num_changes = |time: &str| {
        let received_at = time.parse().unwrap();
        let message =
            Message { topic: "rtl_433/roof/events", payload, received_at, is_replayed: false };
        let mut changes = Vec::new();
        format.decode(&message, &mut changes).unwrap();
        for (key, value) in &changes {
            format.remember(key, value.as_deref());
        }
        changes.len()
    };
    let times = ["12:00:00", "12:00:59", "12:01:00", "11:00:00"];
    let counts = times.map(|time| num_changes(&format!("2026-03-01T{time}Z")));
    assert_eq!(counts, [1, 0, 1, 1]);
}

#[test]
fn topics_that_a_user_has_set() {
    let mut format = new(&preset_table(Preset::Rtl433, Some("plant/radio")), Tz::UTC).unwrap();
    let payload = r#"{"model":"M","humidity":50}"#;
    for topic in ["plant/radio", "plant/radio/json", "plant/radio/roof/events"] {
        assert_eq!(decode(&mut format, topic, payload), ["M humidity=50 %"], "{topic}");
    }
    assert_eq!(decode(&mut format, "plant/radio/P9/C1/humidity", "51"), ["P9/C1 humidity=51 %"]);
    assert!(decode(&mut format, "plant/radio/P9/C1/mic", "CRC")[0].starts_with("ignored: "));
    assert_eq!(
        decode(&mut format, "plant/radio/roof/availability", "online"),
        ["plant/radio/roof is online"]
    );
    assert_eq!(format.claim("plant/radio/roof/states"), Claim::Ignores);
    assert_eq!(format.claim("plant/radios"), Claim::Foreign);
    assert_eq!(format.key(), "rtl_433 plant/radio");
    assert_eq!(format.filters()[0].text, "plant/radio/#");
}

proptest! {
    #[test]
    fn no_message_panics(payload in proptest::collection::vec(any::<u8>(), 0..120), topic in "rtl_433/\\PC{0,40}") {
        let received_at = chrono::DateTime::UNIX_EPOCH;
        let message = Message { topic: &topic, payload: &payload, received_at, is_replayed: false };
        let _ = format().decode(&message, &mut Vec::new());
    }

    #[test]
    fn no_key_panics(key in "\\PC{0,30}", value in -1e9..1e9) {
        event(&serde_json::json!({ "model": "M", key: value }).to_string());
    }
}
