//! Payload formats: they decode a message into readings, or into the reason why there are none.
//!
//! A [`Format`] is one table of the configuration: the topics of its messages, and their decoding.
//! [`Formats`] contains all of them and determines the subscriptions and what the embedded broker
//! logs. [`Decoders`] decode messages in sequence. The state of a format is stored with the
//! readings, so decoding a replayed log is deterministic. `families/` has one file per device
//! family, `kit/` their common parts.
//!
//! Always: pure, a function of state and message; the receipt time is part of the message. Every
//! payload is handled in bounded time and stack. Never: a clock, a panic.

mod availability;
mod decoders;
pub mod families;
mod fields;
pub mod kit;
mod origin;
mod setup;
mod table;

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use decoders::owner;
pub use decoders::{DecodedMessage, Decoders, MOST_BYTES};
pub use origin::OriginJson;
pub use setup::formats;
pub use table::Table;

use crate::domain::{Availability, Measurement, OperatorAction};

/// Size limit of a device description, in bytes; fits a Zigbee network with hundreds of devices.
pub const MOST_DESCRIPTION_BYTES: usize = 4 << 20;

/// A received message.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Topic of the message.
    pub topic: &'a str,
    /// Complete payload; its size is limited before decoding.
    pub payload: &'a [u8],
    /// Receipt time by the wall clock, in UTC. Used as the time of a reading if the payload has
    /// none.
    pub received_at: DateTime<Utc>,
    /// Whether the message was retained by the broker.
    pub is_replayed: bool,
}

/// Content of a message; its parts may occur together. A message without content or faults was not
/// intended as a reading.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decoded {
    /// Readings in payload order.
    pub measurements: Vec<Measurement>,
    /// Availability of devices.
    pub availability: Vec<Availability>,
    /// Operator action on an alarm.
    pub action: Option<OperatorAction>,
    /// Reasons for invalid values, up to [`MOST_FAULTS`]. Other values of the message may be valid.
    pub faults: Vec<String>,
    /// Number of faults, including those beyond the limit.
    pub num_faults: usize,
    /// Human-readable reason why the message has no content.
    pub ignored: Option<Cow<'static, str>>,
}

/// Limit of stored fault reasons per message.
pub const MOST_FAULTS: usize = 8;

impl Decoded {
    /// A message that was not intended as a reading, with the reason.
    #[must_use]
    pub fn ignored(why: impl Into<Cow<'static, str>>) -> Self {
        Self { ignored: Some(why.into()), ..Self::default() }
    }

    /// True if there is no content. Faults are not content.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.measurements.is_empty() && self.availability.is_empty() && self.action.is_none()
    }

    /// Adds the reason for an invalid value.
    pub fn add_fault(&mut self, why: impl Into<String>) {
        self.num_faults += 1;
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(why.into());
        }
    }
}

/// Claim of a format on a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Messages are decoded.
    Decodes,
    /// The topic matches a filter of the format, but carries no readings.
    Ignores,
    /// Carries no readings, and no later format may decode it.
    Drops,
    /// Not a topic of this format.
    Foreign,
}

/// Topic filter to subscribe to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Filter {
    /// MQTT topic filter; never `#` alone.
    pub text: String,
    /// Whether the daemon requires it. If the broker rejects an optional filter, it is skipped.
    pub is_required: bool,
}

impl Filter {
    /// An optional filter.
    #[must_use]
    pub fn optional(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_required: false }
    }
}

/// Interval of requests in seconds: half of the keepalive timeout of Victron's portals.
pub const REQUEST_SECONDS: u64 = 30;

/// A message that a device requires to continue publishing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Topic to publish to, without the retain flag.
    pub topic: String,
    /// Payload that makes the device publish changed values.
    pub payload: &'static str,
    /// Payload that makes the device publish all values; used for the first request of a connection
    /// and periodically.
    pub payload_for_all: &'static str,
}

/// Change of a format's state: a key unique within the format, and the new value; `None` deletes
/// the entry.
pub type StateChange = (Box<str>, Option<Vec<u8>>);

/// One device table: a payload family with its settings and state.
pub trait Format: Send + Sync {
    /// Name of the rule, as shown by `vigie decode`.
    fn name(&self) -> &str;

    /// Key under which the state is stored; stable as long as the settings are unchanged.
    fn key(&self) -> String {
        self.name().to_owned()
    }

    /// Filters to subscribe to in the current state.
    fn filters(&self) -> Vec<Filter>;

    /// Filters of topics that devices publish to by configuration, including ignored topics.
    fn published(&self) -> Vec<Filter> {
        self.filters()
    }

    /// Claim on a topic in the current state. If several formats decode it, the first one is used.
    fn claim(&self, topic: &str) -> Claim;

    /// True if messages on a claimed topic describe devices. They change the format's state, and
    /// may be up to [`MOST_DESCRIPTION_BYTES`] long.
    fn is_description(&self, _topic: &str) -> bool {
        false
    }

    /// True if the format decodes Home Assistant's discovery. Its sensors already exist there and
    /// are not announced again.
    fn reads_home_assistant(&self) -> bool {
        false
    }

    /// Decodes a message on a claimed topic; accepts any payload. State changes are appended to
    /// `changes`.
    ///
    /// # Errors
    /// Human-readable reason why the message is invalid.
    fn decode(
        &self,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String>;

    /// Applies a state change: after the message, and at a restart in key order. `None` deletes the
    /// entry. A value that is invalid in this version is ignored.
    fn remember(&mut self, _key: &str, _value: Option<&[u8]>) {}

    /// Table keys that a message lacks, one per line, to diagnose missing values.
    fn explain(&self, _message: &Message<'_>) -> Vec<String> {
        Vec::new()
    }

    /// Requests to publish every [`REQUEST_SECONDS`] in the current state.
    fn requests(&self) -> Vec<Request> {
        Vec::new()
    }

    /// Creates a format with the same settings and empty state.
    fn fresh(&self) -> Box<dyn Format>;
}

/// All formats in order of precedence, without state. Cloning increments a reference count.
#[derive(Clone)]
pub struct Formats(Arc<[Box<dyn Format>]>);

impl Formats {
    /// Collects formats in order of precedence.
    #[must_use]
    pub fn new(formats: Vec<Box<dyn Format>>) -> Self {
        Self(formats.into())
    }

    /// Filters of all formats, deduplicated.
    #[must_use]
    pub fn filters(&self) -> Vec<Filter> {
        filters(&self.0)
    }

    /// Filters of topics that devices publish to by configuration, for all formats.
    #[must_use]
    pub fn published(&self) -> Vec<Filter> {
        self.0.iter().flat_map(|format| format.published()).collect()
    }

    /// Names of the rules.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|format| format.name())
    }

    /// Whether any format claims a topic, including claims that ignore it.
    #[must_use]
    pub fn claims(&self, topic: &str) -> bool {
        self.of(topic).is_some()
    }

    /// Whether messages on a topic are logged: a format decodes them.
    #[must_use]
    pub fn decodes(&self, topic: &str) -> bool {
        self.of(topic).is_some_and(|(_, claim)| claim == Claim::Decodes)
    }

    /// Whether messages on a topic describe devices.
    #[must_use]
    pub fn is_description(&self, topic: &str) -> bool {
        self.of(topic).is_some_and(|(format, _)| format.is_description(topic))
    }

    /// Whether any format decodes Home Assistant's discovery.
    #[must_use]
    pub fn read_home_assistant(&self) -> bool {
        self.0.iter().any(|format| format.reads_home_assistant())
    }

    fn of(&self, topic: &str) -> Option<(&dyn Format, Claim)> {
        let (place, claim) = owner(self.0.iter().map(|format| format.claim(topic)))?;
        Some((&*self.0[place], claim))
    }
}

fn filters(formats: &[Box<dyn Format>]) -> Vec<Filter> {
    let mut filters: Vec<Filter> = Vec::new();
    for filter in formats.iter().flat_map(|format| format.filters()) {
        match filters.iter_mut().find(|known| known.text == filter.text) {
            Some(known) => known.is_required |= filter.is_required,
            None => filters.push(filter),
        }
    }
    filters
}

impl std::fmt::Debug for Formats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|format| format.name())).finish()
    }
}

#[cfg(test)]
pub(super) mod tests;
