//! Planned maintenance by HTTP: the windows of a sensor, also after a reload.

use serde_json::{Value, json};

use crate::fixture::Fixture;
use crate::support::run_vigie;

fn work(name: &str, of: &str, schedule: &str) -> String {
    format!(
        "[[maintenance]]\nname = \"{name}\"\n{of}\nschedule = \"{schedule}\"\nlasting = \"2h\"\n"
    )
}

#[test]
fn windows_of_planned_maintenance_are_those_of_the_sensor_and_of_the_configuration_in_effect() {
    let defrost = work("defrost", "sensors = [\"COLD_*\"]\nrules = [\"cold\"]", "30 22 * * 5");
    let mut fixture = Fixture::embedded(&format!("[web]\nlisten = \"127.0.0.1:0\"\n{defrost}"));
    let tcp = fixture.daemon.web();
    let windows = |sensor: &str| -> Value {
        let span = "from=2024-08-01T00:00:00Z&to=2024-08-10T00:00:00Z";
        let path = format!("/api/v1/maintenance?sensor={sensor}&location=Hall%201&{span}");
        let answer = tcp.get(&path).expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json["windows"].clone()
    };
    let window = |name: &str, rules: &[&str], day: u32, from: &str, to: &str| {
        let at = |time: &str| format!("2024-08-{day:02}T{time}Z");
        json!({"name": name, "rules": rules, "from": at(from), "to": at(to)})
    };
    let friday = window("defrost", &["cold"], 2, "22:30:00", "00:30:00");
    let mut defrosts = windows("COLD_1");
    // This window ends on the next day.
    defrosts[0]["to"] = friday["to"].clone();
    assert_eq!(defrosts[0], friday);
    assert_eq!(defrosts.as_array().map(Vec::len), Some(2));
    assert_eq!(windows("T_1"), json!([]));

    let cleaning = work("cleaning", "locations = [\"Hall *\"]", "0 6 1 8 *");
    fixture.home.write("vigie.toml", &fixture.config.replace(&defrost, &cleaning));
    let config = fixture.home.path("vigie.toml");
    let reloaded = run_vigie(&fixture.home, &["reload", "-c", config.to_str().expect("a path")]);
    assert!(reloaded.status.success(), "{reloaded:?}");
    let expected = json!([window("cleaning", &[], 1, "06:00:00", "08:00:00")]);
    assert_eq!((windows("T_1"), windows("COLD_1")), (expected.clone(), expected));

    for query in ["sensor=T_1", "sensor=T_1&from=2024-08-02T00:00:00Z&to=2024-08-01T00:00:00Z"] {
        let refused = tcp.get(&format!("/api/v1/maintenance?{query}")).expect("an answer");
        assert_eq!(refused.status, 422, "{query}: {refused:?}");
    }
}
