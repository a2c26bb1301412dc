use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::config::Preset;
use crate::ingest::formats::kit::testing::{decode, preset_table};

const TOPIC: &str = "ruuvi/10:11:12:13:14:15/A0:A1:A2:A3:A4:A5";

fn format() -> Ruuvi {
    new(&preset_table(Preset::Ruuvi, None), Tz::UTC).unwrap()
}

/// Readings of a payload after the company id, without the sensor id.
fn readings(payload: &str) -> Vec<String> {
    let payload = payload.replace(' ', "");
    let data = format!("020106{:02X}FF9904{payload}", payload.len() / 2 + 3);
    decoded(&json!({ "data": data }))
}

fn decoded(payload: &Json) -> Vec<String> {
    let lines = decode(&mut format(), TOPIC, &payload.to_string());
    lines.iter().map(|line| line.replacen("A0:A1:A2:A3:A4:A5 ", "", 1)).collect()
}

#[test]
fn format_3_has_a_sign_and_a_magnitude() {
    assert_eq!(
        readings("03 51 85 32 C350 0001 FFFF 03E8 0BB8"),
        [
            "temperature=-5.5 °C",
            "humidity=40.5 %",
            "pressure=1000.0 hPa",
            "acceleration_x=0.001 g",
            "acceleration_y=-0.001 g",
            "acceleration_z=1.0 g",
            "battery_voltage=3.0 V"
        ]
    );
}

#[test]
fn format_5_and_its_cut_twin() {
    let climate = ["temperature=-2.255 °C", "humidity=25.025 %", "pressure=1013.25 hPa"];
    let rest = ["battery_voltage=3.0 V", "movement_counter=100"];
    let acceleration = ["acceleration_x=-1.0 g", "acceleration_y=0.0 g", "acceleration_z=1.0 g"];
    let all: Vec<_> = [&climate[..], &acceleration, &rest].concat();
    assert_eq!(readings("05 FE3D 271A C87D FC18 0000 03E8 AF16 64 03E8 A0A1A2A3A4A5"), all);
    assert_eq!(
        readings("C5 FE3D 271A C87D AF16 64 03E8 A0A1A2A3A4A5"),
        [&climate[..], &rest].concat()
    );
}

#[test]
fn format_6_has_indices_of_nine_bits_and_a_logarithm() {
    assert_eq!(
        readings("06 1388 4E20 C350 03E8 01A4 32 00 80 FF 01 40 A3A4A5"),
        [
            "temperature=25.0 °C",
            "humidity=50.0 %",
            "pressure=1000.0 hPa",
            "pm2_5=100.0 µg/m³",
            "co2=420 ppm",
            "voc_index=101",
            "nox_index=0",
            "illuminance=266.43 lx"
        ]
    );
}

#[test]
fn format_e1_is_the_longest() {
    let payload = "E1 1388 4E20 C350 000A 0014 001E 0028 01A4 32 01 0003E8 FFFFFF 000007 C0 FFFFFFFFFF A0A1A2A3A4A5";
    assert_eq!(
        readings(payload),
        [
            "temperature=25.0 °C",
            "humidity=50.0 %",
            "pressure=1000.0 hPa",
            "pm1=1.0 µg/m³",
            "pm2_5=2.0 µg/m³",
            "pm4=3.0 µg/m³",
            "pm10=4.0 µg/m³",
            "co2=420 ppm",
            "voc_index=101",
            "nox_index=3",
            "illuminance=10.0 lx"
        ]
    );
}

#[test]
fn every_field_may_be_not_available() {
    let nothing = ["ignored: every field of it is not available"];
    assert_eq!(readings("05 8000 FFFF FFFF 8000 8000 8000 FFFF FF FFFF FFFFFFFFFFFF"), nothing);
    assert_eq!(readings("06 8000 FFFF FFFF FFFF FFFF FF FF FF FF FF FF FFFFFF"), nothing);
    assert_eq!(readings(&format!("E1 8000 {} FE {}", "F".repeat(50), "F".repeat(22))), nothing);
    // Voltage not available, transmission power available.
    assert_eq!(readings("C5 0000 FFFF FFFF FFF6 FF FFFF FFFFFFFFFFFF"), ["temperature=0.0 °C"]);
}

#[test]
fn what_is_not_read_says_why() {
    assert_eq!(readings("08 1234"), ["ignored: data format 8 is encrypted"]);
    assert_eq!(readings("42 1234"), ["ignored: the data format is not known"]);
    assert_eq!(readings("05 1234"), ["error: `data` ends before its data format does"]);
    assert_eq!(readings(""), ["error: `data` ends before its data format does"]);
    for (data, why) in [
        (json!("02011A0BFF4C0010060318AABBCCDD"), "ignored: the advertisement is not Ruuvi's"),
        (json!(""), "ignored: the advertisement is not Ruuvi's"),
        (json!("0201XX"), "error: `data` is not hexadecimal"),
        (json!(5), "error: `data` is a number, not a text"),
    ] {
        assert_eq!(decoded(&json!({ "data": data, "rssi": -50 })), [why]);
    }
}

#[test]
fn manufacturer_data_may_stand_anywhere_and_time_comes_from_the_gateway() {
    let data = "0303AAFE 020106 0FFF9904C5 0000 FFFF FFFF FFE0 FF FFFF".replace(' ', "");
    for (time, shown) in [
        (json!({ "ts": "1772366398", "gwts": 1_772_366_399 }), " @2026-03-01T11:59:58Z"),
        (json!({ "ts": "", "gwts": 1_772_366_399 }), " @2026-03-01T11:59:59Z"),
        (json!({ "cnt": "77" }), ""),
    ] {
        let mut payload = time;
        payload["data"] = data.clone().into();
        payload["rssi"] = (-61).into();
        let lines = [format!("temperature=0.0 °C{shown}"), format!("rssi=-61 dBm{shown}")];
        assert_eq!(decoded(&payload), lines);
    }
    assert!(decoded(&json!({ "ts": "soon", "data": data }))[0].starts_with("error: "));
}

#[test]
fn a_gateway_that_decodes_has_keys() {
    let payload = json!({ "gw_mac": "10:11:12:13:14:15", "rssi": -40, "dataFormat": 6, "temperature": 21.5,
        "humidity": null, "pressure": 100_100, "PM2.5": 3.4, "CO2": 500, "VOC": 90, "flag_button_pressed": false });
    assert_eq!(
        decoded(&payload),
        [
            "temperature=21.5 °C",
            "pressure=100100 Pa",
            "pm2_5=3.4 µg/m³",
            "co2=500 ppm",
            "voc_index=90",
            "rssi=-40 dBm"
        ]
    );
}

#[test]
fn topics_name_gateways_and_tags() {
    let mut format = format();
    let lines = decode(&mut format, "ruuvi/10:11:12:13:14:15/gw_status", r#"{"state": "online"}"#);
    assert_eq!(lines, ["10:11:12:13:14:15 is online"]);
    assert_eq!(format.claim("ruuvi/10:11:12:13:14:15/other"), Claim::Ignores);
    assert_eq!(format.claim("ruuvi/a/b/c"), Claim::Foreign);
    let mut flat = new(&preset_table(Preset::Ruuvi, Some("plant/tags/")), Tz::UTC).unwrap();
    let lines = decode(&mut flat, "plant/tags/a0a1a2a3a4a5", r#"{"temperature":1}"#);
    assert_eq!(lines, ["A0:A1:A2:A3:A4:A5 temperature=1 °C"]);
    let lines = decode(&mut flat, "plant/tags/gw_status", "offline");
    assert_eq!(
        (lines, flat.key()),
        (vec!["plant/tags is offline".into()], "ruuvi plant/tags".into())
    );
}

proptest! {
    #[test]
    fn no_advertisement_panics(data in proptest::collection::vec(any::<u8>(), 0..80), format in 0_usize..6) {
        let hex: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
        decoded(&json!({ "data": hex }));
        readings(&format!("{:02X}{hex}", [3, 5, 6, 8, 0xC5, 0xE1][format]));
    }

    #[test]
    fn no_payload_panics(payload in proptest::collection::vec(any::<u8>(), 0..80), topic in "ruuvi/\\PC{0,30}") {
        let received_at = chrono::DateTime::UNIX_EPOCH;
        let message = Message { topic: &topic, payload: &payload, received_at, is_replayed: false };
        let _ = format().decode(&message, &mut Vec::new());
    }
}
