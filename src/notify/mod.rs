//! Tells people and programs of alarms beside the broker: by webhook, by mail. One actor a receiver.
//!
//! What is told is pure: [`groups`] gathers the stored alert events in groups and says which are due,
//! [`notification`] puts a group's news into one message, [`alertmanager`] and [`template`] write it
//! down. How it gets there is a [`channel`]'s. The [`actor`] moves events in and outcomes back.
//!
//! Holds always: what a receiver has taken in and not told is in the database, so that neither a kill
//! nor an outage of a day loses any of it, and a restart goes on where it stopped. A notification counts
//! as told when the receiver has said so; killed between that and the commit, it is sent once more,
//! with the same id. One receiver waits for no other.
//! Never: an event told that was not announced, but for ends that their rules announce to nobody;
//! a secret in a log line; the past told to a receiver that is new.

pub mod actor;
mod addressees;
pub mod alertmanager;
mod attempt;
mod books;
pub mod channel;
mod escalating;
mod fingerprint;
#[cfg(test)]
mod fixtures;
pub mod gauges;
pub mod group;
pub mod groups;
mod heartbeat;
mod held;
mod hello;
mod http;
mod kept;
mod mail;
pub mod notification;
pub mod outcome;
mod proxy;
mod redirect;
mod runbooks;
mod services;
mod smtp_reply;
mod starts;
pub mod template;
mod trial;
mod trouble;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use actor::Receiver;
use channel::Channel;
use chrono::{DateTime, Utc};
pub use escalating::{Attention, Escalate, Escalating};
pub use gauges::{Gauges, Shown};
use groups::{Interest, Terms};
pub use heartbeat::{Heartbeat, HeartbeatGauge, HeartbeatSettings, Telling};
pub use runbooks::SharedRunbooks;
pub use trial::{ReceiverTrial, try_receiver};

use crate::config::{AlarmSelection, ChannelConfig, ReceiverConfig, ServiceConfig};
use crate::domain::AlertEvent;
use crate::domain::glob::selects;
use crate::locale::Words;
use crate::messages::{AlertsStored, KeepReceiver, LoadAlerts, LoadReceiver};
use crate::supervisor::Route;

/// Where a receiver's messages go.
#[derive(Clone)]
pub struct Routes {
    /// Route for loading the persisted state of a receiver.
    pub load: Route<LoadReceiver>,
    /// Route for persisting the state of a receiver.
    pub keep: Route<KeepReceiver>,
    /// Route for loading alert events.
    pub alerts: Route<LoadAlerts>,
    /// Says when there may be events to take in.
    pub stored: AlertsStored,
}

/// What is told of a start.
#[derive(Clone)]
pub struct StartFacts {
    /// Start of the process.
    pub started: DateTime<Utc>,
    /// Readings that have come in since.
    pub num_readings: Arc<dyn Fn() -> u64 + Send + Sync>,
}

/// What a receiver is told once.
pub struct Settings {
    /// Name of the receiver in the configuration.
    pub name: Arc<str>,
    terms: Terms,
    selection: AlarmSelection,
    only_escalated: bool,
    /// Alarms that others may escalate to this receiver; none where there are none.
    escalated_here: Vec<AlarmSelection>,
    escalating: Option<Escalating>,
    tell_start: bool,
    start: StartFacts,
    /// Set by the first incarnation that knows what was kept: the next ones are no starts.
    is_start_noted: AtomicBool,
    channel: Arc<Channel>,
    runbooks: SharedRunbooks,
    words: &'static Words,
    routes: Routes,
    /// Figures for the status report.
    pub gauges: Arc<Gauges>,
}

impl Settings {
    /// Settings of one receiver.
    #[must_use]
    pub fn new(
        config: &ReceiverConfig,
        all: &[ReceiverConfig],
        escalating: Option<Escalating>,
        start: StartFacts,
        runbooks: SharedRunbooks,
        words: &'static Words,
        routes: Routes,
    ) -> Self {
        let terms = Terms {
            group_by: config.group_by.clone(),
            wait: config.group_wait,
            interval: config.group_interval,
            repeat: config.repeat_interval,
            send_resolved: config.send_resolved,
            at_most: config.max_alerts,
            names_all: is_alertmanager(&config.channel),
            escalate_after: escalating.as_ref().map(|it| it.after),
        };
        Self {
            name: config.name.clone(),
            terms,
            selection: config.selection.clone(),
            only_escalated: config.only_escalated,
            escalated_here: escalated_to(&config.name, all),
            escalating,
            tell_start: config.tell_start,
            start,
            is_start_noted: AtomicBool::new(false),
            channel: Arc::new(Channel::new(&config.channel, words.notify)),
            runbooks,
            words,
            routes,
            gauges: Arc::default(),
        }
    }
}

impl Settings {
    /// Whether the receiver is to hear of an alarm.
    fn interest(&self, event: &AlertEvent) -> Interest {
        let is_selected_here = is_selected(&self.selection, event);
        let may_come = self.escalated_here.iter().any(|it| is_selected(it, event));
        match (is_selected_here, self.only_escalated) {
            (true, false) => Interest::Raised,
            (true, true) | (false, false) if may_come => Interest::Escalated,
            _ => Interest::None,
        }
    }
}

/// Alarms that receivers may escalate to the one of this name: their own, and what is escalated to them.
fn escalated_to(name: &str, all: &[ReceiverConfig]) -> Vec<AlarmSelection> {
    let mut names: Vec<&str> = vec![name];
    let mut selections = Vec::new();
    let mut next = 0;
    while let Some(name) = names.get(next).copied() {
        next += 1;
        let escalates = |it: &&ReceiverConfig| {
            it.escalation.as_ref().is_some_and(|escalation| &*escalation.to == name)
        };
        for from in all
            .iter()
            .filter(escalates)
            .filter(|from| !names.contains(&&*from.name))
            .collect::<Vec<_>>()
        {
            names.push(&from.name);
            selections.extend((!from.only_escalated).then(|| from.selection.clone()));
        }
    }
    selections
}

/// Whether the receiver ends by itself what is not repeated.
const fn is_alertmanager(channel: &ChannelConfig) -> bool {
    matches!(channel, ChannelConfig::Service(_, ServiceConfig::Alertmanager { .. }))
}

/// Whether a receiver wants to hear of an alarm.
fn is_selected(selection: &AlarmSelection, event: &AlertEvent) -> bool {
    let AlarmSelection { priorities, rules, locations } = selection;
    (priorities.is_empty() || priorities.contains(&event.severity))
        && selects(rules, &event.rule)
        && selects(locations, event.location.as_str())
}
