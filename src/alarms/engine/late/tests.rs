use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::super::tests::{at, reading, rule, seconds};
use crate::alarms::engine::{Engine, Outcome, RecordTime};
use crate::alarms::rule::{Kind, Rule, Timing};
use crate::domain::{AlarmState, Ingress, ListeningClocks, Reading};

use super::super::StoredState;
use super::super::stored::StoredSeries;

/// Rules are called by their kind.
fn rules(on_delay: u64) -> Vec<Rule> {
    let timing = Timing { on_delay: seconds(on_delay), ..Timing::default() };
    let high = Kind::High { limit: 8.0, deadband: 1.0 };
    vec![rule("high", high, timing), rule("stale", Kind::Stale { after: seconds(90) }, timing)]
}

struct Bench {
    engine: Engine,
    rules: Vec<Rule>,
    /// `listened rule change`
    told: Vec<String>,
    heard: Vec<Reading>,
    kept: Vec<AlarmState>,
    /// On the listening clock.
    now: u64,
    /// In the log.
    position: u64,
    stored: StoredSeries,
}

impl Bench {
    fn new(on_delay: u64) -> Self {
        Self::of(rules(on_delay))
    }

    fn of(rules: Vec<Rule>) -> Self {
        let engine = Engine::new(rules.clone(), Tz::UTC);
        Self {
            engine,
            rules,
            told: vec![],
            heard: vec![],
            kept: vec![],
            now: 0,
            position: 0,
            stored: StoredSeries::default(),
        }
    }

    /// From when its clock went back, if it did.
    fn hear(&mut self, listened: u64, dated: DateTime<Utc>, value: f64) -> Option<DateTime<Utc>> {
        let mut out = Vec::new();
        self.advance(listened, &mut out);
        let reading = reading("T", dated, value);
        let judgement = self.engine.judge(&reading, Ingress::Remote, &mut out);
        self.heard.push(reading);
        self.note(out);
        let is_limited = &*self.rules[0].name == "high";
        assert_eq!(judgement.is_broken, is_limited && value > 8.0);
        judgement.clock_went_back_from
    }

    fn note_duplicate(&mut self, listened: u64, dated: DateTime<Utc>) {
        let mut out = Vec::new();
        self.advance(listened, &mut out);
        self.engine.note_duplicate(&reading("T", dated, 5.0), Ingress::Remote, &mut out);
        self.note(out);
    }

    fn advance(&mut self, listened: u64, out: &mut Vec<Outcome>) {
        self.now = listened;
        self.position += 1;
        self.engine.advance(RecordTime::of(self.position, seconds(listened)), out);
    }

    fn note(&mut self, out: Vec<Outcome>) {
        let now = self.now;
        self.told.extend(out.into_iter().map(|Outcome { rule, transition, .. }| {
            format!("{now} {} {:?}", rule.name, transition.change)
        }));
    }

    /// As after a restart, with at most so many checkpoints in turn.
    fn restart(&mut self, at_most: usize) {
        for change in self.engine.changes() {
            self.kept.retain(|old| old.rule != change.rule);
            self.kept.extend(change.state.is_some().then_some(change));
        }
        self.stored.commit(&mut self.engine, at_most, &self.heard);
        let (series, since) = (self.stored.states(), self.stored.since(&self.heard));
        let since_checkpoints = self.stored.since_checkpoints(&self.heard);
        let (clocks, alarms) = (ListeningClocks::all_at(seconds(self.now)), self.kept.clone());
        let past =
            StoredState { clocks, series, since_checkpoints, alarms, ..StoredState::default() };
        let mut out = Vec::new();
        self.engine = Engine::restore(self.rules.clone(), Tz::UTC, past, since, &mut out);
        self.note(out);
    }
}

fn ahead() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2099-01-01T00:00:00Z").unwrap().to_utc()
}

#[test]
fn a_clock_that_was_ahead_for_one_reading_silences_nobody_for_good() {
    let ahead = ahead();
    let mut bench = Bench::new(0);
    bench.hear(0, ahead, 5.0);
    for minute in 1..=10 {
        assert_eq!(bench.hear(minute * 60, at(minute * 60), 9.0), None, "{minute}");
    }
    assert!(bench.told.is_empty(), "{:?}", bench.told);
    assert_eq!(bench.hear(660, at(660), 9.0), Some(ahead));
    assert_eq!(bench.hear(720, at(720), 5.0), None);
    assert_eq!(bench.told, ["660 high Raised", "720 high Returned"]);
}

#[test]
fn a_clock_put_back_leaves_what_stands_and_what_is_delayed_to_go_on() {
    let mut bench = Bench::new(90);
    let back = |listened| at(listened - 3600);
    bench.hear(10_000, at(10_000), 9.0);
    bench.hear(10_090, at(10_090), 9.0);
    for minute in 0..=10 {
        bench.hear(10_100 + minute * 60, back(10_100 + minute * 60), 5.0);
    }
    assert_eq!(bench.told, ["10090 high Raised", "10700 high Returned"]);
    bench.hear(10_760, back(10_760), 9.0);
    bench.hear(10_830, back(10_830), 9.0);
    bench.hear(10_850, back(10_850), 9.0);
    assert_eq!(bench.told[2..], ["10850 high Raised"]);
}

#[test]
fn what_a_device_has_kept_and_sends_late_does_not_count_beside_what_it_measures_now() {
    let mut bench = Bench::new(0);
    for listened in (99_900..102_000).step_by(10) {
        let late = listened % 300 != 0;
        let dated = if late { at(listened - 50_000) } else { at(listened) };
        assert_eq!(bench.hear(listened, dated, if late { 9.0 } else { 5.0 }), None);
    }
    assert!(bench.told.is_empty(), "{:?}", bench.told);
}

#[test]
fn a_sensor_that_sends_late_is_not_silent() {
    let mut bench = Bench::new(0);
    bench.hear(0, at(1000), 5.0);
    bench.hear(80, at(900), 5.0);
    bench.hear(100, at(901), 5.0);
    assert!(bench.told.is_empty(), "{:?}", bench.told);
    bench.hear(200, at(902), 5.0);
    assert_eq!(bench.told, ["200 stale Raised", "200 stale Returned"], "silent for 100 s");
}

/// The rules by number, how many are checkpointed in turn at each restart, and whether each has a time of
/// its own once the clock went back.
fn ways() -> impl Iterator<Item = (Vec<Rule>, usize, bool)> {
    let of = [rules(0), rules(0)[..1].to_vec(), rules(0)[1..].to_vec()];
    let ways = of.into_iter().flat_map(|rules| {
        [0, 5, usize::MAX].map(|at_most| (rules.clone(), at_most, true)).into_iter()
    });
    // Where the times say nothing, what was kept does.
    ways.chain([(rules(0), usize::MAX, false), (rules(0), 0, false)])
}

#[test]
fn a_clock_that_went_back_has_gone_back_after_a_restart_too() {
    for (rules, at_most, has_clock) in ways() {
        let play = |from: usize, num_restarts: usize| {
            let mut bench = Bench::of(rules.clone());
            bench.hear(0, at(0), 9.0);
            bench.hear(60, ahead(), 5.0);
            for (restart, n) in (2..).zip(2..=30_u64) {
                let dated = if has_clock { at(n * 60) } else { at(1) };
                let value = if n == 20 || n >= 28 { 9.0 } else { 5.0 };
                let went_back = bench.hear(n * 60, dated, value);
                assert_eq!(went_back, (n == 12).then(ahead), "{n}, restarted from {from} on");
                if (from..from + num_restarts).contains(&restart) {
                    bench.restart(at_most);
                }
            }
            bench.told
        };
        let whole = play(0, 0);
        for from in 12..30 {
            for num_restarts in [1, 30] {
                let of = (rules.len(), at_most, has_clock);
                assert_eq!(play(from, num_restarts), whole, "{of:?}, from {from} on");
            }
        }
    }
}

#[test]
fn a_clock_that_never_broke_a_limit_has_gone_back_by_the_readings_own_times() {
    let mut bench = Bench::of(rules(0)[..1].to_vec());
    bench.hear(0, ahead(), 5.0);
    for minute in 1..=20 {
        bench.hear(minute * 60, at(minute * 60), 5.0);
    }
    assert_eq!(bench.engine.changes(), [], "nothing is kept");
    bench.restart(usize::MAX);
    bench.hear(1260, at(1260), 9.0);
    assert_eq!(bench.told, ["1260 high Raised"]);
}

#[test]
fn what_was_kept_while_the_clock_was_ahead_is_of_no_account_and_kept_anew() {
    let mut bench = Bench::of(rules(0)[..1].to_vec());
    bench.hear(0, at(0), 9.0);
    bench.hear(60, ahead(), 5.0);
    let before = bench.engine.changes();
    for minute in 2..=20 {
        bench.hear(minute * 60, at(minute * 60), 5.0);
    }
    let _of_a_version_that_kept_nothing_then = bench.engine.changes();
    bench.kept = before;
    bench.restart(usize::MAX);
    bench.restart(0);
    bench.hear(1260, at(1260), 9.0);
    assert_eq!(bench.told[2..], ["1260 high Raised"]);
}

#[test]
fn what_a_device_has_kept_and_sends_late_is_late_after_a_restart_too() {
    for at_most in [usize::MAX, 5, 0] {
        let mut bench = Bench::new(0);
        for listened in (99_900..102_000).step_by(10) {
            let late = listened % 300 != 0;
            let dated = if late { at(listened - 50_000) } else { at(listened) };
            assert_eq!(bench.hear(listened, dated, if late { 9.0 } else { 5.0 }), None);
            if listened % 70 == 0 {
                bench.restart(at_most);
            }
        }
        assert!(bench.told.is_empty(), "{at_most}: {:?}", bench.told);
        // All of a day, after what it measures now.
        bench.hear(102_000, at(102_000), 5.0);
        for n in 1..80 {
            assert_eq!(bench.hear(102_000 + n, at(n * 1000), 9.0), None);
            bench.restart(at_most);
        }
        assert!(bench.told.is_empty(), "{at_most}: {:?}", bench.told);
    }
}

#[test]
fn a_sensor_without_a_clock_that_measures_the_same_again_is_not_silent() {
    let mut bench = Bench::new(0);
    bench.hear(0, at(1000), 5.0);
    for listened in [80, 160, 240] {
        bench.note_duplicate(listened, at(1000));
    }
    assert!(bench.told.is_empty(), "{:?}", bench.told);
    bench.note_duplicate(340, at(1000));
    assert_eq!(bench.told, ["340 stale Raised", "340 stale Returned"], "silent for 100 s");
}
