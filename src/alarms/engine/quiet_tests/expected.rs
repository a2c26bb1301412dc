//! Sensors that should speak, and those that are said to be gone.

use super::*;

#[test]
fn offline_is_stale_at_once_and_online_leaves_silence_counting() {
    let dead = || vec![stale("dead", "T*", 300)];
    let mut bench = Bench::new(dead(), QuietSettings::default());
    bench.availability("T1", 0, false);
    assert_eq!(bench.told, [] as [&str; 0], "nothing is known of it");
    bench.hear("T1", 0, 1.0).availability("T1", 10, false).availability("T1", 11, false);
    assert_eq!(bench.told, ["10 T1 dead Raised"]);
    bench.restart(dead()).availability("T1", 20, true);
    assert_eq!(bench.told[1..], ["20 T1 dead Returned"]);
    bench.wait(299).wait(300).availability("T1", 310, true);
    assert_eq!(bench.told[2..], ["300 T1 dead Raised"], "it is there, and says nothing");
    bench.hear("T1", 320, 1.0).availability("T1", 330, false).hear("T1", 340, 1.0);
    assert_eq!(
        bench.told[3..],
        ["320 T1 dead Returned", "330 T1 dead Raised", "340 T1 dead Returned"]
    );
}

#[test]
fn a_sensor_that_should_speak_and_never_does_is_silent() {
    let dead = || vec![stale("dead", "T*", 300)];
    let mut bench = Bench::new(dead(), QuietSettings::default());
    bench.expect(&["T1", "T2", "X"]).wait(100).restart(dead()).expect(&["T1", "T2", "T3"]);
    bench.hear("T2", 200, 1.0).wait(299).wait(300);
    assert_eq!(bench.told, ["300 T1 dead Raised"]);
    bench.wait(399).restart(dead()).expect(&["T1", "T2"]).wait(450);
    assert_eq!(bench.told.len(), 1, "T3 is forgotten, T1 told already: {:?}", bench.told);
    // Its first reading may be older than the start.
    let mut out = Vec::new();
    let now = bench.record(460);
    bench.engine.advance(now, &mut out);
    bench.engine.judge(&reading("T1", at(5), 1.0), Ingress::Remote, &mut out);
    assert_eq!(out[0].transition.change, Change::Returned);
    bench.restart(dead()).expect(&["T2"]).wait(500);
    assert_eq!(bench.told[1..], ["500 T2 dead Raised"]);
    bench.restart(dead()).expect(&[]);
    assert!(bench.told.len() == 2, "a sensor that was heard stays: {:?}", bench.told);
}

#[test]
fn a_sensor_that_never_spoke_goes_where_it_is_expected() {
    let dead = || {
        let at = |place: &str| Rule {
            selection: Selection::Matching { sensors: vec![], locations: vec![place.into()] },
            ..stale(&format!("dead-{place}"), "*", 300)
        };
        vec![at("A"), at("B")]
    };
    let expected = |place: &str| Expected {
        sensor_id: SensorId::new("T1").unwrap(),
        quantity: Quantity::temperature(),
        location: Location::new(place),
        unit: Unit::new("celsius"),
    };
    let mut bench = Bench::new(dead(), QuietSettings::default());
    let mut out = Vec::new();
    bench.wait(0);
    bench.engine.expect(&[expected("A")], &mut out);
    bench.wait(100);
    bench.engine.expect(&[expected("B")], &mut out);
    bench.wait(299).wait(300);
    assert_eq!(
        bench.told,
        ["300 T1 dead-B Raised"],
        "its silence counts from when it was expected"
    );
    bench.wait(310);
    bench.engine.expect(&[expected("A")], &mut out);
    assert_eq!(out.len(), 1, "{out:?}");
    assert_eq!((&*out[0].rule.name, out[0].transition.change), ("dead-B", Change::Closed));
}

#[test]
fn a_sensor_that_never_spoke_measures_in_the_unit_it_is_expected_to() {
    let expected = |place: &str, unit: &str| Expected {
        sensor_id: SensorId::new("T1").unwrap(),
        quantity: Quantity::temperature(),
        location: Location::new(place),
        unit: Unit::new(unit),
    };
    let mut out = Vec::new();
    let mut engine = Engine::new(vec![stale("dead", "T*", 300)], Tz::UTC);
    engine.advance(RecordTime::of(0, seconds(0)), &mut out);
    engine.expect(&[expected("A", "celsius")], &mut out);
    engine.changes();
    for (place, unit) in [("A", "kelvin"), ("B", "fahrenheit")] {
        engine.expect(&[expected(place, unit)], &mut out);
        let kept = engine.changes();
        let state = kept[0].state.as_ref().unwrap();
        assert!(state.contains(&format!("\"unit\":\"{unit}\"")), "{state}");
        engine.expect(&[expected(place, unit)], &mut out);
        assert_eq!(engine.changes(), [], "nothing new");
    }
    engine.advance(RecordTime::of(1, seconds(300)), &mut out);
    assert_eq!((out.len(), out[0].unit.clone()), (1, Unit::new("fahrenheit")));
}
