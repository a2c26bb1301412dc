//! Every bound of the embedded broker, with its reason.

use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use rmqtt::net::Builder;

/// Threads of the broker's runtime: it moves tens of thousands of messages a second on two, and
/// the rest of the daemon wants the other cores.
pub(super) const THREADS: usize = 2;

/// Largest MQTT packet, in bytes. Well above the 64 KiB a reading may have, so that an oversized
/// payload reaches the gateway, which rejects it by name and counts it.
pub(super) const MAX_PACKET_BYTES: u32 = 2 * 1024 * 1024;

/// Unacknowledged QoS 1 and 2 messages a client may have in each direction. Enough that latency
/// doesn't throttle a consumer; small enough that a window of readings fits the socket's buffers,
/// so that a slow consumer isn't taken for a dead one (see [`SEND_TIMEOUT`]).
const MAX_INFLIGHT: NonZeroU16 = NonZeroU16::new(1_000).unwrap();

/// Messages that wait for one session, offline or slow; past it the oldest go, and are counted.
/// 100 s of a fleet that sends 1,000 readings a second, about 60 MB of them.
pub(super) const MAX_QUEUED: usize = 100_000;

/// Sessions, connected or kept for a client that is away: thousands of devices, some of which
/// change their client id at each connection.
pub(super) const MAX_SESSIONS: isize = 20_000;

/// How long the session of an absent client is kept at most: a long weekend.
const SESSION_EXPIRY: Duration = Duration::from_hours(7 * 24);

/// Subscriptions of one client.
const MAX_SUBSCRIPTIONS: usize = 1_000;

/// Levels of a topic that is subscribed to or retained: rmqtt walks both trees recursively, and the
/// 65,535 levels that MQTT allows would overflow the stack.
pub(super) const MAX_TOPIC_LEVELS: usize = 128;

/// Longest client id, in bytes: they are kept with each message, and appear in the log.
const MAX_CLIENT_ID_BYTES: usize = 256;

/// Handshakes in progress: a fleet that reconnects all at once after a restart.
const MAX_HANDSHAKES: usize = 1_000;

/// Connections the kernel holds for us until they are accepted: the same fleet.
const BACKLOG: i32 = 1_024;

/// From connecting to a complete CONNECT.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a client may leave its socket full before it is cut off. What it is sent meanwhile
/// piles up in its session's unbounded channel, so no longer than this.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Retained messages: several for each of the most sensors a fleet may have.
pub(super) const MAX_RETAINED: usize = 100_000;

/// Topics and payloads of all retained messages together.
pub(super) const MAX_RETAINED_BYTES: usize = 64 * 1024 * 1024;

/// A listener's settings. rmqtt's own defaults would lose messages here: an offline client's go after
/// 5 minutes, 1,000 are queued, and an unacknowledged one is sent again every 20 s (which MQTT
/// forbids within a connection, and which a slow consumer sees as duplicates).
pub(super) fn listener(name: &str, addr: SocketAddr, anonymous: bool) -> Builder {
    Builder::new()
        .name(name)
        .laddr(addr)
        .backlog(BACKLOG)
        // So that a restart needn't wait for the old connections' TIME_WAIT.
        .reuseaddr(Some(true))
        // Acknowledgements are small and waited for.
        .nodelay(true)
        .allow_anonymous(anonymous)
        .max_packet_size(MAX_PACKET_BYTES)
        .max_inflight(MAX_INFLIGHT)
        .max_mqueue_len(MAX_QUEUED)
        .mqueue_rate_limit(NonZeroU32::MAX, Duration::from_secs(1))
        .max_connections(MAX_SESSIONS.unsigned_abs())
        .max_handshaking_limit(MAX_HANDSHAKES)
        .handshake_timeout(HANDSHAKE_TIMEOUT)
        .send_timeout(SEND_TIMEOUT)
        .max_clientid_len(MAX_CLIENT_ID_BYTES)
        .max_subscriptions(MAX_SUBSCRIPTIONS)
        .max_topic_levels(MAX_TOPIC_LEVELS)
        // For MQTT 3.1.1, whose clients can't say; a cap for MQTT 5, whose clients can.
        .session_expiry_interval(SESSION_EXPIRY)
        .max_session_expiry_interval(SESSION_EXPIRY)
        // 0 is "never", for both.
        .message_expiry_interval(Duration::ZERO)
        .message_retry_interval(Duration::ZERO)
}
