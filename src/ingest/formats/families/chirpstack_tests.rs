use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::config::Preset;
use crate::ingest::formats::kit::testing::{decode_once, with_seconds};

const UP: &str = "application/7/device/70b3d5e75e000001/event/up";

fn format(topic: Option<&str>) -> ChirpStack {
    let topic = topic.map(str::to_owned);
    let preset = Preset::Chirpstack;
    let table = PresetTable { preset, base: None, topic, device: None, precision: None };
    ChirpStack::new(&table, Tz::UTC).unwrap()
}

#[track_caller]
fn reads(format: &ChirpStack, topic: &str, payload: &Json, expected: &[&str]) {
    let decoded = decode_once(format, topic, payload.to_string().as_bytes()).unwrap();
    assert_eq!(with_seconds(decoded), expected, "{payload}");
}

#[test]
fn the_envelopes_of_all_versions() {
    let four = json!({
        "time": "2025-10-09T08:00:00Z", "deviceInfo": { "devEui": "70b3d5e75e000001" },
        "object": { "temperature": -2.5 }, "rxInfo": [{ "rssi": -50, "snr": 7 }],
    });
    let expected = [
        "70b3d5e75e000001 temperature -2.5 °C @1759996800",
        "70b3d5e75e000001 rssi -50 dBm @1759996800",
        "70b3d5e75e000001 snr 7 dB @1759996800",
    ];
    reads(&format(None), UP, &four, &expected);

    let three = json!({
        "devEUI": "70b3d5e75e000001", "object": { "temperature": -2.5 },
        "rxInfo": [{ "time": null }, { "time": "2025-10-09T08:00:00Z", "rssi": -50, "loRaSNR": 7 }],
    });
    reads(&format(None), UP, &three, &expected);
    reads(&format(None), "application/7/device/70B3D5E75E000001/rx", &three, &expected);

    let protobuf = json!({
        "devEUI": "cLPV514AAAE=", "objectJSON": "{\"temperature\":-2.5}",
        "rxInfo": [{ "rssi": -50, "loRaSNR": 7 }], "publishedAt": "2025-10-09T08:00:00Z",
    });
    reads(&format(None), UP, &protobuf, &expected);
    reads(&format(Some("milesight/up")), "milesight/up", &protobuf, &expected);
    reads(&format(Some("{device}/up")), "70b3d5e75e000001/up", &protobuf, &expected);
}

#[test]
fn a_status_has_battery_and_margin() {
    let topic = "application/7/device/70b3d5e75e000001/event/status";
    let base = "70b3d5e75e000001";
    let time = "@1760000000";
    reads(
        &format(None),
        topic,
        &json!({ "margin": 6, "batteryLevel": 41.5 }),
        &[&format!("{base} battery 41.5 % {time}"), &format!("{base} margin 6 dB {time}")],
    );
    let margin = format!("{base} margin 6 dB {time}");
    for without in ["externalPowerSource", "batteryLevelUnavailable"] {
        let payload = json!({ "margin": 6, "batteryLevel": 0, without: true });
        reads(&format(None), topic, &payload, &[&margin]);
    }
}

#[test]
fn what_brings_nothing_says_why() {
    let ignored = |topic: &str, payload: &Json| {
        let decoded = decode_once(&format(None), topic, payload.to_string().as_bytes()).unwrap();
        assert!(decoded.is_empty());
        decoded.ignored.unwrap()
    };
    assert!(ignored(UP, &json!({ "data": "AQ==" })).contains("no codec"));
    assert!(ignored(UP, &json!({ "object": { "mode": "eco" } })).contains("no measurement"));
    for event in ["join", "ack", "log", "location", "integration"] {
        let topic = UP.replace("/up", &format!("/{event}"));
        assert_eq!(format(None).claim(&topic), Claim::Ignores, "{event}");
    }
    let command = "application/7/device/70b3d5e75e000001/command/down";
    assert_eq!(format(None).claim(command), Claim::Ignores);
    assert_eq!(format(None).claim("application/7/gateway/x/event/up"), Claim::Foreign);
    assert!(
        decode_once(&format(None), UP, b"\x0a\x05hello")
            .unwrap_err()
            .contains("set the integration")
    );
    let why =
        decode_once(&format(Some("gw")), "gw", br#"{"data":"AQ==","object":{}}"#).unwrap_err();
    assert!(why.contains("devEUI"));
    let why = decode_once(&format(None), UP, br#"{"time":"soon","object":{}}"#).unwrap_err();
    assert!(why.contains("soon"));
    let nothing = decode_once(&format(Some("gw")), "gw", br#"{"devEUI":"00"}"#).unwrap();
    assert!(nothing.ignored.unwrap().contains("neither a frame nor"));
}

#[test]
fn tables_that_can_not_be() {
    let table = |base: Option<&str>, topic: Option<&str>| PresetTable {
        preset: Preset::Chirpstack,
        base: base.map(str::to_owned),
        topic: topic.map(str::to_owned),
        device: None,
        precision: None,
    };
    assert!(ChirpStack::new(&table(Some("a"), Some("b")), Tz::UTC).is_err());
    assert!(ChirpStack::new(&table(None, Some("#")), Tz::UTC).is_err());
    let based = ChirpStack::new(&table(Some("eu/application"), None), Tz::UTC).unwrap();
    assert_eq!(based.claim(&format!("eu/{UP}")), Claim::Decodes);
    assert_eq!(based.filters()[0].text, "eu/application/+/device/+/event/up");
    assert_ne!(based.key(), format(None).key());
}

proptest! {
    #[test]
    fn no_bytes_panic(topic in "(application/)?[a-z/é]{0,20}", payload in proptest::collection::vec(any::<u8>(), 0..80)) {
        format(None).claim(&topic);
        let _ = decode_once(&format(None), &topic, &payload);
        let _ = decode_once(&format(None), UP, &payload);
    }

    #[test]
    fn no_fields_panic(eui in ".{0,14}", text in ".{0,20}", number in any::<f64>()) {
        let payload = json!({ "devEUI": eui, "objectJSON": text, "object": { &text: number }, "rxInfo": [number] });
        let _ = decode_once(&format(Some("gw")), "gw", payload.to_string().as_bytes());
    }
}
