use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::config::Preset;

fn table(base: Option<&str>) -> PresetTable {
    let base = base.map(str::to_owned);
    PresetTable { preset: Preset::Victron, base, topic: None, device: None, precision: None }
}

fn victron(base: Option<&str>) -> Victron {
    Victron::new(&table(base), Tz::UTC).unwrap()
}

fn decode(
    format: &Victron,
    topic: &str,
    payload: &[u8],
) -> (Result<Decoded, String>, Vec<StateChange>) {
    let message = Message { topic, payload, received_at: DateTime::UNIX_EPOCH, is_replayed: false };
    let mut changes = Vec::new();
    (format.decode(&message, &mut changes), changes)
}

#[track_caller]
fn reads(topic: &str, payload: &str, expected: &str) {
    let decoded = decode(&victron(None), topic, payload.as_bytes()).0.unwrap();
    let shown: Vec<String> = decoded
        .measurements
        .iter()
        .map(|it| {
            let it = &it.reading;
            format!("{} {} {} {}", it.sensor_id, it.quantity, it.value, it.unit.as_str())
        })
        .collect();
    assert_eq!(shown.join(", ").trim_end(), expected, "{topic}");
}

#[test]
fn paths_have_their_quantity_and_unit() {
    for (path, payload, expected) in [
        ("vebus/276/Ac/Out/L1/P", r#"{"value":412}"#, "vebus/276/Ac/Out/L1 power 412 W"),
        (
            "vebus/276/Ac/ActiveIn/L2/V",
            r#"{"value":231.4}"#,
            "vebus/276/Ac/ActiveIn/L2 voltage 231.4 V",
        ),
        ("tank/3/Level", r#"{"value":62.5}"#, "tank/3 level 62.5 %"),
        ("tank/3/Remaining", r#"{"value":0.12}"#, "tank/3 remaining 0.12 m³"),
        ("temperature/24/Temperature", r#"{"value":-4.25}"#, "temperature/24 temperature -4.25 °C"),
        ("solarcharger/0/Yield/Power", r#"{"value":88}"#, "solarcharger/0/Yield power 88 W"),
        (
            "solarcharger/0/Yield/User",
            r#"{"value":1204.5}"#,
            "solarcharger/0/Yield user 1204.5 kWh",
        ),
        (
            "solarcharger/0/History/Daily/0/Yield",
            r#"{"value":2.5}"#,
            "solarcharger/0/History/Daily/0 yield 2.5 kWh",
        ),
        (
            "battery/1/System/MinCellVoltage",
            r#"{"value":3.31}"#,
            "battery/1/System min_cell_voltage 3.31 V",
        ),
        ("battery/1/Alarms/LowVoltage", r#"{"value":0}"#, "battery/1/Alarms low_voltage 0"),
        ("vebus/276/State", r#"{"value":9}"#, "vebus/276 state 9"),
    ] {
        let topic = format!("N/aa11/{path}");
        reads(&topic, payload, &format!("aa11/{expected}"));
        assert_eq!(victron(None).claim(&topic), Claim::Decodes, "{path}");
    }
}

#[test]
fn what_is_no_measurement_is_ignored() {
    for (payload, path) in [
        (r#"{"value":null}"#, "grid/30/Ac/L3/Power"),
        (r#"{"value":"Grid meter"}"#, "grid/30/CustomName"),
        (r#"{"value":[1]}"#, "system/0/Batteries"),
        ("{}", "grid/30/Ac/Power"),
    ] {
        reads(&format!("N/aa11/{path}"), payload, "");
    }
    for path in [
        "N/aa11/settings/0/Settings/Alarm/Audible",
        "N/aa11/multi/0/Settings/Ess/Mode",
        "N/aa11/grid/30/ProductId",
        "N/aa11/full_publish_completed",
        "N/aa11/heartbeat",
    ] {
        assert_eq!(victron(None).claim(path), Claim::Ignores, "{path}");
    }
    for path in ["R/aa11/keepalive", "W/aa11/vebus/276/Mode", "N", "N//x/0/y"] {
        assert_eq!(victron(None).claim(path), Claim::Foreign, "{path}");
    }
    assert!(decode(&victron(None), "N/aa11/grid/30/Ac/Power", b"936").0.is_err());
}

#[test]
fn a_device_leaves_and_comes_back() {
    let heard = |topic, payload: &[u8]| {
        let availability = decode(&victron(None), topic, payload).0.unwrap().availability;
        let it = availability.first().unwrap();
        (it.device.as_str().to_owned(), it.presence)
    };
    let device = "aa11/grid/30".to_owned();
    assert_eq!(heard("N/aa11/grid/30/Ac/Power", b""), (device.clone(), Presence::Offline));
    assert_eq!(
        heard("N/aa11/grid/30/Connected", br#"{"value":0}"#),
        (device.clone(), Presence::Offline)
    );
    assert_eq!(heard("N/aa11/grid/30/Connected", br#"{"value":1}"#), (device, Presence::Online));
}

#[test]
fn portals_are_kept_alive() {
    let topics = |format: &Victron| -> Vec<String> {
        format.requests().into_iter().map(|it| it.topic).collect()
    };
    let mut format = victron(None);
    assert_eq!(topics(&format), Vec::<String>::new());
    for topic in ["N/aa11/grid/30/Serial", "N/bb22/keepalive"] {
        for (key, value) in decode(&format, topic, br#"{"value":"x"}"#).1 {
            format.remember(&key, value.as_deref());
        }
    }
    assert_eq!(topics(&format), ["R/aa11/keepalive", "R/bb22/keepalive"]);
    assert!(format.requests()[0].payload.contains("suppress-republish"));
    assert_eq!(format.requests()[0].payload_for_all, "");

    let one = victron(Some("boat/N/cc33"));
    assert_eq!(topics(&one), ["boat/R/cc33/keepalive"]);
    assert_eq!(one.claim("boat/N/aa11/grid/30/Ac/Power"), Claim::Foreign);
    assert_eq!(one.filters(), [Filter::optional("boat/N/cc33/+/+/#")]);
    assert_eq!(victron(Some("boat")).filters()[0].text, "boat/N/+/+/+/#");
    assert!(Victron::new(&table(Some("N/aa11/grid")), Tz::UTC).is_err());
}

#[test]
fn portals_heard_are_bounded() {
    let mut format = victron(None);
    for n in 0..100 {
        for (key, value) in decode(&format, &format!("N/p{n}/grid/30/Serial"), b"{}").1 {
            format.remember(&key, value.as_deref());
        }
    }
    assert_eq!(format.requests().len(), MOST_PORTALS);
}

proptest! {
    #[test]
    fn no_bytes_panic(topic in "(N/)?[a-zN/+é]{0,20}", payload in proptest::collection::vec(any::<u8>(), 0..60)) {
        let format = victron(None);
        format.claim(&topic);
        let _ = decode(&format, &topic, &payload);
        let _ = decode(&format, "N/aa11/grid/30/Ac/Power", &payload);
    }
}
