//! Which stored alert events to publish next, in order, and which are done.
//!
//! Storage holds the events and is the truth; here is only where the gateway stands. Always: events
//! go out in the order of their rows, at most `window` of them unfinished; a finished one is never
//! sent again in this process's life; one whose connection was lost before the broker's last word is
//! loaded and sent again. Pure: no clock, no storage, no client.
//!
//! A topic that the broker refuses is held: its first event alone is kept here and tried now and then,
//! beside the window; the others of that topic are left to storage, and loaded again once it is taken.
//! So a topic refused for months costs one event's memory, and nobody else a place in the window. After
//! a refusal the order holds within each topic, not between them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::domain::Quantity;
use crate::messages::{AlertsWaiting, PendingAlert};

/// How far others may get ahead of an event that hangs while storage confirms nothing: then they wait.
const FINISHED_AHEAD: usize = 10_000;
/// Topics held at a time; there are a few quantities in a plant. One more is not held: the caller must
/// pause.
const MOST_HELD: usize = 1_000;

#[derive(Debug)]
pub struct AlertQueue {
    window: usize,
    /// Every row up to this one has been loaded.
    loaded_up_to: i64,
    /// The highest row that was ever loaded.
    seen_up_to: i64,
    queued: BTreeMap<i64, PendingAlert>,
    in_flight: BTreeMap<i64, PendingAlert>,
    /// By what names their topic.
    held: BTreeMap<Quantity, Held>,
    /// Finished rows that a row still unfinished stands before, and that storage may not know of: were
    /// that one loaded again, these could come with it.
    finished: BTreeSet<i64>,
    /// Finished rows that storage has not been told of.
    to_confirm: Vec<i64>,
    /// Whether storage may hold more rows than were loaded.
    more: bool,
    loading: Option<Load>,
    loads: u64,
}

/// A topic that the broker refuses.
#[derive(Debug)]
struct Held {
    row_id: i64,
    /// Its first event; `None` while that is tried.
    alert: Option<PendingAlert>,
    retry_at: Instant,
    /// Whether there are more, which are not kept here.
    has_more: bool,
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
            seen_up_to: 0,
            queued: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            held: BTreeMap::new(),
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

    /// Storage has these new rows on disk, committed or not, all there are after a certain one. If they are
    /// the very next ones and there is room, they need not be asked for.
    pub fn told_of(&mut self, AlertsWaiting { after_row_id, rows }: AlertsWaiting) {
        let are_next = after_row_id.is_some_and(|after| after <= self.loaded_up_to)
            && !self.more
            && self.loading.is_none()
            && self.unfinished() + rows.len() <= self.window
            // Told late, they may be finished and forgotten.
            && !rows.iter().any(|row| (self.loaded_up_to + 1..=self.seen_up_to).contains(&row.row_id));
        if rows.is_empty() || !are_next {
            return self.hint();
        }
        self.take(rows);
    }

    fn take(&mut self, rows: Vec<PendingAlert>) {
        for row in rows {
            let row_id = row.row_id;
            if row_id <= self.loaded_up_to {
                continue;
            }
            self.loaded_up_to = row_id;
            self.seen_up_to = self.seen_up_to.max(row_id);
            let is_known = self.finished.contains(&row_id)
                || self.in_flight.contains_key(&row_id)
                || self.queued.contains_key(&row_id);
            if is_known {
                continue;
            }
            match self.held.get_mut(&row.event.quantity) {
                Some(held) => held.has_more |= held.row_id != row_id,
                None => drop(self.queued.insert(row_id, row)),
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
        self.forget_confirmed();
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
        let (row_id, next) = self.queued.pop_first()?;
        Some(self.in_flight.entry(row_id).or_insert(next))
    }

    /// The broker has completed the delivery.
    pub fn finish(&mut self, row_id: i64) {
        if let Some(alert) = self.in_flight.remove(&row_id) {
            self.to_confirm.push(row_id);
            self.finished.insert(row_id);
            self.release(&alert.event.quantity, row_id);
            let loaded = self.loaded_up_to + 1;
            let needed_from = self.first_unfinished().map_or(loaded, |first| first.min(loaded));
            self.finished = self.finished.split_off(&needed_from);
        }
    }

    /// The first event of a held topic was taken: those behind it are loaded again.
    fn release(&mut self, topic: &Quantity, row_id: i64) {
        if self.held.get(topic).is_none_or(|held| held.row_id != row_id) {
            return;
        }
        if self.held.remove(topic).is_some_and(|held| held.has_more) {
            self.loaded_up_to = self.loaded_up_to.min(row_id);
            // An answer under way is to a question from further on.
            self.loading = None;
            self.more = true;
        }
    }

    /// The broker refused it for now: it is queued again in its old place.
    pub fn put_back(&mut self, row_id: i64) {
        let Some(alert) = self.in_flight.remove(&row_id) else { return };
        match self.held.get_mut(&alert.event.quantity) {
            Some(held) if held.row_id < row_id => held.has_more = true,
            _ => drop(self.queued.insert(row_id, alert)),
        }
    }

    /// What names the topic of an event in flight.
    #[must_use]
    pub fn topic_of(&self, row_id: i64) -> Option<&Quantity> {
        self.in_flight.get(&row_id).map(|alert| &alert.event.quantity)
    }

    /// The broker does not take what goes to this event's topic, which is held until then. `false`: it
    /// is put back, there being too many such topics.
    #[must_use]
    pub fn hold(&mut self, row_id: i64, until: Instant) -> bool {
        let Some(topic) = self.topic_of(row_id).cloned() else { return true };
        if self.held.len() >= MOST_HELD && !self.held.contains_key(&topic) {
            self.put_back(row_id);
            return false;
        }
        let is_of_topic = |_: &i64, alert: &mut PendingAlert| alert.event.quantity == topic;
        let mut alerts: BTreeMap<i64, Option<PendingAlert>> = self
            .queued
            .extract_if(.., is_of_topic)
            .map(|(row_id, it)| (row_id, Some(it)))
            .collect();
        alerts.insert(row_id, self.in_flight.remove(&row_id));
        let mut has_more = false;
        if let Some(before) = self.held.remove(&topic) {
            has_more = before.has_more;
            // Without its event it is in flight, being tried: it may go on, and is the first or not.
            alerts.entry(before.row_id).or_insert(before.alert);
        }
        has_more |= alerts.len() > 1;
        if let Some((row_id, alert)) = alerts.pop_first() {
            self.held.insert(topic, Held { row_id, alert, retry_at: until, has_more });
        }
        true
    }

    /// Queues the first event of each held topic that is to be tried again.
    pub fn retry_held(&mut self, now: Instant) {
        for held in self.held.values_mut().filter(|held| held.retry_at <= now) {
            self.queued.extend(held.alert.take().map(|alert| (alert.row_id, alert)));
        }
    }

    /// The connection is gone: everything unfinished is loaded and sent again, held or not, for the next
    /// one may have other rights.
    pub fn start_over(&mut self) {
        if let Some(first) = self.first_unfinished() {
            self.loaded_up_to = self.loaded_up_to.min(first - 1);
        }
        self.queued.clear();
        self.in_flight.clear();
        self.held.clear();
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
        self.forget_confirmed();
    }

    /// Storage gives no more of the rows it was told of, but in an answer under way.
    fn forget_confirmed(&mut self) {
        if self.loading.is_none() {
            let unconfirmed: BTreeSet<i64> = self.to_confirm.iter().copied().collect();
            self.finished.retain(|row_id| unconfirmed.contains(row_id));
        }
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

    /// Loaded and neither finished nor held.
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
        let queued = self.queued.keys().next().copied();
        let flying = self.in_flight.keys().next().copied();
        let held = self.held.values().map(|held| held.row_id);
        queued.into_iter().chain(flying).chain(held).min()
    }
}

#[cfg(test)]
mod tests;
