//! Payload formats: from a message on a topic to readings, or to the reason why there are none.
//!
//! A [`Format`] is one table of the configuration: the topics of its messages, and their decoding. [`Formats`] has
//! all of them; subscriptions, and what the embedded broker logs, follow from it. [`Decoders`] decode message after
//! message: a format's state from earlier ones is stored with the readings, so that a log that is read again
//! decodes equally. `families/` has a file per device family, `kit/` their common parts.
//!
//! Always: pure, a function of state and message; the receipt time is part of the message. Every sequence of bytes
//! is handled, in bounded time and stack. Never: a clock, a panic.

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

/// The largest description of devices: that of a Zigbee network of hundreds.
pub const MOST_DESCRIPTION_BYTES: usize = 4 << 20;

/// A received message.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Topic the message was published on.
    pub topic: &'a str,
    /// Complete payload: its size is checked before it is decoded.
    pub payload: &'a [u8],
    /// Receipt time by the wall clock, in UTC; the reading's time if the payload has none.
    pub received_at: DateTime<Utc>,
    /// Whether the broker replayed it from its retained messages.
    pub is_replayed: bool,
}

/// Content of a message. Its parts may occur together; a message without content and faults was not meant as a
/// reading.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decoded {
    /// Readings in the order of the payload.
    pub measurements: Vec<Measurement>,
    /// Availability of devices.
    pub availability: Vec<Availability>,
    /// Operator's action on an alarm.
    pub action: Option<OperatorAction>,
    /// Invalid values beside which others may be valid, each with the reason: at most [`MOST_FAULTS`].
    pub faults: Vec<String>,
    /// Number of faults, including those beyond the limit.
    pub num_faults: usize,
    /// Why it brought nothing, for a person to read.
    pub ignored: Option<Cow<'static, str>>,
}

/// Limit of reasons kept per message.
pub const MOST_FAULTS: usize = 8;

impl Decoded {
    /// A message that was not meant as a reading, with the reason.
    #[must_use]
    pub fn ignored(why: impl Into<Cow<'static, str>>) -> Self {
        Self { ignored: Some(why.into()), ..Self::default() }
    }

    /// True without any content.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.measurements.is_empty() && self.availability.is_empty() && self.action.is_none()
    }

    /// Adds a value that can't be used, with the reason.
    pub fn add_fault(&mut self, why: impl Into<String>) {
        self.num_faults += 1;
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(why.into());
        }
    }
}

/// A format's claim on a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Its messages are decoded.
    Decodes,
    /// Brought by a filter, but meaningless to the format.
    Ignores,
    /// Carries no readings, and no later format decodes it.
    Drops,
    /// Not of this format.
    Foreign,
}

/// Topic filter to subscribe to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Filter as MQTT has it; never `#` alone.
    pub text: String,
    /// Whether the daemon needs it. A refused optional one is left out.
    pub is_required: bool,
}

impl Filter {
    /// An optional filter.
    #[must_use]
    pub fn optional(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_required: false }
    }
}

/// Interval of requests in seconds: half of the timeout of Victron's portals.
pub const REQUEST_SECONDS: u64 = 30;

/// A message that a device needs to go on publishing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Topic to publish it on, not retained.
    pub topic: String,
    /// Payload that keeps the device publishing changes.
    pub payload: &'static str,
    /// Payload that has it publish the unchanged values, too: for the first request of a connection and now and then.
    pub payload_for_all: &'static str,
}

/// Change of a format's state: a key of its own, and the new value, or `None` to delete it.
pub type StateChange = (Box<str>, Option<Vec<u8>>);

/// One device table: a payload family with its settings and state.
pub trait Format: Send + Sync {
    /// Name of the rule, as `vigie decode` shows it.
    fn name(&self) -> &str;

    /// Key that its state is stored under; never changes while its settings stay.
    fn key(&self) -> String {
        self.name().to_owned()
    }

    /// Filters of its messages, for the present state.
    fn filters(&self) -> Vec<Filter>;

    /// Filters of what its devices publish by configuration: its own, and ignored topics.
    fn published(&self) -> Vec<Filter> {
        self.filters()
    }

    /// Claim on a topic, for the present state. Of several formats the first that decodes it gets it.
    fn claim(&self, topic: &str) -> Claim;

    /// True if messages on a claimed topic describe devices: they change the format's state, and may have
    /// [`MOST_DESCRIPTION_BYTES`].
    fn is_description(&self, _topic: &str) -> bool {
        false
    }

    /// True if it reads Home Assistant's discovery: its sensors exist there already, and are not published there
    /// again.
    fn reads_home_assistant(&self) -> bool {
        false
    }

    /// Decodes a message on a claimed topic, whatever its bytes. State changes go to `changes`.
    ///
    /// # Errors
    /// Reason why the message can't be used, as text for people.
    fn decode(
        &self,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String>;

    /// Applies a state change: right after the message, and again after a restart, in the order of the keys. `None`
    /// deletes. An unreadable value of an earlier version is ignored.
    fn remember(&mut self, _key: &str, _value: Option<&[u8]>) {}

    /// Parts of its table that a message lacks, one line each: for a user who misses a value.
    fn explain(&self, _message: &Message<'_>) -> Vec<String> {
        Vec::new()
    }

    /// Requests to publish every [`REQUEST_SECONDS`], for the present state.
    fn requests(&self) -> Vec<Request> {
        Vec::new()
    }

    /// A format with the same settings, without state.
    fn fresh(&self) -> Box<dyn Format>;
}

/// All formats in the order in which they are tried, without state. Cheap to clone.
#[derive(Clone)]
pub struct Formats(Arc<[Box<dyn Format>]>);

impl Formats {
    /// Formats in the order in which they are tried.
    #[must_use]
    pub fn new(formats: Vec<Box<dyn Format>>) -> Self {
        Self(formats.into())
    }

    /// Filters of all formats, each once.
    #[must_use]
    pub fn filters(&self) -> Vec<Filter> {
        filters(&self.0)
    }

    /// Filters of what devices publish by the configuration alone.
    #[must_use]
    pub fn published(&self) -> Vec<Filter> {
        self.0.iter().flat_map(|format| format.published()).collect()
    }

    /// Names of the rules.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|format| format.name())
    }

    /// Whether a topic is of any format, be it that its messages mean nothing.
    #[must_use]
    pub fn claims(&self, topic: &str) -> bool {
        self.of(topic).is_some()
    }

    /// Whether messages on a topic are to be logged.
    #[must_use]
    pub fn decodes(&self, topic: &str) -> bool {
        self.of(topic).is_some_and(|(_, claim)| claim == Claim::Decodes)
    }

    /// Whether messages on a topic describe devices.
    #[must_use]
    pub fn is_description(&self, topic: &str) -> bool {
        self.of(topic).is_some_and(|(format, _)| format.is_description(topic))
    }

    /// Whether any of them reads Home Assistant's discovery.
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
