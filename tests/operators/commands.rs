//! Operators' actions by command.

use serde_json::{Value, json};

use crate::fixture::{ACTIONS, Fixture};
use crate::support::{SOON, names};
use crate::{FAILED, UNAVAILABLE, USAGE};

#[test]
fn an_operator_acknowledges_by_command() {
    let mut fixture = Fixture::embedded("");
    fixture.publish_reading("T_1", 30.0);
    let id = fixture.published(1)[0].1.clone();
    let alarm = &fixture.alarms()[0];
    assert_eq!((&alarm["id"], &alarm["state"]), (&json!(id), &json!("unacknowledged")));
    assert_eq!((&alarm["value"], &alarm["severity"]), (&json!(30.0), &json!("HIGH")));

    let (code, said) = fixture.vigie(&["ack", &id, "--by", "anne", "--why", "on my way"]);
    assert_eq!((code, said.trim()), (0, format!("ack warm/T_1 ({id}): done").as_str()));
    // Committed before the answer.
    let alarm = &fixture.alarms()[0];
    assert_eq!(alarm["state"], "acknowledged");
    assert_eq!(
        (&alarm["acknowledged"]["by"], &alarm["acknowledged"]["why"]),
        (&json!("anne"), &json!("on my way"))
    );
    let (code, said) = fixture.vigie(&["ack", &id]);
    assert!(code == 0 && said.contains("it is so already"), "{code}: {said}");
    let (_, said) = fixture.vigie(&["alarms"]);
    assert!(said.contains("acknowledged by anne (on my way)"), "{said}");

    fixture.publish_reading("T_1", 20.0);
    assert_eq!(fixture.alarms(), Vec::<Value>::new());
    let published = fixture.published(2);
    assert_eq!(published[1], ("resolved".into(), id.clone()));
    assert_eq!(
        fixture.history(),
        ["T_1 warm raised 1", "T_1 warm acknowledged 0 anne on my way", "T_1 warm returned 1"]
    );
    let actions = fixture.home.db().texts(ACTIONS);
    assert_eq!(actions[0], "acknowledge|warm|T_1|anne|on my way|cli|done");
    assert!(actions[1].ends_with("|cli|unchanged"), "{actions:?}");
    let (_, csv) = fixture.vigie(&["alerts", "--csv"]);
    assert!(csv.contains(",warm,anne,on my way,Temperature: alarm acknowledged by anne"), "{csv}");
    let (_, resolved) = fixture.vigie(&["alerts", "--state", "resolved", "--json"]);
    assert_eq!(resolved.lines().count(), 1, "{resolved}");
    // The published alert has exactly the contract's fields.
    let told = fixture.client.wait_count(names::ALERTS, 1, SOON)[0].json();
    assert_eq!(told.as_object().expect("an object").len(), 11, "{told}");
}

#[test]
fn an_alarm_stays_until_it_is_acknowledged_or_reset() {
    let mut fixture = Fixture::embedded("");
    fixture.publish_reading("T_1", 30.0);
    fixture.publish_reading("T_1", 20.0);
    assert_eq!(fixture.alarms()[0]["state"], "returned-unacknowledged");
    assert_eq!(fixture.vigie(&["ack", "warm/T_1"]).0, 0);
    assert_eq!(fixture.alarms().len(), 0);

    fixture.publish_reading("T_1", 5.0);
    let (code, said) = fixture.vigie(&["reset", "cold/T_1"]);
    assert!(code == FAILED && said.contains("has not returned yet"), "{said}");
    fixture.publish_reading("T_1", 20.0);
    assert_eq!(fixture.alarms()[0]["state"], "latched-unacknowledged");
    let standing = fixture.vigie(&["alerts", "--state", "active", "--json"]).1;
    assert_eq!(standing.lines().count(), 1, "{standing}");
    assert_eq!(fixture.vigie(&["ack", "cold/T_1"]).0, 0);
    assert_eq!(fixture.alarms()[0]["state"], "latched-acknowledged");
    assert_eq!(fixture.vigie(&["reset", "cold/T_1", "--why", "looked at"]).0, 0);
    assert_eq!(fixture.alarms().len(), 0);
    let states: Vec<_> = fixture.published(4).into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, ["active", "resolved", "active", "resolved"]);
    let (code, said) = fixture.vigie(&["reset", "cold/T_1"]);
    assert!(code == FAILED && said.contains("not latched"), "{said}");
}

#[test]
fn a_shelved_or_out_of_service_alarm_is_recorded_and_not_announced() {
    let mut fixture = Fixture::embedded("");
    fixture.publish_reading("T_1", 20.0);
    let shelve = ["shelve", "warm/T_1", "--by", "anne", "--for", "2h", "--why", "door"];
    assert_eq!(fixture.vigie(&shelve).0, 0);
    let alarm = &fixture.alarms()[0];
    assert_eq!((&alarm["state"], &alarm["withheld"]), (&json!("normal"), &json!("shelved")));
    assert_eq!(alarm["shelved"]["why"], "door");
    fixture.publish_reading("T_1", 30.0);
    assert_eq!(fixture.vigie(&["unshelve", "warm/T_1", "--by", "anne"]).0, 0);
    // Raised while shelved, announced afterwards.
    let told = fixture.published(1);
    let out = ["out-of-service", "warm/T_1", "--by", "bo", "--why", "calibration"];
    assert_eq!(fixture.vigie(&out).0, 0);
    assert_eq!(fixture.vigie(&out).0, 0, "twice is once");
    fixture.publish_reading("T_1", 20.0);
    fixture.publish_reading("T_1", 31.0);
    assert_eq!(fixture.vigie(&["return-to-service", "warm/T_1", "--by", "bo"]).0, 0);
    fixture.publish_reading("T_1", 20.0);
    // It returned and was raised again unannounced, so it keeps its announced alarm.
    assert_eq!(fixture.published(2), [told[0].clone(), ("resolved".into(), told[0].1.clone())]);
    assert_eq!(
        fixture.history(),
        [
            "T_1 warm shelved 0 anne door",
            "T_1 warm raised 0",
            "T_1 warm unshelved 1 anne",
            "T_1 warm taken-out-of-service 0 bo calibration",
            "T_1 warm returned 0",
            "T_1 warm raised 0",
            "T_1 warm returned-to-service 0 bo",
            "T_1 warm returned 1",
        ]
    );
}

#[test]
fn a_one_shot_shelf_ends_with_its_alarm() {
    let mut fixture = Fixture::embedded("");
    fixture.publish_reading("T_1", 30.0);
    let id = fixture.published(1)[0].1.clone();
    let shelve = ["shelve", &id, "--one-shot", "--by", "anne", "--why", "known"];
    assert_eq!(fixture.vigie(&shelve).0, 0);
    fixture.publish_reading("T_1", 20.0);
    assert_eq!(fixture.published(2)[1], ("resolved".into(), id));
    assert_eq!(fixture.history()[2..], ["T_1 warm returned 0", "T_1 warm unshelved 1"]);
    assert_eq!(fixture.alarms()[0]["withheld"], Value::Null);
}

#[test]
fn a_refused_action_is_reported_and_recorded() {
    let mut fixture = Fixture::embedded("");
    fixture.publish_reading("T_1", 20.0);
    for (args, code, what) in [
        (&["ack", "warm/T_1", "--by", "anne"][..], FAILED, "nothing to acknowledge"),
        (&["ack", "warm/T_9"], FAILED, "was heard lately"),
        (&["ack", "worm/T_1"], FAILED, "no rule of that name"),
        (&["ack", "0123456789abcdef"], FAILED, "no alarm has that id now"),
        (&["ack", "T_1"], USAGE, "names no alarm"),
        (&["shelve", "warm/T_1", "--why", "x", "--for", "25h"], USAGE, "at most 24h"),
        (&["shelve", "warm/T_1", "--why", " "], USAGE, "a reason is required"),
        (&["shelve", "warm/T_1"], USAGE, "--why"),
        (&["out-of-service", "warm/T_1"], USAGE, "--why"),
        (&["unshelve", "warm/T_1"], FAILED, "is not shelved"),
        (&["return-to-service", "warm/T_1"], FAILED, "is not out of service"),
    ] {
        let (exit, said) = fixture.vigie(args);
        assert_eq!(exit, code, "{args:?}: {said}");
        assert!(said.contains(what), "{args:?}: {said}");
    }
    let actions = fixture.home.db().texts(ACTIONS);
    assert_eq!(actions.len(), 6, "{actions:?}");
    let first =
        "acknowledge|warm|T_1|anne|cli|refused: the alarm is normal: nothing to acknowledge";
    assert_eq!(actions[0], first);
    assert_eq!(fixture.history(), Vec::<String>::new());

    assert_eq!(fixture.daemon.stop(), 0);
    let (exit, said) = fixture.vigie(&["ack", "warm/T_1"]);
    assert!(exit == UNAVAILABLE && said.contains("no daemon answers at"), "{exit}: {said}");
}
