//! What flows out while the connection stands: own readings from the log (`publishing`) within their window, alerts
//! that storage pushed, and what becomes of them.

#![expect(clippy::disallowed_methods, reason = "a refusal has a beginning")]

use std::time::Duration;

use actix::prelude::*;
use log::{error, info, warn};

use super::actor::{Gateway, now};
use super::link::{Command, Outgoing, Qos, Tag};
use crate::domain::Position;
use crate::ingest::OutboundContent;
use crate::messages::{GatewayLink, PushReport};
use crate::wire::payload;

/// How long storage may take to answer or to have room.
const STORAGE: Duration = Duration::from_secs(5);
/// How long nothing is sent after the broker refused something for now.
const PAUSE: Duration = Duration::from_secs(5);

impl Gateway {
    /// Sends what there is room for.
    pub(super) fn flow(&mut self, ctx: &mut Context<Self>) {
        self.report_alerts(ctx);
        if self.carries() {
            self.send_readings(ctx);
            self.send_alerts(ctx);
            self.send_discovery(ctx);
        }
    }

    fn send_alerts(&mut self, ctx: &mut Context<Self>) {
        while !self.waits_its_turn(ctx) {
            let command = {
                let mut alerts = self.kept.alerts();
                let Some(event) = alerts.dispatch() else { return };
                let message = Outgoing {
                    topic: self.topics.alert(&event.quantity),
                    payload: payload::alert(event, self.settings.times),
                    qos: Qos::ExactlyOnce,
                    retained: false,
                    is_forwarded: false,
                };
                Command::Publish(Tag::Alert(event.number), message)
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

    /// Reports deliveries and refusals in batches, one report at a time, and announces a new incarnation or
    /// connection.
    pub(super) fn report_alerts(&mut self, ctx: &mut Context<Self>) {
        let link = GatewayLink {
            incarnation: self.env.incarnation(),
            connection: self.reports.num_connections,
        };
        let report = {
            let alerts = self.kept.alerts();
            let (delivered, refused) = alerts.to_report();
            PushReport { link, delivered: delivered.to_vec(), refused: refused.to_vec() }
        };
        let (num_delivered, num_refused) = (report.delivered.len(), report.refused.len());
        let has_news = num_delivered + num_refused > 0 || self.reports.announced != Some(link);
        if !has_news || self.reports.is_under_way || self.storage_resting {
            return;
        }
        self.reports.is_under_way = true;
        let route = self.routes.report.clone();
        let sent = async move { route.request(report, STORAGE).await };
        ctx.spawn(sent.into_actor(self).map(move |answer, act, ctx| {
            act.reports.is_under_way = false;
            match answer {
                Ok(more_follow) => {
                    act.reports.announced = Some(link);
                    act.kept.alerts().reported(num_delivered, num_refused, more_follow);
                    act.flow(ctx);
                }
                Err(error) => {
                    act.rest_storage("deliveries of alerts not reported", &error.to_string());
                }
            }
        }));
    }

    /// Leaves storage alone until the next tick.
    fn rest_storage(&mut self, what: &str, why: &str) {
        self.storage_resting = true;
        if self.lines.refused.admit(now()).is_some() {
            warn!(target: "vigie::gateway", "{what}: {why}; trying again");
        }
    }

    /// The broker has it.
    pub(super) fn delivered(&mut self, tag: Tag, ctx: &mut Context<Self>) {
        match tag {
            Tag::Outbound(position) => self.published(position),
            Tag::Alert(number) => self.alert_delivered(number),
            Tag::Discovery(tag) => self.discovery_delivered(tag),
            Tag::Request | Tag::Online | Tag::Offline => {}
        }
        self.flow(ctx);
    }

    fn alert_delivered(&self, number: u64) {
        let gauges = &self.settings.gauges;
        if gauges.is_refused()
            && let Some(topic) = self.topic_of(number)
            && gauges.accept(&topic)
        {
            info!(target: "vigie::gateway", "the broker takes alerts on {topic} again");
        }
        self.kept.alerts().finish(number);
    }

    /// Topic of an alert in flight.
    fn topic_of(&self, number: u64) -> Option<String> {
        self.kept.alerts().topic_of(number).map(|of| self.topics.alert(of))
    }

    /// The broker does not take it: some reasons hold for ever, some for one topic, the others for
    /// everything until they pass.
    pub(super) fn refused(&mut self, tag: Tag, code: u8, ctx: &mut Context<Self>) {
        self.note_refused(tag, code);
        let concerns_others = match tag {
            Tag::Outbound(position)
                if is_for_good(code) || self.is_devices_topic(position, code) =>
            {
                self.publication.refuse(position);
                self.move_cursor();
                false
            }
            Tag::Outbound(position) => {
                self.publication.put_back(position);
                true
            }
            Tag::Alert(number) if is_about_its_topic(code) => {
                self.kept.alerts().refuse(number);
                false
            }
            Tag::Alert(number) => {
                self.kept.alerts().put_back(number);
                true
            }
            Tag::Request => false,
            Tag::Discovery(tag) => {
                self.discovery_refused(tag, code);
                false
            }
            Tag::Online | Tag::Offline => true,
        };
        if concerns_others {
            self.paused_until = Some(now() + PAUSE);
        } else {
            self.flow(ctx);
        }
    }

    /// Whether the broker takes no such topic, which a device chose: others must not wait for it.
    fn is_devices_topic(&self, position: Position, code: u8) -> bool {
        let content = self.publication.content(position);
        is_about_its_topic(code) && matches!(content, Some(OutboundContent::Forwarded { .. }))
    }

    fn note_refused(&mut self, tag: Tag, code: u8) {
        let what = match tag {
            Tag::Alert(number) => {
                let topic = self.topic_of(number).unwrap_or_default();
                if is_about_its_topic(code) {
                    return self.note_refused_topic(&topic, code);
                }
                format!("an alert on {topic}")
            }
            Tag::Outbound(position) => match self.publication.content(position) {
                Some(OutboundContent::Forwarded { topic, .. }) => {
                    format!("a device's message on {topic:?}")
                }
                _ => "a reading".to_owned(),
            },
            Tag::Request => "a request to a device".to_owned(),
            Tag::Discovery(_) => "a message for Home Assistant".to_owned(),
            Tag::Online | Tag::Offline => "the status".to_owned(),
        };
        let Some(suppressed_before) = self.lines.refused.admit(now()) else { return };
        error!(
            target: "vigie::gateway",
            "the broker refuses {what} with reason 0x{code:02X} ({suppressed_before} more since the \
             last line); check this user's right to publish, and the broker's quotas"
        );
    }

    /// One line when a topic's alerts begin to be refused; `alert_delivered` has the one when that ends.
    fn note_refused_topic(&self, topic: &str, code: u8) {
        if self.settings.gauges.refuse(topic, chrono::Utc::now()) {
            error!(
                target: "vigie::gateway",
                "the broker refuses an alert on {topic} with reason 0x{code:02X}: the alerts of this topic wait, \
                 the first is tried again every 10 s; check this user's right to publish there"
            );
        }
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

/// Reason codes that are about an alert's topic: storage sets the topic aside, and the others go on.
pub(super) const fn is_about_its_topic(code: u8) -> bool {
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
