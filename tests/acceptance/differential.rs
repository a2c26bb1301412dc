//! This version and the one before get exactly the same messages, operators' actions and reloads, and must
//! leave the same readings, alarms, events and actions.
//!
//! Readings carry their own times. What the wall clock brings about (silence, waits, shelves, maintenance)
//! is awaited before the sequence goes on. What is masked in the comparison stands in [`crate::outcome`].

use std::path::Path;
use std::time::Instant;

use serde_json::json;

use crate::before;
use crate::outcome::Outcome;
use crate::scale;
use crate::sequence::GROUP;
use crate::sequence_run::{Kind, SequenceRun};
use crate::support::{SOON, require};

/// Steps of the sensors that have rules of their own.
const STEPS: usize = 120;

pub const BASE: &str = r#"
[alerts.temperature]
high = 35.0
low = 5.0
[alerts.humidity]
high = 80.0
[alerts.chattering]
raises = 3
within = "60s"
calm = "10m"
[alerts.flood]
alarms = 20
within = "1h"
until = 1
"#;

const WORK: &str = "[[maintenance]]\nname = \"work\"\nsensors = [\"MAINT_*\"]\n\
                    schedule = \"* * * * *\"\nlasting = \"1h\"\n";

/// A rule, by its name, kind, the sensors it is for, and its other keys.
fn rule(name: &str, kind: &str, sensors: &str, keys: &str) -> String {
    format!("[[rules]]\nname = \"{name}\"\nkind = \"{kind}\"\nsensors = [\"{sensors}\"]\n{keys}\n")
}

/// Rules of every kind; `warm` is a limit that reloads change.
pub fn rules(warm: f64) -> String {
    let delays = "deadband = 1.0\non_delay = \"20s\"\noff_delay = \"15s\"\npriority = \"critical\"";
    let odd = "when = \"value > 22.0 && sensor(\\\"HI_1\\\").value < 20.0\"\non_delay = \"10s\"";
    let explained = "limit = 50.0\nsuppressed_by = [\"cause\"]\nsuppression_wait = \"3s\"\n\
                     suppression_settle = \"2s\"";
    [
        rule("warm", "high", "HI_*", &format!("limit = {warm:?}\n{delays}")),
        rule("fast", "rate", "RATE_*", "per_minute = 8.0\nwindow = \"30s\""),
        rule("falling", "rate", "FALL_*", "per_minute = -8.0\nwindow = \"30s\""),
        rule("stuck", "flatline", "FLAT_*", "lasting = \"60s\"\nwithin = 0.5"),
        rule("outlier", "deviation", "DEV_*", "deviations = 4.0\nwindow = \"2m\""),
        rule("apart", "difference", "DIFF_*", "other = \"HI_0\"\nlimit = 6.0\ndeadband = 1.0"),
        rule("odd", "expression", "EXPR_*", odd),
        rule(
            "mean",
            "expression",
            "MEAN_*",
            "when = \"value > mean(\\\"1m\\\") + 1.5 || rate > 30.0\"",
        ),
        rule("latched", "high", "LATCH_*", "limit = 25.0\nlatching = true"),
        rule("seen", "high", "ACK_*", "limit = 25.0\nacknowledge = true"),
        rule("again", "high", "RE_*", "limit = 22.0\nreannounce = \"20s\""),
        rule("cause", "high", "CAUSE_*", "limit = 50.0"),
        rule("effect", "high", "SUP_*", explained),
        rule("away", "stale", "AV_*", "after = \"1h\""),
        rule("silent", "stale", "STALE_*", "after = \"2s\""),
    ]
    .concat()
}

fn cold() -> String {
    rule(
        "cold",
        "low",
        "LO_*",
        "limit = 16.0\ndeadband = 0.5\noff_delay = \"20s\"\npriority = \"low\"",
    )
}

fn play(binary: &Path, kind: Kind) -> Outcome {
    let began = Instant::now();
    let first = format!("{BASE}{WORK}{}{}", rules(24.0), cold());
    let mut run = SequenceRun::start(binary, kind, scale::num_sensors(), &first);
    run.fleet();
    run.fleet();
    run.groups(STEPS);
    chatter(&mut run);
    explained(&mut run);
    availability(&mut run);
    silence(&mut run);
    maintenance(&mut run);
    operators(&mut run);
    reloads(&mut run);
    let outcome = run.end();
    eprintln!(
        "{} on {kind:?}: {} readings, {} events in {:.1?}",
        binary.display(),
        outcome.num_readings,
        outcome.num_events,
        began.elapsed()
    );
    outcome
}

/// Raised again and again; calm after ten minutes by the readings' own times.
fn chatter(run: &mut SequenceRun) {
    for _ in 0..6 {
        run.publish_readings(&[
            ("CHAT_0", 40.0),
            ("CHAT_1", 41.0),
            ("CHAT_0", 20.0),
            ("CHAT_1", 20.5),
        ]);
    }
    run.sequence.pass(3600);
    run.publish_readings(&[("CHAT_0", 21.0), ("CHAT_1", 41.0)]);
    run.sequence.pass(3600);
    run.publish_readings(&[("CHAT_0", 21.5), ("CHAT_1", 41.5)]);
    run.barrier();
}

/// By its location an alarm `SUP_N` is explained by one of `CAUSE_N`.
fn explained(run: &mut SequenceRun) {
    // Its cause comes after it; and no cause comes.
    run.publish_readings(&[("SUP_1", 60.0), ("CAUSE_1", 60.0), ("SUP_2", 60.0)]);
    run.wait_changes("effect", "SUP_2", "unsuppressed", 1);
    // Its cause came before it, and it is over before its cause is.
    run.publish_readings(&[("CAUSE_3", 60.0), ("SUP_3", 60.0), ("SUP_3", 20.0)]);
    run.barrier();
    run.publish_readings(&[("CAUSE_1", 20.0), ("CAUSE_3", 20.0)]);
    run.wait_changes("effect", "SUP_1", "unsuppressed", 1);
    run.publish_readings(&[("SUP_1", 20.0), ("SUP_2", 20.0)]);
    run.barrier();
}

/// What devices say of themselves.
fn availability(run: &mut SequenceRun) {
    run.publish_readings(&[("AV_0", 20.0), ("AV_1", 20.0), ("AV_2", 20.0)]);
    run.barrier();
    let say = |run: &SequenceRun, number: usize, word: &str| {
        run.client.publish(&format!("factory/availability/AV_{number}"), word, 1);
    };
    for (number, word) in ["offline", "{\"state\":\"offline\"}", "offline"].into_iter().enumerate()
    {
        say(run, number, word);
        run.wait_changes("away", "AV_*", "raised", i64::try_from(number + 1).expect("few"));
    }
    say(run, 0, "gone fishing");
    say(run, 0, "online");
    run.wait_changes("away", "AV_0", "returned", 1);
    run.publish_readings(&[("AV_1", 20.5)]);
    run.wait_changes("away", "AV_1", "returned", 1);
}

fn silence(run: &mut SequenceRun) {
    run.publish_readings(&[("STALE_0", 20.0), ("STALE_1", 20.0), ("STALE_2", 20.0)]);
    run.wait_changes("silent", "STALE_*", "raised", 3);
    run.sequence.pass(60);
    run.publish_readings(&[("STALE_0", 20.5), ("STALE_1", 20.5)]);
    run.wait_changes("silent", "STALE_*", "raised", 5);
    run.barrier();
}

/// What is withheld while work is planned; a reload calls the work off.
fn maintenance(run: &mut SequenceRun) {
    run.publish_readings(&[
        ("MAINT_0", 40.0),
        ("MAINT_1", 41.0),
        ("MAINT_2", 41.0),
        ("MAINT_2", 20.0),
    ]);
    run.barrier();
}

fn operators(run: &mut SequenceRun) {
    let hot = "high-temperature";
    let of = |number: usize| format!("{hot}/HOT_{number}");
    run.publish_readings(&[
        ("HOT_0", 40.0),
        ("HOT_1", 40.0),
        ("HOT_2", 40.0),
        ("HOT_3", 40.0),
        ("HOT_4", 40.0),
    ]);
    run.barrier();
    run.operate(&["ack", "latched/LATCH_0", "--why", "seen"]);
    run.operate(&["reset", "latched/LATCH_0"]);
    run.operate(&["reset", "latched/LATCH_1"]);
    run.operate(&["ack", "nothing/HOT_0"]);
    run.operate(&["shelve", &of(0), "--why", "door", "--for", "1h"]);
    run.operate(&["shelve", &of(0), "--why", "door", "--for", "3h"]);
    run.ask("seen/ACK_0", "ack", &json!({"by": "carl", "why": "on my way"}));
    run.ask("seen/ACK_0", "ack", &json!({"by": "carl"}));
    run.ask(&of(1), "shelve", &json!({"by": "carl", "why": "test", "for": "1s"}));
    run.ask(&of(2), "shelve", &json!({"by": "carl", "why": "once", "for": "1h", "one_shot": true}));
    run.ask(&of(3), "out-of-service", &json!({"by": "carl", "why": "repair"}));
    run.ask(&of(4), "out-of-service", &json!({"by": "carl", "why": "scrapped"}));
    run.ask(&of(4), "shelve", &json!({"why": "nobody says so"}));
    run.wait_changes(hot, "HOT_1", "unshelved", 1);
    run.acknowledge_by_mqtt("seen", "ACK_1");
    run.wait_changes("seen", "ACK_1", "acknowledged", 1);
    run.client.publish("factory/alarms/0123456789abcdef/ack", "{\"by\":\"bert\"}", 1);
    run.publish_readings(&[("HOT_2", 20.0), ("HOT_2", 40.0), ("HOT_3", 20.0), ("HOT_3", 40.0)]);
    run.barrier();
    run.operate(&["return-to-service", &of(3)]);
    run.operate(&["unshelve", &of(0)]);
    run.barrier();
}

/// A limit changes, a rule goes, one comes, the work is called off; then by a signal the limit again.
fn reloads(run: &mut SequenceRun) {
    let extra = rule("extra", "low", "LO_*", "limit = 17.0\nmessage = \"{sensor}: {value}{unit}\"");
    run.reload(&format!("{BASE}{}{extra}", rules(23.0)));
    run.wait_changes("high-temperature", "MAINT_[01]", "unsuppressed", 2);
    run.groups(STEPS / 3);
    run.reload("[[rules]]\nname = \"broken\"\nkind = \"high\"\n");
    run.rewrite(&format!("{BASE}{}{}", rules(25.0), cold()));
    run.daemon.hang_up();
    run.daemon.wait_lines("Configuration read again", 2, SOON);
    run.groups(STEPS / 3);
    run.fleet();
}

/// Every kind of thing happened at all.
fn assert_is_rich(outcome: &Outcome) {
    let rules = outcome.rules();
    for rule in [
        "warm",
        "cold",
        "extra",
        "fast",
        "falling",
        "stuck",
        "outlier",
        "apart",
        "odd",
        "mean",
        "latched",
        "seen",
        "again",
        "cause",
        "effect",
        "away",
        "silent",
        "high-temperature",
        "high-humidity",
    ] {
        assert!(rules.contains(rule), "no event of {rule}: {rules:?}");
    }
    let events = outcome.part("events in order");
    for word in ["still-active", "CHATTERING_", "FLOOD"] {
        assert!(events.iter().any(|line| line.contains(word)), "no {word}");
    }
    assert!(outcome.part("rejected").len() > 1);
    assert!(outcome.part("actions").len() > 2 * GROUP);
}

fn compare(kind: Kind) {
    let Some(before) = before::binary() else { return };
    if kind == Kind::Mosquitto && !require(&["mosquitto"]) {
        return;
    }
    let then = play(&before, kind);
    let now = play(Path::new(env!("CARGO_BIN_EXE_vigie")), kind);
    assert_is_rich(&then);
    let differences = now.differences(&then);
    assert!(
        differences.is_empty(),
        "{} parts differ from the version before (-):\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[test]
fn both_versions_give_the_same_outcome_on_mosquitto() {
    compare(Kind::Mosquitto);
}

#[test]
fn both_versions_give_the_same_outcome_on_the_embedded_broker() {
    compare(Kind::Embedded);
}
