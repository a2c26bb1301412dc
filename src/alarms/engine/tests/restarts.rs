//! What is kept, and what a restart makes of it.

use super::*;
use crate::alarms::quiet::QuietSettings;

#[test]
fn after_a_restart_all_goes_on_as_it_would_have() {
    let rules = || {
        vec![
            rule("warm", high(), delayed(60, 10)),
            rule("hot", Kind::High { limit: 20.0, deadband: 0.0 }, Timing::default()),
            rule("dead", Kind::Stale { after: seconds(300) }, Timing::default()),
        ]
    };
    let steps: Vec<(u64, Option<f64>)> = vec![
        (0, Some(9.0)),
        (30, Some(21.0)),
        (61, None),
        (80, Some(6.0)),
        (85, Some(9.0)),
        (90, Some(6.0)),
        (101, None),
        (389, None),
        (395, None),
        (400, Some(9.0)),
        (470, Some(9.0)),
    ];
    let play = |bench: &mut Bench, (second, value): (u64, Option<f64>)| {
        match value {
            Some(value) => bench.hear("T", second, value),
            None => bench.wait(second),
        };
    };
    let mut whole = Bench::new(rules());
    steps.iter().for_each(|step| play(&mut whole, *step));
    let mut cut = Bench::new(rules());
    let mut kept = StoredAlarms::default();
    for step in &steps {
        play(&mut cut, *step);
        cut.restart(&mut kept, rules());
    }
    assert_eq!(whole.told.len(), 7, "{:?}", whole.told);
    assert_eq!(cut.told, whole.told);
}

#[test]
fn windows_and_neighbours_come_back_with_the_last_readings() {
    let rate = Kind::Rate { per_minute: 2.0, window: seconds(120) };
    let other = SensorId::new("REF").unwrap();
    let apart = Kind::Difference { other, limit: 3.0, deadband: 0.0 };
    let condition = Expression::parse("value > 12.0 && mean(\"2m\") > 9.0").unwrap();
    let rules = || {
        vec![
            rule("rises", rate.clone(), Timing::default()),
            rule("apart", apart.clone(), Timing::default()),
            rule("odd", Kind::Expression { condition: condition.clone() }, Timing::default()),
        ]
    };
    let mut bench = Bench::new(rules());
    let mut kept = StoredAlarms::default();
    bench.hear("REF", 0, 8.0).hear("T", 0, 5.0).hear("T", 60, 9.5);
    bench.restart(&mut kept, rules()).hear("T", 90, 13.0);
    assert_eq!(bench.told[1..], ["90 apart Raised", "90 odd Raised"], "{:?}", bench.told);
    assert_eq!(bench.told[0], "60 rises Raised");
}

#[test]
fn a_changed_or_removed_rule_closes_its_alarm() {
    let hot = Kind::High { limit: 20.0, deadband: 0.0 };
    let before = || {
        vec![rule("warm", high(), Timing::default()), rule("hot", hot.clone(), Timing::default())]
    };
    let after = vec![rule("warm", Kind::High { limit: 8.5, deadband: 1.0 }, Timing::default())];
    let mut bench = Bench::new(before());
    let mut kept = StoredAlarms::default();
    bench.hear("T", 0, 30.0).restart(&mut kept, before()).restart(&mut kept, after);
    bench.told[2..].sort(); // in the order they were kept, which is storage's affair
    assert_eq!(bench.told, ["0 warm Raised", "0 hot Raised", "0 hot Closed", "0 warm Closed"]);
    kept.keep(bench.engine.changes());
    assert_eq!(kept.0, [], "nothing is left of them");
    bench.hear("T", 1, 30.0);
    assert_eq!(bench.told[4..], ["1 warm Raised"]);
}

#[test]
fn a_changed_rule_is_closed_in_the_words_it_was_raised_in() {
    let words = |outcome: &Outcome| {
        let Outcome { alert_type, threshold, rule, .. } = outcome.clone();
        (alert_type.to_string(), threshold, rule.priority)
    };
    let low = Kind::Low { limit: 40.0, deadband: 1.0 };
    let after = || {
        let low = rule("warm", low.clone(), Timing::default());
        vec![Rule { priority: Priority::Critical, ..low }]
    };
    let mut bench = Bench::new(vec![rule("warm", high(), Timing::default())]);
    bench.hear("T", 0, 30.0);
    let (mut by_restart, mut by_reload) = (Vec::new(), Vec::new());
    let past = StoredState { alarms: bench.engine.changes(), ..StoredState::default() };
    let _ = Engine::restore(after(), Tz::UTC, past, [], &mut by_restart);
    bench.engine.reload(after(), QuietSettings::default(), &mut by_reload);
    let raised = ("HIGH_TEMPERATURE".to_owned(), 8.0, Priority::High);
    let told = [by_reload, by_restart].map(|out| out.iter().map(words).collect::<Vec<_>>());
    assert_eq!(told, [vec![raised.clone()], vec![raised]]);
}

/// A mark was of a rule's text as `Debug` wrote it: alarms of such a file go on, by a new mark.
#[test]
fn an_alarm_kept_by_an_older_version_goes_on() {
    let rules = || vec![rule("warm", high(), delayed(0, 30))];
    let mut bench = Bench::new(rules());
    let mut kept = StoredAlarms::default();
    bench.hear("T", 0, 9.0);
    kept.keep(bench.engine.changes());
    let Rule { name, quantity, kind, timing, .. } = &rules()[0];
    let before = format!("{name}\0{quantity:?}\0{kind:?}\0{timing:?}");
    let (before, now) = (Fnv1a::hash(before.as_bytes()), persisted::rule_fingerprint(&rules()[0]));
    let state = kept.0[0].state.take().unwrap();
    assert!(state.contains(&now.to_string()), "{state}");
    kept.0[0].state = Some(state.replace(&now.to_string(), &before.to_string()));
    bench.restart(&mut kept, rules());
    kept.keep(bench.engine.changes());
    assert!(kept.0[0].state.as_ref().unwrap().contains(&now.to_string()), "kept anew");
    bench.hear("T", 10, 5.0).hear("T", 50, 5.0);
    assert_eq!(bench.told, ["0 warm Raised", "40 warm Returned"]);
}

#[test]
fn a_new_rule_on_silence_counts_from_the_start_it_is_new_at() {
    let dead = || vec![rule("dead", Kind::Stale { after: seconds(30) }, Timing::default())];
    let mut bench = Bench::new(vec![]);
    let mut kept = StoredAlarms::default();
    bench.hear("T", 0, 1.0).wait(1000).restart(&mut kept, dead()).wait(1029);
    assert!(bench.told.is_empty(), "{:?}", bench.told);
    bench.restart(&mut kept, dead()).wait(1030);
    assert_eq!(
        bench.told,
        ["30 dead Raised"],
        "counted from the start before, dated by the reading"
    );
}

#[test]
fn an_alarm_of_which_nothing_can_be_read_any_more_is_over() {
    let sensor_id = SensorId::new("T").unwrap();
    let standing = |rule: &str| StandingAlert {
        alert_id: "0123456789abcdef".into(),
        rule: rule.into(),
        sensor_id: SensorId::new("T").unwrap(),
        since: at(0),
    };
    let warm = || vec![rule("warm", high(), Timing::default())];
    let alarm = |state: &str| AlarmState {
        sensor_id: sensor_id.clone(),
        rule: "warm".into(),
        state: Some(state.to_owned()),
    };
    let since = vec![(0, reading("T", at(5), 9.0))];
    let edited = r#"{"alarm":7}"#;
    for (rules, state, said) in [
        (warm(), "{", ("HIGH_TEMPERATURE", 8.0, "temperature", "Chambre froide")),
        (warm(), edited, ("HIGH_TEMPERATURE", 8.0, "temperature", "Chambre froide")),
        (vec![], "{", ("UNKNOWN", 0.0, "unknown", "")),
    ] {
        let (alarms, standing) = (vec![alarm(state)], vec![standing("warm")]);
        let clocks = ListeningClocks::all_at(seconds(10));
        let past = StoredState { clocks, alarms, standing, ..StoredState::default() };
        let mut out = Vec::new();
        let mut engine = Engine::restore(rules, Tz::UTC, past, since.clone(), &mut out);
        assert_eq!(engine.take_unreadable(), [(sensor_id.clone(), "warm".into())]);
        assert_eq!(out.len(), 1, "{state}: {out:?}");
        let Outcome { alert_type, threshold, rule, location, .. } = &out[0];
        let words = (&**alert_type, *threshold, rule.quantity.as_str(), location.as_str());
        assert_eq!((words, &*out[0].alert_id), (said, "0123456789abcdef"));
        assert_eq!(out[0].transition.change, Change::Closed);
        assert_eq!(out[0].transition.announced, Some(Announcement::Returned));
        assert_eq!(engine.changes(), [AlarmState { state: None, ..alarm("") }]);
    }
}

#[test]
fn an_alarm_of_which_nothing_can_be_read_and_that_did_not_stand_begins_anew() {
    let stale = || vec![rule("dead", Kind::Stale { after: seconds(30) }, Timing::default())];
    let mut bench = Bench::new(stale());
    let mut kept = StoredAlarms::default();
    bench.hear("T", 0, 1.0);
    kept.keep(bench.engine.changes());
    kept.0[0].state = Some("{".to_owned());
    bench.restart(&mut kept, stale());
    assert_eq!(bench.engine.take_unreadable().len(), 1);
    kept.keep(bench.engine.changes());
    bench.restart(&mut kept, stale());
    assert_eq!(bench.engine.take_unreadable(), [], "kept anew");
    bench.wait(30);
    assert_eq!(bench.told, ["30 dead Raised"]);
}

/// However often it dies, and whichever table has more: each series comes to its turn once it is oldest.
#[test]
fn what_a_restart_reads_again_is_bounded_over_any_number_of_kills() {
    const SERIES: usize = 30;
    /// Readings to one checkpoint in turn.
    const EACH: usize = 8;
    let humidity = || Quantity::new("humidity").unwrap();
    let rules = || {
        let warm =
            rule("warm", Kind::Rate { per_minute: 9.0, window: seconds(600) }, Timing::default());
        vec![warm.clone(), Rule { name: "damp".into(), quantity: humidity(), ..warm }]
    };
    let mut engine = Engine::new(rules(), Tz::UTC);
    let (mut stored, mut rows, mut most) = (StoredSeries::default(), Vec::new(), 0);
    let mut out = Vec::new();
    for number in 0..120 * SERIES {
        let mut reading = reading(&format!("T{}", number % SERIES), at(number as u64), 5.0);
        if number % 3 == 0 {
            reading.quantity = humidity();
        }
        engine.judge(&reading, Ingress::Remote, &mut out);
        rows.push(reading);
        let is_turn = number % EACH == 0;
        stored.commit(&mut engine, usize::from(is_turn), &rows);
        // Far more often than all series have their turn.
        if number % (SERIES + 7) == 0 {
            let since_checkpoints = stored.since_checkpoints(&rows);
            let past = StoredState {
                series: stored.states(),
                since_checkpoints,
                ..StoredState::default()
            };
            engine = Engine::restore(rules(), Tz::UTC, past, stored.since(&rows), &mut out);
            let ReadingCounts { temperatures, others } = since_checkpoints;
            most = most.max(temperatures + others);
        }
    }
    let bound = (2 * EACH * SERIES * 2) as u64;
    assert!(most > 0 && most <= bound, "{most} of {} rows, bound {bound}", rows.len());
}
