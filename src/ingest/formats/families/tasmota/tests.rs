use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::config::Preset;
use crate::domain::{DecoderChange, ReadingClock};
use crate::ingest::formats::{DecodedMessage, Decoders, Formats};

fn table(topic: Option<&str>, base: Option<&str>, device: Option<&str>) -> PresetTable {
    let [topic, base, device] = [topic, base, device].map(|it| it.map(str::to_owned));
    PresetTable { preset: Preset::Tasmota, base, topic, device, precision: None }
}

fn format(topic: Option<&str>, base: Option<&str>) -> Tasmota {
    Tasmota::new(&table(topic, base, None), Tz::Europe__Paris).unwrap()
}

/// A decoder that takes messages one after the other.
struct Stage {
    decoders: Decoders,
    changes: Vec<DecoderChange>,
}

impl Stage {
    fn new(topic: Option<&str>) -> Self {
        let decoders = Decoders::new(&Formats::new(vec![Box::new(format(topic, None))]), vec![]);
        Self { decoders, changes: Vec::new() }
    }

    fn restarted(self) -> Self {
        let formats = Formats::new(vec![Box::new(format(None, None))]);
        Self { decoders: Decoders::new(&formats, self.changes), changes: Vec::new() }
    }

    /// `None` where no format claims the topic.
    fn decode(&mut self, topic: &str, payload: &str) -> Option<Result<Decoded, String>> {
        let received_at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let payload = payload.as_bytes();
        let message = Message { topic, payload, received_at, is_replayed: false };
        let taken = self.decoders.decode(&message, &mut self.changes);
        taken.map(|DecodedMessage { decoded, .. }| decoded)
    }

    /// Readings and faults of a message, a line each.
    #[track_caller]
    fn reads(&mut self, topic: &str, payload: &str, expected: &[&str]) {
        let decoded = self.decode(topic, payload).unwrap().unwrap();
        let readings = decoded.measurements.iter().map(|it| &it.reading);
        let mut shown: Vec<_> = readings
            .map(|it| format!("{} {} {} {}", it.sensor_id, it.quantity, it.value, it.unit.as_str()))
            .map(|line| line.trim_end().to_owned())
            .collect();
        shown.extend(decoded.faults.iter().map(|why| format!("fault {why}")));
        assert_eq!(shown, expected, "{topic} {payload}");
    }
}

#[test]
fn components_and_the_units_beside_them() {
    let mut stage = Stage::new(None);
    stage.reads(
        "tele/vault/SENSOR",
        r#"{"Time":"2026-02-01T10:00:00","SHT4X":{"Temperature":39.2,"Humidity":51,"DewPoint":21.2},
            "BMP280":{"Pressure":741.5},"DS18B20-2":{"Id":"01020304AABB","Temperature":null},
            "SR04":{"Distance":41.5},"COUNTER":{"C1":7},"Switch2":"OFF","Version":"x",
            "ANALOG":{"Temperature2":40.1},"WIND":{"Speed":{"Max":7.5}},
            "TempUnit":"F","PressureUnit":"mmHg","SpeedUnit":"m/s"}"#,
        &[
            "vault/ANALOG/2 temperature 40.1 °F",
            "vault/BMP280 pressure 741.5 mmHg",
            "vault/COUNTER c1 7",
            "vault/SHT4X dew_point 21.2 °F",
            "vault/SHT4X humidity 51 %",
            "vault/SHT4X temperature 39.2 °F",
            "vault/SR04 distance 41.5 cm",
            "vault switch2 0",
            "vault/WIND/Speed max 7.5 m/s",
        ],
    );
    let sns = r#"{"StatusSNS":{"SHT4X":{"Temperature":4.2}}}"#;
    stage.reads("stat/vault/STATUS10", sns, &["vault/SHT4X temperature 4.2 °C"]);
    stage.reads("stat/vault/STATUS8", r#"{"StatusPTH":{"PowerLow":1}}"#, &[]);
}

#[test]
fn energy_in_its_units_and_by_phase() {
    let mut stage = Stage::new(None);
    let payload = r#"{"ENERGY":{"TotalStartTime":"2020-01-01T00:00:00","Total":8.5,"Period":3,"Power":[1,2],
        "Factor":[0.5,null],"TotalTariff":[[1.5],[2.5]],"ExportReactive":4}}"#;
    let expected = [
        "m/ENERGY export_reactive 4 kvarh",
        "m/ENERGY/0 power_factor 0.5",
        "m/ENERGY energy_period 3 Wh",
        "m/ENERGY/0 power 1 W",
        "m/ENERGY/1 power 2 W",
        "m/ENERGY energy_total 8.5 kWh",
        "m/ENERGY/0/0 total_tariff 1.5 kWh",
        "m/ENERGY/1/0 total_tariff 2.5 kWh",
    ];
    stage.reads("tele/m/SENSOR", payload, &expected);
    stage.reads("tele/m/ENERGY", r#"{"Today":1.5}"#, &["m/ENERGY energy_today 1.5 kWh"]);
    let storm = r#"{"AS3935":{"Energy":500,"Distance":12}}"#;
    stage.reads("tele/m/SENSOR", storm, &["m/AS3935 distance 12", "m/AS3935 energy 500"]);
}

#[test]
fn a_bad_value_costs_no_other() {
    let mut stage = Stage::new(None);
    let payload =
        r#"{"A":{"Temperature":-400,"Humidity":"wet"},"B":{"Temperature":true,"Pressure":1000.5}}"#;
    let expected = [
        "b/B pressure 1000.5 hPa",
        "fault `humidity` of b/A: \"wet\" is not a number",
        "fault `temperature` of b/A: -400 is below absolute zero",
        "fault `temperature` of b/B: it is a truth value, not a number",
    ];
    stage.reads("tele/b/SENSOR", payload, &expected);
    stage.reads("tele/b/SENSOR", r#"{"A":{"Temperature":nan},"B":{"Humidity":"NaN"}}"#, &[]);
    stage.reads("tele/b/SENSOR", "", &[]);
    let broken = stage.decode("tele/b/SENSOR", r#"{"A":{"Temperature":}}"#).unwrap();
    assert!(broken.unwrap_err().contains("not JSON"));
}

#[test]
fn the_time_is_local_an_epoch_or_missing() {
    let mut stage = Stage::new(None);
    let mut at = |time: &str| {
        let payload = format!("{{{time}\"A\":{{\"Humidity\":1}}}}");
        let decoded = stage.decode("tele/t/SENSOR", &payload).unwrap().unwrap();
        let first = &decoded.measurements[0];
        (first.reading.timestamp.timestamp(), first.clock, decoded.num_faults)
    };
    let sent = |seconds| (seconds, ReadingClock::Sender, 0);
    assert_eq!(at(r#""Time":"2026-07-01T12:00:00","#), sent(1_782_900_000));
    assert_eq!(at(r#""Time":"2026-07-01T12:00:00Z","#), sent(1_782_907_200));
    assert_eq!(at(r#""Time":1782907200,"#), sent(1_782_907_200));
    assert_eq!(at(r#""Time":"2026-07-01T12:00:00","Epoch":1782907201,"#), sent(1_782_907_201));
    assert_eq!(at(""), (1_800_000_000, ReadingClock::Receipt, 0));
    assert_eq!(at(r#""Time":"noon","#), (1_800_000_000, ReadingClock::Receipt, 1));
}

#[test]
fn what_bridges_relay() {
    let mut stage = Stage::new(None);
    let payload = r#"{"ZbReceived":{"Cellar":{"Device":"0xAB12","Name":"Cellar","Temperature":8.25,"Battery":70,
        "Voltage":2.9,"Power":1,"0006/4001":0,"Endpoint":1,"LinkQuality":40}}}"#;
    let expected = [
        "zb/Cellar battery 70 %",
        "zb/Cellar linkquality 40",
        "zb/Cellar state 1",
        "zb/Cellar temperature 8.25 °C",
        "zb/Cellar voltage 2.9 V",
    ];
    stage.reads("tele/zb/SENSOR", payload, &expected);
    stage.reads("tele/zb/AB12/SENSOR", payload, &expected);
    let inner = r#"{"Device":"0xAB12","Humidity":40,"Endpoint":1}"#;
    stage.reads(
        "tele/zb/ZbReceived",
        &format!(r#"{{"0xAB12":{inner}}}"#),
        &["zb/0xAB12 humidity 40 %"],
    );
    stage.reads(
        "tele/zb/SENSOR",
        &format!(r#"{{"0xAB12":{inner}}}"#),
        &["zb/0xAB12 humidity 40 %"],
    );
    let bare = r#"{"ZbReceived":{"Humidity":40,"Endpoint":1}}"#;
    stage.reads("tele/zb/Cellar/SENSOR", bare, &["zb/Cellar humidity 40 %"]);
    let command =
        r#"{"ZbReceived":{"Remote":{"Device":"0x1","0006!02":"","Power":2,"LinkQuality":9}}}"#;
    stage.reads("tele/zb/SENSOR", command, &[]);
    stage.reads(
        "tele/zb/SENSOR",
        r#"{"ZbInfo":{"0x1":{"Dimmer":3}},"ZbState":{"Status":30}}"#,
        &[],
    );
    let lora = r#"{"LwReceived":{"Gate":{"Node":1,"DoorOpen":1,"Battery":3.1,"RSSI":-50}}}"#;
    let expected = ["lw/Gate battery_voltage 3.1 V", "lw/Gate door_open 1", "lw/Gate rssi -50 dBm"];
    stage.reads("tele/lw/SENSOR", lora, &expected);
}

const CONFIG: &str = r#"{"t":"oven","ft":"%topic%/hall/%prefix%/","tp":["cmnd","stat","up"],"hn":"h","onln":"here","ofln":"gone"}"#;

#[test]
fn announcements_teach_topics_words_and_units() {
    let mut stage = Stage::new(None);
    let report = r#"{"MAX":{"Temperature":450.5}}"#;
    assert!(stage.decode("oven/hall/up/SENSOR", report).is_none());
    stage.reads("tasmota/discovery/A1/config", CONFIG, &[]);
    let num_changes = stage.changes.len();
    stage.reads("tasmota/discovery/A1/config", CONFIG, &[]);
    assert_eq!((num_changes, stage.changes.len()), (1, 1), "the same again changes nothing");
    stage.reads("tasmota/discovery/A1/sensors", r#"{"sn":{"TempUnit":"F"},"ver":1}"#, &[]);
    let filters = stage.decoders.take_filters().unwrap();
    assert!(filters.iter().any(|it| it.text == "+/hall/up/SENSOR"), "{filters:?}");
    let mut stage = stage.restarted();
    stage.reads("oven/hall/up/SENSOR", report, &["oven/MAX temperature 450.5 °F"]);
    let will = stage.decode("oven/hall/up/LWT", "gone").unwrap().unwrap();
    let word = &will.availability[0];
    assert_eq!((word.device.as_str(), word.presence), ("oven", Presence::Offline));
    stage.reads("tasmota/discovery/A1/config", "", &[]);
    assert!(stage.decode("oven/hall/up/SENSOR", report).is_none());
    assert_eq!(stage.decoders.take_filters().unwrap().len(), 4);
}

#[test]
fn an_announcement_that_cannot_be_is_refused() {
    let mut stage = Stage::new(None);
    for (payload, why) in [
        ("{}", "no topic `t`"),
        (r#"{"t":"x"}"#, "no `FullTopic`"),
        (r##"{"t":"x","ft":"#/%prefix%"}"##, "unusable"),
        (r#"{"t":"","ft":"%topic%/%prefix%"}"#, "unusable"),
        ("[]", "not an object"),
    ] {
        let decoded = stage.decode("tasmota/discovery/A1/config", payload).unwrap();
        assert!(decoded.unwrap_err().contains(why), "{payload}");
    }
    let announced = (0..2000).map(|number| {
        let payload = format!(r#"{{"t":"x","ft":"{number}/%prefix%/%topic%/"}}"#);
        stage.decode(&format!("tasmota/discovery/{number}/config"), &payload).unwrap().is_ok()
    });
    assert_eq!(announced.filter(|is_taken| *is_taken).count(), 512, "two shapes each");
}

#[test]
fn an_announcement_whose_tokens_multiply_is_refused() {
    let mut stage = Stage::new(None);
    let (name, host) = ("%hostname%".repeat(20), "%id%".repeat(50));
    let full_topic = "%topic%".repeat(30);
    let mac = "A".repeat(200);
    let payload = format!(r#"{{"t":"{name}","ft":"{full_topic}/%prefix%/","hn":"{host}"}}"#);
    let decoded = stage.decode(&format!("tasmota/discovery/{mac}/config"), &payload).unwrap();
    assert!(decoded.unwrap_err().contains("too long"));
    let host = "h".repeat(300);
    let payload = format!(r#"{{"t":"x","ft":"%hostname%/%prefix%/%topic%/","hn":"{host}"}}"#);
    let decoded = stage.decode("tasmota/discovery/A1/config", &payload).unwrap();
    assert!(decoded.unwrap_err().contains("too long"));
}

#[test]
fn of_devices_with_one_topic_the_same_counts_after_a_restart() {
    let mut stage = Stage::new(None);
    for (mac, unit) in [("B2", "F"), ("A1", "K")] {
        stage.reads(&format!("tasmota/discovery/{mac}/config"), CONFIG, &[]);
        let sensors = format!(r#"{{"sn":{{"TempUnit":"{unit}"}}}}"#);
        stage.reads(&format!("tasmota/discovery/{mac}/sensors"), &sensors, &[]);
    }
    let report = r#"{"MAX":{"Temperature":450}}"#;
    stage.reads("oven/hall/up/SENSOR", report, &["oven/MAX temperature 450 K"]);
    stage.changes.sort_by(|one, other| one.key.cmp(&other.key));
    let mut stage = stage.restarted();
    stage.reads("oven/hall/up/SENSOR", report, &["oven/MAX temperature 450 K"]);
    stage.reads("tasmota/discovery/A1/config", "", &[]);
    stage.reads("oven/hall/up/SENSOR", report, &["oven/MAX temperature 450 °F"]);
}

#[test]
fn wills() {
    let mut stage = Stage::new(None);
    let mut presence = |payload: &str| {
        let decoded = stage.decode("tele/a/b/LWT", payload).unwrap();
        decoded.map(|it| it.availability.first().map(|it| (it.device.to_string(), it.presence)))
    };
    assert_eq!(presence("Online"), Ok(Some(("a/b".into(), Presence::Online))));
    assert_eq!(presence("Offline\0"), Ok(Some(("a/b".into(), Presence::Offline))));
    assert_eq!(presence(""), Ok(None));
    assert!(presence("asleep").unwrap_err().contains("neither"));
}

#[test]
fn a_full_topic_of_the_users() {
    let filters = |topic| {
        let filters = format(Some(topic), None).filters();
        filters.into_iter().map(|it| it.text).collect::<Vec<_>>()
    };
    assert_eq!(
        filters("plant/%topic%/%prefix%/")[..2],
        ["plant/+/tele/SENSOR", "plant/+/tele/LWT"]
    );
    assert_eq!(filters("{device}/").len(), 7);
    let mut stage = Stage::new(Some("{location}/{device}/{prefix}"));
    let decoded = stage.decode("hall/x/tele/SENSOR", r#"{"A":{"Humidity":1}}"#).unwrap().unwrap();
    assert_eq!(decoded.measurements[0].reading.location.as_str(), "hall");
    assert!(stage.decode("hall/x/tele/STATE", "{}").is_none());
    assert!(stage.decode("hall/x/cmnd/SENSOR", "{}").is_none());
    assert!(stage.decode("tasmota/discovery/A1/config", CONFIG).is_none());
    for (topic, why) in [
        ("plant/{prefix}", "names no device"),
        ("{device", "not closed"),
        ("%prefix%/%hostname%", "in place of `%hostname%`"),
    ] {
        let error = Tasmota::new(&table(Some(topic), None, None), Tz::UTC).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
    assert!(Tasmota::new(&table(Some("plant/{prefix}"), None, Some("pump")), Tz::UTC).is_ok());
}

#[test]
fn claims_and_keys() {
    let format = |base| format(None, base);
    for (topic, claim) in [
        ("tele/x/SENSOR", Claim::Decodes),
        ("tele/x/STATE", Claim::Ignores),
        ("stat/x/RESULT", Claim::Ignores),
        ("stat/x/SENSOR", Claim::Ignores),
        ("cmnd/x/POWER", Claim::Foreign),
        ("tele", Claim::Foreign),
        ("tasmota/discovery/A1/config", Claim::Decodes),
        ("tasmota/discovery/A1/other", Claim::Ignores),
    ] {
        assert_eq!(format(None).claim(topic), claim, "{topic}");
        let bridged = format!("site/{topic}");
        assert_eq!(format(Some("site")).claim(&bridged), claim, "{bridged}");
        assert_eq!(format(None).claim(&bridged), Claim::Foreign, "{bridged}");
    }
    assert_eq!(format(None).key(), "tasmota");
    assert_ne!(format(Some("site")).key(), format(Some("mill")).key());
}

proptest! {
    #[test]
    fn no_bytes_panic(end in "[a-zA-Z0-9/]{0,12}", payload in proptest::collection::vec(any::<u8>(), 0..64)) {
        for topic in ["tele/x/SENSOR", "stat/x/STATUS0", "tele/x/LWT", "tele/x/ZbReceived", "tasmota/discovery/A/config",
            "tasmota/discovery/A/sensors", &end] {
            let received_at = DateTime::UNIX_EPOCH;
            let message = Message { topic, payload: &payload, received_at, is_replayed: false };
            let _ = format(None, None).decode(&message, &mut Vec::new());
        }
        let mut format = format(None, None);
        format.remember(&format!("config/{end}"), Some(&payload));
        format.remember(&format!("sensors/{end}"), Some(&payload));
    }

    #[test]
    fn no_report_panics(key in "[a-zA-Z0-9_!<./]{0,8}", value in "(-?[0-9]{1,4}|null|true|\"ON\"|\"x\"|\\[1,\\[2\\]\\])") {
        let payload = format!(r#"{{"ZbReceived":{{"d":{{"{key}":{value}}}}},"{key}":{{"{key}":{value}}},"A":{value}}}"#);
        let _ = Stage::new(None).decode("tele/x/SENSOR", &payload);
    }
}
