//! Typed messages between actors, in the order of a reading's path.
//!
//! Each message is sent on a [`Route`](crate::supervisor::Route), a mailbox with a capacity. A sender names a
//! route, never an actor.

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

/// Sensor → intake: append these readings to the log, in this order. Answered when they are durable.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Measured {
    /// Readings in the order in which they are logged.
    pub readings: Vec<Reading>,
    /// Applies back-pressure from publication, for a replay at full speed: the answer is delayed while the
    /// publication backlog is full.
    pub is_paced: bool,
}

/// A reading with its verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Decoded reading.
    pub reading: Reading,
    /// Whether this reading violates a rule; `None` for a reading that is stored without evaluation.
    pub alert_triggered: Option<bool>,
}

/// Evaluator → storage: commit a batch together with the evaluation cursor, in one transaction.
#[derive(Debug, Default, Message)]
#[rtype(result = "()")]
pub struct Store {
    /// Sequence number of the batch, without gaps over the life of the database. Storage skips a number it has
    /// committed, so a repeated batch is idempotent.
    pub number: u64,
    /// Evaluation cursor: position of the last record in the batch.
    pub through: Position,
    /// Receipt time of that record; `None` before the first record.
    pub received_at: Option<DateTime<Utc>>,
    /// Listening clocks as of that record.
    pub clocks: ListeningClocks,
    /// Readings to store, in log order.
    pub readings: Vec<Judged>,
    /// Alert events of the batch, in order of occurrence.
    pub alerts: Vec<AlertEvent>,
    /// Changed alarm states.
    pub alarms: Vec<AlarmState>,
    /// Checkpoints of series, as of the end of the batch.
    pub series: Vec<SeriesState>,
    /// Changed decoder states.
    pub decoders: Vec<DecoderChange>,
    /// Number of newest readings that a restart must read in addition to the checkpoints, as of the end of the batch.
    pub since_checkpoints: ReadingCounts,
    /// Messages that could not be decoded.
    pub rejected: Vec<Rejected>,
    /// Operators' actions, including refused ones.
    pub actions: Vec<ActionRecord>,
    /// Completed once the batch is in the backlog, where only the end of the process loses it; dropped without a
    /// value if the batch was lost or refused.
    pub taken: Option<oneshot::Sender<()>>,
}

impl Store {
    /// Number of database rows in the batch.
    #[must_use]
    pub const fn num_rows(&self) -> usize {
        let others =
            self.alarms.len() + self.rejected.len() + self.actions.len() + self.decoders.len();
        self.readings.len() + self.alerts.len() + self.series.len() + others
    }

    /// Permits that the batch takes on its route, about 250 bytes each: its rows, and its other contents by size.
    #[must_use]
    pub fn places(&self) -> usize {
        /// Bounds the route to a thousand messages where it has room for 20,000 rows.
        const OF_ITS_OWN: usize = 20;
        /// Up to 4 KiB of each rejected message are stored.
        const OF_A_REJECTED: usize = 16;
        /// Up to 6 KiB each, for a rule with a window.
        const OF_A_CHECKPOINT: usize = 24;
        /// Bytes per permit.
        const PLACE_BYTES: usize = 250;
        OF_ITS_OWN
            + self.num_rows()
            + OF_A_REJECTED * self.rejected.len()
            + OF_A_CHECKPOINT * self.series.len()
            + self.decoders.iter().map(DecoderChange::num_bytes).sum::<usize>() / PLACE_BYTES
    }
}

/// Evaluator → storage: load the point at which evaluation resumes. Answered after all earlier batches are committed.
#[derive(Message)]
#[rtype(result = "Result<ResumePoint, String>")]
pub struct LoadResumePoint;

/// Evaluator → storage: barrier. Answered after all earlier batches are committed.
#[derive(Message)]
#[rtype(result = "Result<(), String>")]
pub struct ConfirmCommitted;

/// Web → intake: an operator's action. Answered when its effect is committed; `Err` if that is unknown, in which
/// case the caller looks the outcome up.
#[derive(Message)]
#[rtype(result = "Result<ActionRecord, String>")]
pub struct Operate {
    /// Action to apply.
    pub action: OperatorAction,
}

/// Committed state from which evaluation resumes.
#[derive(Debug, Default)]
pub struct ResumePoint {
    /// Evaluation cursor: the last committed record of the log.
    pub position: Position,
    /// Receipt time of that record; `None` if unknown.
    pub received_at: Option<DateTime<Utc>>,
    /// Latest receipt time of any record. It is later than `received_at` after the wall clock was set back.
    pub latest_received_at: Option<DateTime<Utc>>,
    /// Sequence number of the last committed batch.
    pub number: u64,
    /// Number of the last stored alert event; the next one is one more.
    pub last_event: u64,
    /// Listening clocks as of the position.
    pub clocks: ListeningClocks,
    /// Active alerts: raised and not resolved.
    pub standing: Vec<StandingAlert>,
    /// States of alarms other than normal.
    pub alarms: Vec<AlarmState>,
    /// Checkpoints of series.
    pub series: Vec<SeriesState>,
    /// Readings committed after the checkpoint of their series, by table, in commit order.
    pub since: ReadingStream,
    /// Number of newest readings that contain them.
    pub since_checkpoints: ReadingCounts,
    /// Decoder states as of the position.
    pub decoders: Vec<DecoderChange>,
    /// Newest committed readings, for deduplication.
    pub recent: RecentReadings,
}

/// Lazy stream of stored readings. Each item carries its index among the readings of the same table that are read
/// again. Blocks its thread; the first error ends the stream.
pub struct ReadingStream(Box<dyn Iterator<Item = Result<(u64, Reading), String>> + Send>);

impl ReadingStream {
    /// Stream over an iterator.
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
    /// Capacity of deduplication for each of the two kinds: a quarter of a minute at 2,000 readings a second. Fills a
    /// hash table of 32,768 slots, about 500 kB including the order.
    pub const CAPACITY: usize = 28_672;
}

/// Evaluator → storage: look readings up among the committed ones. Answered with the fingerprints of those found.
#[derive(Message)]
#[rtype(result = "Result<Vec<Fingerprint>, String>")]
pub struct FindStored {
    /// Readings to look up.
    pub readings: Vec<Reading>,
}

/// Cursors over the log. Segments behind all of them can be deleted.
#[derive(Debug, Default)]
pub struct Cursors {
    /// Evaluation cursor, set by storage: the last record whose rows are committed.
    pub evaluation: Cursor,
    /// Evaluation cursor as of the last successful identity check of the database file, set by storage. Later commits
    /// may have gone into a file that was moved or removed.
    pub verified: Cursor,
    /// Publication cursor, set by the gateway and committed by storage: every own reading up to it is published or skipped.
    pub publication: Cursor,
    /// Set by storage while the database is not at its path: nothing may be acknowledged.
    pub has_database_fault: AtomicBool,
}

/// Monotonic position in the log.
#[derive(Debug, Default)]
pub struct Cursor(AtomicU64);

impl Cursor {
    /// Cursor at a position.
    #[must_use]
    pub const fn new(position: Position) -> Self {
        Self(AtomicU64::new(position))
    }

    /// Position of the last consumed record.
    #[must_use]
    pub fn position(&self) -> Position {
        self.0.load(Ordering::Acquire)
    }

    /// Advances the cursor; ignores an earlier position.
    pub fn advance(&self, position: Position) {
        self.0.fetch_max(position, Ordering::AcqRel);
    }
}

/// Storage → gateway: publish these announced alert events, in this order. Each takes one of the gateway's
/// credits until it is in a [`PushReport`]. Idempotent: the gateway ignores events it has.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct PushAlerts {
    /// Incarnation of the gateway that holds the credits; any other incarnation ignores the message.
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

/// Gateway → storage: outcome of pushed alert events. An empty report announces a new connection, or a new
/// incarnation, which returns all credits. Answered once the deliveries are in the backlog, with whether more
/// events follow.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub struct PushReport {
    /// Reporting connection.
    pub link: GatewayLink,
    /// Numbers of events whose delivery the broker has completed.
    pub delivered: Vec<u64>,
    /// Numbers of events whose topic the broker refuses.
    pub refused: Vec<u64>,
}

/// Heartbeat → gateway: publish one heartbeat. Answered with whether it was handed to a connection.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub struct Beat {
    /// Topic to publish on.
    pub topic: Arc<str>,
}

/// Storage → receivers of notifications, by a watch channel: new alert events are committed.
pub type AlertsStored = tokio::sync::watch::Sender<()>;

/// Receiver → storage: load the receiver's state. Answered after all its earlier writes are committed.
#[derive(Message)]
#[rtype(result = "Result<SavedReceiver, String>")]
pub struct LoadReceiver {
    /// Name of the receiver.
    pub receiver: Arc<str>,
}

/// Stored state of a receiver of notifications.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SavedReceiver {
    /// Receiver's cursor: number of the last consumed alert event; `None` for a new receiver.
    pub through: Option<u64>,
    /// Number of the last stored alert event, where a new receiver starts.
    pub last_event: u64,
    /// State by part: names and texts as the receiver wrote them.
    pub parts: Vec<(String, String)>,
}

/// Receiver → storage: store its state, in one transaction. Answered once the write is in the backlog, where only
/// the end of the process loses it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SaveReceiver {
    /// Name of the receiver.
    pub receiver: Arc<str>,
    /// Receiver's cursor: number of the last consumed alert event.
    pub through: u64,
    /// Parts to replace, by name; `None` deletes the part.
    pub parts: Vec<(String, Option<String>)>,
}

/// Receiver → storage: read alert events, oldest first.
#[derive(Message)]
#[rtype(result = "Result<Vec<AlertEvent>, String>")]
pub enum LoadAlerts {
    /// Announced events after a cursor, including ends that the rule does not announce (`announce =
    /// "every-reading"`).
    After {
        /// Cursor: number of the event after which to read.
        number: u64,
        /// Row limit.
        at_most: usize,
    },
    /// Events with these numbers, as far as they are stored.
    Numbers(Vec<u64>),
}

/// Reloader → evaluator: replace the rules, for later incarnations too. Answered when they are in force; `Err` if the
/// evaluator ended meanwhile. Sending it again is idempotent.
#[derive(Message)]
#[rtype(result = "Result<(), String>")]
pub struct ReloadRules(pub AlarmConfig);

/// Configuration of alarms.
#[derive(Debug, Clone, Default)]
pub struct AlarmConfig {
    /// Rules in the order of the configuration.
    pub rules: Vec<Rule>,
    /// Suppression: maintenance windows, chattering and floods.
    pub quiet: QuietSettings,
    /// Series that are expected to send readings.
    pub expected: Arc<[Expected]>,
}

/// Signal handler or API → reloader: read the configuration again and apply the changes. Answered when all are
/// applied.
#[derive(Message)]
#[rtype(result = "ReloadAnswer")]
pub struct Reload;

/// Outcome of a reload, as text for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReloadAnswer {
    /// Applied changes.
    Done(String),
    /// Errors of the file; nothing was changed.
    Refused(String),
    /// Changes that failed, with the reason.
    Failed(String),
}

/// Embedded broker → gateway, by a watch channel: addresses of the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerAddress {
    /// Address of the plain TCP listener, for the gateway.
    pub addr: SocketAddr,
    /// Address for all other clients; differs if the broker uses TLS or listens beyond loopback.
    pub public: SocketAddr,
    /// User name and password, if the broker requires them.
    pub credentials: Option<(String, Secret)>,
}
