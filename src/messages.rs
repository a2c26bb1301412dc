//! The typed messages that cross from one actor to another, in the order a reading meets them.
//!
//! Each travels on a [`Route`](crate::supervisor::Route), which bounds how many may wait.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use actix::Message;
use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use crate::alarms::engine::Expected;
use crate::alarms::quiet::QuietSettings;
use crate::alarms::rule::Rule;
use crate::config::Secret;
use crate::domain::{
    ActionRecord, AlarmState, AlertEvent, DecoderChange, Fingerprint, ListeningClocks,
    OperatorAction, Position, Reading, ReadingCounts, Rejected, SeriesState, StandingAlert,
};

/// Sensor → intake: log these, in this order. Answered when they are in the log.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Measured {
    /// Readings in the order in which they are logged.
    pub readings: Vec<Reading>,
    /// Whether the sender must not outrun publication: a replay at full speed. The answer then waits while too
    /// many own readings wait for the broker.
    pub is_paced: bool,
}

/// A reading with its verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Reading as it was decoded.
    pub reading: Reading,
    /// Whether this reading itself broke a rule; `None` where it was stored without being judged.
    pub alert_triggered: Option<bool>,
}

/// Evaluator → storage: commit these, and how far in the intake journal they reach, in one
/// transaction.
#[derive(Debug, Default, Message)]
#[rtype(result = "()")]
pub struct Store {
    /// One more than the message before it, as long as the database lives; storage takes no other.
    pub number: u64,
    /// The last record of the log that all of this comes of.
    pub through: Position,
    /// Wall clock of that record's receipt; `None` where no record was ever evaluated.
    pub received_at: Option<DateTime<Utc>>,
    /// Listening clocks as of that record.
    pub clocks: ListeningClocks,
    /// Readings to be stored, in the order of the log.
    pub readings: Vec<Judged>,
    /// Alert events of these readings, in the order in which they happened.
    pub alerts: Vec<AlertEvent>,
    /// The alarms that are no longer as they were.
    pub alarms: Vec<AlarmState>,
    /// Checkpoints of series, as of the end of the batch.
    pub series: Vec<SeriesState>,
    /// What payload formats remember from these records on.
    pub decoders: Vec<DecoderChange>,
    /// How many of the last readings, as of the end of the batch, a restart reads on top of checkpoints.
    pub since_checkpoints: ReadingCounts,
    /// Messages that could not be used.
    pub rejected: Vec<Rejected>,
    /// What operators asked for, refused or not.
    pub actions: Vec<ActionRecord>,
    /// Told once the message can't get lost any more, short of the death of the process; dropped
    /// untold when it was lost, or not taken.
    pub taken: Option<oneshot::Sender<()>>,
}

impl Store {
    /// The rows that it makes in the database.
    #[must_use]
    pub const fn num_rows(&self) -> usize {
        let others =
            self.alarms.len() + self.rejected.len() + self.actions.len() + self.decoders.len();
        self.readings.len() + self.alerts.len() + self.series.len() + others
    }

    /// The places it takes on its route, some 250 bytes each: its rows, and what there is besides.
    #[must_use]
    pub fn places(&self) -> usize {
        /// So that there are a thousand messages at most where there is room for 20,000 rows.
        const OF_ITS_OWN: usize = 20;
        /// Up to 4 KiB are kept of each.
        const OF_A_REJECTED: usize = 16;
        /// Up to 6 KiB each, with a rule that looks back.
        const OF_A_CHECKPOINT: usize = 24;
        /// Bytes in one place.
        const PLACE_BYTES: usize = 250;
        OF_ITS_OWN
            + self.num_rows()
            + OF_A_REJECTED * self.rejected.len()
            + OF_A_CHECKPOINT * self.series.len()
            + self.decoders.iter().map(DecoderChange::num_bytes).sum::<usize>() / PLACE_BYTES
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

/// Web → intake: an operator's action. Answered when what it did is committed; `Err` when that isn't known, and
/// the outcome must be looked up.
#[derive(Message)]
#[rtype(result = "Result<ActionRecord, String>")]
pub struct Operate {
    /// Action to be applied.
    pub action: OperatorAction,
}

/// What is committed, as far as evaluation must know it to go on.
#[derive(Debug, Default)]
pub struct ResumePoint {
    /// The last record of the log that is committed.
    pub position: Position,
    /// Wall clock of that record's receipt, where it is known.
    pub received_at: Option<DateTime<Utc>>,
    /// The latest wall clock of any receipt: later than the last one's where the clock was put back since.
    pub latest_received_at: Option<DateTime<Utc>>,
    /// Of the last message committed.
    pub number: u64,
    /// Number of the last alert event ever stored; the next event's is one more.
    pub last_event: u64,
    /// Listening clocks as of the position.
    pub clocks: ListeningClocks,
    /// Alerts that have been raised and not resolved.
    pub standing: Vec<StandingAlert>,
    /// States of alarms that are not at rest.
    pub alarms: Vec<AlarmState>,
    /// Checkpoints of series.
    pub series: Vec<SeriesState>,
    /// Readings committed after the checkpoint of their series, those of a table in the order of their commits.
    pub since: ReadingStream,
    /// How many of the last readings those are among.
    pub since_checkpoints: ReadingCounts,
    /// What payload formats remember, as of the position.
    pub decoders: Vec<DecoderChange>,
    /// The last readings committed, for dedup.
    pub recent: RecentReadings,
}

/// Readings, read from the store as they are asked for, each with how many of the same table that are read again lie
/// before it; blocks its thread. An error ends it.
pub struct ReadingStream(Box<dyn Iterator<Item = Result<(u64, Reading), String>> + Send>);

impl ReadingStream {
    /// A stream of what an iterator brings.
    #[must_use]
    pub fn new(
        readings: impl Iterator<Item = Result<(u64, Reading), String>> + Send + 'static,
    ) -> Self {
        Self(Box::new(readings))
    }
}

impl Default for ReadingStream {
    fn default() -> Self {
        Self::new(std::iter::empty())
    }
}

impl Iterator for ReadingStream {
    type Item = Result<(u64, Reading), String>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

impl std::fmt::Debug for ReadingStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReadingStream")
    }
}

/// Fingerprints of the last readings committed, oldest first.
#[derive(Debug, Default)]
pub struct RecentReadings {
    /// Readings of the quantity `temperature`.
    pub temperatures: Vec<Fingerprint>,
    /// Readings of all other quantities.
    pub others: Vec<Fingerprint>,
}

impl RecentReadings {
    /// Readings of each kind that dedup remembers: a quarter of a minute at 2,000 a second. What 32,768 places
    /// of a hash table hold, some 500 kB with their order.
    pub const CAPACITY: usize = 28_672;
}

/// Evaluator → storage: which of these readings are stored? Answered with the fingerprints of those that are, from
/// what is committed.
#[derive(Message)]
#[rtype(result = "Result<Vec<Fingerprint>, String>")]
pub struct FindStored {
    /// Readings to look for.
    pub readings: Vec<Reading>,
}

/// Cursors over the log. Records behind all of them can be deleted.
#[derive(Debug, Default)]
pub struct Cursors {
    /// Set by storage: the last record whose rows are committed.
    pub evaluation: Cursor,
    /// Set by storage: where evaluation was before the last look that found the database at its path. What was
    /// committed since may be in a file that is gone.
    pub verified: Cursor,
    /// Set by the gateway, and committed by storage: every own reading up to here is published or skipped.
    pub publication: Cursor,
    /// Set by storage: the database is not at its path, so nothing may be acknowledged.
    pub is_astray: AtomicBool,
}

/// A position in the log that only grows.
#[derive(Debug, Default)]
pub struct Cursor(AtomicU64);

impl Cursor {
    /// A cursor at a position.
    #[must_use]
    pub const fn new(position: Position) -> Self {
        Self(AtomicU64::new(position))
    }

    /// Position of the last record that the cursor is past.
    #[must_use]
    pub fn position(&self) -> Position {
        self.0.load(Ordering::Acquire)
    }

    /// Moves it forward. A position that lies behind changes nothing.
    pub fn advance(&self, position: Position) {
        self.0.fetch_max(position, Ordering::AcqRel);
    }
}

/// Storage → gateway: publish these announced alert events, in this order. Each takes one of the gateway's
/// credits until it is in a [`PushReport`]. Idempotent: the gateway ignores events it has.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct PushAlerts {
    /// The gateway's incarnation that has the credits; any other ignores the message.
    pub incarnation: u32,
    /// Events in the order of their numbers.
    pub events: Vec<Arc<AlertEvent>>,
}

/// One connection of one incarnation of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewayLink {
    /// Incarnation of the gateway, from 1.
    pub incarnation: u32,
    /// Connections made by the incarnation; 0 before the first.
    pub connection: u32,
}

/// Gateway → storage: what became of pushed alert events. An empty one announces a new incarnation, which
/// returns all credits, or a new connection. Answered once the deliveries can't be lost but by the death of
/// the process, with whether more events follow.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub struct PushReport {
    /// The connection that reports.
    pub link: GatewayLink,
    /// Numbers of events whose delivery the broker has completed.
    pub delivered: Vec<u64>,
    /// Numbers of events whose topic the broker refuses.
    pub refused: Vec<u64>,
}

/// Heartbeat → gateway: publish a beat. Answered with whether the connection carries it.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub struct Beat {
    /// Topic to publish on.
    pub topic: Arc<str>,
}

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
    /// Number of the last alert event it has taken in; `None` for a new receiver.
    pub through: Option<u64>,
    /// Number of the last alert event stored: a new receiver begins after it.
    pub last_event: u64,
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
    /// Number of the last alert event it has taken in.
    pub through: u64,
    /// In place of what was kept under these names; `None` for what is no more.
    pub parts: Vec<(String, Option<String>)>,
}

/// Receiver → storage: alert events, oldest first.
#[derive(Message)]
#[rtype(result = "Result<Vec<AlertEvent>, String>")]
pub enum LoadAlerts {
    /// Those after an event that are announced, and the ends that their rules do not announce, as with
    /// `announce = "every-reading"`.
    After {
        /// Number of the event after which to read.
        number: u64,
        /// Row limit.
        at_most: usize,
    },
    /// Those of these numbers that are stored.
    Numbers(Vec<u64>),
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
