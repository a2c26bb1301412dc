//! A message on its way to those who subscribed to its topic.

use std::num::NonZeroU16;
use std::sync::Arc;

use rmqtt_codec::types::{Publish, QoS};
use rmqtt_codec::v5::{DisconnectReasonCode, Packet, PublishAck, PublishAckReason};

use super::delivery::{Delivery, ID_BYTES};
use super::filters::{Options, SessionKey};
use super::message::Message;
use super::session::{Link, Session};
use super::topics;
use super::{ConnId, Hub};

/// A subscription that matches.
#[derive(Debug)]
pub(super) struct Match {
    session: SessionKey,
    options: Options,
}

/// Whether a message counts for something without being passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is in the log: its publisher is acknowledged, whatever the broker has room for.
    Logged,
    /// It is for the subscribers alone.
    PassedOn,
}

impl<W: Clone> Hub<W> {
    /// Whether a PUBLISH of QoS 2 came before; then it is answered.
    ///
    /// # Errors
    /// When the client exceeds the receive maximum that the CONNACK gave.
    pub fn is_repeated(
        &mut self,
        conn: ConnId,
        id: NonZeroU16,
    ) -> Result<bool, DisconnectReasonCode> {
        let window = usize::from(self.limits.window);
        let Some(session) = self.session(conn) else { return Ok(true) };
        if session.incoming.contains(&id) {
            session.control.push_back(Packet::PublishReceived(ack(id, PublishAckReason::Success)));
            return Ok(true);
        }
        if session.incoming.len() >= window {
            return Err(DisconnectReasonCode::ReceiveMaximumExceeded);
        }
        Ok(false)
    }

    /// Passes a client's message on, and acknowledges it.
    pub fn publish(&mut self, now: i64, conn: ConnId, publish: &Publish, standing: Standing) {
        if self.session(conn).is_none() {
            // Another connection of its client has come meanwhile, by which it sends again what is not acknowledged.
            return;
        }
        let message = Arc::new(Message::new(publish, now));
        let routed = self.route(Some(conn.session), &message);
        let reason = if standing == Standing::Logged { PublishAckReason::Success } else { routed };
        let Some(session) = self.session(conn) else { return };
        let Some(id) = publish.packet_id else { return };
        session.control.push_back(match publish.qos {
            QoS::AtMostOnce => return,
            QoS::AtLeastOnce => Packet::PublishAck(ack(id, reason)),
            QoS::ExactlyOnce => {
                if u8::from(reason) < 0x80 {
                    session.incoming.insert(id);
                }
                Packet::PublishReceived(ack(id, reason))
            }
        });
    }

    /// Passes a will on.
    pub fn publish_will(&mut self, now: i64, will: Message) {
        self.route(None, &Arc::new(will.at(now)));
    }

    fn route(&mut self, from: Option<SessionKey>, message: &Arc<Message>) -> PublishAckReason {
        let is_kept = !message.retain || self.retain(message);
        let mut matched = std::mem::take(&mut self.matched);
        let sessions = &self.sessions;
        let can_take = |key: SessionKey| sessions[key].as_ref().is_some_and(Session::is_attached);
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
        // Where there is none, what waits for this client gives way.
        self.make_room(message.size() + same.len() * ID_BYTES);
        let Some(session) = &mut self.sessions[same[0].session] else { return true };
        let most = same.iter().map(|it| it.options.qos).max().unwrap_or(QoS::AtMostOnce);
        let qos = message.qos.less_value(most);
        if qos == QoS::AtMostOnce && !session.is_attached() {
            return true;
        }
        let (size, before) = (message.size() + same.len() * ID_BYTES, session.bytes());
        let others = self.bytes - before;
        let mut num_dropped = 0;
        // Newer readings are worth more.
        let has_room = loop {
            let bytes = session.bytes() + size;
            if bytes <= self.limits.session_bytes && others + bytes <= self.limits.all_bytes {
                break true;
            }
            num_dropped += 1;
            if !session.drop_oldest() {
                break false;
            }
        };
        self.losses.dropped.add(num_dropped, &session.client);
        if has_room {
            session.push(Delivery {
                message: message.clone(),
                qos,
                retain: message.retain && same.iter().any(|it| it.options.retain_as_published),
                ids: same.iter().filter_map(|it| it.options.id).collect(),
            });
        }
        self.bytes = others + session.bytes();
        if let Link::Attached(attached) = &session.link {
            self.wakes.push(attached.origin.waker.clone());
        }
        has_room
    }

    /// Keeps a message for those who subscribe later. Where there is no room, what its topic had goes too: it is out
    /// of date.
    fn retain(&mut self, message: &Arc<Message>) -> bool {
        self.retained.remove(&message.topic);
        if message.payload.is_empty() {
            return true;
        }
        let has_room = self.retained.len() < self.limits.retained
            && self.retained.bytes() + message.size() <= self.limits.retained_bytes
            && topics::is_shallow(&message.topic);
        if has_room {
            self.retained.insert(message);
        } else {
            self.losses.not_retained.add(1, &message.topic);
        }
        has_room
    }
}

fn ack(packet_id: NonZeroU16, reason_code: PublishAckReason) -> PublishAck {
    PublishAck { packet_id, reason_code, properties: Vec::new(), reason_string: None }
}
