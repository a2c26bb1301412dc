//! Reads a recording: a CSV file of `timestamp,value`, with or without that header.
//!
//! An unreadable row is an error with its line number; reading continues after it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::config::TimeStyle;
use crate::domain::{Value, time};

/// One row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    pub timestamp: DateTime<Utc>,
    pub value: Value,
}

/// An open recording.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    lines: BufReader<File>,
    line_number: u64,
    times: TimeStyle,
}

impl Recording {
    /// # Errors
    /// If the file can't be opened; names the file and the cause.
    pub fn open(path: &Path, times: TimeStyle) -> Result<Self, String> {
        let file = File::open(path)
            .map_err(|error| format!("can't open the recording {}: {error}", path.display()))?;
        Ok(Self { path: path.to_owned(), lines: BufReader::new(file), line_number: 0, times })
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// Error with file, line and cause.
    pub fn next_row(&mut self) -> Option<Result<Row, String>> {
        loop {
            let mut line = String::new();
            self.line_number += 1;
            match self.lines.read_line(&mut line) {
                Ok(0) => return None,
                Ok(_) if line.trim().is_empty() || self.is_header(&line) => {}
                Ok(_) => return Some(self.parse(line.trim())),
                // Not text, or the disk failed: nothing after this line can be trusted.
                Err(error) => return Some(Err(self.complaint(&error.to_string()))),
            }
        }
    }

    fn is_header(&self, line: &str) -> bool {
        self.line_number == 1 && line.trim().eq_ignore_ascii_case("timestamp,value")
    }

    fn parse(&self, line: &str) -> Result<Row, String> {
        let (timestamp, value) =
            line.split_once(',').ok_or_else(|| self.complaint("expected `timestamp,value`"))?;
        let timestamp = time::parse(timestamp.trim(), self.times.zone)
            .map_err(|error| self.complaint(&error.to_string()))?;
        let value = value.trim();
        let value = value
            .parse()
            .ok()
            .and_then(|number| Value::new(number).ok())
            .ok_or_else(|| self.complaint(&format!("`{value}` is no finite number")))?;
        Ok(Row { timestamp, value })
    }

    fn complaint(&self, what: &str) -> String {
        format!("{}:{}: {what}", self.path.display(), self.line_number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Result<Row, String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.csv");
        std::fs::write(&path, text).unwrap();
        let times = TimeStyle { naive: false, zone: chrono_tz::UTC };
        let mut recording = Recording::open(&path, times).unwrap();
        std::iter::from_fn(|| recording.next_row()).collect()
    }

    #[test]
    fn rows_are_read_with_and_without_a_header() {
        let row = "2013-12-02 21:20:00,74.93588199999998\n";
        for text in [format!("timestamp,value\n{row}"), format!("{row}\n")] {
            let rows = rows(&text);
            let row = rows[0].as_ref().unwrap();
            assert_eq!(rows.len(), 1);
            assert_eq!(row.timestamp.to_rfc3339(), "2013-12-02T21:20:00+00:00");
            assert_eq!(row.value.to_string(), "74.93588199999998");
        }
    }

    #[test]
    fn a_bad_row_is_named_and_passed_over() {
        let rows = rows(
            "timestamp,value\nyesterday,1\n2013-12-02 21:20:00,nan\nx\n2013-12-02 21:25:00,2\n",
        );
        assert_eq!(rows.len(), 4);
        assert!(rows[0].as_ref().unwrap_err().contains("r.csv:2: "));
        assert!(rows[1].as_ref().unwrap_err().contains("r.csv:3: `nan` is no finite number"));
        assert!(rows[2].as_ref().unwrap_err().contains("r.csv:4: expected"));
        assert!(rows[3].is_ok());
    }
}
