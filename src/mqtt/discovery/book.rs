//! Publication state for Home Assistant: the series shown, which of their parts are due, and what is in flight.
//! Pure.
//!
//! Always: a due part is a flag of its series, so it is published once with its latest content, however often it
//! changed; deletions first, then alarms, configs, values. What was in flight when the connection closed is due
//! again. Never: more than [`MOST_SERIES`] series, [`WINDOW`] messages in flight, or [`MOST_A_TICK`] between two
//! ticks.

use std::collections::VecDeque;
use std::time::Instant;

use super::alarms::{Alarms, Key};
use super::description::Describer;
use super::entry::{Entry, Part, Sent};
use crate::domain::{
    LiveChanges, Quantity, QuickMap, QuickSet, SensorId, SeriesDescription, SeriesValue,
};
use crate::wire::Component;

/// Limit of series: some 20,000 entities, more than Home Assistant handles well, and 10 MB.
pub(super) const MOST_SERIES: usize = 10_000;
/// Limit of messages in flight. Together with the windows of readings and alerts they fit the client's queue.
pub(super) const WINDOW: usize = 40;
/// Messages between two ticks: what a small machine with Home Assistant processes without falling behind.
pub(super) const MOST_A_TICK: usize = 500;
/// Pending deletions: up to everything shown.
const MOST_DELETIONS: usize = 4 * MOST_SERIES;

/// Kind of a message in flight.
enum Item {
    Part(u32, Part),
    Deletion(String),
}

/// A retained message to publish.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::mqtt) struct Due {
    /// Identifies the message until its outcome is known.
    pub tag: u64,
    pub topic: String,
    /// Empty for a deletion.
    pub payload: Vec<u8>,
}

/// The series, with their due parts.
pub(super) struct Book {
    describer: Describer,
    entries: QuickMap<u32, Entry>,
    indexes: QuickMap<Key, u32>,
    alarms: Alarms,
    due: [VecDeque<u32>; Part::ALL.len()],
    deletions: VecDeque<String>,
    in_flight: QuickMap<u64, Item>,
    next_tag: u64,
    room_this_tick: usize,
    has_left_out: bool,
}

impl Book {
    pub fn new(describer: Describer) -> Self {
        Self {
            describer,
            entries: QuickMap::default(),
            indexes: QuickMap::default(),
            alarms: Alarms::default(),
            due: Default::default(),
            deletions: VecDeque::new(),
            in_flight: QuickMap::default(),
            next_tag: 0,
            room_this_tick: MOST_A_TICK,
            has_left_out: false,
        }
    }

    /// Starts a new tick's allowance.
    pub const fn tick(&mut self) {
        self.room_this_tick = MOST_A_TICK;
    }

    /// Takes the flag that a series was left out because of [`MOST_SERIES`].
    pub const fn take_left_out(&mut self) -> bool {
        std::mem::replace(&mut self.has_left_out, false)
    }

    /// Applies changes; `is_all` marks a complete snapshot. `is_shown` selects the series.
    pub fn take(
        &mut self,
        changes: LiveChanges,
        is_all: bool,
        is_shown: impl Fn(&SensorId, &Quantity) -> bool,
        now: Instant,
    ) {
        if is_all {
            self.keep_only(&changes);
        }
        for of in changes.descriptions {
            if is_shown(&of.sensor_id, &of.quantity) {
                self.describe(of);
            } else {
                self.remove(of.index);
            }
        }
        for alarm in changes.alarms {
            let key = self.alarms.set(alarm);
            self.mark_alarm(&key);
        }
        for name in changes.gone {
            if let Some(key) = self.alarms.end(&name) {
                self.mark_alarm(&key);
            }
        }
        for value in changes.values {
            self.update(&value, now);
        }
    }

    /// Marks everything due, for a new connection or a birth of Home Assistant. A new connection discards what was
    /// in flight.
    pub fn begin_anew(&mut self, is_connection_new: bool) {
        if is_connection_new {
            let in_flight = std::mem::take(&mut self.in_flight);
            for item in in_flight.into_values() {
                if let Item::Deletion(topic) = item {
                    self.deletions.push_front(topic);
                }
            }
        }
        let indexes: Vec<u32> = self.entries.keys().copied().collect();
        for index in indexes {
            let Some(entry) = self.entries.get_mut(&index) else { continue };
            (entry.sent_value, entry.sent_alarm) = (None, None);
            let (is_judged, has_value) = (entry.of.is_judged, entry.value.is_some());
            self.mark(index, Part::ValueConfig);
            if is_judged {
                self.mark(index, Part::AlarmConfig);
                self.mark(index, Part::AlarmState);
            }
            if has_value {
                self.mark(index, Part::ValueState);
            }
        }
    }

    /// Next message, if one is due and within the limits.
    pub fn dispatch(&mut self, now: Instant) -> Option<Due> {
        if self.in_flight.len() >= WINDOW || self.room_this_tick == 0 {
            return None;
        }
        let (item, topic, payload) = self.next(now)?;
        self.room_this_tick -= 1;
        let tag = self.next_tag;
        self.next_tag += 1;
        self.in_flight.insert(tag, item);
        Some(Due { tag, topic, payload })
    }

    /// The broker accepted the message, or never will.
    pub fn finish(&mut self, tag: u64) {
        self.in_flight.remove(&tag);
    }

    /// The broker refused the message for now.
    pub fn put_back(&mut self, tag: u64) {
        match self.in_flight.remove(&tag) {
            Some(Item::Deletion(topic)) => self.deletions.push_front(topic),
            Some(Item::Part(index, part)) => {
                if let Some(entry) = self.entries.get_mut(&index) {
                    match part {
                        Part::AlarmState => entry.sent_alarm = None,
                        Part::ValueState => entry.sent_value = None,
                        Part::ValueConfig | Part::AlarmConfig => {}
                    }
                    self.mark(index, part);
                }
            }
            None => {}
        }
    }

    fn next(&mut self, now: Instant) -> Option<(Item, String, Vec<u8>)> {
        if let Some(topic) = self.deletions.pop_front() {
            return Some((Item::Deletion(topic.clone()), topic, Vec::new()));
        }
        for part in Part::ALL {
            while let Some(index) = self.due[part as usize].pop_front() {
                if let Some((topic, payload)) = self.write(index, part, now) {
                    return Some((Item::Part(index, part), topic, payload));
                }
            }
        }
        None
    }

    /// Present message of a part of a series; `None` if the part is gone, or unchanged since its publication.
    fn write(&mut self, index: u32, part: Part, now: Instant) -> Option<(String, Vec<u8>)> {
        let Self { entries, alarms, describer, .. } = self;
        let entry = entries.get_mut(&index)?;
        entry.due[part as usize] = false;
        let topics = describer.topics();
        match part {
            Part::ValueConfig => {
                let topic = topics.config(Component::Value, &entry.id);
                Some((topic, describer.value_config(&entry.of)))
            }
            Part::AlarmConfig if entry.of.is_judged => {
                let topic = topics.config(Component::Alarm, &entry.id);
                Some((topic, describer.alarm_config(&entry.of)))
            }
            Part::AlarmState if entry.of.is_judged => {
                let gravest = alarms.gravest(&entry.key());
                let payload = describer.alarm_state(entry.flags, gravest);
                if entry.sent_alarm.as_ref() == Some(&payload) {
                    return None;
                }
                entry.sent_alarm = Some(payload.clone());
                Some((topics.state(Component::Alarm, &entry.id), payload))
            }
            Part::AlarmConfig | Part::AlarmState => None,
            Part::ValueState => {
                let value = entry.value?;
                entry.sent_value = Some(Sent { value, at: entry.at, when: now });
                let payload = value.to_string().into_bytes();
                Some((topics.state(Component::Value, &entry.id), payload))
            }
        }
    }

    fn mark(&mut self, index: u32, part: Part) {
        if let Some(entry) = self.entries.get_mut(&index)
            && !std::mem::replace(&mut entry.due[part as usize], true)
        {
            self.due[part as usize].push_back(index);
        }
    }

    fn describe(&mut self, of: SeriesDescription) {
        let index = of.index;
        let Some(entry) = self.entries.get_mut(&index) else { return self.add(of) };
        let before = std::mem::replace(&mut entry.of, of);
        let of = &entry.of;
        let is_elsewhere = before.location != of.location;
        let is_other_value =
            (&before.unit, before.stale_after) != (&of.unit, of.stale_after) || is_elsewhere;
        let (was_judged, is_judged) = (before.is_judged, of.is_judged);
        if is_other_value {
            self.mark(index, Part::ValueConfig);
        }
        if is_judged && (!was_judged || is_elsewhere) {
            self.mark(index, Part::AlarmConfig);
            self.mark(index, Part::AlarmState);
        }
        if was_judged && !is_judged {
            self.delete_alarm(index);
        }
    }

    fn add(&mut self, of: SeriesDescription) {
        if self.entries.len() >= MOST_SERIES {
            self.has_left_out = true;
            return;
        }
        let index = of.index;
        let entry = Entry::new(of);
        let is_judged = entry.of.is_judged;
        self.indexes.insert(entry.key(), index);
        self.entries.insert(index, entry);
        self.mark(index, Part::ValueConfig);
        if is_judged {
            self.mark(index, Part::AlarmConfig);
            self.mark(index, Part::AlarmState);
        }
    }

    fn update(&mut self, to: &SeriesValue, now: Instant) {
        let Some(entry) = self.entries.get_mut(&to.index) else { return };
        let has_other_flags = entry.flags != to.flags;
        (entry.value, entry.at, entry.flags) = (to.value, to.at, to.flags);
        let is_due = entry.is_value_due(now);
        if is_due {
            self.mark(to.index, Part::ValueState);
        }
        if has_other_flags {
            self.mark(to.index, Part::AlarmState);
        }
    }

    fn mark_alarm(&mut self, key: &Key) {
        if let Some(index) = self.indexes.get(key) {
            self.mark(*index, Part::AlarmState);
        }
    }

    /// Removes series that are missing in a complete snapshot.
    fn keep_only(&mut self, all: &LiveChanges) {
        let there: QuickSet<u32> = all.descriptions.iter().map(|of| of.index).collect();
        let gone: Vec<u32> =
            self.entries.keys().copied().filter(|index| !there.contains(index)).collect();
        gone.into_iter().for_each(|index| self.remove(index));
        let ended = self.alarms.clear();
        ended.iter().for_each(|key| self.mark_alarm(key));
    }

    fn remove(&mut self, index: u32) {
        let Some(entry) = self.entries.get(&index) else { return };
        let topics = self.describer.topics();
        let value =
            [topics.config(Component::Value, &entry.id), topics.state(Component::Value, &entry.id)];
        if entry.of.is_judged {
            self.delete_alarm(index);
        }
        self.delete(value);
        if let Some(entry) = self.entries.remove(&index) {
            self.indexes.remove(&entry.key());
        }
    }

    fn delete_alarm(&mut self, index: u32) {
        let Some(entry) = self.entries.get_mut(&index) else { return };
        entry.sent_alarm = None;
        let topics = self.describer.topics();
        let alarm =
            [topics.config(Component::Alarm, &entry.id), topics.state(Component::Alarm, &entry.id)];
        self.delete(alarm);
    }

    fn delete(&mut self, topics: [String; 2]) {
        for topic in topics {
            if self.deletions.len() == MOST_DELETIONS {
                self.deletions.pop_front();
            }
            self.deletions.push_back(topic);
        }
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
