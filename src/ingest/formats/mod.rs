//! Payload formats: from a message on a topic to readings, or to the reason why there are none.
//!
//! A [`Format`] is one table of the configuration: which topics bring its messages, and what they mean. [`Formats`] has
//! all of them; subscriptions, and what the embedded broker logs, follow from it. [`Decoders`] decode message after
//! message: what a format remembers of earlier ones is stored with what it decoded, so that a log that is read again
//! decodes the same. `families/` has a file a family of devices, `kit/` what they share.
//!
//! Always: pure, a function of what is remembered and the message; the time of receipt comes in with the message. Every
//! sequence of bytes is answered, in bounded time and stack. Never: a clock, a panic.

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
pub use decoders::{Decoders, MOST_BYTES, Taken};
pub use origin::OriginJson;
pub use setup::formats;
pub use table::Table;

use crate::domain::{Availability, Measurement, OperatorAction};

/// The largest description of devices: that of a Zigbee network of hundreds.
pub const MOST_DESCRIPTION_BYTES: usize = 4 << 20;

/// A message as it came in.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Topic the message was published on.
    pub topic: &'a str,
    /// Payload, whole: its size is checked before it is decoded.
    pub payload: &'a [u8],
    /// Time of receipt by the wall clock, in UTC; the reading's time where the payload has none.
    pub received_at: DateTime<Utc>,
    /// Whether the broker replayed it from its retained messages.
    pub is_replayed: bool,
}

/// What a message meant. Its parts may stand beside each other; a message that brought nothing and has no faults was
/// not meant as a reading.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decoded {
    /// Readings in the order of the payload.
    pub measurements: Vec<Measurement>,
    /// Devices that are there, or no longer.
    pub availability: Vec<Availability>,
    /// An operator's word on an alarm.
    pub action: Option<OperatorAction>,
    /// Values that can't be used while others may be, each with the reason: at most [`MOST_FAULTS`].
    pub faults: Vec<String>,
    /// Number of faults, those past the bound too.
    pub num_faults: usize,
    /// Why it brought nothing, for a person to read.
    pub ignored: Option<Cow<'static, str>>,
}

/// Reasons kept of one message.
pub const MOST_FAULTS: usize = 8;

impl Decoded {
    /// A message that was not meant as a reading, with the reason.
    #[must_use]
    pub fn ignored(why: impl Into<Cow<'static, str>>) -> Self {
        Self { ignored: Some(why.into()), ..Self::default() }
    }

    /// Whether it brought anything.
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

/// What a format makes of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Its messages are decoded.
    Decodes,
    /// A filter brings it, and it means nothing to the format.
    Ignores,
    /// Carries no readings, and no later format decodes it.
    Drops,
    /// Not of this format.
    Foreign,
}

/// A topic filter to subscribe to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Filter as MQTT has it; never `#` alone.
    pub text: String,
    /// Whether the daemon is of no use without it. One that a broker refuses is otherwise done without.
    pub is_required: bool,
}

impl Filter {
    /// A filter that the daemon may do without.
    #[must_use]
    pub fn optional(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_required: false }
    }
}

/// Seconds between two requests: half of what Victron's portals wait for.
pub const REQUEST_SECONDS: u64 = 30;

/// A message without which a device falls silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Topic to publish it on, not retained.
    pub topic: String,
    /// Payload that keeps the device publishing what changes.
    pub payload: &'static str,
    /// Payload that has it publish the unchanged values, too: for the first request of a connection and now and then.
    pub payload_for_all: &'static str,
}

/// What a format wants to remember from a message on: a key of its own, and the new value, or `None` to forget it.
pub type StateChange = (Box<str>, Option<Vec<u8>>);

/// One table of devices: a family of payloads with its settings, and what it remembers.
pub trait Format: Send + Sync {
    /// Name of the rule, as `vigie decode` shows it.
    fn name(&self) -> &str;

    /// Key that its state is stored under; never changes while its settings stay.
    fn key(&self) -> String {
        self.name().to_owned()
    }

    /// Filters that bring its messages, as of what it remembers.
    fn filters(&self) -> Vec<Filter>;

    /// Filters of what its devices publish by the configuration: those, and topics that are not to be read.
    fn published(&self) -> Vec<Filter> {
        self.filters()
    }

    /// What a topic is to it, as of what it remembers. Of several formats the first that decodes it has it.
    fn claim(&self, topic: &str) -> Claim;

    /// Whether messages on a topic it claims describe devices: the format learns from them, and they may be as large as
    /// [`MOST_DESCRIPTION_BYTES`].
    fn is_description(&self, _topic: &str) -> bool {
        false
    }

    /// Whether it reads Home Assistant's discovery: its sensors are there already, and are not shown to it again.
    fn reads_home_assistant(&self) -> bool {
        false
    }

    /// Decodes a message on a topic it claims, whatever its bytes. What it wants to remember goes to `changes`.
    ///
    /// # Errors
    /// Says why the message can't be used, for a person to read.
    fn decode(
        &self,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String>;

    /// Takes in what it wanted to remember: right after the message, and again after a restart, in the order of the
    /// keys. `None` forgets. A value of an earlier version that can't be read is passed over.
    fn remember(&mut self, _key: &str, _value: Option<&[u8]>) {}

    /// What of its table a message does not have, a line each: for whoever looks for a value that never comes.
    fn explain(&self, _message: &Message<'_>) -> Vec<String> {
        Vec::new()
    }

    /// What is to be published every [`REQUEST_SECONDS`] so that devices go on publishing, as of what it remembers.
    fn requests(&self) -> Vec<Request> {
        Vec::new()
    }

    /// The same settings, with nothing remembered.
    fn fresh(&self) -> Box<dyn Format>;
}

/// All formats, in the order in which they are asked, with nothing remembered. Cheap to clone.
#[derive(Clone)]
pub struct Formats(Arc<[Box<dyn Format>]>);

impl Formats {
    /// Formats in the order in which they are asked.
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
