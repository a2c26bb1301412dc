//! Discovery for Home Assistant: each series that is watched appears there by itself, with its value and its alarm.
//!
//! Each series has two entities on its sensor's device: a `sensor` with the newest value, and, if a rule applies, a
//! `binary_sensor` that is on while an alarm is active. Each entity has its own retained config, not one per
//! device: other consumers (openHAB, Domoticz, Home Assistant before the end of 2024) don't know the latter, one
//! message adds or removes a series without resending its neighbours, and Home Assistant's `migrate_discovery`
//! converts between the forms.
//!
//! Both are available while the daemon's status topic says `online`. It says `offline` at a stop, and by the Last
//! Will when the process or the connection ends, so no alarm stays on without a daemon to end it.
//!
//! `classes` maps a value to Home Assistant's classes, `description` composes configs and states, `book` decides
//! what to publish when, `birth` when to publish everything again. These are pure; `publishing` is the actor's
//! part.
//!
//! Always: configs and states are retained, and published again with each connection and each birth of Home
//! Assistant. A state that changed several times is published once, with its latest value, at most once a second.
//! Never: a loop. Each config names Vigie as its origin, which the reader of discovery ignores; a series learned
//! from Home Assistant's discovery is not published. Never: a deletion by guess. An entity is deleted when its
//! series or the last rule for it is removed while the daemon runs. What an earlier process published stays (after
//! a restart the table has only the series that rules need, so a missing one may just be quiet), and so does
//! everything when discovery is turned off: then the daemon publishes nothing on those topics.

mod alarms;
mod birth;
mod book;
mod classes;
mod description;
mod entry;
mod publishing;

use std::sync::Arc;

pub(super) use birth::ONLINE;
pub(super) use publishing::Discovery;

use crate::config::HomeAssistantConfig;
use crate::domain::{LiveChanges, LiveHeads};

/// Settings of discovery.
#[derive(Clone)]
pub struct DiscoverySettings {
    /// Prefixes of topics.
    pub config: HomeAssistantConfig,
    /// The series that are watched.
    pub series: Arc<dyn SeriesSource>,
}

/// The live table, as discovery reads it.
pub trait SeriesSource: Send + Sync {
    /// Versions of the last changes.
    fn heads(&self) -> LiveHeads;

    /// Changes after a version; 0 for everything.
    fn since(&self, version: u64) -> LiveChanges;
}
