//! The receivers of notifications: their routes to storage, and what each is forgiven.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::config::{Config, EscalationConfig, ReceiverConfig};
use crate::domain::AlarmKey;
use crate::evaluator::LiveTable;
use crate::messages::{AlertsStored, KeepReceiver, LoadAlerts, LoadReceiver};
use crate::notify::{
    Attention, Escalate, EscalationSettings, Receiver, ReceiverRoutes, ReceiverSettings,
    SharedRunbooks, StartInfo,
};
use crate::store::Writer;
use crate::supervisor::{ChildSpec, Exhaustion, Mailbox, Readiness};

/// Each receiver has one question of a kind under way; more than so many wait for one another.
const ROOM: usize = 16;

/// How long the start waits for a receiver to learn where it stands.
const RESTORE_AT_MOST: Duration = Duration::from_secs(60);

/// What is being sent at the stop gets this long; it is sent again at the next start otherwise.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// A receiver that keeps failing rests for so long. It takes nobody with it: the alarms go out by the
/// broker and the log.
const QUARANTINE: Duration = Duration::from_secs(300);

/// Each receiver escalates to one other, with one question under way, and a few may do so to the same.
const ESCALATIONS: usize = 4;

/// A mailbox for each receiver, made before any of them, since they send to each other.
pub(super) fn mailboxes(config: &Config) -> Vec<Mailbox<Receiver>> {
    config.receivers.iter().map(|_| Mailbox::new()).collect()
}

/// What each of the configured receivers is told. `mailboxes` are in their order.
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
        keep: storage.route::<KeepReceiver>(ROOM),
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

/// A receiver as a child of the tree, on an arbiter of its own.
pub(super) fn child(mailbox: Mailbox<Receiver>, settings: ReceiverSettings) -> ChildSpec<Receiver> {
    let name = format!("notify {}", settings.name);
    let settings = Arc::new(settings);
    let make = move |env: &_| Ok(Receiver::new(settings.clone(), env));
    ChildSpec::critical(name, mailbox, make)
        .on_exhaustion(Exhaustion::Quarantine(QUARANTINE))
        .readiness(Readiness::Signalled { at_most: RESTORE_AT_MOST })
        .shutdown(SHUTDOWN)
}
