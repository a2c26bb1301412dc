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

fn readings(numbers: std::ops::Range<u32>) -> Vec<Taken> {
    numbers.map(|number| Taken { reading: reading(number), place: None }).collect()
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
    Accept { count: u32, held: bool, on_disk: bool },
    Dispatch,
    Acknowledge(prop::sample::Index),
    PutBack(prop::sample::Index),
    Refuse(prop::sample::Index),
    Lose,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let accept = (0_u32..4, any::<bool>(), any::<bool>())
        .prop_map(|(count, held, on_disk)| Step::Accept { count, held, on_disk });
    let step = prop_oneof![
        accept,
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
    /// permits are out only while something waits; what is dispatched is the oldest there is; and
    /// what lies on disk before the oldest place is done with, but not that place itself.
    #[test]
    fn nothing_is_lost_or_doubled(steps in steps()) {
        const CAPACITY: usize = 8;
        let permit = Rc::new(());
        let mut outbox = Outbox::new(CAPACITY);
        let mut flying: Vec<u64> = Vec::new();
        let (mut accepted, mut acknowledged) = (0_u64, 0_u64);
        let mut next_place = 1;
        for step in steps {
            let pick = |index: prop::sample::Index, flying: &mut Vec<u64>| {
                (!flying.is_empty()).then(|| flying.remove(index.index(flying.len())))
            };
            match step {
                Step::Accept { count, held, on_disk } => {
                    accepted += u64::from(count);
                    let permit = held.then(|| permit.clone());
                    let mut readings = readings(0..count);
                    for taken in readings.iter_mut().filter(|_| on_disk) {
                        taken.place = Some(next_place);
                        next_place += 1;
                    }
                    outbox.accept(readings, None, permit);
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
            let all = outbox.queued.values().chain(outbox.in_flight.values());
            let places: Vec<_> = all.map(|entry| entry.taken.place).collect();
            prop_assert_eq!(outbox.oldest_place(), places.iter().flatten().min().copied());
            let in_memory_only = places.iter().filter(|place| place.is_none()).count();
            prop_assert_eq!(outbox.in_memory_only(), in_memory_only);
            if outbox.queued.is_empty() {
                prop_assert_eq!(Rc::strong_count(&permit), 1);
            }
        }
    }
}
