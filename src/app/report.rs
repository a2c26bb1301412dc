//! What `vigie status` is told.

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use crate::ingest::Log;
use crate::messages::{Measured, Store};
use crate::mqtt::Gauges;
use crate::notify::{self, Shown};
use crate::supervisor::{Health, Route};

/// Where the report looks.
pub(super) struct Reporting {
    pub version: &'static str,
    /// As the log calls it.
    pub broker: String,
    pub gauges: Arc<Gauges>,
    /// Set once the tree has been started.
    pub health: Arc<OnceLock<Health>>,
    pub log: Arc<Log>,
    pub store: Route<Store>,
    pub measured: Route<Measured>,
    /// Of each receiver of notifications, by its name.
    pub receivers: Vec<(Arc<str>, Arc<notify::Gauges>)>,
}

impl Reporting {
    /// `{"version","pid","broker":{"name","connected"},"lag":{"unpublished",
    /// "uncommitted"},"receivers":[…],"tree":{…},
    /// "queues":{name:{"depth","capacity"}}}`: places; of `store`, see [`Store::places`]
    pub fn now(&self) -> Value {
        let queue = |depth: usize, capacity: usize| json!({ "depth": depth, "capacity": capacity });
        json!({
            "version": self.version,
            "pid": std::process::id(),
            "broker": { "name": self.broker, "connected": self.gauges.connected() },
            "lag": {
                "unpublished": self.log.unpublished(),
                "uncommitted": self.log.uncommitted(),
            },
            "receivers": self.receivers.iter().map(|(name, it)| receiver(name, &it.shown())).collect::<Vec<_>>(),
            "tree": self.health.get().map(Health::report),
            "queues": {
                "measured": queue(self.measured.depth(), self.measured.capacity()),
                "store": queue(self.store.depth(), self.store.capacity()),
            },
        })
    }
}

/// `{"name","state","waiting","delivered","given_up","dropped","last_success","last_error":{"at","why"}}`
fn receiver(name: &str, shown: &Shown) -> Value {
    let time = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339();
    json!({
        "name": name,
        "state": if shown.is_failing { "failing" } else { "ok" },
        "waiting": shown.waiting,
        "delivered": shown.delivered,
        "given_up": shown.given_up,
        "dropped": shown.dropped,
        "last_success": shown.last_success.map(time),
        "last_error": shown.last_error.as_ref().map(|(at, why)| json!({ "at": time(*at), "why": why })),
    })
}
