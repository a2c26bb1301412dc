//! Index from alert ids to series, so that actions on a thousand alarms, or on ended ones, don't scan all series
//! each time. Pure.
//!
//! Invariant: every noted id of an alarm is found. An outdated id may be found for a while, so the caller verifies
//! it. Never: more than twice as many as there are alarms with an id.

use std::collections::HashMap;
use std::sync::Arc;

use super::Key;

/// Below this number outdated ids are not removed.
const FEW: usize = 1_024;

#[derive(Debug, Default)]
pub(super) struct Ids {
    series_of: HashMap<Arc<str>, Key>,
    /// Number at which outdated ids are removed.
    series_limit: usize,
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

    /// Removes outdated ids, once they may be as many as the others.
    pub fn tidy(&mut self, has: impl Fn(&Key, &Arc<str>) -> bool) {
        if self.series_of.len() > self.series_limit.max(FEW) {
            self.series_of.retain(|id, key| has(key, id));
            self.series_limit = 2 * self.series_of.len();
        }
    }
}
