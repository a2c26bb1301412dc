//! Discovery configs: the kind of an entity, the sources of its values, and their decoding.

mod sources;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::abbreviations::{self, Keys};
use super::availability::{Mode, SourceSpec};
use super::filter;
use super::place::Place;
use crate::ingest::formats::kit::{json, names};

/// Bytes of a config of one entity.
const MOST_ENTITY_BYTES: usize = 64 << 10;
/// Limit of a device's config with all of its entities, in bytes.
const MOST_DEVICE_BYTES: usize = 4 << 20;
/// Entities of one device.
const MOST_COMPONENTS: usize = 4_096;

/// Options of a device's config that apply to entities without their own.
const SHARED: [&str; 6] = [
    "availability_mode",
    "availability_template",
    "encoding",
    "payload_available",
    "payload_not_available",
    "state_topic",
];

/// Further options of a device's config that hold for each entity.
const SHARED_AND_REPLACED: [&str; 4] = ["availability", "availability_topic", "device", "~"];

/// Limit of a device's shared options over all of its entities, in bytes: each has a copy.
const MOST_SHARED_BYTES: usize = 16 << 20;

/// Classes whose state is a word or a date.
const NOT_MEASURED: [&str; 3] = ["date", "enum", "timestamp"];

/// Stored description of an entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// Id of the sensor.
    #[serde(rename = "i")]
    pub sensor: Box<str>,
    /// Quantity.
    #[serde(rename = "q")]
    pub quantity: Box<str>,
    /// Unit as published; empty for none.
    #[serde(rename = "u", default, skip_serializing_if = "str::is_empty")]
    pub unit: Box<str>,
    /// Area that the config suggests; empty for none.
    #[serde(rename = "l", default, skip_serializing_if = "str::is_empty")]
    pub area: Box<str>,
    /// First identifier of the device.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Box<str>>,
    /// Topic or filter of the state.
    #[serde(rename = "t")]
    pub topic: Box<str>,
    /// Template of the state; `None` for the payload itself.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Box<str>>,
    /// Kind of its states.
    #[serde(rename = "k")]
    pub kind: Kind,
    /// Sources of availability.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub availability: Vec<SourceSpec>,
    /// How they become one.
    #[serde(rename = "m", default)]
    pub mode: Mode,
    /// Seconds after which a state no longer holds.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub expire_after: Option<u64>,
    /// Encoding of payloads.
    #[serde(rename = "e", default)]
    pub encoding: Encoding,
}

/// Kind of an entity's states.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A number: the config has a unit, or a class of measurements.
    Number,
    /// A number, a truth value or a text.
    Any,
    /// One of two payloads.
    Flag {
        /// Payload for true.
        on: Box<str>,
        /// Payload for false.
        off: Box<str>,
    },
}

/// Encoding of payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// ISO 8859-1: each byte is a character.
    Latin1,
}

/// Content of a config.
#[derive(Debug, Default, PartialEq)]
pub struct Announced {
    /// Entities whose states are readings.
    pub specs: Vec<Spec>,
    /// Why others are none.
    pub remarks: Vec<String>,
    /// Entities that can't be used, each with the reason.
    pub faults: Vec<String>,
    /// Whether the entities are about to move to another config.
    pub is_moving: bool,
}

/// Reads a config. An empty payload, which deletes it, has no entities.
///
/// # Errors
/// If it is too large, not UTF-8, not a JSON object, or lacks a required entity.
pub fn read(place: Place<'_>, payload: &[u8]) -> Result<Announced, String> {
    let is_device = place.component == "device";
    let most = if is_device { MOST_DEVICE_BYTES } else { MOST_ENTITY_BYTES };
    if payload.len() > most {
        return Err(format!("the config has more than {} KiB", most >> 10));
    }
    let parsed = json::parse_object(payload).map_err(|why| format!("a discovery config: {why}"))?;
    let Some(mut config) = parsed else { return Ok(Announced::default()) };
    abbreviations::expand(&mut config);
    if let Some(Json::Object(origin)) = config.get_mut("origin") {
        abbreviations::expand_origin(origin);
        let name = origin.get("name").and_then(Json::as_str).unwrap_or_default();
        if name.eq_ignore_ascii_case("vigie") {
            return Ok(Announced::remark("it is Vigie's own"));
        }
    }
    if config.get("migrate_discovery") == Some(&Json::Bool(true)) {
        let remark = Announced::remark("its entities move to another config");
        return Ok(Announced { is_moving: true, ..remark });
    }
    if is_device {
        return read_device(place, config);
    }
    let mut announced = Announced::default();
    announced.add(read_entity(place.component, &place.own_id(), &mut config)?);
    Ok(announced)
}

fn read_device(place: Place<'_>, mut config: Keys) -> Result<Announced, String> {
    let Some(Json::Object(components)) = config.remove("components") else {
        return Err("a discovery config of a device: there are no `components` in it".into());
    };
    if components.len() > MOST_COMPONENTS {
        return Err(format!(
            "a discovery config of a device: it has more than {MOST_COMPONENTS} components"
        ));
    }
    let shared = SHARED.iter().chain(&SHARED_AND_REPLACED).filter_map(|key| config.get(*key));
    let num_shared: usize = shared.map(|value| value.to_string().len()).sum();
    if num_shared.saturating_mul(components.len()) > MOST_SHARED_BYTES {
        return Err(format!(
            "a discovery config of a device: what its components share has more than {} MiB in all",
            MOST_SHARED_BYTES >> 20
        ));
    }
    let mut announced = Announced::default();
    for (key, component) in components {
        let Json::Object(mut entity) = component else { continue };
        abbreviations::expand(&mut entity);
        let platform = entity.remove("platform");
        let platform = platform.as_ref().and_then(Json::as_str).unwrap_or_default();
        // A component with its platform alone is removed.
        if entity.is_empty() || !matches!(platform, "sensor" | "binary_sensor") {
            continue;
        }
        share(&config, &mut entity);
        let own_id = format!("{}/{key}", place.own_id());
        match read_entity(platform, &own_id, &mut entity) {
            Ok(read) => announced.add(read),
            Err(why) => announced.faults.push(format!("component `{key}`: {why}")),
        }
    }
    Ok(announced)
}

/// Adds the options of its device to an entity.
fn share(device: &Keys, entity: &mut Keys) {
    let has_sources =
        entity.contains_key("availability") || entity.contains_key("availability_topic");
    let sources: &[&str] = if has_sources { &[] } else { &["availability", "availability_topic"] };
    for key in SHARED.iter().chain(sources).chain(&["device", "~"]) {
        if let (Some(value), false) = (device.get(*key), entity.contains_key(*key)) {
            entity.insert((*key).to_owned(), value.clone());
        }
    }
}

/// A usable entity, or the reason why its states are no readings.
type Read = Result<Spec, String>;

impl Announced {
    fn remark(why: &str) -> Self {
        Self { remarks: vec![why.to_owned()], ..Self::default() }
    }

    fn add(&mut self, read: Read) {
        match read {
            Ok(spec) => self.specs.push(spec),
            Err(remark) => self.remarks.push(remark),
        }
    }
}

/// Reads the config of one entity.
///
/// # Errors
/// If it is invalid: no state topic, an option of another type.
fn read_entity(component: &str, own_id: &str, config: &mut Keys) -> Result<Read, String> {
    expand_base(config);
    let sensor = text(config, "unique_id")?.unwrap_or_else(|| own_id.to_owned());
    let class = text(config, "device_class")?.map(|class| class.to_ascii_lowercase());
    let class = class.filter(|class| class != "none");
    if let Some(class) = class.as_deref().filter(|class| NOT_MEASURED.contains(class)) {
        return Ok(Err(format!("`{sensor}` has the class `{class}`: no measurement")));
    }
    let Some(encoding) = encoding(config)? else {
        return Ok(Err(format!("`{sensor}` has an encoding that is not known")));
    };
    let topic = text(config, "state_topic")?.ok_or("there is no `state_topic` in it")?;
    filter::check(&topic).map_err(|why| format!("`state_topic`: {why}"))?;
    let device = config.get("device").map(Device::read).unwrap_or_default();
    let spec = Spec {
        quantity: quantity(config, class.as_deref(), own_id)?.into(),
        kind: kind(component, class.as_deref(), config)?,
        unit: text(config, "unit_of_measurement")?.unwrap_or_default().into(),
        availability: sources::sources(config)?,
        mode: sources::mode(config)?,
        expire_after: seconds(config.get("expire_after")),
        template: text(config, "value_template")?.map(Into::into),
        sensor: sensor.into(),
        topic: topic.into(),
        area: device.area,
        device: device.id,
        encoding,
    };
    crate::domain::SensorId::new(&spec.sensor).map_err(|error| error.to_string())?;
    Ok(Ok(spec))
}

/// Replaces a `~` at the start or end of topics.
fn expand_base(config: &mut Keys) {
    let Some(Json::String(base)) = config.remove("~") else { return };
    for (key, value) in config.iter_mut() {
        if key.ends_with("topic") {
            replace_base(value, &base);
        }
        let items = match (key.as_str(), value) {
            ("availability", Json::Array(items)) => items.as_mut_slice(),
            ("availability", item) => std::slice::from_mut(item),
            _ => continue,
        };
        for item in items.iter_mut().filter_map(Json::as_object_mut) {
            abbreviations::expand(item);
            if let Some(topic) = item.get_mut("topic") {
                replace_base(topic, &base);
            }
        }
    }
}

fn replace_base(topic: &mut Json, base: &str) {
    let Json::String(text) = topic else { return };
    if let Some(rest) = text.strip_prefix('~') {
        *text = format!("{base}{rest}");
    }
    if let Some(rest) = text.strip_suffix('~') {
        *text = format!("{rest}{base}");
    }
}

/// An option as text, in Python's form; `None` if absent, `null` or empty.
fn text(config: &Keys, key: &str) -> Result<Option<String>, String> {
    match config.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(Json::Number(number)) => Ok(Some(number.to_string())),
        Some(Json::Bool(true)) => Ok(Some("True".into())),
        Some(Json::Bool(false)) => Ok(Some("False".into())),
        Some(other) => Err(format!("`{key}` is {}, not a text", json::kind(other))),
    }
}

/// Quantity by the class; else the first name of the entity that has letters.
fn quantity(config: &Keys, class: Option<&str>, own_id: &str) -> Result<String, String> {
    let last_level = own_id.rsplit('/').next().map(str::to_owned);
    let entity_id = text(config, "default_entity_id")?.or(text(config, "object_id")?);
    let entity_id = entity_id.map(|id| id.rsplit('.').next().unwrap_or_default().to_owned());
    let candidates = [class.map(str::to_owned), text(config, "name")?, entity_id, last_level];
    let mut quantities = candidates.iter().flatten().map(|name| names::canonical(name));
    let fitting = quantities.find_map(|name| names::quantity(&name).ok());
    Ok(fitting.map_or_else(|| "value".to_owned(), |quantity| quantity.as_str().to_owned()))
}

fn kind(component: &str, class: Option<&str>, config: &Keys) -> Result<Kind, String> {
    if component == "binary_sensor" {
        let payload = |key, default: &str| {
            Ok::<_, String>(text(config, key)?.unwrap_or_else(|| default.into()))
        };
        let (on, off) = (payload("payload_on", "ON")?, payload("payload_off", "OFF")?);
        return Ok(Kind::Flag { on: on.into(), off: off.into() });
    }
    let has = |key: &str| config.get(key).is_some_and(|value| !value.is_null() && value != "");
    let is_number = class.is_some()
        || ["unit_of_measurement", "state_class", "suggested_display_precision"]
            .into_iter()
            .any(has);
    Ok(if is_number { Kind::Number } else { Kind::Any })
}

/// `None` if unknown.
fn encoding(config: &Keys) -> Result<Option<Encoding>, String> {
    // An empty text requests bytes, which no template supports.
    if config.get("encoding") == Some(&Json::String(String::new())) {
        return Ok(None);
    }
    let name = text(config, "encoding")?.unwrap_or_default().to_ascii_lowercase();
    Ok(match name.replace(['_', ' '], "-").as_str() {
        "" | "utf-8" | "utf8" | "ascii" | "us-ascii" => Some(Encoding::Utf8),
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" => Some(Encoding::Latin1),
        _ => None,
    })
}

/// Seconds as a number or its text.
fn seconds(value: Option<&Json>) -> Option<u64> {
    match value? {
        Json::Number(number) => number.as_u64(),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|seconds| *seconds > 0)
}

/// Used part of a `device` block.
#[derive(Default)]
struct Device {
    id: Option<Box<str>>,
    area: Box<str>,
}

impl Device {
    fn read(block: &Json) -> Self {
        let Json::Object(mut keys) = block.clone() else { return Self::default() };
        abbreviations::expand_device(&mut keys);
        let first = |key: &str| match keys.get(key) {
            Some(Json::Array(list)) => list.first().cloned(),
            other => other.cloned(),
        };
        let id = match (first("identifiers"), first("connections")) {
            (Some(Json::String(id)), _) => Some(id),
            (Some(id @ Json::Number(_)), _) => Some(id.to_string()),
            (_, Some(Json::Array(pair))) => pair.get(1).and_then(Json::as_str).map(str::to_owned),
            _ => None,
        };
        let is_short = |text: &String| text.len() <= 256 && !text.contains(char::is_control);
        let area = text(&keys, "suggested_area").ok().flatten().filter(is_short);
        let id = id.filter(is_short).map(Into::into);
        Self { id, area: area.unwrap_or_default().into() }
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
