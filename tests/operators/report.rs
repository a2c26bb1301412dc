//! The alarm report by HTTP, compared with `vigie report --json`.

use serde_json::Value;

use crate::fixture::Fixture;

#[test]
fn the_report_by_http_is_the_one_of_the_command() {
    let mut fixture = Fixture::embedded("[web]\nlisten = \"127.0.0.1:0\"\n");
    let tcp = fixture.daemon.web();
    for value in [20.0, 30.0, 20.0, 31.0] {
        fixture.publish_reading("T_1", value);
    }
    let found = tcp.get("/api/v1/report?since=2024-01-01T00:00:00Z").expect("an answer");
    assert_eq!(found.status, 200, "{found:?}");
    let by_http = found.json;
    assert_eq!((&by_http["raised"], &by_http["standing"]), (&2.into(), &1.into()));
    assert_eq!(by_http["top"][0]["sensor_id"], "T_1");
    let targets = by_http["targets"].as_array().expect("the targets");
    assert!(targets.iter().any(|it| it["id"] == "per_day" && it["is_met"] == true), "{targets:?}");

    let period = |name: &str| by_http["period"][name].as_str().expect("a time").to_owned();
    let config = fixture.home.path("vigie.toml");
    let config = config.to_str().expect("a path");
    let args =
        ["report", "--json", "-c", config, "--since", &period("from"), "--until", &period("to")];
    let output = crate::support::run_vigie(&fixture.home, &args);
    let by_command: Value = serde_json::from_slice(&output.stdout).expect("one object");
    // Averages are left out: parsing loses the last digit.
    for part in ["period", "raised", "standing", "fleeting", "stale", "top", "priorities"] {
        assert_eq!(by_command[part], by_http[part], "{part}");
    }
    let named = |report: &Value| -> Vec<Value> {
        let targets = report["targets"].as_array().into_iter().flatten();
        targets.map(|it| it["id"].clone()).collect()
    };
    assert_eq!(named(&by_command), named(&by_http));

    for query in ["since=yesterday", "since=1h&until=2h", "since=20y", "sensor=T_1"] {
        let refused = tcp.get(&format!("/api/v1/report?{query}")).expect("an answer");
        assert_eq!(refused.status, 422, "{query}: {refused:?}");
    }
}
