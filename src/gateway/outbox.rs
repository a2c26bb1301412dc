//! Readings on their way to the broker, from the moment they are taken until it has acknowledged
//! them, in order.
//!
//! Always: a reading is in exactly one of three places, queued, in flight or gone; it goes when the
//! broker acknowledged it, when it was given up (counted), and for nothing else. After a lost
//! connection what was in flight is queued again, before everything newer. While a connection
//! carries them, readings keep their sender's permit until they are in flight, so the senders' room
//! is the bound; without one the outbox takes them over and `capacity` is, the oldest going first.
//!
//! Pure and in memory: no clock, no file, no client.

use std::collections::{BTreeMap, HashMap};

use tokio::sync::oneshot;

use crate::domain::Reading;

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
}

#[derive(Debug)]
struct Entry {
    parcel: u64,
    reading: Reading,
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
        }
    }

    /// Takes readings, in order, to be sent after everything taken before. `delivered` is told once
    /// the broker has acknowledged all of them. With a `permit` the sender is kept waiting until
    /// they are in flight; without, the bound holds: returns how many readings were given up for it.
    pub fn accept(
        &mut self,
        readings: Vec<Reading>,
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
        self.parcels
            .insert(parcel, Parcel { queued: count, unacknowledged: count, permit, delivered });
        for reading in readings {
            self.queued.insert(self.next_sequence, Entry { parcel, reading, sent_before: false });
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
        Some(Dispatch { sequence, reading: &entry.reading, first_time })
    }

    /// The broker has it.
    pub fn acknowledge(&mut self, sequence: u64) {
        let Some(entry) = self.in_flight.remove(&sequence) else { return };
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
        self.parcels.remove(&entry.parcel);
    }
}

fn tell(delivered: Option<oneshot::Sender<()>>) {
    if let Some(delivered) = delivered {
        // The sender may have stopped waiting; that is its affair.
        let _ = delivered.send(());
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use chrono::DateTime;
    use proptest::prelude::*;
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;
    use crate::domain::{Location, Quantity, SensorId, Unit, Value};

    fn reading(number: u32) -> Reading {
        Reading {
            sensor_id: SensorId::new("T").unwrap(),
            location: Location::new(""),
            quantity: Quantity::temperature(),
            value: Value::new(f64::from(number)).unwrap(),
            unit: Unit::new("celsius"),
            timestamp: DateTime::UNIX_EPOCH,
        }
    }

    fn readings(numbers: std::ops::Range<u32>) -> Vec<Reading> {
        numbers.map(reading).collect()
    }

    /// Puts everything in flight; the values in order, and the sequence numbers.
    fn dispatch_all<P>(outbox: &mut Outbox<P>) -> (Vec<f64>, Vec<u64>) {
        let (mut values, mut sequences) = (Vec::new(), Vec::new());
        while let Some(dispatch) = outbox.dispatch() {
            values.push(dispatch.reading.value.get());
            sequences.push(dispatch.sequence);
        }
        (values, sequences)
    }

    #[test]
    fn a_parcel_is_delivered_when_all_of_it_is_acknowledged() {
        let mut outbox = Outbox::<()>::new(10);
        let (delivered, mut told) = oneshot::channel();
        outbox.accept(readings(0..2), Some(delivered), None);
        let (_, sequences) = dispatch_all(&mut outbox);
        outbox.acknowledge(sequences[1]);
        assert_eq!(told.try_recv(), Err(TryRecvError::Empty));
        outbox.acknowledge(sequences[0]);
        assert_eq!(told.try_recv(), Ok(()));
        assert!(outbox.is_empty());
        outbox.acknowledge(sequences[0]);
        let (delivered, mut told) = oneshot::channel();
        outbox.accept(Vec::new(), Some(delivered), None);
        assert_eq!(told.try_recv(), Ok(()), "nothing is delivered at once");
    }

    #[test]
    fn what_was_in_flight_goes_again_first_and_in_order() {
        let mut outbox = Outbox::<()>::new(10);
        outbox.accept(readings(0..3), None, None);
        let (_, sequences) = dispatch_all(&mut outbox);
        outbox.acknowledge(sequences[1]);
        outbox.accept(readings(3..5), None, None);
        outbox.rewind();
        assert_eq!((outbox.take_over(), outbox.in_flight()), (0, 0));
        let first = outbox.dispatch().unwrap();
        assert!(!first.first_time, "it was sent before");
        assert_eq!(first.reading.value.get(), 0.0);
        assert_eq!(dispatch_all(&mut outbox).0, [2.0, 3.0, 4.0]);
    }

    #[test]
    fn the_oldest_goes_first_when_nothing_carries_them() {
        let mut outbox = Outbox::<()>::new(3);
        let (delivered, mut told) = oneshot::channel();
        assert_eq!(outbox.accept(readings(0..2), Some(delivered), None), 0);
        assert_eq!(outbox.accept(readings(2..5), None, None), 2);
        assert_eq!(told.try_recv(), Err(TryRecvError::Closed), "dropped untold");
        assert_eq!((outbox.len(), outbox.given_up()), (3, 2));
        assert_eq!(dispatch_all(&mut outbox).0, [2.0, 3.0, 4.0]);
    }

    #[test]
    fn a_permit_is_kept_until_all_of_it_is_in_flight() {
        let permit = Rc::new(());
        let mut outbox = Outbox::new(1);
        assert_eq!(outbox.accept(readings(0..2), None, Some(permit.clone())), 0, "senders wait");
        outbox.dispatch();
        assert_eq!(Rc::strong_count(&permit), 2);
        outbox.dispatch();
        assert_eq!(Rc::strong_count(&permit), 1);
        outbox.accept(readings(2..4), None, Some(permit.clone()));
        outbox.rewind();
        assert_eq!(outbox.take_over(), 3, "the bound holds once nothing carries them");
        assert_eq!(Rc::strong_count(&permit), 1);
    }

    #[test]
    fn refusals_are_for_now_or_for_good() {
        let mut outbox = Outbox::<()>::new(10);
        let (delivered, mut told) = oneshot::channel();
        outbox.accept(readings(0..3), Some(delivered), None);
        let (_, sequences) = dispatch_all(&mut outbox);
        outbox.put_back(sequences[1]);
        outbox.refuse(sequences[0]);
        assert_eq!(told.try_recv(), Err(TryRecvError::Closed));
        assert_eq!((outbox.len(), outbox.in_flight(), outbox.given_up()), (2, 1, 1));
        assert_eq!(dispatch_all(&mut outbox).0, [1.0]);
        outbox.acknowledge(sequences[1]);
        outbox.acknowledge(sequences[2]);
        assert!(outbox.is_empty());
    }

    #[derive(Debug, Clone)]
    enum Step {
        Accept { count: u32, held: bool },
        Dispatch,
        Acknowledge(prop::sample::Index),
        PutBack(prop::sample::Index),
        Refuse(prop::sample::Index),
        Lose,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0_u32..4, any::<bool>()).prop_map(|(count, held)| Step::Accept { count, held }),
            Just(Step::Dispatch),
            any::<prop::sample::Index>().prop_map(Step::Acknowledge),
            any::<prop::sample::Index>().prop_map(Step::PutBack),
            any::<prop::sample::Index>().prop_map(Step::Refuse),
            Just(Step::Lose),
        ];
        proptest::collection::vec(step, 0..120)
    }

    proptest! {
        /// Against the plain books: everything accepted is acknowledged, given up or still there;
        /// permits are out only while something waits; what is dispatched is the oldest there is.
        #[test]
        fn nothing_is_lost_or_doubled(steps in steps()) {
            const CAPACITY: usize = 8;
            let permit = Rc::new(());
            let mut outbox = Outbox::new(CAPACITY);
            let mut flying: Vec<u64> = Vec::new();
            let (mut accepted, mut acknowledged) = (0_u64, 0_u64);
            for step in steps {
                let pick = |index: prop::sample::Index, flying: &mut Vec<u64>| {
                    (!flying.is_empty()).then(|| flying.remove(index.index(flying.len())))
                };
                match step {
                    Step::Accept { count, held } => {
                        accepted += u64::from(count);
                        let permit = held.then(|| permit.clone());
                        outbox.accept(readings(0..count), None, permit);
                    }
                    Step::Dispatch => {
                        let oldest = outbox.queued.keys().next().copied();
                        let sent = outbox.dispatch().map(|dispatch| dispatch.sequence);
                        prop_assert_eq!(sent, oldest);
                        flying.extend(sent);
                    }
                    Step::Acknowledge(index) => {
                        if let Some(sequence) = pick(index, &mut flying) {
                            outbox.acknowledge(sequence);
                            acknowledged += 1;
                        }
                    }
                    Step::PutBack(index) => {
                        if let Some(sequence) = pick(index, &mut flying) {
                            outbox.put_back(sequence);
                        }
                    }
                    Step::Refuse(index) => {
                        if let Some(sequence) = pick(index, &mut flying) {
                            outbox.refuse(sequence);
                        }
                    }
                    Step::Lose => {
                        flying.clear();
                        outbox.rewind();
                        outbox.take_over();
                        prop_assert!(outbox.len() <= CAPACITY);
                        prop_assert_eq!(Rc::strong_count(&permit), 1);
                    }
                }
                prop_assert_eq!(outbox.in_flight(), flying.len());
                prop_assert_eq!(outbox.len() as u64 + outbox.given_up() + acknowledged, accepted);
                prop_assert!(outbox.parcels.len() <= outbox.len());
                if outbox.queued.is_empty() {
                    prop_assert_eq!(Rc::strong_count(&permit), 1);
                }
            }
        }
    }
}
