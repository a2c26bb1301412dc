//! Shelly, generation 1 (one value per topic) and generation 2 and later (JSON-RPC and status
//! objects).
//!
//! * **Topics** Generation 1: `shellies/<id>/<part>…/<key>`. Generation 2 and later:
//!   `<prefix>/events/rpc`, `<prefix>/status/<component>:<n>`, `<prefix>/online`; the prefix is the
//!   device id by default and can be configured. Without `base` a prefix is one level, or one level
//!   below `shellies`. `base` is a prefix, or the levels before the prefixes. A `base` that ends in
//!   `shellies` covers both generations.
//! * **Value** Generation 1: a number, `on`, `off`, `open`, `close`, `true`, `false`; 999 means
//!   that no probe is connected, -1 that a position, battery or light level is unknown. Later:
//!   numbers and booleans of a component; `null` means no value.
//! * **Unit** Implied by the key. Relay energy is in watt-minutes; `total` and all energies of
//!   generation 2 are in watt-hours.
//! * **Time** `params.ts` of a notification, `last_updated_ts` of a component that relays Bluetooth
//!   devices; otherwise the receipt.
//! * **Id** Generation 1: `<id>/<part>`; a switch is `<id>` with the quantity `relay_0`. Later:
//!   `<src>/<component>:<n>`, with the prefix if a message has no `src`. If a notification's `src`
//!   differs from its prefix, the pair is stored, so each device keeps one id.
//! * **Availability** `<id>/online` and `<prefix>/online`: `true` or `false`.
//! * **Traps** `NotifyStatus` contains changed fields only. Before its clock is synchronized a
//!   device sends a small `ts`. `temperature_f` and `tF` duplicate the Celsius values. A
//!   `bthomesensor` carries no quantity; it is only in the gateway's configuration. A Shelly H&T of
//!   generation 1 sends °F if so configured. With both kinds of notification enabled, each value
//!   arrives twice.
//! * **Source** shelly-api-docs.shelly.cloud (Gen 1 MQTT, Gen 2 Notifications, component pages).

mod components;
mod first;

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use crate::config::PresetTable;
use crate::domain::Presence;
use crate::ingest::formats::kit::times::TimeReader;
use crate::ingest::formats::kit::{Builder, json, topics, values};
use crate::ingest::formats::{Claim, Decoded, Filter, Format, Message, StateChange};

/// First topic level of generation 1.
const FIRST_BASE: &str = "shellies";

/// Topic suffixes of generation 2 and later.
const ENDS: [&str; 3] = ["events/rpc", "status/+", "online"];

/// Format of one table of Shelly devices.
#[derive(Debug, Clone)]
pub struct Shelly {
    place: Place,
    /// Device ids (`src`) that differ from the topic prefix, by prefix.
    ids: HashMap<Box<str>, Box<str>>,
}

/// Position of a table's devices in the topic tree.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// No `base`: prefixes of one level, at the root or below `shellies`.
    Anywhere,
    /// Both generations, one level below this base.
    Shellies(String),
    /// Generation 2 and later: a prefix, or the levels before one-level prefixes.
    Prefix(String),
}

/// Kind of a topic, with the identifiers in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject<'a> {
    /// JSON-RPC notification.
    Rpc { prefix: &'a str },
    /// Complete state of a component.
    Status { prefix: &'a str, component: &'a str },
    /// Availability of the device.
    Online { prefix: &'a str },
    /// Value or report of a generation 1 device.
    First { id: &'a str, part: &'a str },
    /// Command, setting or announcement; carries no readings.
    Nothing,
}

impl<'a> Subject<'a> {
    /// Parses a topic of generation 2 or later; also returns its prefix.
    fn of_prefixed(topic: &'a str) -> Option<(&'a str, Self)> {
        let (path, last) = topic.rsplit_once('/')?;
        if last == "online" {
            return Some((path, Self::Online { prefix: path }));
        }
        let (prefix, group) = path.rsplit_once('/')?;
        match (group, last) {
            ("events", "rpc") => Some((prefix, Self::Rpc { prefix })),
            ("status", component) if components::is_measuring(component) => {
                Some((prefix, Self::Status { prefix, component }))
            }
            // The `:` identifies Shelly; other `status/…` topics may belong to another program.
            ("status", component) if component.contains(':') => Some((prefix, Self::Nothing)),
            _ => None,
        }
    }

    /// Parses the part of a topic below the base of generation 1.
    fn of_first(rest: &'a str) -> Self {
        match rest.split_once('/') {
            Some((id, part)) if first::is_report(part) => Self::First { id, part },
            _ => Self::Nothing,
        }
    }
}

impl Shelly {
    /// Creates the format of a table.
    ///
    /// # Errors
    /// If a key of the table is invalid; names the key.
    pub fn new(table: &PresetTable) -> Result<Self, String> {
        let base = topics::base(table.base.as_deref(), FIRST_BASE)?;
        let place = match table.base {
            None => Place::Anywhere,
            Some(_) if base.rsplit('/').next() == Some(FIRST_BASE) => Place::Shellies(base),
            Some(_) => Place::Prefix(base),
        };
        Ok(Self { place, ids: HashMap::new() })
    }

    fn subject<'a>(&self, topic: &'a str) -> Option<Subject<'a>> {
        let first_base = match &self.place {
            Place::Anywhere => Some(FIRST_BASE),
            Place::Shellies(base) => Some(base.as_str()),
            Place::Prefix(_) => None,
        };
        if let Some(rest) = first_base.and_then(|base| topics::below(base, topic)) {
            let prefixed = Subject::of_prefixed(rest).filter(|(prefix, _)| is_level(prefix));
            return Some(prefixed.map_or_else(|| Subject::of_first(rest), |(_, subject)| subject));
        }
        let (prefix, subject) = Subject::of_prefixed(topic)?;
        let is_ours = match &self.place {
            Place::Anywhere => is_level(prefix),
            Place::Shellies(_) => false,
            Place::Prefix(base) => {
                prefix == base || topics::below(base, prefix).is_some_and(is_level)
            }
        };
        is_ours.then_some(subject)
    }

    /// Device id for a topic prefix.
    fn id<'a>(&'a self, prefix: &'a str) -> &'a str {
        self.ids.get(prefix).map_or(prefix, |id| id)
    }

    /// Records a state change if the device id of a prefix has changed. An id equal to the prefix
    /// deletes the entry.
    fn remember_id(&self, prefix: &str, id: &str, changes: &mut Vec<StateChange>) {
        if self.id(prefix) != id {
            let id = (prefix != id).then(|| id.as_bytes().to_vec());
            changes.push((prefix.into(), id));
        }
    }

    fn decode_rpc(
        &self,
        prefix: &str,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        let Some(frame) = json::parse_object(message.payload)? else {
            return Ok(Decoded::ignored("an empty payload"));
        };
        let is_status = matches!(
            frame.get("method").and_then(Json::as_str),
            Some("NotifyStatus" | "NotifyFullStatus")
        );
        let Some(params) = frame.get("params").and_then(Json::as_object).filter(|_| is_status)
        else {
            return Ok(Decoded::ignored("an event or an answer: no state"));
        };
        let src = frame.get("src").and_then(Json::as_str).filter(|src| !src.is_empty());
        let id = src.unwrap_or_else(|| self.id(prefix));
        self.remember_id(prefix, id, changes);
        Ok(decode_notification(id, params, message))
    }

    fn decode_status(
        &self,
        prefix: &str,
        component: &str,
        message: &Message<'_>,
    ) -> Result<Decoded, String> {
        let Some(fields) = json::parse_object(message.payload)? else {
            return Ok(Decoded::ignored("an empty payload"));
        };
        let mut builder = Builder::new(message);
        let stamp = builder.stamp(&reader(message), components::time(&fields));
        components::add_all(&mut builder, self.id(prefix), component, &fields, stamp);
        Ok(builder.finish("the component measures nothing"))
    }

    fn decode_online(&self, prefix: &str, message: &Message<'_>) -> Result<Decoded, String> {
        let presence = match values::truth(json::text(message.payload)?) {
            Some(true) => Presence::Online,
            Some(false) => Presence::Offline,
            // Other programs use topics of this form, too.
            None => return Ok(Decoded::ignored("neither `true` nor `false`")),
        };
        let mut builder = Builder::new(message);
        builder.availability(self.id(prefix), presence);
        Ok(builder.finish(""))
    }
}

/// Decodes the components of a notification. A component that relays stored data has a timestamp of
/// its own.
fn decode_notification(id: &str, params: &Map<String, Json>, message: &Message<'_>) -> Decoded {
    let mut builder = Builder::new(message);
    let reader = reader(message);
    let of_frame = builder.stamp(&reader, params.get("ts"));
    for (component, fields) in params {
        let Some(fields) = fields.as_object().filter(|_| components::is_measuring(component))
        else {
            continue;
        };
        let own_time = components::time(fields);
        let stamp = own_time.map_or(of_frame, |time| builder.stamp(&reader, Some(time)));
        components::add_all(&mut builder, id, component, fields, stamp);
    }
    builder.finish("no component of it measures anything")
}

/// Timestamps are numeric, so no time zone is needed.
const fn reader(message: &Message<'_>) -> TimeReader {
    TimeReader::new(chrono_tz::UTC, message.received_at)
}

fn is_level(text: &str) -> bool {
    !text.is_empty() && !text.contains('/')
}

impl Format for Shelly {
    fn name(&self) -> &'static str {
        "shelly"
    }

    fn key(&self) -> String {
        match &self.place {
            Place::Anywhere => "shelly".into(),
            Place::Shellies(base) | Place::Prefix(base) => format!("shelly:{base}"),
        }
    }

    fn filters(&self) -> Vec<Filter> {
        let below = |prefix: &str| ENDS.map(|end| Filter::optional(format!("{prefix}/{end}")));
        match &self.place {
            Place::Anywhere => {
                let mut filters = vec![Filter::optional(format!("{FIRST_BASE}/#"))];
                filters.extend(below("+"));
                filters
            }
            Place::Shellies(base) => vec![Filter::optional(format!("{base}/#"))],
            Place::Prefix(base) => [below(base), below(&format!("{base}/+"))].concat(),
        }
    }

    fn claim(&self, topic: &str) -> Claim {
        match self.subject(topic) {
            None => Claim::Foreign,
            Some(Subject::Nothing) => Claim::Ignores,
            Some(_) => Claim::Decodes,
        }
    }

    fn decode(
        &self,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        match self.subject(message.topic) {
            Some(Subject::Rpc { prefix }) => self.decode_rpc(prefix, message, changes),
            Some(Subject::Status { prefix, component }) => {
                self.decode_status(prefix, component, message)
            }
            Some(Subject::Online { prefix }) => self.decode_online(prefix, message),
            Some(Subject::First { id, part }) => first::decode(id, part, message),
            Some(Subject::Nothing) | None => Ok(Decoded::ignored("no report of a device")),
        }
    }

    fn remember(&mut self, key: &str, value: Option<&[u8]>) {
        match value.and_then(|value| std::str::from_utf8(value).ok()) {
            Some(id) => drop(self.ids.insert(key.into(), id.into())),
            None => drop(self.ids.remove(key)),
        }
    }

    fn fresh(&self) -> Box<dyn Format> {
        Box::new(Self { place: self.place.clone(), ids: HashMap::new() })
    }
}

#[cfg(test)]
mod tests;
