//! Read-only access to the daemon's database, while it runs or after.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use r2d2_sqlite::rusqlite::{Connection, OpenFlags};

use super::{names, time};

pub struct Db {
    path: PathBuf,
}

/// A row of `sensor_readings`, without its id.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub sensor_id: String,
    pub location: String,
    pub temperature: f64,
    pub timestamp: String,
    pub alert_triggered: bool,
}

impl Row {
    pub fn time(&self) -> DateTime<Utc> {
        time(&self.timestamp)
    }
}

impl Db {
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub fn path(&self) -> &PathBuf {
        &self.path
    }

    fn open(&self) -> Connection {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(&self.path, flags)
            .unwrap_or_else(|error| panic!("open {}: {error}", self.path.display()))
    }

    /// The single integer that a query returns.
    pub fn number(&self, sql: &str) -> i64 {
        let answer = self.open().query_row(sql, [], |row| row.get(0));
        answer.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The single text column of each row that a query returns.
    pub fn texts(&self, sql: &str) -> Vec<String> {
        let db = self.open();
        let mut query = db.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let rows = query.query_map([], |row| row.get(0)).expect("run a query");
        rows.map(|row| row.expect("a text")).collect()
    }

    /// Alert events in order: state, time, value.
    pub fn alert_events(&self) -> Vec<(String, DateTime<Utc>, f64)> {
        let db = self.open();
        let mut query = db.prepare(names::ALERT_EVENTS).expect("the table of alerts");
        let events = query
            .query_map([], |row| Ok((row.get(0)?, time(&row.get::<_, String>(1)?), row.get(2)?)));
        events.expect("run a query").map(|event| event.expect("an event")).collect()
    }

    /// Values of the readings that `numbered` published, in row order.
    pub fn numbers(&self) -> Vec<usize> {
        let db = self.open();
        let sql = "SELECT CAST(temperature AS INTEGER) FROM sensor_readings
                   WHERE sensor_id GLOB 'S_[0-9]*' ORDER BY id";
        let mut query = db.prepare(sql).expect("the table");
        let numbers = query.query_map([], |row| row.get::<_, u32>(0)).expect("run a query");
        numbers.map(|number| number.expect("a number") as usize).collect()
    }

    /// Number of rows of `sensor_readings`.
    pub fn count(&self) -> usize {
        let count = self.number("SELECT count(*) FROM sensor_readings");
        usize::try_from(count).expect("a count")
    }

    /// Rows of `sensor_readings` by id; fails unless it has exactly its six columns.
    pub fn rows(&self) -> Vec<Row> {
        let db = self.open();
        let mut query = db.prepare("SELECT * FROM sensor_readings ORDER BY id").expect("the table");
        assert_eq!(query.column_names(), names::READING_COLUMNS);
        let rows = query.query_map([], |row| {
            Ok(Row {
                sensor_id: row.get(1)?,
                location: row.get(2)?,
                temperature: row.get(3)?,
                timestamp: row.get(4)?,
                alert_triggered: row.get(5)?,
            })
        });
        rows.expect("run a query").map(|row| row.expect("a row of the table's types")).collect()
    }
}
