//! Which alert events are handed to the gateway next, by credits. Pure: no clock, no file, no route.
//!
//! Each pushed event takes one of [`CREDITS`]; the gateway's report returns it. Deliveries are a set, since events
//! of different topics finish in any order. A *cursor* separates the events considered so far from those still to
//! be read from the ledger or the backlog.
//!
//! Invariants: at most [`CREDITS`] events are in flight; within a topic, events are pushed in the order of their
//! numbers; none is pushed again after its delivery was reported. A topic that the broker refuses is *set aside*
//! with its first event alone, which is retried after [`RETRY_AFTER`] or with a new connection; its other events
//! stay in the ledger and are loaded once the first is accepted. A new incarnation of the gateway returns all
//! credits, so a message lost either way costs nothing but time. Never: storage waits for a credit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::domain::{AlertEvent, Quantity};
use crate::messages::{GatewayLink, PushReport};

/// Events in flight: enough for a broker 100 ms away to take 200 a second.
pub const CREDITS: usize = 20;
/// Events kept in memory beyond the credits, so that a burst needs no read.
const READ_AHEAD: usize = CREDITS;
/// Limit of topics set aside: a plant has a few quantities. One more pauses everything.
const MOST_SET_ASIDE: usize = 1_000;
/// Set-aside topics tried at a time, so that they leave credits to the others.
const MOST_TRIALS: usize = 5;
/// Deliveries whose commit is pending: about 1 MB. At the limit nothing more is pushed.
const MOST_UNMARKED: usize = 20_000;
/// Pause of a topic after a refusal: someone has to correct the broker's rights.
pub const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Events in flight, next events, and topics set aside.
#[derive(Debug)]
pub struct Push {
    /// `None` before the gateway's first report: nothing is handed over.
    link: Option<GatewayLink>,
    /// Considered and without a credit.
    ready: BTreeMap<u64, Arc<AlertEvent>>,
    in_flight: BTreeMap<u64, Arc<AlertEvent>>,
    /// Events in flight that may not have reached the gateway.
    resend: BTreeSet<u64>,
    set_aside: BTreeMap<Quantity, SetAsideTopic>,
    /// Delivered events that the ledger may still return as pending.
    unmarked: BTreeSet<u64>,
    /// Deliveries committed during a read, whose result may be older.
    marked_meanwhile: Vec<u64>,
    /// Events up to this number are delivered, ready, in flight, or of a topic that is set aside.
    cursor: u64,
    /// The last event committed.
    committed_through: u64,
    reading: Option<PendingRead>,
    num_reads: u64,
    /// No room to set another topic aside.
    paused_until: Option<Instant>,
}

/// A topic that the broker refuses.
#[derive(Debug)]
struct SetAsideTopic {
    /// Oldest undelivered event of the topic. In flight during a retry.
    first: Arc<AlertEvent>,
    retry_at: Instant,
}

/// A query of the ledger; its result refers to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingRead {
    ticket: u64,
    /// The last event committed when the query was made.
    through: u64,
    /// Number after which events are read.
    pub after: u64,
    /// Row limit; keeps the oldest.
    pub at_most: usize,
    /// Topics to leave out.
    pub except: Vec<Quantity>,
}

impl Push {
    /// `committed_through` is the last event in the ledger.
    pub const fn new(committed_through: u64) -> Self {
        Self {
            link: None,
            ready: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            resend: BTreeSet::new(),
            set_aside: BTreeMap::new(),
            unmarked: BTreeSet::new(),
            marked_meanwhile: Vec::new(),
            cursor: 0,
            committed_through,
            reading: None,
            num_reads: 0,
            paused_until: None,
        }
    }

    /// Applies the gateway's report: deliveries, then a new incarnation, refusals, a new connection.
    pub fn report(&mut self, report: &PushReport, now: Instant) {
        for number in &report.delivered {
            self.finish(*number);
        }
        let known = self.link.replace(report.link);
        if known.is_some_and(|known| known.incarnation != report.link.incarnation) {
            self.take_back();
        }
        for number in &report.refused {
            self.set_aside(*number, now);
        }
        if known != Some(report.link) {
            // A new connection may have other rights.
            self.paused_until = None;
            self.set_aside.values_mut().for_each(|topic| topic.retry_at = now);
        }
    }

    /// A new incarnation of storage: pushes events in flight again, since the last one may have died holding them.
    /// The gateway ignores events that it has.
    pub fn restart(&mut self) {
        self.reading = None;
        self.forget_marked();
        let may_overtake = |event: &AlertEvent| {
            let topic = self.set_aside.get(&event.quantity);
            topic.is_some_and(|topic| topic.first.number != event.number)
        };
        let resend = self.in_flight.values().filter(|event| !may_overtake(event));
        self.resend = resend.map(|event| event.number).collect();
    }

    /// The incarnation of the gateway that has the credits.
    pub fn incarnation(&self) -> Option<u32> {
        self.link.map(|link| link.incarnation)
    }

    /// Events that could not be sent: they keep their credits, and are pushed again.
    pub fn unsent(&mut self, events: &[Arc<AlertEvent>]) {
        self.resend.extend(events.iter().map(|event| event.number));
    }

    /// Returns all credits: events in flight are pushed again.
    fn take_back(&mut self) {
        self.resend.clear();
        for event in std::mem::take(&mut self.in_flight).into_values() {
            self.put_back(event);
        }
    }

    fn put_back(&mut self, event: Arc<AlertEvent>) {
        let is_considered = event.number <= self.cursor;
        match self.set_aside.get_mut(&event.quantity) {
            Some(topic) if topic.first.number > event.number => topic.first = event,
            None if is_considered => drop(self.ready.insert(event.number, event)),
            Some(_) | None => {} // loaded again, after older ones of its topic
        }
    }

    fn finish(&mut self, number: u64) {
        self.in_flight.remove(&number);
        self.ready.remove(&number);
        self.unmarked.insert(number);
        let released = self.set_aside.extract_if(.., |_, topic| topic.first.number == number);
        if released.count() > 0 {
            // The topic's other events were skipped since, possibly also by a pending read.
            self.cursor = self.cursor.min(number);
            self.reading = None;
        }
    }

    fn set_aside(&mut self, number: u64, now: Instant) {
        let Some(refused) = self.in_flight.remove(&number) else { return };
        let retry_at = now + RETRY_AFTER;
        let topic = refused.quantity.clone();
        let before = self.set_aside.remove(&topic).map(|topic| topic.first);
        if before.is_none() && number > self.cursor {
            return; // loaded again, after older ones of its topic
        }
        if before.is_none() && self.set_aside.len() >= MOST_SET_ASIDE {
            self.paused_until = Some(retry_at);
            self.ready.insert(number, refused);
            return;
        }
        let queued = self.ready.extract_if(.., |_, event| event.quantity == topic);
        let resend = &mut self.resend;
        let unsent = self
            .in_flight
            .extract_if(.., |number, event| event.quantity == topic && resend.remove(number));
        let all = queued.chain(unsent).map(|(_, event)| event).chain(before).chain([refused]);
        if let Some(first) = all.min_by_key(|event| event.number) {
            self.set_aside.insert(topic, SetAsideTopic { first, retry_at });
        }
    }

    /// The ledger now has events up to `through`. `events` are those just committed, in order; as far as there is
    /// room they need not be read.
    pub fn committed<'e>(&mut self, through: u64, events: impl Iterator<Item = &'e AlertEvent>) {
        self.offer(events);
        let has_room = self.ready.len() < READ_AHEAD;
        if has_room && self.is_caught_up() {
            self.cursor = self.cursor.max(through);
        }
        self.committed_through = self.committed_through.max(through);
    }

    /// Accepts uncommitted events, in order, as far as there is room. Ignored while the ledger has older ones.
    pub fn offer<'e>(&mut self, events: impl Iterator<Item = &'e AlertEvent>) {
        if !self.is_caught_up() {
            return;
        }
        let cursor = self.cursor;
        for event in events.filter(|event| event.announced && event.number > cursor) {
            if self.ready.len() >= READ_AHEAD {
                break;
            }
            self.consider(Arc::new(event.clone()));
        }
    }

    /// The last event considered: only later ones are worth an offer. `None` without room for any.
    pub fn wants_after(&self) -> Option<u64> {
        let has_room = self.ready.len() < READ_AHEAD && self.link.is_some();
        (has_room && self.is_caught_up()).then_some(self.cursor)
    }

    fn is_caught_up(&self) -> bool {
        self.reading.is_none() && self.cursor >= self.committed_through
    }

    fn consider(&mut self, event: Arc<AlertEvent>) {
        let number = event.number;
        self.cursor = self.cursor.max(number);
        let is_known = self.unmarked.contains(&number) || self.in_flight.contains_key(&number);
        if !is_known && !self.set_aside.contains_key(&event.quantity) {
            self.ready.insert(number, event);
        }
    }

    /// The commit has marked these as delivered.
    pub fn marked(&mut self, numbers: &[u64]) {
        if self.reading.is_some() {
            self.marked_meanwhile.extend(numbers);
        } else {
            for number in numbers {
                self.unmarked.remove(number);
            }
        }
    }

    /// The query to make now, if any.
    pub fn next_read(&mut self) -> Option<PendingRead> {
        let is_wanted = self.link.is_some() && self.ready.is_empty() && self.has_credit();
        if !is_wanted || self.reading.is_some() || self.cursor >= self.committed_through {
            return None;
        }
        self.num_reads += 1;
        let read = PendingRead {
            ticket: self.num_reads,
            through: self.committed_through,
            after: self.cursor,
            at_most: READ_AHEAD,
            except: self.set_aside.keys().cloned().collect(),
        };
        self.reading = Some(read.clone());
        Some(read)
    }

    /// The answer to a query. One that has been superseded is ignored.
    pub fn loaded(&mut self, read: &PendingRead, events: Vec<AlertEvent>) {
        if self.end_read(read) {
            let is_all = events.len() < read.at_most;
            events.into_iter().for_each(|event| self.consider(Arc::new(event)));
            if is_all {
                self.cursor = self.cursor.max(read.through);
            }
        }
        self.forget_marked();
    }

    /// The query failed and will be repeated.
    pub fn read_failed(&mut self, read: &PendingRead) {
        self.end_read(read);
        self.forget_marked();
    }

    fn end_read(&mut self, read: &PendingRead) -> bool {
        self.reading.take_if(|under_way| under_way.ticket == read.ticket).is_some()
    }

    fn forget_marked(&mut self) {
        if self.reading.is_none() {
            let marked = std::mem::take(&mut self.marked_meanwhile);
            self.marked(&marked);
        }
    }

    /// Takes a credit for each event to push now.
    pub fn take(&mut self, now: Instant) -> Vec<Arc<AlertEvent>> {
        std::iter::from_fn(|| self.next(now)).collect()
    }

    fn next(&mut self, now: Instant) -> Option<Arc<AlertEvent>> {
        while let Some(number) = self.resend.pop_first() {
            if let Some(event) = self.in_flight.get(&number) {
                return Some(event.clone());
            }
        }
        if self.link.is_none() || !self.has_credit() {
            return None;
        }
        let event = match self.due_trial(now) {
            Some(event) => event,
            None if self.paused_until.is_some_and(|until| until > now) => return None,
            None => self.ready.pop_first()?.1,
        };
        self.in_flight.insert(event.number, event.clone());
        Some(event)
    }

    fn has_credit(&self) -> bool {
        self.in_flight.len() < CREDITS && self.unmarked.len() < MOST_UNMARKED
    }

    /// The first event of a topic that is to be tried again.
    fn due_trial(&self, now: Instant) -> Option<Arc<AlertEvent>> {
        let is_tried = |topic: &&SetAsideTopic| self.in_flight.contains_key(&topic.first.number);
        let topics = self.set_aside.values();
        if topics.clone().filter(is_tried).count() >= MOST_TRIALS {
            return None;
        }
        let mut due = topics.filter(|topic| topic.retry_at <= now && !is_tried(topic));
        due.next().map(|topic| topic.first.clone())
    }

    /// Next time at which [`Push::take`] may return more without any event.
    pub fn next_retry(&self) -> Option<Instant> {
        let is_tried = |topic: &&SetAsideTopic| self.in_flight.contains_key(&topic.first.number);
        let waiting = self.set_aside.values().filter(|topic| !is_tried(topic));
        waiting.map(|topic| topic.retry_at).chain(self.paused_until).min()
    }

    /// True if more is to be pushed as credits return.
    pub fn has_more(&self) -> bool {
        !self.ready.is_empty() || !self.is_caught_up()
    }
}

#[cfg(test)]
mod tests;
