//! What formats remember of earlier messages: devices that announced themselves, aliases of names.
//!
//! Always: changed by what was decoded alone; each change is stored with the batch it came with, so a restart knows
//! what it knew at that record. Never: more than [`MOST_BYTES`] for a format.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Claim, Decoded, Formats, Message, StateChange};
use crate::domain::{DISK, DecoderChange, FINDER, Reading, is_of_findings};

/// Keys and values of one format: four definitions of the largest device there is, or some ten thousand small ones. A
/// stranger chooses what is announced.
pub const MOST_BYTES: usize = 16 << 20;

/// State of one format.
#[derive(Debug, Default)]
pub struct DecoderState {
    entries: BTreeMap<Box<str>, Vec<u8>>,
    num_bytes: usize,
}

impl DecoderState {
    /// What was remembered under a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.entries.get(key).map(Vec::as_slice)
    }

    /// Whether the change fitted in.
    fn apply(&mut self, key: &str, value: Option<&Vec<u8>>) -> bool {
        let before = self.entries.get(key).map_or(0, |value| key.len() + value.len());
        let after = value.map_or(0, |value| key.len() + value.len());
        let num_bytes = self.num_bytes - before + after;
        if num_bytes > MOST_BYTES && after > before {
            return false;
        }
        self.num_bytes = num_bytes;
        match value {
            Some(value) => drop(self.entries.insert(key.into(), value.clone())),
            None => drop(self.entries.remove(key)),
        }
        true
    }
}

/// All formats with their states: decodes message after message.
pub struct Decoders {
    formats: Formats,
    states: HashMap<&'static str, DecoderState>,
}

impl Decoders {
    /// Goes on from stored states. Those of a format that is no more are passed over.
    #[must_use]
    pub fn new(formats: Formats, stored: Vec<DecoderChange>) -> Self {
        let mut decoders = Self { formats, states: HashMap::new() };
        for DecoderChange { format, key, value } in stored {
            let mut known = decoders.formats.0.iter().map(|format| format.name());
            if let Some(name) = known.find(|name| *name == &*format) {
                decoders.states.entry(name).or_default().apply(&key, value.as_ref());
            }
        }
        decoders
    }

    /// Whether a topic is of any format.
    #[must_use]
    pub fn knows(&self, topic: &str) -> bool {
        self.formats.of(topic).is_some()
    }

    /// Decodes a message, and appends what it changes to `changes`.
    ///
    /// # Errors
    /// Says why the message can't be used, for a person to read.
    pub fn decode(
        &mut self,
        message: &Message<'_>,
        changes: &mut Vec<DecoderChange>,
    ) -> Result<Decoded, String> {
        let Some((format, claim)) = self.formats.of(message.topic) else {
            return Err("the topic was not subscribed to".into());
        };
        if claim == Claim::Ignores {
            return Ok(Decoded::Ignored);
        }
        let state = self.states.entry(format.name()).or_default();
        let mut wanted: Vec<StateChange> = Vec::new();
        // A message that makes it panic would come out of the log again and again. It changes nothing.
        let decode = AssertUnwindSafe(|| format.decode(state, message, &mut wanted));
        let Ok(decoded) = catch_unwind(decode) else {
            return Err("the decoder panicked on it".into());
        };
        let mut has_room = true;
        for (key, value) in wanted {
            if state.apply(&key, value.as_ref()) {
                changes.push(DecoderChange { format: format.name().into(), key, value });
            } else {
                has_room = false;
            }
        }
        match decoded {
            Ok(_) if !has_room => {
                let mebibytes = MOST_BYTES >> 20;
                Err(format!(
                    "no room to remember it: {} has {mebibytes} MiB already",
                    format.name()
                ))
            }
            Ok(Decoded::Readings(readings)) if readings.iter().any(is_of_finding) => Err(format!(
                "sensor {FINDER} with quantity {DISK} is reserved for the disk alarm: give the sensor another id"
            )),
            decoded => decoded,
        }
    }
}

fn is_of_finding(reading: &Reading) -> bool {
    is_of_findings(&reading.sensor_id, &reading.quantity)
}
