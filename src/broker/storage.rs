//! Storage of the hub's persistent state: sessions, their queues, and retained messages.

use std::sync::Arc;

use super::access::AccessSnapshot;
use super::hub::{Hub, Restoring};
use super::limits;
use crate::config::BrokerLimits;
use crate::domain::BrokerStateChange;

/// Persistent storage of the hub.
pub trait BrokerStore: Send + Sync {
    /// Shows all keys in their order, with their values. Blocks.
    ///
    /// # Errors
    /// Error text: what can't be read.
    fn each(&self, show: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), String>;

    /// Makes changes, all or none. Blocks.
    ///
    /// # Errors
    /// Error text: what can't be written.
    fn apply(&self, changes: &mut dyn Iterator<Item = BrokerStateChange>) -> Result<(), String>;
}

/// A random id of the installation.
#[must_use]
pub fn random_mark() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// Loads the persisted hub. Blocks.
pub(super) fn restore<W: Clone>(
    now: i64,
    keep: Option<&Arc<dyn BrokerStore>>,
    door: &AccessSnapshot,
    limits: &BrokerLimits,
) -> Result<Hub<W>, String> {
    let hub = Hub::new(limits::of_hub(limits));
    let Some(keep) = keep else { return Ok(hub) };
    let mut restoring = Restoring::new(hub, now);
    keep.each(&mut |key, value| restoring.add(key, value, |user| door.of_user(user)))?;
    let (hub, num_left_out) = restoring.finish();
    if num_left_out > 0 {
        log::warn!(
            target: "vigie::broker",
            "{num_left_out} parts of the kept sessions and retained messages are left out: they can't be read, or there \
             is no room for them",
        );
    }
    Ok(hub)
}
