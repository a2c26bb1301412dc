//! Heartbeats to an external monitor: an HTTP request, or an MQTT message, at regular intervals
//! while alarms get through. Made for Healthchecks, Uptime Kuma and the like, which raise the alarm
//! when heartbeats stop.
//!
//! Before each heartbeat a time mark takes the path of a reading: it is appended to the log,
//! evaluated, and committed. Always: no heartbeat before that, nor while a receiver can't be
//! notified of a due alarm; one log line when heartbeats stop, and one when they resume. Never: a
//! missed heartbeat sent later.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use chrono::{DateTime, Utc};
use log::{info, warn};

use super::attempt::attempt;
use super::clock::now;
use super::http::{Body, Http};
use super::log_target::TARGET;
use super::outcome::DeliveryOutcome;
use crate::config::HeartbeatConfig;
use crate::domain::Position;
use crate::locale::{HeartbeatBlock, NotifyWords};
use crate::messages::Beat;
use crate::supervisor::{ChildEnv, GracefulStop, Route};

/// Timeout of the commit: a second is usual, more during a backlog.
const COMMITTED_WITHIN: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Timeout of the gateway, which answers at once.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(2);

/// Timeout of the request; exceeds the request's own.
const SENT_WITHIN: Duration = Duration::from_secs(15);

/// Settings of heartbeats.
#[derive(Clone)]
pub struct HeartbeatSettings {
    /// Address and interval.
    pub config: HeartbeatConfig,
    /// Appends a time mark to the log; returns its position, or `None` if the log is full or
    /// failing.
    pub mark: Arc<dyn Fn() -> Option<Position> + Send + Sync>,
    /// Position up to which records are evaluated, and committed to a database at its path.
    pub committed: Arc<dyn Fn() -> Position + Send + Sync>,
    /// Delivery of alarms.
    pub health: Arc<dyn Fn() -> DeliveryHealth + Send + Sync>,
    /// Route to the gateway, which publishes.
    pub gateway: Route<Beat>,
    /// Language of log lines.
    pub words: &'static NotifyWords,
    /// Shows whether heartbeats are sent.
    pub shown: Arc<HeartbeatGauge>,
}

/// Whether alarms can be delivered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryHealth {
    /// A receiver that can't be notified of a due alarm; `None` if all can.
    pub failing: Option<Arc<str>>,
    /// Whether the connection to the broker is open.
    pub is_connected: bool,
}

/// Why heartbeats are withheld, and since when; `None` while they are sent. Written by the actor; may be read from anywhere.
#[derive(Debug, Default)]
pub struct HeartbeatGauge(Mutex<Option<(String, DateTime<Utc>)>>);

impl HeartbeatGauge {
    /// Cause, and time since when; `None` while heartbeats are sent, or if the cause is shown
    /// elsewhere.
    #[must_use]
    pub fn unsent(&self) -> Option<(String, DateTime<Utc>)> {
        self.lock().clone()
    }

    fn show(&self, unsent: Option<String>) {
        let mut shown = self.lock();
        let since = shown.take().map_or_else(now, |(_, since)| since);
        *shown = unsent.map(|why| (why, since));
    }

    // Updates are atomic, so a poisoned lock is still consistent.
    fn lock(&self) -> MutexGuard<'_, Option<(String, DateTime<Utc>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Result of a time mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    HookTimeout,
    NotCommitted,
    Committed,
}

/// Reason to withhold the heartbeat, if any. Pure.
fn held_back(mark: Mark, health: DeliveryHealth, needs_broker: bool) -> Option<HeartbeatBlock> {
    match mark {
        Mark::HookTimeout => Some(HeartbeatBlock::HookTimeout),
        Mark::NotCommitted => {
            Some(HeartbeatBlock::NotStored { within_s: COMMITTED_WITHIN.as_secs() })
        }
        Mark::Committed => match health.failing {
            Some(receiver) => Some(HeartbeatBlock::NotTold { receiver }),
            None if needs_broker && !health.is_connected => Some(HeartbeatBlock::NoBroker),
            None => None,
        },
    }
}

/// Problem that was logged last.
#[derive(Debug, Default, PartialEq, Eq)]
enum LastLogged {
    #[default]
    Nothing,
    Held(HeartbeatBlock),
    Unsent,
}

/// Actor that sends heartbeats.
pub struct Heartbeat {
    settings: Arc<HeartbeatSettings>,
    env: ChildEnv,
    is_under_way: bool,
    said: LastLogged,
}

impl Heartbeat {
    /// Actor that sends a heartbeat at once, and then at its interval.
    #[must_use]
    pub fn new(settings: Arc<HeartbeatSettings>, env: &ChildEnv) -> Self {
        Self { settings, env: env.clone(), is_under_way: false, said: LastLogged::default() }
    }

    fn beat(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.is_under_way, true) {
            return;
        }
        let settings = self.settings.clone();
        let beat = async move {
            let mark = mark(&settings).await;
            // A heartbeat to a topic alone needs the broker.
            let needs_broker = settings.config.needs_broker || settings.config.http.is_none();
            match held_back(mark, (settings.health)(), needs_broker) {
                Some(held) => Err(held),
                None => Ok(send(&settings).await),
            }
        };
        ctx.spawn(beat.into_actor(self).map(|beaten, act, _| {
            act.is_under_way = false;
            act.conclude(beaten);
        }));
    }

    fn conclude(&mut self, beaten: Result<Result<(), String>, HeartbeatBlock>) {
        let words = self.settings.words;
        self.settings.shown.show(beaten.as_ref().ok().and_then(|sent| sent.clone().err()));
        let (said, line) = match beaten {
            Ok(Ok(())) => (LastLogged::Nothing, None),
            Ok(Err(why)) => (LastLogged::Unsent, Some((words.heartbeat_unsent)(&why))),
            Err(held) => {
                let line = (words.heartbeat_held)(&held);
                (LastLogged::Held(held), Some(line))
            }
        };
        if said == self.said {
            return;
        }
        match line {
            Some(line) => warn!(target: TARGET, "{line}"),
            None => info!(target: TARGET, "{}", words.heartbeat_goes_on),
        }
        self.said = said;
    }
}

/// Sends a time mark along the path of a reading.
async fn mark(settings: &HeartbeatSettings) -> Mark {
    let Some(position) = (settings.mark)() else { return Mark::HookTimeout };
    let committed = async {
        while (settings.committed)() < position {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    match tokio::time::timeout(COMMITTED_WITHIN, committed).await {
        Ok(()) => Mark::Committed,
        Err(_elapsed) => Mark::NotCommitted,
    }
}

/// Sends the message, the request, or both.
async fn send(settings: &HeartbeatSettings) -> Result<(), String> {
    let HeartbeatConfig { http, topic, .. } = &settings.config;
    if let Some(topic) = topic.clone() {
        let published = settings.gateway.request(Beat { topic }, PUBLISHED_WITHIN).await;
        // A closed connection is shown elsewhere; the request is sent all the same.
        if http.is_none() && published != Ok(true) {
            return Err("the connection to the broker carries nothing now".to_owned());
        }
    }
    let Some(http) = http.clone() else { return Ok(()) };
    let http = Http::new(http, Body::Alertmanager);
    match attempt("heartbeat".into(), SENT_WITHIN, move || http.beat()).await {
        DeliveryOutcome::Delivered => Ok(()),
        DeliveryOutcome::Unreachable { why }
        | DeliveryOutcome::Denied { why, .. }
        | DeliveryOutcome::Later { why, .. }
        | DeliveryOutcome::Refused { why } => Err(why),
    }
}

impl Actor for Heartbeat {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.env.ready();
        self.beat(ctx);
        ctx.run_interval(self.settings.config.interval, Self::beat);
    }
}

impl Handler<GracefulStop> for Heartbeat {
    type Result = ();

    fn handle(&mut self, _: GracefulStop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(failing: Option<&str>, is_connected: bool) -> DeliveryHealth {
        DeliveryHealth { failing: failing.map(Into::into), is_connected }
    }

    #[test]
    fn it_beats_while_readings_are_taken_judged_and_stored_and_alarms_told() {
        let all = health(None, true);
        assert_eq!(held_back(Mark::Committed, all.clone(), true), None);
        assert_eq!(
            held_back(Mark::HookTimeout, all.clone(), false),
            Some(HeartbeatBlock::HookTimeout)
        );
        let behind = HeartbeatBlock::NotStored { within_s: 10 };
        assert_eq!(held_back(Mark::NotCommitted, all, false), Some(behind));
        let untold = HeartbeatBlock::NotTold { receiver: "mail".into() };
        assert_eq!(held_back(Mark::Committed, health(Some("mail"), true), false), Some(untold));
    }

    #[test]
    fn the_broker_counts_where_it_is_asked_for() {
        let away = health(None, false);
        assert_eq!(held_back(Mark::Committed, away.clone(), false), None);
        assert_eq!(held_back(Mark::Committed, away, true), Some(HeartbeatBlock::NoBroker));
    }
}
