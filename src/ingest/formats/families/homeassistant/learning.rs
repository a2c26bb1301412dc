//! Effects of a config: added and removed entities.

use std::collections::{BTreeSet, HashMap};

use super::config::{self, Announced, Spec};
use super::entity::Entity;
use super::place::Place;
use super::registry::Registry;
use super::{CONFIG_KEY, HomeAssistant, SOURCES_KEY};
use crate::domain::Presence;
use crate::ingest::formats::kit::Builder;
use crate::ingest::formats::{Decoded, Message, StateChange};

/// Entities of all configs.
const MOST_ENTITIES: usize = 100_000;
/// Entities that read the state of one topic.
const MOST_READERS: usize = 1_024;

impl HomeAssistant {
    /// Decodes a config.
    ///
    /// # Errors
    /// Reason why it can't be used, as text for people. What was learned from it before stays.
    pub(super) fn learn(
        &self,
        place: Place<'_>,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        let mut announced = config::read(place, message.payload)?;
        self.refuse_unusable(message.topic, &mut announced)?;
        let before = self.registry.of_config(message.topic);
        let is_same = before.iter().map(|entity| &entity.spec).eq(&announced.specs);
        if !is_same {
            let value = serde_json::to_vec(&announced.specs).map_err(|error| error.to_string())?;
            let value = (!announced.specs.is_empty()).then_some(value);
            changes.push((format!("{CONFIG_KEY}{}", message.topic).into(), value));
            self.forget_states(message.topic, &announced.specs, changes);
        }
        let mut builder = Builder::new(message);
        if !announced.is_moving {
            for sensor in self.gone(message.topic, &announced.specs) {
                builder.sensor_availability(sensor, Presence::Removed);
            }
        }
        announced.faults.drain(..).for_each(|why| builder.fault(why));
        if builder.is_empty() {
            return Ok(Decoded::ignored(described(&announced)));
        }
        Ok(builder.finish(""))
    }

    /// Sensors that a config no longer has, and no other config has either.
    fn gone<'a>(&'a self, config: &'a str, specs: &[Spec]) -> BTreeSet<&'a str> {
        let stays = |entity: &Entity| {
            let is_it = |other: &Spec| other.sensor == entity.spec.sensor;
            let twins = self.registry.listeners.of_filter(&entity.spec.topic).iter();
            specs.iter().any(is_it)
                || twins.into_iter().any(|twin| &*twin.config != config && is_it(&twin.spec))
        };
        let before = self.registry.of_config(config).iter();
        before.filter(|entity| !stays(entity)).map(|entity| &*entity.spec.sensor).collect()
    }

    /// Removes entities whose templates can't be evaluated, or that exceed the limits.
    fn refuse_unusable(&self, config: &str, announced: &mut Announced) -> Result<(), String> {
        let num_before = self.registry.of_config(config).len();
        if self.registry.num_entities() - num_before + announced.specs.len() > MOST_ENTITIES {
            return Err(format!("there are {MOST_ENTITIES} entities already"));
        }
        let mut room =
            Room { registry: &self.registry, config, num_bytes: 0, readers: HashMap::new() };
        let specs = std::mem::take(&mut announced.specs);
        for spec in specs {
            if self.place(&spec.topic).is_some() {
                announced.faults.push(format!("`{}`: its state topic is a config's", spec.sensor));
                continue;
            }
            match room.check(&spec) {
                Ok(()) => announced.specs.push(spec),
                Err(why) => announced.remarks.push(format!("`{}` is not read: {why}", spec.sensor)),
            }
        }
        Ok(())
    }

    /// Deletes the states of sources whose last entities belonged to this config.
    fn forget_states(&self, config: &str, specs: &[Spec], changes: &mut Vec<StateChange>) {
        let stays = |topic: &str| {
            let in_config = specs.iter().flat_map(|spec| &spec.availability);
            let elsewhere = self.registry.listeners.of_filter(topic).iter();
            in_config.into_iter().any(|source| &*source.topic == topic)
                || elsewhere.into_iter().any(|entity| &*entity.config != config)
        };
        let before = self.registry.of_config(config).iter();
        let topics: BTreeSet<_> = before.flat_map(|entity| entity.filters()).collect();
        let gone =
            topics.into_iter().filter(|topic| self.source_states.has(topic) && !stays(topic));
        changes.extend(gone.map(|topic| (format!("{SOURCES_KEY}{topic}").into(), None)));
    }
}

/// Room for the entities of one config, as they are added.
struct Room<'a> {
    registry: &'a Registry,
    config: &'a str,
    /// Bytes of their templates.
    num_bytes: usize,
    /// Entities of this config by state topic.
    readers: HashMap<Box<str>, usize>,
}

impl Room<'_> {
    fn check(&mut self, spec: &Spec) -> Result<(), String> {
        let sources = spec.availability.iter().filter_map(|source| source.template.as_deref());
        for template in spec.template.as_deref().into_iter().chain(sources) {
            let num_bytes = self.registry.templates.check(template, self.num_bytes);
            self.num_bytes +=
                num_bytes.map_err(|why| format!("its template can't be evaluated: {why}"))?;
        }
        for topic in spec.availability.iter().map(|source| &source.topic).chain([&spec.topic]) {
            self.registry.listeners.check_room(topic)?;
        }
        let others = self.registry.listeners.of_filter(&spec.topic).iter();
        let num_others = others.filter(|entity| &*entity.config != self.config).count();
        let num_own = self.readers.entry(spec.topic.clone()).or_default();
        *num_own += 1;
        if num_others + *num_own > MOST_READERS {
            return Err(format!("{MOST_READERS} entities read `{}` already", spec.topic));
        }
        Ok(())
    }
}

/// Proposal for a state that expires: a rule with its expiry.
fn silence(seconds: u64) -> String {
    format!(
        ", each {seconds} s at least: a rule with kind = \"stale\" and after = \"{seconds}s\" says when not"
    )
}

/// Description of what was learned, as text for people.
fn described(announced: &Announced) -> String {
    let learned = match announced.specs.as_slice() {
        [] if announced.remarks.is_empty() => "no entity in it has a measured state".to_owned(),
        [] => String::new(),
        [one] => {
            let read = format!("`{}` ({}) is read from `{}`", one.sensor, one.quantity, one.topic);
            read + &one.expire_after.map(silence).unwrap_or_default()
        }
        several => format!("{} entities are read", several.len()),
    };
    let remarks = announced.remarks.iter().take(4).map(String::as_str);
    let all: Vec<_> =
        [learned.as_str()].into_iter().chain(remarks).filter(|it| !it.is_empty()).collect();
    format!("a discovery config: {}", all.join("; "))
}
