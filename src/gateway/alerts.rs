//! Which stored alert events to publish next, in order, and which are done.
//!
//! Storage holds the events and is the truth; here is only where the gateway stands. Always: events
//! go out in the order of their rows, at most `window` of them unfinished; a finished one is never
//! sent again in this process's life; one whose connection was lost before the broker's last word is
//! loaded and sent again. Pure: no clock, no storage, no client.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::messages::{AlertsWaiting, PendingAlert};

/// How far others may get ahead of an event that the broker keeps refusing.
const FINISHED_AHEAD: usize = 10_000;

#[derive(Debug)]
pub struct AlertQueue {
    window: usize,
    /// Every row up to this one has been loaded.
    loaded_up_to: i64,
    queued: VecDeque<PendingAlert>,
    in_flight: BTreeMap<i64, PendingAlert>,
    /// Finished rows that a row still unfinished stands before: were that one loaded again, these
    /// could come with it.
    finished: BTreeSet<i64>,
    /// Finished rows that storage has not been told of.
    to_confirm: Vec<i64>,
    /// Whether storage may hold more rows than were loaded.
    more: bool,
    loading: Option<Load>,
    loads: u64,
}

/// A question for storage; its answer must name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    number: u64,
    pub after_row_id: i64,
    pub at_most: usize,
}

impl AlertQueue {
    #[must_use]
    pub fn new(window: usize) -> Self {
        Self {
            window,
            loaded_up_to: 0,
            queued: VecDeque::new(),
            in_flight: BTreeMap::new(),
            finished: BTreeSet::new(),
            to_confirm: Vec::new(),
            more: true,
            loading: None,
            loads: 0,
        }
    }

    /// Storage may hold new rows.
    const fn hint(&mut self) {
        self.more = true;
    }

    /// Storage holds these new rows, all there are after a certain one. If they are the very next ones
    /// and there is room, they need not be asked for.
    pub fn told_of(&mut self, AlertsWaiting { after_row_id, rows }: AlertsWaiting) {
        let are_next = after_row_id.is_some_and(|after| after <= self.loaded_up_to)
            && !self.more
            && self.loading.is_none()
            && self.unfinished() + rows.len() <= self.window;
        if rows.is_empty() || !are_next {
            return self.hint();
        }
        self.take(rows);
    }

    fn take(&mut self, rows: Vec<PendingAlert>) {
        for row in rows {
            if row.row_id > self.loaded_up_to {
                self.loaded_up_to = row.row_id;
                if !self.finished.contains(&row.row_id) {
                    self.queued.push_back(row);
                }
            }
        }
    }

    /// What to ask storage for now, if anything.
    pub fn next_load(&mut self) -> Option<Load> {
        let room = self.window.saturating_sub(self.unfinished());
        let too_far = self.finished.len() >= FINISHED_AHEAD;
        if !self.more || self.loading.is_some() || room == 0 || too_far {
            return None;
        }
        // A hint that comes while storage answers must not be forgotten.
        self.more = false;
        self.loads += 1;
        let load = Load { number: self.loads, after_row_id: self.loaded_up_to, at_most: room };
        self.loading = Some(load);
        Some(load)
    }

    /// Storage's answer. One to a question from before [`AlertQueue::start_over`] is ignored.
    pub fn loaded(&mut self, load: Load, rows: Vec<PendingAlert>) {
        if self.loading != Some(load) {
            return;
        }
        self.loading = None;
        self.more |= rows.len() >= load.at_most;
        self.take(rows);
    }

    /// Storage did not answer: the question stands.
    pub fn load_failed(&mut self, load: Load) {
        if self.loading == Some(load) {
            self.loading = None;
            self.more = true;
        }
    }

    /// Puts the next event in flight.
    pub fn dispatch(&mut self) -> Option<&PendingAlert> {
        let next = self.queued.pop_front()?;
        Some(self.in_flight.entry(next.row_id).or_insert(next))
    }

    /// The broker has completed the delivery.
    pub fn finish(&mut self, row_id: i64) {
        if self.in_flight.remove(&row_id).is_some() {
            self.to_confirm.push(row_id);
            self.finished.insert(row_id);
            let needed_from = self.first_unfinished().unwrap_or(self.loaded_up_to + 1);
            self.finished = self.finished.split_off(&needed_from);
        }
    }

    /// The broker refused it for now: it is queued again in its old place.
    pub fn put_back(&mut self, row_id: i64) {
        if let Some(alert) = self.in_flight.remove(&row_id) {
            let place = self.queued.partition_point(|queued| queued.row_id < row_id);
            self.queued.insert(place, alert);
        }
    }

    /// The connection is gone: everything unfinished is loaded and sent again.
    pub fn start_over(&mut self) {
        if let Some(first) = self.first_unfinished() {
            self.loaded_up_to = first - 1;
        }
        self.queued.clear();
        self.in_flight.clear();
        self.loading = None;
        self.more = true;
    }

    /// The finished rows that storage has not been told of.
    #[must_use]
    pub fn to_confirm(&self) -> &[i64] {
        &self.to_confirm
    }

    /// Storage has been told of the first `count` of them.
    pub fn confirmed(&mut self, count: usize) {
        self.to_confirm.drain(..count.min(self.to_confirm.len()));
    }

    /// Loaded and not in flight.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued.len()
    }

    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Loaded and not finished.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.queued.len() + self.in_flight.len()
    }

    /// Nothing to do that is known of.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.unfinished() == 0 && !self.more && self.loading.is_none() && self.to_confirm.is_empty()
    }

    fn first_unfinished(&self) -> Option<i64> {
        let queued = self.queued.front().map(|row| row.row_id);
        let flying = self.in_flight.keys().next().copied();
        queued.into_iter().chain(flying).min()
    }
}

#[cfg(test)]
mod tests;
