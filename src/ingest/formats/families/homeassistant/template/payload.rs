//! The payload of one message as the templates of many entities read it: its JSON is parsed once.

use std::cell::{Cell, OnceCell};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::Value as Json;

use crate::ingest::formats::kit::json;

/// Steps of all templates that one message has evaluated.
const MOST_STEPS: u64 = 4_000_000;

/// A payload with what templates read of it.
#[derive(Debug)]
pub struct Payload<'a> {
    text: &'a str,
    received_at: DateTime<Utc>,
    zone: Tz,
    json: OnceCell<Option<Json>>,
    steps_left: Cell<u64>,
}

impl<'a> Payload<'a> {
    /// A text without what stands around it. `zone` is that of `now()`.
    #[must_use]
    pub fn new(text: &'a str, received_at: DateTime<Utc>, zone: Tz) -> Self {
        let (json, steps_left) = (OnceCell::new(), Cell::new(MOST_STEPS));
        Self { text, received_at, zone, json, steps_left }
    }

    /// The variable `value`.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The variable `value_json`; `None` where the payload is not JSON.
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

    /// Zone of times that have none.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// Steps that are left for templates.
    #[must_use]
    pub fn steps_left(&self) -> u64 {
        self.steps_left.get()
    }

    /// Takes steps.
    pub fn take_steps(&self, number: u64) {
        self.steps_left.set(self.steps_left.get().saturating_sub(number));
    }
}
