//! What the gateway and its MQTT client say to each other, in words of the protocol: nothing here
//! knows which client library it is.

use std::fmt;
use std::time::Duration;

use crate::config::{ClientTls, MqttVersion, Secret};
use crate::ingest::formats::Filter;
use crate::locale::BrokerLimit;

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

/// Everything one attempt needs; secrets are as they were read for it.
#[derive(Debug, Clone)]
pub struct Plan {
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
    /// The Last Will.
    pub will: Outgoing,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qos {
    /// QoS 1: may arrive more than once.
    AtLeastOnce,
    /// QoS 2.
    ExactlyOnce,
}

/// Names a published message until its delivery is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// An own reading or a forwarded message, by its position in the log.
    Outbound(u64),
    /// An alert event, by its number.
    Alert(u64),
    /// A request to a device.
    Request,
    /// A message for Home Assistant, by its number.
    Discovery(u64),
    /// The status "online".
    Online,
    /// The status "offline", the last word.
    Offline,
}

/// Gateway → client.
#[derive(Debug)]
pub enum Command {
    /// Connect both clients and subscribe. Answered by [`Event::Up`] or [`Event::Failed`].
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
    /// Connected and subscribed, to a broker with these limits.
    Up(Vec<BrokerLimit>),
    /// The attempt failed.
    Failed(Outcome),
    /// An established connection is gone, and with it the fate of everything in flight.
    Lost(Outcome),
    /// The broker has completed the delivery, or refused it with a reason code of MQTT 5.
    Delivered(Tag, Result<(), u8>),
    /// Home Assistant said on [`Plan::birth`] that it is there.
    Born,
    /// Disconnected as asked.
    Closed,
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
