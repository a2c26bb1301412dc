use super::*;
use crate::domain::SensorId;

/// Every third is of another topic.
fn event(number: u64) -> Arc<AlertEvent> {
    let humidity = Quantity::new("humidity").unwrap();
    let quantity = if number.is_multiple_of(3) { humidity } else { Quantity::temperature() };
    Arc::new(AlertEvent { number, ..AlertEvent::new(SensorId::new("T").unwrap(), quantity) })
}

fn push(alerts: &mut PushedAlerts, numbers: impl IntoIterator<Item = u64>) {
    let events = numbers.into_iter().map(event).collect();
    alerts.take(PushAlerts { incarnation: 1, events }, 1);
}

fn dispatch_all(alerts: &mut PushedAlerts) -> Vec<u64> {
    std::iter::from_fn(|| alerts.dispatch().map(|event| event.number)).collect()
}

#[test]
fn what_is_pushed_goes_out_in_order_and_once() {
    let mut alerts = PushedAlerts::default();
    push(&mut alerts, [2, 1]);
    push(&mut alerts, [1, 3]);
    assert_eq!(dispatch_all(&mut alerts), [1, 2, 3]);
    alerts.finish(2);
    push(&mut alerts, 1..=4);
    assert_eq!(dispatch_all(&mut alerts), [4], "in flight, or finished");
    alerts.reported(1, 0, false);
    push(&mut alerts, [2]);
    assert_eq!(dispatch_all(&mut alerts), [] as [u64; 0], "also after its report");
}

#[test]
fn what_was_pushed_to_a_former_incarnation_is_ignored() {
    let mut alerts = PushedAlerts::default();
    alerts.take(PushAlerts { incarnation: 1, events: vec![event(1)] }, 2);
    assert_eq!(alerts.queued(), 0);
}

#[test]
fn after_a_loss_only_the_unfinished_go_again_in_order() {
    let mut alerts = PushedAlerts::default();
    push(&mut alerts, 1..=5);
    (0..4).for_each(|_| assert!(alerts.dispatch().is_some()));
    alerts.finish(1);
    alerts.finish(3);
    alerts.rewind();
    assert_eq!(dispatch_all(&mut alerts), [2, 4, 5]);
}

#[test]
fn a_delivery_is_reported_until_storage_has_taken_it() {
    let mut alerts = PushedAlerts::default();
    push(&mut alerts, 1..=3);
    dispatch_all(&mut alerts);
    alerts.finish(1);
    alerts.finish(2);
    assert_eq!(alerts.to_report(), (&[1, 2][..], &[][..]));
    alerts.finish(3);
    alerts.reported(2, 0, false);
    assert_eq!(alerts.to_report(), (&[3][..], &[][..]));
    alerts.begin();
    assert_eq!(alerts.to_report(), (&[3][..], &[][..]), "also by the next incarnation");
    alerts.reported(1, 0, true);
    assert!(!alerts.is_idle(), "more follow");
    alerts.reported(0, 0, false);
    assert!(alerts.is_idle());
}

#[test]
fn with_a_refused_event_those_queued_for_its_topic_go_back() {
    let mut alerts = PushedAlerts::default();
    push(&mut alerts, 1..=12);
    (0..6).for_each(|_| assert!(alerts.dispatch().is_some()));
    assert_eq!(alerts.topic_of(3).map(Quantity::as_str), Some("humidity"));
    alerts.refuse(3);
    assert_eq!(alerts.to_report(), (&[][..], &[3, 9, 12][..]), "6 has an answer of its own");
    alerts.refuse(6);
    alerts.put_back(5);
    assert_eq!(dispatch_all(&mut alerts), [5, 7, 8, 10, 11]);
    alerts.reported(0, 4, false);
    push(&mut alerts, [3]);
    assert_eq!(dispatch_all(&mut alerts), [3], "tried again");
}
