//! Sending while the connection is open: alerts that storage pushed, own readings from the log (`publishing`)
//! within their window, and their outcomes.

#![expect(clippy::disallowed_methods, reason = "a refusal has a beginning")]

use std::time::Duration;

use actix::prelude::*;
use log::{error, info, warn};

use super::actor::{Gateway, now};
use super::gauges::RefusedTopic;
use super::link::{Command, Outgoing, Qos, Tag};
use super::poison::Cleared;
use crate::domain::Position;
use crate::ingest::OutboundContent;
use crate::locale::{Published, Refusal};
use crate::messages::{GatewayLink, PushReport};
use crate::wire::payload;

/// Timeout for storage to answer or to have room.
const STORAGE: Duration = Duration::from_secs(5);
/// How long nothing is sent after the broker refused something for now.
const PAUSE: Duration = Duration::from_secs(5);

impl Gateway {
    /// Sends what the windows allow.
    pub(super) fn flow(&mut self, ctx: &mut Context<Self>) {
        if self.carries() {
            self.send_alerts(ctx);
            self.send_readings(ctx);
            self.send_discovery(ctx);
        }
        self.report_alerts(ctx);
    }

    /// Publishes a message, adapted to the broker's capabilities.
    ///
    /// # Errors
    /// If the broker is known to refuse it, or to close the connection.
    pub(super) fn publish(
        &mut self,
        tag: Tag,
        message: Outgoing,
        ctx: &mut Context<Self>,
    ) -> Result<(), Refusal> {
        let message = self.capabilities.adapt(message)?;
        if self.poison.is_held(tag, &message.topic, now()) {
            return Err(Refusal::EndsConnection);
        }
        let message = self.poison.on_publish(tag, message, now());
        self.settings.log.count_published(&message.topic, &message.payload, message.retained);
        self.tell(Command::Publish(tag, message), ctx);
        Ok(())
    }

    fn send_alerts(&mut self, ctx: &mut Context<Self>) {
        while self.poison.may_publish(now()) && !self.waits_its_turn(ctx) {
            let (number, message) = {
                let mut alerts = self.kept.alerts();
                let Some(event) = alerts.dispatch() else { return };
                let topic = self.topics.alert(&event.quantity);
                let most = self.capabilities.maximum_payload_bytes(&topic);
                let message = Outgoing {
                    topic,
                    payload: payload::alert_within(event, self.settings.times, most),
                    qos: match self.settings.mqtt.alert_qos {
                        0 => Qos::AtMostOnce,
                        1 => Qos::AtLeastOnce,
                        _ => Qos::ExactlyOnce,
                    },
                    retained: false,
                    is_forwarded: false,
                };
                (event.number, message)
            };
            match self.publish(Tag::Alert(number), message, ctx) {
                Ok(()) => self.turns.take(now()),
                Err(why) => drop(self.settle(Tag::Alert(number), why)),
            }
        }
    }

    /// True if the next alert should wait for the one before; then a timer is set.
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

    /// The broker has answered a message.
    pub(super) fn answered(&mut self, tag: Tag, result: Result<(), u8>, ctx: &mut Context<Self>) {
        let Cleared { topic: released, reduced } = self.poison.on_answer(tag);
        if let Err(code) = result {
            return self.refused(tag, Refusal::Code(code), ctx);
        }
        if let Some(reduced) = reduced {
            self.capabilities.learn(reduced, now());
            self.log_limits();
        }
        if let Some(topic) = released {
            info!(target: "vigie::gateway", "the broker accepts messages on {topic} again");
        }
        match tag {
            Tag::Outbound(position) => self.published(position),
            Tag::Alert(number) => self.alert_delivered(number),
            Tag::Discovery(tag) => self.discovery_delivered(tag),
            Tag::Online | Tag::Offline => self.status_answered(tag, Ok(())),
            Tag::Request(_) | Tag::Beat => {}
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

    /// Handles a refusal: some reasons concern the message, some its topic, the others all messages for now.
    fn refused(&mut self, tag: Tag, why: Refusal, ctx: &mut Context<Self>) {
        let concerns_others = self.settle(tag, why);
        if concerns_others {
            self.paused_until = Some(now() + PAUSE);
        } else {
            self.flow(ctx);
        }
    }

    /// Requeues, sets aside or gives up a refused message. Returns whether the refusal concerns all other messages.
    pub(super) fn settle(&mut self, tag: Tag, why: Refusal) -> bool {
        self.note_refused(tag, why);
        match tag {
            Tag::Outbound(position) => self.settle_outbound(position, why),
            Tag::Alert(number) if is_about_its_topic(why) => {
                self.kept.alerts().refuse(number);
                false
            }
            Tag::Alert(number) => {
                self.kept.alerts().put_back(number);
                true
            }
            Tag::Request(_) | Tag::Beat => false,
            Tag::Discovery(tag) => {
                if let Some(discovery) = &mut self.discovery {
                    discovery.refused(tag, is_about_its_topic(why), now());
                }
                false
            }
            Tag::Online | Tag::Offline => {
                self.status_answered(tag, Err(why));
                !is_about_its_topic(why)
            }
        }
    }

    fn settle_outbound(&mut self, position: Position, why: Refusal) -> bool {
        let content = self.publication.content(position);
        let is_devices = matches!(content, Some(OutboundContent::Forwarded { .. }));
        // A device chose its topic: others must not wait for it.
        if is_for_good(why) || (is_devices && is_about_its_topic(why)) {
            self.publication.refuse(position);
            self.move_cursor();
            return false;
        }
        self.publication.put_back(position);
        if is_about_its_topic(why) {
            self.readings_paused_until = Some(now() + PAUSE);
        }
        !is_about_its_topic(why)
    }

    fn note_refused(&mut self, tag: Tag, why: Refusal) {
        let what = match tag {
            Tag::Alert(number) => {
                let topic = self.topic_of(number).unwrap_or_default();
                if is_about_its_topic(why) {
                    return self.note_refused_topic(&topic, Published::Alerts, why);
                }
                format!("an alert on {topic}")
            }
            Tag::Outbound(position) => match self.publication.content(position) {
                Some(OutboundContent::Forwarded { topic, .. }) => {
                    format!("a device's message on {topic:?}")
                }
                Some(OutboundContent::Reading(reading)) => {
                    let topic = self.topics.reading(&reading.quantity, &reading.sensor_id);
                    if is_about_its_topic(why) && !is_for_good(why) {
                        return self.note_refused_topic(&topic, Published::OwnReadings, why);
                    }
                    format!("a reading on {topic}")
                }
                None => return,
            },
            Tag::Request(_) => "a request to a device".to_owned(),
            Tag::Discovery(_) => "a message for Home Assistant".to_owned(),
            Tag::Beat => "the heartbeat".to_owned(),
            // `status_answered` has the line.
            Tag::Online | Tag::Offline => return,
        };
        let Some(suppressed_before) = self.lines.refused.admit(now()) else { return };
        let refusal = (self.settings.words.refusal)(&what, why);
        error!(
            target: "vigie::gateway",
            "{refusal} ({suppressed_before} more since the last line); check this user's right to publish, and the broker's \
             quotas"
        );
    }

    /// Logs once that messages on a topic are refused; logged again when the broker accepts one.
    pub(super) fn note_refused_topic(&self, topic: &str, what: Published, why: Refusal) {
        let refused = RefusedTopic { what, why, since: chrono::Utc::now() };
        if !self.settings.gauges.refuse(topic, refused) {
            return;
        }
        let (one, all, again) = match what {
            Published::Alerts => ("an alert", "the alerts of this topic wait", "10 s"),
            Published::OwnReadings => ("a reading", "own readings wait", "5 s"),
            Published::Status => ("the status", "it may be out of date there", "10 s"),
            Published::Discovery => ("a message for Home Assistant", "they wait", "minute"),
        };
        let again = if why == Refusal::EndsConnection { "10 minutes to an hour" } else { again };
        let refusal = (self.settings.words.refusal)(&format!("{one} on {topic}"), why);
        error!(
            target: "vigie::gateway",
            "{refusal}: {all}, and the first is tried again every {again}; check this user's right to publish there, and the \
             broker's limits"
        );
    }

    /// Logs what the rate limits suppressed and no later line reported.
    pub(super) fn tell_suppressed(&mut self) {
        let now = now();
        if let Some(more) = self.lines.sent.overdue(now) {
            self.log_sent_more(more);
        }
        if let Some(more) = self.lines.refused.overdue(now) {
            warn!(target: "vigie::gateway", "{more} more messages were refused or not confirmed");
        }
        // The line on skipped readings has the total, so the next one covers all.
        if self.lines.skipped.overdue(now).is_some() {
            self.say_skipped();
        }
    }
}

/// True for refusals of the message itself: it would be refused for ever.
const fn is_for_good(why: Refusal) -> bool {
    // Topic Name invalid, Packet too large, Payload format invalid.
    matches!(why, Refusal::Code(0x90 | 0x95 | 0x99) | Refusal::TooLarge { .. })
}

/// True for refusals of a message's topic: it is set aside, and the others continue.
pub(super) const fn is_about_its_topic(why: Refusal) -> bool {
    // Not authorized, which concerns a topic.
    matches!(why, Refusal::Code(0x87) | Refusal::EndsConnection) || is_for_good(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_about_a_topic_and_a_quota_is_not() {
        let codes = |codes: &'static [u8]| codes.iter().map(|code| Refusal::Code(*code));
        assert!(codes(&[0x87, 0x90, 0x95, 0x99]).all(is_about_its_topic));
        assert!(!codes(&[0x80, 0x83, 0x97]).any(is_about_its_topic));
        assert!(is_about_its_topic(Refusal::EndsConnection));
    }

    #[test]
    fn refusals_of_the_message_are_for_good_and_of_the_user_are_not() {
        let codes = |codes: &'static [u8]| codes.iter().map(|code| Refusal::Code(*code));
        assert!(codes(&[0x90, 0x95, 0x99]).all(is_for_good));
        assert!(!codes(&[0x80, 0x83, 0x87, 0x97]).any(is_for_good));
        assert!(is_for_good(Refusal::TooLarge { bytes: 2, most: 1 }));
        assert!(!is_for_good(Refusal::EndsConnection));
    }
}
