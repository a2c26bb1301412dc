use chrono::DateTime;

use super::*;
use crate::config;
use crate::ingest::formats::{self, Decoders, Message};
use crate::ingest::inventory::TopicShapes;

/// Proposals for messages, without repetitions.
fn proposals(messages: &[(&str, &str)]) -> Vec<Proposal> {
    let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let mut shapes = TopicShapes::<()>::default();
    for (topic, payload) in messages {
        shapes.note(topic, payload.as_bytes(), at);
    }
    shapes.refresh();
    let mut proposals = all(&shapes.sorted());
    proposals.dedup();
    proposals
}

#[track_caller]
fn config(messages: &[(&str, &str)]) -> String {
    let [proposal] = proposals(messages).try_into().unwrap();
    proposal.config.unwrap_or_else(|| panic!("{:?}", proposal.note))
}

/// Readings that a table decodes from a message: `sensor quantity value unit`.
#[track_caller]
fn readings(lines: &str, topic: &str, payload: &str) -> Vec<String> {
    let config = config::parse(&format!("[broker]\n{lines}"), "c.toml");
    let config = config.unwrap_or_else(|errors| panic!("{errors}\n{lines}"));
    let formats = formats::formats(&config).unwrap_or_else(|wrong| panic!("{wrong:?}\n{lines}"));
    let received_at = DateTime::from_timestamp(1_760_000_000, 0).unwrap();
    let message = Message { topic, payload: payload.as_bytes(), received_at, is_replayed: false };
    let mut decoders = Decoders::new(&formats, Vec::new());
    let taken = decoders.decode(&message, &mut Vec::new()).unwrap_or_else(|| panic!("{lines}"));
    let decoded = taken.decoded.unwrap_or_else(|why| panic!("{why}\n{lines}"));
    let shown = decoded.measurements.iter().map(|it| {
        let reading = &it.reading;
        let (sensor, quantity) = (reading.sensor_id.as_str(), reading.quantity.as_str());
        format!("{sensor} {quantity} {} {}", reading.value, reading.unit.as_str()).trim().to_owned()
    });
    shown.collect()
}

#[test]
fn families_are_recognised_by_their_topics() {
    for (topic, payload, expected) in [
        ("zigbee2mqtt/bridge/state", "{\"state\":\"online\"}", "zigbee2mqtt"),
        ("zigbee2mqtt/porch", "{\"contact\":true}", "zigbee2mqtt"),
        ("tele/vault/SENSOR", "{\"SHT3X\":{\"Temperature\":3}}", "tasmota"),
        ("stat/vault/POWER", "ON", "tasmota"),
        ("tasmota/discovery/A1B2C3D4E5F6/config", "{}", "tasmota"),
        ("shellies/shellyht-A1B2C3/sensor/temperature", "3", "shelly"),
        ("shellyplus1pm-a8032ab1/events/rpc", "{\"src\":\"x\"}", "shelly"),
        ("homeassistant/sensor/x/config", "{\"name\":\"x\"}", "homeassistant"),
        ("home/hall/BTtoMQTT/A4C138112233", "{\"tempc\":3}", "theengs"),
        ("rtl_433/roof/events", "{\"model\":\"Nexus-TH\",\"id\":3}", "rtl_433"),
        ("ruuvi/C1:C2:C3:C4:C5:C6/D1:D2:D3:D4:D5:D6", "{\"gw_mac\":\"x\"}", "ruuvi"),
        ("homie/dryer/$state", "ready", "homie"),
        ("application/7/device/24e124136c220017/event/up", "{\"object\":{}}", "chirpstack"),
        ("v3/greens@ttn/devices/bed-4/up", "{\"uplink_message\":{}}", "tts"),
        ("v1/gateway/telemetry", "{\"Oven 1\":[{\"ts\":1,\"values\":{}}]}", "thingsboard"),
        ("kiln/sensor/temperature/state", "812.5", "esphome"),
        ("senml/hall", "[{\"n\":\"a\",\"v\":1}]", "senml"),
        ("telegraf/host", "cpu usage=3", "influx"),
    ] {
        let expected = format!("[[devices]]\npreset = \"{expected}\"\n");
        assert_eq!(config(&[(topic, payload)]), expected, "{topic}");
    }
}

#[test]
fn a_changed_base_is_proposed() {
    for (topic, payload, expected) in [
        ("hall/zb/bridge/info", "{\"version\":\"2\"}", "zigbee2mqtt\"\nbase = \"hall/zb"),
        ("plant/ble/hall/BTtoMQTT/A4C138112233", "{}", "theengs\"\nbase = \"plant/ble"),
        (
            "lora/application/7/device/24e124136c220017/event/up",
            "{}",
            "chirpstack\"\nbase = \"lora/application",
        ),
        ("cellar/pump/events/rpc", "{\"src\":\"x\"}", "shelly\"\nbase = \"cellar"),
        ("plant/homie/5/dryer/$description", "{}", "homie\"\nbase = \"plant/homie"),
        (
            "plant/radio/roof/events",
            "{\"model\":\"N\",\"channel\":1}",
            "rtl_433\"\nbase = \"plant/radio",
        ),
        (
            "plant/vault/tele/SENSOR",
            "{\"T\":{\"Temperature\":3}}",
            "tasmota\"\ntopic = \"plant/{device}/{prefix}",
        ),
        ("tele/plant/vault/SENSOR", "{\"T\":1}", "tasmota"),
        ("N/d41243b4f71d/battery/279/Soc", "{\"value\":3}", "victron\"\nbase = \"N/d41243b4f71d"),
        (
            "plant/hall-2/packs",
            "[{\"bn\":\"a\",\"u\":\"Cel\",\"v\":1}]",
            "senml\"\ntopic = \"plant/+/packs",
        ),
        ("bms/hall-2/lines", "room,floor=2 temp=21.5", "influx\"\ntopic = \"bms/+/lines"),
        ("v1/devices/me/telemetry", "{\"temperature\":3}", "thingsboard\"\ndevice = \"boiler-1"),
    ] {
        let lines = config(&[(topic, payload)]);
        assert_eq!(lines, format!("[[devices]]\npreset = \"{expected}\"\n"), "{topic}");
        let parsed = config::parse(&format!("[broker]\n{lines}"), "c.toml").unwrap();
        formats::formats(&parsed).unwrap();
    }
    let both = [("zb/bridge/state", "{\"state\":\"online\"}"), ("zb/porch", "{\"temperature\":3}")];
    assert_eq!(config(&both), "[[devices]]\npreset = \"zigbee2mqtt\"\nbase = \"zb\"\n");
}

#[test]
fn an_unsupported_family_gets_a_note() {
    let [proposal] = proposals(&[("spBv1.0/plant/DDATA/edge/press", "x")]).try_into().unwrap();
    assert_eq!(proposal.config, None);
    assert_eq!(proposal.note.as_deref(), Some("Sparkplug B, which is not read yet"));
}

#[test]
fn an_object_is_mapped_by_its_keys() {
    let payload = r#"{"t":21.5,"h":48,"ts":1759999999,"id":"x"}"#;
    let lines = config(&[("site/node-1/state", payload)]);
    assert_eq!(
        lines,
        "[[devices]]\ntopic = \"site/{sensor}/state\"\ntime = \"/ts\"\n\
         values = { humidity = { at = \"/h\", unit = \"%\" }, temperature = { at = \"/t\", unit = \"°C\" } }\n"
    );
    let expected = ["node-1 humidity 48 %", "node-1 temperature 21.5 °C"];
    assert_eq!(readings(&lines, "site/node-1/state", payload), expected);
}

#[test]
fn variable_levels_name_the_sensor() {
    let payload = r#"{"in":{"temp":"21.5"},"out":{"temp":3},"a/b":7,"uptime":9}"#;
    for (topic, sensor) in [
        ("plant/hall-2/node-7/data", "hall-2/node-7"),
        ("a/1/b/2/c/3", "1/2/3"),
        ("weather/roof", "roof"),
        ("site/cellar/state", "cellar"),
        ("state", "state"),
        ("my \"quoted\\\" topic", "my \"quoted\\\" topic"),
    ] {
        let lines = config(&[(topic, payload)]);
        let expected = ["a_b 7", "temperature 21.5 °C", "out_temperature 3 °C", "uptime 9"];
        let expected = expected.map(|rest| format!("{sensor} {rest}"));
        let mut found = readings(&lines, topic, payload);
        found.sort_unstable();
        let mut expected: Vec<_> = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{topic}: {lines}");
    }
    let payload = r#"{"device_id":"pump-7","power":1200}"#;
    let lines = config(&[("telemetry", payload)]);
    assert_eq!(readings(&lines, "telemetry", payload), ["pump-7 power 1200 W"]);
}

#[test]
fn a_time_that_can_be_read_two_ways_is_left_out() {
    let payload = r#"{"datetime":"10.12.2023 13:51","t":3}"#;
    let lines = config(&[("thermostat/hall", payload)]);
    assert_eq!(readings(&lines, "thermostat/hall", payload), ["hall temperature 3 °C"]);
    let payload = r#"{"time":"2025-10-09T08:00:00Z","t":3}"#;
    assert!(config(&[("thermostat/hall", payload)]).contains("time = \"/time\""));
}

#[test]
fn a_list_is_mapped_by_its_first_element() {
    for (topic, payload, expected) in [
        (
            "iotgateway",
            r#"{"at":1759999999,"values":[{"id":"p1","v":2.5,"t":1759999999000},{"id":"p2","v":3}]}"#,
            vec!["p1 value 2.5", "p2 value 3"],
        ),
        (
            "gw/9/report",
            r#"[{"mac":"aa","temperature":1,"humidity":2},{"mac":"bb","temperature":3}]"#,
            vec!["aa humidity 2 %", "aa temperature 1 °C", "bb temperature 3 °C"],
        ),
    ] {
        let lines = config(&[(topic, payload)]);
        assert!(lines.contains("time = \"t\"") == (topic == "iotgateway"), "{lines}");
        assert_eq!(readings(&lines, topic, payload), expected, "{lines}");
    }
}

#[test]
fn a_time_beside_a_list_is_that_of_its_elements() {
    let lines = config(&[("gw", r#"{"ts":1759999999,"list":[{"id":"p1","v":2.5}]}"#)]);
    assert!(lines.contains("each = \"/list/*\"\ntime = \"/ts\"\n"), "{lines}");
}

#[test]
fn a_number_is_mapped_by_its_topic() {
    for (topic, payload, expected) in [
        ("home/kitchen/temperature", "21.5", "kitchen temperature 21.5"),
        ("home/kitchen/hum", "48", "kitchen humidity 48"),
        ("heating/flow_temp", "42", "flow_temp temperature 42 °C"),
        ("meters/0042/reading", "7", "0042 value 7"),
        ("pressure", "7", "pressure pressure 7 hPa"),
    ] {
        let lines = config(&[(topic, payload)]);
        let [found] = readings(&lines, topic, payload).try_into().unwrap();
        assert!(found.starts_with(expected), "{found}, not {expected}: {lines}");
    }
    let both = [("home/kitchen/temperature", "21.5"), ("home/kitchen/humidity", "48")];
    assert_eq!(config(&both), "[[devices]]\ntopic = \"home/{sensor}/{quantity}\"\n");
}

#[test]
fn a_payload_without_a_value_gets_a_note() {
    for (topic, payload) in [
        ("door/front", "ajar"),
        ("meter/7/power", "ON"),
        ("pump/1,234/x", "1,234"),
        ("x/y", r#"[{"t":1},{"t":2}]"#),
        ("x/y", r#"{"fw":"3.1","model":7,"sent":1759999999}"#),
        ("x/y", ""),
        ("x/y", "{\"name\":\"x\",\"on\":true}"),
        ("a/{b}", "1"),
        ("a\u{7f}b/c", "1"),
        ("x/y", "[]"),
        ("lamp/hall/set", "1"),
    ] {
        let [proposal] = proposals(&[(topic, payload)]).try_into().unwrap();
        assert!(proposal.config.is_none() && proposal.note.is_some(), "{topic} {payload}");
    }
}

const REPORT: &str = r#"{"gw":"gw-04","sent":1759999990,"fw":"3.1","nodes":[{"addr":17,"kind":"probe","t10":-184,"batt_mv":2890,"q":"ok"},{"addr":18,"kind":"probe","t10":-97,"batt_mv":2410,"q":"ok"}]}"#;

#[test]
fn a_list_of_a_gateway_has_a_sensor_for_each_element() {
    let topic = "coldnet/gw-04/report";
    let lines = config(&[(topic, REPORT)]);
    assert_eq!(
        lines,
        "[[devices]]\ntopic = \"coldnet/{gw}/report\"\nsensor = \"{gw}/{addr}\"\neach = \"/nodes/*\"\n\
         time = \"/sent\"\nvalues = { battery_voltage = { at = \"batt_mv\", unit = \"mV\" }, t10 = \"t10\" }\n"
    );
    let expected = [
        "gw-04/17 battery_voltage 2890 mV",
        "gw-04/17 t10 -184",
        "gw-04/18 battery_voltage 2410 mV",
        "gw-04/18 t10 -97",
    ];
    assert_eq!(readings(&lines, topic, REPORT), expected);
}

#[test]
fn elements_are_distinguished_below_their_gateway() {
    for (topic, payload, expected) in [
        // The level is not in the payload; another key has the name of a level.
        ("net/7/report", r#"{"l":[{"id":1,"t":2}]}"#, "7/1 temperature 2 °C"),
        ("net/7/report", r#"{"id":"7","l":[{"id":1,"t":2}]}"#, "7/1 temperature 2 °C"),
        ("net/7/a/8", r#"{"hub":8,"l":[{"id":1,"t":2}]}"#, "7/8/1 temperature 2 °C"),
        // No variable level: the payload may name the gateway.
        ("net/report", r#"{"gw":"g","l":[{"id":1,"t":2}]}"#, "g/1 temperature 2 °C"),
        ("net/report", r#"{"l":[{"id":1,"t":2}]}"#, "1 temperature 2 °C"),
        ("net/7/report", r#"{"l":[{"mac":"aa","t":2}]}"#, "aa temperature 2 °C"),
        ("net/7/report", r#"{"l":[{"dev":{"id":"x"},"a.b":{"t":2}}]}"#, "7/x temperature 2 °C"),
        // One sensor, whose elements differ in their times.
        ("net/7", r#"[{"ts":1759999990,"t":2},{"ts":1759999991,"t":2}]"#, "7 temperature 2 °C"),
    ] {
        let lines = config(&[(topic, payload)]);
        assert_eq!(readings(&lines, topic, payload)[0], expected, "{lines}");
    }
}

#[test]
fn units_come_from_keys_and_sizes() {
    for (topic, payload, expected) in [
        ("node/7", r#"{"batt_mv":2890}"#, "7 battery_voltage 2890 mV"),
        ("node/7", r#"{"voltage":3012}"#, "7 voltage 3012 mV"),
        ("node/7", r#"{"hum_pct":48}"#, "7 humidity 48 %"),
        ("node/7/supply_mv", "3012", "7 supply 3012 mV"),
        ("node/7/kwh", "12.5", "7 energy 12.5 kWh"),
        ("node/energy_kwh", "12.5", "node-energy_kwh energy 12.5 kWh"),
    ] {
        let lines = config(&[(topic, payload)]);
        assert_eq!(readings(&lines, topic, payload), [expected], "{lines}");
    }
}

#[test]
fn words_and_commas_are_values() {
    for (topic, payload, expected) in [
        ("lamp/hall/state", "ON", "hall state 1"),
        ("lamp/hall/state", "off", "hall state 0"),
        ("door/front", "open", "front open 1"),
        ("door/front", "CLOSED", "front open 0"),
        ("hall/7/motion", "true", "7 motion 1"),
        ("hall/7/motion", "no", "7 motion 0"),
        ("home/kitchen/temperature", "41,9", "kitchen temperature 41.9"),
        ("tank/7/level", "-41,95", "7 value -41.95"),
    ] {
        let lines = config(&[(topic, payload)]);
        let found = readings(&lines, topic, payload);
        assert!(found[0].starts_with(expected), "{found:?}, not {expected}: {lines}");
    }
    let both = [("home/kitchen/temperature", "41,9"), ("home/kitchen/humidity", "48")];
    let expected = "[[devices]]\ntopic = \"home/{sensor}/{quantity}\"\ndecimal = \",\"\n";
    assert_eq!(config(&both), expected);
    // One table for each topic: the device that sends a comma gets a note.
    let apart = proposals(&[("brew/kettle/temp_c", "78.4"), ("brew/fermenter/temp_c", "19,6")]);
    let configs: Vec<&String> = apart.iter().filter_map(|it| it.config.as_ref()).collect();
    assert!(configs.len() == 1 && !configs[0].contains("decimal"), "{apart:?}");
    let mixed = [("temperature", "19,6"), ("humidity", "48"), ("pressure", "1013.2")];
    let mixed = mixed.map(|(last, payload)| (format!("home/kitchen/{last}"), payload));
    let mixed = proposals(&mixed.each_ref().map(|(topic, payload)| (topic.as_str(), *payload)));
    let with_config = mixed.iter().filter_map(|it| it.config.as_ref());
    let all: String = with_config.map(String::as_str).collect();
    assert!(all.contains("{quantity}") && !all.contains("decimal"), "{mixed:?}");
}

/// Checks a table with a key.
#[track_caller]
fn check_key(key: &str) {
    let table = "[[devices]]\ntopic = \"data/{device}/{sensor}\"\nvalue = \"/v\"\n";
    let parsed = config::parse(&format!("[broker]\n{table}{key}\n"), "c.toml");
    formats::formats(&parsed.unwrap_or_else(|why| panic!("{why}\n{key}"))).unwrap();
}

#[test]
fn availability_is_a_key_of_the_table_of_values() {
    for (topic, payload, expected) in [
        (
            "plant/cellar/alive",
            "up",
            r#"topic = "plant/{sensor}/alive", online = "up", offline = "down""#,
        ),
        (
            "plant/cellar/status",
            "DEAD",
            r#"topic = "plant/{sensor}/status", online = "ALIVE", offline = "DEAD""#,
        ),
        (
            "plant/7/cellar-8/lwt",
            "Offline",
            r#"topic = "plant/{device}/{sensor}/lwt", online = "Online", offline = "Offline""#,
        ),
        ("plant/7/online", "1", r#"topic = "plant/{sensor}/online", online = "1", offline = "0""#),
        (
            "plant/7/connected",
            "false",
            r#"topic = "plant/{sensor}/connected", online = "true", offline = "false""#,
        ),
        (
            "plant/7",
            "{\"state\":\"online\"}",
            r#"topic = "plant/{sensor}", online = "online", offline = "offline""#,
        ),
    ] {
        let [proposal] = proposals(&[(topic, payload)]).try_into().unwrap();
        let note = proposal.note.unwrap();
        assert!(proposal.config.is_none() && note.contains(expected), "{topic}: {note}");
        check_key(&note[note.find("availability = {").unwrap()..=note.rfind('}').unwrap()]);
    }
}

#[test]
fn words_on_other_topics_are_values() {
    assert!(config(&[("plant/7/flag", "1")]).contains("quantity = \"value\""));
    assert!(config(&[("plant/7/state", "0")]).contains("topic = \"plant/{sensor}/state\""));
    assert!(config(&[("plant/7/state", "ON")]).contains("quantity = \"state\""));
}
