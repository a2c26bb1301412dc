//! The gateway's actor: connects the client's thread, the queues and the routes, and keeps the connection up.
//! Decisions are in the pure files beside it; sending is in [`super::flow`], connecting in [`super::connection`].

#![expect(clippy::disallowed_methods, reason = "the gateway owns the clock of its connection")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use chrono::Utc;
use futures_util::stream::poll_fn;
use log::debug;
use tokio::sync::mpsc;

use super::attempt::Attempts;
use super::capabilities::Capabilities;
use super::client::{Client, IntakeSink};
use super::discovery::Discovery;
use super::echo::Echo;
use super::gauges::Reach;
use super::link::{Command, Event, Role};
use super::poison::PoisonDetector;
use super::publication::Publication;
use super::requesting::Requesting;
use super::stop::{Stage, Stop, StopFacts};
use super::turns::Turns;
use super::{GatewayState, READING_WINDOW, Routes, Settings};
use crate::domain::Ingress;
use crate::ingest::OutboundReader;
use crate::logging::LineLimit;
use crate::messages::{GatewayLink, PushAlerts};
use crate::supervisor::{ChildEnv, Failure, GracefulStop, Routed};
use crate::wire::Topics;
use crate::wire::payload::State;

/// Interval of checks without an event: an ended pause, storage that answers again, suppressed log lines.
const TICK: Duration = Duration::from_secs(1);
/// Interval of the checks during a stop.
const STOP_TICK: Duration = Duration::from_millis(20);
/// Lines on readings sent: 50 a second.
const SENT_LINES: (u64, Duration) = (50, Duration::from_secs(1));
/// Rate limit of log lines on refused messages and on skipped readings, each: 2 every 10 seconds.
const LOSS_LINES: (u64, Duration) = (2, Duration::from_secs(10));

/// The actor that connects to the broker: one incarnation, made by [`factory`](super::factory).
#[expect(clippy::struct_excessive_bools, reason = "what is under way at once, each by itself")]
pub struct Gateway {
    pub(super) env: ChildEnv,
    pub(super) settings: Arc<Settings>,
    pub(super) routes: Routes,
    pub(super) kept: Arc<GatewayState>,
    pub(super) topics: Topics,
    pub(super) broker: String,
    client: Client,
    /// Events of the client's thread; `None` once the actor has started.
    events: Option<mpsc::Receiver<Event>>,
    pub(super) reach: Reach,
    /// Attempts of the intake connection, or of the publishing one if there is no intake.
    pub(super) intake: Attempts,
    /// Attempts at a second connection, to publish.
    pub(super) publishing: Attempts,
    /// Role of the connection that publishes.
    pub(super) role: Role,
    /// Time to retry a refused status.
    pub(super) status_retry_at: Option<Instant>,
    /// Whether the second connection failed or was lost since it was last open.
    pub(super) publishing_failed: bool,
    /// Number of the attempt; events of earlier ones are ignored.
    pub(super) attempt: u64,
    /// The next attempt.
    pub(super) retry: Option<SpawnHandle>,
    pub(super) capabilities: Capabilities,
    pub(super) poison: PoisonDetector,
    pub(super) echo: Echo,
    /// Version of the learned filters that are subscribed to.
    pub(super) subscribed: u64,
    pub(super) requesting: Requesting,
    pub(super) stop: Option<Stop>,
    pub(super) goodbye_completed: bool,
    pub(super) lines: Lines,
    /// The broker refused something for now: nothing is sent before this.
    pub(super) paused_until: Option<Instant>,
    /// It refused an own reading: none is sent before this.
    pub(super) readings_paused_until: Option<Instant>,
    /// Storage did not answer; the next query waits for the next tick.
    pub(super) storage_resting: bool,
    pub(super) reports: Reports,
    pub(super) turns: Turns,
    /// A timer for the next alert's turn is set.
    pub(super) turn_is_timed: bool,
    /// Own readings to publish: the log's consumer, and what it polled.
    pub(super) outbound: OutboundReader,
    pub(super) publication: Publication,
    /// Home Assistant discovery; `None` if off.
    pub(super) discovery: Option<Discovery>,
}

/// Rate limits of the log lines on traffic.
pub(super) struct Lines {
    /// Own readings that were published.
    pub sent: LineLimit,
    /// Messages that the broker refused.
    pub refused: LineLimit,
    /// Own readings that were skipped.
    pub skipped: LineLimit,
}

/// Reports to storage on the alerts it pushed.
#[derive(Default)]
pub(super) struct Reports {
    /// Whether a report waits for storage's answer.
    pub is_under_way: bool,
    /// The last connection that storage confirmed a report of.
    pub announced: Option<GatewayLink>,
    /// Connections made by this incarnation.
    pub num_connections: u32,
}

impl Gateway {
    pub(super) fn new(
        env: &ChildEnv,
        settings: Arc<Settings>,
        routes: Routes,
        kept: Arc<GatewayState>,
    ) -> Result<Self, Failure> {
        let (log, subscriptions) = (settings.log.clone(), settings.subscriptions.clone());
        let subscriber = settings.subscribes.then_some(IntakeSink { log, subscriptions });
        let outbound = OutboundReader::new(settings.log.clone());
        let (client, events) = Client::start(subscriber)
            .map_err(|error| Failure::Failed(format!("no thread for the MQTT client: {error}")))?;
        let capabilities = Capabilities::new(settings.mqtt.retain);
        let limit = |(burst, window)| LineLimit::new(burst, window);
        let topics = Topics::new(&settings.mqtt.topic_prefix, settings.mqtt.reading_topic);
        Ok(Self {
            env: env.clone(),
            discovery: Discovery::new(&settings, &topics),
            topics,
            broker: settings.broker_name(),
            settings,
            routes,
            kept,
            client,
            events: Some(events),
            reach: Reach::Away,
            intake: Attempts::default(),
            publishing: Attempts::default(),
            role: Role::Publishing,
            status_retry_at: None,
            publishing_failed: false,
            attempt: 0,
            retry: None,
            capabilities,
            poison: PoisonDetector::default(),
            echo: Echo::default(),
            subscribed: 0,
            requesting: Requesting::default(),
            stop: None,
            goodbye_completed: false,
            lines: Lines {
                sent: limit(SENT_LINES),
                refused: limit(LOSS_LINES),
                skipped: limit(LOSS_LINES),
            },
            paused_until: None,
            readings_paused_until: None,
            storage_resting: false,
            reports: Reports::default(),
            turns: Turns::default(),
            turn_is_timed: false,
            outbound,
            publication: Publication::new(READING_WINDOW),
        })
    }

    /// True if messages may be sent.
    pub(super) fn carries(&self) -> bool {
        self.reach == Reach::Full && self.paused_until.is_none()
    }

    /// Passes a command to the client's thread.
    pub(super) fn tell(&mut self, command: Command, ctx: &mut Context<Self>) {
        if !self.client.tell(command) {
            self.env.fail::<Self>(ctx, "the MQTT client's thread takes no more commands");
        }
    }

    /// Requeues everything in flight.
    pub(super) fn rewind(&mut self) {
        self.publication.rewind();
        self.kept.alerts().rewind();
        if let Some(discovery) = &mut self.discovery {
            discovery.rewind();
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        self.storage_resting = false;
        for pause in [&mut self.paused_until, &mut self.readings_paused_until] {
            pause.take_if(|until| now() >= *until);
        }
        self.tend_connection(ctx);
        self.tell_suppressed();
        self.subscribe_to_learned(ctx);
        self.send_requests(ctx);
        if let Some(discovery) = &mut self.discovery {
            discovery.poll_series(&self.settings.subscriptions, now());
        }
        self.flow(ctx);
        self.skip_excess();
    }

    /// Shows the state of the connection, which drives the listening clock of its ingress.
    pub(super) fn show(&self) {
        self.settings.gauges.show(self.reach, Utc::now());
        if self.settings.subscribes {
            self.settings.log.set_open(Ingress::Remote, self.reach != Reach::Away);
        }
    }

    fn advance_stop(&mut self, ctx: &mut Context<Self>) {
        let facts = StopFacts {
            connected: self.reach == Reach::Full,
            flushed: self.is_published() && self.kept.alerts().is_idle(),
            goodbye_completed: self.goodbye_completed,
        };
        let Some(stage) = self.stop.as_mut().and_then(|stop| stop.advance(facts, now())) else {
            return;
        };
        match stage {
            Stage::SayingGoodbye => {
                self.publish_status(State::Offline { reason: "shutdown" }, ctx);
            }
            Stage::Disconnecting => self.tell(Command::Close, ctx),
            Stage::Done => {
                self.tell_unpublished();
                ctx.stop();
            }
            Stage::Flushing => {}
        }
    }
}

/// Tokio's clock, which tests can pause.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Actor for Gateway {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        debug!(target: "vigie::gateway", "gateway up, incarnation {}", self.env.incarnation());
        self.rewind();
        self.kept.alerts().begin();
        self.report_alerts(ctx);
        if let Some(mut events) = self.events.take() {
            ctx.add_stream(poll_fn(move |cx| events.poll_recv(cx)));
        }
        ctx.run_interval(TICK, Self::tick);
        self.show();
        self.await_outbound(ctx);
        self.warn_of_no_verification();
        self.attempt(ctx);
    }
}

impl StreamHandler<Event> for Gateway {
    fn handle(&mut self, event: Event, ctx: &mut Context<Self>) {
        self.env.fault_point();
        match event {
            Event::Up(role, said) => self.up(role, said, ctx),
            Event::Failed(failed) => self.examine(failed, ctx),
            Event::Lost(role, outcome) => self.lost(role, outcome, ctx),
            Event::Delivered(tag, result) => self.answered(tag, result, ctx),
            Event::Born => {
                if let Some(discovery) = &mut self.discovery {
                    discovery.hear_birth(now());
                }
            }
            Event::Echoed => self.on_echo(),
            Event::Closed => {
                self.reach = Reach::Away;
                self.show();
            }
        }
        self.advance_stop(ctx);
    }

    /// The client's thread ends only after this actor, or by a panic.
    fn finished(&mut self, ctx: &mut Context<Self>) {
        self.env.fail::<Self>(ctx, "the MQTT client's thread has died");
    }
}

impl Handler<Routed<PushAlerts>> for Gateway {
    type Result = ();

    fn handle(&mut self, pushed: Routed<PushAlerts>, ctx: &mut Context<Self>) {
        let (pushed, _room) = pushed.split();
        self.kept.alerts().take(pushed, self.env.incarnation());
        self.flow(ctx);
    }
}

impl Handler<GracefulStop> for Gateway {
    type Result = ();

    fn handle(&mut self, _: GracefulStop, ctx: &mut Context<Self>) {
        if self.stop.is_some() {
            return;
        }
        self.stop = Some(Stop::begin(now()));
        self.settings.log.stop_backpressure();
        self.tell(Command::EndIntake, ctx);
        ctx.run_interval(STOP_TICK, Self::advance_stop);
        self.flow(ctx);
        self.advance_stop(ctx);
    }
}

/// Panics on receipt, for tests of the supervision.
#[cfg(test)]
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Crash;

#[cfg(test)]
impl Handler<Crash> for Gateway {
    type Result = ();

    fn handle(&mut self, _: Crash, _: &mut Context<Self>) {
        panic!("asked to");
    }
}
