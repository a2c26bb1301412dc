//! What expressions are on a reading, and that nothing makes them panic.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::*;
use crate::domain::Quantity;

/// Windows and sensors as a test wants them; statistics count how often they are asked.
#[derive(Default)]
struct Surroundings {
    statistics: HashMap<(Statistic, Duration), f64>,
    newest: HashMap<&'static str, Newest>,
    asked: std::sync::atomic::AtomicUsize,
}

impl Series for Surroundings {
    fn statistic(&self, statistic: Statistic, window: Duration) -> Option<f64> {
        self.asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.statistics.get(&(statistic, window)).copied()
    }

    fn newest(&self, sensor: &SensorId) -> Option<Newest> {
        self.newest.get(sensor.as_str()).copied()
    }
}

fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// All is known: a temperature of 9.5 on Saturday 2024-08-17 at 20:30 UTC, 30 s after the last.
fn surroundings() -> Surroundings {
    let at = time("2024-08-17T20:30:00Z");
    Surroundings {
        statistics: [
            ((Statistic::Mean, minutes(10)), 8.0),
            ((Statistic::Min, minutes(10)), 6.5),
            ((Statistic::Max, minutes(90)), 9.5),
            ((Statistic::StdDev, Duration::from_secs(30)), 0.25),
            ((Statistic::Rate, RATE_WINDOW), -1.5),
        ]
        .into(),
        newest: [
            ("COLD_02", Newest { at: at - TimeDelta::seconds(90), value: 5.0 }),
            ("AHEAD", Newest { at: at + TimeDelta::seconds(5), value: 5.0 }),
        ]
        .into(),
        asked: 0.into(),
    }
}

fn judge_in(source: &str, surroundings: &Surroundings, zone: Tz) -> Option<bool> {
    let at = time("2024-08-17T20:30:00Z");
    Expression::parse(source).unwrap_or_else(|error| panic!("{source}: {error}")).judge(&Scope {
        value: 9.5,
        quantity: &Quantity::temperature(),
        at,
        previous: Some(at - TimeDelta::seconds(30)),
        zone,
        series: surroundings,
    })
}

fn judge(source: &str) -> Option<bool> {
    judge_in(source, &surroundings(), Tz::UTC)
}

#[test]
fn every_name_and_function_has_its_value() {
    for (is, is_not) in [
        ("value == 9.5", "value == 9.0"),
        ("quantity == \"temperature\"", "quantity == 'humidity'"),
        ("rate == -1.5", "rate > 0.0"),
        ("age == 30.0", "age > 30"),
        ("hour == 20", "hour == 22"),
        ("minute == 30", "minute == 0"),
        ("weekday == 6", "weekday == 7"),
        ("mean(\"10m\") == 8.0", "mean(\"600s\") > 8.0"),
        ("min(\"10m\") == 6.5", "min('10m') < 6.5"),
        ("max(\"1h30m\") == 9.5", "max(\"90m\") != 9.5"),
        ("stddev(\"30s\") == 0.25", "stddev(\"30s\") > 1"),
        ("sensor(\"COLD_02\").value == 5.0", "sensor(\"COLD_02\").value > 5.0"),
        ("sensor(\"COLD_02\").age == 90.0", "sensor(\"COLD_02\").age < 60.0"),
        ("double(hour) / 8.0 == 2.5", "double(value) == 9.0"),
    ] {
        assert_eq!(judge(is), Some(true), "{is}");
        assert_eq!(judge(is_not), Some(false), "{is_not}");
    }
}

#[test]
fn every_operator_is_there() {
    for source in [
        "value > 8.0 && mean(\"10m\") > 7.0",
        "value - sensor(\"COLD_02\").value > 3.0",
        "hour >= 22 || weekday in [6, 7]",
        "!(value < 8) && !false",
        "-value == -9.5",
        "value * 2.0 + 1.0 - 4.0 / 2.0 == 18.0",
        "(hour * 60 + minute) % 100 == 30",
        "hour / 6 == 3",
        "value <= 9.5 && value >= 9.5 && value != 9.4",
        "(hour < 12 ? 8.0 : 9.0) < value",
        "quantity in [\"humidity\", \"temperature\"]",
        "value in [9, 9.5]",
        "value > 8.0 // the door is open\n && true",
    ] {
        assert_eq!(judge(source), Some(true), "{source}");
    }
}

#[test]
fn whole_numbers_compare_with_doubles() {
    assert_eq!(judge("value > 9"), Some(true));
    assert_eq!(judge("value > 10"), Some(false));
    assert_eq!(judge("weekday == 6.0"), Some(true));
}

#[test]
fn the_time_of_day_is_that_of_the_zone() {
    let known = surroundings();
    for (zone, source) in [
        (Tz::Europe__Paris, "hour == 22 && weekday == 6"),
        (Tz::Asia__Kolkata, "hour == 2 && minute == 0 && weekday == 7"),
        (Tz::America__New_York, "hour == 16 && weekday == 6"),
    ] {
        assert_eq!(judge_in(source, &known, zone), Some(true), "{zone}");
    }
}

#[test]
fn a_sensor_that_was_never_heard_leaves_the_verdict_unknown() {
    for source in [
        "sensor(\"NONE\").value > 3.0",
        "sensor(\"NONE\").value <= 3.0",
        "!(sensor(\"NONE\").value > 3.0)",
        "sensor(\"NONE\").age > 600.0",
        "value > 8.0 && sensor(\"NONE\").value > 3.0",
        "value > 20.0 || sensor(\"NONE\").value > 3.0",
        "sensor(\"NONE\").value == sensor(\"NONE\").value",
        "sensor(\"NONE\").value in [1.0]",
    ] {
        assert_eq!(judge(source), None, "{source}");
    }
}

#[test]
fn what_is_unknown_counts_only_where_it_decides() {
    assert_eq!(judge("value > 8.0 || sensor(\"NONE\").value > 3.0"), Some(true));
    assert_eq!(judge("sensor(\"NONE\").value > 3.0 || value > 8.0"), Some(true));
    assert_eq!(judge("sensor(\"NONE\").value > 3.0 && value > 20.0"), Some(false));
}

#[test]
fn a_first_reading_has_no_age_and_a_short_past_no_mean() {
    let expression = Expression::parse("age > 60.0").unwrap();
    let (known, quantity) = (Surroundings::default(), Quantity::temperature());
    let at = time("2024-08-17T20:30:00Z");
    let mut scope = Scope {
        value: 1.0,
        quantity: &quantity,
        at,
        previous: None,
        zone: Tz::UTC,
        series: &known,
    };
    assert_eq!(expression.judge(&scope), None);
    scope.previous = Some(at - TimeDelta::seconds(61));
    assert_eq!(expression.judge(&scope), Some(true));
    for source in ["mean(\"1h\") > 0.0", "stddev(\"1h\") > 0.0", "rate > 0.0"] {
        assert_eq!(Expression::parse(source).unwrap().judge(&scope), None, "{source}");
    }
}

#[test]
fn a_sensor_heard_after_the_reading_is_zero_seconds_old() {
    assert_eq!(judge("sensor(\"AHEAD\").age == 0.0"), Some(true));
}

#[test]
fn what_has_no_result_is_unknown() {
    assert_eq!(judge("1 / (hour - 20) > 0"), None);
    assert_eq!(judge("(value - 9.5) / (value - 9.5) > 0.0"), None);
    assert_eq!(judge("9223372036854775807 - 15 + hour > 0"), None);
    assert_eq!(judge("value / (value - 9.5) > 1000.0"), Some(true), "infinity is a number");
}

#[test]
fn a_window_that_decides_nothing_is_not_asked_for() {
    let known = surroundings();
    assert_eq!(judge_in("value > 20.0 && mean(\"10m\") > 7.0", &known, Tz::UTC), Some(false));
    assert_eq!(known.asked.into_inner(), 0);
}

#[test]
fn an_expression_tells_what_it_needs() {
    let source = "mean(\"10m\") > 1.0 && max(\"2h\") > sensor(\"B\").value + sensor(\"A\").value \
                  && sensor(\"B\").age < 60";
    let sensor = |id| SensorId::new(id).unwrap();
    assert_eq!(
        Expression::parse(source).unwrap().needs(),
        Needs { longest_window: minutes(120), sensors: vec![sensor("B"), sensor("A")] }
    );
    let needs = |source| Expression::parse(source).unwrap().needs();
    assert_eq!(needs("rate > 1.0").longest_window, RATE_WINDOW);
    assert_eq!(needs("value > 1.0"), Needs { longest_window: Duration::ZERO, sensors: vec![] });
}

#[test]
fn an_expression_goes_from_thread_to_thread() {
    fn is_shared<T: Send + Sync + Clone>(_: &T) {}
    let expression = Expression::parse("value > 8").unwrap();
    is_shared(&expression);
    assert_eq!(expression.source(), "value > 8");
}

#[test]
fn brackets_in_texts_and_comments_do_not_count() {
    assert_eq!(judge("quantity != \"((((((((((\" // ]]]]"), Some(true));
    assert_eq!(judge("quantity != 'it is \"(' && (value > 8.0)"), Some(true));
}

/// The deepest of everything at once, parsed and judged on a test's thread of 2 MiB, unoptimised.
#[test]
fn what_is_taken_fits_the_stack() {
    let nested = |inner: &str| {
        let (mut source, mut count) = (inner.to_owned(), 0);
        while count < expression::brackets::DEEPEST {
            source = format!("!(true ? {source} : false)");
            count += 1;
        }
        source
    };
    assert_eq!(judge(&nested("value > 8.0")), Some(true));
    let chain = format!("value{} > 1.0", " + value".repeat(30));
    assert_eq!(judge(&chain), Some(true));
    let wide = vec!["value > 8.0"; 40].join(" && ");
    assert_eq!(judge(&wide), Some(true));
}

/// Pieces of expressions, well and badly put together, and any text at all.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "value",
        "hour",
        "quantity",
        "rate",
        "8.0",
        "8",
        "0",
        "\"t\"",
        "'",
        "\"",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        " > ",
        " == ",
        " && ",
        " || ",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        "?",
        ":",
        ",",
        " in ",
        "mean(\"10m\")",
        "sensor(\"A\").value",
        ".age",
        "double(",
        "true",
        "//",
        "\n",
        "é",
        "null",
        "@",
        "all",
        "has(",
        "1u",
        "b'x'",
        "$",
    ]);
    let pieces = prop::collection::vec(piece, 1..30).prop_map(|pieces| pieces.concat());
    prop_oneof![4 => pieces, 1 => any::<String>()]
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(source in pieces()) {
        match Expression::parse(&source) {
            Ok(expression) => {
                let _ = judge(expression.source());
            }
            Err(error) => prop_assert!(!error.to_string().contains('\n')),
        }
    }

    #[test]
    fn a_limit_in_an_expression_is_the_limit_itself(value in -1e6..1e6_f64, limit in -1e6..1e6_f64) {
        let expression = Expression::parse(&format!("value > {limit:?}")).unwrap();
        let (known, quantity) = (Surroundings::default(), Quantity::temperature());
        let at = DateTime::UNIX_EPOCH;
        let scope =
            Scope { value, quantity: &quantity, at, previous: None, zone: Tz::UTC, series: &known };
        prop_assert_eq!(expression.judge(&scope), Some(value > limit));
    }
}
