//! ThingsBoard: devices and gateways that publish to its MQTT API, received from a bridge or by
//! Vigie's embedded broker.
//!
//! * **Topics**: `v1/devices/me/telemetry` and its short forms `v2/t` and `v2/t/j`;
//!   `v1/gateway/telemetry`, `…/connect`, `…/disconnect`. `base` is a prefix, and may have a level
//!   `{device}`. Attributes, RPC and claims carry no readings.
//! * **Value**: an object by key, `{"ts":…,"values":{…}}`, or a list of them; from a gateway, such
//!   lists by device.
//! * **Unit**: none; the default unit of the quantity if the value is plausible in it.
//! * **Time**: `ts` in milliseconds, otherwise the receipt.
//! * **Id**: the device: the table's `device` or the base's level; from a gateway, the name in the
//!   message.
//! * **Availability**: a gateway's `connect` and `disconnect`.
//! * **Traps**: "me" does not identify a device; its server uses the credentials. A nested object
//!   is an opaque value.
//!
//! Source: thingsboard.io (MQTT API, gateway MQTT API).

use chrono_tz::Tz;
use serde_json::{Map, Value as Json};

use super::{open_schema, table_topics};
use crate::config::{Precision, PresetTable};
use crate::domain::Presence;
use crate::ingest::formats::kit::times::TimeReader;
use crate::ingest::formats::kit::topics::{self, Pattern};
use crate::ingest::formats::kit::{Builder, Stamp, json, names};
use crate::ingest::formats::{Claim, Decoded, Filter, Format, Message, StateChange};

/// Topics of the API that are decoded.
const TOPICS: [(&str, Subject); 6] = [
    ("v1/devices/me/telemetry", Subject::Device),
    ("v2/t", Subject::Device),
    ("v2/t/j", Subject::Device),
    ("v1/gateway/telemetry", Subject::Gateway),
    ("v1/gateway/connect", Subject::Presence(Presence::Online)),
    ("v1/gateway/disconnect", Subject::Presence(Presence::Offline)),
];

/// Topics of the API that are ignored; `v2/t/p` is protobuf.
const OTHERS: [&str; 5] =
    ["v1/devices/me/{rest...}", "v1/gateway/{rest...}", "v2/t/p", "v2/a", "v2/a/{rest...}"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Device,
    Gateway,
    Presence(Presence),
}

/// Format of one table.
#[derive(Debug, Clone)]
pub struct ThingsBoard {
    key: String,
    topics: Vec<(Pattern, Subject)>,
    others: Vec<Pattern>,
    device: Option<String>,
    zone: Tz,
    precision: Option<Precision>,
}

impl ThingsBoard {
    /// Creates the format of a table: API topics below its `base`. `device` is the id of the device
    /// `me`.
    ///
    /// # Errors
    /// If the base pattern is invalid, or the table has a `topic`.
    pub fn new(table: &PresetTable, zone: Tz) -> Result<Self, String> {
        if table.topic.is_some() {
            return Err("its topics are fixed: give `base` for what stands before them".into());
        }
        let base = table.base.as_deref().unwrap_or_default().trim_end_matches('/');
        let below = |topic: &str| {
            let slash = if base.is_empty() { "" } else { "/" };
            Pattern::new(&format!("{base}{slash}{topic}")).map_err(|why| format!("`base`: {why}"))
        };
        let topics: Result<_, String> =
            TOPICS.iter().map(|(topic, subject)| Ok((below(topic)?, *subject))).collect();
        Ok(Self {
            key: table_topics::key("thingsboard", table),
            topics: topics?,
            others: OTHERS.iter().map(|topic| below(topic)).collect::<Result<_, _>>()?,
            device: table.device.clone(),
            zone,
            precision: table.precision,
        })
    }

    /// Subject of a topic, and the device named in it.
    fn subject<'a>(&'a self, topic: &'a str) -> Option<(Subject, Option<&'a str>)> {
        self.topics.iter().find_map(|(pattern, subject)| {
            let levels = pattern.levels(topic)?;
            Some((*subject, topics::level(&levels, "device")))
        })
    }
}

impl Format for ThingsBoard {
    fn name(&self) -> &'static str {
        "thingsboard"
    }

    fn key(&self) -> String {
        self.key.clone()
    }

    fn filters(&self) -> Vec<Filter> {
        let all = self.topics.iter().flat_map(|(pattern, _)| pattern.filters());
        all.map(Filter::optional).collect()
    }

    fn claim(&self, topic: &str) -> Claim {
        if self.subject(topic).is_some() {
            Claim::Decodes
        } else if self.others.iter().any(|pattern| pattern.levels(topic).is_some()) {
            Claim::Ignores
        } else {
            Claim::Foreign
        }
    }

    fn decode(&self, message: &Message<'_>, _: &mut Vec<StateChange>) -> Result<Decoded, String> {
        let Some((subject, device)) = self.subject(message.topic) else {
            return Ok(Decoded::ignored("not a topic of the table"));
        };
        let Some(payload) = json::parse(message.payload)? else {
            return Ok(Decoded::ignored("an empty payload"));
        };
        let times = TimeReader {
            precision: self.precision,
            ..TimeReader::new(self.zone, message.received_at)
        };
        let mut builder = Builder::new(message);
        match subject {
            Subject::Device => {
                let device = device.or(self.device.as_deref()).ok_or(
                    "the topic names no device: set `device = \"…\"` in its table, or a level \
                     `{device}` in its base",
                )?;
                add_samples(&mut builder, device, &payload, &times);
            }
            Subject::Gateway => {
                let devices = payload.as_object().ok_or("the payload is no object by device")?;
                for (device, samples) in devices {
                    add_samples(&mut builder, device, samples, &times);
                }
            }
            Subject::Presence(presence) => {
                let device = payload.get("device").and_then(Json::as_str);
                builder.availability(device.ok_or("there is no `device` in it")?, presence);
            }
        }
        Ok(builder.finish("no number in it"))
    }

    fn fresh(&self) -> Box<dyn Format> {
        Box::new(self.clone())
    }
}

/// Adds the values of one sample or of a list of samples.
fn add_samples(builder: &mut Builder, device: &str, samples: &Json, times: &TimeReader) {
    match samples {
        Json::Object(sample) => add_sample(builder, device, sample, times),
        Json::Array(samples) => {
            for sample in samples {
                match sample {
                    Json::Object(sample) => add_sample(builder, device, sample, times),
                    other => fault(builder, device, other),
                }
            }
        }
        other => fault(builder, device, other),
    }
}

fn fault(builder: &mut Builder, device: &str, sample: &Json) {
    builder.fault(format!("a sample of {device} is {}, not an object", json::kind(sample)));
}

/// Adds the values of a sample: the members of `values`, or all except `ts`.
fn add_sample(builder: &mut Builder, device: &str, sample: &Map<String, Json>, times: &TimeReader) {
    let stamp = match sample.get("ts").map_or(Ok(None), |ts| times.read(ts)) {
        Ok(at) => Stamp::from(at),
        Err(why) => return builder.fault(format!("a sample of {device}: {why}")),
    };
    let inner = sample.get("values").and_then(Json::as_object);
    for (key, value) in inner.unwrap_or(sample) {
        if inner.is_some() || key != "ts" {
            open_schema::add(builder, device, &names::canonical(key), value, "", stamp);
        }
    }
}

#[cfg(test)]
#[path = "thingsboard_tests.rs"]
mod tests;
