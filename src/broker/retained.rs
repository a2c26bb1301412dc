//! Retained messages, in memory and bounded. rmqtt's own library-mode storage drops them all.

use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rmqtt::retain::{RetainStorage, RetainTree};
use rmqtt::topic::Topic;
use rmqtt::types::{Retain, TopicFilter, TopicName};

use super::limits::{MAX_RETAINED, MAX_RETAINED_BYTES, MAX_TOPIC_LEVELS};
use super::losses::Seldom;

/// What became of a message that asked to be retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Kept,
    /// An empty payload: what the topic had is gone.
    Cleared,
    /// No room, or too deep a topic: what the topic had is gone too, since it is out of date.
    Refused,
}

#[derive(Debug, Clone)]
struct Entry {
    message: Retain,
    expires: Option<Instant>,
    bytes: usize,
}

impl Entry {
    fn is_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// The messages by topic, and how much room they take.
struct Store {
    tree: RetainTree<Entry>,
    count: usize,
    bytes: usize,
    most: usize,
    max_count: usize,
    max_bytes: usize,
}

impl Store {
    fn new(max_count: usize, max_bytes: usize) -> Self {
        Self { tree: RetainTree::default(), count: 0, bytes: 0, most: 0, max_count, max_bytes }
    }

    fn set(
        &mut self,
        topic: &Topic,
        message: Retain,
        expiry: Option<Duration>,
        now: Instant,
    ) -> Outcome {
        if topic.len() > MAX_TOPIC_LEVELS {
            return Outcome::Refused;
        }
        if let Some(old) = self.tree.remove(topic) {
            self.count -= 1;
            self.bytes -= old.bytes;
        }
        let publish = &message.publish;
        if publish.payload.is_empty() {
            return Outcome::Cleared;
        }
        let bytes = publish.topic.len() + publish.payload.len();
        if !self.has_room(bytes) {
            self.forget_expired(now);
        }
        if !self.has_room(bytes) {
            return Outcome::Refused;
        }
        let expires = expiry.and_then(|expiry| now.checked_add(expiry));
        self.tree.insert(topic, Entry { message, expires, bytes });
        self.count += 1;
        self.bytes += bytes;
        self.most = self.most.max(self.count);
        Outcome::Kept
    }

    fn get(&self, filter: &Topic, now: Instant) -> Vec<(TopicName, Retain)> {
        if filter.len() > MAX_TOPIC_LEVELS {
            return Vec::new();
        }
        let found = self.tree.matches(filter).into_iter();
        let alive = found.filter(|(_, entry)| !entry.is_expired(now));
        alive.map(|(topic, entry)| (TopicName::from(topic.to_string()), entry.message)).collect()
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.count < self.max_count && self.bytes + bytes <= self.max_bytes
    }

    fn forget_expired(&mut self, now: Instant) {
        let mut freed = 0;
        self.count -= self.tree.retain(usize::MAX, |entry| {
            let expired = entry.is_expired(now);
            freed += if expired { entry.bytes } else { 0 };
            !expired
        });
        self.bytes -= freed;
    }
}

/// The store as rmqtt wants it. Cheap to clone; clones share the messages.
#[derive(Clone)]
pub(super) struct Retained {
    store: Arc<Mutex<Store>>,
    refusals: Arc<Seldom>,
}

impl Default for Retained {
    fn default() -> Self {
        let store = Store::new(MAX_RETAINED, MAX_RETAINED_BYTES);
        Self { store: Arc::new(Mutex::new(store)), refusals: Arc::default() }
    }
}

impl Retained {
    fn with<T>(&self, work: impl FnOnce(&mut Store) -> T) -> T {
        work(&mut self.store.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl RetainStorage for Retained {
    fn enable(&self) -> bool {
        true
    }

    /// Never an error: rmqtt would disconnect the sender, whose message is otherwise delivered.
    async fn set(
        &self,
        topic: &TopicName,
        message: Retain,
        expiry: Option<Duration>,
    ) -> rmqtt::Result<()> {
        let now = Instant::now();
        // The listener's "never" arrives here as a duration of zero.
        let expiry = expiry.filter(|expiry| !expiry.is_zero());
        let outcome = Topic::from_str(topic).map_or(Outcome::Refused, |levels| {
            self.with(|store| store.set(&levels, message, expiry, now))
        });
        if outcome == Outcome::Refused
            && let Some(messages) = self.refusals.count(now)
        {
            log::warn!(
                target: "vigie::broker",
                "did not retain {messages} messages, the last on {topic:?}: at most {MAX_RETAINED} \
                 messages and {MAX_RETAINED_BYTES} bytes are retained, on topics of at most \
                 {MAX_TOPIC_LEVELS} levels"
            );
        }
        Ok(())
    }

    async fn get(&self, filter: &TopicFilter) -> rmqtt::Result<Vec<(TopicName, Retain)>> {
        let levels = Topic::from_str(filter)?;
        Ok(self.with(|store| store.get(&levels, Instant::now())))
    }

    async fn count(&self) -> isize {
        self.with(|store| isize::try_from(store.count).unwrap_or(isize::MAX))
    }

    async fn max(&self) -> isize {
        self.with(|store| isize::try_from(store.most).unwrap_or(isize::MAX))
    }
}
