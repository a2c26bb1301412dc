use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::domain::{
    AlertEvent, AlertState, Change, Location, Priority, Quantity, SensorId, Unit, Value,
};

fn row(row_id: i64) -> PendingAlert {
    let event = AlertEvent {
        alert_id: "a".into(),
        rule: "high-temperature".into(),
        alert_type: "HIGH_TEMPERATURE".into(),
        sensor_id: SensorId::new("T").unwrap(),
        location: Location::new(""),
        quantity: Quantity::temperature(),
        value: Some(Value::new(36.0).unwrap()),
        unit: Unit::new("celsius"),
        threshold: 35.0,
        severity: Priority::High,
        state: AlertState::Active,
        change: Change::Raised,
        operator: None,
        message: String::new(),
        timestamp: DateTime::UNIX_EPOCH,
        announced: true,
        is_silent_end: false,
        in_flood: false,
    };
    PendingAlert { row_id, event }
}

/// Storage as the contract has it: rows, and which of them are delivered.
#[derive(Default)]
struct Storage {
    last: i64,
    delivered: BTreeSet<i64>,
}

impl Storage {
    fn answer(&self, load: Load) -> Vec<PendingAlert> {
        (load.after_row_id + 1..=self.last)
            .filter(|row_id| !self.delivered.contains(row_id))
            .take(load.at_most)
            .map(row)
            .collect()
    }
}

fn told(after_row_id: Option<i64>, rows: std::ops::RangeInclusive<i64>) -> AlertsWaiting {
    AlertsWaiting { after_row_id, rows: rows.map(row).collect() }
}

/// A queue that has loaded all there was.
fn caught_up(storage: &Storage) -> AlertQueue {
    let mut queue = AlertQueue::new(5);
    while let Some(load) = queue.next_load() {
        queue.loaded(load, storage.answer(load));
        for row_id in dispatch_all(&mut queue) {
            queue.finish(row_id);
        }
    }
    queue
}

#[test]
fn rows_told_of_need_no_question() {
    let mut queue = caught_up(&Storage { last: 3, ..Storage::default() });
    queue.told_of(told(Some(3), 5..=6));
    assert_eq!(queue.next_load(), None);
    assert_eq!(dispatch_all(&mut queue), [5, 6]);
    queue.told_of(told(Some(3), 5..=7));
    assert_eq!(dispatch_all(&mut queue), [7], "told again, taken once");
}

#[test]
fn rows_that_are_not_the_next_ones_are_asked_for() {
    for telling in [told(Some(4), 5..=5), told(None, 4..=4), told(Some(3), 4..=9)] {
        let mut queue = caught_up(&Storage { last: 3, ..Storage::default() });
        queue.told_of(telling);
        assert_eq!(dispatch_all(&mut queue), [] as [i64; 0]);
        assert_eq!(queue.next_load().map(|load| load.after_row_id), Some(3));
    }
    let mut lost = caught_up(&Storage { last: 3, ..Storage::default() });
    lost.told_of(told(Some(3), 4..=4));
    lost.start_over();
    lost.told_of(told(Some(4), 5..=5));
    assert_eq!(lost.next_load().map(|load| load.after_row_id), Some(3), "in order");
}

fn dispatch_all(queue: &mut AlertQueue) -> Vec<i64> {
    std::iter::from_fn(|| queue.dispatch().map(|alert| alert.row_id)).collect()
}

#[test]
fn rows_go_out_in_order_within_the_window() {
    let storage = Storage { last: 5, ..Storage::default() };
    let mut queue = AlertQueue::new(3);
    let load = queue.next_load().unwrap();
    assert_eq!(queue.next_load(), None, "one question at a time");
    queue.loaded(load, storage.answer(load));
    assert_eq!(dispatch_all(&mut queue), [1, 2, 3]);
    assert_eq!(queue.next_load(), None, "the window is full");
    queue.finish(2);
    queue.finish(1);
    assert_eq!(queue.to_confirm(), [2, 1]);
    queue.confirmed(1);
    assert_eq!(queue.to_confirm(), [1]);
    let load = queue.next_load().unwrap();
    assert_eq!((load.after_row_id, load.at_most), (3, 2));
    queue.loaded(load, storage.answer(load));
    assert_eq!(dispatch_all(&mut queue), [4, 5]);
}

#[test]
fn a_hint_during_a_load_is_not_forgotten() {
    let mut queue = AlertQueue::new(3);
    let load = queue.next_load().unwrap();
    queue.hint();
    queue.loaded(load, Vec::new());
    assert!(queue.next_load().is_some());
}

#[test]
fn a_failed_load_is_asked_again_and_a_late_answer_is_ignored() {
    let mut queue = AlertQueue::new(3);
    let load = queue.next_load().unwrap();
    queue.load_failed(load);
    let second = queue.next_load().unwrap();
    queue.loaded(load, vec![row(1)]);
    assert_eq!(queue.dispatch(), None);
    queue.start_over();
    queue.loaded(second, vec![row(1)]);
    assert_eq!(queue.dispatch(), None);
}

#[test]
fn after_a_loss_only_the_unfinished_go_again() {
    let storage = Storage { last: 4, ..Storage::default() };
    let mut queue = AlertQueue::new(9);
    let load = queue.next_load().unwrap();
    queue.loaded(load, storage.answer(load));
    dispatch_all(&mut queue);
    queue.finish(1);
    queue.finish(3);
    queue.start_over();
    let load = queue.next_load().unwrap();
    assert_eq!(load.after_row_id, 1);
    // Storage has not heard of row 3 yet.
    queue.loaded(load, storage.answer(load));
    assert_eq!(dispatch_all(&mut queue), [2, 4]);
}

#[test]
fn others_get_only_so_far_ahead_of_one_that_hangs() {
    let storage = Storage { last: 20_000, ..Storage::default() };
    let mut queue = AlertQueue::new(3);
    while let Some(load) = queue.next_load() {
        queue.loaded(load, storage.answer(load));
        for row_id in dispatch_all(&mut queue) {
            if row_id > 1 {
                queue.finish(row_id);
            }
        }
    }
    assert!((FINISHED_AHEAD..FINISHED_AHEAD + 3).contains(&queue.finished.len()));
    queue.finish(1);
    assert!(queue.finished.is_empty());
    assert!(queue.next_load().is_some());
}

#[derive(Debug, Clone)]
enum Step {
    New(u8),
    Load,
    Dispatch,
    Finish(usize),
    Lose,
    PutBack(usize),
    Confirm,
}

proptest! {
    /// Each row is finished once and for all, none is skipped, and the order holds.
    #[test]
    fn every_row_is_finished_exactly_once(steps in proptest::collection::vec(prop_oneof![
        (0_u8..4).prop_map(Step::New),
        Just(Step::Load),
        Just(Step::Dispatch),
        any::<usize>().prop_map(Step::Finish),
        Just(Step::Lose),
        any::<usize>().prop_map(Step::PutBack),
        Just(Step::Confirm),
    ], 0..150)) {
        let mut storage = Storage::default();
        let mut queue = AlertQueue::new(4);
        let mut flying: Vec<i64> = Vec::new();
        let mut finished = BTreeSet::new();
        // A refused event comes back behind those that were in flight with it.
        let mut in_order = true;
        let drain = steps.into_iter().chain(
            std::iter::repeat_n([Step::Load, Step::Dispatch, Step::Finish(0)], 700).flatten(),
        );
        for step in drain {
            match step {
                Step::New(count) => {
                    storage.last += i64::from(count);
                    queue.hint();
                }
                Step::Load => {
                    if let Some(load) = queue.next_load() {
                        queue.loaded(load, storage.answer(load));
                    }
                }
                Step::Dispatch => {
                    if let Some(row_id) = queue.dispatch().map(|alert| alert.row_id) {
                        prop_assert!(!finished.contains(&row_id), "sent again");
                        let last = flying.iter().all(|other| *other < row_id);
                        prop_assert!(last || !in_order, "order");
                        flying.push(row_id);
                    }
                }
                Step::Finish(index) if !flying.is_empty() => {
                    let row_id = flying.remove(index % flying.len());
                    queue.finish(row_id);
                    prop_assert!(finished.insert(row_id));
                }
                Step::Finish(_) => {}
                Step::Lose => {
                    flying.clear();
                    queue.start_over();
                }
                Step::PutBack(index) if !flying.is_empty() => {
                    queue.put_back(flying.remove(index % flying.len()));
                    in_order = false;
                }
                Step::PutBack(_) => {}
                Step::Confirm => {
                    storage.delivered.extend(queue.to_confirm());
                    queue.confirmed(queue.to_confirm().len());
                }
            }
            prop_assert!(queue.unfinished() <= 4);
        }
        prop_assert_eq!(finished, (1..=storage.last).collect::<BTreeSet<_>>());
        storage.delivered.extend(queue.to_confirm());
        prop_assert_eq!(storage.delivered.len(), usize::try_from(storage.last).unwrap());
    }
}
