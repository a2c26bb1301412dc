//! `[storage.retention]`: retention of readings, buckets and alerts, and the size limit.

use std::time::Duration;

use super::duration;
use super::errors::{Mistake, quote};
use super::inspector::At;
use super::model::RetentionConfig;
use super::reader::TableReader;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Rows are needed until their hour is summed up.
const SHORTEST: Duration = Duration::from_secs(2 * 3600);

/// Minimum: a receiver of notifications may be unreachable for some days.
const SHORTEST_ALERTS: Duration = Duration::from_secs(7 * 24 * 3600);

/// Minimum: what a small fleet writes in a day, before any of it may be deleted.
const SMALLEST_BYTES: u64 = 64_000_000;

const SIZES: [(&str, u64); 8] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
];

pub(super) fn retention(mut table: TableReader<'_>) -> RetentionConfig {
    let mut read = |key, days| {
        let given = table.text(key).map(|it| checked(&table, it, age(it.value)));
        given.flatten().unwrap_or(Some(days * DAY))
    };
    let retention = RetentionConfig {
        raw: read("raw", 7),
        minute: read("minute", 14),
        quarter: read("quarter", 90),
        hour: read("hour", 5 * 365),
        alerts: read("alerts", 5 * 365),
        max_size: None,
    };
    let given = table.text("max_size").map(|it| checked(&table, it, size(it.value)));
    let max_size = given.flatten().unwrap_or(Some(20_000_000_000));
    let retention = RetentionConfig { max_size, ..retention };
    check(&table, &retention);
    table.finish();
    retention
}

fn checked<T>(
    table: &TableReader<'_>,
    At { at, .. }: At<&str>,
    read: Result<T, Mistake>,
) -> Option<T> {
    read.map_err(|mistake| table.wrong(at, mistake.what, mistake.hint)).ok()
}

/// Reports contradictory settings.
fn check(table: &TableReader<'_>, retention: &RetentionConfig) {
    let RetentionConfig { raw, minute, quarter, hour, alerts, max_size } = *retention;
    let wrong = |key: &str, what: &str, hint: &str| {
        let at = table.place_of(key).unwrap_or(table.at());
        table.wrong(at, format!("`{key}` {what}"), hint);
    };
    let least = |key, age: Option<Duration>, shortest: Duration, hint| {
        if age.is_some_and(|age| age < shortest) {
            wrong(key, &format!("is shorter than {}", duration::format(shortest)), hint);
        }
    };
    least("raw", raw, SHORTEST, "readings are needed until their hour is summed up");
    least("minute", minute, SHORTEST, "buckets are written after their hour");
    least("alerts", alerts, SHORTEST_ALERTS, "a receiver that was away reads them later");
    let hint = "a finer history is deleted before a coarser one: make this one longer, or the other shorter";
    let is_longer = |finer: Option<Duration>, coarser: Option<Duration>| {
        coarser.is_some_and(|coarser| finer.is_none_or(|finer| finer > coarser))
    };
    if is_longer(minute, quarter) {
        wrong("quarter", "is shorter than `minute`", hint);
    }
    if is_longer(quarter, hour) {
        wrong("hour", "is shorter than `quarter`", hint);
    }
    if max_size.is_some_and(|bytes| bytes < SMALLEST_BYTES) {
        wrong("max_size", "is below 64MB", "the readings of a few hours don't fit: make it larger");
    }
}

/// `7d`, `5y`, or `forever`, which is `None`.
fn age(text: &str) -> Result<Option<Duration>, Mistake> {
    if text == "forever" {
        return Ok(None);
    }
    let years = text.strip_suffix('y').and_then(|years| years.parse::<u32>().ok());
    match years {
        Some(years @ 1..=100) => Ok(Some(years * 365 * DAY)),
        Some(_) => Err(Mistake::new(
            format!("{} is not from 1y to 100y", quote(text)),
            "write forever for what is never deleted",
        )),
        None => duration::parse(text).map(Some).map_err(|mistake| Mistake {
            hint: format!("{}; also 5y, or forever", mistake.hint),
            ..mistake
        }),
    }
}

/// `20GB`, or `forever`, which is `None`.
fn size(text: &str) -> Result<Option<u64>, Mistake> {
    if text == "forever" {
        return Ok(None);
    }
    bytes(text)
        .map(Some)
        .map_err(|mistake| Mistake { hint: format!("{}; or forever", mistake.hint), ..mistake })
}

/// `32MiB`, in bytes.
pub(super) fn bytes(text: &str) -> Result<u64, Mistake> {
    let read = SIZES.iter().find_map(|(unit, bytes)| {
        let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        number.checked_mul(*bytes)
    });
    read.ok_or_else(|| {
        Mistake::new(
            format!("{} is no size", quote(text)),
            "write a whole number and a unit (kB, MB, GB, TB, KiB, MiB, GiB, TiB): 20GB",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepted, said};
    use super::*;

    fn of(lines: &str) -> String {
        format!("[broker]\n[storage.retention]\n{lines}")
    }

    #[test]
    fn without_the_table_nothing_is_deleted() {
        assert_eq!(accepted("[broker]\n[storage]\n").storage.retention, None);
    }

    #[test]
    fn has_defaults_and_reads_everything() {
        let days = |days| Some(days * DAY);
        let defaults = RetentionConfig {
            raw: days(7),
            minute: days(14),
            quarter: days(90),
            hour: days(1825),
            alerts: days(1825),
            max_size: Some(20_000_000_000),
        };
        assert_eq!(accepted(&of("")).storage.retention, Some(defaults));
        let all = "raw = \"2h\"\nminute = \"1d\"\nquarter = \"30d\"\nhour = \"forever\"\n\
                   alerts = \"2y\"\nmax_size = \"512MiB\"";
        let read = RetentionConfig {
            raw: Some(SHORTEST),
            minute: days(1),
            quarter: days(30),
            hour: None,
            alerts: days(730),
            max_size: Some(512 << 20),
        };
        assert_eq!(accepted(&of(all)).storage.retention, Some(read));
    }

    #[test]
    fn nonsense_is_reported() {
        for (lines, what) in [
            ("raw = \"1h\"", "`raw` is shorter than 2h"),
            ("minute = \"90m\"", "`minute` is shorter than 2h"),
            ("alerts = \"1d\"", "`alerts` is shorter than 7d"),
            ("minute = \"91d\"", "`quarter` is shorter than `minute`"),
            ("quarter = \"forever\"", "`hour` is shorter than `quarter`"),
            ("max_size = \"1MB\"", "`max_size` is below 64MB"),
            ("max_size = \"20\"", "`20` is no size"),
            ("max_size = \"99999999TB\"", "`99999999TB` is no size"),
            ("raw = \"0y\"", "`0y` is not from 1y to 100y"),
            ("raw = \"soon\"", "`soon` is no duration"),
            ("row = \"7d\"", "`row`"),
        ] {
            let said = said(&of(lines));
            assert!(said.len() == 1 && said[0].contains(what), "{lines}: {said:?}");
        }
    }
}
