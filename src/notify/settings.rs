//! Settings of a receiver's actor.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use chrono::{DateTime, Utc};

use super::channel::Channel;
use super::escalation::EscalationSettings;
use super::gauges::ReceiverGauges;
use super::policy::{GroupingPolicy, Interest};
use super::runbooks::SharedRunbooks;
use crate::config::{AlarmSelection, ChannelConfig, ReceiverConfig, ServiceConfig};
use crate::domain::AlertEvent;
use crate::domain::glob::selects;
use crate::locale::Words;
use crate::messages::{AlertsStored, LoadAlerts, LoadReceiver, SaveReceiver};
use crate::supervisor::Route;

/// Routes to storage.
#[derive(Clone)]
pub struct ReceiverRoutes {
    /// Route for loading the persisted state of a receiver.
    pub load: Route<LoadReceiver>,
    /// Route for persisting the state of a receiver.
    pub keep: Route<SaveReceiver>,
    /// Route for loading alert events.
    pub alerts: Route<LoadAlerts>,
    /// Signals new events.
    pub stored: AlertsStored,
}

/// Source of start notices.
#[derive(Clone)]
pub struct StartInfo {
    /// Start of the process.
    pub started: DateTime<Utc>,
    /// Number of readings received since the start.
    pub num_readings: Arc<dyn Fn() -> u64 + Send + Sync>,
}

/// Settings of a receiver's actor, shared by its incarnations.
pub struct ReceiverSettings {
    /// Name of the receiver in the configuration.
    pub name: Arc<str>,
    pub(super) policy: GroupingPolicy,
    pub(super) selection: AlarmSelection,
    pub(super) only_escalated: bool,
    /// Alarms that other receivers may escalate to this one; empty for none.
    pub(super) escalated_here: Vec<AlarmSelection>,
    pub(super) escalating: Option<EscalationSettings>,
    pub(super) tell_start: bool,
    pub(super) start: StartInfo,
    /// Set by the first incarnation that has loaded its state: later ones are no starts of the
    /// daemon.
    pub(super) is_start_noted: AtomicBool,
    pub(super) channel: Arc<Channel>,
    pub(super) runbooks: SharedRunbooks,
    pub(super) words: &'static Words,
    pub(super) routes: ReceiverRoutes,
    /// Figures for the status report.
    pub gauges: Arc<ReceiverGauges>,
}

impl ReceiverSettings {
    /// Settings of one receiver.
    #[must_use]
    pub fn new(
        config: &ReceiverConfig,
        all: &[ReceiverConfig],
        escalating: Option<EscalationSettings>,
        start: StartInfo,
        runbooks: SharedRunbooks,
        words: &'static Words,
        routes: ReceiverRoutes,
    ) -> Self {
        let policy = GroupingPolicy {
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
            policy,
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

impl ReceiverSettings {
    /// Whether the receiver is notified of an alarm.
    pub(super) fn interest(&self, event: &AlertEvent) -> Interest {
        let is_selected_here = is_selected(&self.selection, event);
        let may_come = self.escalated_here.iter().any(|it| is_selected(it, event));
        match (is_selected_here, self.only_escalated) {
            (true, false) => Interest::Immediate,
            (true, true) | (false, false) if may_come => Interest::OnEscalation,
            _ => Interest::None,
        }
    }
}

/// Alarms that receivers may escalate to the one of this name: their own, and those escalated to
/// them.
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

/// Whether the receiver ends alarms that are not repeated.
const fn is_alertmanager(channel: &ChannelConfig) -> bool {
    matches!(channel, ChannelConfig::Service(_, ServiceConfig::Alertmanager { .. }))
}

/// Whether a selection contains the alarm of an event.
fn is_selected(selection: &AlarmSelection, event: &AlertEvent) -> bool {
    let AlarmSelection { priorities, rules, locations } = selection;
    (priorities.is_empty() || priorities.contains(&event.severity))
        && selects(rules, &event.rule)
        && selects(locations, event.location.as_str())
}
