//! Every bound of the embedded broker that `[broker.limits]` doesn't set, with its reason.

use std::time::Duration;

use super::hub::Limits;
use crate::config::BrokerLimits;

/// Threads of the broker's runtime: two handle tens of thousands of messages a second, and the other cores are for
/// the rest of the daemon.
pub(super) const THREADS: usize = 2;

/// Largest CONNECT, in bytes: a will of 64 KiB and some properties, from a client that is not authenticated.
pub(super) const MAX_CONNECT_BYTES: usize = 128 * 1024;

/// Packets larger than this count, from when their size is known until they are taken in, ...
pub(super) const SMALL_PACKET_BYTES: usize = 16 * 1024;

/// ... together up to this: 32 of the largest at once, of the default size.
pub(super) const MAX_INCOMING_BYTES: usize = 64 * 1024 * 1024;

/// Limit for connections without a login: 128 of the largest CONNECTs.
pub(super) const MAX_STRANGERS_BYTES: usize = 16 * 1024 * 1024;

/// Bytes read before they are processed, and encoded before they are written, per connection: some hundred
/// readings, so that neither side waits for each.
pub(super) const AHEAD_BYTES: usize = 32 * 1024;

/// Answers pending for a client that does not read. At the limit its packets are no longer processed. QoS 0 has no
/// answer.
pub(super) const MAX_UNANSWERED: usize = 1_000;

/// Longest client id, in bytes: it is kept with each session, and logged.
pub(super) const MAX_CLIENT_ID_BYTES: usize = 256;

/// Connections before their CONNECT: enough for a fleet that reconnects at once. Beyond it the oldest is closed.
pub(super) const MAX_HANDSHAKES: usize = 1_000;

/// Accept backlog of the kernel, for the same fleet.
pub(super) const BACKLOG: u32 = 1_024;

/// From connecting to a complete CONNECT, TLS included.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// Timeout of a client whose socket stays full.
pub(super) const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for a client to read the reason before it is cut off.
pub(super) const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// Subscriptions of all clients: 64 of the largest.
const ALL_SUBSCRIPTION_BYTES: usize = 64 * 1024 * 1024;

/// Minimum bytes for one client's subscriptions: a thousand filters of three levels.
const SUBSCRIPTION_BYTES: usize = 1024 * 1024;

/// Limits of the hub's state. Connections and sockets come on top.
pub(super) fn of_hub(limits: &BrokerLimits) -> Limits {
    Limits {
        sessions: limits.sessions,
        subscriptions: limits.subscriptions,
        subscription_bytes: SUBSCRIPTION_BYTES,
        all_subscription_bytes: ALL_SUBSCRIPTION_BYTES,
        window: limits.in_flight.get(),
        session_bytes: limits.queue_bytes,
        all_bytes: limits.queues_bytes,
        retained: limits.retained_messages,
        retained_bytes: limits.retained_bytes,
        session_expiry_ms: i64::try_from(limits.session_expiry.as_millis()).unwrap_or(i64::MAX),
    }
}
