//! Unreadable stored states, as after an edit by hand: the alerts that people were notified of end. Receivers would
//! keep them for ever otherwise. Pure.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::super::machine::{Event, Moment};
use super::super::quiet::Summary;
use super::super::quiet::chatter::Count;
use super::super::quiet::flood::{Counts, Flood};
use super::super::rule::{Priority, Rule, Timing};
use super::super::series::{Entry, Key, Newest};
use super::super::units::Fit;
use super::restore::Restoring;
use super::{emit, summaries};
use crate::domain::{AlarmState, Ingress, Location, Quantity, StandingAlert, Unit};

/// Quantity of an alarm whose rule was removed.
const UNKNOWN: &str = "unknown";

impl Restoring<'_> {
    /// Ends the alert of an alarm.
    pub fn close_unreadable(&mut self, alarm: &AlarmState, alert: StandingAlert) {
        let (rule, key, newest) = self.left_of(alarm, alert.since);
        let mut entry = Entry::new(0, &rule.kind, Fit::AsWritten);
        let since = Moment { at: alert.since, listened: Duration::ZERO };
        let raise = Event::Judged { is_broken: true };
        let _known_already = entry.alarm.step(&Timing::default(), raise, since);
        entry.id = Some(alert.alert_id);
        let step = entry.close(&rule, newest.moment());
        let (num_before, is_gone) = (self.out.len(), rule.quantity.as_str() == UNKNOWN);
        emit(self.engine.cause, &rule, &key, &mut entry, &newest, step, self.out);
        for outcome in self.out[num_before..].iter_mut().filter(|_| is_gone) {
            outcome.alert_type = UNKNOWN.to_uppercase().into();
        }
    }

    /// Ends the alert about an unreadable alarm's chattering. Its count is lost.
    pub fn end_unreadable_chatter(&mut self, alarm: &AlarmState) {
        let of = (alarm.sensor_id.clone(), summaries::chattering(&alarm.rule));
        let Some(StandingAlert { alert_id, since, .. }) = self.standing.remove(&of) else {
            return;
        };
        let (rule, key, newest) = self.left_of(alarm, since);
        let raised = Count { raised: 0, first: since, last: since };
        let calm = Summary::Calm { raised, stands: false };
        self.out.push(summaries::summary_of_one(&rule, &key, &newest, calm, alert_id));
    }

    /// Restores a flood, or returns its row if it is unreadable.
    pub fn restore_flood(&mut self, kept: AlarmState) -> Result<(), AlarmState> {
        if kept.state.as_deref().is_some_and(Flood::can_be_read) {
            self.engine.kept_flood = kept.state;
            return Ok(());
        }
        let of = (kept.sensor_id.clone(), summaries::FLOOD.into());
        if let Some(StandingAlert { alert_id, since, .. }) = self.standing.remove(&of) {
            let over = Summary::FloodOver(Counts::new(since));
            self.out.push(summaries::summary_of_all(over, 0.0, since, |_| alert_id));
        }
        Err(kept)
    }

    /// Rule and series of an alarm, as far as they still exist.
    fn left_of(&self, alarm: &AlarmState, since: DateTime<Utc>) -> (Arc<Rule>, Key, Newest) {
        let rule = self.engine.rules.iter().find(|rule| rule.name == alarm.rule).cloned();
        let rule = rule.unwrap_or_else(|| {
            let quantity = Quantity::new(UNKNOWN).unwrap_or_else(|_| Quantity::temperature());
            Arc::new(Rule::retired(alarm.rule.clone(), quantity, Priority::High))
        });
        let key = (alarm.sensor_id.clone(), rule.quantity.clone());
        let known = self.engine.series.get(&key).map(|series| series.newest.clone());
        let newest = known.unwrap_or_else(|| Newest {
            location: Location::new(""),
            unit: Unit::new(""),
            value: None,
            at: since,
            heard: self.engine.clocks.get(Ingress::default()),
            ingress: Ingress::default(),
            position: 0,
        });
        (rule, key, newest)
    }
}
