//! Sensors under the real supervisor, with a stub intake: turns are kept, a panic costs only its own reading, and a
//! recording is replayed completely.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::mpsc;
use vigie::config::{
    Faults, FleetConfig, Replay, ReplayTimes, SensorConfig, Simulation, Source, Speed, TimeStyle,
};
use vigie::domain::{Location, Quantity, Reading, SensorId, Unit};
use vigie::messages::Measured;
use vigie::sensors::{CurrentSchedule, FleetClock, SensorSchedule, SensorSettings};
use vigie::supervisor::{
    ChildSpec, GracefulStop, GroupSpec, Health, Intensity, Mailbox, Routed, Tree, TreeOutcome,
};

use crate::fixture;

const PATIENCE: Duration = Duration::from_secs(20);

/// Accepts readings as the intake does, and fails with `loses` offers unanswered.
struct StubIntake {
    out: mpsc::UnboundedSender<Vec<Reading>>,
    loses: Arc<Mutex<u32>>,
}

impl Actor for StubIntake {
    type Context = Context<Self>;
}

impl Handler<Routed<Measured>> for StubIntake {
    type Result = ();

    fn handle(&mut self, routed: Routed<Measured>, _: &mut Self::Context) {
        let is_lost = {
            let mut loses = self.loses.lock().unwrap();
            let is_lost = *loses > 0;
            *loses = loses.saturating_sub(1);
            is_lost
        };
        assert!(!is_lost, "the stand-in fails as asked to");
        self.out.send(routed.message.readings).unwrap();
    }
}

impl Handler<GracefulStop> for StubIntake {
    type Result = ();

    fn handle(&mut self, _: GracefulStop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

fn sensor(id: &str, interval: Option<Duration>, source: Source) -> SensorConfig {
    SensorConfig {
        id: SensorId::new(id).unwrap(),
        location: Location::new("test"),
        quantity: Quantity::temperature(),
        unit: Unit::new("celsius"),
        interval,
        source,
    }
}

fn simulated(faults: Faults) -> Source {
    Source::Simulated(Simulation { mean: 20.0, spread: 5.0, noise: 0.3, seed: 7, faults })
}

/// Runs sensors until the received readings satisfy `enough`; returns them.
fn run(
    sensors: Vec<SensorConfig>,
    loses: u32,
    mut enough: impl FnMut(&[Reading], &Health) -> bool,
) -> Vec<Reading> {
    let (out, mut came) = mpsc::unbounded_channel();
    let loses = Arc::new(Mutex::new(loses));
    let intake = Mailbox::<StubIntake>::new();
    let measured = intake.route::<Measured>(16);
    let times = TimeStyle { naive: false, zone: chrono_tz::UTC };
    let fleet = FleetConfig {
        sensor_reading_interval: Duration::from_millis(50),
        cycle_pause: Duration::from_millis(50),
    };
    let schedules = SensorSchedule::of_fleet(fleet, &sensors);
    let clock = FleetClock::default();
    let children = sensors.into_iter().zip(schedules).map(|(config, schedule)| {
        let name = config.id.as_str().to_owned();
        let settings = Arc::new(SensorSettings {
            config,
            schedule: CurrentSchedule::new(schedule),
            clock: clock.clone(),
            makes_up: true,
            times,
            intake: measured.clone(),
        });
        // More panics than the default policy allows before a quarantine.
        let Intensity { window, .. } = vigie::supervisor::ChildSettings::sensor().policy.intensity;
        ChildSpec::sensor(name, Mailbox::new(), settings.factory()).intensity(1_000, window)
    });
    let children: Vec<_> = children.collect();
    fixture::run(async move {
        let tree = Tree::new()
            .child(ChildSpec::critical("intake", intake, move |_| {
                Ok(StubIntake { out: out.clone(), loses: loses.clone() })
            }))
            .group(GroupSpec::new("fleet").phase(1).children(children))
            .start()
            .unwrap();
        let health = tree.health();
        let mut readings = Vec::new();
        let stop = async {
            while !enough(&readings, &health) {
                readings.extend(came.recv().await.unwrap());
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, tree.run_until(stop, PATIENCE)).await;
        assert!(matches!(outcome, Ok(TreeOutcome::Stopped { .. })), "{outcome:?}");
        readings
    })
}

fn ids(readings: &[Reading]) -> Vec<&str> {
    readings.iter().map(|reading| reading.sensor_id.as_str()).collect()
}

#[test]
fn sensors_take_turns() {
    let sensors = ["A", "B", "C"].map(|id| sensor(id, None, simulated(Faults::default())));
    let readings = run(sensors.into(), 0, |readings, _| readings.len() >= 9);
    assert_eq!(ids(&readings)[..9], ["A", "B", "C", "A", "B", "C", "A", "B", "C"]);
}

#[test]
fn a_crash_costs_the_others_nothing() {
    let often = Some(Duration::from_millis(20));
    let crashing = Faults { crash: 0.3, ..Faults::default() };
    let sensors = vec![
        sensor("BAD", often, simulated(crashing)),
        sensor("GOOD", often, simulated(Faults::default())),
    ];
    let readings = run(sensors, 0, |readings, health| {
        let bad = ids(readings).iter().filter(|id| **id == "BAD").count();
        let lives = health.child("BAD").map_or(0, |child| child.incarnation);
        lives > 3 && bad > 5
    });
    // The other sensor's readings equal those of an undisturbed run.
    let good: Vec<_> =
        readings.iter().filter(|r| r.sensor_id.as_str() == "GOOD").map(|r| r.value).collect();
    let alone = vec![sensor("GOOD", often, simulated(Faults::default()))];
    let undisturbed = run(alone, 0, |readings, _| readings.len() >= good.len());
    let undisturbed: Vec<_> = undisturbed.iter().map(|r| r.value).take(good.len()).collect();
    assert_eq!(good, undisturbed);
}

/// Rows one minute apart, one of them unreadable.
fn recording(folder: &tempfile::TempDir, rows: u32) -> std::path::PathBuf {
    let mut text = String::from("timestamp,value\n");
    for row in 0..rows {
        text += &format!("2024-01-01 {:02}:{:02}:00,{row}.5\n", row / 60, row % 60);
        if row == rows / 2 {
            text += "not a row\n";
        }
    }
    let path = folder.path().join("recording.csv");
    std::fs::write(&path, text).unwrap();
    path
}

fn replay(folder: &tempfile::TempDir, speed: Speed) -> Vec<SensorConfig> {
    let file = recording(folder, 1_000);
    let replay = Replay { file, speed, times: ReplayTimes::File };
    vec![sensor("R", None, Source::Replay(replay))]
}

#[test]
fn a_recording_is_played_whole_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    for speed in [Speed::Max, Speed::Times(60_000.0)] {
        let readings = run(replay(&folder, speed), 0, |readings, _| readings.len() >= 1_000);
        let values: Vec<_> = readings.iter().map(|reading| reading.value.get()).collect();
        assert_eq!(values, (0..1_000).map(|row| f64::from(row) + 0.5).collect::<Vec<_>>());
        assert_eq!(readings[61].timestamp.to_rfc3339(), "2024-01-01T01:01:00+00:00");
    }
}

#[test]
fn an_offer_that_fails_with_the_intake_is_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let readings = run(replay(&folder, Speed::Max), 3, |readings, _| readings.len() >= 1_000);
    assert_eq!(readings.len(), 1_000);
}
