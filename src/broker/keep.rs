//! Writes what outlives the process: sessions, what waits for them, and retained messages.
//!
//! Holds always: one group of changes at a time, in order; a group that can't be written is tried again, and what waits
//! for it waits on. Never: a wait for the disk on a connection's task.

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

/// Where what outlives the process is.
pub trait Keep: Send + Sync {
    /// Shows all keys in their order, with their values. Blocks.
    ///
    /// # Errors
    /// What can't be read, in words.
    fn each(&self, show: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), String>;

    /// Makes changes, all or none. Blocks.
    ///
    /// # Errors
    /// What can't be written, in words.
    fn apply(&self, changes: &mut dyn Iterator<Item = KeptChange>) -> Result<(), String>;
}

/// A mark that no other installation has.
#[must_use]
pub fn random_mark() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// The hub as it was kept. Blocks.
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

/// Writes what changed at last, once nothing else does. Blocks.
pub(super) fn write_the_rest(shared: &Shared) {
    // What panicked may have left it halfway.
    let Some(keep) = shared.keep.as_ref().filter(|_| !shared.is_halfway()) else { return };
    if let Some(group) = shared.with(|hub, _| hub.last_changes()) {
        // Nothing of it was acknowledged.
        let _ = keep.apply(&mut group.changes());
    }
}
