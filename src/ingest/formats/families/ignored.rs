//! Topics without readings: a mapping whose table has `ignore = ["*"]`.
//!
//! Always: no later table decodes these topics. Never: a subscription, a log record, or decoding of
//! their payloads.

use crate::ingest::formats::kit::topics::Pattern;
use crate::ingest::formats::{Claim, Decoded, Filter, Format, Message, StateChange};

/// Format of a table of ignored topics.
#[derive(Debug, Clone)]
pub struct IgnoredTopics {
    /// Topic as configured.
    topic: String,
    pattern: Pattern,
}

impl IgnoredTopics {
    /// Creates the format for a table's `topic`.
    ///
    /// # Errors
    /// If the topic pattern is invalid.
    pub fn new(topic: &str) -> Result<Self, String> {
        let pattern = Pattern::new(topic).map_err(|why| format!("`topic`: {why}"))?;
        Ok(Self { topic: topic.to_owned(), pattern })
    }
}

impl Format for IgnoredTopics {
    fn name(&self) -> &str {
        &self.topic
    }

    fn key(&self) -> String {
        format!("mapping {}", self.topic)
    }

    fn filters(&self) -> Vec<Filter> {
        Vec::new()
    }

    fn published(&self) -> Vec<Filter> {
        self.pattern.filters().into_iter().map(Filter::optional).collect()
    }

    fn claim(&self, topic: &str) -> Claim {
        if self.pattern.levels(topic).is_some() { Claim::Drops } else { Claim::Foreign }
    }

    fn decode(&self, _: &Message<'_>, _: &mut Vec<StateChange>) -> Result<Decoded, String> {
        Ok(Decoded::ignored("nothing on this topic is a reading"))
    }

    fn remember(&mut self, _: &str, _: Option<&[u8]>) {}

    fn fresh(&self) -> Box<dyn Format> {
        Box::new(self.clone())
    }
}
