//! Wiring of the receivers of notifications: their routes to storage, and their restart policy.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::config::{Config, EscalationConfig, ReceiverConfig};
use crate::domain::AlarmKey;
use crate::evaluator::LiveTable;
use crate::messages::{AlertsStored, LoadAlerts, LoadReceiver, SaveReceiver};
use crate::notify::{
    Attention, Escalate, EscalationSettings, Receiver, ReceiverRoutes, ReceiverSettings,
    SharedRunbooks, StartInfo,
};
use crate::store::Writer;
use crate::supervisor::{ChildSpec, Exhaustion, Mailbox, Readiness};

/// Capacity of each route to storage: a receiver has one query of a kind in flight; beyond this number they wait.
const ROOM: usize = 16;

/// Timeout for a receiver to load its state at the start.
const RESTORE_AT_MOST: Duration = Duration::from_secs(60);

/// Time for a notification in flight at the stop; otherwise it is sent again at the next start.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// Quarantine of a failing receiver. It affects no other part: alarms are still published and logged.
const QUARANTINE: Duration = Duration::from_secs(300);

/// Capacity for escalations: each receiver escalates to one other, with one query in flight, and a few may share a
/// target.
const ESCALATIONS: usize = 4;

/// Mailboxes of all receivers, created before any of them, since they send to each other.
pub(super) fn mailboxes(config: &Config) -> Vec<Mailbox<Receiver>> {
    config.receivers.iter().map(|_| Mailbox::new()).collect()
}

/// Settings of the configured receivers. `mailboxes` are in their order.
pub(super) fn settings(
    config: &Config,
    mailboxes: &[Mailbox<Receiver>],
    storage: &Mailbox<Writer>,
    stored: &AlertsStored,
    runbooks: &SharedRunbooks,
    live: &Arc<LiveTable>,
    started: DateTime<Utc>,
) -> Vec<ReceiverSettings> {
    let words = config.language.words();
    let routes = ReceiverRoutes {
        load: storage.route::<LoadReceiver>(ROOM),
        keep: storage.route::<SaveReceiver>(ROOM),
        alerts: storage.route::<LoadAlerts>(ROOM),
        stored: stored.clone(),
    };
    let all = &config.receivers;
    let readings = live.clone();
    let start = StartInfo { started, num_readings: Arc::new(move || readings.num_readings()) };
    let settings = |receiver: &ReceiverConfig| {
        let (runbooks, routes) = (runbooks.clone(), routes.clone());
        let escalating = escalating(receiver, all, mailboxes, live);
        let start = start.clone();
        ReceiverSettings::new(receiver, all, escalating, start, runbooks, words, routes)
    };
    all.iter().map(settings).collect()
}

/// `None` for a receiver that does not escalate.
fn escalating(
    receiver: &ReceiverConfig,
    all: &[ReceiverConfig],
    mailboxes: &[Mailbox<Receiver>],
    live: &Arc<LiveTable>,
) -> Option<EscalationSettings> {
    let EscalationConfig { after, to } = receiver.escalation.clone()?;
    let place = all.iter().position(|other| other.name == to)?;
    let (route, live) = (mailboxes.get(place)?.route::<Escalate>(ESCALATIONS), live.clone());
    let attention = Arc::new(move |key: &AlarmKey| attention(&live, key));
    Some(EscalationSettings { after, to, route, attention })
}

fn attention(live: &LiveTable, key: &AlarmKey) -> Attention {
    let Some(alarm) = live.alarm(key) else { return Attention::Unknown };
    match (alarm.view.withheld, alarm.view.state) {
        (None, "unacknowledged" | "latched-unacknowledged") => Attention::Open,
        _ => Attention::InHand,
    }
}

/// A receiver as a child of the tree, on its own arbiter.
pub(super) fn child(mailbox: Mailbox<Receiver>, settings: ReceiverSettings) -> ChildSpec<Receiver> {
    let name = format!("notify {}", settings.name);
    let settings = Arc::new(settings);
    let make = move |env: &_| Ok(Receiver::new(settings.clone(), env));
    ChildSpec::critical(name, mailbox, make)
        .on_exhaustion(Exhaustion::Quarantine(QUARANTINE))
        .readiness(Readiness::Signalled { at_most: RESTORE_AT_MOST })
        .shutdown(SHUTDOWN)
}
