//! Shapes of topics: topics grouped by filter, with `+` for levels that name a device. Each shape has a count and its last
//! message. Pure.
//!
//! A level names a device by its form (a number, a MAC address or other hexadecimal id, a word followed by a number), or
//! because [`SIBLINGS`] shapes with the same structure of payload differ in this level alone.
//!
//! Always: a message of a known topic costs one look-up and a copy of its first bytes. Never: more than [`MOST_SHAPES`]
//! shapes. The one with the fewest messages is evicted, once a second at most, so that a flood of topics costs little and
//! evicts little.

use chrono::{DateTime, TimeDelta, Utc};

use super::structure::Structure;
use crate::domain::QuickMap;
use crate::ingest::formats::kit::names;

/// Limit of shapes: a plant has dozens.
pub const MOST_SHAPES: usize = 256;

/// Limit of topics whose shape is cached: 200 kB.
const MOST_TOPICS: usize = 2_048;

/// Limit of a topic in bytes; a longer one is truncated.
const LONGEST_TOPIC: usize = 512;

/// Limit of bytes kept of the last payload.
const SHOWN_BYTES: usize = 512;

/// Number of shapes that differ in one level from which this level counts as a device's name.
const SIBLINGS: usize = 3;

/// Interval at which a shape's payload is parsed, and at which a shape may be evicted.
const INTERVAL: TimeDelta = TimeDelta::seconds(1);

/// Shapes of topics, each with data `T` of the caller.
#[derive(Debug, Default)]
pub struct TopicShapes<T> {
    shapes: Vec<TopicShape<T>>,
    /// Index of the shape of a topic.
    by_topic: QuickMap<Box<str>, usize>,
    num_unlisted: u64,
    evicted_at: Option<DateTime<Utc>>,
    /// Data of a shape past the limit; reset with each message.
    spare: T,
}

/// A shape of topics.
#[derive(Debug, Clone)]
pub struct TopicShape<T> {
    /// Levels of the filter; `+` for one that names a device.
    pub levels: Vec<Box<str>>,
    /// Number of messages.
    pub count: u64,
    /// Time of the first message.
    pub first_seen: DateTime<Utc>,
    /// Time of the last message.
    pub last_seen: DateTime<Utc>,
    /// Topic of the last message.
    pub topic: String,
    /// Beginning of the last payload.
    pub payload: Vec<u8>,
    /// Whether the last payload is longer than `payload`.
    pub is_cut: bool,
    /// Structure of a payload: of the last one if it was kept in full, else of one at most a second older.
    pub structure: Structure,
    /// Topic of the message with this structure.
    pub structure_topic: String,
    /// Data of the caller.
    pub more: T,
    parsed_at: DateTime<Utc>,
}

impl<T: Default> TopicShapes<T> {
    /// Counts a message, and returns the caller's data of its shape.
    pub fn note(&mut self, topic: &str, payload: &[u8], at: DateTime<Utc>) -> &mut T {
        let index = match self.by_topic.get(topic) {
            Some(index) => Some(*index),
            None => self.find_or_add(beginning(topic), payload, at),
        };
        let Some(index) = index else {
            self.num_unlisted += 1;
            self.spare = T::default();
            return &mut self.spare;
        };
        let shape = &mut self.shapes[index];
        shape.count += 1;
        shape.last_seen = at;
        shape.keep(topic, payload);
        if (at - shape.parsed_at).abs() >= INTERVAL {
            shape.parse(topic, payload, at);
        }
        &mut shape.more
    }

    /// Updates the structure of each shape from its last payload, if that was kept in full.
    pub fn refresh(&mut self) {
        for shape in self.shapes.iter_mut().filter(|shape| !shape.is_cut) {
            shape.structure = Structure::of(&shape.payload);
            shape.structure_topic.clone_from(&shape.topic);
        }
    }

    /// Shapes by number of messages, descending.
    #[must_use]
    pub fn sorted(&self) -> Vec<&TopicShape<T>> {
        let mut shapes: Vec<_> = self.shapes.iter().collect();
        shapes.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.levels.cmp(&b.levels)));
        shapes
    }

    /// Messages on shapes past the limit, evicted ones included.
    #[must_use]
    pub const fn num_unlisted(&self) -> u64 {
        self.num_unlisted
    }

    /// Finds or adds the shape of a topic that is not cached; `None` past the limit.
    fn find_or_add(&mut self, topic: &str, payload: &[u8], at: DateTime<Utc>) -> Option<usize> {
        let known = self.shapes.iter().position(|shape| is_of(&shape.levels, topic));
        let index = match known {
            Some(index) => index,
            None if self.has_room(at) => self.add(topic, payload, at),
            None => return None,
        };
        if self.by_topic.len() == MOST_TOPICS {
            self.by_topic.clear();
        }
        self.by_topic.insert(topic.into(), index);
        Some(index)
    }

    fn add(&mut self, topic: &str, payload: &[u8], at: DateTime<Utc>) -> usize {
        let levels: Vec<Box<str>> =
            topic.split('/').map(|level| if is_id(level) { "+" } else { level }.into()).collect();
        self.shapes.push(TopicShape {
            levels,
            count: 0,
            first_seen: at,
            last_seen: at,
            topic: String::new(),
            payload: Vec::new(),
            is_cut: false,
            structure: Structure::of(payload),
            structure_topic: topic.to_owned(),
            more: T::default(),
            parsed_at: at,
        });
        self.merge()
    }

    /// Merges the last shape with those that differ from it in one level. Returns its index.
    fn merge(&mut self) -> usize {
        let last = self.shapes.len() - 1;
        let new = &self.shapes[last];
        let num_levels = new.levels.len();
        let alike = |level: usize| -> Vec<usize> {
            let is_alike = |(_, it): &(usize, &TopicShape<T>)| new.differs_in(it, level);
            self.shapes[..last].iter().enumerate().filter(is_alike).map(|(at, _)| at).collect()
        };
        let found = (0..num_levels).map(|level| (level, alike(level)));
        let Some((level, others)) = found.into_iter().find(|(_, at)| at.len() + 1 >= SIBLINGS)
        else {
            return last;
        };
        let mut merged = self.shapes.remove(last);
        for other in others.into_iter().rev() {
            let other = self.shapes.remove(other);
            merged.count += other.count;
            merged.first_seen = merged.first_seen.min(other.first_seen);
        }
        merged.levels[level] = "+".into();
        self.shapes.push(merged);
        self.by_topic.clear();
        self.shapes.len() - 1
    }

    /// Whether another shape may be added; evicts one if necessary.
    fn has_room(&mut self, now: DateTime<Utc>) -> bool {
        if self.shapes.len() < MOST_SHAPES {
            return true;
        }
        if self.evicted_at.is_some_and(|at| (now - at).abs() < INTERVAL) {
            return false;
        }
        self.evicted_at = Some(now);
        let quietness = |(_, it): &(usize, &TopicShape<T>)| (it.count, it.last_seen);
        if let Some((index, _)) = self.shapes.iter().enumerate().min_by_key(quietness) {
            self.num_unlisted += self.shapes.remove(index).count;
            self.by_topic.clear();
        }
        true
    }
}

impl<T> TopicShape<T> {
    /// The shape as a filter.
    #[must_use]
    pub fn text(&self) -> String {
        self.levels.join("/")
    }

    /// Stores the last message.
    fn keep(&mut self, topic: &str, payload: &[u8]) {
        let shown = &payload[..payload.len().min(SHOWN_BYTES)];
        beginning(topic).clone_into(&mut self.topic);
        shown.clone_into(&mut self.payload);
        self.is_cut = shown.len() < payload.len();
    }

    fn parse(&mut self, topic: &str, payload: &[u8], at: DateTime<Utc>) {
        beginning(topic).clone_into(&mut self.structure_topic);
        self.structure = Structure::of(payload);
        self.parsed_at = at;
    }

    /// Whether another shape has the same structure of payload and differs in this level alone, which may be a name in both.
    fn differs_in(&self, other: &Self, level: usize) -> bool {
        let is_alike = |at: usize| (self.levels[at] == other.levels[at]) != (at == level);
        self.levels.len() == other.levels.len()
            && (0..self.levels.len()).all(is_alike)
            && is_name(&self.levels[level])
            && is_name(&other.levels[level])
            && self.structure.kind == other.structure.kind
            && self.structure.keys() == other.structure.keys()
    }
}

/// A topic up to [`LONGEST_TOPIC`].
fn beginning(topic: &str) -> &str {
    &topic[..topic.floor_char_boundary(LONGEST_TOPIC)]
}

fn is_of(levels: &[Box<str>], topic: &str) -> bool {
    let mut rest = topic.split('/');
    let is_level = |wanted: &str, level: &str| wanted == level || wanted == "+";
    levels.iter().all(|wanted| rest.next().is_some_and(|level| is_level(wanted, level)))
        && rest.next().is_none()
}

/// Whether a level may be a device's name: not a quantity, and none of [`WORDS`].
fn is_name(level: &str) -> bool {
    !level.starts_with('$')
        && !is_quantity(level)
        && !WORDS.contains(&level.to_lowercase().as_str())
}

/// Whether a level is the name of a usual quantity.
#[must_use]
pub fn is_quantity(level: &str) -> bool {
    names::is_canonical(&names::canonical(level))
}

/// Words for the purpose of a topic.
pub const WORDS: &[&str] = &[
    "alive",
    "availability",
    "available",
    "bridge",
    "cmnd",
    "config",
    "connected",
    "connection",
    "data",
    "event",
    "events",
    "info",
    "json",
    "lwt",
    "me",
    "measurement",
    "measurements",
    "online",
    "reachable",
    "reading",
    "readings",
    "report",
    "rpc",
    "rx",
    "sensor",
    "sensors",
    "set",
    "stat",
    "state",
    "status",
    "tele",
    "telemetry",
    "up",
    "value",
    "values",
];

/// Levels with digits that are not ids.
const NO_IDS: &[&str] = &["rtl_433", "zigbee2mqtt", "zb2mqtt", "pm2_5", "pm1_0"];

/// Whether a level is an id by its form.
fn is_id(level: &str) -> bool {
    if NO_IDS.contains(&level.to_lowercase().as_str()) || is_quantity(level) {
        return false;
    }
    let bare: String = level.chars().filter(|c| !matches!(c, ':' | '-')).collect();
    if bare.len() >= 6 && is_hexadecimal(bare.trim_start_matches("0x")) {
        return true;
    }
    let mut parts = level.split(['-', '_', ':', ' ']);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let num_last_digits = level.bytes().rev().take_while(u8::is_ascii_digit).count();
    num_last_digits >= 2
        || parts.any(|part| is_number(part) || (part.len() >= 6 && is_hexadecimal(part)))
}

/// Hexadecimal, with a digit in it: `facade` is a word.
fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit()) && text.bytes().any(|b| b.is_ascii_digit())
}

#[cfg(test)]
#[path = "shapes_tests.rs"]
mod tests;
