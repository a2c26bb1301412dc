//! Shared by the tests of reloads: configuration files and the output of commands.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::support::{Home, run_vigie, time};

pub const FILE: &str = "vigie.toml";

pub const BROKER: &str = "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n";

pub fn sensor(id: &str, more: &str) -> String {
    format!("[[sensors]]\nid = \"{id}\"\nsource = {{ type = \"simulated\" }}\n{more}")
}

pub fn limit(name: &str, limit: u32) -> String {
    format!("[[rules]]\nname = \"{name}\"\nkind = \"high\"\nlimit = {limit}\n")
}

/// Runs `vigie reload`; returns output and exit code.
pub fn reload(home: &Home, file: &str) -> (String, i32) {
    let output = run_vigie(home, &["reload", "-c", file]);
    let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    (text.trim_end().to_owned(), output.status.code().expect("an exit code"))
}

/// Writes a configuration and reloads it.
pub fn change(home: &Home, config: &str) -> String {
    home.write(FILE, config);
    let (said, code) = reload(home, FILE);
    assert_eq!(code, 0, "{said}");
    said
}

pub fn status(home: &Home) -> Value {
    let output = run_vigie(home, &["status", "--json", "-c", FILE]);
    assert_eq!(output.status.code(), Some(0));
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

/// The fleet's children by their last change, the newest first.
pub fn newest(status: &Value) -> Vec<(String, DateTime<Utc>, u64)> {
    let newest = status["tree"]["groups"][0]["newest"].as_array().expect("a list");
    let child = |child: &Value| {
        let name = child["name"].as_str().expect("a name").to_owned();
        let since = time(child["since"].as_str().expect("a time"));
        (name, since, child["incarnation"].as_u64().expect("a number"))
    };
    newest.iter().map(child).collect()
}

/// Alert events: sensor, rule, state, id, message.
pub fn events(home: &Home) -> Vec<String> {
    let db = r2d2_sqlite::rusqlite::Connection::open(home.db().path()).expect("the database");
    let sql =
        "SELECT concat_ws(' ', sensor_id, rule, state, alert_id, message) FROM alerts ORDER BY id";
    let mut query = db.prepare(sql).expect("the table of alerts");
    let lines = query.query_map([], |row| row.get(0)).expect("run a query");
    lines.map(|line| line.expect("a line")).collect()
}
