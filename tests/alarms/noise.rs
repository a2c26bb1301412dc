//! A noisy signal around a limit for an hour: one alarm with a deadband and delays, hundreds without, which the report
//! counts as chattering.

use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use vigie::alarms::machine::{self, Announcement};
use vigie::alarms::report::{Change, Measures, Period, Transition, measure};
use vigie::config;
use vigie::domain::{Location, Quantity, Reading, SensorId, Unit, Value};
use vigie::rehearsal::player::Player;

const HOUR: i64 = 3600;
const LIMIT: f64 = 8.0;

/// Amplitude of the random noise: one degree. There is a reading a second.
const NOISE: f64 = 1.0;

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_723_593_600, 0).unwrap()
}

/// The signal: an hour at the limit between ten minutes well below it.
fn signal() -> impl Iterator<Item = Reading> {
    let mut random = StdRng::seed_from_u64(7);
    (-600..HOUR + 600).map(move |second| {
        let level = if (0..HOUR).contains(&second) { LIMIT } else { LIMIT - 4.0 };
        let value = level + random.random_range(-NOISE..NOISE);
        Reading {
            sensor_id: SensorId::new("COLD_01").unwrap(),
            location: Location::new("Chambre froide"),
            quantity: Quantity::temperature(),
            value: Value::new((value * 100.0).round() / 100.0).unwrap(),
            unit: Unit::new("celsius"),
            timestamp: start() + TimeDelta::seconds(second),
        }
    })
}

/// Announcements of a rule for the signal, in the form that the report reads.
fn announced(more: &str) -> Vec<Transition> {
    let text = format!(
        "[broker]\n[[rules]]\nname = \"warm\"\nkind = \"high\"\nlimit = {LIMIT:?}\n{more}\n"
    );
    let config = config::parse(&text, "noise.toml").unwrap();
    let mut player = Player::new(&config, start() - TimeDelta::seconds(600));
    let mut outcomes = Vec::new();
    signal().for_each(|reading| player.hear(&reading, &mut outcomes));
    player.wait(start() + TimeDelta::hours(2), &mut outcomes);
    let told = outcomes.into_iter().filter_map(|outcome| {
        let machine::Transition { at, announced, .. } = outcome.transition;
        let change = match announced? {
            Announcement::Raised => Change::Raised,
            Announcement::Returned => Change::Returned,
            Announcement::StillActive => return None,
        };
        Some(Transition {
            at,
            rule: outcome.rule.name.clone(),
            sensor_id: outcome.sensor_id.as_str().into(),
            location: outcome.location.as_str().into(),
            priority: Some(outcome.rule.priority),
            change,
        })
    });
    told.collect()
}

fn measured(transitions: Vec<Transition>) -> Measures {
    let (from, to) = (start() - TimeDelta::hours(1), start() + TimeDelta::hours(23));
    measure(transitions, Period::new(from, to).unwrap())
}

#[test]
fn with_a_deadband_and_delays_a_noisy_signal_is_one_alarm() {
    let told = announced("deadband = 0.5\non_delay = \"2s\"\noff_delay = \"1m\"");
    let [raised, returned] = &told[..] else { panic!("{} announcements", told.len()) };
    assert_eq!((raised.change, returned.change), (Change::Raised, Change::Returned));
    assert!(raised.at >= start() && raised.at < start() + TimeDelta::minutes(1), "{raised:?}");
    let end = start() + TimeDelta::seconds(HOUR);
    let over = end + TimeDelta::seconds(45)..=end + TimeDelta::seconds(60);
    assert!(over.contains(&returned.at), "a minute after the hour is over: {returned:?}");
    let measures = measured(told);
    assert_eq!(measures.raised, 1);
    assert_eq!((measures.chattering.pairs, measures.fleeting, measures.floods.count), (0, 0, 0));
}

#[test]
fn without_them_it_is_hundreds_of_alarms_and_the_report_counts_chattering() {
    let told = announced("");
    // Count each upward crossing.
    let mut was_above = false;
    let crossings = signal().filter(|reading| {
        let is_above = reading.value.get() > LIMIT;
        !std::mem::replace(&mut was_above, is_above) && is_above
    });
    let crossings = u64::try_from(crossings.count()).unwrap();
    assert!((800..1000).contains(&crossings), "{crossings}");
    let measures = measured(told);
    eprintln!("without deadband and delays: {crossings} alarms in the hour");
    assert_eq!(measures.raised, crossings);
    assert_eq!(measures.chattering.pairs, 1);
    assert_eq!(measures.chattering.raised, crossings);
    assert_eq!(measures.fleeting, crossings);
    assert_eq!(measures.floods.count, 1);
    let missed = |measure: &str| {
        measures
            .targets
            .iter()
            .any(|target| target.measure == measure && target.is_met == Some(false))
    };
    for measure in ["Chattering", "Fleeting", "Most in one 10-minute interval"] {
        assert!(missed(measure), "{measure}: {:?}", measures.targets);
    }
}

/// Deadband or delay alone reduces the alarms; only both give a single one.
#[test]
fn a_deadband_alone_is_not_enough() {
    let deadband = measured(announced("deadband = 0.5")).raised;
    let delays = measured(announced("on_delay = \"2s\"\noff_delay = \"5s\"")).raised;
    eprintln!("with a deadband alone: {deadband} alarms, with short delays alone: {delays}");
    assert!(deadband > 100, "{deadband}");
    assert!((2..deadband).contains(&delays), "{delays}");
}
