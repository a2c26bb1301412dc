//! SUBSCRIBE and UNSUBSCRIBE.

use bytestring::ByteString;
use rmqtt_codec::types::QoS;
use rmqtt_codec::v5::{
    Packet, RetainHandling, Subscribe, SubscribeAck, SubscribeAckReason, Unsubscribe,
    UnsubscribeAck, UnsubscribeAckReason,
};

use super::Hub;
use super::filters::{self, Filters, Options, SessionKey};
use super::persistence::{Key, Value};
use super::topics;

impl<W: Clone> Hub<W> {
    pub(super) fn subscribe(&mut self, key: SessionKey, subscribe: &Subscribe) {
        let mut status = Vec::with_capacity(subscribe.topic_filters.len());
        for (filter, asked) in &subscribe.topic_filters {
            let options = Options {
                qos: asked.qos,
                no_local: asked.no_local,
                retain_as_published: asked.retain_as_published,
                id: subscribe.id,
            };
            let answer = self.subscribe_to(key, filter, options, asked.retain_handling);
            status.push(answer.unwrap_or_else(|refused| refused));
        }
        let ack = SubscribeAck {
            packet_id: subscribe.packet_id,
            properties: Vec::new(),
            reason_string: None,
            status,
        };
        let Some(session) = &mut self.sessions[key] else { return };
        let after = session.kept.map_or(0, |_| self.keeping.latest());
        session.say(after, Packet::SubscribeAck(ack));
    }

    fn subscribe_to(
        &mut self,
        key: SessionKey,
        filter: &ByteString,
        options: Options,
        handling: RetainHandling,
    ) -> Result<SubscribeAckReason, SubscribeAckReason> {
        let (group, bare) = split(filter).ok_or(SubscribeAckReason::TopicFilterInvalid)?;
        if !topics::is_valid_filter(bare) || (group.is_some() && options.no_local) {
            return Err(SubscribeAckReason::TopicFilterInvalid);
        }
        let (limits, cost) = (self.limits, filters::cost(filter));
        let session = self.sessions[key].as_mut().ok_or(SubscribeAckReason::UnspecifiedError)?;
        if !session.grant.may_subscribe(&session.client, bare) {
            let what = ByteString::from(format!("{:?} to {filter:?}", &*session.client));
            self.losses.denied.add(1, &what);
            return Err(SubscribeAckReason::NotAuthorized);
        }
        let is_new = !session.subscriptions.contains_key(filter);
        let has_room = session.subscriptions.len() < limits.subscriptions
            && session.subscription_bytes + cost <= limits.subscription_bytes
            && self.subscription_bytes + cost <= limits.all_subscription_bytes;
        if is_new {
            if !has_room {
                return Err(SubscribeAckReason::QuotaExceeded);
            }
            session.subscription_bytes += cost;
            self.subscription_bytes += cost;
        }
        // Copied out of the receive buffer.
        let filter = ByteString::from(&**filter);
        session.subscriptions.insert(filter.clone(), options);
        let is_loaded = match handling {
            RetainHandling::AtSubscribe => true,
            RetainHandling::AtSubscribeNew => is_new,
            RetainHandling::NoAtSubscribe => false,
        };
        let is_loading = is_loaded && group.is_none();
        if let Some(id) = session.kept {
            let key = Key::Subscription(id, filter.clone());
            self.keeping.put(key, Value::Subscription(options, is_loading));
        }
        if is_loading {
            session.load(self.retained.load(&filter), options);
        }
        self.filters.add(group, bare, key, options);
        Ok(match options.qos {
            QoS::AtMostOnce => SubscribeAckReason::GrantedQos0,
            QoS::AtLeastOnce => SubscribeAckReason::GrantedQos1,
            QoS::ExactlyOnce => SubscribeAckReason::GrantedQos2,
        })
    }

    pub(super) fn unsubscribe(&mut self, key: SessionKey, unsubscribe: &Unsubscribe) {
        let Some(session) = &mut self.sessions[key] else { return };
        let mut status = Vec::with_capacity(unsubscribe.topic_filters.len());
        for filter in &unsubscribe.topic_filters {
            if session.subscriptions.remove(filter).is_none() {
                let is_valid = split(filter).is_some_and(|(_, bare)| topics::is_valid_filter(bare));
                status.push(if is_valid {
                    UnsubscribeAckReason::NoSubscriptionExisted
                } else {
                    UnsubscribeAckReason::TopicFilterInvalid
                });
                continue;
            }
            if let Some(id) = session.kept {
                // Copied out of the receive buffer.
                self.keeping.delete(Key::Subscription(id, ByteString::from(&**filter)), 0);
            }
            session.forget_load(filter);
            session.subscription_bytes -= filters::cost(filter);
            self.subscription_bytes -= filters::cost(filter);
            remove(&mut self.filters, filter, key);
            status.push(UnsubscribeAckReason::Success);
        }
        let ack = UnsubscribeAck {
            packet_id: unsubscribe.packet_id,
            properties: Vec::new(),
            reason_string: None,
            status,
        };
        let after = session.kept.map_or(0, |_| self.keeping.latest());
        session.say(after, Packet::UnsubscribeAck(ack));
    }
}

/// Removes a session's subscription from the tree.
pub(super) fn remove(filters: &mut Filters, filter: &str, key: SessionKey) {
    if let Some((group, bare)) = split(filter) {
        filters.remove(group, bare, key);
    }
}

/// Group and filter of a subscription; `None` if it begins like a shared one and is invalid.
pub(super) fn split(filter: &str) -> Option<(Option<&str>, &str)> {
    if !filter.starts_with("$share/") {
        return Some((None, filter));
    }
    topics::shared(filter).map(|(group, bare)| (Some(group), bare))
}
