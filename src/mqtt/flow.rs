//! What flows out while the connection stands: own readings from the log (`publishing`), alerts from storage,
//! each within its window, and what becomes of them.

use std::time::Duration;

use actix::prelude::*;
use log::{error, warn};

use super::actor::{Gateway, now};
use super::link::{Command, Outgoing, Qos, Tag};
use crate::messages::{AlertsDelivered, LoadPendingAlerts};
use crate::wire::payload;

/// How long storage may take to answer or to have room.
const STORAGE: Duration = Duration::from_secs(5);
/// How long nothing is sent after the broker refused something for now.
const PAUSE: Duration = Duration::from_secs(5);
/// How long the alerts of one topic wait after the broker refused it: someone has to mend its rights.
const HELD: Duration = Duration::from_secs(10);

impl Gateway {
    /// Sends and asks for what there is room for.
    pub(super) fn flow(&mut self, ctx: &mut Context<Self>) {
        // Before storage is asked, since it commits with the question what it knows to be delivered.
        self.confirm_alerts(ctx);
        if self.carries() {
            self.send_readings(ctx);
            self.send_alerts(ctx);
            self.load_alerts(ctx);
        }
    }

    fn send_alerts(&mut self, ctx: &mut Context<Self>) {
        while !self.waits_its_turn(ctx) {
            let command = {
                let mut alerts = self.kept.alerts();
                let Some(alert) = alerts.dispatch() else { return };
                let message = Outgoing {
                    topic: self.topics.alert(&alert.event.quantity),
                    payload: payload::alert(&alert.event, self.settings.times),
                    qos: Qos::ExactlyOnce,
                    retained: false,
                };
                Command::Publish(Tag::Alert(alert.row_id), message)
            };
            self.turns.take(now());
            self.tell(command, ctx);
        }
    }

    /// Whether the next alert had better wait for the one before; then it is looked after in time.
    fn waits_its_turn(&mut self, ctx: &mut Context<Self>) -> bool {
        let (queued, in_flight) = {
            let alerts = self.kept.alerts();
            (alerts.queued(), alerts.in_flight())
        };
        let Some(left) = self.turns.wait(queued, in_flight, now()) else { return false };
        if !std::mem::replace(&mut self.turn_is_timed, true) {
            ctx.run_later(left, |act, ctx| {
                act.turn_is_timed = false;
                act.flow(ctx);
            });
        }
        true
    }

    fn load_alerts(&mut self, ctx: &mut Context<Self>) {
        if self.storage_resting {
            return;
        }
        let Some(load) = self.kept.alerts().next_load() else { return };
        let question = LoadPendingAlerts { after_row_id: load.after_row_id, at_most: load.at_most };
        let pending = self.routes.pending.clone();
        let answer = async move {
            match pending.request(question, STORAGE).await {
                Ok(answer) => answer,
                Err(error) => Err(error.to_string()),
            }
        };
        ctx.spawn(answer.into_actor(self).map(move |answer, act, ctx| match answer {
            Ok(rows) => {
                act.kept.alerts().loaded(load, rows);
                act.flow(ctx);
            }
            Err(error) => {
                act.kept.alerts().load_failed(load);
                act.rest_storage("pending alerts could not be loaded", &error);
            }
        }));
    }

    fn confirm_alerts(&mut self, ctx: &mut Context<Self>) {
        let rows = self.kept.alerts().to_confirm().to_vec();
        if rows.is_empty() || self.confirming || self.storage_resting {
            return;
        }
        self.confirming = true;
        let count = rows.len();
        let delivered = self.routes.delivered.clone();
        let sent = async move { delivered.request(AlertsDelivered(rows), STORAGE).await };
        ctx.spawn(sent.into_actor(self).map(move |sent, act, ctx| {
            act.confirming = false;
            match sent {
                Ok(()) => {
                    act.kept.alerts().confirmed(count);
                    act.flow(ctx);
                }
                Err(error) => {
                    act.rest_storage("delivered alerts not confirmed", &error.to_string())
                }
            }
        }));
    }

    /// Until the next tick.
    fn rest_storage(&mut self, what: &str, why: &str) {
        self.storage_resting = true;
        if self.lines.refused.admit(now()).is_some() {
            warn!(target: "vigie::gateway", "{what}: {why}; trying again");
        }
    }

    /// The broker has it.
    pub(super) fn delivered(&mut self, tag: Tag, ctx: &mut Context<Self>) {
        match tag {
            Tag::Reading(position) => self.published(position),
            Tag::Alert(row_id) => self.kept.alerts().finish(row_id),
            Tag::Online | Tag::Offline => {}
        }
        self.flow(ctx);
    }

    /// The broker does not take it: some reasons hold for ever, some for one topic, the others for
    /// everything until they pass.
    pub(super) fn refused(&mut self, tag: Tag, code: u8, ctx: &mut Context<Self>) {
        self.tell_refused(tag, code);
        let concerns_others = match tag {
            Tag::Reading(position) if is_for_good(code) => {
                self.publication.refuse(position);
                self.move_cursor();
                false
            }
            Tag::Reading(position) => {
                self.publication.put_back(position);
                true
            }
            Tag::Alert(row_id) if is_about_its_topic(code) => {
                !self.kept.alerts().hold(row_id, now() + HELD)
            }
            Tag::Alert(row_id) => {
                self.kept.alerts().put_back(row_id);
                true
            }
            Tag::Online | Tag::Offline => true,
        };
        if concerns_others {
            self.paused_until = Some(now() + PAUSE);
        } else {
            self.flow(ctx);
        }
    }

    fn tell_refused(&mut self, tag: Tag, code: u8) {
        let Some(suppressed_before) = self.lines.refused.admit(now()) else { return };
        let what = match tag {
            Tag::Alert(row_id) => {
                let topic = self.kept.alerts().topic_of(row_id).map(|of| self.topics.alert(of));
                format!("an alert on {}", topic.unwrap_or_default())
            }
            Tag::Reading(_) | Tag::Online | Tag::Offline => "a reading".to_owned(),
        };
        error!(
            target: "vigie::gateway",
            "the broker refuses {what} with reason 0x{code:02X} ({suppressed_before} more since the \
             last line); check this user's right to publish, and the broker's quotas"
        );
    }

    /// What the limits held back and no later line has told of.
    pub(super) fn tell_suppressed(&mut self) {
        let now = now();
        if let Some(more) = self.lines.sent.overdue(now) {
            self.log_sent_more(more);
        }
        if let Some(more) = self.lines.refused.overdue(now) {
            warn!(target: "vigie::gateway", "{more} more messages were refused or not confirmed");
        }
        // The line on skipped readings gives the total, so the next one tells of all.
        if self.lines.skipped.overdue(now).is_some() {
            self.say_skipped();
        }
    }
}

/// Reason codes that say something about the message itself: it would be refused again for ever.
const fn is_for_good(code: u8) -> bool {
    // Topic Name invalid, Packet too large, Payload format invalid.
    matches!(code, 0x90 | 0x95 | 0x99)
}

/// Reason codes that an alert waits for alone: it is never dropped, and those of other topics may be
/// taken all the same.
const fn is_about_its_topic(code: u8) -> bool {
    // Not authorized, which a broker says of a topic.
    code == 0x87 || is_for_good(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_about_a_topic_and_a_quota_is_not() {
        assert!([0x87, 0x90, 0x95, 0x99].into_iter().all(is_about_its_topic));
        assert!(![0x80, 0x83, 0x97].into_iter().any(is_about_its_topic));
    }

    #[test]
    fn refusals_of_the_message_are_for_good_and_of_the_user_are_not() {
        assert!([0x90, 0x95, 0x99].into_iter().all(is_for_good));
        assert!(![0x80, 0x83, 0x87, 0x97].into_iter().any(is_for_good));
    }
}
