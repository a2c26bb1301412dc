//! Payload formats: from a message on a topic to readings, or to the reason why there are none.
//!
//! A [`Format`] knows one family of payloads: which topics bring them, and what they mean. [`Formats`] has all of
//! them; subscriptions, and what the embedded broker logs, follow from it. What a format remembers of earlier
//! messages is its [`DecoderState`], which is stored with what it decoded, so that a log that is read again
//! decodes the same.
//!
//! Always: pure, a function of state and message; the time of receipt comes in with the message. Every sequence of
//! bytes is answered, in bounded time and stack. Never: a clock, a panic.

mod availability;
mod fields;
mod origin;
mod state;
mod times;

use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use origin::OriginJson;
pub use state::{DecoderState, Decoders};

use crate::domain::{Availability, OperatorAction, Reading};

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

/// What a message meant.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoded {
    /// Readings in the order of the payload.
    Readings(Vec<Reading>),
    /// Whether a sensor is online.
    Availability(Availability),
    /// An operator's word on an alarm.
    Action(OperatorAction),
    /// Not meant as a reading; no mistake either.
    Ignored,
}

/// What a format makes of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Its messages are decoded.
    Decodes,
    /// A filter brings it, and it means nothing to the format.
    Ignores,
    /// Not of this format.
    Foreign,
}

/// A topic filter to subscribe to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Filter as MQTT has it.
    pub text: String,
    /// Whether the daemon is of no use without it. One that a broker refuses is otherwise done without.
    pub is_required: bool,
}

/// What a format wants to remember from a message on: a key of its own, and the new value, or `None` to forget it.
pub type StateChange = (Box<str>, Option<Vec<u8>>);

/// One family of payloads.
pub trait Format: Send + Sync {
    /// Name that its state is stored under; never changes.
    fn name(&self) -> &'static str;

    /// Filters that bring its messages.
    fn filters(&self) -> Vec<Filter>;

    /// What a topic is to it. Of several formats the first that doesn't call it foreign has it.
    fn claim(&self, topic: &str) -> Claim;

    /// Decodes a message on a topic it claims, whatever its bytes. What it wants to remember goes to `changes`,
    /// and is known from the next message on.
    ///
    /// # Errors
    /// Says why the message can't be used, for a person to read.
    fn decode(
        &self,
        known: &DecoderState,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String>;
}

/// All formats, in the order in which they are asked. Cheap to clone.
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
        let mut filters: Vec<Filter> = Vec::new();
        for filter in self.0.iter().flat_map(|format| format.filters()) {
            match filters.iter_mut().find(|known| known.text == filter.text) {
                Some(known) => known.is_required |= filter.is_required,
                None => filters.push(filter),
            }
        }
        filters
    }

    /// Whether messages on a topic are to be logged.
    #[must_use]
    pub fn decodes(&self, topic: &str) -> bool {
        self.of(topic).is_some_and(|(_, claim)| claim == Claim::Decodes)
    }

    /// The format that has a topic, and what it makes of it.
    pub(super) fn of(&self, topic: &str) -> Option<(&dyn Format, Claim)> {
        let claims = self.0.iter().map(|format| (&**format, format.claim(topic)));
        claims.into_iter().find(|(_, claim)| *claim != Claim::Foreign)
    }
}

impl std::fmt::Debug for Formats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|format| format.name())).finish()
    }
}

#[cfg(test)]
pub(super) mod tests;
