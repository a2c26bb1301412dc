//! Tries a limit on stored readings, for the API: bounded in readings and in time.
//!
//! Reads in pages, so that no long read transaction delays the daemon's checkpoints.

#![expect(clippy::disallowed_methods, reason = "a trial ends in time")]

use std::io;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::{Reading, TriedRule};
use crate::rehearsal::trial::Trial;
use crate::store::{History, QueryError, ReadingFilter};
use crate::web::{RuleTrialRequest, RuleTrialResult};

/// How much time is read at once; twice as much each time that there is nothing in it.
const PIECE: TimeDelta = TimeDelta::hours(1);
const LONGEST_PIECE: TimeDelta = TimeDelta::days(30);

/// Readings of one trial: a week of one each second, and a second of processor time.
const MOST_READINGS: usize = 500_000;

/// Timeout of a trial: it reads the rows of all sensors in its period.
const AT_MOST: Duration = Duration::from_secs(10);

/// Spans in which the rule's alarm would have stood.
///
/// # Errors
/// If the database can't be read.
pub(super) fn try_rule(
    history: &History,
    asked: &RuleTrialRequest,
) -> Result<RuleTrialResult, String> {
    let RuleTrialRequest { rule, from, to } = asked;
    let mut trial = match Trial::new(rule, *from, *to) {
        Ok(trial) => trial,
        Err(why) => return Ok(RuleTrialResult::Refused(why)),
    };
    let began = Instant::now();
    let (mut since, mut piece, mut num_readings) = (trial.start(), PIECE, 0);
    while since < *to {
        let until = since.checked_add_signed(piece).map_or(*to, |until| until.min(*to));
        let before = num_readings;
        read(history, rule, (since, until), &mut |reading| {
            num_readings += 1;
            trial.take(reading);
            num_readings <= MOST_READINGS
        })?;
        if num_readings > MOST_READINGS {
            let why =
                format!("there are more than {MOST_READINGS} readings: choose a shorter period");
            return Ok(RuleTrialResult::Refused(why));
        }
        if began.elapsed() > AT_MOST {
            let why =
                format!("reading the period takes longer than {AT_MOST:?}: choose a shorter one");
            return Ok(RuleTrialResult::Refused(why));
        }
        piece = if num_readings == before { (piece * 2).min(LONGEST_PIECE) } else { PIECE };
        since = until;
    }
    Ok(RuleTrialResult::Spans { spans: trial.finish(), config: rule.config() })
}

/// Hands on the readings of a piece until there are enough.
fn read(
    history: &History,
    rule: &TriedRule,
    (since, until): (DateTime<Utc>, DateTime<Utc>),
    take: &mut dyn FnMut(&Reading) -> bool,
) -> Result<(), String> {
    let filter = ReadingFilter {
        sensor: Some(rule.sensor.clone()),
        quantity: Some(rule.quantity.clone()),
        since: Some(since),
        until: Some(until),
        ..ReadingFilter::default()
    };
    let mut is_enough = false;
    let done = history.readings(&filter, &mut |row| {
        let goes_on = row.reading().is_none_or(|reading| take(&reading));
        is_enough |= !goes_on;
        if goes_on { Ok(()) } else { Err(io::Error::other("enough")) }
    });
    match done {
        Err(QueryError::Output(_)) if is_enough => Ok(()),
        done => done.map_err(|error| error.to_string()),
    }
}
