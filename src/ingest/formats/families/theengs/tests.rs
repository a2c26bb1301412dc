use proptest::prelude::*;

use super::*;
use crate::config::Preset;
use crate::ingest::formats::kit::testing::{decode, preset_table};

const TOPIC: &str = "home/attic/BTtoMQTT/A0B1C2D3E4F5";

fn format() -> Theengs {
    new(&preset_table(Preset::Theengs, None), Tz::UTC).unwrap()
}

fn readings(payload: &str) -> Vec<String> {
    decode(&mut format(), TOPIC, payload)
}

#[test]
fn topics_of_a_gateway() {
    let format = format();
    for (topic, claim) in [
        (TOPIC, Claim::Decodes),
        ("home/attic/LWT", Claim::Decodes),
        ("home/attic/BTtoMQTT/undecoded", Claim::Ignores),
        ("home/attic/SYStoMQTT", Claim::Ignores),
        ("home/attic/presence", Claim::Ignores),
        ("home/attic/RTL_433toMQTT/A/1", Claim::Foreign),
        ("home/attic/BTtoMQTT/A/B", Claim::Foreign),
        ("homes/attic/BTtoMQTT/A", Claim::Foreign),
        ("home", Claim::Foreign),
    ] {
        assert_eq!(format.claim(topic), claim, "{topic}");
    }
    let filters: Vec<_> = format.filters().into_iter().map(|filter| filter.text).collect();
    assert_eq!(filters, ["home/+/BTtoMQTT/+", "home/+/LWT"]);
    assert!(new(&preset_table(Preset::Theengs, Some("home/#")), Tz::UTC).is_err());
}

#[test]
fn a_value_in_two_units_comes_once_in_the_metric_one() {
    let payload = r#"{"id":"A0:B1:C2:D3:E4:F5","rssi":-71,"model_id":"X","tempf":50,"tempc":10,
        "lvl_in":2,"lvl_cm":5.1}"#;
    assert_eq!(
        readings(payload),
        ["A0B1C2D3E4F5 lvl=5.1 cm", "A0B1C2D3E4F5 temperature=10 °C", "A0B1C2D3E4F5 rssi=-71 dBm"]
    );
    assert_eq!(readings(r#"{"tempf":50,"tempc":null}"#), ["A0B1C2D3E4F5 temperature=50 °F"]);
}

#[test]
fn numbers_of_probes_become_levels() {
    assert_eq!(
        readings(r#"{"model_id":"X","tempc3":61,"tempf3":141.8,"tempc":20.5,"pm25":4,"hum2":33}"#),
        [
            "A0B1C2D3E4F5/2 humidity=33 %",
            "A0B1C2D3E4F5 pm2_5=4 µg/m³",
            "A0B1C2D3E4F5 temperature=20.5 °C",
            "A0B1C2D3E4F5/3 temperature=61 °C",
        ]
    );
}

#[test]
fn what_tells_about_the_decoder_or_the_radio_is_no_reading() {
    let payload = r#"{"name":"n","brand":"b","type":"CTMO","cidc":false,"acts":true,"cont":true,"track":true,
        "txpower":-59,"mac_type":1,"packet":7,"button":1,"distance":2.1,"state":"off","rssi":-80}"#;
    assert_eq!(readings(payload), ["ignored: nothing in it is a measured value"]);
}

#[test]
fn values_that_no_table_knows_have_no_unit() {
    assert_eq!(
        readings(r#"{"model_id":"NEW","wobble":1.5,"motion":true,"level_of_joy":"high"}"#),
        ["A0B1C2D3E4F5 motion=1", "A0B1C2D3E4F5 wobble=1.5"]
    );
}

#[test]
fn units_may_stand_beside() {
    assert_eq!(readings(r#"{"weight":70.2,"unit":"kg"}"#), ["A0B1C2D3E4F5 weight=70.2 kg"]);
    assert_eq!(readings(r#"{"sum":3.5,"sumu":"kWh"}"#), ["A0B1C2D3E4F5 sum=3.5 kWh"]);
    let tyre = r#"{"model_id":"TPMS","pres":2.4}"#;
    assert_eq!(readings(tyre), ["A0B1C2D3E4F5 pressure=2.4 bar"]);
}

#[test]
fn a_ruuvi_tag_without_a_value_has_none() {
    let payload = r#"{"model_id":"RuuviTag_RAWv2","tempc":-163.84,"tempf":-262.912,"hum":163.8375,"pres":1003.2,
        "accx":-321.3443072,"volt":3.647,"mov":255}"#;
    assert_eq!(readings(payload), ["A0B1C2D3E4F5 pressure=1003.2 hPa"]);
    // Other devices measure the same numbers.
    assert_eq!(readings(r#"{"volt":3.647}"#), ["A0B1C2D3E4F5 voltage=3.647 V"]);
}

#[test]
fn random_addresses_name_no_device() {
    for payload in [r#"{"type":"RMAC","tempc":20}"#, r#"{"prmac":true,"unlocked":false}"#] {
        assert!(readings(payload)[0].contains("address is random"), "{payload}");
    }
}

#[test]
fn times_that_the_gateway_adds() {
    let expected = ["A0B1C2D3E4F5 battery=80 % @2026-03-01T11:59:58Z"];
    assert_eq!(readings(r#"{"batt":80,"UTCtime":"2026-03-01T11:59:58Z"}"#), expected);
    assert_eq!(readings(r#"{"batt":"80","unixtime":1772366398}"#), expected);
    assert!(readings(r#"{"batt":80,"UTCtime":"soon"}"#)[0].starts_with("error: "));
}

#[test]
fn a_gateway_is_there_or_not() {
    let lines = decode(&mut format(), "home/attic/LWT", "online");
    assert_eq!(lines, ["home/attic is online"]);
}

#[test]
fn bad_values_cost_no_others() {
    assert_eq!(
        readings(r#"{"tempc":-300,"hum":"much","batt":44}"#),
        [
            "A0B1C2D3E4F5 battery=44 %",
            "fault: `humidity` of A0B1C2D3E4F5: \"much\" is not a number",
            "fault: `temperature` of A0B1C2D3E4F5: -300 is below absolute zero",
        ]
    );
    assert!(readings("[1]")[0].starts_with("error: "));
    assert!(readings("")[0].starts_with("ignored: "));
    let encrypted =
        readings(r#"{"model_id":"S_ENCR","encr":2,"cipher":"00ff","ctr":"01","mic":"02"}"#);
    assert!(encrypted[0].contains("encrypted"));
}

#[test]
fn a_decoded_message_is_not_decoded_again() {
    let payload = r#"{"model_id":"SB","batt":90,"servicedatauuid":"fcd2","servicedata":"400164"}"#;
    assert_eq!(readings(payload), ["A0B1C2D3E4F5 battery=90 %"]);
}

proptest! {
    #[test]
    fn no_payload_panics(payload in proptest::collection::vec(any::<u8>(), 0..200), key in "\\PC{0,20}") {
        let received_at = chrono::DateTime::UNIX_EPOCH;
        let message = Message { topic: TOPIC, payload: &payload, received_at, is_replayed: false };
        let _ = format().decode(&message, &mut Vec::new());
        readings(&serde_json::json!({ key: 1, "model_id": "RuuviTag_RAWv2" }).to_string());
    }
}
