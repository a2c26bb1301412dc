//! Publication of own readings from the log, by a gateway that fails.

use super::peer::{Peer, free_port};
use super::stage::{Stage, log_of, on_stage, readings, settings, until};

#[test]
fn what_waits_in_the_log_survives_panics_of_the_gateway() {
    on_stage(async {
        let broker = Peer::start();
        let stage = Stage::new(settings("two-ends", broker.port));
        stage.send(readings(0..50)).await;
        let gateway = stage.start();
        stage.until_published().await;
        stage.crash(gateway).await;
        stage.send(readings(50..60)).await;
        let gateway = stage.start();
        until("all of it", || stage.numbers().len() >= 60).await;
        stage.until_published().await;
        assert_eq!(stage.numbers(), (0..60).map(f64::from).collect::<Vec<_>>());
        stage.stop(gateway).await;
    });
}

#[test]
fn a_stop_without_a_broker_says_how_many_wait() {
    on_stage(async {
        let stage = Stage::new(settings("nowhere", free_port()));
        let gateway = stage.start();
        stage.send(readings(0..60)).await;
        stage.stop(gateway).await;
        let folder = stage.log.folder().display().to_string();
        let line = log_of(&folder).pop().unwrap();
        assert!(line.contains("60 readings"), "{line}");
    });
}
