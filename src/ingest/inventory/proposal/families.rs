//! Proposals of presets: recognises families of devices by their topics and payloads. Pure.

use super::Proposal;
use crate::config::Preset;
use crate::ingest::formats::kit::topics::below;
use crate::ingest::inventory::shapes::TopicShape;
use crate::ingest::inventory::structure::{Kind, Structure};

/// Levels after `bridge` in topics of `Zigbee2MQTT`.
const BRIDGE: [&str; 8] =
    ["state", "info", "devices", "groups", "logging", "definitions", "extensions", "health"];

/// Last levels of Tasmota's topics.
const TASMOTA: [&str; 6] = ["SENSOR", "STATE", "LWT", "RESULT", "INFO1", "STATUS8"];

/// Base topic of a `Zigbee2MQTT` bridge; `None` for other topics.
pub fn zigbee2mqtt_base(topic: &str) -> Option<String> {
    let (base, rest) = topic.split_once("/bridge/")?;
    BRIDGE.contains(&rest).then(|| base.to_owned())
}

/// Preset of a shape's family. `bridges` are base topics of `Zigbee2MQTT`.
pub fn proposal<T>(shape: &TopicShape<T>, bridges: &[String]) -> Option<Proposal> {
    let topic = shape.topic.as_str();
    let bridge = bridges.iter().map(String::as_str).chain(["zigbee2mqtt"]);
    if let Some(base) = bridge.into_iter().find(|base| below(base, topic).is_some()) {
        return Some(Proposal::based(Preset::Zigbee2mqtt, base, "zigbee2mqtt"));
    }
    let levels: Vec<&str> = topic.split('/').collect();
    by_first(&levels, &shape.structure)
        .or_else(|| by_place(&levels))
        .or_else(|| by_payload(shape, &levels))
}

/// Families that are recognised by their first levels.
fn by_first(levels: &[&str], structure: &Structure) -> Option<Proposal> {
    let last = *levels.last()?;
    let preset = |preset| Some(Proposal::preset(preset, &[]));
    match (levels[0], levels.get(1).copied().unwrap_or_default()) {
        ("spBv1.0", _) => Some(Proposal::note("Sparkplug B, which is not read yet")),
        ("homeassistant", _) if last == "config" => preset(Preset::Homeassistant),
        ("tele" | "stat", _) if is_tasmota(last) => preset(Preset::Tasmota),
        ("tasmota", "discovery") => preset(Preset::Tasmota),
        ("shellies", _) => preset(Preset::Shelly),
        (first, _) if first.starts_with("shelly") => preset(Preset::Shelly),
        ("rtl_433", _) => preset(Preset::Rtl433),
        ("ruuvi", _) if levels.len() == 3 => preset(Preset::Ruuvi),
        ("homie", _) => preset(Preset::Homie),
        ("N", portal) if levels.len() >= 4 => {
            Some(Proposal::preset(Preset::Victron, &[("base", &format!("N/{portal}"))]))
        }
        ("v3", _) if levels.get(2) == Some(&"devices") => preset(Preset::Tts),
        ("v1", "gateway") => preset(Preset::Thingsboard),
        ("v1", "devices") if levels.get(2) == Some(&"me") => Some(device_of_thingsboard()),
        ("v2", "t") => Some(device_of_thingsboard()),
        ("senml", _) => preset(Preset::Senml),
        ("influx" | "telegraf", _) if structure.kind == Kind::Lines => preset(Preset::Influx),
        _ => None,
    }
}

fn device_of_thingsboard() -> Proposal {
    let mut proposal = Proposal::preset(Preset::Thingsboard, &[("device", "boiler-1")]);
    proposal.note = Some("the topic does not name the device: give its name".into());
    proposal
}

/// Families that are recognised by a later level.
fn by_place(levels: &[&str]) -> Option<Proposal> {
    let at = |word: &str| levels.iter().position(|level| *level == word);
    let upto = |end: usize| levels[..end].join("/");
    let last = *levels.last()?;
    if let Some(place) = at("BTtoMQTT").or_else(|| at("SYStoMQTT")).filter(|place| *place >= 2) {
        return Some(Proposal::based(Preset::Theengs, &upto(place - 1), "home"));
    }
    if let Some(place) = at("event").filter(|place| *place >= 4 && levels[place - 2] == "device") {
        return Some(Proposal::based(Preset::Chirpstack, &upto(place - 3), "application"));
    }
    if levels.ends_with(&["events", "rpc"]) {
        return Some(Proposal::based(Preset::Shelly, &upto(levels.len().saturating_sub(3)), ""));
    }
    if let Some(place) = at("$state").or_else(|| at("$description")).filter(|place| *place >= 2) {
        let has_version = levels[place - 2] == "5";
        return Some(Proposal::based(
            Preset::Homie,
            &upto(place - if has_version { 2 } else { 1 }),
            "homie",
        ));
    }
    if let Some(place) = at("tele").filter(|_| is_tasmota(last)) {
        return full_topic(levels, place);
    }
    let num = levels.len();
    let is_esphome = num >= 4
        && last == "state"
        && ["sensor", "binary_sensor"].contains(&levels[num - 3])
        && num - 3 <= 3;
    is_esphome.then(|| Proposal::preset(Preset::Esphome, &[]))
}

fn is_tasmota(last: &str) -> bool {
    TASMOTA.contains(&last) || last.starts_with("POWER")
}

/// Tasmota with a changed `FullTopic`: the level beside `tele` is the device.
fn full_topic(levels: &[&str], tele: usize) -> Option<Proposal> {
    let device = if tele + 2 < levels.len() { tele + 1 } else { tele.checked_sub(1)? };
    let level = |(at, level): (usize, &&str)| match at {
        at if at == tele => "{prefix}".to_owned(),
        at if at == device => "{device}".to_owned(),
        _ => (*level).to_owned(),
    };
    let levels: Vec<_> = levels[..levels.len() - 1].iter().enumerate().map(level).collect();
    Some(Proposal::preset(Preset::Tasmota, &[("topic", &levels.join("/"))]))
}

/// Families that are recognised by their payload on any topic.
fn by_payload<T>(shape: &TopicShape<T>, levels: &[&str]) -> Option<Proposal> {
    let structure = &shape.structure;
    let keys = structure.keys();
    let has = |key: &str| keys.iter().any(|known| known == key);
    let has_any = |keys: &[&str]| keys.iter().any(|key| has(key));
    let topic = [("topic", &*shape.text())];
    match &structure.kind {
        Kind::Lines => Some(Proposal::preset(Preset::Influx, &topic)),
        Kind::List(key) if key.is_empty() && has_any(&["n", "bn"]) => {
            let is_record = has_any(&["v", "vs", "vb", "u", "bu"]);
            is_record.then(|| Proposal::preset(Preset::Senml, &topic))
        }
        Kind::Object if has("gw_mac") && levels.len() >= 3 => {
            let base = levels[..levels.len() - 2].join("/");
            Some(Proposal::based(Preset::Ruuvi, &base, "ruuvi"))
        }
        Kind::Object if has("model") && has_any(&["id", "channel"]) && levels.len() >= 2 => {
            let is_events = levels.last() == Some(&"events") && levels.len() >= 3;
            let base = &levels[..levels.len() - if is_events { 2 } else { 1 }];
            Some(Proposal::based(Preset::Rtl433, &base.join("/"), "rtl_433"))
        }
        _ => None,
    }
}
