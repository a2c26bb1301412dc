//! The engine is a fold over the log, and what is committed is enough to go on from: an engine that is stopped
//! between any two batches and restored does and holds what one does and holds that never stopped.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::domain::{Ingress, SeriesPart};

mod plant;
mod script;

use plant::Plant;
use script::{Record, Told, What};

/// How a log is played.
#[derive(Debug, Clone, Default)]
struct Plan {
    /// Records of each batch, in turn.
    batches: Vec<usize>,
    /// Checkpoints in turn of each batch, in turn.
    checkpoints: Vec<usize>,
    /// Batches after which the engine is stopped.
    kills: BTreeSet<usize>,
}

/// What was said, and how it ended.
fn play(log: &[Record], plan: &Plan) -> (Vec<String>, Vec<String>) {
    let mut plant = Plant::new();
    let turn = |of: &[usize], number: usize| of.get(number % of.len().max(1)).copied().unwrap_or(1);
    let (mut number, mut left) = (0, turn(&plan.batches, 0));
    for record in log {
        // Other rules take over between two batches, and what comes of it is committed.
        let is_reload = matches!(record.what, What::Reload(_));
        if is_reload {
            plant.commit(turn(&plan.checkpoints, number));
        }
        plant.play(record);
        left = left.saturating_sub(1);
        if left == 0 || is_reload {
            plant.commit(turn(&plan.checkpoints, number));
            if plan.kills.contains(&number) {
                plant.restore();
            }
            number += 1;
            left = turn(&plan.batches, number).max(1);
        }
    }
    plant.commit(0);
    let state = plant.state();
    (plant.said, state)
}

fn plans() -> impl Strategy<Value = Plan> {
    let batches = prop::collection::vec(1..30_usize, 1..8);
    let checkpoints = prop::collection::vec(0..4_usize, 1..5);
    let kills = prop::collection::btree_set(0..60_usize, 1..6);
    (batches, checkpoints, kills).prop_map(|(batches, checkpoints, kills)| Plan {
        batches,
        checkpoints,
        kills,
    })
}

/// A few, since each is a long log; as many as are asked for.
fn cases() -> ProptestConfig {
    let config = ProptestConfig::default();
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => config,
        None => ProptestConfig { cases: 32, ..config },
    }
}

fn assert_same(cut: &[String], whole: &[String]) -> Result<(), TestCaseError> {
    for (at, (cut, whole)) in cut.iter().zip(whole).enumerate() {
        prop_assert_eq!(cut, whole, "the first that differs: {}", at);
    }
    prop_assert_eq!(cut.len(), whole.len());
    Ok(())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_restart_between_any_batches_changes_nothing(
        log in prop::collection::vec(script::records_and_reloads(), 1..300), plan in plans(),
    ) {
        let whole = play(&log, &Plan { kills: BTreeSet::new(), ..plan.clone() });
        let cut = play(&log, &plan);
        assert_same(&cut.0, &whole.0)?;
        assert_same(&cut.1, &whole.1)?;
    }

    #[test]
    fn batches_of_any_size_change_nothing(
        log in prop::collection::vec(script::records(), 1..200), a in plans(), b in plans(),
    ) {
        let a = play(&log, &Plan { kills: BTreeSet::new(), ..a });
        let b = play(&log, &Plan { kills: BTreeSet::new(), ..b });
        assert_same(&a.0, &b.0)?;
        assert_same(&a.1, &b.1)?;
    }
}

/// Long enough for windows to be thinned and floods to come and go; always the same.
#[test]
fn a_long_log_goes_on_over_a_hundred_restarts() {
    let mut runner = TestRunner::deterministic();
    let log = prop::collection::vec(script::records_and_reloads(), 6_000);
    let log = log.new_tree(&mut runner).unwrap().current();
    let plan = Plan {
        batches: vec![17, 3, 41, 1, 90],
        checkpoints: vec![1, 0, 2],
        kills: (0..200).filter(|number| number % 2 == 1).collect(),
    };
    let whole = play(&log, &Plan { kills: BTreeSet::new(), ..plan.clone() });
    let cut = play(&log, &plan);
    for of in [
        "Raised",
        "Returned",
        "StillActive",
        "Latched",
        "Reset",
        "Acknowledged",
        "Shelved",
        "Unshelved",
        "Suppressed",
        "Unsuppressed",
        "TakenOutOfService",
        "ReturnedToService",
        "Closed",
        "clock_went_back_from: Some",
        "Flood(",
        "FloodOver(",
        "Chattering(",
        "Calm {",
        " true false",
        "maintenance:",
        "Forget, alarm: AllOf(SensorId(\"T4\")), operator: Operator { by: \"anne\", why: Some(\"why\") }",
    ] {
        assert!(
            whole.0.iter().chain(&whole.1).any(|said| said.contains(of)),
            "{of} never happened"
        );
    }
    for name in script::rules(0).iter().map(|rule| &rule.name) {
        let raised = format!(" {name} ");
        assert!(whole.0.iter().any(|said| said.contains(&raised)), "{name} was never raised");
    }
    assert_same(&cut.0, &whole.0).unwrap();
    assert_same(&cut.1, &whole.1).unwrap();
}

/// A device that sends late readings among those of now stores little for it.
#[test]
fn lateness_that_comes_and_goes_costs_little() {
    let mut plant = Plant::new();
    let told = |late_by| Told {
        sensor: 0,
        ingress: Ingress::Own,
        value: 0,
        is_integer: false,
        location: 0,
        late_by,
        nanos: 0,
        unit: 0,
    };
    for n in 0..600 {
        let what = What::Readings(vec![told(0)]);
        plant.play(&Record { passed: ([1_000; 3], 1_000), back: 0, what });
        plant.commit(usize::from(n == 599));
    }
    let windows = plant.stored.series.sizes(SeriesPart::Windows);
    assert!(windows.iter().all(|size| *size > 4_000), "{windows:?}");
    let mut written = 0;
    for n in 0..100 {
        let what = What::Readings(vec![told(if n % 2 == 0 { 100 } else { 0 })]);
        plant.play(&Record { passed: ([1_000; 3], 1_000), back: 0, what });
        let states = plant.engine.take_checkpoints(0);
        written +=
            states.iter().filter_map(|state| state.state.as_ref()).map(Vec::len).sum::<usize>();
        assert_eq!(states.len(), 1);
    }
    assert!(written < 100 * 16, "{written}");
}
