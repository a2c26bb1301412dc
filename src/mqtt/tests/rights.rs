//! A broker that does not let everything be published.

use std::time::{Duration, Instant};

use super::peer::Peer;
use super::stage::{Stage, alert, log_of, on_stage, readings, settings, until};
use crate::domain::{AlertEvent, Quantity};

/// Alerts of humidity are refused.
const RIGHTS: [&str; 2] = ["factory/sensors/#", "factory/alerts/temperature"];

fn humid(number: u64) -> AlertEvent {
    AlertEvent { quantity: Quantity::new("humidity").unwrap(), ..alert(number) }
}

#[test]
fn alerts_without_the_right_to_be_published_hinder_neither_readings_nor_other_alerts() {
    on_stage(async {
        let broker = Peer::start();
        broker.set_rights(&RIGHTS);
        let settings = settings("rights", broker.port);
        let gauges = settings.gauges.clone();
        let refused = || gauges.refused().into_iter().map(|(topic, _)| topic).collect::<Vec<_>>();
        let stage = Stage::new(settings);
        // More than the window holds, before and between the others.
        let is_allowed = |number: &u64| *number > 30 && number.is_multiple_of(2);
        let row = |number| if is_allowed(&number) { alert(number) } else { humid(number) };
        stage.notes.lock().unwrap().pending = (1..=60).map(row).collect();
        let gateway = stage.start();
        gateway.until_ready().await;
        until("it is told", || !log_of("refuses an alert on factory/alerts/humidity").is_empty())
            .await;
        let begun = Instant::now();
        for n in 0..10 {
            stage.send(readings(200 * n..200 * (n + 1))).await;
        }
        until("all readings", || stage.numbers().len() >= 2_000).await;
        assert_eq!(stage.numbers(), (0..2_000).map(f64::from).collect::<Vec<_>>());
        until("the other alerts", || stage.notes.lock().unwrap().delivered.len() >= 15).await;
        // Each pause would take five seconds.
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        let delivered = || stage.notes.lock().unwrap().delivered.clone();
        let allowed: Vec<u64> = (1..=60).filter(is_allowed).collect();
        assert_eq!(delivered(), allowed);
        assert_eq!(refused(), ["factory/alerts/humidity"]);

        // The rights are mended.
        broker.set_rights(&["factory/#"]);
        until("the refused ones", || stage.notes.lock().unwrap().pending.is_empty()).await;
        let late: Vec<u64> = (1..=60).filter(|number| !is_allowed(number)).collect();
        assert_eq!(delivered()[allowed.len()..], late, "in order");
        assert!(refused().is_empty());
        for line in ["refuses an alert on", "takes alerts on"] {
            let line = format!("{line} factory/alerts/humidity");
            assert_eq!(log_of(&line).len(), 1, "{line}");
        }
        stage.stop(gateway).await;
    });
}
