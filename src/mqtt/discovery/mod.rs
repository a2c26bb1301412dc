//! Discovery for Home Assistant: each series that is watched appears there by itself, with its value and its alarm.
//!
//! Each series has two entities of the device that its sensor is: a `sensor` with the newest value, and, where a rule
//! holds for it, a `binary_sensor` that is on while an alarm of it stands. Each entity has a retained config of its own,
//! not one config a device: other consumers (openHAB, Domoticz, Home Assistant before the end of 2024) know nothing of
//! the latter, a series comes and goes by one message without the others of its sensor being sent again, and Home
//! Assistant's `migrate_discovery` leads from one form to the other later.
//!
//! Both are available while the status topic of the daemon says `online`. It says `offline` at a stop, and by the Last
//! Will when the process dies or its connection is lost, so no alarm stays on without somebody who would end it.
//!
//! `classes` has what Home Assistant takes a value for, `description` its configs and states, `book` what is to be
//! published when, `birth` when all of it is published anew. They are pure; `publishing` is the actor's part.
//!
//! Always: configs and states are retained, and published anew with each connection and when Home Assistant says that it
//! is there. A state that changed several times goes out once, as it is by then, at most once a second.
//! Never: a loop. Each config names Vigie as its origin, which the reader of discovery passes over; a series that was
//! learned from Home Assistant's discovery is not published. Nor a deletion by guess: an entity goes when its series or
//! the last rule of it does, while the daemon runs. What an earlier process left behind stays (after a restart the
//! table has only what rules need, so a series that is missing may just be quiet), and so does all when discovery is
//! turned off: a daemon that is told to leave those topics alone publishes nothing there.

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

/// Discovery as the gateway is told of it.
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

    /// What changed after a version; 0 for everything.
    fn since(&self, version: u64) -> LiveChanges;
}
