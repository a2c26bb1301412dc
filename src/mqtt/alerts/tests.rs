use std::time::Duration;

use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::domain::{
    AlertEvent, AlertState, Change, Location, Priority, Quantity, SensorId, Unit, Value,
};

/// Every third is of another topic.
fn row(row_id: i64) -> PendingAlert {
    let humidity = Quantity::new("humidity").unwrap();
    let quantity = if row_id % 3 == 0 { humidity } else { Quantity::temperature() };
    let event = AlertEvent {
        alert_id: "a".into(),
        rule: "high-temperature".into(),
        alert_type: "HIGH_TEMPERATURE".into(),
        sensor_id: SensorId::new("T").unwrap(),
        location: Location::new(""),
        quantity,
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

/// Loads and dispatches all there is; the broker refuses what `is_refused` says, and takes the rest.
/// Returns what it took.
fn run(
    queue: &mut AlertQueue,
    storage: &mut Storage,
    until: Instant,
    is_refused: impl Fn(i64) -> bool,
) -> Vec<i64> {
    let mut taken = Vec::new();
    loop {
        let load = queue.next_load();
        load.into_iter().for_each(|load| queue.loaded(load, storage.answer(load)));
        let sent = dispatch_all(queue);
        for row_id in &sent {
            if is_refused(*row_id) {
                assert!(queue.hold(*row_id, until));
            } else {
                queue.finish(*row_id);
                taken.push(*row_id);
            }
        }
        storage.delivered.extend(queue.to_confirm());
        queue.confirmed(queue.to_confirm().len());
        if load.is_none() && sent.is_empty() {
            return taken;
        }
    }
}

#[test]
fn a_topic_that_is_refused_waits_and_hinders_no_other() {
    let (start, wait) = (Instant::now(), Duration::from_secs(30));
    let mut storage = Storage { last: 3_000, ..Storage::default() };
    let mut queue = AlertQueue::new(4);
    let is_humidity = |row_id: i64| row_id % 3 == 0;
    let taken = run(&mut queue, &mut storage, start + wait, is_humidity);
    assert_eq!(taken, (1..=3_000).filter(|row_id| !is_humidity(*row_id)).collect::<Vec<_>>());
    assert!(queue.is_idle() && queue.finished.is_empty() && queue.held.len() == 1);
    queue.retry_held(start + wait / 2);
    assert_eq!(queue.queued(), 0, "not yet");
    queue.retry_held(start + wait);
    assert_eq!(run(&mut queue, &mut storage, start + 2 * wait, is_humidity), [] as [i64; 0]);
    queue.retry_held(start + 2 * wait);
    assert_eq!(queue.queued(), 1, "one is tried for all");
    storage.last += 3;
    queue.hint();
    let taken = run(&mut queue, &mut storage, start, |_| false);
    let (humid, rest): (Vec<i64>, Vec<i64>) = taken.into_iter().partition(|it| is_humidity(*it));
    assert_eq!(humid, (1..=1_001).map(|n| 3 * n).collect::<Vec<_>>(), "in order");
    assert_eq!(rest, [3_001, 3_002]);
    assert!(queue.held.is_empty() && queue.is_idle());
}

#[test]
fn what_was_in_flight_beside_a_refused_event_comes_after_it() {
    let (now, mut storage) = (Instant::now(), Storage { last: 12, ..Storage::default() });
    let mut queue = AlertQueue::new(9);
    let load = queue.next_load().unwrap();
    queue.loaded(load, storage.answer(load));
    assert_eq!(dispatch_all(&mut queue).len(), 9);
    // 3, 6 and 9 are of one topic; the answers come in any order.
    assert!(queue.hold(6, now));
    queue.retry_held(now);
    assert_eq!(dispatch_all(&mut queue), [6], "tried while the others are under way");
    assert!(queue.hold(3, now) && queue.hold(9, now));
    queue.put_back(6);
    assert_eq!(queue.queued(), 0, "3 is first");
    queue.retry_held(now);
    assert_eq!(dispatch_all(&mut queue), [3]);
    queue.put_back(3);
    let taken = run(&mut queue, &mut storage, now, |_| false);
    assert_eq!(taken, [3, 10, 11, 6, 9, 12], "in order within each topic");
}

#[test]
fn topics_without_number_are_not_held() {
    let mut queue = AlertQueue::new(2 * MOST_HELD);
    let load = queue.next_load().unwrap();
    let topic = |row_id| {
        let mut row = row(row_id);
        row.event.quantity = Quantity::new(&format!("q{row_id}")).unwrap();
        row
    };
    let last = i64::try_from(MOST_HELD).unwrap() + 1;
    queue.loaded(load, (1..=last).map(topic).collect());
    let now = Instant::now();
    assert!(
        dispatch_all(&mut queue).iter().all(|row_id| queue.hold(*row_id, now) || *row_id == last)
    );
    assert_eq!((queue.held.len(), queue.queued()), (MOST_HELD, 1));
}

#[derive(Debug, Clone)]
enum Step {
    New(u8),
    Ask,
    Answer,
    Dispatch,
    Finish(usize),
    Lose,
    PutBack(usize),
    Hold(usize),
    Retry,
    Confirm,
}

proptest! {
    /// Each row is finished once and for all, none is skipped, and the order holds.
    #[test]
    fn every_row_is_finished_exactly_once(steps in proptest::collection::vec(prop_oneof![
        (0_u8..4).prop_map(Step::New),
        Just(Step::Ask),
        Just(Step::Answer),
        Just(Step::Dispatch),
        any::<usize>().prop_map(Step::Finish),
        Just(Step::Lose),
        any::<usize>().prop_map(Step::PutBack),
        any::<usize>().prop_map(Step::Hold),
        Just(Step::Retry),
        Just(Step::Confirm),
    ], 0..150)) {
        let mut storage = Storage::default();
        let mut queue = AlertQueue::new(4);
        let mut flying: Vec<i64> = Vec::new();
        let mut finished = BTreeSet::new();
        // A refused event comes back behind those that were in flight with it.
        let mut in_order = true;
        let drain = steps.into_iter().chain(
            std::iter::repeat_n(
                [Step::Ask, Step::Answer, Step::Retry, Step::Dispatch, Step::Finish(0)],
                700,
            ).flatten(),
        );
        let now = Instant::now();
        let mut answer = None;
        for step in drain {
            match step {
                Step::New(count) => {
                    storage.last += i64::from(count);
                    queue.hint();
                }
                // What storage said is old when it comes.
                Step::Ask => {
                    let load = queue.next_load();
                    answer = load.map(|load| (load, storage.answer(load))).or(answer);
                }
                Step::Answer => {
                    if let Some((load, rows)) = answer.take() {
                        queue.loaded(load, rows);
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
                Step::Hold(index) if !flying.is_empty() => {
                    prop_assert!(queue.hold(flying.remove(index % flying.len()), now));
                    in_order = false;
                }
                Step::PutBack(_) | Step::Hold(_) => {}
                Step::Retry => queue.retry_held(now),
                Step::Confirm => {
                    storage.delivered.extend(queue.to_confirm());
                    queue.confirmed(queue.to_confirm().len());
                }
            }
            // One more for each topic that is tried again.
            prop_assert!(queue.unfinished() <= 4 + 2);
        }
        prop_assert_eq!(finished, (1..=storage.last).collect::<BTreeSet<_>>());
        storage.delivered.extend(queue.to_confirm());
        prop_assert_eq!(storage.delivered.len(), usize::try_from(storage.last).unwrap());
    }
}
