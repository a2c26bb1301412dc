//! Recurring times: five fields in the syntax of `cron`. Pure.
//!
//! `minute hour day-of-month month day-of-week`, each `*`, a number, a range `1-5`, a step `*/15` or
//! `8-18/2`, or several of these with commas; months and days of the week also by their English names,
//! Sunday is 0 or 7. When both days are restricted, either is enough, as in every `cron`.
//!
//! In local time. A time skipped by a clock change is taken as the moment after it; one that occurs twice, the
//! first time only.

use chrono::{DateTime, Datelike, Days, MappedLocalTime, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// Longest gap between two matches of any schedule: from one 29 February to the next, across a century without one.
const SEARCHED_DAYS: u64 = 8 * 366 + 1;

/// Longer than any clock was ever put forward: Samoa skipped a day.
const LONGEST_JUMP_MINUTES: i64 = 25 * 60;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The times at which something begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    weekdays: Field,
}

/// The numbers that match, as bits; and whether it was written with a star, which restricts nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field {
    bits: u64,
    is_star: bool,
}

/// Range of a field.
struct Range {
    name: &'static str,
    first: u32,
    last: u32,
    names: &'static [&'static str],
}

const RANGES: [Range; 5] = [
    Range { name: "minute", first: 0, last: 59, names: &[] },
    Range { name: "hour", first: 0, last: 23, names: &[] },
    Range { name: "day of the month", first: 1, last: 31, names: &[] },
    Range { name: "month", first: 1, last: 12, names: &MONTHS },
    Range { name: "day of the week", first: 0, last: 7, names: &WEEKDAYS },
];

impl Schedule {
    /// Parses the five fields, separated by white space.
    ///
    /// # Errors
    /// If a field is invalid; names the field and its range.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<_> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return Err(format!("it has {} fields, not 5", fields.len()));
        };
        let mut read = RANGES.iter().zip([minutes, hours, days, months, weekdays]);
        let mut next = || read.next().map_or(Err(String::new()), |(range, text)| range.field(text));
        let (minutes, hours, days, months) = (next()?, next()?, next()?, next()?);
        let mut weekdays = next()?;
        weekdays.bits |= weekdays.bits >> 7 & 1; // 7 is Sunday too
        let schedule = Self { minutes, hours, days, months, weekdays };
        let some_year = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap_or_default();
        let mut all = some_year.iter_days().take(366);
        if all.any(|date| schedule.is_on(date)) {
            Ok(schedule)
        } else {
            Err("no date ever matches it".into())
        }
    }

    /// The last beginning that is later than `after` and not later than `now`.
    #[must_use]
    pub fn last(
        &self,
        after: DateTime<Utc>,
        now: DateTime<Utc>,
        zone: Tz,
    ) -> Option<DateTime<Utc>> {
        let mut date = now.with_timezone(&zone).date_naive();
        let oldest = after.with_timezone(&zone).date_naive().checked_sub_days(Days::new(1))?;
        while date >= oldest {
            let found = self.on(date, zone).filter(|start| *start <= now && *start > after).last();
            if found.is_some() {
                return found;
            }
            date = date.pred_opt()?;
        }
        None
    }

    /// The first beginning later than `now`.
    #[must_use]
    pub fn next(&self, now: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let today = now.with_timezone(&zone).date_naive();
        // A jump over midnight belongs to the day before.
        let from = today.pred_opt()?;
        let mut dates = (0..SEARCHED_DAYS).map_while(|days| from.checked_add_days(Days::new(days)));
        dates.find_map(|date| self.on(date, zone).find(|start| *start > now))
    }

    /// All of a day, in order.
    fn on(&self, date: NaiveDate, zone: Tz) -> impl Iterator<Item = DateTime<Utc>> + '_ {
        let is_on = self.is_on(date);
        let hours = (0..24).filter(move |hour| is_on && self.hours.has(*hour));
        let times = hours.flat_map(|hour| {
            (0..60).filter(|minute| self.minutes.has(*minute)).map(move |minute| (hour, minute))
        });
        times.filter_map(move |(hour, minute)| {
            let mut local = date.and_hms_opt(hour, minute, 0)?;
            for _ in 0..LONGEST_JUMP_MINUTES {
                match zone.from_local_datetime(&local) {
                    MappedLocalTime::Single(time) | MappedLocalTime::Ambiguous(time, _) => {
                        return Some(time.to_utc());
                    }
                    MappedLocalTime::None => {
                        local = local.checked_add_signed(TimeDelta::minutes(1))?;
                    }
                }
            }
            None
        })
    }

    fn is_on(&self, date: NaiveDate) -> bool {
        let day = self.days.has(date.day());
        let weekday = self.weekdays.has(date.weekday().num_days_from_sunday());
        let is_either = !self.days.is_star && !self.weekdays.is_star;
        self.months.has(date.month()) && if is_either { day || weekday } else { day && weekday }
    }
}

impl Field {
    const fn has(self, number: u32) -> bool {
        self.bits >> number & 1 == 1
    }
}

impl Range {
    fn field(&self, text: &str) -> Result<Field, String> {
        let mut bits = 0;
        for part in text.split(',') {
            bits |= self.part(part)?;
        }
        Ok(Field { bits, is_star: text.starts_with('*') })
    }

    fn part(&self, part: &str) -> Result<u64, String> {
        let refuse = || {
            let Self { name, first, last, .. } = self;
            format!("`{part}` is no {name}: that is {first} to {last}, a range, a step or `*`")
        };
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse().ok().ok_or_else(refuse)?)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.first, self.last),
            Some((first, last)) => {
                (self.number(first).ok_or_else(refuse)?, self.number(last).ok_or_else(refuse)?)
            }
            None => {
                let only = self.number(range).ok_or_else(refuse)?;
                (only, if step.is_some() { self.last } else { only })
            }
        };
        if first > last || step == Some(0) {
            return Err(refuse());
        }
        let numbers = (first..=last).step_by(step.unwrap_or(1));
        Ok(numbers.fold(0, |bits, number| bits | 1 << number))
    }

    fn number(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = match named {
            Some(at) => u32::try_from(at).ok()? + self.first,
            None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
            None => return None,
        };
        (self.first..=self.last).contains(&number).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PARIS: Tz = Tz::Europe__Paris;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// The next beginnings in a row, as they are shown there.
    fn next(schedule: &str, from: &str, zone: Tz, count: usize) -> Vec<String> {
        let schedule = Schedule::parse(schedule).unwrap();
        let mut now = utc(from);
        let mut all = Vec::new();
        for _ in 0..count {
            now = schedule.next(now, zone).unwrap();
            assert_eq!(schedule.last(now - TimeDelta::seconds(1), now, zone), Some(now));
            all.push(now.with_timezone(&zone).format("%a %F %H:%M %z").to_string());
        }
        all
    }

    #[test]
    fn fields_are_crons() {
        let from = "2024-08-14T10:30:00Z"; // a Wednesday
        assert_eq!(
            next("30 22 * * 5", from, Tz::UTC, 2),
            ["Fri 2024-08-16 22:30 +0000", "Fri 2024-08-23 22:30 +0000"]
        );
        assert_eq!(
            next("*/20 8-9 * * mon-FRI", from, Tz::UTC, 2),
            ["Thu 2024-08-15 08:00 +0000", "Thu 2024-08-15 08:20 +0000"]
        );
        assert_eq!(
            next("0 0 29 feb *", from, Tz::UTC, 2),
            ["Tue 2028-02-29 00:00 +0000", "Sun 2032-02-29 00:00 +0000"]
        );
        assert_eq!(next("0 0 * * 7", from, Tz::UTC, 1), next("0 0 * * sun", from, Tz::UTC, 1));
        // Either day is enough when both are restricted.
        assert_eq!(
            next("0 12 1 * 0", from, Tz::UTC, 3),
            [
                "Sun 2024-08-18 12:00 +0000",
                "Sun 2024-08-25 12:00 +0000",
                "Sun 2024-09-01 12:00 +0000"
            ]
        );
        assert_eq!(next("5,10 3/6 * * *", from, Tz::UTC, 1), ["Wed 2024-08-14 15:05 +0000"]);
    }

    #[test]
    fn a_time_that_is_skipped_is_the_moment_after_the_jump() {
        assert_eq!(
            next("30 2 * * *", "2024-03-30T00:00:00Z", PARIS, 3),
            [
                "Sat 2024-03-30 02:30 +0100",
                "Sun 2024-03-31 03:00 +0200",
                "Mon 2024-04-01 02:30 +0200"
            ]
        );
    }

    #[test]
    fn a_time_that_comes_twice_counts_once() {
        assert_eq!(
            next("30 2 * * *", "2024-10-26T12:00:00Z", PARIS, 2),
            ["Sun 2024-10-27 02:30 +0200", "Mon 2024-10-28 02:30 +0100"]
        );
    }

    #[test]
    fn a_jump_over_midnight_begins_after_it() {
        // Beirut's clocks go from midnight to 1:00.
        let zone = Tz::Asia__Beirut;
        assert_eq!(
            next("0 0 * * *", "2024-03-30T12:00:00Z", zone, 2),
            ["Sun 2024-03-31 01:00 +0300", "Mon 2024-04-01 00:00 +0300"]
        );
    }

    #[test]
    fn what_is_no_schedule_says_why() {
        for (text, why) in [
            ("* * * *", "it has 4 fields, not 5"),
            ("60 * * * *", "`60` is no minute: that is 0 to 59"),
            ("* 5-3 * * *", "`5-3` is no hour"),
            ("* * 0 * *", "`0` is no day of the month"),
            ("* * * 13 *", "`13` is no month"),
            ("* * * * bim", "`bim` is no day of the week"),
            ("*/0 * * * *", "`*/0` is no minute"),
            ("+1 * * * *", "`+1` is no minute"),
            (", * * * *", "`` is no minute"),
            ("0 0 31 2,4 *", "no date ever matches it"),
        ] {
            let error = Schedule::parse(text).unwrap_err();
            assert!(error.starts_with(why), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[-0-9*/, a-z]{0,24}") {
            let _ = Schedule::parse(&text);
        }

        /// The last one up to a moment is never later than it, and nothing begins in between.
        #[test]
        fn last_and_next_are_neighbours(
            minute in 0..60_u32, hour in 0..24_u32, second in 1_700_000_000_i64..1_800_000_000,
            zone in prop::sample::select(&[Tz::UTC, PARIS, Tz::America__New_York, Tz::Asia__Beirut][..]),
        ) {
            let schedule = Schedule::parse(&format!("{minute} {hour} * * *")).unwrap();
            let now = DateTime::from_timestamp(second, 0).unwrap();
            let last = schedule.last(now - TimeDelta::days(2), now, zone).unwrap();
            let next = schedule.next(now, zone).unwrap();
            prop_assert!(last <= now && now < next);
            prop_assert_eq!(schedule.next(last, zone), Some(next));
            let apart = (next - last).num_minutes();
            prop_assert!((22 * 60..=26 * 60).contains(&apart), "{} min", apart);
        }
    }
}
