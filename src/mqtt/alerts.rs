//! Alert events that storage has pushed and the broker has not completed. Pure.
//!
//! Storage decides what is pushed, and counts credits. This file tracks what is in flight.
//!
//! Invariants: events are sent in the order of their numbers; one whose connection was lost before its completion
//! is sent again, in its old place; a delivered one is not sent again when storage repeats it after a restart; a
//! delivery is reported until storage confirms the report. After a refusal, queued events of the same topic return
//! to storage, so that none overtakes the refused one. Never: more events than storage has credits.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::domain::{AlertEvent, Quantity};
use crate::messages::PushAlerts;

/// Delivered event numbers that are remembered: many times the credits.
const FINISHED_KEPT: usize = 200;

/// Outlives the gateway's incarnations, for the deliveries not reported.
#[derive(Debug)]
pub struct PushedAlerts {
    queued: BTreeMap<u64, Arc<AlertEvent>>,
    in_flight: BTreeMap<u64, Arc<AlertEvent>>,
    /// Numbers of delivered events that storage has no report of.
    delivered: Vec<u64>,
    refused: Vec<u64>,
    /// The last numbers delivered.
    finished: VecDeque<u64>,
    /// Whether storage has more events to push.
    more_follow: bool,
}

impl Default for PushedAlerts {
    fn default() -> Self {
        Self {
            queued: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            delivered: Vec::new(),
            refused: Vec::new(),
            finished: VecDeque::new(),
            more_follow: true,
        }
    }
}

impl PushedAlerts {
    /// Starts a new incarnation: storage pushes unfinished events again.
    pub fn begin(&mut self) {
        self.queued.clear();
        self.in_flight.clear();
        self.refused.clear();
        self.more_follow = true;
    }

    /// The connection was lost: events in flight are sent again.
    pub fn rewind(&mut self) {
        self.queued.append(&mut self.in_flight);
    }

    /// Accepts events that storage pushed to this incarnation.
    pub fn take(&mut self, PushAlerts { incarnation, events }: PushAlerts, own: u32) {
        for event in events.into_iter().filter(|_| incarnation == own) {
            let number = event.number;
            let is_known = self.in_flight.contains_key(&number) || self.finished.contains(&number);
            if !is_known {
                self.queued.insert(number, event);
            }
        }
    }

    /// Puts the next event in flight.
    pub fn dispatch(&mut self) -> Option<&AlertEvent> {
        let (number, next) = self.queued.pop_first()?;
        Some(self.in_flight.entry(number).or_insert(next))
    }

    /// The broker has completed the delivery.
    pub fn finish(&mut self, number: u64) {
        if self.in_flight.remove(&number).is_some() {
            self.delivered.push(number);
            self.finished.push_back(number);
            if self.finished.len() > FINISHED_KEPT {
                self.finished.pop_front();
            }
        }
    }

    /// The broker refused the event for now: it is queued again in its old place.
    pub fn put_back(&mut self, number: u64) {
        self.queued.extend(self.in_flight.remove_entry(&number));
    }

    /// The broker refuses the event's topic: the event and those queued for the topic return to storage.
    pub fn refuse(&mut self, number: u64) {
        let Some(event) = self.in_flight.remove(&number) else { return };
        self.refused.push(number);
        let queued = self.queued.extract_if(.., |_, other| other.quantity == event.quantity);
        self.refused.extend(queued.map(|(number, _)| number));
    }

    /// The quantity of an event in flight, which names its topic.
    #[must_use]
    pub fn topic_of(&self, number: u64) -> Option<&Quantity> {
        self.in_flight.get(&number).map(|event| &event.quantity)
    }

    /// The numbers to report as delivered, and as refused.
    #[must_use]
    pub fn to_report(&self) -> (&[u64], &[u64]) {
        (&self.delivered, &self.refused)
    }

    /// Storage confirmed the first ones of each list. `more_follow` is its answer.
    pub fn reported(&mut self, num_delivered: usize, num_refused: usize, more_follow: bool) {
        self.delivered.drain(..num_delivered.min(self.delivered.len()));
        self.refused.drain(..num_refused.min(self.refused.len()));
        self.more_follow = more_follow;
    }

    /// Pushed and not in flight.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued.len()
    }

    /// Events sent, and not completed by the broker.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether everything was delivered and reported.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let is_reported = self.delivered.is_empty() && self.refused.is_empty();
        self.queued.is_empty() && self.in_flight.is_empty() && is_reported && !self.more_follow
    }
}

#[cfg(test)]
mod tests;
