//! Decodes messages on learned topics: availability first, then values.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::HomeAssistant;
use super::SOURCES_KEY;
use super::availability::{Mode, Source};
use super::config::{Encoding, Kind};
use super::entity::Entity;
use super::template::{self, Failure, Payload, Rendered};
use crate::domain::Presence;
use crate::ingest::formats::kit::values::{self, Read};
use crate::ingest::formats::kit::{Builder, Stamp, json, topics};
use crate::ingest::formats::{Decoded, Message, StateChange};

impl HomeAssistant {
    /// Decodes a message on a topic that a config has named.
    ///
    /// # Errors
    /// Reason why it can't be used, as text for people.
    pub(super) fn read(
        &self,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        let text = json::text(message.payload);
        if text == Ok("") {
            return Ok(Decoded::ignored("an empty payload"));
        }
        let entities = self.registry.listeners.of_topic(message.topic);
        let is_latin1 = |entity: &&&Arc<Entity>| entity.spec.encoding == Encoding::Latin1;
        let latin1: String = match entities.iter().find(is_latin1) {
            Some(_) => message.payload.iter().map(|byte| char::from(*byte)).collect(),
            None => String::new(),
        };
        let payload = |text| Payload::new(text, message.received_at, self.zone);
        let (utf8, latin1) = (text.map(payload), payload(latin1.trim()));
        let mut reader = Reader {
            family: self,
            topic: message.topic,
            builder: Builder::new(message),
            states: HashMap::new(),
            read: HashSet::new(),
            is_not_json: false,
        };
        for entity in entities {
            let payload = match entity.spec.encoding {
                Encoding::Utf8 => utf8.as_ref().map_err(Clone::clone)?,
                Encoding::Latin1 => &latin1,
            };
            reader.read(entity, payload);
        }
        reader.remember_states(changes);
        Ok(reader.finish())
    }
}

/// A message while its entities are read, one after another.
struct Reader<'a> {
    family: &'a HomeAssistant,
    topic: &'a str,
    builder: Builder,
    /// State of each source by this message, by its address: many entities share one.
    states: HashMap<*const Source, (&'a Source, Option<bool>)>,
    /// Sensors and quantities read so far: a second entity of the same id adds nothing.
    read: HashSet<(&'a str, &'a str)>,
    /// Whether a template needed JSON and the payload is none.
    is_not_json: bool,
}

impl<'a> Reader<'a> {
    fn read(&mut self, entity: &'a Entity, payload: &Payload<'_>) {
        let is_available = self.read_availability(entity, payload);
        let spec = &entity.spec;
        let is_state = topics::matches(&spec.topic, self.topic);
        if is_state && is_available && self.read.insert((&spec.sensor, &spec.quantity)) {
            self.read_state(entity, payload);
        }
    }

    /// Returns `false` if the message makes the entity unavailable.
    fn read_availability(&mut self, entity: &'a Entity, payload: &Payload<'_>) -> bool {
        let mut states = Vec::with_capacity(entity.sources.len());
        let mut has_news = false;
        let mut is_unavailable = false;
        for source in &entity.sources {
            let state = self.state(source, payload);
            has_news |= state.is_some();
            is_unavailable |= state == Some(false);
            let before = || match entity.spec.mode {
                Mode::Latest => None,
                Mode::All | Mode::Any => self.family.source_states.last(source),
            };
            states.extend(state.or_else(before));
        }
        let presence = entity.spec.mode.presence(states.into_iter());
        let Some(presence) = presence.filter(|_| has_news) else { return true };
        self.builder.sensor_availability(&entity.spec.sensor, presence);
        !(is_unavailable && presence == Presence::Offline)
    }

    /// State of a source by this message; `None` if the message is not on its topic, or matches neither payload.
    fn state(&mut self, source: &'a Arc<Source>, payload: &Payload<'_>) -> Option<bool> {
        if !topics::matches(&source.spec.topic, self.topic) {
            return None;
        }
        let entry = self.states.entry(Arc::as_ptr(source));
        entry.or_insert_with(|| (source, source.state(payload))).1
    }

    fn read_state(&mut self, entity: &Entity, payload: &Payload<'_>) {
        let rendered = match &entity.template {
            None => Ok(Rendered::Text(payload.text().into())),
            Some(template) => template.render(payload),
        };
        let reads_json = entity.template.as_ref().is_some_and(|template| template.reads_json());
        match rendered {
            Ok(rendered) => self.add(entity, &rendered),
            Err(Failure::Nothing) => {
                let is_word = values::read_text(payload.text()) == Read::Nothing;
                self.is_not_json |= reads_json && payload.json().is_none() && !is_word;
            }
            Err(Failure::Wrong(why)) => self.fault(entity, &why),
        }
    }

    fn add(&mut self, entity: &Entity, rendered: &Rendered<'_>) {
        match &entity.spec.kind {
            Kind::Flag { on, off } => {
                let text = rendered.text();
                let is_on = text == **on;
                if is_on || text == **off {
                    self.builder.set_location(self.family.registry.area(entity));
                    let (sensor, quantity) = (&entity.spec.sensor, &entity.spec.quantity);
                    self.builder.add_flag(sensor, quantity, is_on, Stamp::Receipt);
                }
            }
            Kind::Number => self.add_number(entity, number(rendered)),
            Kind::Any => match read_any(rendered) {
                Read::Value(value) => self.add_number(entity, Ok(value)),
                // The state of an entity without unit and class may be a text.
                Read::Nothing | Read::Wrong(_) => {}
            },
        }
    }

    fn add_number(&mut self, entity: &Entity, number: Result<crate::domain::Value, Failure>) {
        match number {
            Ok(value) => {
                self.builder.set_location(self.family.registry.area(entity));
                let spec = &entity.spec;
                self.builder.add_value(
                    &spec.sensor,
                    &spec.quantity,
                    value,
                    &spec.unit,
                    Stamp::Receipt,
                );
            }
            Err(Failure::Nothing) => {}
            Err(Failure::Wrong(why)) => self.fault(entity, &why),
        }
    }

    fn fault(&mut self, entity: &Entity, why: &str) {
        self.builder.fault(format!("`{}` of {}: {why}", entity.spec.quantity, entity.spec.sensor));
    }

    /// Stores the states of sources that are one of several of an entity.
    fn remember_states(&self, changes: &mut Vec<StateChange>) {
        let mut by_topic: BTreeMap<&str, Vec<(&Source, bool)>> = BTreeMap::new();
        for entity in self.family.registry.listeners.of_topic(self.topic) {
            for source in entity.sources.iter().filter(|_| entity.has_memory()) {
                if let Some((source, Some(state))) = self.states.get(&Arc::as_ptr(source)) {
                    by_topic.entry(&source.spec.topic).or_default().push((source, *state));
                }
            }
        }
        for (topic, news) in by_topic {
            let listeners = self.family.registry.listeners.of_filter(topic).iter();
            let sources =
                listeners.flat_map(|entity| entity.sources.iter().map(|source| &**source));
            let value = self.family.source_states.with(topic, &news, sources);
            changes
                .extend(value.map(|value| (format!("{SOURCES_KEY}{topic}").into(), Some(value))));
        }
    }

    fn finish(mut self) -> Decoded {
        // One fault per message, whatever the number of its entities.
        if self.is_not_json && self.builder.is_empty() {
            self.builder.fault("the payload is not JSON, which its templates read");
        }
        self.builder.finish("no entity has a value in it")
    }
}

fn number(rendered: &Rendered<'_>) -> Result<crate::domain::Value, Failure> {
    match rendered {
        Rendered::Number(value) => Ok(*value),
        Rendered::Flag(_) => Err(Failure::Wrong("a truth value is not a number".into())),
        Rendered::Text(text) => template::of_text(text),
    }
}

fn read_any(rendered: &Rendered<'_>) -> Read {
    match rendered {
        Rendered::Number(value) => Read::Value(*value),
        other => values::read_text(&other.text()),
    }
}
