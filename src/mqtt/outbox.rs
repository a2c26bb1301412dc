//! Readings on their way to the broker, from the moment they are taken until it has acknowledged
//! them, in order.
//!
//! Always: a reading is in exactly one of three places, queued, in flight or gone; it goes when the
//! broker acknowledged it, when it was given up (counted), and for nothing else. After a lost
//! connection what was in flight is queued again, before everything newer. While a connection
//! carries them, readings keep their sender's permit until they are in flight, so the senders' room
//! is the bound; without one the outbox takes them over and `capacity` is, the oldest going first.
//!
//! Each knows its place on disk, so that what lies before the oldest one may be declared done.
//!
//! Pure and in memory: no clock, no client, no file; [`disk`] has those, and [`record`] what is in
//! them.

pub mod disk;
pub mod record;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use tokio::sync::oneshot;

use crate::domain::Reading;
use crate::ingest::journal::Position;

/// A reading taken on.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    pub reading: Reading,
    /// Where it lies on disk; `None` when the disk did not take it.
    pub place: Option<Position>,
}

/// `P` is whatever holds the sender's room while it lives.
#[derive(Debug)]
pub struct Outbox<P> {
    capacity: usize,
    /// Both by sequence number, which is the order of acceptance.
    queued: BTreeMap<u64, Entry>,
    in_flight: BTreeMap<u64, Entry>,
    /// What was accepted together, until all of it is acknowledged.
    parcels: HashMap<u64, Parcel<P>>,
    next_sequence: u64,
    next_parcel: u64,
    given_up: u64,
    /// How many of them have no place on disk.
    in_memory_only: usize,
}

#[derive(Debug)]
struct Entry {
    parcel: u64,
    taken: Taken,
    sent_before: bool,
}

#[derive(Debug)]
struct Parcel<P> {
    /// Not yet in flight for the first time since the permit was taken.
    queued: usize,
    unacknowledged: usize,
    permit: Option<P>,
    delivered: Option<oneshot::Sender<()>>,
}

/// A reading to send now.
#[derive(Debug, PartialEq)]
pub struct Dispatch<'a> {
    /// Names it until it is acknowledged.
    pub sequence: u64,
    pub reading: &'a Reading,
    /// Whether it is sent for the first time.
    pub first_time: bool,
}

impl<P> Outbox<P> {
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            queued: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            parcels: HashMap::new(),
            next_sequence: 0,
            next_parcel: 0,
            given_up: 0,
            in_memory_only: 0,
        }
    }

    /// Takes readings, in order, to be sent after everything taken before. `delivered` is told once
    /// the broker has acknowledged all of them. With a `permit` the sender is kept waiting until
    /// they are in flight; without, the bound holds: returns how many readings were given up for it.
    pub fn accept(
        &mut self,
        readings: Vec<Taken>,
        delivered: Option<oneshot::Sender<()>>,
        permit: Option<P>,
    ) -> usize {
        let count = readings.len();
        if count == 0 {
            tell(delivered);
            return 0;
        }
        let held = permit.is_some();
        let parcel = self.next_parcel;
        self.next_parcel += 1;
        // Of one that nobody waits for there is nothing to remember.
        if held || delivered.is_some() {
            self.parcels
                .insert(parcel, Parcel { queued: count, unacknowledged: count, permit, delivered });
        }
        for taken in readings {
            self.in_memory_only += usize::from(taken.place.is_none());
            self.queued.insert(self.next_sequence, Entry { parcel, taken, sent_before: false });
            self.next_sequence += 1;
        }
        if held { 0 } else { self.trim() }
    }

    /// Puts the oldest queued reading in flight.
    pub fn dispatch(&mut self) -> Option<Dispatch<'_>> {
        let (sequence, mut entry) = self.queued.pop_first()?;
        let first_time = !std::mem::replace(&mut entry.sent_before, true);
        if let Some(parcel) = self.parcels.get_mut(&entry.parcel) {
            parcel.queued = parcel.queued.saturating_sub(1);
            if parcel.queued == 0 {
                parcel.permit = None;
            }
        }
        let entry = self.in_flight.entry(sequence).or_insert(entry);
        Some(Dispatch { sequence, reading: &entry.taken.reading, first_time })
    }

    /// The broker has it.
    pub fn acknowledge(&mut self, sequence: u64) {
        let Some(entry) = self.in_flight.remove(&sequence) else { return };
        self.in_memory_only -= usize::from(entry.taken.place.is_none());
        let Some(parcel) = self.parcels.get_mut(&entry.parcel) else { return };
        parcel.unacknowledged -= 1;
        if parcel.unacknowledged == 0
            && let Some(parcel) = self.parcels.remove(&entry.parcel)
        {
            tell(parcel.delivered);
        }
    }

    /// The broker will never take it: it is given up.
    pub fn refuse(&mut self, sequence: u64) {
        if let Some(entry) = self.in_flight.remove(&sequence) {
            self.give_up(&entry);
        }
    }

    /// The broker did not take it now: it is queued again in its old place.
    pub fn put_back(&mut self, sequence: u64) {
        if let Some(entry) = self.in_flight.remove(&sequence) {
            self.queued.insert(sequence, entry);
        }
    }

    /// The connection is gone: what was in flight is queued again, in its old place.
    pub fn rewind(&mut self) {
        self.queued.append(&mut self.in_flight);
    }

    /// Nothing carries the readings for now: the senders' permits are let go, and the bound holds.
    /// Returns how many readings were given up for it.
    pub fn take_over(&mut self) -> usize {
        for parcel in self.parcels.values_mut() {
            parcel.permit = None;
        }
        self.trim()
    }

    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Queued and in flight together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queued.len() + self.in_flight.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queued.is_empty() && self.in_flight.is_empty()
    }

    /// How many readings were given up so far, for want of room or because the broker refused them.
    #[must_use]
    pub const fn given_up(&self) -> u64 {
        self.given_up
    }

    /// How many would be lost with this process.
    #[must_use]
    pub const fn in_memory_only(&self) -> usize {
        self.in_memory_only
    }

    /// The place of the oldest one that is on disk: everything before it is done with.
    #[must_use]
    pub fn oldest_place(&self) -> Option<Position> {
        // Places grow with the sequence, so the first of either kind is its oldest.
        let oldest =
            |entries: &BTreeMap<u64, Entry>| entries.values().find_map(|entry| entry.taken.place);
        [oldest(&self.in_flight), oldest(&self.queued)].into_iter().flatten().min()
    }

    fn trim(&mut self) -> usize {
        let mut count = 0;
        while self.len() > self.capacity
            && let Some((_, oldest)) = self.queued.pop_first()
        {
            self.give_up(&oldest);
            count += 1;
        }
        count
    }

    /// Its parcel can't be delivered whole any more: drops `delivered` untold.
    fn give_up(&mut self, entry: &Entry) {
        self.given_up += 1;
        self.in_memory_only -= usize::from(entry.taken.place.is_none());
        self.parcels.remove(&entry.parcel);
    }
}

fn tell(delivered: Option<oneshot::Sender<()>>) {
    if let Some(delivered) = delivered {
        // The sender may have stopped waiting; that is its affair.
        let _ = delivered.send(());
    }
}
