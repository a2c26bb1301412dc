//! `vigie readings`: reads history.

use std::io::{self, Write};
use std::path::Path;

use chrono::{DateTime, Utc};

use super::ConfigFile;
use super::history::{CommandError, Table, When, csv_field, or_closed_pipe};
use crate::store::{History, ReadingFilter, ReadingRow};

/// How many rows a table has unless `--limit` says so: some screens of the newest.
const TABLE_ROWS: u64 = 100;

const COLUMNS: [&str; 7] =
    ["sensor_id", "location", "quantity", "value", "unit", "timestamp", "alert_triggered"];

/// Shows stored readings.
///
/// A table shows the newest 100, newest first. CSV and JSON give all of them, oldest first, as they
/// were measured. `--limit` keeps the newest so many in either case. Times are UTC.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Only this sensor.
    #[arg(long, value_name = "ID")]
    pub sensor: Option<String>,
    /// Only this quantity, such as `temperature` or `humidity`.
    #[arg(long, value_name = "NAME")]
    pub quantity: Option<String>,
    /// Measured at or after this time: `1h` (ago), `2024-08-14`, `2024-08-14T10:30:00`.
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    pub since: Option<When>,
    /// Measured before this time.
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    pub until: Option<When>,
    /// Row limit; keeps the newest.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Output: a `table`, `csv` with a header, or `json` with one object a line.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: Format,
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

/// What the rows look like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    #[default]
    Table,
    Csv,
    Json,
}

/// Writes the readings of the database at `path` to `out`. A closed pipe is a normal end.
///
/// # Errors
/// If there is no database there, or it can't be read, or `out` fails.
pub fn run(
    args: &Args,
    path: &Path,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<(), CommandError> {
    let history = History::open(path)?;
    or_closed_pipe(show(args, &history, now, &mut io::BufWriter::new(out)))
}

fn show(
    args: &Args,
    history: &History,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<(), CommandError> {
    let is_table = args.format == Format::Table;
    let filter = ReadingFilter {
        sensor: args.sensor.clone(),
        quantity: args.quantity.clone(),
        since: args.since.map(|since| since.before(now)),
        until: args.until.map(|until| until.before(now)),
        newest: args.limit.or(is_table.then_some(TABLE_ROWS)),
        newest_first: is_table,
    };
    match args.format {
        Format::Table => {
            let mut table = Table::new(out, COLUMNS);
            history.readings(&filter, &mut |row| table.row(cells(row)))?;
            table.flush()?;
        }
        Format::Csv => {
            writeln!(out, "{}", COLUMNS.join(","))?;
            history.readings(&filter, &mut |row| {
                writeln!(out, "{}", cells(row).map(|cell| csv_field(&cell)).join(","))
            })?;
        }
        Format::Json => {
            history.readings(&filter, &mut |row| {
                serde_json::to_writer(&mut *out, &row).map_err(io::Error::from)?;
                writeln!(out)
            })?;
        }
    }
    Ok(out.flush()?)
}

fn cells(row: ReadingRow) -> [String; 7] {
    let value = row.value.map(|value| format!("{value:?}")).unwrap_or_default();
    let triggered = row.alert_triggered.to_string();
    [row.sensor_id, row.location, row.quantity, value, row.unit, row.timestamp, triggered]
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::store::fixtures::{at, humidity, readings, stored, temperature};

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn args(words: &str) -> Args {
        Cli::try_parse_from(format!("readings {words}").split_whitespace()).unwrap().args
    }

    fn shown(path: &Path, words: &str) -> String {
        let mut out = Vec::new();
        run(&args(words), path, at(60), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn history() -> (tempfile::TempDir, std::path::PathBuf) {
        let mut quoted = humidity("HUM_001", 2, 40.0);
        quoted.reading.location = crate::domain::Location::new("Hall \"B\", nord");
        stored(&[readings([
            temperature("TEMP_001", 0, 24.5),
            temperature("TEMP_001", 1, 38.2),
            quoted,
        ])])
    }

    #[test]
    fn a_table_is_newest_first() {
        let (_folder, path) = history();
        assert_eq!(
            shown(&path, ""),
            "\
sensor_id  location            quantity     value  unit     timestamp                         alert_triggered
HUM_001    Hall \"B\", nord      humidity     40.0   percent  2024-08-14T10:30:02.000000+00:00  true
TEMP_001   Atelier Production  temperature  38.2   celsius  2024-08-14T10:30:01.000000+00:00  true
TEMP_001   Atelier Production  temperature  24.5   celsius  2024-08-14T10:30:00.000000+00:00  false
"
        );
    }

    #[test]
    fn csv_is_oldest_first_and_quoted() {
        let (_folder, path) = history();
        assert_eq!(
            shown(&path, "--format csv"),
            "\
sensor_id,location,quantity,value,unit,timestamp,alert_triggered
TEMP_001,Atelier Production,temperature,24.5,celsius,2024-08-14T10:30:00.000000+00:00,false
TEMP_001,Atelier Production,temperature,38.2,celsius,2024-08-14T10:30:01.000000+00:00,true
HUM_001,\"Hall \"\"B\"\", nord\",humidity,40.0,percent,2024-08-14T10:30:02.000000+00:00,true
"
        );
    }

    #[test]
    fn json_is_one_object_a_line() {
        let (_folder, path) = history();
        assert_eq!(
            shown(&path, "--format json --limit 1"),
            "{\"sensor_id\":\"HUM_001\",\"location\":\"Hall \\\"B\\\", nord\",\"quantity\":\"humidity\",\
             \"value\":40.0,\"unit\":\"percent\",\"timestamp\":\"2024-08-14T10:30:02.000000+00:00\",\
             \"alert_triggered\":true}\n"
        );
        assert_eq!(shown(&path, "--format json").lines().count(), 3);
    }

    #[test]
    fn options_choose_the_rows() {
        let (_folder, path) = history();
        let count =
            |words: &str| shown(&path, &format!("{words} --format csv")).lines().count() - 1;
        assert_eq!(count("--sensor TEMP_001"), 2);
        assert_eq!(count("--quantity humidity"), 1);
        assert_eq!(count("--sensor NONE"), 0);
        assert_eq!(count("--since 59s"), 2);
        assert_eq!(count("--since 2024-08-14T10:30:00 --until 2024-08-14T10:30:02"), 2);
        assert!(Cli::try_parse_from(["readings", "--since", "soon"]).is_err());
    }

    #[test]
    fn a_table_is_limited_unless_told_and_csv_is_whole() {
        let (_folder, path) = stored(&[readings((0..250).map(|n| temperature("T", n, 20.0)))]);
        assert_eq!(shown(&path, "").lines().count(), 101);
        assert_eq!(shown(&path, "--limit 240").lines().count(), 241);
        assert_eq!(shown(&path, "--format csv").lines().count(), 251);
    }

    /// Takes so many bytes, then is closed.
    struct Pipe(usize);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_a_normal_end() {
        let (_folder, path) = stored(&[readings((0..5_000).map(|n| temperature("T", n, 20.0)))]);
        for words in ["--format csv", "--format json", "--limit 5000"] {
            for bytes in [0, 10, 100_000] {
                run(&args(words), &path, at(60), &mut Pipe(bytes)).unwrap();
            }
        }
    }

    #[test]
    fn a_missing_database_is_said_to_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sensor_data.db");
        let error = run(&args(""), &path, at(0), &mut Vec::new()).unwrap_err();
        assert_eq!(error.exit(), crate::exit::Exit::Unavailable);
        let message = error.to_string();
        assert!(message.contains("sensor_data.db") && message.contains("vigie run"), "{message}");
        assert!(!path.exists());
    }
}
