//! Which series an alarm is of, by its id: so that nobody who names a thousand alarms, or some that are no
//! more, has all of them walked through each time. Pure.
//!
//! Holds always: an id that an alarm has, and that was noted, is found. One that none has any more may be
//! found for a while, so whoever asks looks whether the series has it. Never: more than twice as many as
//! there are alarms that have one.

use std::collections::HashMap;
use std::sync::Arc;

use super::Key;

/// Fewer are not looked through for those that are no more.
const FEW: usize = 1_024;

#[derive(Debug, Default)]
pub(super) struct Ids {
    series_of: HashMap<Arc<str>, Key>,
    /// How many there may be before they are looked through.
    room: usize,
}

impl Ids {
    /// Adds the id of an alarm of this series.
    pub fn note(&mut self, id: &Arc<str>, key: &Key) {
        if !self.series_of.contains_key(id) {
            self.series_of.insert(id.clone(), key.clone());
        }
    }

    /// Series of the alarm that has this id, if any has.
    pub fn series(&self, id: &Arc<str>) -> Option<&Key> {
        self.series_of.get(id)
    }

    /// Forgets those that none of the series has any more, once they may be as many as the others.
    pub fn tidy(&mut self, has: impl Fn(&Key, &Arc<str>) -> bool) {
        if self.series_of.len() > self.room.max(FEW) {
            self.series_of.retain(|id, key| has(key, id));
            self.room = 2 * self.series_of.len();
        }
    }
}
