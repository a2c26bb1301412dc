//! Limits and readings in different units, in the running daemon: alarms are raised at the physically equal value.

use serde_json::json;

use crate::support::readings::timestamp;
use crate::support::{Client, Daemon, Home, SOON, names, run_vigie};

const BROKER: &str = "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n";

/// Limits in the quantity's default unit and in other units.
const RULES: &str = r#"
[alerts.power]
unit = "kW"
high = 1.5

[[rules]]
name = "warm"
kind = "high"
sensors = ["T_*"]
limit = 30.0
deadband = 1.0

[[rules]]
name = "cold"
kind = "low"
sensors = ["T_*"]
limit = 2.0

[[rules]]
name = "american"
kind = "high"
sensors = ["A_*"]
unit = "°F"
limit = 100.0

[[rules]]
name = "rises"
kind = "rate"
sensors = ["R_*"]
per_minute = 2.0
window = "5m"

[[rules]]
name = "apart"
kind = "difference"
sensors = ["D_*"]
other = "REF"
limit = 5.0

[[rules]]
name = "formula"
kind = "expression"
sensors = ["E_*"]
when = "value - sensor(\"REF\").value > 5.0 && mean(\"1h\") > 20.0"

[[rules]]
name = "boiler"
kind = "high"
quantity = "pressure"
unit = "bar"
limit = 2.5
deadband = 0.2
"#;

/// Readings in order: sensor, quantity, value, unit.
type Told = (&'static str, &'static str, f64, &'static str);

fn play(daemon: &mut Daemon, home: &Home, told: &[Told]) {
    let client = Client::connect(&daemon.embedded_broker());
    for (n, (sensor, quantity, value, unit)) in told.iter().enumerate() {
        let mut reading =
            json!({ "sensor_id": sensor, "timestamp": timestamp(n * 60), "unit": unit });
        reading[*quantity] = json!(value);
        client.publish(&format!("factory/sensors/{quantity}"), reading.to_string(), 1);
    }
    let count = i64::try_from(told.len()).expect("few");
    let all = "SELECT count(*) FROM readings";
    daemon.wait_until("all readings", SOON, || home.db().number(all) == count);
}

/// Alert events: sensor, rule, state, value and threshold, both in the unit of the reading.
fn events(home: &Home) -> Vec<String> {
    home.db().texts(
        "SELECT printf('%s %s %s %.2f %.4f %s', sensor_id, rule, state, value, threshold, unit)
         FROM alerts ORDER BY id",
    )
}

#[test]
fn temperatures_in_three_units_break_a_limit_at_the_same_point() {
    let home = Home::new();
    let mut daemon = home.start(&format!("{BROKER}{RULES}"));
    let temperature = "temperature";
    let mut told: Vec<Told> = Vec::new();
    for (sensor, unit, values) in [
        ("T_C", "celsius", [30.0, 30.01, 29.01, 29.0, 2.0, 1.99, 2.0]),
        ("T_F", "°F", [86.0, 86.02, 84.21, 84.2, 35.6, 35.59, 35.6]),
        ("T_K", "K", [303.15, 303.16, 302.16, 302.15, 275.15, 275.14, 275.15]),
    ] {
        told.extend(values.map(|value| (sensor, temperature, value, unit)));
    }
    // A sensor that changes its unit while its alarm is active.
    told.extend([("T_X", temperature, 31.0, "°C"), ("T_X", temperature, 87.0, "°F")]);
    told.extend([("T_X", temperature, 302.0, "K")]);
    told.extend([("A_1", temperature, 37.77, "celsius"), ("A_1", temperature, 37.78, "celsius")]);
    play(&mut daemon, &home, &told);
    assert_eq!(
        events(&home),
        [
            "T_C warm active 30.01 30.0000 celsius",
            "T_C warm resolved 29.00 30.0000 celsius",
            "T_C cold active 1.99 2.0000 celsius",
            "T_C cold resolved 2.00 2.0000 celsius",
            "T_F warm active 86.02 86.0000 °F",
            "T_F warm resolved 84.20 86.0000 °F",
            "T_F cold active 35.59 35.6000 °F",
            "T_F cold resolved 35.60 35.6000 °F",
            "T_K warm active 303.16 303.1500 K",
            "T_K warm resolved 302.15 303.1500 K",
            "T_K cold active 275.14 275.1500 K",
            "T_K cold resolved 275.15 275.1500 K",
            "T_X warm active 31.00 30.0000 °C",
            "T_X warm resolved 302.00 303.1500 K",
            "A_1 american active 37.78 37.7778 celsius",
        ]
    );
    let said = daemon.wait_line("the readings of T_F are in °F, the limits of warm in °C", SOON);
    assert!(said.contains("unit = \"°F\""), "{said}");
    assert_eq!(daemon.lines_with("the limits of warm").len(), 2, "once a rule and unit");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn rates_differences_and_expressions_use_the_rules_unit() {
    let home = Home::new();
    let mut daemon = home.start(&format!("{BROKER}{RULES}"));
    let temperature = "temperature";
    let mut told: Vec<Told> = Vec::new();
    // 2 °C a minute are 3.6 °F; each sensor has a reading every two minutes.
    for n in 0..5_u8 {
        told.push(("R_SLOW", temperature, 50.0 + f64::from(n) * 7.1, "°F"));
        told.push(("R_FAST", temperature, 50.0 + f64::from(n) * 7.3, "°F"));
    }
    // 20 °C are 68 °F, and 25 °C 77 °F.
    told.push(("REF", temperature, 20.0, "celsius"));
    for value in [76.9, 77.1] {
        told.push(("D_F", temperature, value, "°F"));
        told.push(("E_F", temperature, value, "°F"));
    }
    told.push(("D_K", temperature, 298.2, "K"));
    play(&mut daemon, &home, &told);
    let events = events(&home);
    assert!(events[0].starts_with("R_FAST rises active "), "{events:?}");
    assert!(events[0].ends_with(" 3.6000 °F"), "{events:?}");
    assert_eq!(
        events[1..],
        [
            "D_F apart active 77.10 9.0000 °F",
            "E_F formula active 77.10 0.0000 °F",
            "D_K apart active 298.20 5.0000 K",
        ]
    );
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn power_and_pressure_limits_convert_from_four_units() {
    let home = Home::new();
    let mut daemon = home.start(&format!("{BROKER}{RULES}"));
    let (power, pressure) = ("power", "pressure");
    play(
        &mut daemon,
        &home,
        &[
            ("P_W", power, 1500.0, "W"),
            ("P_W", power, 1500.1, "W"),
            ("P_KW", power, 1.5, "kW"),
            ("P_KW", power, 1.501, "kW"),
            ("HPA", pressure, 2500.0, "hPa"),
            ("HPA", pressure, 2500.1, "hPa"),
            ("MBAR", pressure, 2500.0, "mbar"),
            ("MBAR", pressure, 2500.1, "mbar"),
            ("PSI", pressure, 36.25, "psi"),
            ("PSI", pressure, 36.26, "psi"),
            ("PSI", pressure, 33.36, "psi"),
            ("PSI", pressure, 33.35, "psi"),
            // A reading without a unit is in the rule's unit.
            ("NONE", pressure, 2.5, ""),
            ("NONE", pressure, 2.6, ""),
        ],
    );
    assert_eq!(
        events(&home),
        [
            "P_W high-power active 1500.10 1500.0000 W",
            "P_KW high-power active 1.50 1.5000 kW",
            "HPA boiler active 2500.10 2500.0000 hPa",
            "MBAR boiler active 2500.10 2500.0000 mbar",
            "PSI boiler active 36.26 36.2594 psi",
            "PSI boiler resolved 33.35 36.2594 psi",
            "NONE boiler active 2.60 2.5000 ",
        ]
    );
    let stored = home.db().texts(
        "SELECT printf('%.2f %s', value, unit) FROM quantity_readings WHERE sensor_id = 'PSI' LIMIT 1",
    );
    assert_eq!(stored, ["36.25 psi"], "stored as it came");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn an_alert_is_published_in_the_unit_of_its_reading() {
    let home = Home::new();
    let mut daemon = home.start(&format!("{BROKER}[alerts.temperature]\nhigh = 30.0\n"));
    let access = daemon.embedded_broker();
    let client = Client::listening(&access, &[names::ALERTS]);
    let reading =
        json!({ "sensor_id": "T", "temperature": 86.5, "unit": "°F", "timestamp": timestamp(0) });
    client.publish(names::READINGS, reading.to_string(), 1);
    let alert = client.wait_count(names::ALERTS, 1, SOON)[0].json();
    assert_eq!((&alert["temperature"], &alert["threshold"]), (&json!(86.5), &json!(86.0)));
    assert_eq!(alert["message"], "High temperature detected: 86.5°F");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_unit_that_does_not_convert_is_compared_as_it_is_or_not_at_all() {
    let temperature = "temperature";
    let told: [Told; 5] = [
        ("T_1", temperature, 31.0, "warmths"),
        ("T_1", temperature, 32.0, "warmths"),
        ("T_2", temperature, 31.0, "bar"),
        ("T_3", temperature, 31.0, "celsius"),
        ("T_1", temperature, 20.0, "warmths"),
    ];
    let home = Home::new();
    let mut daemon = home.start(&format!("{BROKER}{RULES}"));
    play(&mut daemon, &home, &told);
    assert_eq!(
        events(&home),
        [
            "T_1 warm active 31.00 30.0000 warmths",
            "T_2 warm active 31.00 30.0000 bar",
            "T_3 warm active 31.00 30.0000 celsius",
            "T_1 warm resolved 20.00 30.0000 warmths",
        ]
    );
    let said = daemon.wait_line("the temperature of T_1 is in warmths", SOON);
    assert!(
        said.contains("does not convert into the °C of warm: its readings are judged as they are"),
        "{said}"
    );
    assert_eq!(daemon.lines_with("is in warmths").len(), 1, "once a sensor");
    assert_eq!(daemon.stop(), 0);

    let home = Home::new();
    let mut daemon = home.start(&format!("units = \"strict\"\n{BROKER}{RULES}"));
    play(&mut daemon, &home, &told);
    assert_eq!(events(&home), ["T_3 warm active 31.00 30.0000 celsius"]);
    let said = daemon.wait_line("the temperature of T_1 is in warmths", SOON);
    assert!(said.contains("its readings are not judged"), "{said}");
    let status = run_vigie(&home, &["status", "-c", "vigie.toml"]);
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("readings of 2 sensors"), "{status}");
    let raw = home.api().ask_raw("GET", "/metrics", &[], "").expect("metrics");
    let metrics = String::from_utf8_lossy(&raw.body).into_owned();
    assert!(metrics.contains("vigie_readings_unit_unfit_total 4"), "{metrics}");
    assert_eq!(daemon.stop(), 0);
}
