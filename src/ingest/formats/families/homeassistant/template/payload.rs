//! Payload of one message, shared by the templates of all its entities. Its JSON is parsed once, on
//! first use.

use std::cell::{Cell, OnceCell};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::Value as Json;

use crate::ingest::formats::kit::json;

/// Step budget per message, over all templates evaluated for it.
const MOST_STEPS: u64 = 4_000_000;

/// A payload with its parsed JSON and the remaining step budget.
#[derive(Debug)]
pub struct Payload<'a> {
    text: &'a str,
    received_at: DateTime<Utc>,
    zone: Tz,
    json: OnceCell<Option<Json>>,
    steps_left: Cell<u64>,
}

impl<'a> Payload<'a> {
    /// A payload from its trimmed text. `zone` is the time zone of `now()`.
    #[must_use]
    pub fn new(text: &'a str, received_at: DateTime<Utc>, zone: Tz) -> Self {
        let (json, steps_left) = (OnceCell::new(), Cell::new(MOST_STEPS));
        Self { text, received_at, zone, json, steps_left }
    }

    /// Value of the variable `value`.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Value of the variable `value_json`; `None` if the payload is not JSON.
    #[must_use]
    pub fn json(&self) -> Option<&Json> {
        let parsed = || json::parse(self.text.as_bytes()).ok().flatten();
        self.json.get_or_init(parsed).as_ref()
    }

    /// Time of receipt of the message.
    #[must_use]
    pub fn received_at(&self) -> DateTime<Utc> {
        self.received_at
    }

    /// Time zone of `now()`, and of timestamps without an offset.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// Remaining step budget.
    #[must_use]
    pub fn steps_left(&self) -> u64 {
        self.steps_left.get()
    }

    /// Consumes steps; saturates at 0.
    pub fn take_steps(&self, number: u64) {
        self.steps_left.set(self.steps_left.get().saturating_sub(number));
    }
}
