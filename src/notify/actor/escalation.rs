//! The actor's part of escalation: checks whether an operator has acknowledged due alarms, and
//! hands the others to the second receiver. Due times are decided in [`super::groups`].
//!
//! Always: repeated until the second receiver has persisted them, so that a kill loses none; the
//! second receiver deduplicates.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use log::info;

use super::super::clock::now;
use super::super::escalation::{Attention, Escalate, EscalationSettings};
use super::super::groups::Escalated;
use super::{Receiver, TARGET};
use crate::domain::{AlarmKey, SensorId};
use crate::supervisor::Routed;

/// Alarms handed over at a time: some 30 KB.
const BATCH: usize = 500;
/// Timeout of the second receiver, which answers at once.
const ANSWER: Duration = Duration::from_secs(5);
/// Delay before the next check, if the second receiver has not persisted them, or the state of an
/// alarm is unknown.
const REST: Duration = Duration::from_millis(200);

impl Receiver {
    /// Hands over the due alarms.
    pub(super) fn escalate(&mut self, ctx: &mut Context<Self>) {
        let settings = self.settings.clone();
        let Some(escalating) = &settings.escalating else { return };
        let Some(groups) = self.groups.as_mut().filter(|_| !self.is_escalating) else { return };
        let (mut open, mut is_any_unknown) = (Vec::new(), false);
        for alarm in groups.take_escalated(now(), BATCH) {
            match attention(escalating, &alarm) {
                Attention::Unknown => is_any_unknown = true,
                Attention::InHand => groups.escalated(&alarm.alert_id),
                Attention::Open => open.push((alarm.alert_id, alarm.number)),
            }
        }
        if !open.is_empty() {
            self.hand_over(open, escalating, ctx);
        } else if is_any_unknown {
            self.escalate_later(ctx);
        }
    }

    fn hand_over(
        &mut self,
        alarms: Vec<(Arc<str>, u64)>,
        escalating: &EscalationSettings,
        ctx: &mut Context<Self>,
    ) {
        self.is_escalating = true;
        let (route, message) = (escalating.route.clone(), Escalate { alarms: alarms.clone() });
        let asked = async move { route.request(message, ANSWER).await };
        ctx.spawn(asked.into_actor(self).map(move |answer, act, ctx| {
            if answer == Ok(true) {
                act.is_escalating = false;
                act.handed_over(&alarms);
                act.proceed(ctx);
            } else {
                act.escalate_later(ctx);
            }
        }));
    }

    fn handed_over(&mut self, alarms: &[(Arc<str>, u64)]) {
        let Some(groups) = &mut self.groups else { return };
        for (alert_id, _) in alarms {
            groups.escalated(alert_id);
        }
        if let Some(escalating) = &self.settings.escalating {
            let (name, say) = (&self.settings.name, self.settings.words.notify.escalated);
            info!(target: TARGET, "{}", say(name, &escalating.to, alarms.len()));
        }
    }

    fn escalate_later(&mut self, ctx: &mut Context<Self>) {
        self.is_escalating = true;
        ctx.run_later(REST, |act, ctx| {
            act.is_escalating = false;
            act.proceed(ctx);
        });
    }
}

fn attention(escalating: &EscalationSettings, alarm: &Escalated) -> Attention {
    match SensorId::new(&alarm.sensor) {
        Ok(sensor_id) => (escalating.attention)(&AlarmKey { rule: alarm.rule.clone(), sensor_id }),
        // The persisted state was edited: there is no such sensor.
        Err(_) => Attention::InHand,
    }
}

impl Handler<Routed<Escalate>> for Receiver {
    type Result = bool;

    fn handle(&mut self, asked: Routed<Escalate>, ctx: &mut Context<Self>) -> bool {
        let (asked, _room) = asked.split();
        let Some(groups) = self.groups.as_mut().filter(|_| !self.is_stopping) else { return false };
        let now = now();
        let mut are_known = true;
        for (alert_id, number) in &asked.alarms {
            are_known &= groups.release(alert_id, *number, now);
        }
        let are_kept = !groups.has_changes() && self.to_keep.is_none();
        self.proceed(ctx);
        are_known && are_kept
    }
}
