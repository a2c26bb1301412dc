//! Publication of own readings and forwarded messages: which to send next, and the position of the publication
//! cursor. Pure.
//!
//! The log holds them; this is the state of their publication. Always: sent in the order of their positions, at
//! most a window of them polled and unfinished. Each is finished when the broker acknowledged it or refused it for
//! good, or when it was skipped. After a lost connection what was in flight is sent again, before everything newer.
//! The cursor passes a reading once it and all before it are finished. Never: a clock, a client, a file.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::domain::Position;
use crate::ingest::{Outbound, OutboundContent};

/// State of the publication.
#[derive(Debug)]
pub struct Publication {
    /// Maximum of readings polled and unfinished.
    window: usize,
    queued: VecDeque<Outbound>,
    in_flight: BTreeMap<Position, Outbound>,
    /// Finished readings that the cursor is not past yet.
    finished: BTreeSet<Position>,
    /// Readings skipped or refused for good, in this run.
    given_up: u64,
}

/// How far the publication cursor moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// New position of the cursor.
    pub through: Position,
    /// Own readings that it passes.
    pub readings: u64,
}

impl Publication {
    /// Empty state with a window of `window` readings.
    #[must_use]
    pub const fn new(window: usize) -> Self {
        Self {
            window,
            queued: VecDeque::new(),
            in_flight: BTreeMap::new(),
            finished: BTreeSet::new(),
            given_up: 0,
        }
    }

    /// Number of readings that may be polled.
    #[must_use]
    pub fn room(&self) -> usize {
        self.window.saturating_sub(self.unfinished())
    }

    /// Appends polled readings, in order.
    pub fn add(&mut self, polled: Vec<Outbound>) {
        self.queued.extend(polled);
    }

    /// Puts the next reading in flight.
    pub fn dispatch(&mut self) -> Option<(Position, &OutboundContent)> {
        let next = self.queued.pop_front()?;
        let position = next.position;
        let waiting = self.in_flight.entry(position).or_insert(next);
        Some((position, &waiting.content))
    }

    /// The broker acknowledged something, which is returned the first time.
    pub fn acknowledge(&mut self, position: Position) -> Option<OutboundContent> {
        let waiting = self.in_flight.remove(&position)?;
        self.finished.insert(position);
        Some(waiting.content)
    }

    /// The broker refused a reading for good.
    pub fn refuse(&mut self, position: Position) {
        if self.acknowledge(position).is_some() {
            self.given_up += 1;
        }
    }

    /// The broker refused a reading for now: it is queued again in its old place.
    pub fn put_back(&mut self, position: Position) {
        if let Some(waiting) = self.in_flight.remove(&position) {
            self.queue(waiting);
        }
    }

    /// The connection was lost: what was in flight is queued again, before everything newer.
    pub fn rewind(&mut self) {
        while let Some((_, last)) = self.in_flight.pop_last() {
            self.queue(last);
        }
    }

    fn queue(&mut self, waiting: Outbound) {
        let place = self.queued.partition_point(|queued| queued.position < waiting.position);
        self.queued.insert(place, waiting);
    }

    /// Skips the oldest reading that is queued. False when none is.
    pub fn skip_oldest(&mut self) -> bool {
        let Some(skipped) = self.queued.pop_front() else { return false };
        self.finished.insert(skipped.position);
        self.given_up += 1;
        true
    }

    /// Content in flight at a position, if any.
    #[must_use]
    pub fn content(&self, position: Position) -> Option<&OutboundContent> {
        self.in_flight.get(&position).map(|outbound| &outbound.content)
    }

    /// How far the cursor moves now, if it does.
    pub fn take_progress(&mut self) -> Option<Progress> {
        let flying = self.in_flight.keys().next().copied();
        let queued = self.queued.front().map(|waiting| waiting.position);
        let first_unfinished = flying.into_iter().chain(queued).min();
        let later = first_unfinished.map_or_else(BTreeSet::new, |at| self.finished.split_off(&at));
        let passed = std::mem::replace(&mut self.finished, later);
        let through = *passed.last()?;
        Some(Progress { through, readings: passed.len() as u64 })
    }

    /// Finished ones that the cursor is not past: something before them is still in flight.
    #[must_use]
    pub fn num_ahead(&self) -> u64 {
        self.finished.len() as u64
    }

    /// Readings polled and neither finished nor skipped.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.queued.len() + self.in_flight.len()
    }

    /// Readings skipped or refused for good, in this run.
    #[must_use]
    pub const fn given_up(&self) -> u64 {
        self.given_up
    }
}

#[cfg(test)]
#[path = "publication_tests.rs"]
mod tests;
