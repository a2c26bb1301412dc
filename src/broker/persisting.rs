//! Writes the hub's persistent state to its storage.
//!
//! Invariant: one group of changes at a time, in order. A failed group is retried, and everything that depends on
//! it waits. Never: disk I/O on a connection's task.

use std::sync::Arc;
use std::time::Duration;

use super::hub::Group;
use super::shared::Shared;
use super::storage::BrokerStore;

/// Delay before a failed group is retried.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Writes each group of changes. Runs for ever.
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

async fn write(keep: Arc<dyn BrokerStore>, group: Arc<Group>) -> Result<(), String> {
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
