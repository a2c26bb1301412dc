//! Configs, states and availability, message after message, as a decoder gets them; and again after a restart.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::config::Preset;

mod bounds;

/// A decoder with what it has stored.
struct World {
    format: HomeAssistant,
    stored: BTreeMap<Box<str>, Vec<u8>>,
}

impl World {
    fn new() -> Self {
        let table = PresetTable {
            preset: Preset::Homeassistant,
            base: None,
            topic: None,
            device: None,
            precision: None,
        };
        Self { format: HomeAssistant::new(&table, Tz::UTC).unwrap(), stored: BTreeMap::new() }
    }

    fn say_bytes(&mut self, topic: &str, payload: &[u8]) -> Result<Decoded, String> {
        assert_eq!(self.format.claim(topic), Claim::Decodes, "{topic}");
        let message = Message { topic, payload, received_at: received_at(), is_replayed: false };
        let mut changes = Vec::new();
        let decoded = self.format.decode(&message, &mut changes);
        for (key, value) in changes {
            self.format.remember(&key, value.as_deref());
            match value {
                Some(value) => drop(self.stored.insert(key, value)),
                None => drop(self.stored.remove(&key)),
            }
        }
        decoded
    }

    /// What a message brings: readings as `sensor/quantity=value unit`, availability as `sensor:Online`.
    fn say(&mut self, topic: &str, payload: &str) -> String {
        match self.say_bytes(topic, payload.as_bytes()) {
            Ok(decoded) => shown(&decoded),
            Err(why) => format!("refused: {why}"),
        }
    }

    /// Announces an entity, and expects nothing else to come of it.
    #[track_caller]
    fn announce(&mut self, topic: &str, config: &Json) {
        let decoded = self.say_bytes(topic, config.to_string().as_bytes()).unwrap();
        assert!(decoded.is_empty() && decoded.num_faults == 0, "{decoded:?}");
        assert!(
            decoded
                .ignored
                .is_some_and(|why| why.contains("read from") || why.contains("are read"))
        );
    }

    /// The same after a restart: it knows what was stored.
    fn restarted(&self) -> Self {
        let mut format = Self::new().format;
        self.stored.iter().for_each(|(key, value)| format.remember(key, Some(value)));
        Self { format, stored: self.stored.clone() }
    }

    fn filters(&self) -> Vec<String> {
        self.format.filters().into_iter().skip(2).map(|filter| filter.text).collect()
    }
}

fn received_at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_760_000_000, 0).unwrap()
}

fn shown(decoded: &Decoded) -> String {
    let readings = decoded.measurements.iter().map(|it| {
        let reading = &it.reading;
        let place = if reading.location.as_str().is_empty() { "" } else { "@" };
        format!(
            "{}/{}={}{}{place}{}",
            reading.sensor_id,
            reading.quantity,
            reading.value,
            reading.unit.as_str(),
            reading.location
        )
    });
    let words = decoded.availability.iter().map(|it| format!("{}:{:?}", it.device, it.presence));
    let faults = decoded.faults.iter().map(|why| format!("fault: {why}"));
    let all: Vec<_> = words.chain(readings).chain(faults).collect();
    if all.is_empty() {
        format!("ignored: {}", decoded.ignored.as_deref().unwrap_or_default())
    } else {
        all.join(" ")
    }
}

/// A thermometer on a topic of its own.
fn thermometer(id: &str) -> Json {
    json!({
        "uniq_id": id, "stat_t": format!("{id}/state"), "dev_cla": "temperature", "unit_of_meas": "°C",
        "val_tpl": "{{ value_json.t }}",
    })
}

const VALUELESS: &str = "ignored: no entity has a value in it";

#[test]
fn an_entity_is_read_once_it_is_announced_and_until_it_is_deleted() {
    let mut world = World::new();
    assert_eq!(world.format.claim("oven/state"), Claim::Foreign);
    world.announce("homeassistant/sensor/oven/config", &thermometer("oven"));
    assert_eq!(world.filters(), ["oven/state"]);
    assert_eq!(world.say("oven/state", r#"{"t":184.0,"other":1}"#), "oven/temperature=184.0°C");
    for (payload, expected) in [
        ("{}", VALUELESS),
        (r#"{"t":null}"#, VALUELESS),
        (r#"{"t":"unknown"}"#, VALUELESS),
        (r#"{"t":nan}"#, VALUELESS),
        ("", "ignored: an empty payload"),
        (r#"{"t":"hot"}"#, r#"fault: `temperature` of oven: "hot" is not a number"#),
        (r#"{"t":true}"#, "fault: `temperature` of oven: a truth value is not a number"),
        (r#"{"t":-300}"#, "fault: `temperature` of oven: -300 is below absolute zero"),
        (r#"{"t":18"#, "fault: the payload is not JSON, which its templates read"),
        ("unavailable", VALUELESS),
    ] {
        assert_eq!(world.say("oven/state", payload), expected, "{payload}");
    }
    assert!(world.say_bytes("oven/state", b"\xff").unwrap_err().contains("UTF-8"));
    assert_eq!(world.say("homeassistant/sensor/oven/config", ""), "oven:Removed");
    assert_eq!(world.format.claim("oven/state"), Claim::Foreign);
    assert!(world.stored.is_empty() && world.filters().is_empty());
    assert!(
        world
            .say("homeassistant/sensor/oven/config", "")
            .starts_with("ignored: a discovery config")
    );
}

#[test]
fn several_entities_read_one_topic_each_its_own_value() {
    let mut world = World::new();
    for (key, unit) in [("power", "W"), ("energy", "kWh"), ("mode", "")] {
        let config = json!({
            "uniq_id": format!("m-{key}"), "name": key, "stat_t": "meter/tele", "unit_of_meas": unit,
            "val_tpl": format!("{{{{ value_json.{key} }}}}"), "dev": { "ids": ["m"], "sa": "Cellar" },
        });
        world.announce(&format!("homeassistant/sensor/m/{key}/config"), &config);
    }
    let expected = "m-energy/energy=4.5kWh@Cellar m-power/power=0W@Cellar";
    assert_eq!(world.say("meter/tele", r#"{"power":0,"energy":4.50,"mode":"auto"}"#), expected);
    assert_eq!(
        world.restarted().say("meter/tele", r#"{"power":0,"energy":4.50,"mode":"auto"}"#),
        expected
    );
    // The same entity, announced on another topic as well, which comes first.
    let twin = json!({
        "uniq_id": "m-power", "name": "power", "stat_t": "meter/tele", "unit_of_meas": "kW",
        "val_tpl": "{{ value_json.power }}",
    });
    world.announce("homeassistant/sensor/m-power/config", &twin);
    assert_eq!(world.say("meter/tele", r#"{"power":7}"#), "m-power/power=7kW");
    let deleted = world.say("homeassistant/sensor/m-power/config", "");
    assert!(deleted.starts_with("ignored"), "its twin is still there: {deleted}");
    let faulty = "m-energy/energy=4.5kWh@Cellar fault: `power` of m-power: \"x\" is not a number";
    assert_eq!(world.say("meter/tele", r#"{"power":"x","energy":4.50}"#), faulty);
}

#[test]
fn a_config_that_comes_again_changes_nothing_and_another_replaces_it() {
    let mut world = World::new();
    let topic = "homeassistant/sensor/a/config";
    world.announce(topic, &thermometer("a"));
    let message = thermometer("a").to_string();
    let mut changes = Vec::new();
    let again = Message {
        topic,
        payload: message.as_bytes(),
        received_at: received_at(),
        is_replayed: true,
    };
    assert!(
        world.format.decode(&again, &mut changes).unwrap().ignored.is_some() && changes.is_empty()
    );

    let mut moved = thermometer("a");
    moved["stat_t"] = "elsewhere".into();
    world.announce(topic, &moved);
    assert_eq!(world.filters(), ["elsewhere"]);
    assert_eq!(world.say(topic, &thermometer("b").to_string()), "a:Removed");
    // What can't be used changes nothing.
    for broken in ["{", r#"{"name":"x"}"#] {
        assert!(world.say(topic, broken).starts_with("refused"), "{broken}");
    }
    assert_eq!(world.filters(), ["b/state"]);
    // Its entities move to another config: they are not removed.
    assert!(world.say(topic, r#"{"migrate_discovery":true}"#).starts_with("ignored"));
    assert!(world.filters().is_empty());
}

#[test]
fn a_device_announces_all_its_entities() {
    let mut world = World::new();
    let topic = "homeassistant/device/kiln-7/config";
    let config = |components: Json| json!({ "dev": { "ids": "kiln-7", "sa": "Yard" }, "o": { "name": "maker" }, "stat_t": "kiln/7", "cmps": components });
    let heat = json!({ "p": "sensor", "uniq_id": "k7h", "dev_cla": "temperature", "unit_of_meas": "°F", "val_tpl": "{{ value_json.h }}" });
    let lid = json!({ "p": "binary_sensor", "dev_cla": "opening", "val_tpl": "{{ value_json.lid }}", "pl_on": "open", "pl_off": "shut" });
    world.announce(topic, &config(json!({ "heat": heat.clone(), "lid": lid })));
    let payload = r#"{"h":1850,"lid":"open"}"#;
    let expected = "k7h/temperature=1850°F@Yard kiln-7/lid/opening=1@Yard";
    assert_eq!(world.say("kiln/7", payload), expected);
    assert_eq!(world.say("kiln/7", r#"{"lid":"ajar"}"#), VALUELESS);
    // The platform alone removes a component.
    let removed = world
        .say(topic, &config(json!({ "heat": heat, "lid": { "p": "binary_sensor" } })).to_string());
    assert_eq!(removed, "kiln-7/lid:Removed");
    assert_eq!(world.say("kiln/7", payload), "k7h/temperature=1850°F@Yard");
    // A component that can't be used costs no other.
    let broken = config(
        json!({ "heat": { "p": "sensor", "uniq_id": "k7h" }, "x": { "p": "sensor", "stat_t": "#" } }),
    );
    assert!(world.say(topic, &broken.to_string()).contains("component `x`"));
    assert_eq!(world.filters(), ["kiln/7"]);
}

#[test]
fn availability_is_judged_before_the_value() {
    let mut world = World::new();
    let config = json!({
        "uniq_id": "flow", "stat_t": "boiler/data", "unit_of_meas": "°C",
        "val_tpl": "{{ value_json.flow if value_json.flow is defined else 0 }}", "name": "flow",
        "avty": [
            { "t": "boiler/lwt" },
            { "t": "boiler/data", "val_tpl": "{{ 'online' if value_json.flow is defined else 'offline' }}" },
        ],
        "avty_mode": "all",
    });
    world.announce("homeassistant/sensor/flow/config", &config);
    assert_eq!(world.say("boiler/data", r#"{"flow":41}"#), "flow:Online flow/flow=41°C");
    assert_eq!(world.say("boiler/data", r#"{"pump":1}"#), "flow:Offline");
    assert_eq!(world.say("boiler/lwt", "online"), "flow:Offline");
    let mut world = world.restarted();
    assert_eq!(world.say("boiler/lwt", "offline"), "flow:Offline");
    // The bridge is said to be gone, and yet this message has a value.
    assert_eq!(world.say("boiler/data", r#"{"flow":42}"#), "flow:Offline flow/flow=42°C");
    assert_eq!(world.say("boiler/lwt", "online"), "flow:Online");
    assert_eq!(world.say("boiler/lwt", "neither"), VALUELESS);
    assert_eq!(world.say("homeassistant/sensor/flow/config", ""), "flow:Removed");
    assert!(world.stored.is_empty(), "{:?}", world.stored.keys());
}

#[test]
fn modes_join_the_words_of_several_topics() {
    for (mode, words) in [
        ("all", ["Online", "Offline", "Offline", "Online"]),
        ("any", ["Online", "Online", "Offline", "Online"]),
        ("latest", ["Online", "Offline", "Offline", "Online"]),
    ] {
        let mut world = World::new();
        let mut config = thermometer("s");
        config["avty"] = json!([{ "t": "x", "pl_avail": "1", "pl_not_avail": "0" }, { "t": "y" }]);
        config["avty_mode"] = mode.into();
        world.announce("homeassistant/sensor/s/config", &config);
        for (step, (topic, payload)) in
            [("x", "1"), ("y", "offline"), ("x", "0"), ("y", "online")].into_iter().enumerate()
        {
            let expected = match (mode, step) {
                ("all", 3) => "s:Offline".to_owned(),
                _ => format!("s:{}", words[step]),
            };
            assert_eq!(world.say(topic, payload), expected, "{mode} {step}");
            world = world.restarted();
        }
    }
}

#[test]
fn one_topic_may_say_of_many_that_they_are_gone() {
    let mut world = World::new();
    for id in ["a", "b", "c"] {
        let mut config = thermometer(id);
        config["avty_t"] = "bridge/state".into();
        config["avty_tpl"] = "{{ value_json.state }}".into();
        world.announce(&format!("homeassistant/sensor/{id}/config"), &config);
    }
    assert_eq!(
        world.say("bridge/state", r#"{"state":"offline"}"#),
        "a:Offline b:Offline c:Offline"
    );
    assert_eq!(world.say("bridge/state", r#"{"state":"starting"}"#), VALUELESS);
    // A word that is one of no others needs no memory.
    assert!(world.stored.keys().all(|key| key.starts_with(CONFIG_KEY)));
}
