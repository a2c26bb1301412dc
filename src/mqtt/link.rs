//! What the gateway and its MQTT client say to each other, in words of the protocol: nothing here
//! knows which client library it is.

use std::fmt;
use std::time::Duration;

use crate::config::{ClientTls, MqttVersion, Secret};
use crate::ingest::formats::Filter;

/// Where the broker is.
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
    /// Both, where the broker refuses a second connection.
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
    /// User name and password, which may be empty: then there is none; `None` for an anonymous connection.
    pub credentials: Option<(String, Secret)>,
    /// Keep-alive interval.
    pub keep_alive: Duration,
    /// Topic filters to subscribe to; where the server refuses a required one, the attempt fails.
    pub filters: Vec<Filter>,
    /// Whether the broker is to send its retained messages though the subscription is not new: what they say is not known
    /// yet, since the start of the process.
    pub wants_retained: bool,
    /// Topic on which Home Assistant says that it is there, to be listened to; `None` where nobody wants to know.
    pub birth: Option<String>,
    /// The Last Will; `None` where there is none.
    pub will: Option<Outgoing>,
    /// Topic of this daemon's status, if a subscription matches it: the published status comes back.
    pub status_echo: Option<String>,
    /// This installation's mark on messages that it forwards.
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
    /// Whether it is a device's, which must not be forwarded again.
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
    /// QoS 1: may arrive more than once.
    AtLeastOnce,
    /// QoS 2.
    ExactlyOnce,
}

/// Names a published message until its delivery is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tag {
    /// An own reading or a forwarded message, by its position in the log.
    Outbound(u64),
    /// An alert event, by its number.
    Alert(u64),
    /// A request to a device, by its number.
    Request(u64),
    /// A message for Home Assistant, by its number.
    Discovery(u64),
    /// A heartbeat.
    Beat,
    /// The status "online".
    Online,
    /// The status "offline", the last word.
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
    /// Subscribe to these, too; unanswered, but where the connection is lost by it. Ignored without one.
    Subscribe(Vec<Filter>),
    /// Take no more messages in. The session stays at the broker and keeps queueing.
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
    /// An established connection closed; the outcome of what was in flight is unknown. Publishing closes with intake.
    Lost(Role, Outcome),
    /// The broker has completed the delivery, or refused it with a reason code of MQTT 5.
    Delivered(Tag, Result<(), u8>),
    /// Home Assistant sent its birth message on [`Plan::birth`].
    Born,
    /// A message came on [`Plan::status_echo`].
    Echoed,
    /// Disconnected as asked.
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
    /// Client id that the broker assigned in place of the client's own.
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

/// A failed attempt to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Role of the connection.
    pub role: Role,
    /// How the attempt failed.
    pub outcome: Outcome,
    /// Whether the CONNECT had a Last Will.
    pub had_will: bool,
}

/// How a connection failed or ended, as far as the client can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A reason code of MQTT 5 (2.4), 0x80 or above, and the reason string that came with it.
    Reason { code: u8, text: String },
    /// A return code of MQTT 3.1.1 (3.2.2.3).
    Return(u8),
    /// The server refused one of the filters.
    SubscriptionRefused { filter: String },
    /// The connection failed somewhere between the name and the answer to CONNECT.
    Transport(String),
    /// No answer came within the time allowed.
    TimedOut,
    /// An established connection ended without a word.
    Closed,
    /// An option can't be used: nothing was tried.
    Unusable(String),
}
