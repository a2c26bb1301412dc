//! Topics in few shapes: levels that name a device become `+`, and each shape has an example and a count. Pure.
//!
//! A level names a device by its look (a number, a MAC or other hexadecimal id, a name with a number behind it), or
//! because [`SIBLINGS`] shapes with the same sort of payload differ in it alone.
//!
//! Always: a message of a topic that was seen before costs one look-up, and a copy of its first bytes. Never: more than
//! [`MOST_SHAPES`] shapes; the one that was seen least makes room, once a second at most, so that a flood of topics costs
//! little and hides little.

use chrono::{DateTime, TimeDelta, Utc};

use super::structure::Structure;
use crate::domain::QuickMap;
use crate::ingest::formats::kit::names;

/// Shapes: a plant has dozens; more are no list for a person.
pub const MOST_SHAPES: usize = 256;

/// Topics whose shape is remembered, so that it need not be looked for: 200 kB.
const MOST_TOPICS: usize = 2_048;

/// A longer topic is counted by its beginning alone.
const LONGEST_TOPIC: usize = 512;

/// Bytes kept of the last payload.
const SHOWN_BYTES: usize = 512;

/// Shapes that differ in one level, before that level is taken for a name.
const SIBLINGS: usize = 3;

/// A shape's payload is looked into once in that time.
const LOOK_AGAIN: TimeDelta = TimeDelta::seconds(1);

/// Shapes of topics, each with what else is known of it.
#[derive(Debug, Default)]
pub struct TopicShapes<T> {
    shapes: Vec<TopicShape<T>>,
    /// Place of the shape of a topic.
    by_topic: QuickMap<Box<str>, usize>,
    num_unlisted: u64,
    made_room_at: Option<DateTime<Utc>>,
    /// In the place of what is known of a shape that found no room.
    spare: T,
}

/// A shape of topics.
#[derive(Debug, Clone)]
pub struct TopicShape<T> {
    /// Levels; `+` for one that names a device.
    pub levels: Vec<Box<str>>,
    /// Messages.
    pub count: u64,
    /// Time of the first message.
    pub first_seen: DateTime<Utc>,
    /// Time of the last message.
    pub last_seen: DateTime<Utc>,
    /// Topic of the last message.
    pub topic: String,
    /// Beginning of its payload.
    pub payload: Vec<u8>,
    /// Whether its payload is longer.
    pub is_cut: bool,
    /// What a payload of the shape is made of: the last one, where that is short, or one from the second before it.
    pub structure: Structure,
    /// Topic of the message that has the structure.
    pub structure_topic: String,
    /// What else is known of it.
    pub more: T,
    looked_at: DateTime<Utc>,
}

impl<T: Default> TopicShapes<T> {
    /// Counts a message, and gives what else is known of its shape.
    pub fn note(&mut self, topic: &str, payload: &[u8], at: DateTime<Utc>) -> &mut T {
        let place = match self.by_topic.get(topic) {
            Some(place) => Some(*place),
            None => self.place(beginning(topic), payload, at),
        };
        let Some(place) = place else {
            self.num_unlisted += 1;
            self.spare = T::default();
            return &mut self.spare;
        };
        let shape = &mut self.shapes[place];
        shape.count += 1;
        shape.last_seen = at;
        shape.keep(topic, payload);
        if (at - shape.looked_at).abs() >= LOOK_AGAIN {
            shape.look(topic, payload, at);
        }
        &mut shape.more
    }

    /// Takes the structure of each shape from its last message, where that was kept in full.
    pub fn refresh(&mut self) {
        for shape in self.shapes.iter_mut().filter(|shape| !shape.is_cut) {
            shape.structure = Structure::of(&shape.payload);
            shape.structure_topic.clone_from(&shape.topic);
        }
    }

    /// Shapes, the one with the most messages first.
    #[must_use]
    pub fn sorted(&self) -> Vec<&TopicShape<T>> {
        let mut shapes: Vec<_> = self.shapes.iter().collect();
        shapes.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.levels.cmp(&b.levels)));
        shapes
    }

    /// Messages on shapes that found no room, or made room for others.
    #[must_use]
    pub const fn num_unlisted(&self) -> u64 {
        self.num_unlisted
    }

    /// Finds the shape of a topic that is new, or makes it; `None` where there is no room.
    fn place(&mut self, topic: &str, payload: &[u8], at: DateTime<Utc>) -> Option<usize> {
        let known = self.shapes.iter().position(|shape| is_of(&shape.levels, topic));
        let place = match known {
            Some(place) => place,
            None if self.has_room(at) => self.add(topic, payload, at),
            None => return None,
        };
        if self.by_topic.len() == MOST_TOPICS {
            self.by_topic.clear();
        }
        self.by_topic.insert(topic.into(), place);
        Some(place)
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
            looked_at: at,
        });
        self.unite()
    }

    /// Makes one of the last shape and those that differ from it in one level. Returns its place.
    fn unite(&mut self) -> usize {
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
        let mut united = self.shapes.remove(last);
        for other in others.into_iter().rev() {
            let other = self.shapes.remove(other);
            united.count += other.count;
            united.first_seen = united.first_seen.min(other.first_seen);
        }
        united.levels[level] = "+".into();
        self.shapes.push(united);
        self.by_topic.clear();
        self.shapes.len() - 1
    }

    /// Whether there is room for one more, which may be made.
    fn has_room(&mut self, now: DateTime<Utc>) -> bool {
        if self.shapes.len() < MOST_SHAPES {
            return true;
        }
        if self.made_room_at.is_some_and(|at| (now - at).abs() < LOOK_AGAIN) {
            return false;
        }
        self.made_room_at = Some(now);
        let quietness = |(_, it): &(usize, &TopicShape<T>)| (it.count, it.last_seen);
        if let Some((place, _)) = self.shapes.iter().enumerate().min_by_key(quietness) {
            self.num_unlisted += self.shapes.remove(place).count;
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

    /// Keeps a message as the last one.
    fn keep(&mut self, topic: &str, payload: &[u8]) {
        let shown = &payload[..payload.len().min(SHOWN_BYTES)];
        beginning(topic).clone_into(&mut self.topic);
        shown.clone_into(&mut self.payload);
        self.is_cut = shown.len() < payload.len();
    }

    fn look(&mut self, topic: &str, payload: &[u8], at: DateTime<Utc>) {
        beginning(topic).clone_into(&mut self.structure_topic);
        self.structure = Structure::of(payload);
        self.looked_at = at;
    }

    /// Whether another shape has the same sort of payload, and differs in this level alone, which is a name in both.
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

/// As much of a topic as is kept.
fn beginning(topic: &str) -> &str {
    &topic[..topic.floor_char_boundary(LONGEST_TOPIC)]
}

fn is_of(levels: &[Box<str>], topic: &str) -> bool {
    let mut rest = topic.split('/');
    let is_level = |wanted: &str, level: &str| wanted == level || wanted == "+";
    levels.iter().all(|wanted| rest.next().is_some_and(|level| is_level(wanted, level)))
        && rest.next().is_none()
}

/// Whether a level may be a device's name: quantities, and words that say what a topic is for, are none.
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

/// Words that say what a topic is for.
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

/// Levels with digits that are no ids.
const NO_IDS: &[&str] = &["rtl_433", "zigbee2mqtt", "zb2mqtt", "pm2_5", "pm1_0"];

/// Whether a level names a device by its look.
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
