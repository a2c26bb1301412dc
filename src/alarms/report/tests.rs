use proptest::prelude::*;

use super::series::Stale;
use super::*;

/// So many seconds after the start of the period.
fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_723_593_600, 0).unwrap() + TimeDelta::seconds(seconds)
}

fn transition(seconds: i64, sensor: &str, change: Change) -> Transition {
    Transition {
        at: at(seconds),
        rule: "high".into(),
        sensor_id: sensor.into(),
        location: "Hall".into(),
        priority: Some(Priority::High),
        change,
    }
}

fn raised(seconds: i64, sensor: &str) -> Transition {
    transition(seconds, sensor, Change::Raised)
}

fn returned(seconds: i64, sensor: &str) -> Transition {
    transition(seconds, sensor, Change::Returned)
}

fn days(days: i64) -> Period {
    Period::new(at(0), at(days * 86_400)).unwrap()
}

/// So many alarms in each interval, ten minutes after ten minutes, each of a sensor of its own.
fn rates(counts: &[i64]) -> Measures {
    let alarms = counts.iter().zip(0..).flat_map(|(count, interval)| {
        (0..*count).map(move |n| raised(interval * 600 + n, &format!("{interval}-{n}")))
    });
    measure(alarms, days(1))
}

#[track_caller]
fn close(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-12, "{a} is not {b}");
}

fn is_met(measures: &Measures, name: &str) -> Option<bool> {
    measures.targets.iter().find(|target| target.measure == name).unwrap().is_met
}

#[test]
fn averages_are_over_the_whole_period() {
    let alarms = (0..288).map(|n| raised(n * 300, &n.to_string()));
    let measures = measure(alarms, days(2));
    assert_eq!((measures.raised, measures.intervals), (288, 288));
    close(measures.average.per_day, 144.0);
    close(measures.average.per_hour, 6.0);
    close(measures.average.per_10_minutes, 1.0);
    assert_eq!(is_met(&measures, "Average an hour"), Some(true));
    assert_eq!(measures.most_in_10_minutes, 2);
    assert_eq!(measures.most_at, Some(at(0)));
}

#[test]
fn ten_in_ten_minutes_are_no_flood_and_eleven_are() {
    let measures = rates(&[10, 10]);
    assert_eq!((measures.floods.count, measures.floods.largest.is_none()), (0, true));
    close(measures.busy_share, 0.0);
    assert_eq!(is_met(&measures, "Most in one 10-minute interval"), Some(true));

    let measures = rates(&[0, 11]);
    let largest = measures.floods.largest.unwrap();
    assert_eq!((measures.floods.count, largest.raised, largest.minutes), (1, 11, 10));
    assert_eq!((largest.first.at, largest.first.sensor_id.as_str()), (at(600), "1-0"));
    close(measures.busy_share, 1.0 / 144.0);
}

#[test]
fn a_flood_goes_on_with_five_and_ends_with_four() {
    let measures = rates(&[3, 12, 5, 20, 6, 4, 9, 11]);
    let floods = &measures.floods;
    assert_eq!((floods.count, floods.longest_minutes), (2, 40));
    close(floods.share_of_time, 5.0 / 144.0);
    let largest = floods.largest.as_ref().unwrap();
    assert_eq!((largest.raised, largest.peak_in_10_minutes, largest.minutes), (43, 20, 40));
    assert_eq!(largest.first.at, at(600));
    close(measures.busy_share, 3.0 / 144.0);
}

#[test]
fn silence_ends_a_flood() {
    assert_eq!(rates(&[11, 0, 11]).floods.count, 2);
    assert_eq!(rates(&[11, 11]).floods.count, 1);
}

#[test]
fn three_within_a_minute_are_chatter() {
    let chatter = |times: &[i64]| {
        let events = times.iter().flat_map(|at| [raised(*at, "A"), returned(*at + 1, "A")]);
        let measures = measure(events, days(1));
        (measures.chattering.pairs, measures.chattering.raised)
    };
    assert_eq!(chatter(&[0, 30]), (0, 0));
    assert_eq!(chatter(&[0, 30, 60]), (1, 3));
    assert_eq!(chatter(&[0, 30, 61]), (0, 0));
    assert_eq!(chatter(&[0, 30, 60, 70, 500]), (1, 4));
    assert_eq!(chatter(&[0, 10, 20, 500, 510, 520]), (1, 6));
}

#[test]
fn three_sensors_in_a_minute_are_no_chatter() {
    let measures = measure([raised(0, "A"), raised(1, "B"), raised(2, "C")], days(1));
    assert_eq!(measures.chattering.pairs, 0);
    assert_eq!(measures.standing, 3);
}

#[test]
fn an_alarm_back_within_a_minute_is_fleeting() {
    let fleeting = |until| measure([raised(10, "A"), returned(until, "A")], days(1)).fleeting;
    assert_eq!((fleeting(70), fleeting(71)), (1, 0));
}

#[test]
fn an_alarm_is_stale_after_24_hours_and_no_sooner() {
    let stale = |until| measure([raised(0, "A"), returned(until, "A")], days(3)).stale;
    assert_eq!(stale(86_400), Stale { alarms: 0, most_on_one_day: 0 });
    assert_eq!(stale(86_401), Stale { alarms: 1, most_on_one_day: 1 });
}

#[test]
fn stale_alarms_are_counted_day_by_day() {
    let raised_all = (0..6).map(|n| raised(n, &format!("S{n}")));
    // Three are back on the second day, before the fourth came to be stale on the third.
    let back = (0..3).map(|n| returned(100_000 + n, &format!("S{n}")));
    let late = raised(100_100, "LATE");
    let measures = measure(raised_all.chain(back).chain([late]), days(4));
    assert_eq!(measures.stale, Stale { alarms: 7, most_on_one_day: 6 });
    assert_eq!(is_met(&measures, "Stale, most on one day"), Some(false));
    assert_eq!(measures.standing, 4);
}

#[test]
fn what_stood_before_the_period_is_standing_and_stale_but_not_raised() {
    let events = [raised(-90_000, "A"), raised(-80_000, "B"), returned(10, "B"), raised(20, "A")];
    let measures = measure(events, days(1));
    assert_eq!((measures.raised, measures.standing, measures.stale.alarms), (0, 1, 1));
    assert_eq!(is_met(&measures, "Top ten's share"), None);
}

#[test]
fn a_repeat_is_not_raised_again_and_what_follows_the_period_is_not_read() {
    let events = [raised(0, "A"), raised(5, "A"), returned(90, "A"), raised(86_400, "A")];
    let measures = measure(events, days(1));
    assert_eq!((measures.raised, measures.standing, measures.fleeting), (1, 0, 0));
}

#[test]
fn the_top_ten_are_in_order_with_their_share() {
    let events = (0..12_i64).flat_map(|sensor| {
        (0..=sensor).flat_map(move |n| {
            let (at, name) = (sensor * 7_000 + n * 200, format!("S{sensor:02}"));
            [raised(at, &name), returned(at + 100, &name)]
        })
    });
    let measures = measure(events, days(1));
    assert_eq!((measures.raised, measures.top.len()), (78, 10));
    assert_eq!((measures.top[0].sensor_id.as_str(), measures.top[0].raised), ("S11", 12));
    close(measures.top[0].share, 12.0 / 78.0);
    close(measures.top_share, 75.0 / 78.0);
}

#[test]
fn a_period_has_an_end_and_a_longest() {
    assert_eq!(Period::new(at(0), at(0)), Err(PeriodError::Empty));
    assert_eq!(Period::new(at(0), at(3_661 * 86_400)), Err(PeriodError::TooLong));
    let longest = measure([raised(3_660 * 86_400 - 1, "A")], days(3_660));
    assert!(longest.timeline.bars.len() as u64 <= intervals::BARS);
    assert_eq!(longest.timeline.bars.last().unwrap().raised, 1);
}

/// A few sensors, all priorities and none, from before the period until after it.
fn histories() -> impl Strategy<Value = Vec<Transition>> {
    let priority = prop::option::of(prop::sample::select(PRIORITIES.to_vec()));
    let one = (-10_000..200_000_i64, 0..12_u8, any::<bool>(), priority);
    prop::collection::vec(one, 0..300).prop_map(|mut events| {
        events.sort_by_key(|(at, ..)| *at);
        let event = |(at, sensor, is_raised, priority): (i64, u8, bool, Option<Priority>)| {
            let change = if is_raised { Change::Raised } else { Change::Returned };
            Transition { priority, ..transition(at, &sensor.to_string(), change) }
        };
        events.into_iter().map(event).collect()
    })
}

proptest! {
    #[test]
    fn parts_add_up_and_shares_are_shares(events in histories()) {
        let measures = measure(events, days(2));
        let by_priority: u64 = measures.priorities.iter().map(|each| each.raised).sum();
        let by_bar: u64 = measures.timeline.bars.iter().map(|bar| bar.raised).sum();
        prop_assert_eq!(by_priority, measures.raised);
        prop_assert_eq!(by_bar, measures.raised);
        let shares = [measures.busy_share, measures.floods.share_of_time, measures.top_share];
        let each = measures.priorities.iter().map(|each| each.share);
        let top = measures.top.iter().map(|top| top.share);
        for share in shares.into_iter().chain(each).chain(top) {
            prop_assert!((0.0..=1.0).contains(&share), "{share}");
        }
        prop_assert!(measures.fleeting <= measures.raised);
        prop_assert!(measures.chattering.raised <= measures.raised);
        prop_assert!(measures.stale.most_on_one_day <= measures.stale.alarms);
    }
}
