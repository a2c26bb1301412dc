//! Levels of a topic, and which of them name the sensor. Pure.

use super::text::{escaped, quoted};
use crate::ingest::inventory::fields::{Field, Leaf};
use crate::ingest::inventory::keys;
use crate::ingest::inventory::shapes::{TopicShape, WORDS, is_quantity};
use crate::ingest::inventory::structure::Structure;

/// Levels of a topic of the proposal, with placeholders for the variable ones.
pub struct Levels {
    /// Levels, as in the proposed table.
    pub levels: Vec<String>,
    /// Indices of variable levels.
    pub wild: Vec<usize>,
    /// Levels of the topic of the message with the shape's structure.
    example: Vec<String>,
}

/// The lines `topic` and `sensor` of a table.
pub struct Named {
    topic: String,
    /// Template of the sensor's id; `None` if the topic has its placeholder.
    sensor: Option<String>,
}

impl Named {
    /// Topic with placeholders.
    pub fn topic(self) -> String {
        self.topic
    }

    /// The line `topic` and, if needed, the line `sensor`.
    pub fn lines(&self) -> String {
        let sensor = self.sensor.as_ref().map(|it| format!("sensor = {}\n", quoted(it)));
        format!("topic = {}\n{}", quoted(&self.topic), sensor.unwrap_or_default())
    }
}

impl Levels {
    /// Levels of a shape.
    pub fn of<T>(shape: &TopicShape<T>) -> Self {
        let levels: Vec<String> = shape.levels.iter().map(ToString::to_string).collect();
        let wild = levels.iter().enumerate().filter(|(_, level)| *level == "+");
        let wild = wild.map(|(at, _)| at).collect();
        let example = shape.structure_topic.split('/').map(str::to_owned).collect();
        Self { levels, wild, example }
    }

    /// Last level; `None` if it is variable.
    pub fn last_word(&self) -> Option<&str> {
        let last = self.levels.len() - 1;
        (!self.wild.contains(&last)).then(|| self.levels[last].as_str())
    }

    /// Replaces variable levels by placeholders; without any, the level that is most likely a name.
    pub fn named(mut self) -> Named {
        if self.wild.is_empty() {
            self.wild.extend(self.likely_name());
        }
        let mut sensor = None;
        match &self.wild[..] {
            [] => sensor = Some(self.levels.join("-")),
            [one] => "{sensor}".clone_into(&mut self.levels[*one]),
            [one, two] => {
                "{device}".clone_into(&mut self.levels[*one]);
                "{sensor}".clone_into(&mut self.levels[*two]);
            }
            many => {
                let names: Vec<_> = (1..=many.len()).map(|at| format!("{{part{at}}}")).collect();
                for (at, name) in many.iter().zip(&names) {
                    self.levels[*at].clone_from(name);
                }
                sensor = Some(names.join("/"));
            }
        }
        Named { topic: self.levels.join("/"), sensor }
    }

    /// Index of the level that is most likely a name: the last one, except the first level of the topic, that is no word for
    /// a purpose, no quantity and no unit.
    fn likely_name(&self) -> Option<usize> {
        let is_name = |at: &usize| {
            let level = &self.levels[*at];
            let is_word = WORDS.contains(&level.to_lowercase().as_str()) || level.starts_with('{');
            let is_unit = keys::unit_of(level).is_some() || keys::unit_by_word(level).is_some();
            !is_word && !level.is_empty() && !is_quantity(level) && !is_unit
        };
        (1..self.levels.len()).rev().find(is_name)
    }

    /// Names the sensors of a list by an id of its elements, after the name of their gateway unless the id is globally
    /// unique.
    pub fn of_elements(mut self, id: &Field, pointer: &str, structure: &Structure) -> Named {
        if keys::is_worldwide(&id.key()) {
            return Named { topic: self.levels.join("/"), sensor: Some(pointer.to_owned()) };
        }
        let mut names: Vec<String> = Vec::new();
        for (nth, at) in self.wild.iter().enumerate() {
            let level = self.example.get(*at).map(String::as_str).unwrap_or_default();
            let key = key_of(level, &structure.outer).filter(|key| !names.contains(key));
            let generic =
                if self.wild.len() == 1 { "device".to_owned() } else { format!("part{}", nth + 1) };
            names.push(key.unwrap_or(generic));
        }
        for (at, name) in self.wild.iter().zip(&names) {
            self.levels[*at] = format!("{{{name}}}");
        }
        let own = if names.iter().any(|name| name == pointer) { "./" } else { "" };
        let mut parts: Vec<String> = names.iter().map(|name| format!("{{{name}}}")).collect();
        if parts.is_empty() {
            parts.extend(gateway(&structure.outer).map(|key| format!("{{/{key}}}")));
        }
        let sensor = if parts.is_empty() {
            pointer.to_owned()
        } else {
            format!("{}/{{{own}{pointer}}}", parts.join("/"))
        };
        Named { topic: self.levels.join("/"), sensor: Some(sensor) }
    }
}

/// Key beside a list whose value is the text of a level.
fn key_of(level: &str, outer: &[Field]) -> Option<String> {
    let is_name =
        |key: &str| key != "quantity" && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let has_text = |field: &&Field| match &field.leaf {
        Leaf::Text(text) | Leaf::Numeral(_, text) => text.trim() == level,
        Leaf::Number(number) => number.to_string() == level,
        Leaf::Other => false,
    };
    let mut found =
        outer.iter().filter(|it| it.path.len() == 1 && is_name(&it.path[0])).filter(has_text);
    found.next().map(|field| field.path[0].clone())
}

/// Key beside a list that identifies its gateway.
fn gateway(outer: &[Field]) -> Option<String> {
    let top = |key: &str| outer.iter().find(|it| it.path.len() == 1 && it.key() == key);
    let ids = keys::GATEWAYS.iter().chain(keys::IDS).filter_map(|key| top(key));
    let mut ids = ids.filter(|field| matches!(field.leaf, Leaf::Text(_)) || keys::is_id(field));
    ids.next().map(|field| escaped(&field.path[0]))
}
