//! Every name these tests take for granted that a user could also see: the contract's, and the few
//! beyond it.

/// `sensor_data.db` unless configured.
pub const DATABASE: &str = "sensor_data.db";

/// The API's socket, beside the database.
pub const API_SOCKET: &str = "sensor_data.db.api";

/// The folder of the log, beside the database.
pub const LOG: &str = "sensor_data.db.journal";

/// How many own readings wait for the broker before the oldest are skipped.
pub const PUBLICATION_CAPACITY: usize = 50_000;

pub const READING_COLUMNS: [&str; 6] =
    ["id", "sensor_id", "location", "temperature", "timestamp", "alert_triggered"];

pub const READINGS: &str = "factory/sensors/temperature";
pub const ALERTS: &str = "factory/alerts/temperature";
pub const STATUS: &str = "factory/sensors/status";

/// `vigie run`'s option that names the file to write once all is up.
pub const READY_FILE_OPTION: &str = "--ready-file";

/// How many messages were rejected, kept in `rejected_messages` or not.
pub const REJECTED_TOTAL: &str = "SELECT value FROM counters WHERE name = 'rejected_total'";

/// The key under `[storage]` that bounds `rejected_messages`.
pub const REJECTED_KEEP_KEY: &str = "rejected_keep";

/// Readings of every quantity.
pub const ALL_READINGS: &str = "SELECT count(*) FROM readings";

/// The alert events in their order: state, time, value.
pub const ALERT_EVENTS: &str = "SELECT state, timestamp, value FROM alerts ORDER BY id";

/// Faults on request.
pub const FAULTS: &str = "VIGIE_FAULTS";

/// Words of the English log.
pub const CONNECTED: &str = "✅ Connected to ";
pub const CANT_CONNECT: &str = "❌ Can't connect to ";
pub const CONNECTION_TO: &str = "⚠️ Connection to ";
pub const LOST: &str = " lost: ";

/// What the log says of a database that takes nothing, and when it does again.
pub const NOTHING_STORED: &str = "nothing can be stored for now";
pub const STORING_AGAIN: &str = "storing again after";

/// What it says of a full disk, as SQLite or the system calls it, and of its end.
pub const FULL: [&str; 2] = ["disk is full", "No space left"];
pub const AGAIN: &str = " again after ";

/// What the log says, before its name, of a part that panics.
pub const PANIC_IN: &str = "panic in ";
