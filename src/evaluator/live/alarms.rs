//! Alarms of the live table: those that are not normal, and tombstones of those that recently became normal. Pure.
//!
//! Always: an alarm has the version of its last change; one that becomes normal leaves a tombstone, at most
//! [`MOST_TOMBSTONES`] of them. A reader behind the oldest tombstone needs a full snapshot.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::domain::{AlarmKey, LiveAlarm, LiveChanges, QuickMap, QuickSet};

/// A flood of alarms that ends while a page reconnects, and about 100 kB.
const MOST_TOMBSTONES: usize = 2048;

#[derive(Debug, Default)]
pub(super) struct Alarms {
    alarms: QuickMap<AlarmKey, (u64, Arc<LiveAlarm>)>,
    /// Versions and keys, oldest first.
    tombstones: VecDeque<(u64, AlarmKey)>,
    /// Version of the newest dropped tombstone.
    forgotten: u64,
}

impl Alarms {
    pub fn is_empty(&self) -> bool {
        self.alarms.is_empty()
    }

    /// One of them.
    pub fn get(&self, key: &AlarmKey) -> Option<Arc<LiveAlarm>> {
        self.alarms.get(key).map(|(_, alarm)| alarm.clone())
    }

    /// True if a reader at a version needs a full snapshot.
    pub const fn is_void(&self, version: u64) -> bool {
        0 < version && version < self.forgotten
    }

    /// Adds the changes after a version.
    pub fn since(&self, version: u64, to: &mut LiveChanges) {
        let changed = self.alarms.values().filter(|(at, _)| *at > version);
        to.alarms.extend(changed.map(|(_, alarm)| alarm.clone()));
        if version == 0 {
            return;
        }
        let at_rest = self.tombstones.iter().rev().take_while(|(at, _)| *at > version);
        let at_rest = at_rest.map(|(_, key)| key).filter(|key| !self.alarms.contains_key(*key));
        to.gone.extend(at_rest.cloned());
        to.gone.sort_unstable();
        to.gone.dedup();
    }

    /// Sets an alarm; `None` for one at rest. Whether that is anything new.
    pub fn set(&mut self, version: u64, key: AlarmKey, alarm: Option<LiveAlarm>) -> bool {
        match alarm {
            Some(alarm) => {
                if self.alarms.get(&key).is_some_and(|(_, known)| **known == alarm) {
                    return false;
                }
                self.alarms.insert(key, (version, Arc::new(alarm)));
                true
            }
            None if self.alarms.remove(&key).is_some() => {
                self.bury(version, key);
                true
            }
            None => false,
        }
    }

    /// Replaces all alarms. Whether any changed.
    pub fn replace(&mut self, version: u64, alarms: impl Iterator<Item = LiveAlarm>) -> bool {
        let mut there = QuickSet::default();
        let mut has_changed = false;
        for alarm in alarms {
            let key = alarm.key();
            has_changed |= self.set(version, key.clone(), Some(alarm));
            there.insert(key);
        }
        let at_rest: Vec<_> =
            self.alarms.keys().filter(|key| !there.contains(*key)).cloned().collect();
        for key in at_rest {
            has_changed |= self.set(version, key, None);
        }
        has_changed
    }

    fn bury(&mut self, version: u64, key: AlarmKey) {
        self.tombstones.push_back((version, key));
        if self.tombstones.len() > MOST_TOMBSTONES
            && let Some((forgotten, _)) = self.tombstones.pop_front()
        {
            self.forgotten = forgotten;
        }
    }
}
