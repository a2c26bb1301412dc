use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::config::Preset;
use crate::domain::DecoderChange;
use crate::ingest::formats::{DecodedMessage, Decoders, Formats};

const DEVICES: &str = r#"[
  {"ieee_address":"0x1","type":"Coordinator","friendly_name":"Coordinator","definition":null},
  {"ieee_address":"0x2","type":"EndDevice","friendly_name":"cold/store 1","definition":{"exposes":[
    {"type":"numeric","name":"temperature","property":"temperature","access":1,"unit":"°C"},
    {"type":"numeric","name":"battery","property":"battery","access":1,"unit":"%"},
    {"type":"numeric","name":"voltage","property":"voltage","access":1,"unit":"mV"},
    {"type":"numeric","name":"illuminance","property":"illuminance","access":1},
    {"type":"numeric","name":"illuminance_lux","property":"illuminance_lux","access":1,"unit":"lx"},
    {"type":"binary","name":"contact","property":"contact","access":1,"value_on":false,"value_off":true},
    {"type":"binary","name":"valve_state","property":"valve_state","access":1,"value_on":"OPEN","value_off":"CLOSED"},
    {"type":"numeric","name":"calibration","property":"calibration","access":3,"unit":"°C"},
    {"type":"composite","name":"flow","property":"flow","features":[
      {"type":"numeric","name":"rate","property":"rate","access":1,"unit":"L/min"}]}]}},
  {"ieee_address":"0x3","type":"Router","friendly_name":"pump","definition":{"exposes":[
    {"type":"switch","features":[{"type":"binary","name":"state","property":"state_l1","access":7,"value_on":"ON","value_off":"OFF"}]},
    {"type":"light","features":[{"type":"numeric","name":"brightness","property":"brightness","access":7}]},
    {"type":"numeric","name":"power","property":"power_l1","access":5,"unit":"W"}]}},
  {"ieee_address":"0x4","type":"EndDevice","friendly_name":"novelty","definition":null},
  {"ieee_address":"0x5","type":"EndDevice","friendly_name":7}]"#;

fn table(base: Option<&str>) -> PresetTable {
    let base = base.map(str::to_owned);
    PresetTable { preset: Preset::Zigbee2mqtt, base, topic: None, device: None, precision: None }
}

fn format() -> Zigbee2mqtt {
    Zigbee2mqtt::new(&table(None), Tz::UTC).unwrap()
}

/// A decoder with its accumulated state changes.
struct Stage {
    decoders: Decoders,
    changes: Vec<DecoderChange>,
}

impl Stage {
    fn new() -> Self {
        Self::restarted(Vec::new())
    }

    fn with_devices() -> Self {
        let mut stage = Self::new();
        assert!(stage.decode("bridge/devices", DEVICES).unwrap().ignored.is_some());
        stage
    }

    fn restarted(stored: Vec<DecoderChange>) -> Self {
        let decoders = Decoders::new(&Formats::new(vec![Box::new(format())]), stored);
        Self { decoders, changes: Vec::new() }
    }

    fn decode(&mut self, rest: &str, payload: &str) -> Result<Decoded, String> {
        let topic = format!("zigbee2mqtt/{rest}");
        let (topic, payload) = (topic.as_str(), payload.as_bytes());
        let received_at = DateTime::UNIX_EPOCH;
        let message = Message { topic, payload, received_at, is_replayed: false };
        let DecodedMessage { decoded, .. } =
            self.decoders.decode(&message, &mut self.changes).unwrap();
        decoded
    }

    /// Checks the readings and faults of one message, one per line.
    #[track_caller]
    fn reads(&mut self, rest: &str, payload: &str, expected: &[&str]) {
        let decoded = self.decode(rest, payload).unwrap();
        let readings = decoded.measurements.iter().map(|it| &it.reading);
        let mut shown: Vec<_> = readings
            .map(|it| format!("{} {} {} {}", it.sensor_id, it.quantity, it.value, it.unit.as_str()))
            .map(|line| line.trim_end().to_owned())
            .collect();
        shown.extend(decoded.faults.iter().map(|why| format!("fault {why}")));
        assert_eq!(shown, expected, "{rest} {payload}");
    }

    /// Availability in a message, as `device presence`.
    fn words(&mut self, rest: &str, payload: &str) -> Vec<String> {
        let words = self.decode(rest, payload).unwrap().availability;
        words.iter().map(|it| format!("{} {:?}", it.device, it.presence)).collect()
    }
}

#[test]
fn definitions_say_what_measures_and_in_which_unit() {
    let mut stage = Stage::with_devices();
    stage.reads(
        "cold/store 1",
        r#"{"temperature":"3.50","battery":80,"voltage":2900,"illuminance":17000,"illuminance_lux":49,
            "contact":true,"valve_state":"OPEN","calibration":1,"flow":{"rate":1.5,"x":1},"unheard":1}"#,
        &[
            "cold/store 1 battery 80 %",
            "cold/store 1 contact 1",
            "cold/store 1/flow rate 1.5 L/min",
            "cold/store 1 illuminance 49 lx",
            "cold/store 1 temperature 3.5 °C",
            "cold/store 1 valve_state 1",
            "cold/store 1 voltage 2900 mV",
        ],
    );
    let pump = r#"{"state_l1":"OFF","power_l1":12,"brightness":3,"update":{"state":"idle"}}"#;
    stage.reads("pump", pump, &["pump power_l1 12 W", "pump state_l1 0"]);
}

#[test]
fn a_bad_value_is_a_fault_of_its_own_and_none_is_quiet() {
    let mut stage = Stage::with_devices();
    stage.reads(
        "cold/store 1",
        r#"{"temperature":-300,"battery":null,"voltage":"low","contact":3,"valve_state":"AJAR",
            "illuminance_lux":true,"flow":{"rate":0}}"#,
        &[
            "cold/store 1/flow rate 0 L/min",
            "fault `contact` of cold/store 1: it is a number",
            "fault `illuminance_lux` of cold/store 1: it is a truth value, not a number",
            "fault `temperature` of cold/store 1: -300 is below absolute zero",
            "fault `valve_state` of cold/store 1: \"AJAR\" is not a number",
            "fault `voltage` of cold/store 1: \"low\" is not a number",
        ],
    );
    assert!(stage.decode("cold/store 1", "{\"temperature\":").unwrap_err().contains("JSON"));
    assert!(stage.decode("stranger", "21.5").unwrap_err().contains("not an object"));
    assert!(stage.decode("cold/store 1", "").unwrap().ignored.is_some());
}

#[test]
fn what_a_list_may_make_of_a_few_bytes_is_bounded() {
    let mut stage = Stage::new();
    let part = r#"{"type":"numeric","property":"a","access":1}"#;
    let listed = |composite: &str| {
        let parts = [part; 3].join(",");
        let expose =
            format!(r#"{{"type":"composite","property":"{composite}","features":[{parts}]}}"#);
        format!(r#"[{{"friendly_name":"x","definition":{{"exposes":[{expose}]}}}}]"#)
    };
    stage.decode("bridge/devices", &listed(&"c".repeat(257))).unwrap();
    assert_eq!(stage.changes[0].num_bytes(), r#"{"a":{}}"#.len());
    stage.decode("bridge/devices", &listed("c")).unwrap();
    stage.reads("x", r#"{"c":{"a":1}}"#, &["x/c a 1"]);
    let devices: Vec<_> = (0..4097).map(|n| format!(r#"{{"friendly_name":"{n}"}}"#)).collect();
    let refused = stage.decode("bridge/devices", &format!("[{}]", devices.join(",")));
    assert!(refused.unwrap_err().contains("more than 4096"));
}

#[test]
fn usual_attributes_without_a_definition() {
    let mut stage = Stage::with_devices();
    let fields = r#"{"temperature":20.5,"illuminance":9,"voltage":3010,"occupancy":true,"state":"ON","action":"hold"}"#;
    let expected = [
        "novelty illuminance 9 lx",
        "novelty occupancy 1",
        "novelty temperature 20.5 °C",
        "novelty voltage 3010 mV",
    ];
    stage.reads("novelty", fields, &expected);
    stage.reads("other", r#"{"voltage":231.5}"#, &["other voltage 231.5 V"]);
    stage.reads("other", r#"{"action":"hold"}"#, &[]);
}

#[test]
fn one_attribute_a_topic() {
    let mut stage = Stage::with_devices();
    stage.reads("cold/store 1/temperature", "4.25", &["cold/store 1 temperature 4.25 °C"]);
    stage.reads("cold/store 1/valve_state", "CLOSED", &["cold/store 1 valve_state 0"]);
    stage.reads("cold/store 1/flow-rate", "2", &["cold/store 1/flow rate 2 L/min"]);
    stage.reads("cold/store 1/calibration", "2", &[]);
    stage.reads("cold/store 1/battery", "", &[]);
    stage.reads("pump/action", "single", &[]);
    stage.reads("unheard/of/humidity", "41", &["unheard/of humidity 41 %"]);
}

#[test]
fn last_seen_in_every_form() {
    let mut stage = Stage::new();
    let mut at = |last_seen: &str| {
        let payload = format!(r#"{{"temperature":1,"last_seen":{last_seen}}}"#);
        let decoded = stage.decode("t", &payload).unwrap();
        (decoded.measurements[0].reading.timestamp.timestamp(), decoded.num_faults)
    };
    for form in ["1800000000000", "\"2027-01-15T08:00:00.000Z\"", "\"2027-01-15T09:00:00+01:00\""] {
        assert_eq!(at(form), (1_800_000_000, 0), "{form}");
    }
    assert_eq!(at("null"), (0, 0));
    assert_eq!(at("\"recently\""), (0, 1));
}

#[test]
fn words_of_devices_and_of_the_bridge() {
    let mut stage = Stage::with_devices();
    assert_eq!(stage.words("pump/availability", "offline"), ["pump Offline"]);
    assert_eq!(stage.words("x/availability", r#"{"state":"online"}"#), ["x Online"]);
    let of_composite = stage.words("cold/store 1/availability", "online");
    assert_eq!(of_composite, ["cold/store 1 Online", "cold/store 1/flow Online"]);
    let devices = ["cold/store 1", "cold/store 1/flow", "novelty", "pump"];
    let all_offline = ["zigbee2mqtt"].iter().chain(&devices).map(|it| format!("{it} Offline"));
    let all_offline: Vec<_> = all_offline.collect();
    assert_eq!(stage.words("bridge/state", r#"{"state":"offline"}"#), all_offline);
    // A retained availability message from before the outage.
    assert_eq!(stage.words("novelty/availability", "online"), ["novelty Offline"]);
    let mut restarted = Stage::restarted(stage.changes);
    let back = restarted.words("bridge/state", "online");
    assert_eq!(
        back[..3],
        ["zigbee2mqtt Online", "cold/store 1 Online", "cold/store 1/flow Online"]
    );
    assert_eq!(back[3..], ["novelty Online", "pump Offline"]);
    assert_eq!(restarted.words("pump/availability", "online"), ["pump Online"]);
    assert_eq!(restarted.words("bridge/state", "online")[4], "pump Online");
}

#[test]
fn a_device_that_leaves_the_list_is_removed() {
    let mut stage = Stage::with_devices();
    let num_changes = stage.changes.len();
    assert!(stage.words("bridge/devices", DEVICES).is_empty());
    assert_eq!(stage.changes.len(), num_changes, "the same list changes nothing");
    let renamed = DEVICES.replace("\"pump\"", "\"pump 1\"");
    assert_eq!(stage.words("bridge/devices", &renamed), ["pump Removed"]);
    stage.reads("pump 1", r#"{"power_l1":5}"#, &["pump 1 power_l1 5 W"]);
    // A bridge that has lost its database.
    let lost = r#"[{"type":"Coordinator","friendly_name":"Coordinator"}]"#;
    assert!(stage.words("bridge/devices", lost).is_empty());
    assert!(stage.decode("bridge/devices", "{}").unwrap_err().contains("not a list"));
    assert!(stage.decode("bridge/devices", "").unwrap().ignored.is_some());
}

#[test]
fn commands_groups_and_the_bridge_are_no_reports() {
    let mut stage = Stage::with_devices();
    stage.reads("bridge/groups", r#"[{"id":1,"friendly_name":"all"}]"#, &[]);
    stage.reads("all", r#"{"temperature":1}"#, &[]);
    assert!(stage.words("all/availability", "online").is_empty());
    stage.reads("bridge/groups", "[]", &[]);
    stage.reads("all", r#"{"temperature":1}"#, &["all temperature 1 °C"]);
    let format = format();
    for rest in ["pump/set", "pump/get/state", "pump/l1/set/state", "bridge/info", "bridge"] {
        assert_eq!(format.claim(&format!("zigbee2mqtt/{rest}")), Claim::Ignores, "{rest}");
    }
    for topic in ["zigbee2mqtt", "zigbee2mqtt/", "other/pump"] {
        assert_eq!(format.claim(topic), Claim::Foreign, "{topic}");
    }
}

#[test]
fn a_base_of_several_levels() {
    let format = Zigbee2mqtt::new(&table(Some("hall/zb/")), Tz::UTC).unwrap();
    assert_eq!((&*format.key(), &*format.filters()[0].text), ("zigbee2mqtt:hall/zb", "hall/zb/#"));
    assert_eq!(format.claim("hall/zb/a/b"), Claim::Decodes);
    assert!(Zigbee2mqtt::new(&table(Some("#")), Tz::UTC).is_err());
}

proptest! {
    #[test]
    fn no_bytes_panic(rest in "[a-z/]{0,12}", payload in proptest::collection::vec(any::<u8>(), 0..64)) {
        let mut format = format();
        for rest in ["bridge/devices", "bridge/groups", "bridge/state", "x/availability", &rest] {
            let topic = format!("zigbee2mqtt/{rest}");
            let received_at = DateTime::UNIX_EPOCH;
            let message = Message { topic: &topic, payload: &payload, received_at, is_replayed: false };
            let _ = format.decode(&message, &mut Vec::new());
        }
        format.remember("device/x", Some(&payload));
    }

    #[test]
    fn no_list_panics(exposes in "[\\[\\]{}:,\"a-z0-9]{0,40}", key in "(definition|exposes|features|property)") {
        let listed = format!(r#"[{{"friendly_name":"x","definition":{{"exposes":[{{"{key}":{exposes}}}]}}}}]"#);
        let _ = Stage::new().decode("bridge/devices", &listed);
    }
}
