//! Date and time functions of templates. `now()` is the time of receipt of the message, so
//! evaluation is deterministic.

#![expect(clippy::unnecessary_wraps, reason = "all functions have one signature")]

use std::fmt::{self, Write as _};

use chrono::{DateTime, Datelike, Timelike, Utc};
use chrono_tz::Tz;

use super::arguments::Given;
use super::evaluation::Context;
use super::numbers::Failure;
use super::values::{Outcome, Value};
use crate::ingest::formats::kit::times::TimeReader;

/// A point in time with its time zone.
#[derive(Debug, Clone, Copy)]
pub struct Moment(DateTime<Tz>);

impl Moment {
    /// Converts a UTC time into a zone.
    #[must_use]
    pub fn new(at: DateTime<Utc>, zone: Tz) -> Self {
        Self(at.with_timezone(&zone))
    }

    /// Unix timestamp in seconds, with microsecond resolution.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "microseconds of this era are below 2^53")]
    pub fn timestamp(self) -> f64 {
        self.0.timestamp_micros() as f64 / 1e6
    }

    /// RFC 3339 representation.
    #[must_use]
    pub fn iso(self) -> String {
        self.0.to_rfc3339()
    }

    /// Day of the week, 0 (Monday) to 6.
    #[must_use]
    pub fn weekday(self) -> i64 {
        self.0.weekday().num_days_from_monday().into()
    }

    /// Formats the time with `strftime` directives.
    ///
    /// # Errors
    /// If a directive is invalid.
    pub fn formatted(self, format: &str) -> Result<String, Failure> {
        let mut text = String::new();
        write!(text, "{}", self.0.format(format))
            .map_err(|_| Failure::Wrong(format!("{format:?} is no format of times")))?;
        Ok(text)
    }

    /// A component such as `year` or `microsecond`; `None` for an unknown name.
    #[must_use]
    pub fn field(self, name: &str) -> Option<i64> {
        Some(match name {
            "year" => self.0.year().into(),
            "month" => self.0.month().into(),
            "day" => self.0.day().into(),
            "hour" => self.0.hour().into(),
            "minute" => self.0.minute().into(),
            "second" => self.0.second().into(),
            "microsecond" => (self.0.nanosecond() / 1000).into(),
            _ => return None,
        })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso().replacen('T', " ", 1))
    }
}

pub fn now<'a>(_: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    Ok(Value::Moment(Moment::new(context.payload.received_at(), context.payload.zone())))
}

pub fn utc_now<'a>(_: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    Ok(Value::Moment(Moment::new(context.payload.received_at(), Tz::UTC)))
}

pub fn as_timestamp<'a>(
    input: &Value<'a>,
    given: &Given<'a>,
    context: &Context<'a>,
) -> Outcome<'a> {
    let timestamp = moment(input, context).map(|moment| Value::Decimal(moment.timestamp()));
    match given.get(0, "default") {
        Some(default) => Ok(timestamp.unwrap_or_else(|_| default.clone())),
        None => timestamp,
    }
}

pub fn as_datetime<'a>(input: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    moment(input, context).map(Value::Moment)
}

pub fn timestamp_local<'a>(input: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    Ok(Value::text(of_seconds(input, context.payload.zone())?.iso()))
}

pub fn timestamp_utc<'a>(input: &Value<'a>, _: &Given<'a>, _: &Context<'a>) -> Outcome<'a> {
    Ok(Value::text(of_seconds(input, Tz::UTC)?.iso()))
}

pub fn timestamp_custom<'a>(
    input: &Value<'a>,
    given: &Given<'a>,
    context: &Context<'a>,
) -> Outcome<'a> {
    let is_local = given.get(1, "local").is_none_or(Value::is_true);
    let zone = if is_local { context.payload.zone() } else { Tz::UTC };
    let format = given.text(0, "date_format", "%Y-%m-%d %H:%M:%S", context)?;
    context.pay_for_elements(format.len())?;
    of_seconds(input, zone)?.formatted(&format).map(Value::text)
}

/// Converts a value into a time: a time, a Unix timestamp in seconds, or a string with either.
fn moment<'a>(value: &Value<'a>, context: &Context<'a>) -> Result<Moment, Failure> {
    let payload = context.payload;
    match value {
        Value::Moment(moment) => Ok(*moment),
        Value::Text(text) => {
            let reader = TimeReader::new(payload.zone(), payload.received_at());
            let at = reader.read_text(text).map_err(Failure::Wrong)?.ok_or(Failure::Nothing)?;
            Ok(Moment::new(at, payload.zone()))
        }
        other => of_seconds(other, payload.zone()),
    }
}

fn of_seconds(value: &Value<'_>, zone: Tz) -> Result<Moment, Failure> {
    let seconds = value.number()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it saturates, and the calendar ends before"
    )]
    let at = DateTime::from_timestamp_micros((seconds * 1e6).round() as i64);
    let at = at.filter(|at| (1..=9999).contains(&at.year()));
    let at = at.ok_or_else(|| Failure::Wrong(format!("{seconds:e} s is beyond the calendar")))?;
    Ok(Moment::new(at, zone))
}
