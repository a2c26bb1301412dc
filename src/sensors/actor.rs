//! The sensor actor: produces readings on its schedule and sends them to the intake.
//!
//! Invariant: the next reading is produced after the last one is durable, so a full log slows its sensors down
//! (back-pressure). Never: a queue of its own.

#![expect(clippy::disallowed_methods, reason = "a sensor owns the clock of its schedule")]

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use actix::prelude::*;
use chrono::Utc;

use super::recording::{Recording, Row};
use super::replay::{Origin, Progress};
use super::schedule::{CurrentSchedule, FleetClock};
use super::simulated::{Sample, Simulator};
use crate::config::{Replay, SensorConfig, Source, Speed, TimeStyle};
use crate::domain::{Reading, Value};
use crate::messages::Measured;
use crate::supervisor::{ChildEnv, Failure, GracefulStop, RequestError, Route};

/// Rows of a recording per message: enough to fill the publication window.
const REPLAY_CHUNK_ROWS: usize = 200;

/// Time after which an unanswered message to the intake is logged and sent again.
const OFFER: Duration = Duration::from_secs(30);

/// Delay of a retry while the intake is unavailable.
const OFFER_AGAIN: Duration = Duration::from_millis(100);

/// Settings of a sensor actor, shared by its incarnations and by the reload that changes its schedule.
pub struct SensorSettings {
    /// Configuration of the sensor.
    pub config: SensorConfig,
    /// Current schedule; a reload may replace it.
    pub schedule: CurrentSchedule,
    /// Clock that all sensors of the fleet share.
    pub clock: FleetClock,
    /// Whether the first incarnation makes up for a missed first turn. A sensor that joins a running fleet waits for its
    /// turn instead.
    pub makes_up: bool,
    /// Notation of timestamps in published readings.
    pub times: TimeStyle,
    /// Route to the intake.
    pub intake: Route<Measured>,
}

impl SensorSettings {
    /// Factory of incarnations for the supervisor.
    pub fn factory(
        self: Arc<Self>,
    ) -> impl Fn(&ChildEnv) -> Result<Sensor, Failure> + Send + Sync + 'static {
        // Progress of the replay, if the sensor replays.
        let progress = OnceLock::new();
        move |env| Sensor::new(self.clone(), &progress, env)
    }
}

/// One sensor of the fleet.
pub struct Sensor {
    settings: Arc<SensorSettings>,
    device: Device,
    is_first_incarnation: bool,
    /// Timer of the next reading.
    timer: Option<SpawnHandle>,
}

/// Reload → sensor: the schedule changed. A lost message delays the change by one period.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Rescheduled;

enum Device {
    Simulated(Simulator),
    Replayed(Box<Replayed>),
}

struct Replayed {
    /// `None` while the file is being read, and after its end.
    recording: Option<Recording>,
    next: Option<Row>,
    progress: Arc<Mutex<Progress>>,
}

impl Sensor {
    fn new(
        settings: Arc<SensorSettings>,
        progress: &OnceLock<Arc<Mutex<Progress>>>,
        env: &ChildEnv,
    ) -> Result<Self, Failure> {
        let device = match &settings.config.source {
            Source::Simulated(simulation) => {
                Device::Simulated(Simulator::new(simulation, env.incarnation()))
            }
            Source::Replay(replay) => {
                let mut recording =
                    Recording::open(&replay.file, settings.times).map_err(Failure::Failed)?;
                let progress = progress.get_or_init(Arc::default).clone();
                let done = progress.lock().unwrap_or_else(PoisonError::into_inner).rows_done;
                for _ in 0..done {
                    recording.next_row();
                }
                let recording = Some(recording);
                Device::Replayed(Box::new(Replayed { recording, next: None, progress }))
            }
        };
        Ok(Self { settings, device, is_first_incarnation: env.incarnation() == 1, timer: None })
    }

    fn reading(&self, value: Value, timestamp: chrono::DateTime<Utc>) -> Reading {
        let SensorConfig { id, location, quantity, unit, .. } = &self.settings.config;
        Reading {
            sensor_id: id.clone(),
            location: location.clone(),
            quantity: quantity.clone(),
            value,
            unit: unit.clone(),
            timestamp,
        }
    }

    fn is_late(&self) -> bool {
        self.settings.schedule.get().offset <= self.settings.clock.elapsed(Instant::now())
    }

    /// Arms the timer for the next tick of the schedule, counted from the fleet's start.
    fn await_tick(&mut self, ctx: &mut Context<Self>) {
        let elapsed = self.settings.clock.elapsed(Instant::now());
        let (wait, tick) = self.settings.schedule.get().next_after(elapsed);
        self.timer = Some(ctx.run_later(wait, move |sensor, ctx| sensor.measure(tick, ctx)));
    }

    fn measure(&mut self, tick: u64, ctx: &mut Context<Self>) {
        self.timer = None;
        let (Device::Simulated(simulator), Source::Simulated(simulation)) =
            (&mut self.device, &self.settings.config.source)
        else {
            return;
        };
        let simulated = self.settings.schedule.get().period.as_secs_f64() * as_f64(tick);
        let elapsed = Duration::try_from_secs_f64(simulated).unwrap_or_default();
        let value = match simulator.sample(simulation, elapsed) {
            Sample::Measured(number) => Value::new(number).ok(),
            Sample::Dropout => None,
            Sample::Crash => panic!("simulated crash of {}", self.settings.config.id),
        };
        let Some(value) = value else { return self.await_tick(ctx) };
        let readings = vec![self.reading(value, Utc::now())];
        let offer = offer(self.settings.intake.clone(), readings, false);
        ctx.wait(offer.into_actor(self).map(|(), sensor, ctx| sensor.await_tick(ctx)));
    }

    /// Plays the rows that are due, then arms the timer for the next one.
    fn play(&mut self, ctx: &mut Context<Self>) {
        let (Device::Replayed(replayed), Source::Replay(replay)) =
            (&mut self.device, &self.settings.config.source)
        else {
            return;
        };
        let Replayed { recording, next, progress } = &mut **replayed;
        let (Some(recording), replay) = (recording.take(), replay.clone()) else { return };
        let job = Play { recording, next: next.take(), progress: progress.clone(), replay };
        // Files are read off the arbiter, which other sensors share.
        let read = actix_rt::task::spawn_blocking(move || job.read_due());
        ctx.wait(read.into_actor(self).map(|read, sensor, ctx| match read {
            Ok(played) => sensor.publish_played(played, ctx),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }));
    }

    fn publish_played(&mut self, played: Played, ctx: &mut Context<Self>) {
        let Played { job, rows, rows_read, wait } = played;
        let id = self.settings.config.id.clone();
        let Play { recording, next, progress, replay } = job;
        let readings: Vec<_> = rows.iter().map(|(row, at)| self.reading(row.value, *at)).collect();
        let at_end = wait.is_none();
        if let Device::Replayed(replayed) = &mut self.device {
            replayed.recording = (!at_end).then_some(recording);
            replayed.next = next;
        }
        // At full speed a replay must not outrun publication.
        let is_paced = replay.speed == Speed::Max;
        let offer = offer(self.settings.intake.clone(), readings, is_paced);
        ctx.wait(offer.into_actor(self).map(move |(), _, ctx| {
            progress.lock().unwrap_or_else(PoisonError::into_inner).rows_done += rows_read;
            match wait {
                Some(wait) => drop(ctx.run_later(wait, |sensor: &mut Self, ctx| sensor.play(ctx))),
                None => log::info!(target: "vigie::sensors", "{id}: the recording has ended"),
            }
        }));
    }
}

/// Reader of the recording, off the arbiter.
struct Play {
    recording: Recording,
    /// Row that was read before it was due.
    next: Option<Row>,
    progress: Arc<Mutex<Progress>>,
    replay: Replay,
}

struct Played {
    job: Play,
    rows: Vec<(Row, chrono::DateTime<Utc>)>,
    rows_read: u64,
    /// Wait until the next row is due; `None` at the end.
    wait: Option<Duration>,
}

impl Play {
    fn read_due(mut self) -> Played {
        let mut rows = Vec::new();
        let mut rows_read = 0;
        loop {
            if rows.len() == REPLAY_CHUNK_ROWS {
                return Played { job: self, rows, rows_read, wait: Some(Duration::ZERO) };
            }
            let row = match self.next.take().map(Ok).or_else(|| self.recording.next_row()) {
                None => return Played { job: self, rows, rows_read, wait: None },
                Some(Err(complaint)) => {
                    log::warn!(target: "vigie::sensors", "row skipped: {complaint}");
                    rows_read += 1;
                    continue;
                }
                Some(Ok(row)) => row,
            };
            let now = Utc::now();
            let origin = self.origin(&row, now);
            let wait = origin.wait(&row, self.replay.speed, now);
            if !wait.is_zero() {
                self.next = Some(row);
                return Played { job: self, rows, rows_read, wait: Some(wait) };
            }
            rows.push((row, origin.timestamp(&row, self.replay.times)));
            rows_read += 1;
        }
    }

    fn origin(&self, first: &Row, now: chrono::DateTime<Utc>) -> Origin {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        *progress.origin.get_or_insert(Origin { recorded: first.timestamp, played: now })
    }
}

/// Sends readings to the intake until they are durable. A repetition after a partial success is idempotent: the log
/// deduplicates.
async fn offer(intake: Route<Measured>, readings: Vec<Reading>, is_paced: bool) {
    if readings.is_empty() {
        return;
    }
    loop {
        let measured = Measured { readings: readings.clone(), is_paced };
        match intake.request(measured, OFFER).await {
            Ok(()) => return,
            Err(RequestError::Timeout) => {
                log::warn!(target: "vigie::sensors", "the log has taken nothing for {OFFER:?}: waiting");
            }
            Err(_) => tokio::time::sleep(OFFER_AGAIN).await,
        }
    }
}

const fn as_f64(tick: u64) -> f64 {
    tick as f64
}

impl Actor for Sensor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        match self.device {
            // The first incarnation makes up for a late start; a restarted one waits.
            Device::Simulated(_)
                if self.is_first_incarnation && self.settings.makes_up && self.is_late() =>
            {
                self.measure(0, ctx);
            }
            Device::Simulated(_) => self.await_tick(ctx),
            Device::Replayed(_) => self.play(ctx),
        }
    }
}

impl Handler<Rescheduled> for Sensor {
    type Result = ();

    fn handle(&mut self, _: Rescheduled, ctx: &mut Self::Context) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
            self.await_tick(ctx);
        }
    }
}

impl Handler<GracefulStop> for Sensor {
    type Result = ();

    fn handle(&mut self, _: GracefulStop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
