//! Persists what outlives the process: sessions, their queues, and retained messages.
//!
//! Invariant: one group of changes at a time, in order. A failed group is retried, and everything that depends on
//! it waits. Never: disk I/O on a connection's task.

use std::sync::Arc;
use std::time::Duration;

use super::access::Door;
use super::hub::{Group, Hub, Restoring};
use super::limits;
use super::shared::{Shared, Waker};
use crate::config::BrokerLimits;
use crate::domain::KeptChange;

/// Until a group that could not be written is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Persistent storage of the hub.
pub trait Keep: Send + Sync {
    /// Shows all keys in their order, with their values. Blocks.
    ///
    /// # Errors
    /// Error text: what can't be read.
    fn each(&self, show: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), String>;

    /// Makes changes, all or none. Blocks.
    ///
    /// # Errors
    /// Error text: what can't be written.
    fn apply(&self, changes: &mut dyn Iterator<Item = KeptChange>) -> Result<(), String>;
}

/// A random id of the installation.
#[must_use]
pub fn random_mark() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// Loads the persisted hub. Blocks.
pub(super) fn restore(
    now: i64,
    keep: Option<&Arc<dyn Keep>>,
    door: &Door,
    limits: &BrokerLimits,
) -> Result<Hub<Waker>, String> {
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

/// Writes each group of changes, for ever.
pub(super) async fn write_changes(shared: &Shared) {
    let Some(keep) = shared.keep.clone() else { return std::future::pending().await };
    loop {
        shared.changed.notified().await;
        while let Some(group) = shared.with(|hub, _| hub.changes()) {
            let (number, group) = (group.number, Arc::new(group));
            while let Err(why) = write(keep.clone(), group.clone()).await {
                shared.gauges.begin_keep_trouble(&why);
                tokio::time::sleep(TRY_AGAIN).await;
            }
            shared.gauges.end_keep_trouble();
            shared.with(|hub, _| hub.written(number));
        }
    }
}

async fn write(keep: Arc<dyn Keep>, group: Arc<Group>) -> Result<(), String> {
    let written = tokio::task::spawn_blocking(move || keep.apply(&mut group.changes())).await;
    written.unwrap_or_else(|panic| Err(panic.to_string()))
}

/// Writes the last changes, after all connections ended. Blocks.
pub(super) fn write_the_rest(shared: &Shared) {
    // After a panic, the state may be inconsistent.
    let Some(keep) = shared.keep.as_ref().filter(|_| !shared.is_halfway()) else { return };
    if let Some(group) = shared.with(|hub, _| hub.last_changes()) {
        // None of it was acknowledged.
        let _ = keep.apply(&mut group.changes());
    }
}
