//! Time in the engine: listening clocks, wall clock, and deadlines on them. Pure.
//!
//! Invariant: the engine takes time from [`Engine::advance`] alone, so the same records give the same alarms with
//! the same ids. Deadlines reached by one record are processed in one order: the longest overdue on its own clock
//! first. Never: more than one scheduled check per series.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Engine, Key, Outcome};
use crate::alarms::kept;
use crate::alarms::quiet::flood::Flood;
use crate::domain::{Ingress, ListeningClocks, SensorId};

/// Time of a log record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordTime {
    /// Position in the log.
    pub position: u64,
    /// Wall clock at its receipt.
    pub received_at: DateTime<Utc>,
    /// Listening clocks at the append, one for each way in.
    pub clocks: ListeningClocks,
}

#[cfg(test)]
impl RecordTime {
    /// One listening clock for all ways in, and the wall clock with it.
    pub(crate) fn of(position: u64, listened: Duration) -> Self {
        let since = chrono::TimeDelta::from_std(listened).unwrap_or_default();
        let received_at = DateTime::UNIX_EPOCH + since;
        Self { position, received_at, clocks: ListeningClocks::all_at(listened) }
    }
}

/// Latest times at which the log needs a time mark, so that deadlines are noticed in silence: by each listening
/// clock, and by the wall clock for maintenance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deadlines {
    /// Listening clock of own sensors; `None` while nothing is pending on it.
    pub own: Option<Duration>,
    /// Listening clock of the embedded broker; `None` while nothing is pending on it.
    pub embedded: Option<Duration>,
    /// Listening clock of a remote broker; `None` while nothing is pending on it.
    pub remote: Option<Duration>,
    /// Wall clock, in UTC; `None` if no maintenance is planned.
    pub wall: Option<DateTime<Utc>>,
}

/// Cause of alerts, from which their ids are derived: the log record, and the step within it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cause {
    /// Position of the log record.
    pub position: u64,
    part: u32,
}

impl Cause {
    /// Step number of [`Engine::settle`]; no other gets this far.
    const SETTLE: u32 = u32::MAX;

    /// Id of an alert that the step raises.
    pub fn alert_id(self, rule: &str, sensor_id: &SensorId) -> Arc<str> {
        kept::alert_id(rule, sensor_id, self.position, self.part)
    }
}

/// Scheduled checks of series, by listening clock.
#[derive(Debug, Default)]
pub(super) struct Looks([BTreeSet<(Duration, Key)>; 3]);

impl Looks {
    fn of(&mut self, ingress: Ingress) -> &mut BTreeSet<(Duration, Key)> {
        let [own, embedded, remote] = &mut self.0;
        match ingress {
            Ingress::Own => own,
            Ingress::Embedded => embedded,
            Ingress::Remote => remote,
        }
    }

    /// Adds the look at a series.
    pub fn insert(&mut self, ingress: Ingress, look_at: Duration, key: Key) {
        self.of(ingress).insert((look_at, key));
    }

    /// Removes the look at a series.
    pub fn remove(&mut self, ingress: Ingress, look_at: Duration, key: &Key) {
        self.of(ingress).remove(&(look_at, key.clone()));
    }

    fn is_over(&mut self, ingress: Ingress, clock: Duration) -> bool {
        self.of(ingress).first().is_some_and(|(look_at, _)| *look_at <= clock)
    }
}

impl Engine {
    /// Advances to a record of the log and processes all deadlines reached. Called for each record, before it is
    /// applied. Cheap if nothing is due. Clocks never go back.
    pub fn advance(&mut self, now: RecordTime, out: &mut Vec<Outcome>) {
        self.set_time(now, out);
        let num_before = out.len();
        let clocks = self.clocks;
        let is_due = |ingress| self.looks.is_over(ingress, clocks.get(ingress));
        if Ingress::ALL.into_iter().any(is_due) || self.is_flood_due() {
            self.run_out(out);
            self.follow_up(num_before, out);
        }
    }

    /// Advances without processing deadlines of listening clocks: for simulated time, in which a reading at a
    /// deadline is in time.
    pub(crate) fn set_time(&mut self, now: RecordTime, out: &mut Vec<Outcome>) {
        if self.quieting.must_look_at_all {
            self.settle(now, out);
        }
        self.cause = Cause { position: now.position, part: 0 };
        self.clocks.advance(&now.clocks);
        self.quieting.turn(now.received_at);
        if self.quieting.must_look_at_all {
            self.follow_up(out.len(), out);
        }
    }

    /// Times at which the log needs a time mark.
    pub fn next_deadline(&mut self) -> Deadlines {
        let [own, embedded, remote] = Ingress::ALL.map(|ingress| self.first_due(ingress));
        let flood = self.quieting.flood.as_ref().and_then(Flood::due);
        let own = own.into_iter().chain(flood).min();
        Deadlines { own, embedded, remote, wall: self.quieting.windows.next_change() }
    }

    /// Starts another step within a record: its alerts get their own ids.
    pub(super) const fn begin_part(&mut self) {
        self.cause.part = self.cause.part.saturating_add(1);
    }

    /// After a start, rules and suppression may have changed: re-evaluates all active alarms, as of the time
    /// before.
    fn settle(&mut self, now: RecordTime, out: &mut Vec<Outcome>) {
        if self.quieting.wall.is_none() {
            self.quieting.turn(now.received_at);
        }
        self.cause = Cause { position: now.position, part: Cause::SETTLE };
        self.follow_up(out.len(), out);
    }

    fn is_flood_due(&self) -> bool {
        let due = self.quieting.flood.as_ref().and_then(Flood::due);
        due.is_some_and(|due| due <= self.clocks.get(Ingress::Own))
    }

    fn run_out(&mut self, out: &mut Vec<Outcome>) {
        while let Some((lag, ingress)) = self.most_overdue() {
            let Some((look_at, key)) = self.looks.of(ingress).pop_first() else { break };
            let Some(series) = self.series.get_mut(&key) else { continue };
            series.look_at = None;
            let clock = self.clocks.get(ingress);
            self.each_entry(key, out, |entry, rule, newest, reasons| {
                entry.elapse(rule, newest, (look_at, clock), reasons)
            });
            // What one alarm begins or ends, others may have to wait for.
            self.follow_causes(lag, out);
        }
    }

    /// The way in of the series that has been overdue the longest, and for how long.
    fn most_overdue(&mut self) -> Option<(Duration, Ingress)> {
        let mut most: Option<(Duration, Ingress)> = None;
        for ingress in Ingress::ALL {
            let clock = self.clocks.get(ingress);
            if !self.looks.is_over(ingress, clock) {
                continue;
            }
            let lag = self.first_due(ingress).and_then(|due| clock.checked_sub(due));
            if let Some(lag) = lag.filter(|lag| most.is_none_or(|(most, _)| *lag > most)) {
                most = Some((lag, ingress));
            }
        }
        most
    }

    /// First deadline of a listening clock. Scheduled checks may be early, if readings moved a deadline: they are
    /// rescheduled here.
    fn first_due(&mut self, ingress: Ingress) -> Option<Duration> {
        loop {
            let looks = self.looks.of(ingress);
            let (look_at, key) = looks.first()?;
            let due = self.series.get(key).and_then(|series| series.due(&self.rules));
            if due.is_some_and(|due| due <= *look_at) {
                return Some(*look_at);
            }
            let (_, key) = looks.pop_first()?;
            if let Some(series) = self.series.get_mut(&key) {
                series.look_at = due;
                looks.extend(due.map(|due| (due, key)));
            }
        }
    }
}
