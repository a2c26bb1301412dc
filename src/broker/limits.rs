//! Every bound of the embedded broker, with its reason.

use std::num::NonZeroU16;
use std::time::Duration;

use super::hub::Limits;

/// Threads of the broker's runtime: it moves tens of thousands of messages a second on two, and
/// the rest of the daemon wants the other cores.
pub(super) const THREADS: usize = 2;

/// Largest MQTT packet, in bytes. Well above the 64 KiB a reading may have, so that an oversized
/// payload reaches the intake, which rejects it by name and counts it.
pub(super) const MAX_PACKET_BYTES: usize = 2 * 1024 * 1024;

/// Largest CONNECT, in bytes: a will of 64 KiB and some properties, from somebody who has not shown a password.
pub(super) const MAX_CONNECT_BYTES: usize = 128 * 1024;

/// Packets larger than this count, from when their size is known until they are taken in, ...
pub(super) const SMALL_PACKET_BYTES: usize = 16 * 1024;

/// ... together up to this: 32 of the largest at once.
pub(super) const MAX_INCOMING_BYTES: usize = 64 * 1024 * 1024;

/// What is read ahead of being taken in, and what is encoded ahead of being written, of one connection: some hundred
/// readings, so that neither side waits for each.
pub(super) const AHEAD_BYTES: usize = 32 * 1024;

/// Answers that wait for one client that does not read. At this number its packets are no longer taken in. Messages at
/// QoS 0 have no answer.
pub(super) const MAX_UNANSWERED: usize = 1_000;

/// Unacknowledged QoS 1 and 2 messages a client may have in each direction: enough that latency
/// doesn't throttle a consumer.
pub(super) const MAX_INFLIGHT: NonZeroU16 = NonZeroU16::new(1_000).unwrap();

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

/// What is kept: queues and wills, retained messages and subscriptions together have 320 MiB at most. Sessions and
/// sockets come on top.
pub(super) const HUB: Limits = Limits {
    // Thousands of devices, some of which change their client id at each connection.
    sessions: 20_000,
    subscriptions: 1_000,
    // A thousand filters of three levels.
    subscription_bytes: 1024 * 1024,
    all_subscription_bytes: 64 * 1024 * 1024,
    window: MAX_INFLIGHT.get(),
    // A minute and a half of a fleet that sends 1,000 readings a second.
    session_bytes: 32 * 1024 * 1024,
    all_bytes: 192 * 1024 * 1024,
    // Several for each of the most sensors a fleet may have.
    retained: 100_000,
    retained_bytes: 64 * 1024 * 1024,
    // A long weekend.
    session_expiry_ms: 7 * 24 * 3_600_000,
};
