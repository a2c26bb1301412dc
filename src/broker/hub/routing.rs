//! Routing of a message to the subscribers of its topic.

use std::sync::Arc;

use bytestring::ByteString;
use rmqtt_codec::types::{Publish, QoS};
use rmqtt_codec::v5::{DisconnectReasonCode, PublishAckReason};

use super::delivery::{Delivery, ID_BYTES};
use super::filters::{Options, SessionKey};
use super::message::Message;
use super::persistence::{Key, Value};
use super::session::{Link, Session};
use super::topics;
use super::{ConnId, Hub};
use crate::broker::rights::Grant;

/// A matching subscription.
#[derive(Debug)]
pub(super) struct Match {
    session: SessionKey,
    options: Options,
}

/// Whether a message counts for something without being passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// In the log: the publisher is acknowledged, regardless of room in the queues.
    Logged,
    /// For subscribers only.
    PassedOn,
}

/// Admission of a received PUBLISH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::broker) enum Admission {
    /// To be logged and published.
    Accepted,
    /// Redelivery of a known message: acknowledged only.
    Repeated,
    /// The client has no right to publish on the topic. Answered if its MQTT version has an answer.
    Denied,
}

impl<W: Clone> Hub<W> {
    /// Looks at a PUBLISH before it counts for anything.
    ///
    /// # Errors
    /// If the client exceeds the receive maximum of its CONNACK.
    pub fn admit(
        &mut self,
        conn: ConnId,
        publish: &Publish,
    ) -> Result<Admission, DisconnectReasonCode> {
        let (window, latest) = (usize::from(self.limits.window), self.keeping.latest());
        let Some(session) = self.session(conn) else { return Ok(Admission::Repeated) };
        let id = publish.packet_id;
        if let (QoS::ExactlyOnce, Some(id)) = (publish.qos, id) {
            if session.incoming.contains(&id) {
                let after = session.kept.map_or(0, |_| latest);
                session.answer(after, publish.qos, id, PublishAckReason::Success);
                return Ok(Admission::Repeated);
            }
            if session.incoming.len() >= window {
                return Err(DisconnectReasonCode::ReceiveMaximumExceeded);
            }
        }
        if session.grant.may_publish(&session.client, &publish.topic) {
            return Ok(Admission::Accepted);
        }
        if let Some(id) = id {
            session.answer(0, publish.qos, id, PublishAckReason::NotAuthorized);
        }
        let what = ByteString::from(format!("{:?} to {:?}", &*session.client, &*publish.topic));
        self.losses.denied.add(1, &what);
        Ok(Admission::Denied)
    }

    /// Applies the present rights to all clients. A client without any is cut off; the next client may claim its
    /// session.
    pub fn regrant(&mut self, now: i64, grant: impl Fn(&Grant, bool) -> Option<Grant>) {
        for key in 0..self.sessions.len() {
            let Some(session) = &mut self.sessions[key] else { continue };
            let granted = grant(&session.grant, session.is_attached());
            // A connection that had all rights is checked without its limits.
            let was_limited = session.grant.is_limited();
            let is_cut = granted.as_ref().is_none_or(|it| it.is_limited() != was_limited);
            session.grant = granted.unwrap_or_else(Grant::none);
            if let (true, Link::Attached(attached)) = (is_cut, &session.link) {
                self.wakes.push(attached.origin.waker.clone());
                self.leave(now, key);
            }
        }
    }

    /// Passes a client's message on, and acknowledges it.
    pub fn publish(&mut self, now: i64, conn: ConnId, publish: &Publish, standing: Standing) {
        if self.session(conn).is_none() {
            // Another connection of the client took over, and will redeliver what is unacknowledged.
            return;
        }
        let message = Arc::new(Message::new(publish, now));
        let changed = self.keeping.num_changed();
        let routed = self.route(Some(conn.session), &message);
        let reason = if standing == Standing::Logged { PublishAckReason::Success } else { routed };
        let Some(session) = &mut self.sessions[conn.session] else { return };
        let Some(id) = publish.packet_id else { return };
        if publish.qos == QoS::ExactlyOnce && u8::from(reason) < 0x80 {
            session.came_in(id, &mut self.keeping);
        }
        let is_kept = changed != self.keeping.num_changed();
        let after = if is_kept { self.keeping.latest() } else { 0 };
        session.answer(after, publish.qos, id, reason);
    }

    /// Passes a will on.
    pub fn publish_will(&mut self, now: i64, will: Message) {
        self.route(None, &Arc::new(will.at(now)));
    }

    fn route(&mut self, from: Option<SessionKey>, message: &Arc<Message>) -> PublishAckReason {
        let is_kept = !message.retain || self.retain(message);
        let mut matched = std::mem::take(&mut self.matched);
        let sessions = &self.sessions;
        let may_have = |it: &Session<W>| it.is_attached() && it.may_have(&message.topic);
        let can_take = |key: SessionKey| sessions[key].as_deref().is_some_and(may_have);
        self.filters.find(&message.topic, &can_take, &mut |session, options| {
            if !options.no_local || from != Some(session) {
                matched.push(Match { session, options });
            }
        });
        matched.sort_by_key(|it| it.session);
        let (mut num_clients, mut num_refused) = (0, 0);
        for same in matched.chunk_by(|a, b| a.session == b.session) {
            num_clients += 1;
            num_refused += usize::from(!self.deliver(message, same));
        }
        matched.clear();
        self.matched = matched;
        match () {
            () if !is_kept => PublishAckReason::QuotaExceeded,
            () if num_clients == 0 => PublishAckReason::NoMatchingSubscribers,
            () if num_refused == num_clients => PublishAckReason::QuotaExceeded,
            () => PublishAckReason::Success,
        }
    }

    /// Queues one copy of a message for a client, whose subscriptions `same` match. False when there is no room.
    fn deliver(&mut self, message: &Arc<Message>, same: &[Match]) -> bool {
        // If there is no room, the oldest messages for this client are dropped.
        self.make_room(message.size() + same.len() * ID_BYTES);
        let Some(session) = &mut self.sessions[same[0].session] else { return true };
        if !session.may_have(&message.topic) {
            return true;
        }
        let most = same.iter().map(|it| it.options.qos).max().unwrap_or(QoS::AtMostOnce);
        let qos = message.qos.less_value(most);
        if qos == QoS::AtMostOnce && !session.is_attached() {
            return true;
        }
        let (size, before) = (message.size() + same.len() * ID_BYTES, session.bytes());
        let others = self.bytes - before;
        let mut num_dropped = 0;
        // Newer readings take precedence.
        let has_room = loop {
            let bytes = session.bytes() + size;
            if bytes <= self.limits.session_bytes && others + bytes <= self.limits.all_bytes {
                break true;
            }
            num_dropped += 1;
            if !session.drop_oldest(&mut self.keeping) {
                break false;
            }
        };
        self.losses.dropped.add(num_dropped, &session.client);
        if has_room {
            let retain = message.retain && same.iter().any(|it| it.options.retain_as_published);
            let ids = same.iter().filter_map(|it| it.options.id).collect();
            let delivery = Delivery::new(message.clone(), qos, retain, ids);
            session.push(delivery, &mut self.keeping);
        }
        self.bytes = others + session.bytes();
        if let Link::Attached(attached) = &session.link {
            self.wakes.push(attached.origin.waker.clone());
        }
        has_room
    }

    /// Retains a message for later subscribers. If there is no room, the topic's earlier one is removed too: it is
    /// out of date.
    fn retain(&mut self, message: &Arc<Message>) -> bool {
        let before = self.retained.remove(&message.topic);
        let is_kept = !message.payload.is_empty();
        let has_room = !is_kept || self.has_room_to_retain(message);
        if is_kept && has_room {
            let value = Value::Retained(message.clone());
            self.keeping.put(Key::Retained(message.topic.clone()), value);
            self.retained.insert(message, before.unwrap_or_else(|| self.keeping.latest()));
        } else if let Some(since) = before {
            self.keeping.delete(Key::Retained(message.topic.clone()), since);
        }
        if !has_room {
            self.losses.not_retained.add(1, &message.topic);
        }
        has_room
    }

    pub(super) fn has_room_to_retain(&self, message: &Message) -> bool {
        self.retained.len() < self.limits.retained
            && self.retained.bytes() + message.size() <= self.limits.retained_bytes
            && topics::is_shallow(&message.topic)
    }
}
