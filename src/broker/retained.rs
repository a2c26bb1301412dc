//! Retained messages, in memory and bounded. rmqtt's own library-mode storage drops them all.

#![expect(clippy::disallowed_methods, reason = "retained messages expire")]

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
            // A topic may have 64 KiB.
            let start: String = topic.chars().take(80).collect();
            log::warn!(
                target: "vigie::broker",
                "did not retain {messages} messages, the last on {start:?}: at most {MAX_RETAINED} \
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

#[cfg(test)]
mod tests {
    use rmqtt::types::{CodecPublish, From, Id, Publish, QoS};

    use super::*;

    fn message(topic: &str, payload: &str) -> Retain {
        let publish = Publish::from(CodecPublish {
            dup: false,
            retain: true,
            qos: QoS::AtLeastOnce,
            topic: topic.into(),
            packet_id: None,
            payload: payload.to_owned().into(),
            properties: None,
        });
        Retain { msg_id: None, from: From::from_custom(Id::from(0, "sender".into())), publish }
    }

    struct Test {
        store: Store,
        now: Instant,
    }

    impl Test {
        fn new(max_count: usize, max_bytes: usize) -> Self {
            Self { store: Store::new(max_count, max_bytes), now: Instant::now() }
        }

        fn set(&mut self, topic: &str, payload: &str) -> Outcome {
            self.set_for(topic, payload, None)
        }

        fn set_for(&mut self, topic: &str, payload: &str, seconds: Option<u64>) -> Outcome {
            let levels = Topic::from_str(topic).unwrap();
            let expiry = seconds.map(Duration::from_secs);
            self.store.set(&levels, message(topic, payload), expiry, self.now)
        }

        fn get(&self, filter: &str) -> Vec<String> {
            let found = self.store.get(&Topic::from_str(filter).unwrap(), self.now);
            let mut found: Vec<_> = found
                .into_iter()
                .map(|(topic, it)| {
                    format!("{topic}={}", String::from_utf8_lossy(&it.publish.payload))
                })
                .collect();
            found.sort();
            found
        }
    }

    #[test]
    fn the_newest_is_kept_and_an_empty_one_clears() {
        let mut test = Test::new(10, 1_000);
        assert_eq!(test.set("a/b", "1"), Outcome::Kept);
        assert_eq!(test.set("a/b", "2"), Outcome::Kept);
        assert_eq!(test.set("a/c", "3"), Outcome::Kept);
        assert_eq!(test.get("a/+"), ["a/b=2", "a/c=3"]);
        assert_eq!(test.set("a/b", ""), Outcome::Cleared);
        assert_eq!(test.set("never/there", ""), Outcome::Cleared);
        assert_eq!(test.get("#"), ["a/c=3"]);
        assert_eq!((test.store.count, test.store.bytes), (1, 4));
    }

    #[test]
    fn a_full_store_still_updates_what_it_has() {
        let mut test = Test::new(2, 1_000);
        assert_eq!(test.set("a", "1"), Outcome::Kept);
        assert_eq!(test.set("b", "1"), Outcome::Kept);
        assert_eq!(test.set("c", "1"), Outcome::Refused);
        assert_eq!(test.set("a", "2"), Outcome::Kept);
        assert_eq!(test.get("#"), ["a=2", "b=1"]);
    }

    #[test]
    fn bytes_are_bounded_and_nothing_stale_is_left_behind() {
        let mut test = Test::new(10, 10);
        assert_eq!(test.set("a", "123456789"), Outcome::Kept);
        assert_eq!(test.set("b", "1"), Outcome::Refused);
        assert_eq!(test.set("a", "1234567890"), Outcome::Refused);
        assert_eq!(test.get("#"), Vec::<String>::new());
        assert_eq!((test.store.count, test.store.bytes), (0, 0));
    }

    #[test]
    fn the_expired_are_not_given_and_make_room() {
        let mut test = Test::new(1, 1_000);
        assert_eq!(test.set_for("a", "1", Some(60)), Outcome::Kept);
        test.now += Duration::from_secs(59);
        assert_eq!(test.get("#"), ["a=1"]);
        assert_eq!(test.set("b", "1"), Outcome::Refused);
        test.now += Duration::from_secs(1);
        assert_eq!(test.get("#"), Vec::<String>::new());
        assert_eq!(test.set("b", "1"), Outcome::Kept);
        assert_eq!((test.store.count, test.store.bytes, test.store.most), (1, 2, 1));
    }

    #[test]
    fn too_deep_a_topic_is_refused() {
        let mut test = Test::new(10, 1_000_000);
        assert_eq!(test.set(&"/".repeat(65_535), "1"), Outcome::Refused);
        assert_eq!(test.set(&"a/".repeat(MAX_TOPIC_LEVELS - 1), "1"), Outcome::Kept);
        assert_eq!(test.store.count, 1);
    }
}
