//! A table's own description of payloads: where in a message the values are, and who, what and when they are.
//!
//! Topic: the table's, with named levels `{sensor}`, `{device}`, `{location}`, `{quantity}` and any others.
//! Value: the payload as a whole; or by pointers into JSON, into the elements of a list, into the fields of a text; or by
//! CEL expressions. Numbers may be texts, with their unit; words are true, false or what `map` has for them.
//! Unit: beside the number, else the table's, else beside the value, else from the topic of units, else a guess.
//! Time: the table's pointer, text or expression, else the receipt. A time that can't be read is a fault.
//! Id: the table's text of named levels and pointers, else the levels `{device}/{sensor}`.
//! Availability: on a topic of its own, by two words; of the device whose name begins the ids of its sensors.
//! Traps: the words of one table are a mistake of another, so each is read as the table says and nothing is guessed; a
//! list of 64 KiB has thousands of elements, so what may cost a product of two lists is refused when the table is read;
//! units may come after the values.
//! Source: `docs/devices/mapping.md`.

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

/// The longest unit that is remembered, in bytes.
const LONGEST_UNIT: usize = 32;

/// A table that describes its payloads itself.
pub struct MappingFormat {
    plan: Arc<Plan>,
    zone: Tz,
    /// Units that came on a topic of their own, by its named levels.
    units: HashMap<Box<str>, Box<str>>,
}

impl MappingFormat {
    /// A format of a table; `zone` is that of times without one.
    ///
    /// # Errors
    /// All mistakes of the table.
    pub fn new(mapping: &Mapping, zone: Tz) -> Result<Self, Vec<MappingMistake>> {
        let plan = checking::check(mapping)?;
        Ok(Self { plan: plan.into(), zone, units: HashMap::new() })
    }

    /// What a message on a topic is about.
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

    /// A message with values, and what of the table it doesn't have.
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

    /// A message on the topic of availability. Other words than the two are values where the topic is that of values,
    /// too.
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

    /// A message that says a unit: remembered.
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

/// What a message is about.
enum Meaning<'a> {
    Availability(&'a AvailabilityPlan, Levels<'a>),
    /// A unit, with the key that it is remembered by.
    Unit(String),
    Values(Levels<'a>),
}

/// The named levels of a topic; one of the broker's own is not of a pattern that begins with a wildcard.
fn levels<'a>(pattern: &'a Pattern, topic: &'a str) -> Option<Levels<'a>> {
    let is_of_broker = topic.starts_with('$') && !pattern.begins_with_text();
    if is_of_broker { None } else { pattern.levels(topic) }
}

/// Named levels that both topics have, in the order of the topic of units. At most one of them takes several levels, so
/// that no two topics have one key.
fn key_of_unit(pattern: &Pattern, levels: &Levels<'_>) -> String {
    let values: Vec<&str> =
        pattern.names().map(|name| topics::level(levels, name).unwrap_or_default()).collect();
    values.join("/")
}

/// Which of the two words a payload is: a text, a JSON text, or the `state` or `status` of an object.
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

    /// What the table points to and a message does not have: a line for each key that found nothing, such as
    /// `values.humidity: nothing at /h; keys here: hum, t`. One line for a message that is not of the table, or can't be
    /// read; none for one about a unit or availability.
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
