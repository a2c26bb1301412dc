//! Tests of summaries.

use super::*;

#[test]
fn a_group_is_summarised_and_its_troubled_children_are_named() {
    let now = Instant::now();
    let window = Duration::from_secs(60);
    let names = (0..250).map(|n| (Arc::from(format!("S_{n}")), window));
    let group = Arc::new(Board::new(Some("fleet".into()), names, vec![], now));
    {
        let mut records = group.records();
        records.iter_mut().for_each(|record| record.state = State::Up);
        for record in records.iter_mut().take(120) {
            record.state = State::Quarantined { until: now + window };
            record.last_exit = Some(Box::new((now, ChildExit::Panicked("boom".into()))));
        }
        records[0].state = State::BackingOff { until: now };
        records[1].state = State::Vacant;
        records[7].since = now + window;
    }
    let root = Board::new(None, [("fleet".into(), window)].into_iter(), vec![group], now);
    let health = Health(Arc::new(root));

    let report = health.report();
    let fleet = &report.groups[0];
    let expected = StateCounts { starting: 1, up: 130, quarantined: 118, ..Default::default() };
    assert_eq!(fleet.states, expected);
    assert_eq!((fleet.troubled.len(), fleet.troubled_not_named), (100, 19));
    assert_eq!((fleet.newest.len(), fleet.newest[0].name.as_str()), (20, "S_7"));
    assert_eq!((fleet.children, health.group_children("fleet").len()), (249, 249));
    assert_eq!(health.child("S_1"), None, "it was removed");
    assert_eq!(health.child("S_200").map(|child| child.state), Some(ChildState::Up));

    let json = serde_json::to_value(&fleet.troubled[1]).expect("plain data");
    assert_eq!(json["state"], fleet.troubled[1].state.word());
    assert_eq!(json["last_exit"]["what"], "panicked: boom");
    assert!(json["until"].as_str().is_some_and(|time| time.ends_with("+00:00")));
    let read: ChildHealth = serde_json::from_value(json).expect("the same shape");
    assert_eq!(read.name, fleet.troubled[1].name);
}
