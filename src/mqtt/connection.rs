//! The actor's part in keeping the connection up: attempts, what is said of them, and the status that the
//! broker shows. When to try again and what to say is decided in `retry` and `diagnosis`.

#![expect(clippy::disallowed_methods, reason = "a status message bears the time it was sent")]

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use log::{debug, info, warn};

use super::actor::{Gateway, now};
use super::attempt;
use super::diagnosis::{diagnose, wants_probe};
use super::link::{Command, Outcome, Plan, Tag};
use super::probe::probe;
use super::requesting::Requesting;
use crate::config::{Endpoint, MqttVersion};
use crate::ingest::formats::Filter;
use crate::locale::Trouble;
use crate::wire::payload::State;

/// All of a probe: every step at its slowest, and the system's resolver.
const PROBE: Duration = Duration::from_secs(30);
/// The embedded broker is next door: there is no use in waiting for it for long.
const EMBEDDED_DELAY_AT_MOST: Duration = Duration::from_secs(2);

impl Gateway {
    pub(super) fn attempt(&mut self, ctx: &mut Context<Self>) {
        if self.stop.is_some() {
            return;
        }
        let (settings, topics) = (self.settings.clone(), self.topics.clone());
        let wants_retained = self.reports.num_connections == 0;
        let plan = async move { attempt::plan(&settings, &topics, wants_retained).await };
        let open = plan.into_actor(self).map(|plan, act, ctx| match plan {
            Ok(plan) => act.open(plan, ctx),
            Err(trouble) => act.failed(&trouble, ctx),
        });
        ctx.spawn(open);
    }

    fn open(&mut self, plan: Plan, ctx: &mut Context<Self>) {
        if self.stop.is_some() {
            return;
        }
        if self.announcer.attempting() {
            info!(target: "vigie::gateway", "{}", (self.settings.words.connecting)(&self.broker));
        }
        self.plan = Some(Arc::new(plan.clone()));
        self.tell(Command::Open(Box::new(plan)), ctx);
    }

    pub(super) fn up(&mut self, ctx: &mut Context<Self>) {
        self.connected = true;
        self.requesting = Requesting::default();
        self.reports.num_connections += 1;
        self.show();
        self.backoff.connected(now());
        self.flaps.connected(now());
        self.announcer.connected();
        info!(target: "vigie::gateway", "{}", (self.settings.words.connected)(&self.broker));
        self.publish_status(State::Online, ctx);
        self.env.ready();
        self.flow(ctx);
    }

    /// Subscribes to what formats learned to ask for since the last time.
    pub(super) fn subscribe_to_learned(&mut self, ctx: &mut Context<Self>) {
        let is_to = self.connected && self.stop.is_none() && self.settings.subscribes;
        if !is_to || self.settings.subscriptions.version() == self.subscribed {
            return;
        }
        let Some(plan) = self.plan.clone() else { return };
        let (filters, version) = self.settings.subscriptions.filters();
        let known: HashSet<&Filter> = plan.filters.iter().collect();
        let new: Vec<_> = filters.iter().filter(|it| !known.contains(it)).cloned().collect();
        self.subscribed = version;
        self.plan = Some(Arc::new(Plan { filters, ..(*plan).clone() }));
        if !new.is_empty() {
            self.tell(Command::Subscribe(new), ctx);
        }
    }

    pub(super) fn publish_status(&mut self, state: State, ctx: &mut Context<Self>) {
        let timestamp = Some(chrono::Utc::now());
        let status = attempt::status(&self.settings, &self.topics, state, timestamp);
        let tag = if state == State::Online { Tag::Online } else { Tag::Offline };
        self.tell(Command::Publish(tag, status), ctx);
    }

    /// Finds out what is behind a failed attempt.
    pub(super) fn examine(&mut self, outcome: Outcome, ctx: &mut Context<Self>) {
        // Without a plan nothing was tried, and nothing can have failed.
        let Some(plan) = self.plan.clone() else { return };
        debug!(target: "vigie::gateway", "connection attempt failed: {outcome:?}");
        if !wants_probe(&outcome) {
            let trouble = diagnose(outcome, None, &plan);
            self.failed(&trouble, ctx);
            return;
        }
        let examination = async move {
            let target = plan.target.clone();
            let version = plan.version;
            let probe = tokio::task::spawn_blocking(move || probe(&target, version));
            let finding = tokio::time::timeout(PROBE, probe).await.ok().and_then(Result::ok);
            diagnose(outcome, finding, &plan)
        };
        let told = examination.into_actor(self).map(|trouble, act, ctx| act.failed(&trouble, ctx));
        ctx.spawn(told);
    }

    fn failed(&mut self, trouble: &Trouble, ctx: &mut Context<Self>) {
        self.flaps.failed();
        let delay = self.delay(trouble);
        let words = (self.settings.words.trouble)(trouble);
        let seconds = delay.as_secs_f64();
        if self.announcer.failed(trouble, now()) {
            let say = self.settings.words.connection_failed;
            warn!(target: "vigie::gateway", "{}", say(&self.broker, &words.reason, &words.advice, seconds));
        } else {
            debug!(target: "vigie::gateway", "still no connection: {}; next try in {seconds:.1} s", words.reason);
        }
        ctx.run_later(delay, Self::attempt);
    }

    pub(super) fn lost(&mut self, outcome: Outcome, ctx: &mut Context<Self>) {
        self.connected = false;
        self.show();
        self.paused_until = None;
        self.rewind();
        let Some(plan) = self.plan.clone() else { return };
        let trouble = diagnose(outcome, None, &plan);
        // A broker of MQTT 5 says when another client took over; an older one has to be guessed at.
        let trouble = match plan.version {
            MqttVersion::V5 => trouble,
            MqttVersion::V3_1_1 => self.flaps.lost(trouble, &plan.client_id, now()),
        };
        let words = (self.settings.words.trouble)(&trouble);
        let reason = format!("{}. {}", words.reason, words.advice);
        warn!(target: "vigie::gateway", "{}", (self.settings.words.connection_lost)(&self.broker, &reason));
        let delay = self.delay(&trouble);
        ctx.run_later(delay, Self::attempt);
    }

    fn delay(&mut self, trouble: &Trouble) -> Duration {
        let delay = self.backoff.delay(trouble, now(), rand::random());
        if self.settings.mqtt.endpoint == Endpoint::Embedded {
            delay.min(EMBEDDED_DELAY_AT_MOST)
        } else {
            delay
        }
    }

    pub(super) fn status_delivered(&mut self, tag: Tag, result: Result<(), u8>) {
        self.goodbye_completed |= tag == Tag::Offline;
        if let Err(code) = result {
            warn!(target: "vigie::gateway", "the broker refuses the status message with reason 0x{code:02X}");
        }
    }

    pub(super) fn warn_of_no_verification(&self) {
        let tls = matches!(self.settings.mqtt.endpoint, Endpoint::Remote { tls: true, .. });
        if tls && self.settings.mqtt.tls.insecure_skip_verify {
            warn!(target: "vigie::gateway", "{}", (self.settings.words.verification_off)(&self.broker));
        }
    }
}
