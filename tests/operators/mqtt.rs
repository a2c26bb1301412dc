//! Acknowledgements by MQTT, which have the same promise as readings: once acknowledged to the sender, they are not lost.

use crate::fixture::{ACTIONS, Fixture, RULES};
use crate::support::{Home, Mosquitto, SOON, require};

/// Publishes valid and invalid acknowledgements.
fn acknowledge_by_mqtt(fixture: &mut Fixture) {
    fixture.publish_reading("T_1", 30.0);
    fixture.publish_reading("T_2", 30.0);
    let alerts = fixture.published(2);
    let topic = |id: &str| format!("factory/alarms/{id}/ack");
    fixture.client.publish(&topic(&alerts[0].1), "", 1);
    fixture.client.publish(&topic(&alerts[1].1), "{\"by\":\"anne\",\"why\":\"seen\"}", 1);
    fixture.client.publish(&topic(&alerts[1].1), "{\"by\":\"anne\"}", 1);
    let bad = [
        (topic("warm"), "", "names no alarm"),
        (topic("0123456789abcdef"), "", "no alarm has that id now"),
        (topic(&alerts[0].1), "ok", "not JSON"),
        (topic(&alerts[0].1), "{\"by\":\"\"}", "`by` is empty"),
    ];
    for (topic, payload, _) in &bad {
        fixture.client.publish(topic, *payload, 1);
    }
    let db = fixture.home.db();
    let reasons = || db.texts("SELECT reason FROM rejected_messages ORDER BY id");
    fixture.daemon.wait_until("the last", SOON, || reasons().len() == bad.len());
    for (topic, _, reason) in &bad {
        assert!(reasons().iter().any(|said| said.contains(reason)), "{topic}: {:?}", reasons());
    }
    let states: Vec<_> = fixture.alarms().iter().map(|alarm| alarm["state"].clone()).collect();
    assert_eq!(states, ["acknowledged", "acknowledged"]);
    assert_eq!(
        fixture.history()[2..],
        ["T_1 warm acknowledged 0 mqtt", "T_2 warm acknowledged 0 anne seen"]
    );
    assert_eq!(
        db.texts(ACTIONS),
        [
            "acknowledge|warm|T_1|mqtt|mqtt|done",
            "acknowledge|warm|T_2|anne|seen|mqtt|done",
            "acknowledge|warm|T_2|anne|mqtt|unchanged",
            "acknowledge|mqtt|mqtt|refused: 0123456789abcdef: no alarm has that id now: \
             `vigie alarms` lists those that do, or name it RULE/SENSOR",
        ]
    );
    fixture.published(2);
}

#[test]
fn an_alarm_is_acknowledged_by_mqtt_on_the_embedded_broker() {
    acknowledge_by_mqtt(&mut Fixture::embedded(""));
}

#[test]
fn refused_acknowledgements_by_mqtt_do_not_fill_the_table_of_actions() {
    let mut fixture = Fixture::embedded("[storage]\nrejected_keep = 3\n");
    fixture.publish_reading("T_1", 30.0);
    let id = fixture.published(1)[0].1.clone();
    fixture.client.publish(&format!("factory/alarms/{id}/ack"), "{\"by\":\"anne\"}", 1);
    for n in 0..20 {
        fixture.client.publish(&format!("factory/alarms/{n:016x}/ack"), "", 1);
    }
    let db = fixture.home.db();
    fixture.daemon.wait_until("the last", SOON, || {
        db.texts("SELECT CAST(value AS TEXT) FROM counters WHERE name = 'rejected_total'") == ["20"]
    });
    let alarms = db.texts("SELECT alarm FROM operator_actions ORDER BY id");
    assert_eq!(
        alarms,
        [id, format!("{:016x}", 17), format!("{:016x}", 18), format!("{:016x}", 19)]
    );
}

#[test]
fn an_alarm_is_acknowledged_by_mqtt_on_mosquitto() {
    if !require(&["mosquitto"]) {
        return;
    }
    let (broker, home) = (Mosquitto::running(), Home::new());
    let access = broker.access();
    let config = format!("language = \"en\"\n{}{RULES}", access.mqtt_table("the broker", ""));
    let daemon = home.start(&config);
    acknowledge_by_mqtt(&mut Fixture::on(home, daemon, &config, &access));
}

#[test]
fn an_acknowledgement_by_mqtt_survives_a_kill() {
    if !require(&["mosquitto"]) {
        return;
    }
    let (broker, home) = (Mosquitto::running(), Home::new());
    let access = broker.access();
    let config = format!("language = \"en\"\n{}{RULES}", access.mqtt_table("the broker", ""));
    let daemon = home.start(&config);
    let mut fixture = Fixture::on(home, daemon, &config, &access);
    fixture.publish_reading("T_1", 30.0);
    let id = fixture.published(1)[0].1.clone();
    fixture.daemon.kill();
    // The message is queued at the broker for the daemon's session.
    fixture.client.publish(&format!("factory/alarms/{id}/ack"), "{\"by\":\"anne\"}", 1);
    fixture.daemon = fixture.home.start(&fixture.config);
    let db = fixture.home.db();
    fixture.daemon.wait_until("the word", SOON, || {
        db.texts(ACTIONS) == ["acknowledge|warm|T_1|anne|mqtt|done"]
    });
}
