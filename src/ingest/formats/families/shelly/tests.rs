use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::*;
use crate::config::Preset;
use crate::domain::ReadingClock;

fn format(base: Option<&str>) -> Shelly {
    let base = base.map(str::to_owned);
    let preset = Preset::Shelly;
    Shelly::new(&PresetTable { preset, base, topic: None, device: None, precision: None }).unwrap()
}

fn received_at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

/// Decodes a message and applies its state changes.
fn decode(format: &mut Shelly, topic: &str, payload: &str) -> Result<Decoded, String> {
    let payload = payload.as_bytes();
    let message = Message { topic, payload, received_at: received_at(), is_replayed: false };
    let mut changes = Vec::new();
    let decoded = format.decode(&message, &mut changes);
    for (key, value) in changes {
        format.remember(&key, value.as_deref());
    }
    decoded
}

fn lines(decoded: &Decoded) -> Vec<String> {
    let readings = decoded.measurements.iter().map(|it| &it.reading);
    let mut shown: Vec<_> = readings
        .map(|it| format!("{} {} {} {}", it.sensor_id, it.quantity, it.value, it.unit.as_str()))
        .map(|line| line.trim_end().to_owned())
        .collect();
    shown.extend(decoded.faults.iter().map(|why| format!("fault {why}")));
    shown
}

/// Checks the readings and faults of one message, one per line.
#[track_caller]
fn reads(topic: &str, payload: &str, expected: &[&str]) {
    let decoded = decode(&mut format(None), topic, payload).unwrap();
    assert_eq!(lines(&decoded), expected, "{topic} {payload}");
}

#[test]
fn generation_1_has_a_value_a_topic() {
    for (rest, payload, expected) in [
        ("sensor/temperature", "-18.25", "x1/sensor temperature -18.25 °C"),
        ("sensor/lux", "340", "x1/sensor illuminance 340 lx"),
        ("sensor/flood", "true", "x1/sensor flood 1"),
        ("sensor/state", "close", "x1/sensor state 0"),
        ("relay/1", "on", "x1 relay_1 1"),
        ("relay/1/energy", "120", "x1/relay/1 energy 120 W·min"),
        ("relay/power", "7.5", "x1/relay power 7.5 W"),
        ("emeter/2/total_returned", "3", "x1/emeter/2 energy_total_returned 3 Wh"),
        ("ext_temperature/1", "21.5", "x1 ext_temperature_1 21.5 °C"),
        ("adc/0", "4.5", "x1 adc_0 4.5 V"),
        ("temperature", "55.5", "x1 temperature 55.5 °C"),
        ("roller/0/pos", "40", "x1/roller/0 pos 40 %"),
        ("input/0", "1", "x1 input_0 1"),
    ] {
        reads(&format!("shellies/x1/{rest}"), payload, &[expected]);
    }
}

#[test]
fn generation_1_says_nothing_in_many_ways() {
    for (rest, payload) in [
        ("ext_temperature/0", "999"),
        ("sensor/humidity", "-999.00"),
        ("roller/0/pos", "-1"),
        ("sensor/battery", "-1"),
        ("roller/0", "open"),
        ("relay/0", "overpower"),
        ("sensor/gas", "mild"),
        ("sensor/temperature", ""),
        ("sensor/temperature", "null"),
        ("temperature_f", "130"),
        ("relay/0/command", "on"),
        ("light/0/status", r#"{"ison":true}"#),
        ("info", r#"{"relays":[{"ison":true}],"tmp":{"value":3}}"#),
        ("rpc", "{}"),
    ] {
        reads(&format!("shellies/x1/{rest}"), payload, &[]);
    }
    let wrong = |payload| decode(&mut format(None), "shellies/x1/relay/0/power", payload).unwrap();
    assert_eq!(lines(&wrong("much")), ["fault `power` of x1: \"much\" is not a number"]);
    assert_eq!(lines(&wrong("true")), ["fault `power` of x1: \"true\" is not a number"]);
}

#[test]
fn reports_of_motion_sensors_and_valves() {
    let motion = r#"{"motion":true,"timestamp":1,"vibration":false,"lux":12,"bat":97}"#;
    let expected = [
        "m1/sensor motion 1",
        "m1/sensor vibration 0",
        "m1/sensor illuminance 12 lx",
        "m1/sensor battery 97 %",
    ];
    reads("shellies/m1/status", motion, &expected);
    let valve =
        r#"{"bat":{"value":60},"thermostats":[{"pos":25,"tmp":{"value":68.5,"units":"F"}}]}"#;
    let expected = [
        "v1/thermostat/0 temperature 68.5 °F",
        "v1/thermostat/0 pos 25 %",
        "v1/sensor battery 60 %",
    ];
    reads("shellies/v1/info", valve, &expected);
}

#[test]
fn a_notification_has_components_with_units() {
    let frame = r#"{"src":"s9","dst":"s9/events","method":"NotifyStatus","params":{"ts":1790000000.5,
        "switch:0":{"id":0,"output":true,"apower":41.5,"pf":0.9,"freq":50,"timer_duration":5,"errors":["x"],
            "aenergy":{"total":9.5,"by_minute":[1,2],"minute_ts":3},"ret_aenergy":{"total":0.5},
            "temperature":{"tC":40.5,"tF":104.9}},
        "input:2":{"id":2,"counts":{"total":7,"by_minute":[0]},"state":null},
        "em:0":{"id":0,"b_aprt_power":3.5,"total_act_power":2.5,"a_errors":[]},
        "emdata:0":{"id":0,"c_total_act_energy":11.5,"total_act_ret":1.5},
        "script:1":{"id":1,"mem_used":300},"sys":{"uptime":4},"wifi":{"rssi":-60,"ap_client_count":1}}}"#;
    let expected = [
        "s9/em:0 b_aprt_power 3.5 VA",
        "s9/em:0 total_act_power 2.5 W",
        "s9/emdata:0 c_total_act_energy 11.5 Wh",
        "s9/emdata:0 total_act_ret 1.5 Wh",
        "s9/input:2/counts total 7",
        "s9/switch:0 energy 9.5 Wh",
        "s9/switch:0 power 41.5 W",
        "s9/switch:0 frequency 50 Hz",
        "s9/switch:0 output 1",
        "s9/switch:0 power_factor 0.9",
        "s9/switch:0 returned_energy 0.5 Wh",
        "s9/switch:0 temperature 40.5 °C",
        "s9/wifi rssi -60 dBm",
    ];
    reads("s9/events/rpc", frame, &expected);
    let decoded = decode(&mut format(None), "s9/events/rpc", frame).unwrap();
    let times: Vec<_> = decoded.measurements.iter().map(|it| it.reading.timestamp).collect();
    assert!(times.iter().all(|time| time.timestamp_millis() == 1_790_000_000_500));
}

#[test]
fn a_relayed_component_has_its_own_time() {
    let mut format = format(None);
    let payload = r#"{"id":200,"value":4.5,"last_updated_ts":1780000000}"#;
    let decoded = decode(&mut format, "gw/status/bthomesensor:200", payload).unwrap();
    assert_eq!(lines(&decoded), ["gw/bthomesensor:200 value 4.5"]);
    assert_eq!(decoded.measurements[0].reading.timestamp.timestamp(), 1_780_000_000);
    let payload = r#"{"id":0,"tC":4.5,"tF":null}"#;
    let decoded = decode(&mut format, "gw/status/temperature:100", payload).unwrap();
    assert_eq!(lines(&decoded), ["gw/temperature:100 temperature 4.5 °C"]);
    assert_eq!(decoded.measurements[0].clock, ReadingClock::Receipt);
}

#[test]
fn a_bad_value_costs_no_other_and_none_is_quiet() {
    let payload = r#"{"id":0,"voltage":"high","current":0.5,"apower":null}"#;
    let expected =
        ["a/pm1:0 current 0.5 A", "fault `voltage` of a/pm1:0: \"high\" is not a number"];
    reads("a/status/pm1:0", payload, &expected);
    reads("a/status/temperature:0", r#"{"id":0,"tC":null,"errors":["read"]}"#, &[]);
    reads("a/events/rpc", r#"{"src":"a","method":"NotifyEvent","params":{"events":[]}}"#, &[]);
    reads("a/status/pm1:0", "", &[]);
    let broken = decode(&mut format(None), "a/events/rpc", "{\"src\":");
    assert!(broken.unwrap_err().contains("not JSON"));
}

#[test]
fn a_device_with_another_prefix_has_one_id() {
    let mut format = format(Some("hall"));
    let id = |format: &mut Shelly, topic: &str, payload: &str| {
        let decoded = decode(format, topic, payload).unwrap();
        decoded.measurements.first().map(|it| it.reading.sensor_id.as_str().to_owned())
    };
    let (status, payload) = ("hall/fan/status/switch:0", r#"{"id":0,"output":true}"#);
    assert_eq!(id(&mut format, status, payload).as_deref(), Some("hall/fan/switch:0"));
    let frame = r#"{"src":"s7","method":"NotifyStatus","params":{"switch:0":{"output":false}}}"#;
    assert_eq!(id(&mut format, "hall/fan/events/rpc", frame).as_deref(), Some("s7/switch:0"));
    assert_eq!(id(&mut format, status, payload).as_deref(), Some("s7/switch:0"));
    let online = decode(&mut format, "hall/fan/online", "false").unwrap();
    let word = &online.availability[0];
    assert_eq!((word.device.as_str(), word.presence), ("s7", Presence::Offline));
    assert!(
        format
            .fresh()
            .decode(
                &Message {
                    topic: "hall/online",
                    payload: b"maybe",
                    received_at: received_at(),
                    is_replayed: false
                },
                &mut Vec::new(),
            )
            .unwrap()
            .ignored
            .is_some()
    );
}

#[test]
fn claims_by_base() {
    let (all, one, both) = (format(None), format(Some("a/b")), format(Some("a/shellies/")));
    for (topic, of_all, of_one, of_both) in [
        ("shellies/x/relay/0", Claim::Decodes, Claim::Foreign, Claim::Foreign),
        ("shellies/x/relay/0/command", Claim::Ignores, Claim::Foreign, Claim::Foreign),
        ("shellies/x/status/switch:0", Claim::Decodes, Claim::Foreign, Claim::Foreign),
        ("x/status/switch:0", Claim::Decodes, Claim::Foreign, Claim::Foreign),
        ("x/status/report", Claim::Foreign, Claim::Foreign, Claim::Foreign),
        ("x/status/script:1", Claim::Ignores, Claim::Foreign, Claim::Foreign),
        ("a/b/online", Claim::Foreign, Claim::Decodes, Claim::Foreign),
        ("a/b/c/events/rpc", Claim::Foreign, Claim::Decodes, Claim::Foreign),
        ("a/shellies/x/online", Claim::Foreign, Claim::Foreign, Claim::Decodes),
        ("a/shellies/x/sensor/lux", Claim::Foreign, Claim::Foreign, Claim::Decodes),
    ] {
        let claims = [&all, &one, &both].map(|format| format.claim(topic));
        assert_eq!(claims, [of_all, of_one, of_both], "{topic}");
        for (format, claim) in [&all, &one, &both].into_iter().zip(claims) {
            let mut filters = format.filters().into_iter();
            let is_brought = filters.any(|it| topics::matches(&it.text, topic));
            assert!(is_brought || claim == Claim::Foreign, "{topic}");
        }
    }
    assert_eq!([all.key(), one.key()], ["shelly", "shelly:a/b"]);
}

proptest! {
    #[test]
    fn no_bytes_panic(part in "[a-z0-9/:]{0,16}", payload in proptest::collection::vec(any::<u8>(), 0..64)) {
        for topic in [format!("shellies/x/{part}"), "x/events/rpc".into(), format!("x/status/{part}")] {
            let message = Message { topic: &topic, payload: &payload, received_at: received_at(), is_replayed: false };
            let _ = format(None).decode(&message, &mut Vec::new());
        }
    }

    #[test]
    fn no_status_panics(key in "[a-zA-Z_]{1,10}", value in "(-?[0-9]{1,5}|null|true|\"x\"|\\[1\\]|\\{\"total\":1\\})") {
        let payload = format!(r#"{{"{key}":{value},"last_updated_ts":{value}}}"#);
        let _ = decode(&mut format(None), "x/status/em:0", &payload);
    }
}
