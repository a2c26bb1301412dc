//! A receiver's view follows the alarms, whatever `announce` is, over reloads and while an alarm is shelved.

use serde_json::Value;

use crate::fixture::{FINE, HOT, ReadingPublisher, config, notified, webhook};
use crate::support::{Daemon, Home, HttpServer, SOON, run_vigie};

/// Configuration with the short form of limits, a given `announce`, and a receiver.
fn short_form(announce: &str, server: &HttpServer) -> String {
    format!(
        "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n[alerts]\nannounce = \"{announce}\"\n\
         [alerts.temperature]\nhigh = 35\n{}",
        webhook("on-call", &server.url("/"))
    )
}

fn run(home: &Home, args: &[&str]) {
    let output = run_vigie(home, &[args, &["-c", "vigie.toml"]].concat());
    assert!(output.status.success(), "{args:?}: {output:?}");
}

fn reload(home: &Home, config: &str) {
    home.write("vigie.toml", config);
    run(home, &["reload"]);
}

/// Waits for `count` messages; returns sensor and status of each alert.
fn all_notified(server: &HttpServer, count: usize) -> Vec<Vec<String>> {
    server.wait_taken(count, SOON).iter().map(|request| notified(&request.json())).collect()
}

/// An alarm is raised with the `announce` of `before`, and ends after a change to that of `after`.
fn hears_the_end([before, after]: [&str; 2], change: impl Fn(&Home, Daemon, &str) -> Daemon) {
    let (home, server) = (Home::new(), HttpServer::new());
    let mut daemon = home.start(&short_form(before, &server));
    ReadingPublisher::of(&mut daemon).publish("T", "Hall", HOT, 0);
    assert_eq!(all_notified(&server, 1), [["T firing"]], "{before}");
    let mut daemon = change(&home, daemon, &short_form(after, &server));
    ReadingPublisher::of(&mut daemon).publish("T", "Hall", FINE, 1);
    assert_eq!(all_notified(&server, 2)[1], ["T resolved"], "{before}, then {after}");
    assert_eq!(daemon.stop(), 0);
}

const CHANGES: [[&str; 2]; 3] = [
    ["transitions", "every-reading"],
    ["every-reading", "transitions"],
    ["every-reading", "every-reading"],
];

#[test]
fn receivers_get_the_end_of_an_alarm_whatever_announce_is_after_a_reload() {
    for announce in CHANGES {
        hears_the_end(announce, |home, daemon, config| {
            reload(home, config);
            daemon
        });
    }
}

#[test]
fn receivers_get_the_end_of_an_alarm_whatever_announce_is_after_a_restart() {
    for announce in CHANGES {
        hears_the_end(announce, |home, mut daemon, config| {
            assert_eq!(daemon.stop(), 0);
            home.start(config)
        });
    }
}

/// The short form announces each reading; the tested rule does not.
#[test]
fn an_end_under_a_shelf_is_not_notified_though_every_reading_is_announced() {
    let (home, server) = (Home::new(), HttpServer::new());
    let more = "[[rules]]\nname = \"warm\"\nkind = \"high\"\nlimit = 30.0\n";
    let config = short_form("every-reading", &server) + more;
    let config =
        config.replace("[alerts.temperature]\nhigh = 35\n", "[alerts.humidity]\nhigh = 90\n");
    let mut daemon = home.start(&config);
    let publisher = ReadingPublisher::of(&mut daemon);
    let hear = |daemon: &mut Daemon, value: f64, n: usize| {
        publisher.publish("T", "Hall", value, n);
        daemon.wait_until("the reading", SOON, || home.db().count() == n + 1);
    };
    hear(&mut daemon, HOT, 0);
    assert_eq!(all_notified(&server, 1), [["T firing"]]);
    run(&home, &["shelve", "warm/T", "--by", "anne", "--for", "1h", "--why", "door"]);
    hear(&mut daemon, FINE, 1);
    hear(&mut daemon, HOT, 2);
    run(&home, &["unshelve", "warm/T", "--by", "anne"]);
    // This notification follows all earlier ones.
    publisher.publish("U", "Hall", HOT, 3);
    assert_eq!(all_notified(&server, 2)[1], ["U firing", "T firing"], "people know that it stands");
    publisher.publish("T", "Hall", FINE, 4);
    assert_eq!(all_notified(&server, 3)[2], ["T resolved", "U firing"]);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_reloaded_runbook_is_in_the_next_notification() {
    let (home, server) = (Home::new(), HttpServer::new());
    let before = config("en", &webhook("on-call", &server.url("/")));
    let mut daemon = home.start(&before);
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish("T", "Hall", HOT, 0);
    server.wait_taken(1, SOON);
    let cold =
        "[[rules]]\nname = \"cold\"\nkind = \"low\"\nlimit = 5.0\nrunbook = \"https://cold\"\n";
    reload(&home, &(before.replace("https://wiki.example/hot", "https://new.example/hot") + cold));
    publisher.publish("U", "Hall", 1.0, 1);
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
