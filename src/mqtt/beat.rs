//! Heartbeats over MQTT: a message after each successful check of the alarm path.
//!
//! Never: a queued heartbeat, which would be stale.

#![expect(clippy::disallowed_methods, reason = "a beat bears the time it was sent")]

use actix::prelude::*;

use super::actor::{Gateway, now};
use super::link::{Outgoing, Qos, Tag};
use crate::messages::Beat;
use crate::supervisor::Routed;
use crate::wire::payload;

impl Handler<Routed<Beat>> for Gateway {
    type Result = bool;

    fn handle(&mut self, beat: Routed<Beat>, ctx: &mut Context<Self>) -> bool {
        let (Beat { topic }, _room) = beat.split();
        if !self.carries() || !self.poison.may_publish(now()) || self.stop.is_some() {
            return false;
        }
        let client_id = &self.settings.mqtt.client_id;
        let beat = Outgoing {
            topic: topic.to_string(),
            payload: payload::beat(chrono::Utc::now(), client_id, self.settings.times),
            qos: Qos::AtLeastOnce,
            retained: false,
            is_forwarded: false,
        };
        let published = self.publish(Tag::Beat, beat, ctx);
        if let Err(why) = published {
            self.settle(Tag::Beat, why);
        }
        published.is_ok()
    }
}
