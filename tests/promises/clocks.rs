//! Unset clocks, clocks set back, daylight saving, and unambiguous payload variants: alarms are raised at once, and no
//! reading gets a wrong time.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::json;

use crate::support::clock::FastClock;
use crate::support::{
    Access, Client, Daemon, Home, Mosquitto, SOON, Version, names, require, time,
};

const CONFIG: &str =
    "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n[alerts.temperature]\nhigh = 35.0\n";

/// Publishes a reading, with or without a timestamp.
fn send(client: &Client, sensor: &str, value: f64, timestamp: Option<&str>) {
    let reading = json!({ "sensor_id": sensor, "temperature": value, "timestamp": timestamp });
    client.publish(names::READINGS, reading.to_string(), 1);
}

/// Waits until `count` readings of a sensor are stored; returns their times and alarm flags.
fn rows(
    daemon: &mut Daemon,
    home: &Home,
    sensor: &str,
    count: usize,
) -> Vec<(DateTime<Utc>, bool)> {
    let of_sensor = || home.db().rows().into_iter().filter(|row| row.sensor_id == sensor);
    daemon.wait_until(sensor, SOON, || of_sensor().count() == count);
    of_sensor().map(|row| (row.time(), row.alert_triggered)).collect()
}

fn alarms(home: &Home, sensor: &str) -> i64 {
    let of_sensor = "SELECT count(DISTINCT alert_id) FROM alerts WHERE sensor_id";
    home.db().number(&format!("{of_sensor} = '{sensor}'"))
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, false)
}

#[test]
fn a_device_with_an_unset_clock_raises_alarms_with_the_time_of_receipt() {
    let home = Home::new();
    let mut daemon = home.start(CONFIG);
    let client = Client::connect(&daemon.embedded_broker());
    let long = Duration::days(366 * 5973);
    for (sensor, ahead, is_trusted) in [
        ("FOUR_MINUTES", Duration::minutes(4), true),
        ("SIX_MINUTES", Duration::minutes(6), false),
        ("AN_HOUR", Duration::hours(1), false),
        ("THE_YEAR_8000", long, false),
        ("OF_1970", Duration::days(-366 * 60), false),
        ("YESTERDAY", Duration::days(-1), true),
    ] {
        for value in [20.0, 50.0, 51.0] {
            let before = Utc::now();
            send(&client, sensor, value, Some(&text(before + ahead)));
        }
        let from = Utc::now();
        send(&client, sensor, 20.0, Some(&text(from)));
        let rows = rows(&mut daemon, &home, sensor, 4);
        let alarming: Vec<_> = rows.iter().map(|(_, is_alarming)| *is_alarming).collect();
        assert_eq!(alarming, [false, true, true, false], "{sensor}");
        assert_eq!(alarms(&home, sensor), 1, "{sensor}: at once, and once");
        for (at, _) in &rows[..3] {
            let off = (*at - from).abs();
            let expected = if is_trusted { ahead.abs() } else { Duration::zero() };
            assert!((off - expected).abs() < Duration::minutes(1), "{sensor}: {at}");
        }
    }
    let said = daemon.lines_with("is not set");
    assert!(!said.is_empty() && said.len() <= 4, "once a sensor, and not all at once: {said:?}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn setting_this_machines_clock_back_delays_no_alarm_of_a_device_without_timestamps() {
    let mut home = Home::new();
    let Some(clock) = FastClock::start(Utc::now() + Duration::hours(2), 1) else { return };
    let mut daemon = clock.run(&mut home, CONFIG);
    let client = Client::connect(&daemon.embedded_broker());
    send(&client, "CLOCKLESS", 20.0, None);
    rows(&mut daemon, &home, "CLOCKLESS", 1);
    clock.leap(Duration::hours(-2));
    let mut sent = 1;
    daemon.wait_until("the clock put back", SOON, || {
        send(&client, "CLOCKLESS", 20.5, None);
        sent += 1;
        let newest = "SELECT max(id) FROM sensor_readings";
        let row = home.db().number(newest);
        let back = format!(
            "SELECT count(*) FROM sensor_readings WHERE id = {row} AND timestamp < '{}'",
            text(Utc::now() + Duration::hours(1))
        );
        home.db().number(&back) == 1
    });
    send(&client, "CLOCKLESS", 50.0, None);
    send(&client, "NEW", 50.0, None);
    rows(&mut daemon, &home, "CLOCKLESS", sent + 1);
    rows(&mut daemon, &home, "NEW", 1);
    assert_eq!((alarms(&home, "CLOCKLESS"), alarms(&home, "NEW")), (1, 1));
    daemon.wait_line("this machine's clock is behind", SOON);
    let status = home.api().get("/api/v1/status").expect("an answer");
    let problems = status.json["problems"].to_string();
    assert!(problems.contains("clock is behind"), "{problems}");
    assert_eq!(daemon.stop(), 0);
}

/// A machine without a battery-backed clock, before NTP: in 1970, behind its newest row, or two hours ahead. Correct
/// device timestamps are accepted, and devices without timestamps raise alarms at once, after a restart too.
#[test]
fn a_machine_with_an_unset_clock_accepts_its_devices_timestamps() {
    let first_day = time("1970-01-02T00:00:00Z");
    for (what, clock, is_behind) in [
        ("1970", first_day, true),
        ("two hours behind", Utc::now() - Duration::hours(2), true),
        ("two hours ahead", Utc::now() + Duration::hours(2), false),
    ] {
        let mut home = Home::new();
        if what == "two hours behind" {
            // Rows with the true time: the clock was set before.
            let mut daemon = home.start(CONFIG);
            let client = Client::connect(&daemon.embedded_broker());
            send(&client, "EARLIER", 20.0, None);
            rows(&mut daemon, &home, "EARLIER", 1);
            assert_eq!(daemon.stop(), 0);
        }
        let Some(clock) = FastClock::start(clock, 1) else { return };
        for run in ["FIRST", "SECOND"] {
            let mut daemon = clock.run(&mut home, CONFIG);
            let client = Client::connect(&daemon.embedded_broker());
            let [with_clock, without] = [format!("{run}_WITH"), format!("{run}_WITHOUT")];
            let now = Utc::now();
            for value in [20.0, 50.0] {
                send(&client, &with_clock, value, Some(&text(now)));
                send(&client, &without, value, None);
            }
            let of_device = rows(&mut daemon, &home, &with_clock, 2);
            rows(&mut daemon, &home, &without, 2);
            for (at, _) in of_device {
                assert!((at - now).abs() < Duration::minutes(1), "{what}, {run}: {at}");
            }
            let alarms = (alarms(&home, &with_clock), alarms(&home, &without));
            assert_eq!(alarms, (1, 1), "{what}, {run}");
            let status = home.api().get("/api/v1/status").expect("an answer");
            let problems = status.json["problems"].to_string();
            assert_eq!(
                problems.contains("clock is behind"),
                is_behind,
                "{what}, {run}: {problems}"
            );
            assert_eq!(daemon.stop(), 0);
        }
    }
}

/// The hour that occurs twice and the one that is skipped, in two zones. If the build is later than that day, the log
/// reports that this machine's clock is behind, which changes nothing here.
#[test]
fn zone_less_times_are_resolved_at_both_changes_of_daylight_saving() {
    for (zone, second_two_oclock, leap_forward) in [
        ("Europe/Paris", "2028-10-29T01:00:00Z", ("2028-03-26T01:10:00Z", "2028-03-26T03:10:00")),
        (
            "America/New_York",
            "2028-11-05T06:00:00Z",
            ("2028-03-12T07:10:00Z", "2028-03-12T03:10:00"),
        ),
    ] {
        let mut home = Home::new();
        let hour = if zone == "Europe/Paris" { 2 } else { 1 };
        let begin = time(second_two_oclock) - Duration::seconds(20);
        let Some(clock) = FastClock::start(begin, 1) else { return };
        let mut daemon = clock.run(&mut home, &format!("timezone = \"{zone}\"\n{CONFIG}"));
        let client = Client::connect(&daemon.embedded_broker());
        let day = &second_two_oclock[..10];
        let local = |minute: u32, second: u32| format!("{day}T{hour:02}:{minute:02}:{second:02}");
        // The last reading of the first hour and the first of the second have the same local hour.
        send(&client, "FRIDGE", 4.0, Some(&local(59, 45)));
        send(&client, "FRIDGE", 50.0, Some(&local(0, 10)));
        send(&client, "FRIDGE", 51.0, Some(&local(0, 20)));
        let rows_then = rows(&mut daemon, &home, "FRIDGE", 3);
        let second = time(second_two_oclock);
        let expected = [-15, 10, 20].map(|seconds| second + Duration::seconds(seconds));
        let times: Vec<_> = rows_then.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, expected, "{zone}");
        assert_eq!(alarms(&home, "FRIDGE"), 1, "{zone}");
        assert_eq!(daemon.stop(), 0);

        let (now, shown) = leap_forward;
        let mut home = Home::new();
        let Some(clock) = FastClock::start(time(now), 1) else { return };
        let mut daemon = clock.run(&mut home, &format!("timezone = \"{zone}\"\n{CONFIG}"));
        let client = Client::connect(&daemon.embedded_broker());
        send(&client, "FRIDGE", 50.0, Some(shown));
        let (at, _) = rows(&mut daemon, &home, "FRIDGE", 1)[0];
        assert_eq!((at, alarms(&home, "FRIDGE")), (time(now), 1), "{zone}");
        assert_eq!(daemon.stop(), 0);
    }
}

#[test]
fn unambiguous_variants_of_a_payload_are_accepted() {
    let home = Home::new();
    let mut daemon = home.start(CONFIG);
    let client = Client::connect(&daemon.embedded_broker());
    let now = Utc::now();
    let seconds = now.timestamp();
    let shown = now.format("%Y-%m-%dT%H:%M");
    let payloads = [
        "{\"sensor_id\":\"NUL\",\"temperature\":50}\0".to_owned(),
        "\u{feff}{\"sensor_id\":\"BOM\",\"temperature\":50}".to_owned(),
        format!(
            "{{\"sensor_id\":\"OFFSET\",\"temperature\":50,\"timestamp\":\"{shown}:00+0000\"}}"
        ),
        format!("{{\"sensor_id\":\"MINUTES\",\"temperature\":50,\"timestamp\":\"{shown}Z\"}}"),
        format!("{{\"sensor_id\":\"MICROS\",\"temperature\":50,\"timestamp\":{seconds}000000}}"),
        format!("{{\"sensor_id\":\"NANOS\",\"temperature\":50,\"timestamp\":{seconds}000000000}}"),
        "{\"sensor_id\":\"TEXT\",\"temperature\":\"50\"}".to_owned(),
        "{\"sensor_id\":17,\"temperature\":50}".to_owned(),
        "{\"sensor_id\":\"NO_TIME\",\"temperature\":50,\"timestamp\":\"\"}".to_owned(),
    ];
    for payload in &payloads {
        client.publish(names::READINGS, payload.as_str(), 1);
    }
    client.publish(&format!("{}/GONE", names::READINGS), "", 1);
    send(&client, "LAST", 20.0, None);
    let rows = rows(&mut daemon, &home, "LAST", 1);
    assert_eq!(rows.len(), 1);
    let number = |sql| home.db().number(sql);
    assert_eq!(number("SELECT count(DISTINCT sensor_id) FROM alerts"), 9);
    assert_eq!(number("SELECT count(*) FROM rejected_messages"), 0);
    let late = format!(
        "SELECT count(*) FROM sensor_readings WHERE timestamp < '{}'",
        text(now - Duration::minutes(2))
    );
    assert_eq!(number(&late), 0);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_retained_message_is_shown_and_adds_no_reading() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    for version in [Version::V3_1_1, Version::V5] {
        let broker = Mosquitto::running();
        let access: Access = broker.access();
        let topic = format!("{}/FREEZER", names::READINGS);
        let client = Client::connect_as(&access, version);
        client.retain(&topic, "{\"temperature\":-20}");
        let number = if version == Version::V5 { 5 } else { 4 };
        let config = format!(
            "language = \"en\"\n{}version = {number}\n[[rules]]\nname = \"silent\"\nkind = \"stale\"\nafter = \"2s\"\n",
            access.mqtt_table("the broker", "")
        );
        let home = Home::new();
        for _ in 0..2 {
            let mut daemon = home.start(&config);
            daemon.wait_line(names::CONNECTED, SOON);
            // A live message with the retain flag is a reading like any other.
            client.retain(&format!("{}/LIVE", names::READINGS), "{\"temperature\":3}");
            let live = "SELECT count(*) FROM sensor_readings WHERE sensor_id = 'LIVE'";
            let before = home.db().number(live);
            daemon.wait_until("the live one", SOON, || home.db().number(live) > before - 1);
            daemon.wait_until("the value shown", SOON, || {
                let sensors = home.api().get("/api/v1/sensors").expect("an answer");
                sensors.json.to_string().contains("FREEZER")
            });
            let of_freezer = "SELECT count(*) FROM readings WHERE sensor_id = 'FREEZER'";
            assert_eq!(home.db().number(of_freezer), 0);
            assert_eq!(alarms(&home, "FREEZER"), 0);
            assert_eq!(daemon.stop(), 0);
        }
    }
}
