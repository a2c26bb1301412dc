//! Formats described by a table of the configuration: where a message holds its values, sensor ids,
//! quantities and timestamps.
//!
//! * **Topics**: the table's `topic`, with named levels `{sensor}`, `{device}`, `{location}`,
//!   `{quantity}` and others.
//! * **Value**: the whole payload, JSON pointers, elements of a list, delimited fields, or CEL
//!   expressions. Numbers may be strings with a unit; words are booleans or looked up in `map`.
//! * **Unit**: by precedence, after the number, in the table, next to the value, from the unit
//!   topic, or the default of the quantity.
//! * **Time**: the table's pointer, template or expression, otherwise the receipt. An invalid
//!   timestamp is a fault.
//! * **Id**: the table's template of named levels and pointers, otherwise the levels
//!   `{device}/{sensor}`.
//! * **Availability**: two words on a separate topic; applies to the device whose name is the
//!   prefix of its sensor ids.
//! * **Traps**: a valid word of one table is an error in another, so nothing is interpreted beyond
//!   the table. A list of 64 KiB has thousands of elements, so tables whose cost may be the product
//!   of two lists are rejected at load time. Units may arrive after the values.
//! * **Source**: `docs/devices/mapping.md`.

mod checking;
mod elements;
mod expression;
mod found;
mod misses;
mod numbers;
mod payload;
mod plan;
mod pointer;
mod readings;
mod scalars;
#[cfg(test)]
mod tests;
mod texts;

use std::collections::HashMap;
use std::sync::Arc;

use chrono_tz::Tz;
use serde_json::Value as Json;

pub use checking::MappingMistake;
use elements::{Context, Decoding};
use misses::Misses;
use plan::{AvailabilityPlan, Plan};

use crate::config::Mapping;
use crate::domain::Presence;
use crate::ingest::formats::kit::topics::{self, Levels, Pattern};
use crate::ingest::formats::kit::{Builder, json};
use crate::ingest::formats::{Claim, Decoded, Filter, Format, Message, StateChange};

/// Maximum length of a stored unit, in bytes.
const LONGEST_UNIT: usize = 32;

/// Format of a mapping table, which describes its payloads itself.
pub struct MappingFormat {
    plan: Arc<Plan>,
    zone: Tz,
    /// Units received on the unit topic, by its named levels.
    units: HashMap<Box<str>, Box<str>>,
}

impl MappingFormat {
    /// Creates the format of a table; `zone` is the time zone of timestamps without an offset.
    ///
    /// # Errors
    /// All mistakes of the table.
    pub fn new(mapping: &Mapping, zone: Tz) -> Result<Self, Vec<MappingMistake>> {
        let plan = checking::check(mapping)?;
        Ok(Self { plan: plan.into(), zone, units: HashMap::new() })
    }

    /// Kind of a topic; `None` if the topic is not one of the table's.
    fn meaning<'a>(&'a self, topic: &'a str) -> Option<Meaning<'a>> {
        let plan = &*self.plan;
        if let Some(availability) = &plan.availability
            && let Some(levels) = levels(&availability.topic, topic)
        {
            return Some(Meaning::Availability(availability, levels));
        }
        if let Some(pattern) = &plan.unit_topic
            && let Some(levels) = levels(pattern, topic)
        {
            return Some(Meaning::Unit(key_of_unit(pattern, &levels)));
        }
        levels(&plan.topic, topic).map(Meaning::Values)
    }

    /// Decodes a message with values; also returns the missing keys if requested.
    fn decode_values(
        &self,
        levels: &Levels<'_>,
        message: &Message<'_>,
        misses: Option<Misses>,
    ) -> Result<(Decoded, Option<Misses>), String> {
        let Some(payload) = self.plan.form.read(message.payload)? else {
            return Ok((Decoded::ignored("an empty payload clears a retained message"), misses));
        };
        let key = self.plan.unit_topic.as_ref().map(|pattern| key_of_unit(pattern, levels));
        let unit = key.and_then(|key| self.units.get(&*key)).map(|unit| &**unit);
        let context = Context { plan: &self.plan, levels, message, zone: self.zone, unit };
        Ok(Decoding::new(context, misses).decode(&payload))
    }

    /// Decodes a message on the availability topic. If this is the value topic as well, other words
    /// are decoded as values.
    fn decode_availability(
        &self,
        availability: &AvailabilityPlan,
        levels: &Levels<'_>,
        message: &Message<'_>,
    ) -> Result<Decoded, String> {
        let text = json::text(message.payload)?;
        if text.is_empty() {
            return Ok(Decoded::ignored("an empty payload clears a retained message"));
        }
        let Some(presence) = presence(availability, text) else {
            if availability.words.topic == self.plan.name {
                return Ok(self.decode_values(levels, message, None)?.0);
            }
            let (online, offline) = (&availability.words.online, &availability.words.offline);
            let text = scalars::quote(text);
            return Ok(Decoded::ignored(format!("{text} is neither `{online}` nor `{offline}`")));
        };
        let mut builder = Builder::new(message);
        let device = self.plan.sensor.beginning(levels).or_else(|| {
            let level = |name| topics::level(levels, name);
            level("device").or_else(|| level("sensor")).map(str::to_owned)
        });
        builder.availability(&device.unwrap_or_default(), presence);
        Ok(builder.finish("it says nothing of a device"))
    }

    /// Decodes a message on the unit topic: a change of the unit becomes a state change.
    fn decode_unit(
        &self,
        key: String,
        payload: &[u8],
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        let text = json::text(payload)?;
        let quoted = serde_json::from_str::<String>(text).ok();
        let unit = quoted.as_deref().unwrap_or(text).trim();
        if unit.len() > LONGEST_UNIT || unit.chars().any(char::is_control) {
            return Err(format!("{} is no unit", scalars::quote(unit)));
        }
        let known = self.units.get(&*key).map(|unit| &**unit);
        let said = Some(unit).filter(|unit| !unit.is_empty());
        if known != said {
            changes.push((key.into(), said.map(|unit| unit.as_bytes().to_vec())));
        }
        Ok(Decoded::ignored("it is the unit of another topic's value"))
    }
}

/// Kind of a message.
enum Meaning<'a> {
    Availability(&'a AvailabilityPlan, Levels<'a>),
    /// Unit message, with the key under which the unit is stored.
    Unit(String),
    Values(Levels<'a>),
}

/// Named levels of a topic. A topic that begins with `$` does not match a pattern that begins with
/// a wildcard.
fn levels<'a>(pattern: &'a Pattern, topic: &'a str) -> Option<Levels<'a>> {
    let is_of_broker = topic.starts_with('$') && !pattern.begins_with_text();
    if is_of_broker { None } else { pattern.levels(topic) }
}

/// Storage key of a unit: the named levels common to both topics, in the order of the unit topic.
/// At most one of them spans several levels, so keys are unique.
fn key_of_unit(pattern: &Pattern, levels: &Levels<'_>) -> String {
    let values: Vec<&str> =
        pattern.names().map(|name| topics::level(levels, name).unwrap_or_default()).collect();
    values.join("/")
}

/// Presence in a payload: one of the two words as plain text, as a JSON string, or as `state` or
/// `status` of an object.
fn presence(availability: &AvailabilityPlan, text: &str) -> Option<Presence> {
    let parsed = serde_json::from_str::<Json>(text).ok();
    let inner = match &parsed {
        Some(Json::Object(object)) => {
            object.get("state").or_else(|| object.get("status")).and_then(Json::as_str)
        }
        Some(Json::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let words = &availability.words;
    let is = |word: &str, said: &str| said.trim() == word.trim();
    let is_any_case = |word: &str, said: &str| said.trim().eq_ignore_ascii_case(word.trim());
    let all = [Some(text), inner];
    let said = |is: &dyn Fn(&str, &str) -> bool| {
        all.into_iter().flatten().find_map(|said| match said {
            _ if is(&words.online, said) => Some(Presence::Online),
            _ if is(&words.offline, said) => Some(Presence::Offline),
            _ => None,
        })
    };
    said(&is).or_else(|| said(&is_any_case))
}

impl Format for MappingFormat {
    fn name(&self) -> &str {
        &self.plan.name
    }

    fn key(&self) -> String {
        format!("mapping {}", self.plan.name)
    }

    fn filters(&self) -> Vec<Filter> {
        let plan = &self.plan;
        let availability = plan.availability.as_ref().map(|it| &it.topic);
        let patterns = [Some(&plan.topic), plan.unit_topic.as_ref(), availability];
        let filters = patterns.into_iter().flatten().flat_map(Pattern::filters);
        filters.map(Filter::optional).collect()
    }

    fn claim(&self, topic: &str) -> Claim {
        if self.meaning(topic).is_some() { Claim::Decodes } else { Claim::Foreign }
    }

    fn decode(
        &self,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        match self.meaning(message.topic) {
            Some(Meaning::Availability(availability, levels)) => {
                self.decode_availability(availability, &levels, message)
            }
            Some(Meaning::Unit(key)) => self.decode_unit(key, message.payload, changes),
            Some(Meaning::Values(levels)) => Ok(self.decode_values(&levels, message, None)?.0),
            None => Ok(Decoded::ignored("the topic is not of the table")),
        }
    }

    /// Keys of the table that a message lacks, one line each, such as
    /// `values.humidity: nothing at /h; keys here: hum, t`.
    ///
    /// A message of another table or with an invalid payload yields one line; a unit or
    /// availability message none.
    fn explain(&self, message: &Message<'_>) -> Vec<String> {
        let levels = match self.meaning(message.topic) {
            Some(Meaning::Values(levels)) => levels,
            Some(Meaning::Unit(_) | Meaning::Availability(..)) => return Vec::new(),
            None => return vec![format!("topic: it is not of {}", self.plan.name)],
        };
        match self.decode_values(&levels, message, Some(Misses::default())) {
            Ok((_, misses)) => misses.map(Misses::into_lines).unwrap_or_default(),
            Err(why) => vec![format!("payload: {why}")],
        }
    }

    fn remember(&mut self, key: &str, value: Option<&[u8]>) {
        match value.map(std::str::from_utf8) {
            Some(Ok(unit)) => drop(self.units.insert(key.into(), unit.into())),
            Some(Err(_)) => {}
            None => drop(self.units.remove(key)),
        }
    }

    fn fresh(&self) -> Box<dyn Format> {
        Box::new(Self { plan: Arc::clone(&self.plan), zone: self.zone, units: HashMap::new() })
    }
}
