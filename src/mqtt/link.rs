//! Commands and events between the gateway and its MQTT client, in terms of the protocol: independent of the client
//! library.

use std::fmt;
use std::time::Duration;

use crate::config::{ClientTls, MqttVersion, Secret};
use crate::ingest::formats::Filter;

/// Address of the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Host name or IP address, an IPv6 address without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// `None`: plain TCP.
    pub tls: Option<ClientTls>,
}

impl Target {
    /// `host:port`, an IPv6 address in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Role of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Receives messages, in a persistent session.
    Intake,
    /// Publishes, with the Last Will.
    Publishing,
    /// Both roles, if the broker refuses a second connection.
    Both,
}

impl Role {
    /// Whether the connection receives messages.
    #[must_use]
    pub const fn takes_in(self) -> bool {
        matches!(self, Self::Intake | Self::Both)
    }

    /// Whether the connection publishes.
    #[must_use]
    pub const fn publishes(self) -> bool {
        matches!(self, Self::Publishing | Self::Both)
    }
}

/// Everything one attempt needs; secrets are as they were read for it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Role of the connection.
    pub role: Role,
    /// Broker to connect to.
    pub target: Target,
    /// Version of the protocol.
    pub version: MqttVersion,
    /// Client id, which names the session.
    pub client_id: String,
    /// User name and password; an empty password is none. `None` for an anonymous connection.
    pub credentials: Option<(String, Secret)>,
    /// Keep-alive interval.
    pub keep_alive: Duration,
    /// Topic filters to subscribe to; if the server refuses a required one, the attempt fails.
    pub filters: Vec<Filter>,
    /// Whether the broker should send its retained messages although the subscription is not new: true until they
    /// were received once in this process.
    pub wants_retained: bool,
    /// Topic of Home Assistant's birth message, to be subscribed to; `None` if not needed.
    pub birth: Option<String>,
    /// Last Will; `None` for none.
    pub will: Option<Outgoing>,
    /// Topic of this daemon's status, if a subscription matches it: the published status comes back.
    pub status_echo: Option<String>,
    /// Mark of this installation on messages that it forwards.
    pub forward_mark: Option<String>,
}

/// A message to publish.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Topic to publish on.
    pub topic: String,
    /// Payload.
    pub payload: Vec<u8>,
    /// Quality of service.
    pub qos: Qos,
    /// Whether the broker retains it.
    pub retained: bool,
    /// Whether it comes from a device and must not be forwarded again.
    pub is_forwarded: bool,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes on {}", self.payload.len(), self.topic)
    }
}

/// Quality of service of a published message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::enum_variant_names, reason = "the standard's names")]
pub enum Qos {
    /// QoS 0: without acknowledgement.
    AtMostOnce,
    /// QoS 1: may be delivered more than once.
    AtLeastOnce,
    /// QoS 2.
    ExactlyOnce,
}

/// Identifies a published message until its outcome is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tag {
    /// Own reading or forwarded message, by its position in the log.
    Outbound(u64),
    /// Alert event, by its number.
    Alert(u64),
    /// Request to a device, by its number.
    Request(u64),
    /// Message for Home Assistant, by its number.
    Discovery(u64),
    /// A heartbeat.
    Beat,
    /// The status "online".
    Online,
    /// Status "offline", the last message.
    Offline,
}

/// Gateway → client.
#[derive(Debug)]
pub enum Command {
    /// Connect. Replaces the connection of the same role; one for intake replaces all. Answered by [`Event::Up`] or
    /// [`Event::Failed`].
    Open(Box<Plan>),
    /// Answered by [`Event::Delivered`] unless the connection is lost first; ignored without one.
    Publish(Tag, Outgoing),
    /// Subscribe to further filters. Unanswered, unless it ends the connection. Ignored without one.
    Subscribe(Vec<Filter>),
    /// End the intake. The session stays at the broker and keeps queueing.
    EndIntake,
    /// Disconnect. Answered by [`Event::Closed`].
    Close,
}

/// Client → gateway.
#[derive(Debug)]
pub enum Event {
    /// Connected, and subscribed if the role includes intake.
    Up(Role, Advertised),
    /// The attempt failed.
    Failed(Failed),
    /// An open connection closed; the outcome of what was in flight is unknown. Publishing closes with intake.
    Lost(Role, Outcome),
    /// The broker has completed the delivery, or refused it with a reason code of MQTT 5.
    Delivered(Tag, Result<(), u8>),
    /// Home Assistant sent its birth message on [`Plan::birth`].
    Born,
    /// A message arrived on [`Plan::status_echo`].
    Echoed,
    /// Disconnected as requested.
    Closed,
}

/// Capabilities in the broker's CONNACK and SUBACK. MQTT 3.1.1 has none: the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    /// Maximum QoS.
    pub maximum_qos: Qos,
    /// Whether retained messages are supported.
    pub takes_retained: bool,
    /// Maximum packet size.
    pub maximum_packet_bytes: Option<u32>,
    /// Client id that the broker assigned instead of the client's own.
    pub assigned_id: Option<String>,
    /// Refused subscriptions that are not required.
    pub refused: Vec<String>,
}

impl Default for Advertised {
    fn default() -> Self {
        Self {
            maximum_qos: Qos::ExactlyOnce,
            takes_retained: true,
            maximum_packet_bytes: None,
            assigned_id: None,
            refused: Vec::new(),
        }
    }
}

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Role of the connection.
    pub role: Role,
    /// How the attempt failed.
    pub outcome: Outcome,
    /// Whether the CONNECT had a Last Will.
    pub had_will: bool,
}

/// How a connection failed or ended, as far as the client knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Reason code of MQTT 5 (2.4), 0x80 or above, with its reason string.
    Reason { code: u8, text: String },
    /// Return code of MQTT 3.1.1 (3.2.2.3).
    Return(u8),
    /// The server refused one of the filters.
    SubscriptionRefused { filter: String },
    /// The connection failed somewhere between the name and the answer to CONNECT.
    Transport(String),
    /// No answer within the timeout.
    TimedOut,
    /// An open connection ended without a reason.
    Closed,
    /// An invalid option: no attempt was made.
    Unusable(String),
}
