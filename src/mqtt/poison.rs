//! Poison messages: those at which the broker closes the connection. Some brokers answer a message that the client may not
//! publish by closing; published again after each reconnection, it would close them all. Pure: (state, event, time) →
//! decision.
//!
//! Always: what was in flight when the publishing connection closed is a *candidate*, and while there are candidates,
//! messages are published one at a time. A candidate that was in flight at [`CLOSES`] closes, and alone at the last, has its
//! topic *held* for [`FIRST_HOLD`], doubled after each retry that closes the connection again. Before it is held, it is
//! published once at a lower QoS and not retained. A close counts once the connection is open again while the intake
//! connection stayed open: the broker and the network were up. Messages that describe entities to Home Assistant count as
//! one topic.
//! Never: publishing blocked by a message without an answer, or by a candidate that is not published again.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::capabilities::ReducedMessage;
use super::link::{Outcome, Outgoing, Qos, Tag};

/// Closes after which a topic is held. One is enough for a topic that was held before.
const CLOSES: u32 = 3;
/// Duration of the first hold.
const FIRST_HOLD: Duration = Duration::from_secs(600);
/// Limit of the doubled duration.
const LONGEST_HOLD: Duration = Duration::from_secs(3600);
/// Most brokers close the connection at once: where a message was published within this time, older ones are no candidates.
/// A message without an answer for longer does not block others.
const PROMPT: Duration = Duration::from_secs(5);
/// Lifetime of a candidate that is not published again.
const CANDIDATE_TIMEOUT: Duration = Duration::from_secs(30);
/// A broker that has not answered a message for this long never will, on this connection.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Limit of held topics, of which the oldest is released. A plant has a few quantities, but topics of forwarded messages are
/// chosen by devices.
const MOST_HELD: usize = 1000;

/// Messages in flight, candidates, and held topics.
#[derive(Debug, Default)]
pub struct PoisonDetector {
    in_flight: HashMap<Tag, InFlight>,
    /// Closes by topic.
    candidates: BTreeMap<String, u32>,
    /// Time of the last change to the candidates.
    candidates_since: Option<Instant>,
    /// Topics in flight at a close that is not counted yet.
    closed_at: Vec<String>,
    held: BTreeMap<String, HeldTopic>,
}

#[derive(Debug)]
struct InFlight {
    topic: String,
    since: Instant,
    reduced: Option<ReducedMessage>,
}

#[derive(Debug)]
struct HeldTopic {
    until: Instant,
    duration: Duration,
}

impl PoisonDetector {
    /// True if a message may be published: one at a time while there are candidates.
    #[must_use]
    pub fn may_publish(&self, now: Instant) -> bool {
        let is_recent = |it: &InFlight| now.saturating_duration_since(it.since) < PROMPT;
        self.candidates.is_empty() || !self.in_flight.values().any(is_recent)
    }

    /// Whether the broker has left a message without an answer.
    #[must_use]
    pub fn is_unanswered(&self, now: Instant) -> bool {
        let is_late = |it: &InFlight| now.saturating_duration_since(it.since) >= ANSWER_TIMEOUT;
        self.in_flight.values().any(is_late)
    }

    /// Whether messages on a topic are held. Once a hold is over, the topic becomes a candidate and is retried alone.
    pub fn is_held(&mut self, tag: Tag, topic: &str, now: Instant) -> bool {
        if self.held.is_empty() {
            return false;
        }
        let topic = key(tag, topic);
        let Some(hold) = self.held.get(&topic) else { return false };
        if now < hold.until {
            return true;
        }
        self.candidates.entry(topic).or_default();
        self.candidates_since = Some(now);
        !self.may_publish(now)
    }

    /// Adds a message to those in flight. Returns it as it is published: reduced if this is the last try before a hold.
    pub fn on_publish(&mut self, tag: Tag, mut message: Outgoing, now: Instant) -> Outgoing {
        let topic = key(tag, &message.topic);
        let closes = self.candidates.get(&topic).copied().unwrap_or_default();
        let is_last_try = closes + 1 >= CLOSES && !self.held.contains_key(&topic);
        let reduced = is_last_try.then(|| reduce(&mut message)).flatten();
        self.in_flight.insert(tag, InFlight { topic, since: now, reduced });
        message
    }

    /// The broker acknowledged or refused a message.
    pub fn on_answer(&mut self, tag: Tag) -> Cleared {
        let Some(InFlight { topic, reduced, .. }) = self.in_flight.remove(&tag) else {
            return Cleared::default();
        };
        self.candidates.remove(&topic);
        Cleared { topic: self.held.remove(&topic).map(|_| topic), reduced }
    }

    /// The publishing connection closed while the intake connection stays open.
    pub fn on_close(&mut self, outcome: &Outcome, now: Instant) {
        let in_flight = std::mem::take(&mut self.in_flight);
        if is_about_the_client(outcome) {
            return;
        }
        let is_prompt = |it: &InFlight| now.saturating_duration_since(it.since) < PROMPT;
        let has_prompt = in_flight.values().any(is_prompt);
        let topics = in_flight.into_values().filter(|it| !has_prompt || is_prompt(it));
        self.closed_at = topics.map(|it| it.topic).collect();
        self.closed_at.sort_unstable();
        self.closed_at.dedup();
    }

    /// Topics in flight at an uncounted close that a message likely caused: by its reason code, or because they
    /// were in flight at an earlier close too.
    #[must_use]
    pub fn likely_causes(&self, outcome: &Outcome) -> Vec<String> {
        let is_of_message = is_about_a_message(outcome);
        let is_likely = |topic: &&String| is_of_message || self.candidates.contains_key(*topic);
        self.closed_at.iter().filter(is_likely).cloned().collect()
    }

    /// All connections are closed: no message is the cause.
    pub fn on_broker_away(&mut self) {
        self.in_flight.clear();
        self.closed_at.clear();
    }

    /// Held topics are retried at once: the intake connection is a new one, perhaps to a broker that has changed.
    pub fn end_holds(&mut self, now: Instant) {
        self.held.values_mut().for_each(|hold| hold.until = hold.until.min(now));
    }

    /// The publishing connection is open again: counts the close before. Returns the topics put on hold.
    pub fn on_reopen(&mut self, now: Instant) -> Vec<String> {
        self.candidates_since = Some(now);
        let closed_at = std::mem::take(&mut self.closed_at);
        let is_alone = closed_at.len() == 1;
        let mut new = Vec::new();
        for topic in closed_at {
            let closes = self.candidates.entry(topic.clone()).or_default();
            *closes += 1;
            let is_enough = *closes >= CLOSES || self.held.contains_key(&topic);
            if is_alone && is_enough {
                self.hold(&topic, now);
                new.push(topic);
            }
        }
        new
    }

    fn hold(&mut self, topic: &str, now: Instant) {
        let before = self.held.get(topic).map(|hold| hold.duration);
        if before.is_none() && self.held.len() >= MOST_HELD {
            let oldest = self.held.iter().min_by_key(|(_, hold)| hold.until);
            if let Some(oldest) = oldest.map(|(topic, _)| topic.clone()) {
                self.held.remove(&oldest);
            }
        }
        self.candidates.remove(topic);
        let duration = before.map_or(FIRST_HOLD, |before| (before * 2).min(LONGEST_HOLD));
        self.held.insert(topic.to_owned(), HeldTopic { until: now + duration, duration });
    }

    /// Clears candidates that are not published again. To be called every few seconds.
    pub fn tick(&mut self, now: Instant) {
        let is_over = |at: Instant| now.saturating_duration_since(at) >= CANDIDATE_TIMEOUT;
        if self.candidates_since.is_some_and(is_over) {
            self.candidates.clear();
        }
    }
}

/// What an answer clears.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Topic of the message, if it was held.
    pub topic: Option<String>,
    /// How the message was reduced.
    pub reduced: Option<ReducedMessage>,
}

/// Unit of holding: a topic, or for Home Assistant, with many topics, all below the first level.
fn key(tag: Tag, topic: &str) -> String {
    match tag {
        Tag::Discovery(_) => format!("{}/#", topic.split('/').next().unwrap_or_default()),
        _ => topic.to_owned(),
    }
}

fn reduce(message: &mut Outgoing) -> Option<ReducedMessage> {
    if std::mem::replace(&mut message.retained, false) {
        return Some(ReducedMessage::NotRetained);
    }
    if message.qos > Qos::AtLeastOnce {
        message.qos = Qos::AtLeastOnce;
        return Some(ReducedMessage::Qos(message.qos));
    }
    None
}

/// Whether the reason code rules out a message as the cause: shutdown, session taken over, keep-alive timeout, quota,
/// administrative action.
const fn is_about_the_client(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Reason { code: 0x8B | 0x8D | 0x8E | 0x93 | 0x96 | 0x97 | 0x98 | 0x9C | 0x9D, .. }
    )
}

/// Whether the reason code is about a message: not authorized, topic name invalid, packet too large, payload format invalid,
/// retain or QoS not supported.
const fn is_about_a_message(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Reason { code: 0x87 | 0x90 | 0x95 | 0x99 | 0x9A | 0x9B, .. })
}

#[cfg(test)]
#[path = "poison_tests.rs"]
mod tests;
