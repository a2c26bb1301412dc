//! Model of `[heartbeat]`.

use std::sync::Arc;
use std::time::Duration;

use super::receiver_model::HttpConfig;

/// Periodic request or message, sent while alarms get through. Has at least one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatConfig {
    /// HTTP request, if configured.
    pub http: Option<HttpConfig>,
    /// Topic of an MQTT message, if configured.
    pub topic: Option<Arc<str>>,
    /// From one beat to the next.
    pub interval: Duration,
    /// Whether it stops while there is no connection to the broker.
    pub needs_broker: bool,
}
