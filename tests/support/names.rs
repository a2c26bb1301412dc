//! User-visible names that the tests rely on: those of the contract, and a few others.

/// Default file name of the database.
pub const DATABASE: &str = "sensor_data.db";

/// Suffix of the API's socket, beside the database.
pub const API_SOCKET: &str = "sensor_data.db.api";

/// Suffix of the journal's folder, beside the database.
pub const LOG: &str = "sensor_data.db.journal";

/// Limit of pending own readings; beyond it the oldest are skipped.
pub const PUBLICATION_CAPACITY: usize = 50_000;

pub const READING_COLUMNS: [&str; 6] =
    ["id", "sensor_id", "location", "temperature", "timestamp", "alert_triggered"];

pub const READINGS: &str = "factory/sensors/temperature";
pub const ALERTS: &str = "factory/alerts/temperature";
pub const STATUS: &str = "factory/sensors/status";

/// Option of `vigie run` that names the ready file.
pub const READY_FILE_OPTION: &str = "--ready-file";

/// Query: number of rejected messages, including those no longer kept.
pub const REJECTED_TOTAL: &str = "SELECT value FROM counters WHERE name = 'rejected_total'";

/// Key of `[storage]` that bounds `rejected_messages`.
pub const REJECTED_KEEP_KEY: &str = "rejected_keep";

/// Readings of every quantity.
pub const ALL_READINGS: &str = "SELECT count(*) FROM readings";

/// Query: alert events in order, as state, time, value.
pub const ALERT_EVENTS: &str = "SELECT state, timestamp, value FROM alerts ORDER BY id";

/// Environment variable for fault injection.
pub const FAULTS: &str = "VIGIE_FAULTS";

/// Phrases of the English log.
pub const CONNECTED: &str = "✅ Connected to ";
pub const CANT_CONNECT: &str = "❌ Can't connect to ";
pub const CONNECTION_TO: &str = "⚠️ Connection to ";
pub const LOST: &str = " lost: ";

/// Log phrases for a database that can't be written, and for its recovery.
pub const NOTHING_STORED: &str = "nothing can be stored for now";
pub const STORING_AGAIN: &str = "storing again after";

/// Log phrases for a full disk, in SQLite's words and in the system's, and for its recovery.
pub const FULL: [&str; 2] = ["disk is full", "No space left"];
pub const AGAIN: &str = " again after ";

/// Log phrase before the name of an actor that panics.
pub const PANIC_IN: &str = "panic in ";
