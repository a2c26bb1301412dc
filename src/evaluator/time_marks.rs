//! Decides when the evaluator appends a time mark to the log. Pure.
//!
//! A mark is due when a deadline of the engine has passed and no record carried the time since; and once a minute
//! while a deadline is pending, so that a kill loses at most a minute of silence. Always: none while nothing is
//! pending, or while no clock advances on which something is pending.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::alarms::engine::{Deadlines, RecordTime};
use crate::domain::Ingress;
use crate::ingest::Now;

/// Between two marks while a deadline is pending.
const EVERY: Duration = Duration::from_secs(60);

/// Time until a mark is due, as of now; zero if it is, `None` if none is. `last` is the time of the last record.
pub(super) fn due_in(deadlines: &Deadlines, last: &RecordTime, now: &Now) -> Option<Duration> {
    let pending = Ingress::ALL.into_iter().filter_map(|ingress| {
        let deadline = of(deadlines, ingress).filter(|_| now.runs(ingress))?;
        let listened = now.clocks.get(ingress);
        let since_record = listened.saturating_sub(last.clocks.get(ingress));
        Some(deadline.saturating_sub(listened).min(EVERY.saturating_sub(since_record)))
    });
    let wall = deadlines.wall.map(|deadline| until(deadline, now.wall));
    pending.chain(wall).min()
}

const fn of(deadlines: &Deadlines, ingress: Ingress) -> Option<Duration> {
    match ingress {
        Ingress::Own => deadlines.own,
        Ingress::Embedded => deadlines.embedded,
        Ingress::Remote => deadlines.remote,
    }
}

fn until(deadline: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (deadline - now).to_std().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ListeningClocks;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn record(seconds: u64) -> RecordTime {
        let clocks = ListeningClocks::all_at(Duration::from_secs(seconds));
        RecordTime { position: 1, received_at: at(0), clocks }
    }

    fn now(seconds: u64, runs: [bool; 3]) -> Now {
        let clocks = ListeningClocks::all_at(Duration::from_secs(seconds));
        Now { wall: at(1000), clocks, runs }
    }

    fn remote(seconds: u64) -> Deadlines {
        Deadlines { remote: Some(Duration::from_secs(seconds)), ..Deadlines::default() }
    }

    #[test]
    fn without_a_deadline_or_while_its_clock_stands_still_there_is_none() {
        assert_eq!(due_in(&Deadlines::default(), &record(0), &now(900, [true; 3])), None);
        assert_eq!(due_in(&remote(50), &record(0), &now(900, [true, true, false])), None);
    }

    #[test]
    fn a_mark_is_due_with_its_deadline_and_each_minute_before() {
        let due = |deadline, last, seconds| {
            due_in(&remote(deadline), &record(last), &now(seconds, [true; 3]))
        };
        assert_eq!(due(50, 0, 20), Some(30 * SECOND));
        assert_eq!(due(50, 0, 50), Some(Duration::ZERO));
        assert_eq!(due(500, 100, 120), Some(40 * SECOND), "a minute after the last record");
    }

    #[test]
    fn a_change_of_maintenance_is_due_by_the_wall_clock() {
        let deadlines = Deadlines { wall: Some(at(1005)), ..Deadlines::default() };
        let stands_still = now(0, [false; 3]);
        assert_eq!(due_in(&deadlines, &record(0), &stands_still), Some(5 * SECOND));
        let deadlines = Deadlines { wall: Some(at(990)), ..deadlines };
        assert_eq!(due_in(&deadlines, &record(0), &stands_still), Some(Duration::ZERO));
    }
}
