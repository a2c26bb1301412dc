//! What `vigie status` is told.

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use crate::gateway::Gauges;
use crate::intake::Intake;
use crate::messages::{PublishReadings, Store};
use crate::supervisor::{Health, Route};

/// Where the report looks.
pub(super) struct Reporting {
    pub version: &'static str,
    /// As the log calls it.
    pub broker: String,
    pub gauges: Arc<Gauges>,
    /// Set once the tree has been started.
    pub health: Arc<OnceLock<Health>>,
    pub intake: Arc<Intake>,
    pub store: Route<Store>,
    pub publish: Route<PublishReadings>,
}

impl Reporting {
    /// `{"version","pid","broker":{"name","connected"},"lag":{"unpublished",
    /// "unpublished_in_memory_only","uncommitted"},"tree":{…},"queues":{name:{"depth","capacity"}}}`
    pub fn now(&self) -> Value {
        let queue = |depth: usize, capacity: usize| json!({ "depth": depth, "capacity": capacity });
        json!({
            "version": self.version,
            "pid": std::process::id(),
            "broker": { "name": self.broker, "connected": self.gauges.connected() },
            "lag": {
                "unpublished": self.gauges.unpublished(),
                "unpublished_in_memory_only": self.gauges.in_memory_only(),
                "uncommitted": self.intake.uncommitted(),
            },
            "tree": self.health.get().map(Health::report),
            "queues": {
                "publish": queue(self.publish.depth(), self.publish.capacity()),
                "store": queue(self.store.depth(), self.store.capacity()),
            },
        })
    }
}
