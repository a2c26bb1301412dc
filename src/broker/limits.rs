//! Every bound of the embedded broker that `[broker.limits]` doesn't set, with its reason.

use std::time::Duration;

use super::hub::Limits;
use crate::config::BrokerLimits;

/// Threads of the broker's runtime: it moves tens of thousands of messages a second on two, and
/// the rest of the daemon wants the other cores.
pub(super) const THREADS: usize = 2;

/// Largest CONNECT, in bytes: a will of 64 KiB and some properties, from somebody who has not shown a password.
pub(super) const MAX_CONNECT_BYTES: usize = 128 * 1024;

/// Packets larger than this count, from when their size is known until they are taken in, ...
pub(super) const SMALL_PACKET_BYTES: usize = 16 * 1024;

/// ... together up to this: 32 of the largest at once, of the default size.
pub(super) const MAX_INCOMING_BYTES: usize = 64 * 1024 * 1024;

/// The same for connections without a login: 128 of the largest CONNECTs.
pub(super) const MAX_STRANGERS_BYTES: usize = 16 * 1024 * 1024;

/// What is read ahead of being taken in, and what is encoded ahead of being written, of one connection: some hundred
/// readings, so that neither side waits for each.
pub(super) const AHEAD_BYTES: usize = 32 * 1024;

/// Answers that wait for one client that does not read. At this number its packets are no longer taken in. Messages at
/// QoS 0 have no answer.
pub(super) const MAX_UNANSWERED: usize = 1_000;

/// Longest client id, in bytes: they are kept with each session, and appear in the log.
pub(super) const MAX_CLIENT_ID_BYTES: usize = 256;

/// Connections that have not said who they are: a fleet that reconnects all at once after a restart. One more, and the
/// oldest of them is closed.
pub(super) const MAX_HANDSHAKES: usize = 1_000;

/// Connections the kernel holds for us until they are accepted: the same fleet.
pub(super) const BACKLOG: u32 = 1_024;

/// From connecting to a complete CONNECT, TLS included.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a client may leave its socket full before it is cut off.
pub(super) const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client that is cut off has to take the reason in.
pub(super) const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// Subscriptions of all clients: 64 of the largest.
const ALL_SUBSCRIPTION_BYTES: usize = 64 * 1024 * 1024;

/// The least that subscriptions of one client may take: a thousand filters of three levels.
const SUBSCRIPTION_BYTES: usize = 1024 * 1024;

/// What is kept. Sessions and sockets come on top.
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
