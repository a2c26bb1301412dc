use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::config::Preset;

fn format(base: Option<&str>) -> Homie {
    let base = base.map(str::to_owned);
    let table =
        PresetTable { preset: Preset::Homie, base, topic: None, device: None, precision: None };
    Homie::new(&table, Tz::UTC).unwrap()
}

/// A format that remembers, and what it stored.
struct Bench(Homie, Vec<StateChange>);

impl Bench {
    fn new() -> Self {
        Self(format(None), Vec::new())
    }

    fn decode(&mut self, topic: &str, payload: &str) -> Result<Decoded, String> {
        let received_at = DateTime::UNIX_EPOCH;
        let message =
            Message { topic, payload: payload.as_bytes(), received_at, is_replayed: false };
        let mut changes = Vec::new();
        let decoded = self.0.decode(&message, &mut changes);
        for (key, value) in &changes {
            self.0.remember(key, value.as_deref());
        }
        self.1.extend(changes);
        decoded
    }

    fn hear(mut self, topic: &str, payload: &str) -> Self {
        self.decode(topic, payload).unwrap();
        self
    }

    /// What comes of a message: readings, presences, faults, or why there is nothing.
    #[track_caller]
    fn check(&mut self, topic: &str, payload: &str, expected: &str) -> &mut Self {
        let decoded = self.decode(topic, payload).unwrap();
        let mut shown: Vec<String> = Vec::new();
        for it in &decoded.measurements {
            let it = &it.reading;
            shown.push(format!(
                "{} {} {} {}",
                it.sensor_id,
                it.quantity,
                it.value,
                it.unit.as_str()
            ));
        }
        shown.extend(
            decoded.availability.iter().map(|it| format!("{} {:?}", it.device, it.presence)),
        );
        shown.extend(decoded.faults);
        shown.extend(decoded.ignored.map(Into::into));
        assert_eq!(shown.join("; ").trim_end(), expected, "{topic} {payload}");
        self
    }
}

const OVEN: &str = r##"{"homie":"5.0","version":3,"nodes":{"core":{"properties":{
    "heat":{"datatype":"float","unit":"°F","format":"32:900:0.5"},
    "cycles":{"datatype":"integer","unit":"#","format":"0:"},
    "power":{"datatype":"boolean"},"mode":{"datatype":"enum","format":"eco,full"}}},"empty":{},"odd":7}}"##;

fn oven() -> Bench {
    Bench::new().hear("homie/5/oven/$description", OVEN)
}

#[test]
fn values_are_of_their_declared_type() {
    let mut oven = oven();
    oven.check("homie/5/oven/core/heat", "410.25", "oven/core heat 410.25 °F")
        .check("homie/5/oven/core/cycles", "12", "oven/core cycles 12")
        .check("homie/5/oven/core/power", "false", "oven/core power 0")
        .check("homie/5/oven/core/mode", "eco", "its type is no number")
        .check("homie/5/oven/core/heat", "", "an empty payload")
        .check("homie/5/oven/core/door", "1", "not in the description of its device")
        .check("homie/5/fan/core/speed", "1", "its device has not described itself yet");
    for (property, payload, why) in [
        ("heat", "900.4", "`heat` of oven/core: 900.4 is outside of the declared range 32:900:0.5"),
        ("heat", "inf", "`heat` of oven/core: \"inf\" is no number"),
        ("heat", "nan", "`heat` of oven/core: \"nan\" is no number"),
        ("cycles", "1.5", "`cycles` of oven/core: 1.5 is no integer"),
        ("cycles", "-1", "`cycles` of oven/core: -1 is outside of the declared range 0:"),
        ("power", "True", "`power` of oven/core: \"True\" is neither `true` nor `false`"),
    ] {
        oven.check(&format!("homie/5/oven/core/{property}"), payload, why);
    }
    // Rounded to the step it is in the range.
    oven.check("homie/5/oven/core/heat", "900.2", "oven/core heat 900.2 °F");
}

#[test]
fn states_are_presences() {
    let mut bench = Bench::new();
    for (word, presence) in [
        ("init", "Online"),
        ("ready", "Online"),
        ("sleeping", "Online"),
        ("disconnected", "Offline"),
        ("lost", "Offline"),
        ("", "Removed"),
    ] {
        bench.check("homie/5/oven/$state", word, &format!("oven {presence}"));
        bench.check("homie/lamp/$state", word, &format!("lamp {presence}"));
    }
    bench.check("homie/lamp/$state", "alert", "lamp Online");
    bench.check("homie/lamp/$online", "false", "lamp Offline");
    assert!(bench.decode("homie/5/oven/$state", "on fire").is_err());
}

#[test]
fn a_lost_root_takes_its_children_along() {
    let child = r#"{"homie":"5.0","version":1,"root":"hub","parent":"hub"}"#;
    let mut bench = Bench::new()
        .hear("homie/5/leaf-1/$description", child)
        .hear("homie/5/leaf-2/$description", child)
        .hear("homie/5/leaf-1/$state", "ready");
    bench
        .check("homie/5/hub/$state", "ready", "hub Online")
        .check("homie/5/hub/$state", "lost", "hub Offline; leaf-1 Offline; leaf-2 Offline")
        .check("homie/5/leaf-2/$state", "sleeping", "leaf-2 Offline")
        .check("homie/5/hub/$state", "init", "hub Online; leaf-1 Online; leaf-2 Online")
        .check("homie/5/hub/$state", "disconnected", "hub Offline")
        .check("homie/5/leaf-2/$state", "", "leaf-2 Removed");
}

#[test]
fn version_4_describes_in_attributes() {
    let mut bench = Bench::new();
    bench.check("homie/shed/air/damp", "40.5", "shed/air damp 40.5");
    bench.check("homie/shed/air/mode", "auto", "its type is no number");
    for (attribute, payload) in [("unit", "%"), ("datatype", "float"), ("format", "0:100")] {
        let why = "an attribute: it tells the unit or type of a property";
        bench.check(&format!("homie/shed/air/damp/${attribute}"), payload, why);
    }
    bench
        .check("homie/shed/air/damp", "40.5", "shed/air damp 40.5 %")
        .check("homie/shed/air/damp", "nan", "its type is no number")
        .check(
            "homie/shed/air/damp",
            "101",
            "`damp` of shed/air: 101 is outside of the declared range 0:100",
        );
    for attribute in ["unit", "datatype", "format"] {
        bench.decode(&format!("homie/shed/air/damp/${attribute}"), "").unwrap();
    }
    bench.check("homie/shed/air/damp", "101", "shed/air damp 101");
    assert_eq!(bench.1.last(), Some(&("4/shed/air/damp".into(), None)));
}

#[test]
fn what_was_stored_comes_back_and_is_stored_once() {
    let mut oven =
        oven().hear("homie/5/oven/$state", "ready").hear("homie/shed/air/damp/$unit", "%");
    assert_eq!(oven.1.len(), 3);
    for (topic, payload) in [
        ("homie/5/oven/$description", OVEN),
        ("homie/5/oven/$state", "ready"),
        ("homie/shed/air/damp/$unit", "%"),
    ] {
        oven.decode(topic, payload).unwrap();
    }
    assert_eq!(oven.1.len(), 3);
    let mut again = Bench(format(None), Vec::new());
    for (key, value) in &oven.1 {
        again.0.remember(key, value.as_deref());
    }
    again.check("homie/5/oven/core/heat", "400", "oven/core heat 400 °F");
    again.check("homie/shed/air/damp", "40", "shed/air damp 40 %");
    again.decode("homie/5/oven/$state", "").unwrap();
    again.check("homie/5/oven/core/heat", "400", "its device has not described itself yet");
    again.0.remember("5/oven/description", Some(b"of another version"));
    again.0.remember("no key", Some(b"1"));
}

#[test]
fn topics_are_claimed() {
    let homie = format(None);
    for topic in [
        "homie/5/oven/core/heat/$target",
        "homie/5/oven/core/heat/set",
        "homie/5/oven/$log/warn",
        "homie/5/oven/$alert/door",
        "homie/5/$broadcast/alert",
        "homie/shed/$stats/uptime",
        "homie/shed/air/$properties",
        "homie/shed/air/damp/set",
        "homie/shed/air/damp/$name",
        "homie/$broadcast/x",
    ] {
        assert_eq!(homie.claim(topic), Claim::Ignores, "{topic}");
    }
    for topic in ["homie/5/oven/$state", "homie/shed/air/damp", "homie/shed/air/damp/$unit"] {
        assert_eq!(homie.claim(topic), Claim::Decodes, "{topic}");
    }
    for topic in ["home/5/oven/$state", "homie", "homie/5", "homie//a/b"] {
        assert_eq!(homie.claim(topic), Claim::Foreign, "{topic}");
    }
    let own = format(Some("hall/homie"));
    assert_eq!(own.claim("hall/homie/5/oven/$state"), Claim::Decodes);
    assert_eq!(own.filters()[0].text, "hall/homie/5/+/+/+");
    assert_eq!(own.key(), "homie hall/homie");
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut bench = Bench::new();
    for n in 0..5000 {
        let _ = bench.decode(&format!("homie/5/d{n}/$state"), "ready");
    }
    assert_eq!(bench.1.len(), 4096);
    assert!(bench.decode("homie/5/one-more/$description", "{}").is_err());
    bench.check("homie/5/one-more/$state", "ready", "one-more Online");
}

#[test]
fn names_longer_than_an_id_are_passed_over() {
    let (long, property) = ("n".repeat(257), r#"{"p":{"datatype":"float"},"q":{}}"#);
    let nodes =
        format!(r#"{{"{long}":{{"properties":{property}}},"n":{{"properties":{property}}}}}"#);
    let mut bench = Bench::new().hear("homie/5/d/$description", &format!(r#"{{"nodes":{nodes}}}"#));
    assert!(bench.1[0].1.as_ref().unwrap().len() < 100);
    bench.check("homie/5/d/n/p", "1", "d/n p 1");
    bench.check(&format!("homie/5/d/{long}/p"), "1", "not in the description of its device");
}

proptest! {
    #[test]
    fn no_bytes_panic(topic in "(homie/(5/)?)?[a-z/$é]{0,20}", payload in proptest::collection::vec(any::<u8>(), 0..60)) {
        let homie = oven().0;
        homie.claim(&topic);
        let received_at = DateTime::UNIX_EPOCH;
        for topic in [&topic, "homie/5/oven/core/heat", "homie/5/a/$description", "homie/a/b/c/$unit", "homie/a/b/c"] {
            let message = Message { topic, payload: &payload, received_at, is_replayed: false };
            let _ = homie.decode(&message, &mut Vec::new());
        }
    }

    #[test]
    fn no_range_panics(format in "[0-9:.eE-]{0,16}", value in "[0-9.e-]{1,8}") {
        let mut property = Property::default();
        property.set("datatype", "float");
        property.set("format", &format);
        let _ = property.read(&value, true);
    }
}
