//! Radio sensors received by `rtl_433`: weather stations, tyres, meters, detectors.
//!
//! * Topics: `<base>/<host>/events`, `…/devices[/type][/model][/subtype][/channel][/id]/<key>`,
//!   `…/states`, `…/availability`; base `rtl_433`. All of them are configurable: a JSON object with
//!   a `model` is an event on any topic below the base. A topic that ends with a measured key is a
//!   value, whose id is the levels between base and key.
//! * Value: `events` are JSON objects, `devices` plain values. Keys with a unit suffix and a list
//!   of others (`keys.rs`) are measurements; the rest describes the device, its protocol or the
//!   radio.
//! * Unit: the suffix of the key, as sent by the device or converted by `-C`.
//! * Time: `time` of an event: local time, ISO 8601 or Unix time in seconds. A value that begins
//!   with `@` is relative to the start of a recording. For these, and for `devices`, the receipt is
//!   used.
//! * Id: `[type/]model[/subtype][/channel][/id]`, spelt as in `devices`.
//! * Availability: `<base>/<host>`, the receiver.
//! * Traps: by default both `events` and `devices` are published. `devices` of a host are ignored
//!   as long as its `events` arrive, since only these carry the time. A frame is sent two or three
//!   times. Rain is a running total. Many devices change their id with the battery. `temperature_C`
//!   and `temperature_F` may occur together.
//! * Source: `merbanan/rtl_433` `docs/DATA_FORMAT.md`, `docs/OPERATION.md`, `src/output_mqtt.c`.

mod keys;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use chrono_tz::Tz;
use serde_json::{Map, Value as Json};

use self::keys::{Key, Kind};
use crate::config::{Precision, PresetTable};
use crate::ingest::formats::kit::times::TimeReader;
use crate::ingest::formats::kit::values::{self, Read};
use crate::ingest::formats::kit::{Builder, Stamp, json, topics};
use crate::ingest::formats::{Claim, Decoded, Filter, Format, Message, StateChange, availability};

/// Default first topic level.
const BASE: &str = "rtl_433";

/// Time in seconds after a host's last event during which its `devices` are ignored. An event
/// immediately precedes its values.
const EVENTS_COUNT_FOR_S: i64 = 600;

/// Minimum interval between stored event times of a host, in seconds.
const EVENTS_STEP_S: i64 = 60;

/// Format of one table of receivers.
pub struct Rtl433 {
    base: String,
    zone: Tz,
    precision: Option<Precision>,
    /// Stored time of the last event by host, as Unix time in seconds.
    events: HashMap<Box<str>, i64>,
}

/// Kind of a topic.
#[derive(Debug, PartialEq, Eq)]
enum Topic<'a> {
    /// Events; with the host if the topic has the default form.
    Events(Option<&'a str>),
    /// Plain value of a sensor; with the host if the topic has the default form.
    Value { host: Option<&'a str>, sensor: &'a str, key: &'a str },
    /// Last Will and birth message of a receiver, with the topic without its last level.
    Availability(&'a str),
    /// No readings.
    Other,
}

/// Creates the format of a table.
///
/// # Errors
/// If the base has wildcards.
pub fn new(table: &PresetTable, zone: Tz) -> Result<Rtl433, String> {
    let base = topics::base(table.base.as_deref(), BASE)?;
    Ok(Rtl433 { base, zone, precision: table.precision, events: HashMap::new() })
}

impl Rtl433 {
    /// Kind of a topic; `None` if it is not below the base.
    fn topic<'a>(&self, topic: &'a str) -> Option<Topic<'a>> {
        if topic == self.base {
            return Some(Topic::Events(None));
        }
        let rest = topics::below(&self.base, topic)?;
        let (before, last) = rest.rsplit_once('/').unwrap_or(("", rest));
        Some(match last {
            "events" => Topic::Events(Some(before)),
            "states" => Topic::Other,
            "availability" => {
                topic.strip_suffix("/availability").map_or(Topic::Other, Topic::Availability)
            }
            key => match split_devices(before) {
                Some((host, sensor)) if keys::is_measured(key) => {
                    Topic::Value { host: Some(host), sensor, key }
                }
                Some(_) => Topic::Other,
                None if keys::is_measured(key) && !before.is_empty() => {
                    Topic::Value { host: None, sensor: before, key }
                }
                None => Topic::Events(None),
            },
        })
    }

    fn decode_event(
        &self,
        host: Option<&str>,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        if host.is_none() && !json::text(message.payload)?.starts_with('{') {
            return Ok(Decoded::ignored("neither an event nor a measured value"));
        }
        let Some(fields) = json::parse_object(message.payload)? else {
            return Ok(Decoded::ignored("the payload is empty"));
        };
        let Some(sensor) = sensor_id(&fields) else {
            return Ok(Decoded::ignored("no `model` in it: it is not of a device"));
        };
        let stamp = self.stamp(&fields, message)?;
        changes.extend(host.and_then(|host| self.event_change(host, message)));
        let mut builder = Builder::new(message);
        add(&fields, &sensor, stamp, &mut builder);
        Ok(builder.finish("no key of it is a measured value"))
    }

    /// State change for an event's host; `None` while the stored time is recent.
    fn event_change(&self, host: &str, message: &Message<'_>) -> Option<StateChange> {
        let is_news = !self.is_within(host, message, EVENTS_STEP_S);
        let time = message.received_at.timestamp().to_le_bytes();
        is_news.then(|| (host.into(), Some(time.to_vec())))
    }

    /// Whether a host's stored event time is less than this many seconds from the receipt of a
    /// message.
    fn is_within(&self, host: &str, message: &Message<'_>, seconds: i64) -> bool {
        let now = message.received_at.timestamp();
        self.events.get(host).is_some_and(|last| now.abs_diff(*last) < seconds.unsigned_abs())
    }

    /// Timestamp of an event; falls back to the receipt.
    fn stamp(&self, fields: &Map<String, Json>, message: &Message<'_>) -> Result<Stamp, String> {
        let Some(time) = fields.get("time") else { return Ok(Stamp::Receipt) };
        if time.as_str().is_some_and(|text| text.starts_with('@')) {
            return Ok(Stamp::Receipt);
        }
        let received_at = message.received_at;
        let reader = TimeReader { zone: self.zone, received_at, precision: self.precision };
        Ok(reader.read(time)?.into())
    }

    /// Decodes a plain value on `devices` or on a configured topic.
    fn decode_value(
        &self,
        host: Option<&str>,
        (sensor, key): (&str, &str),
        message: &Message<'_>,
    ) -> Result<Decoded, String> {
        if host.is_some_and(|host| self.is_within(host, message, EVENTS_COUNT_FOR_S)) {
            return Ok(Decoded::ignored("the same value comes with its time on `events`"));
        }
        let text = json::text(message.payload)?;
        let mut builder = Builder::new(message);
        if let Some(key) = keys::read(key) {
            add_read(&key, values::read_text(text), sensor, Stamp::Receipt, &mut builder);
        }
        Ok(builder.finish("no value in it"))
    }
}

/// Splits the levels between base and key into host and sensor; `None` if no level is `devices`.
fn split_devices(levels: &str) -> Option<(&str, &str)> {
    let from_start = levels.strip_prefix("devices/").map(|sensor| ("", sensor));
    from_start.or_else(|| levels.split_once("/devices/"))
}

/// Sensor id `[type/]model[/subtype][/channel][/id]`, with the characters allowed in levels of
/// `devices`; `None` without a model.
fn sensor_id(fields: &Map<String, Json>) -> Option<String> {
    level(fields.get("model")?)?;
    let keys = ["type", "model", "subtype", "channel", "id"];
    let levels = keys.into_iter().filter_map(|key| level(fields.get(key)?));
    Some(levels.collect::<Vec<_>>().join("/"))
}

/// Topic level for a value: all characters except letters, digits, `-` and `.` are replaced by `_`.
fn level(value: &Json) -> Option<String> {
    let text = match value {
        Json::String(text) => Cow::Borrowed(text.as_str()),
        Json::Number(number) => Cow::Owned(number.to_string()),
        _ => return None,
    };
    let legal = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c } else { '_' };
    (!text.is_empty()).then(|| text.chars().map(legal).collect())
}

/// Adds the measured values of an event. If a value has two units, the metric one is used.
fn add(fields: &Map<String, Json>, sensor: &str, stamp: Stamp, builder: &mut Builder) {
    let mut measured: Vec<(Key<'_>, Read)> = Vec::new();
    for (key, value) in fields {
        measured.extend(keys::read(key).map(|key| (key, values::read(value))));
    }
    measured.sort_by_key(|(key, _)| (key.kind == Kind::Link, key.is_imperial));
    let mut seen: HashSet<(Option<&str>, String)> = HashSet::new();
    for (key, read) in measured {
        if key.kind == Kind::Link && builder.is_empty() {
            continue;
        }
        let is_value = matches!(read, Read::Value(_));
        if !is_value || seen.insert((key.probe, key.quantity.clone())) {
            add_read(&key, read, sensor, stamp, builder);
        }
    }
}

fn add_read(key: &Key<'_>, read: Read, sensor: &str, stamp: Stamp, builder: &mut Builder) {
    let sensor = match key.probe {
        Some(probe) => Cow::Owned(format!("{sensor}/{probe}")),
        None => Cow::Borrowed(sensor),
    };
    match read {
        Read::Value(value) => builder.add_value(&sensor, &key.quantity, value, key.unit, stamp),
        Read::Wrong(why) if key.kind == Kind::Number => {
            builder.fault(format!("`{}` of {sensor}: {why}", key.quantity));
        }
        Read::Wrong(_) | Read::Nothing => {}
    }
}

impl Format for Rtl433 {
    fn name(&self) -> &'static str {
        "rtl_433"
    }

    fn key(&self) -> String {
        match &*self.base {
            BASE => "rtl_433".to_owned(),
            base => format!("rtl_433 {base}"),
        }
    }

    fn filters(&self) -> Vec<Filter> {
        vec![Filter::optional(format!("{}/#", self.base))]
    }

    fn claim(&self, topic: &str) -> Claim {
        match self.topic(topic) {
            Some(Topic::Other) => Claim::Ignores,
            Some(_) => Claim::Decodes,
            None => Claim::Foreign,
        }
    }

    fn decode(
        &self,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        match self.topic(message.topic) {
            Some(Topic::Events(host)) => self.decode_event(host, message, changes),
            Some(Topic::Value { host, sensor, key }) => {
                self.decode_value(host, (sensor, key), message)
            }
            Some(Topic::Availability(receiver)) => availability::decode(receiver, message),
            Some(Topic::Other) | None => Ok(Decoded::ignored("nothing on this topic is a reading")),
        }
    }

    fn remember(&mut self, key: &str, value: Option<&[u8]>) {
        match value.map(<[u8; 8]>::try_from) {
            Some(Ok(time)) => drop(self.events.insert(key.into(), i64::from_le_bytes(time))),
            Some(Err(_)) => {}
            None => drop(self.events.remove(key)),
        }
    }

    fn fresh(&self) -> Box<dyn Format> {
        let Self { base, zone, precision, .. } = self;
        Box::new(Self {
            base: base.clone(),
            zone: *zone,
            precision: *precision,
            events: HashMap::new(),
        })
    }
}

#[cfg(test)]
mod tests;
