//! `/metrics` as scraped by Prometheus, and the manual's alert rules and dashboard, evaluated by Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::fixture::{EMBEDDED, Fixture, RULES};
use crate::support::api::{Raw, Server};
use crate::support::http::HttpServer;
use crate::support::process::Process;
use crate::support::readings::{reading, timestamp};
use crate::support::{Home, SOON, eventually, free_port, names, require};

const WEB: &str = "[web]\nlisten = \"127.0.0.1:0\"\n";

/// Configuration with one receiver, so that its metrics exist.
fn receiver(url: &str) -> String {
    format!("[[receivers]]\nname = \"on-call\"\ntype = \"webhook\"\nurl = \"{url}\"\n")
}

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

fn scrape_as(server: &Server, accept: &str) -> Raw {
    let raw = server.ask_raw("GET", "/metrics", &[("Accept", accept)], "").expect("an answer");
    assert_eq!(raw.status, 200, "{raw:?}");
    raw
}

fn scrape(server: &Server) -> String {
    let raw = scrape_as(server, "*/*");
    assert_eq!(raw.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    String::from_utf8(raw.body).expect("text")
}

/// Samples by name and labels, as text.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a value");
        (name.to_owned(), value.parse().expect("a number"))
    };
    lines.map(sample).collect()
}

/// Runs a tool with this standard input.
fn run(command: &mut Command, stdin: &str) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("a tool");
    child.stdin.take().expect("a pipe").write_all(stdin.as_bytes()).expect("write");
    child.wait_with_output().expect("an end")
}

/// Samples after readings of three sensors, one with an acknowledged alarm.
fn expected() -> Vec<(String, f64)> {
    let of_sensor = |name: &str, sensor: &str| {
        format!(
            "{name}{{sensor=\"{sensor}\",quantity=\"temperature\",location=\"Atelier\",unit=\"celsius\"}}"
        )
    };
    [
        ("vigie_mqtt_connected{broker=\"Vigie (embedded broker)\"}", 1.0),
        ("vigie_mqtt_reconnects_total{broker=\"Vigie (embedded broker)\"}", 0.0),
        ("vigie_messages_received_total{ingress=\"embedded\"}", 4.0),
        ("vigie_messages_received_total{ingress=\"own\"}", 0.0),
        ("vigie_readings_stored_total", 3.0),
        ("vigie_log_accepting", 1.0),
        ("vigie_alarm_activations_total{priority=\"high\"}", 1.0),
        ("vigie_alarms{state=\"acknowledged\",priority=\"high\"}", 1.0),
        ("vigie_alarms{state=\"unacknowledged\",priority=\"high\"}", 0.0),
        ("vigie_operator_actions_total", 1.0),
        ("vigie_series", 3.0),
        ("vigie_series_in_alarm", 1.0),
        ("vigie_actor_up{actor=\"storage\"}", 1.0),
        ("vigie_actor_restarts_total{actor=\"storage\"}", 0.0),
        ("vigie_group_children{group=\"fleet\"}", 0.0),
        ("vigie_logins_total{outcome=\"refused\"}", 0.0),
        ("vigie_series_dropped", 1.0),
        (&of_sensor("vigie_sensor_value", "T_1"), 30.0),
        (&of_sensor("vigie_sensor_alarm_priority", "T_1"), 2.0),
        (&of_sensor("vigie_sensor_value", "T \\\"2\\\"\\\\"), 20.0),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

#[test]
fn events_are_counted() {
    let home = Home::new();
    let web = format!("{WEB}metrics_sensors = 2\n");
    let mut fixture = Fixture::with(home, &format!("{EMBEDDED}{web}{RULES}"));
    let tcp = fixture.daemon.web();
    fixture.publish_reading("T_1", 30.0);
    fixture.publish_reading("T \"2\"\\", 20.0);
    fixture.publish_reading("T_3", 15.0);
    fixture.client.publish(names::READINGS, "no reading", 1);
    let shown = |name: &str| samples(&scrape(&tcp)).get(name).copied();
    fixture.daemon.wait_until("the rejected message", SOON, || {
        shown("vigie_messages_rejected_total") == Some(1.0)
    });
    let (code, said) = fixture.vigie(&["ack", "warm/T_1", "--by", "anne"]);
    assert_eq!(code, 0, "{said}");
    let text = scrape(&tcp);
    let samples = samples(&text);
    for (name, value) in expected() {
        assert_eq!(samples.get(&name), Some(&value), "{name}\n{text}");
    }
    assert!(samples["vigie_store_commits_total"] >= 1.0, "{text}");
    assert!(samples["vigie_store_commit_seconds_total"] > 0.0, "{text}");
    assert!(!text.contains("T_3"), "{text}");
}

#[test]
fn openmetrics_is_served_on_request() {
    let mut fixture = Fixture::embedded(WEB);
    let tcp = fixture.daemon.web();
    let open = scrape_as(&tcp, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(open.headers["content-type"], kind);
    assert!(open.body.ends_with(b"# EOF\n"));
}

#[test]
fn reloads_and_restarts_are_counted() {
    let mut fixture = Fixture::embedded(WEB);
    let tcp = fixture.daemon.web();
    let ok = "vigie_config_last_reload_successful";
    let last = "vigie_config_last_reload_success_timestamp_seconds";
    let before = samples(&scrape(&tcp));
    assert_eq!(before[ok], 1.0);
    fixture.home.write("vigie.toml", "colour = 3\n");
    // The command reads the file itself, so the request goes to the socket.
    let json = ("Content-Type", "application/json");
    let ask =
        || fixture.home.api().ask_raw("POST", "/api/v1/reload", &[json], "").expect("an answer");
    assert_eq!(ask().status, 422);
    let refused = samples(&scrape(&tcp));
    assert_eq!((refused[ok], refused[last]), (0.0, before[last]));
    fixture.home.write("vigie.toml", &fixture.config);
    assert_eq!(ask().status, 200);
    let done = samples(&scrape(&tcp));
    assert!(done[ok] == 1.0 && done[last] > before[last], "{done:?}");
}

#[test]
fn healthy_while_it_runs_and_ready_once_up() {
    let mut fixture = Fixture::embedded(WEB);
    let tcp = fixture.daemon.web();
    for (path, status) in [("/-/healthy", "healthy"), ("/-/ready", "ready")] {
        let answer = tcp.get(path).expect("an answer");
        assert_eq!((answer.status, &answer.json), (200, &json!({"status": status})), "{path}");
        let head = tcp.ask_raw("HEAD", path, &[], "").expect("an answer");
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert_eq!(
            tcp.ask("POST", path, &[("Content-Type", "application/json")], "")
                .expect("an answer")
                .status,
            405
        );
    }
    // A lost broker is shown and does not make the daemon unready.
    let home = Home::new();
    let mqtt = format!("[mqtt]\nurl = \"mqtt://127.0.0.1:{}\"\n", free_port());
    let mut daemon = home.start(&format!("language = \"en\"\n{mqtt}{WEB}"));
    let tcp = daemon.web();
    assert_eq!(tcp.get("/-/ready").expect("an answer").status, 200);
    let text = scrape(&tcp);
    assert!(text.contains("vigie_mqtt_connected{broker=") && text.contains("\"} 0.0\n"), "{text}");
}

#[test]
fn promtool_reports_no_mistake() {
    if !require(&["promtool"]) {
        return;
    }
    let told = HttpServer::new();
    let web = format!("{WEB}metrics_sensors = 100\n");
    let config = format!("{EMBEDDED}{web}{RULES}{}", receiver(&told.url("/")));
    let mut fixture = Fixture::with(Home::new(), &config);
    fixture.publish_reading("T \"1\"\\", 30.0);
    let text = scrape(&fixture.daemon.web());
    let output = run(Command::new("promtool").args(["check", "metrics"]), &text);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
    let rules = docs("alerts.rules.yml");
    let output = run(Command::new("promtool").args(["check", "rules"]).arg(rules), "");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn counters_only_grow_under_load() {
    let mut fixture = Fixture::embedded(WEB);
    let tcp = fixture.daemon.web();
    let mut before = samples(&scrape(&tcp));
    for round in 0..20 {
        let messages = (0..100).map(|n| {
            let value = if n % 10 == 0 { 30.0 } else { 20.0 };
            let payload = reading(&format!("T_{}", n % 7), value, &timestamp(round * 100 + n));
            (names::READINGS.to_owned(), payload.into_bytes())
        });
        fixture.client.publish_all(messages);
        fixture.client.publish(names::READINGS, "no reading", 1);
        let text = scrape(&tcp);
        let now = samples(&text);
        for (name, value) in &before {
            let is_counter = name.split('{').next().expect("a name").ends_with("_total");
            assert!(!is_counter || now[name] >= *value, "{name} fell from {value}\n{text}");
        }
        assert!(now.values().all(|value| value.is_finite()), "{text}");
        before = now;
    }
    fixture.daemon.wait_until("all messages", SOON, || {
        let now = samples(&scrape(&tcp));
        (now["vigie_readings_stored_total"], now["vigie_messages_rejected_total"]) == (2000.0, 20.0)
    });
    let last = samples(&scrape(&tcp));
    assert_eq!(last["vigie_messages_received_total{ingress=\"embedded\"}"], 2020.0);
}

/// Prometheus in its own folder, scraping one target each second.
struct Prometheus {
    // Before its folder, so that it is dropped first.
    _process: Process,
    server: Server,
    _home: tempfile::TempDir,
}

impl Prometheus {
    fn scraping(target: &str) -> Self {
        let home = tempfile::tempdir().expect("a temp folder");
        let config = home.path().join("prometheus.yml");
        let scrape = json!({"job_name": "vigie", "scrape_interval": "1s", "scrape_timeout": "1s",
            "static_configs": [{"targets": [target]}]});
        // JSON is YAML.
        let text = json!({"rule_files": [docs("alerts.rules.yml")], "scrape_configs": [scrape]});
        std::fs::write(&config, text.to_string()).expect("write");
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", home.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"));
        let process = Process::start("prometheus", &mut command, &home.path().join("log"));
        Self { _process: process, server: Server::Tcp(address), _home: home }
    }

    /// Number of series that a query returns, or why it fails.
    fn count(&self, query: &str) -> Result<u64, String> {
        let query: String =
            format!("count({query})").bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("/api/v1/query?query={query}");
        let answer = self.server.get(&path).map_err(|error| error.to_string())?;
        let result = &answer.json["data"]["result"];
        let Some(result) = result.as_array() else { return Err(answer.json.to_string()) };
        let value = result.first().and_then(|it| it["value"][1].as_str());
        Ok(value.map_or(0, |value| value.parse().expect("a number")))
    }
}

/// Queries of the rules and the dashboard, with variables replaced for Prometheus.
fn queries() -> Vec<String> {
    let rules = std::fs::read_to_string(docs("alerts.rules.yml")).expect("the rules");
    let of_rules = rules.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    let text = std::fs::read_to_string(docs("grafana.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let of_panels = targets.map(|target| target["expr"].as_str().expect("a query"));
    let mut queries: Vec<_> = of_rules.chain(of_panels).map(str::to_owned).collect();
    for query in &mut queries {
        *query = query.replace("$instance", ".*").replace("$__rate_interval", "1m");
        assert!(!query.contains('$'), "{query}");
    }
    queries
}

/// Vigie's metrics in a query.
fn metrics_of(query: &str) -> BTreeSet<String> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("vigie_")).map(str::to_owned).collect()
}

#[test]
fn prometheus_runs_the_queries_of_the_manual() {
    if !require(&["prometheus"]) {
        return;
    }
    let told = HttpServer::new();
    let config = format!("{EMBEDDED}{WEB}{RULES}{}", receiver(&told.url("/")));
    let mut fixture = Fixture::with(Home::new(), &config);
    fixture.publish_reading("T_1", 30.0);
    let Server::Tcp(address) = fixture.daemon.web() else { panic!("an address") };
    let prometheus = Prometheus::scraping(&address);
    let scraped =
        || prometheus.count("up{job=\"vigie\"} == 1 and vigie_readings_stored_total == 1");
    eventually("a scrape", 2 * SOON, || scraped().is_ok_and(|count| count == 1).then_some(()));
    // A rate needs two samples.
    eventually("a second scrape", SOON, || {
        prometheus
            .count("rate(vigie_readings_stored_total[1m])")
            .is_ok_and(|n| n == 1)
            .then_some(())
    });
    let queries = queries();
    assert!(queries.len() > 30, "{}", queries.len());
    for query in &queries {
        prometheus.count(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        for name in metrics_of(query) {
            // The size of the database is measured after the start.
            let is_there = || prometheus.count(&name).is_ok_and(|count| count > 0).then_some(());
            eventually(&format!("{name}, of {query}"), SOON, is_there);
        }
    }
}
