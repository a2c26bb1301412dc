//! Readings older than the newest of their series. They change nothing, but that the sensor speaks; until
//! it is plain that it is the sensor's clock that went back, or had been ahead. Pure.

use std::time::Duration;

use super::super::series::{Key, Newest, Series};
use super::{Engine, Outcome};
use crate::domain::Reading;

/// How long all readings of a series must have been late before they count: a device that was cut off
/// sends what it has kept sooner than that, and what it measures now in between. Till then one reading
/// of the year 2099 keeps alarms from being raised.
const LATE_AT_MOST: Duration = Duration::from_secs(600);

impl Series {
    /// Whether a late reading, heard at `watch`, shows that its clock went back.
    pub(super) fn went_back(&self, watch: Duration) -> bool {
        self.late_since.is_some_and(|since| watch.saturating_sub(since) >= LATE_AT_MOST)
    }
}

impl Engine {
    /// Whether the late reading of a series that was taken out breaks a limit. Puts it back.
    pub(super) fn hear_late(
        &mut self,
        key: Key,
        mut series: Series,
        late: &Newest,
        out: &mut Vec<Outcome>,
    ) -> bool {
        let is_broken = late.sample().is_some_and(|late| series.would_break(&self.rules, late));
        series.newest.heard = late.heard;
        series.late_since.get_or_insert(late.heard);
        self.series.insert(key.clone(), series);
        self.each_entry(key, out, |entry, rule, newest, reasons| {
            entry.hear_late(rule, newest, reasons)
        });
        is_broken
    }

    /// A reading came that is taken for one that was judged before, heard at `watch`: whether it is one
    /// sent again or the same value at the same time by a device without a clock, its sensor speaks.
    pub fn hear_again(&mut self, reading: &Reading, watch: Duration, out: &mut Vec<Outcome>) {
        let num_before = out.len();
        let key = (reading.sensor_id.clone(), reading.quantity.clone());
        match self.series.get_mut(&key) {
            Some(series) if series.newest.value.is_some() => series.newest.heard = watch,
            _ => return,
        }
        self.each_entry(key, out, |entry, rule, newest, reasons| {
            entry.hear_late(rule, newest, reasons)
        });
        self.follow_up(num_before, watch, out);
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use chrono_tz::Tz;

    use super::super::tests::{at, reading, rule, seconds};
    use super::*;
    use crate::alarms::rule::{Kind, Rule, Timing};

    /// Rules are called by their kind.
    fn rules(on_delay: u64) -> Vec<Rule> {
        let timing = Timing { on_delay: seconds(on_delay), ..Timing::default() };
        let high = Kind::High { limit: 8.0, deadband: 1.0 };
        vec![rule("high", high, timing), rule("stale", Kind::Stale { after: seconds(90) }, timing)]
    }

    struct Bench {
        engine: Engine,
        /// `watch rule change`
        told: Vec<String>,
    }

    impl Bench {
        fn new(on_delay: u64) -> Self {
            Self { engine: Engine::new(rules(on_delay), Tz::UTC), told: Vec::new() }
        }

        fn hear_again(&mut self, watch: u64, dated: DateTime<Utc>) {
            let mut out = Vec::new();
            self.engine.elapse(seconds(watch), &mut out);
            self.engine.hear_again(&reading("T", dated, 5.0), seconds(watch), &mut out);
            self.note(watch, out);
        }

        fn note(&mut self, watch: u64, out: Vec<Outcome>) {
            self.told.extend(out.into_iter().map(|Outcome { rule, transition, .. }| {
                format!("{watch} {} {:?}", rule.name, transition.change)
            }));
        }

        /// From when its clock went back, if it did.
        fn hear(&mut self, watch: u64, dated: DateTime<Utc>, value: f64) -> Option<DateTime<Utc>> {
            let mut out = Vec::new();
            self.engine.elapse(seconds(watch), &mut out);
            let judgement =
                self.engine.judge(&reading("T", dated, value), seconds(watch), &mut out);
            self.note(watch, out);
            assert_eq!(judgement.is_broken, value > 8.0);
            judgement.clock_went_back_from
        }
    }

    #[test]
    fn a_clock_that_was_ahead_for_one_reading_silences_nobody_for_good() {
        let ahead = DateTime::parse_from_rfc3339("2099-01-01T00:00:00Z").unwrap().to_utc();
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
        let back = |watch| at(watch - 3600);
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
        for watch in (99_900..102_000).step_by(10) {
            let late = watch % 300 != 0;
            let dated = if late { at(watch - 50_000) } else { at(watch) };
            assert_eq!(bench.hear(watch, dated, if late { 9.0 } else { 5.0 }), None);
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

    #[test]
    fn a_sensor_without_a_clock_that_measures_the_same_again_is_not_silent() {
        let mut bench = Bench::new(0);
        bench.hear(0, at(1000), 5.0);
        for watch in [80, 160, 240] {
            bench.hear_again(watch, at(1000));
        }
        assert!(bench.told.is_empty(), "{:?}", bench.told);
        bench.hear_again(340, at(1000));
        assert_eq!(bench.told, ["340 stale Raised", "340 stale Returned"], "silent for 100 s");
    }
}
