//! What a receiver is told follows the configuration while it changes.

use serde_json::Value;

use crate::stage::{HOT, Plant, config, webhook};
use crate::support::{Home, HttpServer, SOON, run_vigie};

fn run(home: &Home, args: &[&str]) {
    let output = run_vigie(home, &[args, &["-c", "vigie.toml"]].concat());
    assert!(output.status.success(), "{args:?}: {output:?}");
}

fn reload(home: &Home, config: &str) {
    home.write("vigie.toml", config);
    run(home, &["reload"]);
}

#[test]
fn a_runbook_that_a_reload_brings_is_in_the_next_notification() {
    let (home, server) = (Home::new(), HttpServer::new());
    let before = config("en", &webhook("on-call", &server.url("/")));
    let mut daemon = home.start(&before);
    let plant = Plant::of(&mut daemon);
    plant.read("T", "Hall", HOT, 0);
    server.wait_taken(1, SOON);
    let cold =
        "[[rules]]\nname = \"cold\"\nkind = \"low\"\nlimit = 5.0\nrunbook = \"https://cold\"\n";
    reload(&home, &(before.replace("https://wiki.example/hot", "https://new.example/hot") + cold));
    plant.read("U", "Hall", 1.0, 1);
    let runbooks = |message: &Value| -> Vec<String> {
        let alerts = message["alerts"].as_array().expect("a list").iter();
        let text = |alert: &Value| alert["annotations"]["runbook_url"].as_str().map(str::to_owned);
        alerts.filter_map(text).collect()
    };
    let taken = server.wait_taken(2, SOON);
    assert_eq!(runbooks(&taken[0].json()), ["https://wiki.example/hot"]);
    assert_eq!(runbooks(&taken[1].json()), ["https://cold", "https://new.example/hot"]);
    assert_eq!(daemon.stop(), 0);
}
