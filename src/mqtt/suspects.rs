//! Which messages make the broker end the connection. Some brokers answer a message that they don't allow by hanging up:
//! sent again at each connection, it would end them all. Pure: (state, event, time) → decision.
//!
//! Always: what was in flight at such an end is sent again one at a time; a message that was in flight at [`ENDS`] ends, and
//! alone at the last, has its topic *held*: none of it is sent for [`FIRST_HOLD`], doubled with each try that ends the
//! connection again. Before it is held, less is asked for it once: QoS 1 in place of 2, and not to be retained. An end
//! counts when the connection is made again while intake, a connection of its own, has stood throughout: so it was not the
//! broker, or the way to it, that went.
//! Never: a message lost; what is held stays where it waits.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::capabilities::Lowered;
use super::link::{Outcome, Outgoing, Qos, Tag};

/// Ends of a connection after which a topic is held. One is enough once the broker is known to do this.
const ENDS: u32 = 3;
const FIRST_HOLD: Duration = Duration::from_secs(600);
const LONGEST_HOLD: Duration = Duration::from_secs(3600);
/// A broker that hangs up does so at once; a message that has been in flight for longer is not the cause.
const PROMPT: Duration = Duration::from_secs(5);
/// A suspect that has not been sent again by then waits for something else: the others are not to wait for it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Topics held at a time: a plant has a few quantities. Devices whose messages are forwarded may have any number; those
/// beyond are sent again.
const MOST_HELD: usize = 1000;

/// What is in flight, suspected and held.
#[derive(Debug, Default)]
pub struct Suspects {
    in_flight: HashMap<Tag, Sent>,
    /// Topics that were in flight when a connection ended, with the number of such ends.
    suspected: BTreeMap<String, u32>,
    /// When the last of them was suspected.
    suspected_at: Option<Instant>,
    /// Topics that were in flight at an end on which the next connection decides.
    ended: Vec<String>,
    held: BTreeMap<String, Hold>,
}

#[derive(Debug)]
struct Sent {
    topic: String,
    at: Instant,
    lowered: Option<Lowered>,
}

#[derive(Debug)]
struct Hold {
    until: Instant,
    length: Duration,
}

impl Suspects {
    /// Whether a message may be sent now: while there are suspects, one at a time.
    #[must_use]
    pub fn may_send(&self) -> bool {
        self.suspected.is_empty() || self.in_flight.is_empty()
    }

    /// Whether messages on a topic are held. One whose time is over is tried alone.
    pub fn holds(&mut self, topic: &str, now: Instant) -> bool {
        let Some(hold) = self.held.get(topic) else { return false };
        if now < hold.until {
            return true;
        }
        self.suspected.entry(topic.to_owned()).or_default();
        self.suspected_at = Some(now);
        !self.in_flight.is_empty()
    }

    /// A message as it is sent now: with less asked for it where that is the last try.
    pub fn send(&mut self, tag: Tag, mut message: Outgoing, now: Instant) -> Outgoing {
        let ends = self.suspected.get(&message.topic).copied().unwrap_or_default();
        let is_last_try = ends + 1 >= ENDS && !self.held.contains_key(&message.topic);
        let lowered = is_last_try.then(|| lower(&mut message)).flatten();
        self.in_flight.insert(tag, Sent { topic: message.topic.clone(), at: now, lowered });
        message
    }

    /// The broker has answered a message. Whether its topic was held, and what it took it without.
    pub fn answered(&mut self, tag: Tag) -> Answered {
        let Some(Sent { topic, lowered, .. }) = self.in_flight.remove(&tag) else {
            return Answered::default();
        };
        self.suspected.remove(&topic);
        Answered { released: self.held.remove(&topic).map(|_| topic), lowered }
    }

    /// The publishing connection has ended, and intake has not: what was in flight is suspected, once a new connection shows
    /// that the broker is there.
    pub fn ended(&mut self, outcome: &Outcome, now: Instant) {
        let in_flight = std::mem::take(&mut self.in_flight);
        if is_about_the_client(outcome) {
            return;
        }
        let is_prompt = |sent: &Sent| now.saturating_duration_since(sent.at) < PROMPT;
        let topics = in_flight.into_values().filter(is_prompt).map(|sent| sent.topic);
        self.ended = topics.collect();
        self.ended.sort_unstable();
        self.ended.dedup();
    }

    /// Topics that were in flight at the end on which the next connection decides.
    #[must_use]
    pub fn ended_at(&self) -> &[String] {
        &self.ended
    }

    /// All connections have ended: that says nothing of any message.
    pub fn acquit(&mut self) {
        self.in_flight.clear();
        self.ended.clear();
    }

    /// The publishing connection stands again. The topics that are held from now on.
    pub fn opened(&mut self, now: Instant) -> Vec<String> {
        self.suspected_at = Some(now);
        let ended = std::mem::take(&mut self.ended);
        let is_alone = ended.len() == 1;
        let mut new = Vec::new();
        for topic in ended {
            let ends = self.suspected.entry(topic.clone()).or_default();
            *ends += 1;
            let is_enough = *ends >= ENDS || !self.held.is_empty();
            if is_alone && is_enough && self.hold(&topic, now) {
                new.push(topic);
            }
        }
        new
    }

    fn hold(&mut self, topic: &str, now: Instant) -> bool {
        let before = self.held.get(topic).map(|hold| hold.length);
        if before.is_none() && self.held.len() >= MOST_HELD {
            return false;
        }
        self.suspected.remove(topic);
        let length = before.map_or(FIRST_HOLD, |length| (length * 2).min(LONGEST_HOLD));
        self.held.insert(topic.to_owned(), Hold { until: now + length, length });
        true
    }

    /// To be called now and then.
    pub fn tick(&mut self, now: Instant) {
        let is_over = |at: Instant| now.saturating_duration_since(at) >= PATIENCE;
        if self.in_flight.is_empty() && self.suspected_at.is_some_and(is_over) {
            self.suspected.clear();
        }
    }
}

/// What an answer says of its topic.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// The topic, if it was held.
    pub released: Option<String>,
    /// What was left out of the message.
    pub lowered: Option<Lowered>,
}

fn lower(message: &mut Outgoing) -> Option<Lowered> {
    if std::mem::replace(&mut message.retained, false) {
        return Some(Lowered::NotRetained);
    }
    if message.qos > Qos::AtLeastOnce {
        message.qos = Qos::AtLeastOnce;
        return Some(Lowered::Qos(message.qos));
    }
    None
}

/// Whether the broker ends a connection for another reason than a message: it shuts down, another client took the id, the
/// keep-alive or a quota was exceeded, an administrator did it.
const fn is_about_the_client(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Reason { code: 0x8B | 0x8D | 0x8E | 0x93 | 0x96 | 0x97 | 0x98 | 0x9C | 0x9D, .. }
    )
}

#[cfg(test)]
#[path = "suspects_tests.rs"]
mod tests;
