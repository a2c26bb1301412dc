//! Applies one event to one alarm. Pure.
//!
//! Every transition goes through [`Step::record`], which alone decides what is announced: so nothing is announced
//! twice, or while it is withheld.

use std::mem;
use std::time::Duration;

use super::{
    Announcement, Change, Condition, Due, Event, Held, Moment, Shelf, SuppressionCheck, Timing,
    Transition,
};

/// An alarm between one event and the next.
pub(super) struct Step<'a> {
    alarm: &'a mut Held,
    timing: &'a Timing,
    why_silent: SuppressionCheck<'a>,
    transitions: Vec<Transition>,
}

/// A delay in progress, towards a [`Due`].
#[derive(Clone, Copy)]
enum Running {
    Delay,
    Shelf,
    Reannouncement,
}

impl<'a> Step<'a> {
    pub(super) fn new(
        alarm: &'a mut Held,
        timing: &'a Timing,
        why_silent: SuppressionCheck<'a>,
    ) -> Self {
        Self { alarm, timing, why_silent, transitions: Vec::new() }
    }

    pub(super) fn take(mut self, event: Event, now: Moment) -> Vec<Transition> {
        let is_reading = matches!(event, Event::Judged { .. });
        while let Some((running, due)) = self.first_over(now, is_reading) {
            let when = due.passed(now);
            match running {
                Running::Delay => self.switch(when),
                Running::Shelf => self.unshelve(when),
                Running::Reannouncement => self.reannounce(when, now, is_reading),
            }
        }
        self.apply(event, now);
        self.transitions
    }

    /// First delay reached by `now`, on the listening clock that all deadlines share: a shelf's date is of an
    /// operator's clock, a delay's of the sensor's.
    fn first_over(&self, now: Moment, is_reading: bool) -> Option<(Running, Due)> {
        let Held { delay, shelf, reannouncement, .. } = &*self.alarm;
        [
            (Running::Delay, *delay, is_reading),
            (Running::Shelf, shelf.map(|shelf| shelf.until), false),
            (Running::Reannouncement, *reannouncement, is_reading),
        ]
        .into_iter()
        .filter_map(|(running, due, by_reading)| {
            due.filter(|due| due.is_over(now, by_reading)).map(|due| (running, due))
        })
        .min_by_key(|(_, due)| due.listened)
    }

    fn apply(&mut self, event: Event, now: Moment) {
        match event {
            Event::Judged { is_broken } => self.judge(is_broken, now),
            Event::Elapsed => {}
            Event::Acknowledge => self.acknowledge(now),
            Event::Reset => self.reset(now),
            Event::Close => self.close(now),
            Event::Shelve { lasting, is_one_shot } => {
                self.alarm.shelf = Some(Shelf { until: Due::after(now, lasting), is_one_shot });
                self.record(Change::Shelved, now);
            }
            Event::Unshelve => self.unshelve(now),
            Event::Suppress { by } => {
                if self.alarm.suppressed_by.as_ref() != Some(&by) {
                    self.alarm.suppressed_by = Some(by);
                    self.record(Change::Suppressed, now);
                }
            }
            Event::Unsuppress => {
                if self.alarm.suppressed_by.take().is_some() {
                    self.record(Change::Unsuppressed, now);
                }
            }
            Event::TakeOutOfService => {
                if !mem::replace(&mut self.alarm.is_out_of_service, true) {
                    self.record(Change::TakenOutOfService, now);
                }
            }
            Event::ReturnToService => {
                if mem::take(&mut self.alarm.is_out_of_service) {
                    self.record(Change::ReturnedToService, now);
                }
            }
        }
    }

    /// Starts or cancels the delay towards the other side, or switches at once without a delay.
    fn judge(&mut self, is_broken: bool, now: Moment) {
        let alarm = &mut *self.alarm;
        alarm.is_broken = is_broken;
        let is_active = alarm.condition.is_active();
        if is_broken == is_active {
            alarm.delay = None;
            return;
        }
        let lasting = if is_active { self.timing.off_delay } else { self.timing.on_delay };
        if lasting.is_zero() {
            self.switch(now);
        } else if alarm.delay.is_none() {
            alarm.delay = Some(Due::after(now, lasting));
        }
    }

    /// Switches from active to its successor state, or from any other state to active.
    fn switch(&mut self, when: Moment) {
        let when = when.not_before(self.alarm.since);
        self.alarm.delay = None;
        let Timing { is_latching, needs_acknowledgement, .. } = *self.timing;
        let (condition, change) = match self.alarm.condition {
            Condition::Unacknowledged if is_latching => {
                (Condition::LatchedUnacknowledged, Change::Latched)
            }
            Condition::Acknowledged if is_latching => {
                (Condition::LatchedAcknowledged, Change::Latched)
            }
            Condition::Unacknowledged if needs_acknowledgement => {
                (Condition::ReturnedUnacknowledged, Change::Returned)
            }
            Condition::Unacknowledged | Condition::Acknowledged => {
                (Condition::Normal, Change::Returned)
            }
            _ => (Condition::Unacknowledged, Change::Raised),
        };
        if change == Change::Raised
            && let Some(by) = (self.why_silent)(when)
        {
            self.alarm.suppressed_by = Some(by);
        }
        self.enter(condition, Some(when));
        self.record(change, when);
        self.end_one_shot(when);
    }

    fn acknowledge(&mut self, now: Moment) {
        let since = self.alarm.since;
        match self.alarm.condition {
            Condition::Unacknowledged => self.enter(Condition::Acknowledged, since),
            Condition::LatchedUnacknowledged => self.enter(Condition::LatchedAcknowledged, since),
            Condition::ReturnedUnacknowledged => self.enter(Condition::Normal, None),
            _ => return,
        }
        self.record(Change::Acknowledged, now);
    }

    /// A running on-delay continues: the value is unchanged.
    fn reset(&mut self, now: Moment) {
        if self.alarm.condition.is_latched() {
            self.enter(Condition::Normal, None);
            self.record(Change::Reset, now);
            self.end_one_shot(now);
        }
    }

    /// A running delay is no state of its own: it is dropped without an event.
    fn close(&mut self, now: Moment) {
        let is_anything = self.alarm.state() != super::State::default();
        // A silence may have raised it after the reading by which the caller dates the end.
        let now = now.not_before(self.alarm.since);
        *self.alarm = Held { is_told: self.alarm.is_told, ..Held::NORMAL };
        if is_anything {
            self.record(Change::Closed, now);
        }
    }

    fn unshelve(&mut self, when: Moment) {
        if self.alarm.shelf.take().is_some() {
            self.record(Change::Unshelved, when);
        }
    }

    fn end_one_shot(&mut self, when: Moment) {
        if !self.alarm.condition.stands() && self.alarm.shelf.is_some_and(|s| s.is_one_shot) {
            self.unshelve(when);
        }
    }

    /// If the next one is due too, the alarm was not checked for long: then the interval restarts now, so that
    /// missed ones are not announced in a row.
    fn reannounce(&mut self, when: Moment, now: Moment, is_reading: bool) {
        self.record(Change::StillActive, when);
        if let (Some(next), Some(every)) = (self.alarm.reannouncement, self.reannounced_every())
            && next.is_over(now, is_reading)
        {
            self.alarm.reannouncement = Some(Due::after(now, every));
        }
    }

    fn enter(&mut self, condition: Condition, since: Option<Moment>) {
        self.alarm.condition = condition;
        self.alarm.since = since.filter(|_| condition != Condition::Normal);
    }

    fn record(&mut self, change: Change, when: Moment) {
        let announced = self.announcement(change);
        match self.reannounced_every() {
            None => self.alarm.reannouncement = None,
            Some(every) if announced.is_some() || self.alarm.reannouncement.is_none() => {
                self.alarm.reannouncement = Some(Due::after(when, every));
            }
            Some(_) => {}
        }
        let state = self.alarm.state();
        self.transitions.push(Transition { change, state, at: when.at, announced });
    }

    /// Announcement that corrects what people were notified of, unless withheld.
    fn announcement(&mut self, change: Change) -> Option<Announcement> {
        if self.alarm.withheld().is_some() {
            return None;
        }
        let stands = self.alarm.condition.stands();
        match (mem::replace(&mut self.alarm.is_told, stands), stands) {
            (false, true) => Some(Announcement::Raised),
            (true, false) => Some(Announcement::Returned),
            (true, true) if matches!(change, Change::Raised | Change::StillActive) => {
                Some(Announcement::StillActive)
            }
            _ => None,
        }
    }

    /// Re-announcement interval of the present state. An interval of 0 s counts as none: it would never end.
    fn reannounced_every(&self) -> Option<Duration> {
        let calls =
            self.alarm.condition == Condition::Unacknowledged && self.alarm.withheld().is_none();
        self.timing.reannounce.filter(|every| calls && !every.is_zero())
    }
}
