//! The typed messages that cross from one actor to another, in the order a reading meets them.
//!
//! Each travels on a [`Route`](crate::supervisor::Route), which bounds how many may wait.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix::Message;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::alarms::engine::Expected;
use crate::alarms::quiet::QuietSettings;
use crate::alarms::rule::Rule;
use crate::config::Secret;
use crate::domain::{
    ActionRecord, AlarmState, AlertEvent, OperatorAction, Reading, Rejected, StandingAlert,
};
use crate::ingest::journal::Position;

/// Sensor → gateway: publish these, in this order.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PublishReadings {
    /// Readings in the order in which they are published.
    pub readings: Vec<Reading>,
    /// Told once the broker has acknowledged all of them; dropped untold when they were given up.
    /// A sensor that must not outrun the broker (a replay at full speed) waits for it.
    pub delivered: Option<oneshot::Sender<()>>,
}

/// A reading with its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// Reading as it was decoded.
    pub reading: Reading,
    /// Whether this reading itself broke a rule.
    pub alert_triggered: bool,
}

/// Evaluator → storage: commit these, and how far in the intake journal they reach, in one
/// transaction.
#[derive(Debug, Default, Message, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[rtype(result = "()")]
pub struct Store {
    /// One more than the message before it, as long as the database lives; storage takes no other.
    pub number: u64,
    /// The last record of the intake journal that all of this comes of.
    pub through: Position,
    /// How long the installation has been listening, in all.
    pub watch: Duration,
    /// Readings to be stored, in the order of the journal.
    pub readings: Vec<Judged>,
    /// Alert events of these readings, in the order in which they happened.
    pub alerts: Vec<AlertEvent>,
    /// The row that the first of them is to have, as storage has decided; the others follow it. `None` for the
    /// next ones that are free.
    #[serde(skip)]
    pub first_alert_row: Option<i64>,
    /// The alarms that are no longer as they were.
    pub alarms: Vec<AlarmState>,
    /// Messages that could not be used.
    pub rejected: Vec<Rejected>,
    /// What operators asked for, refused or not.
    pub actions: Vec<ActionRecord>,
    /// Told once the message can't get lost any more, short of the death of the process; dropped
    /// untold when it was lost, or not taken.
    #[serde(skip)]
    pub taken: Option<oneshot::Sender<()>>,
}

impl Store {
    /// The rows that it makes in the database.
    #[must_use]
    pub const fn num_rows(&self) -> usize {
        let others = self.alarms.len() + self.rejected.len() + self.actions.len();
        self.readings.len() + self.alerts.len() + others
    }

    /// The places it takes on its route, some 250 bytes each: its rows, and what there is besides.
    #[must_use]
    pub const fn places(&self) -> usize {
        /// So that there are a thousand messages at most where there is room for 20,000 rows.
        const OF_ITS_OWN: usize = 20;
        /// Up to 4 KiB are kept of each.
        const OF_A_REJECTED: usize = 16;
        OF_ITS_OWN + self.num_rows() + OF_A_REJECTED * self.rejected.len()
    }

    /// The alert events, each with the row that it is to have.
    pub fn alert_rows(&self) -> impl Iterator<Item = (Option<i64>, &AlertEvent)> {
        let rows = (0..).map(|n: i64| self.first_alert_row.map(|first| first + n));
        rows.zip(&self.alerts)
    }

    /// Those of them that are to be published, once storage has decided on their rows.
    pub fn announced(&self) -> impl Iterator<Item = PendingAlert> {
        let rows = self.alert_rows().filter(|(_, event)| event.announced);
        rows.filter_map(|(row_id, event)| {
            Some(PendingAlert { row_id: row_id?, event: event.clone() })
        })
    }
}

/// Evaluator → storage: where do I go on? Answered after everything sent before it is committed.
#[derive(Message)]
#[rtype(result = "Result<ResumePoint, String>")]
pub struct LoadResumePoint;

/// Evaluator → storage: tell me when everything sent before this is committed.
#[derive(Message)]
#[rtype(result = "Result<(), String>")]
pub struct ConfirmCommitted;

/// Web → evaluator: an operator's action. Answered when what became of it is committed; `Err` when that
/// isn't known, and whether it was done must be looked up.
#[derive(Message)]
#[rtype(result = "Result<ActionRecord, String>")]
pub struct Operate {
    /// Action to be applied.
    pub action: OperatorAction,
    /// Who asked waits no longer than this: then it is not done any more.
    pub until: Instant,
}

/// What is committed, as far as evaluation must know it to go on.
#[derive(Debug, Default)]
pub struct ResumePoint {
    /// The last record of the intake journal that is committed.
    pub position: Position,
    /// Of the last message committed.
    pub number: u64,
    /// Listening clock: for how long messages could be received so far.
    pub watch: Duration,
    /// Alerts that have been raised and not resolved.
    pub standing: Vec<StandingAlert>,
    /// States of alarms that are not at rest.
    pub alarms: Vec<AlarmState>,
    /// The last readings committed, those of each series oldest first.
    pub recent: Vec<Reading>,
}

/// Storage → intake: how far the intake journal is committed; what is can be deleted.
#[derive(Debug, Default)]
pub struct Committed(AtomicU64);

impl Committed {
    /// A cell that starts at the committed position.
    #[must_use]
    pub const fn new(position: Position) -> Self {
        Self(AtomicU64::new(position))
    }

    /// Position of the last committed record.
    #[must_use]
    pub fn position(&self) -> Position {
        self.0.load(Ordering::Acquire)
    }

    /// It never goes back.
    pub fn advance(&self, position: Position) {
        self.0.fetch_max(position, Ordering::AcqRel);
    }
}

/// Storage → gateway: announced alert events are on disk, committed or about to be, and wait to be
/// published.
/// A hint only: losing one is harmless, since the next one shows it, and the gateway also asks at
/// every connect.
#[derive(Debug, Default, Message)]
#[rtype(result = "()")]
pub struct AlertsWaiting {
    /// The row of the last announced event before `rows` in this run, 0 before the first; `None` for a mere
    /// hint.
    pub after_row_id: Option<i64>,
    /// All that were announced since, to spare the question; empty when there are many.
    pub rows: Vec<PendingAlert>,
}

/// An announced alert event that the broker has not acknowledged yet.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingAlert {
    /// Names the stored event; grows with time.
    pub row_id: i64,
    /// Alert event as it is published.
    pub event: AlertEvent,
}

/// Gateway → storage: the oldest events still to be published, after the given row.
#[derive(Message)]
#[rtype(result = "Result<Vec<PendingAlert>, String>")]
pub struct LoadPendingAlerts {
    /// 0 for the first.
    pub after_row_id: i64,
    /// Row limit.
    pub at_most: usize,
}

/// Gateway → storage: the broker has completed the delivery of these events. Answered when that
/// can't be forgotten any more, short of the death of the process.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AlertsDelivered(pub Vec<i64>);

/// Storage → receivers of notifications, by a watch channel: alert events were committed.
pub type AlertsStored = tokio::sync::watch::Sender<()>;

/// Receiver → storage: what did I keep? Answered after everything sent before it is committed.
#[derive(Message)]
#[rtype(result = "Result<KeptByReceiver, String>")]
pub struct LoadReceiver {
    /// Name of the receiver.
    pub receiver: Arc<str>,
}

/// What a receiver of notifications kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeptByReceiver {
    /// The last alert event it has taken in; `None` for a receiver that is new.
    pub through: Option<i64>,
    /// The last alert event there is: a new receiver begins after it.
    pub last_row_id: i64,
    /// Names and texts, as it wrote them.
    pub parts: Vec<(String, String)>,
}

/// Receiver → storage: keep this, in one transaction. Answered when it can't be forgotten any more,
/// short of the death of the process.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct KeepReceiver {
    /// Name of the receiver.
    pub receiver: Arc<str>,
    /// The last alert event it has taken in.
    pub through: i64,
    /// In place of what was kept under these names; `None` for what is no more.
    pub parts: Vec<(String, Option<String>)>,
}

/// Receiver → storage: alert events, oldest first.
#[derive(Message)]
#[rtype(result = "Result<Vec<PendingAlert>, String>")]
pub enum LoadAlerts {
    /// Those that are announced, after the given row, and the ends that their rules announce to nobody, as
    /// it is with `announce = "every-reading"`.
    After {
        /// Row after which to read.
        row_id: i64,
        /// Row limit.
        at_most: usize,
    },
    /// Of these rows, those that are there.
    Rows(Vec<i64>),
}

/// Reloader → evaluator: judge by these rules from now on, those of the restarts to come among them.
/// Answered when it does; `Err` when it died meanwhile, and then it is safe to send them again.
#[derive(Message)]
#[rtype(result = "Result<(), String>")]
pub struct ReloadRules(pub Ruling);

/// What alarms go by.
#[derive(Debug, Clone, Default)]
pub struct Ruling {
    /// Rules in the order of the configuration.
    pub rules: Vec<Rule>,
    /// Suppression: maintenance windows, chattering and floods.
    pub quiet: QuietSettings,
    /// Series that should speak.
    pub expected: Arc<[Expected]>,
}

/// Whoever is asked to → reloader: read the configuration again and apply what changed. Answered when all
/// of it is applied.
#[derive(Message)]
#[rtype(result = "ReloadAnswer")]
pub struct Reload;

/// What came of a reload, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReloadAnswer {
    /// What changed.
    Done(String),
    /// Everything that is wrong with the file; nothing was changed.
    Refused(String),
    /// What could not be applied, and why.
    Failed(String),
}

/// Embedded broker → gateway, by a watch channel: where the gateway connects, in plain TCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerAddress {
    /// Address of the listener in plain TCP.
    pub addr: SocketAddr,
    /// Where everybody else connects; the same, unless the broker speaks TLS or listens beyond
    /// loopback.
    pub public: SocketAddr,
    /// User name and password, when the broker asks for them.
    pub credentials: Option<(String, Secret)>,
}
