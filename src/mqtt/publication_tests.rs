//! A model of publication under a broker that acknowledges, refuses, and goes away.

use std::collections::BTreeSet;

use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::domain::{Location, Quantity, Reading, SensorId, Unit, Value};

const WINDOW: usize = 5;

/// They lie three records apart; each third is a forwarded message.
fn published(number: u64) -> Outbound {
    let position = 3 * number;
    if number.is_multiple_of(3) {
        let (topic, payload) = ("a".to_owned(), number.to_le_bytes().to_vec());
        let content = OutboundContent::Forwarded { topic, payload, is_retained: false };
        return Outbound { position, content };
    }
    let reading = Reading {
        sensor_id: SensorId::new("T").unwrap(),
        location: Location::new(""),
        quantity: Quantity::temperature(),
        value: Value::new(20.0).unwrap(),
        unit: Unit::new("celsius"),
        timestamp: DateTime::from_timestamp(i64::try_from(number).unwrap(), 0).unwrap(),
    };
    Outbound { position, content: OutboundContent::Reading(reading) }
}

#[derive(Debug, Clone)]
enum Step {
    Append(u64),
    Send,
    Acknowledge(prop::sample::Index),
    Refuse(prop::sample::Index),
    PutBack(prop::sample::Index),
    Lose,
    Skip,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..6_u64).prop_map(Step::Append),
        Just(Step::Send),
        Just(Step::Send),
        Just(Step::Send),
        any::<prop::sample::Index>().prop_map(Step::Acknowledge),
        any::<prop::sample::Index>().prop_map(Step::Acknowledge),
        any::<prop::sample::Index>().prop_map(Step::Refuse),
        any::<prop::sample::Index>().prop_map(Step::PutBack),
        Just(Step::Lose),
        Just(Step::Skip),
    ]
}

/// The log, the broker, and what must hold between them.
struct Model {
    publication: Publication,
    appended: u64,
    polled: u64,
    flying: BTreeSet<Position>,
    /// Finished for any reason.
    finished: BTreeSet<Position>,
    cursor: Position,
    passed: u64,
    /// Position of the last one sent on this connection that was not put back.
    last_sent: Position,
}

impl Model {
    fn new() -> Self {
        Self {
            publication: Publication::new(WINDOW),
            appended: 0,
            polled: 0,
            flying: BTreeSet::new(),
            finished: BTreeSet::new(),
            cursor: 0,
            passed: 0,
            last_sent: 0,
        }
    }

    fn flying(&self, index: prop::sample::Index) -> Option<Position> {
        let flying: Vec<_> = self.flying.iter().copied().collect();
        (!flying.is_empty()).then(|| *index.get(&flying))
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Append(count) => self.appended += count,
            Step::Send => {
                let room = u64::try_from(self.publication.room()).unwrap();
                let until = self.appended.min(self.polled + room);
                self.publication.add((self.polled + 1..=until).map(published).collect());
                self.polled = until;
                if let Some((position, content)) = self.publication.dispatch() {
                    assert_eq!(content, &published(position / 3).content);
                    assert!(position > self.last_sent, "in order");
                    assert!(!self.finished.contains(&position), "finished is finished");
                    assert!(self.flying.insert(position));
                    self.last_sent = position;
                }
            }
            Step::Acknowledge(index) => {
                let Some(position) = self.flying(index) else { return };
                self.flying.remove(&position);
                self.finished.insert(position);
                assert!(self.publication.acknowledge(position).is_some());
                assert!(self.publication.acknowledge(position).is_none(), "once");
            }
            Step::Refuse(index) => {
                let Some(position) = self.flying(index) else { return };
                self.flying.remove(&position);
                self.finished.insert(position);
                self.publication.refuse(position);
            }
            Step::PutBack(index) => {
                let Some(position) = self.flying(index) else { return };
                self.flying.remove(&position);
                self.publication.put_back(position);
                self.last_sent = 0;
            }
            Step::Lose => {
                self.flying.clear();
                self.publication.rewind();
                self.last_sent = 0;
            }
            Step::Skip => {
                let waiting = (1..=self.polled).map(|number| 3 * number);
                let mut waiting =
                    waiting.filter(|it| !self.flying.contains(it) && !self.finished.contains(it));
                let oldest = waiting.next();
                assert_eq!(self.publication.skip_oldest(), oldest.is_some());
                self.finished.extend(oldest);
            }
        }
    }

    fn check(&mut self) {
        assert!(self.publication.unfinished() <= WINDOW);
        assert_eq!(self.publication.in_flight.len(), self.flying.len());
        if let Some(Progress { through, readings }) = self.publication.take_progress() {
            assert!(through > self.cursor && readings > 0);
            (self.cursor, self.passed) = (through, self.passed + readings);
        }
        assert_eq!(self.publication.take_progress(), None);
        let done = (1..=self.polled).take_while(|number| self.finished.contains(&(3 * number)));
        let done = u64::try_from(done.count()).unwrap();
        assert_eq!((self.cursor, self.passed), (3 * done, done));
    }
}

proptest! {
    #[test]
    fn the_cursor_is_past_what_is_finished_and_nothing_else(
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut model = Model::new();
        for step in steps {
            model.apply(&step);
            model.check();
        }
    }
}

#[test]
fn what_is_skipped_behind_something_in_flight_is_ahead_of_the_cursor() {
    let mut publication = Publication::new(3);
    publication.add((1..=3).map(published).collect());
    publication.dispatch();
    assert!(publication.skip_oldest() && publication.skip_oldest());
    assert_eq!(publication.take_progress(), None);
    assert_eq!(publication.num_ahead(), 2);
    publication.acknowledge(published(1).position);
    let progress = publication.take_progress().map(|it| (it.through, it.readings));
    assert_eq!(progress, Some((published(3).position, 3)));
    assert_eq!(publication.num_ahead(), 0);
}
