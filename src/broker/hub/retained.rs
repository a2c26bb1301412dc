//! Retained messages: the last message of each topic, for later subscribers.
//!
//! Invariant: a subscriber gets a bounded number at a time. A load is a position in the order of topics, not a copy
//! of the matches.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytestring::ByteString;

use super::message::Message;
use super::topics;

/// All of them, by topic.
#[derive(Debug, Default)]
pub(super) struct Retained {
    by_topic: BTreeMap<ByteString, RetainedEntry>,
    bytes: usize,
    /// Number of messages that were retained so far.
    count: u64,
}

#[derive(Debug)]
struct RetainedEntry {
    number: u64,
    message: Arc<Message>,
    /// Group in which its topic was first included, of those that may be written.
    since: u64,
}

/// Position of a subscription in the messages that were retained before it.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub filter: ByteString,
    /// Later messages arrive by the subscription itself.
    through: u64,
    /// The last topic seen; empty at the beginning.
    after: ByteString,
}

impl Retained {
    /// Load of the presently retained messages.
    pub fn load(&self, filter: &str) -> Load {
        Load { filter: filter.into(), through: self.count, after: ByteString::new() }
    }

    pub fn len(&self) -> usize {
        self.by_topic.len()
    }

    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Retains a message of a topic without one. `since`: the group that first included the topic.
    pub fn insert(&mut self, message: &Arc<Message>, since: u64) {
        self.bytes += message.size();
        self.count += 1;
        let kept = RetainedEntry { number: self.count, message: message.clone(), since };
        self.by_topic.insert(message.topic.clone(), kept);
    }

    /// Forgets the message of a topic. The group that the topic was first put in, if there was one.
    pub fn remove(&mut self, topic: &str) -> Option<u64> {
        let old = self.by_topic.remove(topic)?;
        self.bytes -= old.message.size();
        Some(old.since)
    }

    /// Continues a load over at most `at_most` topics and about `room` bytes. Returns the messages found, and the
    /// rest of the load; `None` at its end.
    pub fn step(
        &self,
        load: &Load,
        now: i64,
        at_most: usize,
        room: usize,
    ) -> (Vec<Arc<Message>>, Option<Load>) {
        let is_due = |kept: &RetainedEntry| {
            kept.number <= load.through && kept.message.expiry_left(now).is_ok()
        };
        let Some(prefix) = topics::literal_prefix(&load.filter) else {
            let found = self.by_topic.get(&*load.filter).filter(|it| is_due(it));
            return (found.map(|it| it.message.clone()).into_iter().collect(), None);
        };
        let from = match &*load.after {
            "" => Bound::Included(prefix),
            after => Bound::Excluded(after),
        };
        let mut found = Vec::new();
        let mut bytes = 0;
        let mut last = None;
        let topics = self.by_topic.range::<str, _>((from, Bound::Unbounded));
        for (topic, kept) in topics.take_while(|(it, _)| it.starts_with(prefix)).take(at_most) {
            last = Some(topic);
            if is_due(kept) && topics::matches(&load.filter, topic) {
                bytes += kept.message.size();
                found.push(kept.message.clone());
                if bytes >= room {
                    break;
                }
            }
        }
        let next = last.map(|after| Load { after: after.clone(), ..load.clone() });
        (found, next)
    }

    /// Removes expired messages among at most `at_most` topics after one. Returns their topics, each with the group
    /// that first included it, and the topic to continue after.
    pub fn sweep(
        &mut self,
        after: &str,
        now: i64,
        at_most: usize,
    ) -> (Vec<(ByteString, u64)>, ByteString) {
        let from = (Bound::Excluded(after), Bound::Unbounded);
        let page: Vec<_> = self.by_topic.range::<str, _>(from).take(at_most).collect();
        let next = page.last().map(|(topic, _)| (*topic).clone());
        let is_over = |kept: &RetainedEntry| kept.message.expiry_left(now).is_err();
        let expired: Vec<_> = page
            .into_iter()
            .filter(|(_, it)| is_over(it))
            .map(|(topic, _)| topic.clone())
            .collect();
        let remove = |topic: ByteString| self.remove(&topic).map(|since| (topic, since));
        let expired = expired.into_iter().filter_map(remove).collect();
        (expired, next.unwrap_or_default())
    }
}
