//! The gateway and its outbox on disk.

use std::fs;

use super::peer::{Peer, free_port};
use super::stage::{Stage, log_of, on_stage, reading, readings, settings, until};
use crate::domain::{Location, Reading};
use crate::mqtt::Settings;

fn settings_in(name: &str, port: u16, home: &tempfile::TempDir) -> Settings {
    Settings { outbox: home.path().join(format!("{name}.outbox")), ..settings(name, port) }
}

#[test]
fn what_was_accepted_survives_panics_and_then_the_process() {
    on_stage(async {
        let home = tempfile::tempdir().unwrap();
        let stage = Stage::in_folder(settings_in("two-ends", free_port(), &home));
        let gateway = stage.start();
        stage.send(readings(0..50)).await;
        until("they are taken", || stage.publish.depth() == 0).await;
        stage.crash(gateway).await;
        stage.send(readings(50..60)).await;
        let gateway = stage.start();
        until("they are taken", || stage.publish.depth() == 0).await;
        stage.stop(gateway).await;
        let line = log_of("two-ends.outbox").pop().unwrap();
        assert!(line.contains("60 readings"), "{line}");
        drop(stage);

        let broker = Peer::start();
        let stage = Stage::in_folder(settings_in("two-ends", broker.port, &home));
        let gateway = stage.start();
        until("all of it", || stage.numbers().len() >= 60).await;
        assert_eq!(stage.numbers(), (0..60).map(f64::from).collect::<Vec<_>>());
        stage.stop(gateway).await;
        drop(stage);

        let stage = Stage::in_folder(settings_in("two-ends", broker.port, &home));
        let gateway = stage.start();
        stage.send(vec![reading(60)]).await;
        until("the new one", || !stage.numbers().is_empty()).await;
        assert_eq!(stage.numbers(), [60.0], "and nothing of before");
        stage.stop(gateway).await;
    });
}

/// The disk fails where a new segment would begin: its folder is gone.
#[test]
fn a_disk_that_takes_nothing_stops_nobody() {
    on_stage(async {
        let home = tempfile::tempdir().unwrap();
        let settings = settings_in("full-disk", free_port(), &home);
        let (folder, gauges) = (settings.outbox.clone(), settings.gauges.clone());
        let stage = Stage::in_folder(settings);
        let gateway = stage.start();
        fs::remove_dir_all(&folder).unwrap();
        let location = Location::new(&"x".repeat(60_000));
        let big = |reading| Reading { location: location.clone(), ..reading };
        for _ in 0..20 {
            stage.send(readings(0..10).into_iter().map(big).collect()).await;
        }
        until("it is told", || !log_of("full-disk.outbox").is_empty()).await;
        let line = &log_of("full-disk.outbox")[0];
        assert!(line.contains("The outbox can't be written: ") && line.contains("disk"), "{line}");
        until("it is counted", || gauges.in_memory_only() > 0).await;
        assert_eq!(gauges.unpublished(), 200, "none is lost");
        assert!(log_of("full-disk.outbox").len() <= 2, "at a limited rate");

        fs::create_dir(&folder).unwrap();
        stage.send(vec![reading(0)]).await;
        until("its end is told", || !log_of("outbox can be written again").is_empty()).await;
        let lost = gauges.in_memory_only();
        stage.stop(gateway).await;
        let line = log_of(&format!("{lost} readings are lost"));
        assert_eq!(line.len(), 1, "{line:?}");
    });
}
