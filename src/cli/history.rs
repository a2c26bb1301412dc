//! Common parts of the commands that read history: times on the command line, tables, errors.

use std::io::{self, Write};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

use crate::config::duration;
use crate::exit::Exit;
use crate::logging::one_line;
use crate::store::{LedgerError, QueryError};

/// Why a command failed, in one line.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Open(#[from] LedgerError),
    #[error("{0}")]
    Query(String),
    #[error("can't write the output: {0}")]
    Output(io::Error),
}

impl CommandError {
    /// Exit code: "unavailable" for a database error.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Open(_) | Self::Query(_) => Exit::Unavailable,
            Self::Output(_) => Exit::Failed,
        }
    }
}

impl From<QueryError> for CommandError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Output(error) => Self::Output(error),
            error @ QueryError::Database(_) => Self::Query(error.to_string()),
        }
    }
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Treats a closed pipe (`| head`) as a normal end.
pub(super) fn or_closed_pipe(result: Result<(), CommandError>) -> Result<(), CommandError> {
    match result {
        Err(CommandError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// A time given on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Ago(Duration),
    At(DateTime<Utc>),
}

impl When {
    pub(super) fn before(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Ago(ago) => chrono::TimeDelta::from_std(ago)
                .ok()
                .and_then(|ago| now.checked_sub_signed(ago))
                .unwrap_or(DateTime::<Utc>::MIN_UTC),
            Self::At(at) => at,
        }
    }

    /// # Errors
    /// If the form is invalid; names the valid ones.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Ok(ago) = duration::parse(text) {
            return Ok(Self::Ago(ago));
        }
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(at.with_timezone(&Utc)));
        }
        for form in
            ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
        {
            if let Ok(at) = NaiveDateTime::parse_from_str(text, form) {
                return Ok(Self::At(at.and_utc()));
            }
        }
        if let Ok(date) = text.parse::<NaiveDate>() {
            return Ok(Self::At(date.and_time(chrono::NaiveTime::MIN).and_utc()));
        }
        Err("use a time ago (`90s`, `15m`, `1h`, `2d`), a date (`2024-08-14`) or a time \
             (`2024-08-14T10:30:00`, UTC unless it says `+02:00`)"
            .into())
    }
}

/// Characters that begin a formula in spreadsheets, in either width.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// Rows whose cells determine the column widths; later ones may exceed them.
const MEASURED_ROWS: usize = 1_000;

/// Writes rows under a header, in columns. Holds back the first rows to measure them.
pub(super) struct Table<'a, const N: usize> {
    out: &'a mut dyn Write,
    widths: [usize; N],
    held: Vec<[String; N]>,
    is_measuring: bool,
}

impl<'a, const N: usize> Table<'a, N> {
    pub fn new(out: &'a mut dyn Write, header: [&str; N]) -> Self {
        let held = vec![header.map(str::to_owned)];
        Self { out, widths: [0; N], held, is_measuring: true }
    }

    /// Minimum widths, for rows that come after the widths are fixed.
    pub fn at_least(mut self, widths: [usize; N]) -> Self {
        self.widths = widths;
        self
    }

    pub fn row(&mut self, cells: [String; N]) -> io::Result<()> {
        let cells = cells.map(|cell| one_line(&cell).into_owned());
        if !self.is_measuring {
            return self.write(&cells);
        }
        self.held.push(cells);
        if self.held.len() > MEASURED_ROWS { self.flush() } else { Ok(()) }
    }

    /// Writes the buffered rows; the widths are fixed then.
    pub fn flush(&mut self) -> io::Result<()> {
        self.is_measuring = false;
        for cells in &self.held {
            for (width, cell) in self.widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for cells in std::mem::take(&mut self.held) {
            self.write(&cells)?;
        }
        self.out.flush()
    }

    fn write(&mut self, cells: &[String; N]) -> io::Result<()> {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(self.widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        writeln!(self.out, "{}", line.trim_end())
    }
}

/// Field by RFC 4180: quoted if needed. On one line, and no formula in a spreadsheet: a possible one gets an
/// apostrophe, as OWASP advises.
pub(super) fn csv_field(text: &str) -> String {
    let is_number = || text.parse::<f64>().is_ok_and(f64::is_finite);
    let guard = if text.starts_with(FORMULA) && !is_number() { "'" } else { "" };
    let field = format!("{guard}{}", one_line(text));
    if field.contains([',', '"']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}

/// Waits, or returns early on Ctrl-C; the result says whether to continue.
///
/// # Errors
/// If the system provides no runtime for the signal.
///
/// # Panics
/// If it, or the function that it returns, is called inside an async runtime.
pub fn until_ctrl_c() -> io::Result<impl FnMut(Duration) -> bool> {
    let runtime = actix_rt::Runtime::new()?;
    // One future for all waits, so that a press between two of them is not missed.
    let mut pressed = Box::pin(actix_rt::signal::ctrl_c());
    Ok(move |pause| {
        runtime.block_on(async { tokio::time::timeout(pause, &mut pressed).await.is_err() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2024-08-14T10:30:00Z".parse().unwrap()
    }

    #[test]
    fn times_have_many_forms() {
        for (text, expected) in [
            ("1h", "2024-08-14T09:30:00Z"),
            ("90s", "2024-08-14T10:28:30Z"),
            ("2024-08-14", "2024-08-14T00:00:00Z"),
            ("2024-08-14T10:30", "2024-08-14T10:30:00Z"),
            ("2024-08-14 10:30:00", "2024-08-14T10:30:00Z"),
            ("2024-08-14T10:30:00.5", "2024-08-14T10:30:00.5Z"),
            ("2024-08-14T10:30:00+02:00", "2024-08-14T08:30:00Z"),
            ("2024-08-14T10:30:00Z", "2024-08-14T10:30:00Z"),
        ] {
            let expected: DateTime<Utc> = expected.parse().unwrap();
            assert_eq!(When::parse(text).unwrap().before(now()), expected, "{text}");
        }
        assert!(When::parse("36525d").unwrap().before(now()) < now());
    }

    #[test]
    fn what_is_no_time_is_refused_with_the_forms() {
        for text in ["", "yesterday", "1", "1 h", "-1h", "2024-13-01", "10:30"] {
            assert!(When::parse(text).unwrap_err().contains("15m"), "{text}");
        }
    }

    #[test]
    fn a_cell_of_csv_is_no_formula_and_on_one_line() {
        for (text, expected) in [
            ("TEMP_001", "TEMP_001"),
            ("-5.5", "-5.5"),
            ("+1e3", "+1e3"),
            ("a,\"b\"", "\"a,\"\"b\"\"\""),
            ("=cmd|'/C calc'!A0", "'=cmd|'/C calc'!A0"),
            ("=HYPERLINK(\"x\",1)", "\"'=HYPERLINK(\"\"x\"\",1)\""),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+1+1", "'+1+1"),
            ("-x", "'-x"),
            ("-inf", "'-inf"),
            ("＝1", "'＝1"),
            ("\t=1", "'\\u{9}=1"),
            ("a\nb\u{202e}c", "a\\u{a}b\\u{202e}c"),
        ] {
            assert_eq!(csv_field(text), expected);
        }
    }

    #[test]
    fn tables_are_as_wide_as_their_cells() {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, ["id", "location"]);
        table.row(["TEMP_001".into(), "Entrepôt".into()]).unwrap();
        table.row(["T".into(), "\u{1b}[2J".into()]).unwrap();
        table.flush().unwrap();
        table.row(["late".into(), "and far too wide".into()]).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "id        location\nTEMP_001  Entrepôt\nT         \\u{1b}[2J\n\
             late      and far too wide\n"
        );
    }
}
