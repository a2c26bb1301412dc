//! Whatever was told to begin is told to end, nothing is told of what is withheld, and a restart goes on.

use super::*;
use crate::domain::{Action, Operator, OperatorAction, Via};

fn warm(limit: f64) -> Vec<Rule> {
    vec![rule("warm", Kind::High { limit, deadband: 0.0 }, Timing::default())]
}

fn chattering() -> QuietSettings {
    let limits = Chattering { raises: 3, within: seconds(60), calm: seconds(100) };
    QuietSettings { chattering: Some(limits), ..QuietSettings::default() }
}

impl Bench {
    /// Raised for the third time at 40.
    fn chatter(&mut self) -> &mut Self {
        for n in 0..5 {
            self.hear("T1", n * 10, if n % 2 == 0 { 9.0 } else { 1.0 });
        }
        self
    }

    fn say(&mut self, what: Action) -> &mut Self {
        let mut out = Vec::new();
        let action = OperatorAction {
            what,
            alarm: "warm/T1".parse().unwrap(),
            operator: Operator::new("anne", Some("why")).unwrap(),
            at: at(self.now.as_secs()),
            via: Via::Api,
        };
        let now = self.record(self.now.as_secs());
        self.engine.advance(now, &mut out);
        assert_eq!(self.engine.operate(action, &mut out).outcome, Ok(true));
        self.note(out)
    }
}

#[test]
fn a_reload_in_the_midst_of_maintenance_tells_nothing() {
    let mut bench = Bench::new(warm(8.0), defrost());
    bench.tick("2024-08-14T22:00:00Z").hear("T1", 1, 9.0);
    bench.reload(warm(8.0)).tick("2024-08-14T22:00:01Z");
    assert_eq!(bench.told, [] as [&str; 0]);
    assert_eq!(bench.all, ["1 T1 warm Raised"]);
    bench.reload(warm(8.0)).tick("2024-08-15T00:00:00Z");
    assert_eq!(bench.told, ["1 T1 warm Raised"]);
}

#[test]
fn an_alarm_that_chatters_is_over_with_its_rule() {
    let over = "40 T1 warm:chattering Returned".to_owned();
    for rules in [vec![], warm(7.0)] {
        let mut bench = Bench::new(warm(8.0), chattering());
        bench.chatter().reload(rules.clone());
        assert_eq!(bench.told[4..], ["40 T1 warm:chattering Raised", &over], "reload {rules:?}");
        let mut bench = Bench::new(warm(8.0), chattering());
        bench.chatter().restart(rules.clone()).tick("2024-08-14T10:00:00Z");
        assert_eq!(bench.told[4..], ["40 T1 warm:chattering Raised", &over], "restart {rules:?}");
    }
}

#[test]
fn nobody_hears_that_an_alarm_chatters_which_is_out_of_service() {
    let mut bench = Bench::new(warm(8.0), chattering());
    bench.hear("T1", 0, 1.0).say(Action::TakeOutOfService).chatter();
    assert_eq!(bench.told, [] as [&str; 0]);
    bench.wait(1000);
    assert_eq!(bench.told, [] as [&str; 0]);
}

#[test]
fn nobody_hears_that_an_alarm_chatters_in_maintenance() {
    let settings = QuietSettings { maintenance: defrost().maintenance, ..chattering() };
    let mut bench = Bench::new(warm(8.0), settings);
    bench.tick("2024-08-14T22:00:00Z").chatter();
    assert_eq!(bench.told, [] as [&str; 0]);
    bench.wait(1000);
    assert_eq!(bench.told, [] as [&str; 0]);
}

#[test]
fn a_flood_that_nobody_asks_for_any_more_is_over() {
    let limits = FloodLimits { alarms: 2, within: seconds(600), until: 2 };
    let settings = QuietSettings { flood: Some(limits), ..QuietSettings::default() };
    let mut bench = Bench::new(warm(8.0), settings);
    bench.hear("T1", 0, 9.0).hear("T2", 1, 9.0).hear("T3", 2, 9.0);
    assert_eq!(bench.told[2], "2 * flood Raised");
    bench.settings.flood = None;
    bench.restart(warm(8.0)).tick("2024-08-14T10:00:00Z").wait(5000);
    assert_eq!(bench.told[4..], ["1723629600 * flood Returned"]);
    bench.restart(warm(8.0)).tick("2024-08-14T10:00:00Z").wait(9000);
    assert_eq!(bench.told.len(), 5, "once: {:?}", bench.told);
}

#[test]
fn what_began_to_chatter_while_withheld_is_told_once_it_no_longer_is() {
    let settings = QuietSettings { maintenance: defrost().maintenance, ..chattering() };
    let mut bench = Bench::new(warm(8.0), settings);
    bench.tick("2024-08-14T22:00:00Z").hear("T1", 0, 1.0).say(Action::TakeOutOfService).chatter();
    bench.restart(warm(8.0)).tick("2024-08-15T00:00:00Z");
    assert_eq!(bench.told, [] as [&str; 0]);
    bench.say(Action::ReturnToService).restart(warm(8.0)).tick("2024-08-15T00:00:01Z");
    assert_eq!(bench.told, ["40 T1 warm:chattering Raised"]);
    bench.wait(1000);
    assert_eq!(bench.told[1..], ["40 T1 warm:chattering Returned", "140 T1 warm Raised"]);
}

#[test]
fn calm_that_passed_by_the_readings_own_times_is_no_chatter() {
    let mut bench = Bench::new(warm(8.0), chattering());
    bench.chatter().hear("T1", 41, 1.0);
    let n = bench.told.len();
    // Of a sensor that kept its readings to itself: an hour later by its own clock.
    let mut out = Vec::new();
    let now = bench.record(45);
    bench.engine.set_time(now, &mut out);
    bench.engine.judge(&reading("T1", at(3600), 9.0), Ingress::Remote, &mut out);
    bench.note(out);
    assert_eq!(bench.told[n..], ["3600 T1 warm:chattering Returned", "3600 T1 warm Raised"]);
}

#[test]
fn a_restart_makes_no_silence_of_a_device_without_a_clock() {
    let rules = || [warm(8.0), vec![stale("dead", "T*", 300)]].concat();
    for with_recent in [false, true] {
        let mut bench = Bench::new(rules(), QuietSettings::default());
        let mut heard = Vec::new();
        for (second, value) in [(0, 9.0), (10, 1.0), (900, 2.0), (900, 3.0)] {
            let mut out = Vec::new();
            let now = bench.record(second);
            bench.engine.set_time(now, &mut out);
            heard.push(reading("T1", at(0), value));
            bench.engine.judge(&heard[heard.len() - 1], Ingress::Remote, &mut out);
            let changes = bench.engine.changes().into_iter();
            bench
                .kept
                .extend(changes.map(|kept| ((kept.sensor_id.clone(), kept.rule.clone()), kept)));
        }
        // The one of the limit was kept last at 10.
        let alarms: Vec<_> = bench.kept.values().cloned().collect();
        assert_eq!(alarms.len(), 2);
        for alarms in [alarms.clone(), alarms.into_iter().rev().collect()] {
            let since = if with_recent { heard.clone() } else { vec![] };
            let since = since.into_iter().map(|reading| (0, reading));
            let clocks = ListeningClocks::all_at(seconds(1000));
            let past = StoredState { clocks, alarms, ..StoredState::default() };
            let mut out = Vec::new();
            let mut engine = Engine::restore(rules(), Tz::UTC, past, since, &mut out);
            engine.advance(RecordTime::of(1, seconds(1199)), &mut out);
            assert_eq!(out, [], "300 s are over at 1,200");
            engine.advance(RecordTime::of(2, seconds(1200)), &mut out);
            assert_eq!((out.len(), out[0].value), (1, Value::new(3.0).ok()));
        }
    }
}

#[test]
fn an_alarm_that_is_found_calm_by_an_operators_word_is_told_with_it() {
    let mut rules = warm(8.0);
    rules[0].timing.on_delay = seconds(5);
    let mut bench = Bench::new(rules, chattering());
    for n in 0..3 {
        bench.hear("T1", n * 10, 9.0).hear("T1", n * 10 + 5, 9.0).hear("T1", n * 10 + 6, 1.0);
    }
    assert_eq!(bench.told.last().unwrap(), "25 T1 warm:chattering Raised");
    // Calm at 125, and raised after that; nobody looked meanwhile.
    bench.hear("T1", 123, 9.0);
    let n = bench.told.len();
    bench.now = seconds(129);
    bench.say(Action::Acknowledge);
    assert_eq!(bench.told[n..], ["123 T1 warm:chattering Returned", "128 T1 warm Raised"]);
}

/// A look at what keeps an alarm quiet must not run ahead of what others have yet to say.
#[test]
fn an_operators_word_lets_nothing_go_before_what_explains_it_was_looked_at() {
    let mut bench = Bench::new(behind_a_gateway(), QuietSettings::default());
    bench.hear("GW", 20, 1.0).hear("T1", 0, 1.0).wait(50);
    // The gateway is silent from 80 on, when the sensor's wait is over.
    bench.now = seconds(81);
    let action = OperatorAction {
        what: Action::Acknowledge,
        alarm: "sensor/T1".parse().unwrap(),
        operator: Operator::new("anne", Some("why")).unwrap(),
        at: at(81),
        via: Via::Api,
    };
    let mut out = Vec::new();
    let now = bench.record(81);
    bench.engine.advance(now, &mut out);
    assert_eq!(bench.engine.operate(action, &mut out).outcome, Ok(true));
    bench.note(out).wait(81);
    assert!(!bench.told.iter().any(|told| told.contains("sensor Raised")), "{:?}", bench.told);
}

#[test]
fn a_word_of_a_sensor_whose_clock_is_behind_cuts_no_delay_short() {
    let mut rules = vec![stale("dead", "T*", 300)];
    rules[0].timing.on_delay = seconds(120);
    let mut bench = Bench::new(rules, QuietSettings::default());
    let mut out = Vec::new();
    let now = bench.record(1000);
    bench.engine.set_time(now, &mut out);
    bench.engine.judge(&reading("T1", at(820), 1.0), Ingress::Remote, &mut out);
    bench.note(out).wait(1300).availability("T1", 1330, true).wait(1419);
    assert_eq!(bench.told, [] as [&str; 0]);
    bench.wait(1420);
    assert_eq!(bench.told, ["1240 T1 dead Raised"]);
}

#[test]
fn what_was_told_of_chattering_and_of_a_flood_is_over_when_it_cannot_be_read() {
    let standing = |sensor: &str, rule: &str| StandingAlert {
        alert_id: format!("id of {rule}").into(),
        rule: rule.into(),
        sensor_id: SensorId::new(sensor).unwrap(),
        since: at(7),
    };
    let kept = |sensor: &str, rule: &str| AlarmState {
        sensor_id: SensorId::new(sensor).unwrap(),
        rule: rule.into(),
        state: Some("{".into()),
    };
    for rules in [warm(8.0), vec![]] {
        let alarms = vec![kept("T1", "warm"), kept("*", ":flood")];
        let standing = vec![standing("T1", "warm:chattering"), standing("*", "flood")];
        let clocks = ListeningClocks::all_at(seconds(100));
        let past = StoredState { clocks, alarms, standing, ..StoredState::default() };
        let mut out = Vec::new();
        let mut engine = Engine::restore(rules, Tz::UTC, past, [], &mut out);
        let ends = out.iter().map(|outcome| (&*outcome.alert_id, outcome.transition.announced));
        let over = Some(Announcement::Returned);
        let expected = [("id of warm:chattering", over), ("id of flood", over)];
        assert_eq!(ends.collect::<Vec<_>>(), expected);
        assert_eq!(engine.take_unreadable().len(), 2, "and it is said in the log");
        assert!(engine.changes().iter().all(|change| change.state.is_none()));
    }
}
