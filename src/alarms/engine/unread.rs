//! Unreadable stored state: the alerts that people were notified of end, with the texts that are left. Receivers
//! would keep them for ever otherwise. Pure.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::super::kept::Scraps;
use super::super::machine::{Event, Moment};
use super::super::quiet::Summary;
use super::super::quiet::chatter::Count;
use super::super::quiet::flood::{Counts, Flood};
use super::super::rule::{Rule, Timing};
use super::super::series::{Entry, Key, Newest};
use super::super::units::Fit;
use super::{Engine, Outcome, quieting, tell};
use crate::domain::{AlarmState, Ingress, StandingAlert};

impl Engine {
    /// Ends the alert of an alarm.
    pub(super) fn close_unread(
        &self,
        alarm: &AlarmState,
        alert: StandingAlert,
        out: &mut Vec<Outcome>,
    ) {
        let scraps = Scraps::of(alarm.state.as_deref().unwrap_or_default());
        let (rule, key, newest) = self.left_of(alarm, &scraps, alert.since);
        let (alert_type, threshold) = scraps.words(self.rule_of(alarm).map(Arc::as_ref));
        let mut entry = Entry::new(0, &rule.kind, Fit::AsWritten);
        let since = Moment { at: alert.since, listened: Duration::ZERO };
        let raise = Event::Judged { is_broken: true };
        let _known_already = entry.alarm.step(&Timing::default(), raise, since);
        entry.id = Some(alert.alert_id);
        let step = entry.close(&rule, newest.moment());
        let num_before = out.len();
        tell(self.cause, &rule, &key, &mut entry, &newest, step, out);
        for outcome in &mut out[num_before..] {
            outcome.alert_type = alert_type.clone();
            outcome.threshold = threshold;
        }
    }

    /// Ends the alert about an unreadable alarm's chattering. Its count is lost.
    pub(super) fn end_unread_chatter(&mut self, alarm: &AlarmState, out: &mut Vec<Outcome>) {
        let of = (alarm.sensor_id.clone(), quieting::chattering(&alarm.rule));
        let Some(StandingAlert { alert_id, since, .. }) = self.inherited.remove(&of) else {
            return;
        };
        let scraps = Scraps::of(alarm.state.as_deref().unwrap_or_default());
        let (rule, key, newest) = self.left_of(alarm, &scraps, since);
        let raised = Count { raised: 0, first: since, last: since };
        let calm = Summary::Calm { raised, stands: false };
        out.push(quieting::said_of_one(&rule, &key, &newest, calm, alert_id));
    }

    /// Restores a flood, or returns its row if it is unreadable.
    pub(super) fn take_back_flood(
        &mut self,
        kept: AlarmState,
        out: &mut Vec<Outcome>,
    ) -> Result<(), AlarmState> {
        if kept.state.as_deref().is_some_and(Flood::can_be_read) {
            self.kept_flood = kept.state;
            return Ok(());
        }
        let of = (kept.sensor_id.clone(), quieting::FLOOD.into());
        if let Some(StandingAlert { alert_id, since, .. }) = self.inherited.remove(&of) {
            let over = Summary::FloodOver(Counts::new(since));
            out.push(quieting::said_of_all(over, 0.0, since, |_| alert_id));
        }
        Err(kept)
    }

    fn rule_of(&self, alarm: &AlarmState) -> Option<&Arc<Rule>> {
        self.rules.iter().find(|rule| rule.name == alarm.rule)
    }

    /// Series and rule of an alarm, as far as known.
    fn left_of(
        &self,
        alarm: &AlarmState,
        scraps: &Scraps,
        since: DateTime<Utc>,
    ) -> (Arc<Rule>, Key, Newest) {
        let rule = self.rule_of(alarm).cloned();
        let rule = rule.unwrap_or_else(|| Arc::new(scraps.rule(alarm.rule.clone())));
        let key = (alarm.sensor_id.clone(), rule.quantity.clone());
        let newest = self.series.get(&key).map(|series| series.newest.clone());
        let newest =
            newest.unwrap_or_else(|| scraps.newest(since, self.clocks.get(Ingress::default())));
        (rule, key, newest)
    }
}
