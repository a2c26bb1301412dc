//! The actor's part of connecting: attempts, their log lines, and the status message. Delays and causes are decided
//! in `retry` and `diagnosis`, what is requested of the broker in `capabilities`.
//!
//! Always: the intake connection opens first, and stays open whatever happens to the publishing connection.

#![expect(clippy::disallowed_methods, reason = "a status message bears the time it was sent")]

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use log::{debug, info, warn};

use super::actor::{Gateway, now};
use super::attempt::{self, Attempts};
use super::diagnosis::{diagnose, wants_probe};
use super::echo::Echo;
use super::gauges::Reach;
use super::link::{Advertised, Command, Failed, Outcome, Plan, Role, Tag};
use super::probe::{Finding, probe};
use super::requesting::Requesting;
use crate::config::{Endpoint, MqttVersion};
use crate::ingest::formats::Filter;
use crate::locale::{BrokerLimit, ConnectionProblem, Published, Refusal};
use crate::wire::payload::State;

/// Delay before a refused status is published again.
const STATUS_RETRY: Duration = Duration::from_secs(10);
/// All of a probe: every step at its slowest, and the system's resolver.
const PROBE: Duration = Duration::from_secs(30);
/// The embedded broker is next door: there is no use in waiting for it for long.
const EMBEDDED_DELAY_AT_MOST: Duration = Duration::from_secs(2);

/// Larger than any message but a forwarded one, in bytes.
const LARGE_PACKET: u32 = 64 << 10;
/// Limit of topics named in a log line.
const SHOWN: usize = 3;

impl Gateway {
    /// Starts an attempt of the missing connection: intake, or publishing beside it.
    pub(super) fn attempt(&mut self, ctx: &mut Context<Self>) {
        if self.stop.is_some() {
            return;
        }
        let takes_in = self.capabilities.intake_role();
        let role = match self.reach {
            Reach::IntakeOnly if takes_in == Role::Intake => Role::Publishing,
            _ if !self.settings.subscribes => Role::Publishing,
            _ => {
                self.capabilities.before_intake(now());
                self.capabilities.intake_role()
            }
        };
        self.attempt += 1;
        let attempt = self.attempt;
        let (settings, topics) = (self.settings.clone(), self.topics.clone());
        let wants_retained = self.intake.count == 0;
        let plan = async move { attempt::plan(&settings, &topics, role, wants_retained).await };
        let open = plan.into_actor(self).map(move |plan, act, ctx| match plan {
            _ if act.attempt != attempt => {}
            Ok(plan) => act.open(plan, ctx),
            Err(trouble) => act.failed(role, &trouble, ctx),
        });
        ctx.spawn(open);
    }

    fn open(&mut self, mut plan: Plan, ctx: &mut Context<Self>) {
        let lacks_intake = !self.is_primary(plan.role) && self.reach != Reach::IntakeOnly;
        if self.stop.is_some() || lacks_intake {
            return;
        }
        plan.will = plan.will.and_then(|will| self.capabilities.will(will));
        if self.is_primary(plan.role) && self.intake.announcer.attempting() {
            info!(target: "vigie::gateway", "{}", (self.settings.words.connecting)(&self.broker));
        }
        if plan.role.takes_in() && self.reach != Reach::Away {
            // Replaced by one for both roles.
            self.reach = Reach::Away;
            self.rewind();
            self.poison.on_broker_away();
            self.show();
        }
        self.attempts(plan.role).plan = Some(Arc::new(plan.clone()));
        self.tell(Command::Open(Box::new(plan)), ctx);
    }

    /// Whether a connection of this role is the primary one, on which a second one depends.
    fn is_primary(&self, role: Role) -> bool {
        role.takes_in() || !self.settings.subscribes
    }

    fn attempts(&mut self, role: Role) -> &mut Attempts {
        if self.is_primary(role) { &mut self.intake } else { &mut self.publishing }
    }

    pub(super) fn up(&mut self, role: Role, advertised: Advertised, ctx: &mut Context<Self>) {
        let is_primary = self.is_primary(role);
        if !is_primary && self.reach == Reach::Away {
            return; // intake closed meanwhile, and both are opened again
        }
        if is_primary {
            self.poison.end_holds(now());
        }
        let had_failed = std::mem::take(&mut self.publishing_failed) && role == Role::Publishing;
        self.attempts(role).connected(now());
        self.reach = if role.publishes() { Reach::Full } else { Reach::IntakeOnly };
        self.capabilities.opened(role, advertised, is_primary, now());
        self.role = role;
        self.show();
        if is_primary {
            info!(target: "vigie::gateway", "{}", (self.settings.words.connected)(&self.broker));
        } else if had_failed {
            info!(target: "vigie::gateway", "{}", (self.settings.words.publishing_again)(&self.broker));
        }
        if role.publishes() {
            self.publishing_up(ctx);
        } else {
            self.attempt(ctx);
        }
    }

    fn publishing_up(&mut self, ctx: &mut Context<Self>) {
        self.requesting = Requesting::default();
        self.echo = Echo::default();
        self.status_retry_at = None;
        self.reports.num_connections += 1;
        self.poison.on_reopen(now());
        self.log_limits();
        self.publish_status(State::Online, ctx);
        self.env.ready();
        self.flow(ctx);
    }

    /// Logs newly found limits of the broker, once each.
    pub(super) fn log_limits(&self) {
        let limits = self.capabilities.limits(&self.settings.mqtt.publish_client_id);
        let known = self.settings.gauges.limits();
        let is_new = |limit: &&BrokerLimit| !known.contains(limit) && is_worth_a_line(limit);
        let new = limits.iter().filter(is_new).cloned();
        let new: Vec<_> = new.map(self.settings.words.broker_limit).collect();
        if !new.is_empty() {
            let say = self.settings.words.limits_found;
            warn!(target: "vigie::gateway", "{}", say(&self.broker, &new.join(", ")));
        }
        self.settings.gauges.show_limits(limits);
    }

    /// Subscribes to filters that formats learned since the last call.
    pub(super) fn subscribe_to_learned(&mut self, ctx: &mut Context<Self>) {
        let takes_in = self.reach != Reach::Away && self.settings.subscribes;
        let is_to = takes_in && self.stop.is_none();
        if !is_to || self.settings.subscriptions.version() == self.subscribed {
            return;
        }
        let Some(plan) = self.intake.plan.clone() else { return };
        let (filters, version) = self.settings.subscriptions.filters();
        let known: HashSet<&Filter> = plan.filters.iter().collect();
        let new: Vec<_> = filters.iter().filter(|it| !known.contains(it)).cloned().collect();
        self.subscribed = version;
        self.intake.plan = Some(Arc::new(Plan { filters, ..(*plan).clone() }));
        if !new.is_empty() {
            self.tell(Command::Subscribe(new), ctx);
        }
    }

    /// Finds the cause of a failed attempt.
    pub(super) fn examine(&mut self, failed: Failed, ctx: &mut Context<Self>) {
        debug!(target: "vigie::gateway", "connection attempt failed: {failed:?}");
        if !self.is_primary(failed.role) && self.reach == Reach::Away {
            return; // intake closed meanwhile, and the next attempt is scheduled
        }
        // Without a plan nothing was tried, and nothing can have failed.
        let Some(plan) = self.attempts(failed.role).plan.clone() else { return };
        // One probe is enough for attempts in a row.
        let is_known = !self.is_primary(failed.role) && self.capabilities.is_failing();
        if is_known || !wants_probe(&failed.outcome) {
            self.conclude(failed, None, &plan, ctx);
            return;
        }
        let attempt = self.attempt;
        let examination = async move {
            let target = plan.target.clone();
            let version = plan.version;
            let probe = tokio::task::spawn_blocking(move || probe(&target, version));
            (tokio::time::timeout(PROBE, probe).await.ok().and_then(Result::ok), plan)
        };
        ctx.spawn(examination.into_actor(self).map(move |(finding, plan), act, ctx| {
            if act.attempt == attempt {
                act.conclude(failed, finding, &plan, ctx);
            }
        }));
    }

    fn conclude(
        &mut self,
        failed: Failed,
        finding: Option<Finding>,
        plan: &Plan,
        ctx: &mut Context<Self>,
    ) {
        let role = failed.role;
        let is_beside_intake = !self.is_primary(role) && self.reach == Reach::IntakeOnly;
        let answers_others = finding.as_ref().is_none_or(|finding| {
            matches!(finding, Finding::Answered { .. } | Finding::NotMqtt | Finding::Silent)
        });
        if answers_others && (is_beside_intake || role == Role::Both) {
            self.capabilities.failed(&failed, plan.version, now());
        }
        let trouble = match failed.outcome {
            Outcome::Transport(_) if answers_others && is_beside_intake => {
                ConnectionProblem::EndedAtConnect
            }
            outcome => diagnose(outcome, finding, plan),
        };
        self.failed(role, &trouble, ctx);
    }

    fn failed(&mut self, role: Role, trouble: &ConnectionProblem, ctx: &mut Context<Self>) {
        let delay = self.delay(role, trouble);
        let words = (self.settings.words.trouble)(trouble);
        let seconds = delay.as_secs_f64();
        let attempts = self.attempts(role);
        attempts.flaps.failed();
        if attempts.announcer.failed(trouble, now()) {
            let all = self.settings.words;
            let line = if self.is_primary(role) {
                (all.connection_failed)(&self.broker, &words.reason, &words.advice, seconds)
            } else {
                let id = &self.settings.mqtt.publish_client_id;
                (all.publishing_failed)(&self.broker, id, &words.reason, &words.advice, seconds)
            };
            warn!(target: "vigie::gateway", "{line}");
        } else {
            debug!(target: "vigie::gateway", "still no connection: {}; next try in {seconds:.1} s", words.reason);
        }
        if self.is_primary(role) {
            self.poison.on_broker_away();
        } else {
            self.publishing_failed = true;
            self.settings.gauges.show_publishing_fails(words.reason);
        }
        self.try_again(delay, ctx);
    }

    /// Schedules the next attempt, replacing a scheduled one.
    fn try_again(&mut self, delay: Duration, ctx: &mut Context<Self>) {
        let next = ctx.run_later(delay, |act, ctx| {
            act.retry = None;
            act.attempt(ctx);
        });
        if let Some(before) = self.retry.replace(next) {
            ctx.cancel_future(before);
        }
    }

    pub(super) fn lost(&mut self, role: Role, outcome: Outcome, ctx: &mut Context<Self>) {
        let intake_stays =
            role == Role::Publishing && self.reach != Reach::Away && self.settings.subscribes;
        self.attempt += 1;
        if role == Role::Intake || !self.settings.subscribes {
            self.poison.on_broker_away();
            self.capabilities.intake_closed(now());
        } else {
            self.poison.on_close(&outcome, now());
        }
        self.reach = if intake_stays { Reach::IntakeOnly } else { Reach::Away };
        self.show();
        self.paused_until = None;
        self.readings_paused_until = None;
        self.rewind();
        let Some(plan) = self.attempts(role).plan.clone() else { return };
        let mut topics = self.poison.likely_causes(&outcome);
        topics.truncate(SHOWN);
        let trouble = if intake_stays && !topics.is_empty() {
            ConnectionProblem::EndedAtMessage { topics }
        } else {
            diagnose(outcome, None, &plan)
        };
        // MQTT 5 reports a takeover by another client; for 3.1.1 it is inferred.
        let trouble = match plan.version {
            MqttVersion::V5 => trouble,
            MqttVersion::V3_1_1 => self.attempts(role).flaps.lost(trouble, &plan.client_id, now()),
        };
        let words = (self.settings.words.trouble)(&trouble);
        let reason = format!("{}. {}", words.reason, words.advice);
        let line = if intake_stays {
            self.publishing_failed = true;
            self.settings.gauges.show_publishing_fails(words.reason);
            (self.settings.words.publishing_lost)(&self.broker, &plan.client_id, &reason)
        } else {
            (self.settings.words.connection_lost)(&self.broker, &reason)
        };
        warn!(target: "vigie::gateway", "{line}");
        let delay = self.delay(role, &trouble);
        self.try_again(delay, ctx);
    }

    fn delay(&mut self, role: Role, trouble: &ConnectionProblem) -> Duration {
        let delay = self.attempts(role).streak.delay(trouble, now(), rand::random());
        if self.settings.mqtt.endpoint == Endpoint::Embedded {
            delay.min(EMBEDDED_DELAY_AT_MOST)
        } else {
            delay
        }
    }

    /// Called each second, for what no event of the client triggers.
    pub(super) fn tend_connection(&mut self, ctx: &mut Context<Self>) {
        if self.reach != Reach::Full || self.stop.is_some() {
            return;
        }
        self.capabilities.tick(now());
        self.poison.tick(now());
        self.check_echo();
        if self.status_retry_at.take_if(|at| now() >= *at).is_some() {
            self.publish_status(State::Online, ctx);
        }
        if self.settings.subscribes && self.poison.is_unanswered(now()) {
            self.lost(self.role, Outcome::TimedOut, ctx);
        }
    }

    pub(super) fn warn_of_no_verification(&self) {
        let tls = matches!(self.settings.mqtt.endpoint, Endpoint::Remote { tls: true, .. });
        if tls && self.settings.mqtt.tls.insecure_skip_verify {
            warn!(target: "vigie::gateway", "{}", (self.settings.words.verification_off)(&self.broker));
        }
    }

    pub(super) fn publish_status(&mut self, state: State, ctx: &mut Context<Self>) {
        let timestamp = Some(chrono::Utc::now());
        let status = attempt::status(&self.settings, &self.topics, state, timestamp);
        let tag = if state == State::Online { Tag::Online } else { Tag::Offline };
        if let Err(why) = self.publish(tag, status, ctx) {
            self.status_answered(tag, Err(why));
        }
    }

    pub(super) fn status_answered(&mut self, tag: Tag, result: Result<(), Refusal>) {
        self.goodbye_completed |= tag == Tag::Offline;
        let topic = self.topics.status();
        match result {
            Err(why) => {
                self.note_refused_topic(&topic, Published::Status, why);
                self.status_retry_at = Some(now() + STATUS_RETRY);
            }
            Ok(()) => {
                if self.settings.gauges.accept(&topic) {
                    info!(target: "vigie::gateway", "the broker accepts the status on {topic} again");
                }
                if self.intake.plan.as_ref().is_some_and(|it| it.status_echo.is_some()) {
                    let (messages_in, _) = self.settings.log.traffic().totals();
                    self.echo.published(messages_in, now());
                }
            }
        }
    }

    pub(super) fn on_echo(&mut self) {
        self.echo.received();
        self.note_echo();
    }

    /// Called each second while the status is published.
    pub(super) fn check_echo(&mut self) {
        let (messages_in, _) = self.settings.log.traffic().totals();
        if self.echo.take_timeout(messages_in, now()) {
            let status = self.topics.status();
            warn!(
                target: "vigie::gateway",
                "the broker grants the subscription to readings and delivers nothing: this daemon's status on {status} does \
                 not come back; check this user's right to read, and to publish the status"
            );
            self.settings.gauges.show_silent(Some((status, chrono::Utc::now())));
        }
        self.note_echo();
    }

    fn note_echo(&self) {
        if self.echo == Echo::Received && self.settings.gauges.silent().is_some() {
            self.settings.gauges.show_silent(None);
            info!(target: "vigie::gateway", "the broker delivers by the subscription again");
        }
    }
}

/// Packet limits above any message of this daemon are irrelevant, and a refused subscription has its own line.
const fn is_worth_a_line(limit: &BrokerLimit) -> bool {
    match limit {
        BrokerLimit::MaximumPacketBytes(bytes) => *bytes < LARGE_PACKET,
        BrokerLimit::SubscriptionRefused(_) => false,
        _ => true,
    }
}
