//! Message statistics: totals in and out, and the busiest topics with their last payloads.
//!
//! Always: a message costs a mostly uncontended lock, one look-up and a copy of at most [`SHOWN_BYTES`]. Readers sort at
//! most [`MOST_TOPICS`] topics under the lock, once a second.
//! Never: a message that is refused or skipped because of its statistics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::domain::{Ingress, QuickMap};

/// Limit of counted topics: far more than a fleet with shared topics has; 200 kB.
const MOST_TOPICS: usize = 512;

/// Limit of bytes kept of the last payload.
const SHOWN_BYTES: usize = 256;

/// Limit of a topic's length in bytes; longer ones count in the totals only.
const LONGEST_TOPIC: usize = 512;

/// Weight of the last second in a topic's rate (exponential smoothing).
const WEIGHT: f64 = 0.2;

/// Message counters, shared by all producers and the publication.
#[derive(Debug, Default)]
pub struct Traffic {
    num_in: AtomicU64,
    num_out: AtomicU64,
    /// Messages and own readings that were appended, by [`Ingress::index`].
    received: [AtomicU64; Ingress::ALL.len()],
    topics: Mutex<Topics>,
}

/// Properties of a counted message.
#[derive(Debug, Clone, Copy)]
pub struct CountedMessage<'a> {
    /// Topic of the message.
    pub topic: &'a str,
    /// Payload of the message.
    pub payload: &'a [u8],
    /// Time of receipt or publication.
    pub at: DateTime<Utc>,
    /// Whether the broker retains it.
    pub is_retained: bool,
}

/// Statistics of a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicActivity {
    /// The topic.
    pub topic: String,
    /// Messages per second, smoothed over some seconds.
    pub per_second: f64,
    /// Time of the last message.
    pub last_at: DateTime<Utc>,
    /// Beginning of the last payload, as text.
    pub payload: String,
    /// Whether the payload is longer.
    pub is_cut: bool,
    /// Whether the last message is retained, or was replayed from retained messages.
    pub is_retained: bool,
}

#[derive(Debug, Default)]
struct Topics(QuickMap<Box<str>, Topic>);

#[derive(Debug)]
struct Topic {
    /// Messages since the last sample.
    count: u32,
    per_second: f64,
    last_at: DateTime<Utc>,
    payload: Vec<u8>,
    is_cut: bool,
    is_retained: bool,
}

impl Traffic {
    /// Counts a message of a device.
    pub fn count_in(&self, message: CountedMessage<'_>) {
        self.num_in.fetch_add(1, Ordering::Relaxed);
        self.topics().note(message);
    }

    /// Counts a message of this daemon.
    pub fn count_out(&self, message: CountedMessage<'_>) {
        self.num_out.fetch_add(1, Ordering::Relaxed);
        self.topics().note(message);
    }

    /// Messages in and out since the start.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        (self.num_in.load(Ordering::Relaxed), self.num_out.load(Ordering::Relaxed))
    }

    /// Counts messages or own readings that were appended.
    pub(super) fn count_received(&self, ingress: Ingress, count: usize) {
        self.received[ingress.index()].fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Messages, or own readings, that were appended since the start of the daemon.
    #[must_use]
    pub fn num_received(&self, ingress: Ingress) -> u64 {
        self.received[ingress.index()].load(Ordering::Relaxed)
    }

    /// Updates the rates; call it once a second.
    pub fn sample(&self) {
        self.topics().sample();
    }

    /// The topics with the highest rates, the busiest first.
    #[must_use]
    pub fn busiest(&self, at_most: usize) -> Vec<TopicActivity> {
        self.topics().busiest(at_most)
    }

    fn topics(&self) -> MutexGuard<'_, Topics> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Topics {
    fn note(&mut self, CountedMessage { topic, payload, at, is_retained }: CountedMessage<'_>) {
        let shown = &payload[..payload.len().min(SHOWN_BYTES)];
        let is_cut = shown.len() < payload.len();
        if let Some(known) = self.0.get_mut(topic) {
            known.count = known.count.saturating_add(1);
            known.payload.clear();
            known.payload.extend_from_slice(shown);
            (known.last_at, known.is_cut, known.is_retained) = (at, is_cut, is_retained);
        } else if self.0.len() < MOST_TOPICS && topic.len() <= LONGEST_TOPIC {
            let payload = shown.to_vec();
            let new =
                Topic { count: 1, per_second: 0.0, last_at: at, payload, is_cut, is_retained };
            self.0.insert(topic.into(), new);
        }
    }

    fn sample(&mut self) {
        for topic in self.0.values_mut() {
            let count = f64::from(std::mem::take(&mut topic.count));
            topic.per_second += WEIGHT * (count - topic.per_second);
        }
        if self.0.len() == MOST_TOPICS {
            self.make_room();
        }
    }

    /// Evicts the quieter half, so that a busier topic that is not listed yet finds room.
    fn make_room(&mut self) {
        let mut topics: Vec<_> = std::mem::take(&mut self.0).into_iter().collect();
        topics.sort_by(|(_, a), (_, b)| b.per_second.total_cmp(&a.per_second));
        topics.truncate(MOST_TOPICS / 2);
        self.0.extend(topics);
    }

    fn busiest(&self, at_most: usize) -> Vec<TopicActivity> {
        let mut topics: Vec<_> = self.0.iter().collect();
        topics.sort_by(|(a_name, a), (b_name, b)| {
            b.per_second.total_cmp(&a.per_second).then_with(|| a_name.cmp(b_name))
        });
        let shown = topics.into_iter().take(at_most).map(|(name, topic)| TopicActivity {
            topic: name.to_string(),
            per_second: topic.per_second,
            last_at: topic.last_at,
            payload: text(&topic.payload, topic.is_cut),
            is_cut: topic.is_cut,
            is_retained: topic.is_retained,
        });
        shown.collect()
    }
}

/// A payload as text, without a character that the limit cut in half.
fn text(payload: &[u8], is_cut: bool) -> String {
    let whole = match std::str::from_utf8(payload) {
        Err(error) if is_cut && error.error_len().is_none() => &payload[..error.valid_up_to()],
        _ => payload,
    };
    String::from_utf8_lossy(whole).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn message<'a>(topic: &'a str, payload: &'a [u8], second: i64) -> CountedMessage<'a> {
        CountedMessage { topic, payload, at: at(second), is_retained: false }
    }

    #[test]
    fn the_busiest_topic_comes_first_with_its_last_payload() {
        let traffic = Traffic::default();
        for second in 0..60 {
            for _ in 0..10 {
                traffic.count_in(message("busy", b"1", second));
            }
            traffic.count_out(message("calm", b"first", second));
            traffic.sample();
        }
        traffic.count_out(CountedMessage { is_retained: true, ..message("calm", b"last", 61) });
        assert_eq!(traffic.totals(), (600, 61));
        let busiest = traffic.busiest(5);
        let names: Vec<_> = busiest.iter().map(|it| it.topic.as_str()).collect();
        assert_eq!(names, ["busy", "calm"]);
        assert!((busiest[0].per_second - 10.0).abs() < 0.01, "{busiest:?}");
        assert_eq!((busiest[1].payload.as_str(), busiest[1].last_at), ("last", at(61)));
        assert!(busiest[1].is_retained && !busiest[0].is_retained);
        assert_eq!(traffic.busiest(1).len(), 1);
    }

    #[test]
    fn a_long_payload_is_marked_as_cut() {
        let traffic = Traffic::default();
        let long = format!("{}é and more", "x".repeat(255));
        traffic.count_in(message("t", long.as_bytes(), 0));
        let [shown] = traffic.busiest(9).try_into().unwrap();
        assert_eq!((shown.payload.as_str(), shown.is_cut), ("x".repeat(255).as_str(), true));
        traffic.count_in(message("t", &[0xff, b'1'], 0));
        assert_eq!(traffic.busiest(9)[0].payload, "\u{fffd}1");
    }

    #[test]
    fn past_the_limit_the_quieter_half_of_the_topics_is_evicted() {
        let traffic = Traffic::default();
        let name = |number: usize| format!("t/{number}");
        for number in 0..MOST_TOPICS {
            for _ in 0..=(number % 3) {
                traffic.count_in(message(&name(number), b"", 0));
            }
        }
        traffic.count_in(message("late", b"", 1));
        assert!(traffic.busiest(9999).iter().all(|it| it.topic != "late"));
        traffic.sample();
        let left = traffic.busiest(9999);
        assert_eq!(left.len(), MOST_TOPICS / 2);
        traffic.count_in(message("late", b"", 1));
        traffic.count_in(message(&"x".repeat(513), b"", 1));
        assert_eq!(traffic.busiest(9999).len(), left.len() + 1);
    }
}
