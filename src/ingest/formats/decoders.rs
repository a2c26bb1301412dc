//! All formats with their state from earlier messages: announced devices, name aliases.
//!
//! Always: state changes by decoding alone; each change is stored with its batch, so a restart has the state as of
//! that record. A message is decoded by the first format that claims it. Never: more than [`MOST_BYTES`] for a
//! format.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Claim, Decoded, Filter, Format, Formats, Message, Request, StateChange};
use crate::domain::{DISK, DecoderChange, FINDER, News, is_of_findings};

/// Size limit of a format's state, in bytes: four definitions of the largest known device, or about
/// ten thousand small ones. Announcements come from untrusted clients.
pub const MOST_BYTES: usize = 16 << 20;

/// Result of decoding a message.
#[derive(Debug)]
pub struct DecodedMessage<'a> {
    /// Index of the format that decoded it.
    pub place: usize,
    /// Name of the format.
    pub rule: &'a str,
    /// Whether the format decodes Home Assistant's discovery.
    pub is_home_assistants: bool,
    /// Content, or the reason why the message is invalid.
    pub decoded: Result<Decoded, String>,
}

/// All formats with their state.
pub struct Decoders {
    formats: Vec<Remembering>,
    has_learned: bool,
}

/// A format with the size of its state.
struct Remembering {
    format: Box<dyn Format>,
    key: String,
    /// Size of each entry, key and value, in bytes.
    sizes: HashMap<Box<str>, usize>,
    num_bytes: usize,
    num_requests: usize,
}

impl Decoders {
    /// Restores stored state. That of removed formats is ignored.
    #[must_use]
    pub fn new(formats: &Formats, stored: Vec<DecoderChange>) -> Self {
        let mut all: Vec<_> = formats.0.iter().map(|it| Remembering::new(it.fresh())).collect();
        for DecoderChange { format, key, value } in stored {
            if let Some(it) = all.iter_mut().find(|it| it.key == *format) {
                it.apply(&key, value.as_ref());
            }
        }
        Self { formats: all, has_learned: true }
    }

    /// Parts of its table that a message lacks, by the format that claims its topic.
    #[must_use]
    pub fn explain(&self, message: &Message<'_>) -> Vec<String> {
        let owner = owner(self.formats.iter().map(|it| it.format.claim(message.topic)));
        let Some((place, _)) = owner else { return Vec::new() };
        let explain = AssertUnwindSafe(|| self.formats[place].format.explain(message));
        catch_unwind(explain).unwrap_or_default()
    }

    /// Whether messages on a topic describe devices.
    #[must_use]
    pub fn is_description(&self, topic: &str) -> bool {
        let owner = owner(self.formats.iter().map(|it| it.format.claim(topic)));
        owner.is_some_and(|(place, _)| self.formats[place].format.is_description(topic))
    }

    /// Whether nothing on a topic is a reading, whatever its messages are.
    #[must_use]
    pub fn ignores(&self, topic: &str) -> bool {
        let owner = owner(self.formats.iter().map(|it| it.format.claim(topic)));
        owner.is_some_and(|(_, claim)| matches!(claim, Claim::Ignores | Claim::Drops))
    }

    /// Filters of all formats for their current state; `None` if unchanged since the last call.
    pub fn take_filters(&mut self) -> Option<Vec<Filter>> {
        let has_learned = std::mem::take(&mut self.has_learned);
        has_learned.then(|| self.formats.iter().flat_map(|it| it.format.filters()).collect())
    }

    /// Requests to publish so that devices go on publishing.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.formats.iter().flat_map(|it| it.format.requests()).collect()
    }

    /// Claims of all formats on a topic, in order of precedence.
    pub fn claims<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = (&'a str, Claim)> {
        self.formats.iter().map(move |it| (it.format.name(), it.format.claim(topic)))
    }

    /// Decodes a message and appends state changes to `changes`; `None` if no format claims the
    /// topic.
    pub fn decode(
        &mut self,
        message: &Message<'_>,
        changes: &mut Vec<DecoderChange>,
    ) -> Option<DecodedMessage<'_>> {
        let claims = self.formats.iter().map(|it| it.format.claim(message.topic));
        let (place, claim) = owner(claims)?;
        let taken = &mut self.formats[place];
        let decoded = if matches!(claim, Claim::Ignores | Claim::Drops) {
            Ok(Decoded::ignored("nothing on this topic is a reading"))
        } else {
            let (decoded, has_changed) = taken.decode(message, changes);
            self.has_learned |= has_changed;
            decoded
        };
        let is_home_assistants = taken.format.reads_home_assistant();
        Some(DecodedMessage { place, rule: taken.format.name(), is_home_assistants, decoded })
    }
}

/// Deciding claim on a topic, with the index of its format: the first to decode or drop it,
/// otherwise the first to ignore it. `None` if no format claims it.
pub(super) fn owner(claims: impl Iterator<Item = Claim>) -> Option<(usize, Claim)> {
    let mut ignoring = None;
    for claim in claims.enumerate() {
        match claim.1 {
            Claim::Decodes | Claim::Drops => return Some(claim),
            Claim::Ignores => ignoring = ignoring.or(Some(claim)),
            Claim::Foreign => {}
        }
    }
    ignoring
}

impl Remembering {
    fn new(format: Box<dyn Format>) -> Self {
        Self { key: format.key(), format, sizes: HashMap::new(), num_bytes: 0, num_requests: 0 }
    }

    /// Decodes a message and applies its state changes. Also returns whether filters or requests
    /// may have changed.
    fn decode(
        &mut self,
        message: &Message<'_>,
        changes: &mut Vec<DecoderChange>,
    ) -> (Result<Decoded, String>, bool) {
        let mut wanted: Vec<StateChange> = Vec::new();
        // A message that causes a panic would cause it again at each restart. It changes nothing.
        let decode = AssertUnwindSafe(|| self.format.decode(message, &mut wanted));
        let Ok(decoded) = catch_unwind(decode) else {
            return (Err("the decoder panicked on it".into()), false);
        };
        // Only descriptions change filters; requests are compared by number.
        let may_have_learned = !wanted.is_empty() && self.format.is_description(message.topic);
        let mut has_room = true;
        for (key, value) in wanted {
            if self.apply(&key, value.as_ref()) {
                changes.push(DecoderChange { format: (*self.key).into(), key, value });
            } else {
                has_room = false;
            }
        }
        let decoded = match decoded {
            Ok(mut decoded) if !has_room => {
                let (mebibytes, name) = (MOST_BYTES >> 20, self.format.name());
                let why = format!("no room to remember it: {name} has {mebibytes} MiB already");
                decoded.add_fault(why);
                checked(decoded, message)
            }
            Ok(decoded) => checked(decoded, message),
            Err(why) => Err(why),
        };
        let num_requests = self.format.requests().len();
        let is_other = std::mem::replace(&mut self.num_requests, num_requests) != num_requests;
        (decoded, may_have_learned || is_other)
    }

    /// Applies a state change. Returns false if it exceeds the size limit and was discarded.
    fn apply(&mut self, key: &str, value: Option<&Vec<u8>>) -> bool {
        let before = self.sizes.get(key).copied().unwrap_or(0);
        let after = value.map_or(0, |value| key.len() + value.len());
        let num_bytes = self.num_bytes - before + after;
        if num_bytes > MOST_BYTES && after > before {
            return false;
        }
        self.num_bytes = num_bytes;
        match value {
            Some(_) => drop(self.sizes.insert(key.into(), after)),
            None => drop(self.sizes.remove(key)),
        }
        self.format.remember(key, value.map(Vec::as_slice));
        true
    }
}

/// Checks common to the readings of all formats.
fn checked(mut decoded: Decoded, message: &Message<'_>) -> Result<Decoded, String> {
    for measurement in &mut decoded.measurements {
        let reading = &measurement.reading;
        if is_of_findings(&reading.sensor_id, &reading.quantity) {
            return Err(format!(
                "sensor {FINDER} with quantity {DISK} is reserved for the disk alarm: give the sensor another id"
            ));
        }
        if message.is_replayed {
            measurement.news = News::Replayed;
        }
    }
    match decoded.faults.first() {
        Some(why) if decoded.is_empty() => Err(why.clone()),
        _ => Ok(decoded),
    }
}
