use std::collections::BTreeSet;

use super::fixtures::{figures, report};
use super::*;

fn shown(figures: &ScrapeFigures, format: Format) -> String {
    let counts = WebCounts { succeeded: 1, refused: 2, sessions: 1, feeds: 3 };
    exposition(&report(), figures, counts, format).unwrap()
}

#[test]
fn samples_are_in_the_text_format() {
    let text = shown(&figures(), Format::Prometheus);
    for line in [
        "# TYPE vigie_mqtt_connected gauge",
        "vigie_mqtt_connected{broker=\"the \\\"broker\\\"\"} 1.0",
        "# HELP vigie_mqtt_reconnects_total Connections to the broker after the first",
        "# TYPE vigie_mqtt_reconnects_total counter",
        "vigie_mqtt_reconnects_total{broker=\"the \\\"broker\\\"\"} 2.0",
        "vigie_messages_received_total{ingress=\"embedded\"} 2.0",
        "vigie_readings_stored_total 10.0",
        "vigie_store_commit_seconds_total 0.25",
        "vigie_store_bytes 4096.0",
        "vigie_problems 1.0",
        "vigie_mqtt_messages_published_total{broker=\"the \\\"broker\\\"\"} 8.0",
        "vigie_messages_forwarded_total 9.0",
        "vigie_broker_messages_lost_total{reason=\"denied\"} 4.0",
        "vigie_broker_clients_refused_total{reason=\"login\"} 5.0",
        "vigie_alarm_activations_total{priority=\"critical\"} 3.0",
        "vigie_alarms{state=\"active\",priority=\"critical\"} 1.0",
        "vigie_newest_reading_timestamp_seconds 1.5",
        "vigie_actor_restarts_total{actor=\"notify on-call\"} 2.0",
        "vigie_actor_restarts_total{actor=\"storage\"} 0.0",
        "vigie_group_children_up{group=\"fleet\"} 3.0",
        "vigie_group_restarts_total{group=\"fleet\"} 7.0",
        "vigie_receiver_failing{receiver=\"on-call\"} 1.0",
        "vigie_receiver_untold_alarms{receiver=\"on-call\"} 2.0",
        "vigie_logins_total{outcome=\"refused\"} 2.0",
        "vigie_ws_clients 3.0",
        "vigie_series_dropped 2.0",
        "vigie_sensor_value{sensor=\"T\\\"1\\\\\",quantity=\"temperature\",location=\"Hall\",unit=\"celsius\"} -0.5",
        "vigie_sensor_alarm_priority{sensor=\"T\\\"1\\\\\",quantity=\"temperature\",location=\"Hall\",unit=\"celsius\"} 1.0",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    }
    assert!(!text.contains("NaN"), "{text}");
}

#[test]
fn series_one_by_one_are_asked_for() {
    let none = ScrapeFigures { sensors: Vec::new(), sensors_left_out: None, ..figures() };
    let text = shown(&none, Format::Prometheus);
    assert!(!text.contains("vigie_sensor") && !text.contains("vigie_series_dropped"), "{text}");
}

#[test]
fn a_client_gets_the_format_it_accepts() {
    assert_eq!(Format::accepted(None), Format::Prometheus);
    assert_eq!(Format::accepted(Some("text/plain;version=0.0.4")), Format::Prometheus);
    let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    assert_eq!(Format::accepted(Some(prometheus)), Format::OpenMetrics);
    let text = shown(&figures(), Format::OpenMetrics);
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert!(text.contains("# TYPE vigie_readings_stored counter\n"), "{text}");
    assert!(text.contains("vigie_readings_stored_total 10.0\n"), "{text}");
}

#[test]
fn the_manual_lists_what_is_shown() {
    let manual = include_str!("../../../docs/metrics.md");
    let rows = manual.lines().filter_map(|line| line.strip_prefix("| `vigie_"));
    let listed: BTreeSet<_> =
        rows.map(|row| format!("vigie_{}", row.split(['`', '{']).next().unwrap())).collect();
    let text = shown(&figures(), Format::Prometheus);
    let shown = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let shown: BTreeSet<_> = shown.map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(listed, shown);
}
