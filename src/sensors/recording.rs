//! Reads a recording: a CSV file (RFC 4180) with the columns `timestamp,value`, with or without that header.
//!
//! An unreadable row is an error with its line number; reading continues after it. A failure of the disk ends the
//! recording.

use std::fs::File;
use std::io::{Chain, Read};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use csv::{ErrorKind, ReaderBuilder, StringRecord, Terminator};

use crate::config::TimeStyle;
use crate::domain::{Value, time};

const LINE_FEED: u8 = b'\n';

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
    records: csv::Reader<Chain<File, &'static [u8]>>,
    times: TimeStyle,
}

impl Recording {
    /// # Errors
    /// If the file can't be opened; names the file and the cause.
    pub fn open(path: &Path, times: TimeStyle) -> Result<Self, String> {
        let file = File::open(path)
            .map_err(|error| format!("can't open the recording {}: {error}", path.display()))?;
        // Every record ends with a line feed, the last one too, so line numbers follow from the line feeds read. The
        // carriage return of CRLF is trimmed with other blanks.
        let records = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .terminator(Terminator::Any(LINE_FEED))
            .from_reader(file.chain(&[LINE_FEED][..]));
        Ok(Self { path: path.to_owned(), records, times })
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// Error with file, line and cause.
    pub fn next_row(&mut self) -> Option<Result<Row, String>> {
        let mut record = StringRecord::new();
        loop {
            let is_first = self.records.position().record() == 0;
            let row = match self.records.read_record(&mut record) {
                Ok(false) => return None,
                Ok(true) if is_blank(&record) || (is_first && is_header(&record)) => continue,
                Ok(true) => self.parse(&record),
                Err(error) => Err(cause(&error)),
            };
            return Some(row.map_err(|cause| self.complaint(&record, &cause)));
        }
    }

    fn parse(&self, record: &StringRecord) -> Result<Row, String> {
        if spans_lines(record) {
            return Err("a quoted field spans several lines: close its quote".into());
        }
        let fields: Vec<_> = record.iter().map(str::trim).collect();
        let [timestamp, value] = fields[..] else {
            return Err("expected `timestamp,value`".into());
        };
        let timestamp =
            time::parse(timestamp, self.times.zone).map_err(|error| error.to_string())?;
        let value = value
            .parse()
            .ok()
            .and_then(|number| Value::new(number).ok())
            .ok_or_else(|| format!("`{value}` is no finite number"))?;
        Ok(Row { timestamp, value })
    }

    fn complaint(&self, record: &StringRecord, cause: &str) -> String {
        let line = match record.position() {
            Some(start) if spans_lines(record) => start.line(),
            // Blank lines may have come before the record, so its own line is counted from its end.
            _ => self.records.position().line().saturating_sub(1),
        };
        format!("{}:{line}: {cause}", self.path.display())
    }
}

fn is_blank(record: &StringRecord) -> bool {
    record.len() <= 1 && record.iter().all(|field| field.trim().is_empty())
}

fn is_header(record: &StringRecord) -> bool {
    let names = record.iter().map(|name| name.trim().to_ascii_lowercase());
    names.eq(["timestamp", "value"].map(str::to_owned))
}

fn spans_lines(record: &StringRecord) -> bool {
    record.iter().any(|field| field.trim().contains('\n'))
}

fn cause(error: &csv::Error) -> String {
    match error.kind() {
        ErrorKind::Io(error) => error.to_string(),
        ErrorKind::Utf8 { .. } => "not UTF-8: save the recording as UTF-8 text".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: impl AsRef<[u8]>) -> Vec<Result<Row, String>> {
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
    fn an_invalid_row_is_reported_and_skipped() {
        let rows = rows(
            "timestamp,value\nyesterday,1\n2013-12-02 21:20:00,nan\nx\n2013-12-02 21:25:00,2\n",
        );
        assert_eq!(rows.len(), 4);
        assert!(rows[0].as_ref().unwrap_err().contains("r.csv:2: "));
        assert!(rows[1].as_ref().unwrap_err().contains("r.csv:3: `nan` is no finite number"));
        assert!(rows[2].as_ref().unwrap_err().contains("r.csv:4: expected"));
        assert!(rows[3].is_ok());
    }

    #[test]
    fn files_of_other_programs_are_read() {
        let rows = rows(
            "\u{feff}\"Timestamp\",\"Value\"\r\n\"2013-12-02 21:20:00\",\"1\"\r\n\r\n2013-12-02 21:25:00 , 2\r\n\
             \"2013-12-02 21:30:00\",3",
        );
        let values: Vec<_> = rows.iter().map(|row| row.as_ref().unwrap().value.get()).collect();
        assert_eq!(values, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn an_error_names_its_line_whatever_the_line_ends_and_blank_lines() {
        for text in ["\n\nx\n\ny", "\r\n\r\nx\r\n\r\ny\r\n", "timestamp,value\n \nx\r\n\t\ny\n"] {
            let errors: Vec<_> = rows(text).into_iter().map(Result::unwrap_err).collect();
            let [first, second] = &errors[..] else { panic!("{errors:?}") };
            assert!(first.ends_with("r.csv:3: expected `timestamp,value`"), "{first}");
            assert!(second.ends_with("r.csv:5: expected `timestamp,value`"), "{second}");
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_is_named_where_it_opens() {
        let rows = rows("2013-12-02 21:20:00,1\n2013-12-02 21:25:00,\"2\n2013-12-02 21:30:00,3\n");
        assert_eq!(rows.len(), 2);
        assert!(rows[1].as_ref().unwrap_err().contains("r.csv:2: a quoted field spans"));
    }

    #[test]
    fn text_that_is_not_utf_8_costs_its_row_alone() {
        let rows = rows(b"2013-12-02 21:20:00,\xff\n2013-12-02 21:25:00,2\n");
        assert!(rows[0].as_ref().unwrap_err().contains("r.csv:1: not UTF-8"));
        assert!(rows[1].is_ok());
    }

    #[test]
    fn a_failure_of_the_disk_ends_the_recording() {
        let times = TimeStyle { naive: false, zone: chrono_tz::UTC };
        let mut folder = Recording::open(Path::new("/"), times).unwrap();
        assert!(folder.next_row().unwrap().is_err());
        assert!(folder.next_row().is_none());
    }
}
