//! Home Assistant's MQTT discovery: devices that announce their measurements and topics.
//!
//! * **Topics**: configs on `<base>/<component>/[<node>/]<object>/config`, where the component is `sensor` or
//!   `binary_sensor`, or on `<base>/device/[<node>/]<object>/config` for a device with all its entities. The
//!   default base is `homeassistant`. A config names the topics of states and of availability, which are subscribed
//!   to from then on; they may have wildcards. An empty config deletes. Other components (switch, light, climate,
//!   number, …) have a state that is set, not measured: they are ignored.
//! * **Value**: the payload, or the result of a template. A binary sensor compares the result with two payloads.
//! * **Unit**: `unit_of_measurement`.
//! * **Time**: of receipt; the format has no other.
//! * **Id**: `unique_id`, else the topic's levels; the quantity is the `device_class`, else the name in snake case. The
//!   location is the device's suggested area.
//! * **Availability**: topics with a template and two payloads each; several are joined by `all`, `any` or `latest`.
//! * **Traps**: one message may make an entity unavailable and contain a zero as its value: availability is
//!   evaluated first. An absent key is no value, not an error, and not 0. Keys may be abbreviated, and `~` stands
//!   for the base of topics. A config that is not UTF-8 is rejected. Vigie's own configs are not read.
//! * **Source**: the manual of Home Assistant's MQTT integration.

mod abbreviations;
mod availability;
mod config;
mod entity;
mod filter;
mod learning;
mod place;
mod reading;
mod registry;
mod template;
mod templates;
mod topics;

use chrono_tz::Tz;

use self::availability::SourceStates;
use self::config::Spec;
use self::place::Place;
use self::registry::Registry;
use crate::config::PresetTable;
use crate::ingest::formats::{Claim, Decoded, Filter, Format, Message, StateChange};

/// Default first level of the topics of configs.
const BASE: &str = "homeassistant";
/// Prefix of the keys of stored configs, before the topic.
const CONFIG_KEY: &str = "config:";
/// Prefix of the keys of stored availability, before the topic.
const SOURCES_KEY: &str = "availability:";

/// The format of everything that announces itself to Home Assistant.
pub struct HomeAssistant {
    base: Box<str>,
    zone: Tz,
    registry: Registry,
    source_states: SourceStates,
}

impl HomeAssistant {
    /// Format of a table; `zone` is that of `now()` in templates.
    ///
    /// # Errors
    /// If the base can't be the beginning of a topic.
    pub fn new(table: &PresetTable, zone: Tz) -> Result<Self, String> {
        let base = table.base.as_deref().unwrap_or(BASE).trim_end_matches('/');
        let is_topic =
            !base.is_empty() && !base.starts_with('$') && !base.contains(['+', '#', '\0']);
        if !is_topic {
            return Err(format!("`base`: `{base}` is no beginning of a topic"));
        }
        Ok(Self::empty(base, zone))
    }

    fn empty(base: &str, zone: Tz) -> Self {
        let (registry, source_states) = (Registry::default(), SourceStates::default());
        Self { base: base.into(), zone, registry, source_states }
    }

    /// Topic below the base.
    fn below_base<'a>(&self, topic: &'a str) -> Option<&'a str> {
        topic.strip_prefix(&*self.base)?.strip_prefix('/')
    }

    /// Parts of a config's topic.
    fn place<'a>(&self, topic: &'a str) -> Option<Place<'a>> {
        Place::new(self.below_base(topic)?)
    }
}

impl Format for HomeAssistant {
    fn name(&self) -> &'static str {
        "homeassistant"
    }

    fn key(&self) -> String {
        match &*self.base {
            BASE => self.name().to_owned(),
            base => format!("{} {base}", self.name()),
        }
    }

    fn filters(&self) -> Vec<Filter> {
        let base = &self.base;
        let configs = [format!("{base}/+/+/config"), format!("{base}/+/+/+/config")];
        let mut learned: Vec<String> =
            self.registry.listeners.filters().map(str::to_owned).collect();
        learned.sort_unstable();
        configs.into_iter().chain(learned).map(Filter::optional).collect()
    }

    fn claim(&self, topic: &str) -> Claim {
        match self.place(topic) {
            Some(place) if place.is_measured() => Claim::Decodes,
            Some(_) => Claim::Ignores,
            None if self.registry.listeners.has(topic) => Claim::Decodes,
            None if self.below_base(topic) == Some("status") => Claim::Ignores,
            None => Claim::Foreign,
        }
    }

    fn is_description(&self, topic: &str) -> bool {
        self.place(topic).is_some_and(|place| place.is_measured())
    }

    fn decode(
        &self,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        match self.place(message.topic) {
            Some(place) => self.learn(place, message, changes),
            None => self.read(message, changes),
        }
    }

    fn remember(&mut self, key: &str, value: Option<&[u8]>) {
        if let Some(topic) = key.strip_prefix(SOURCES_KEY) {
            return self.source_states.remember(topic, value);
        }
        let Some(topic) = key.strip_prefix(CONFIG_KEY) else { return };
        let specs = value.map_or_else(Vec::new, |value| {
            serde_json::from_slice::<Vec<Spec>>(value).unwrap_or_default()
        });
        self.registry.replace(topic, specs);
    }

    fn fresh(&self) -> Box<dyn Format> {
        Box::new(Self::empty(&self.base, self.zone))
    }
}

#[cfg(test)]
mod tests;
