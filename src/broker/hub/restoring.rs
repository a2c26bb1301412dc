//! Restoration of a hub from its persisted state.
//!
//! Invariants: entries that are unreadable or without a session are skipped and counted; queues, retained messages
//! and the number of sessions stay within the limits.

use bytestring::ByteString;
use rmqtt_codec::types::QoS;

use super::filters::{self, Options, SessionKey};
use super::persistence::{Key, PersistedId, PersistedSession, Value};
use super::session::Session;
use super::{Hub, subscribing};
use crate::broker::rights::Grant;
use crate::domain::QuickMap;

/// A hub under restoration.
pub(in crate::broker) struct Restoring<W> {
    hub: Hub<W>,
    now: i64,
    by_id: QuickMap<PersistedId, SessionKey>,
    /// Subscriptions whose retained messages were not all queued.
    loads: Vec<(SessionKey, ByteString, Options)>,
    num_left_out: usize,
}

impl<W: Clone> Restoring<W> {
    /// Begins with an empty hub.
    pub fn new(mut hub: Hub<W>, now: i64) -> Self {
        hub.keeping.is_on = true;
        Self { hub, now, by_id: QuickMap::default(), loads: Vec::new(), num_left_out: 0 }
    }

    /// Adds the next key with its value, in order. `grant` gives the present rights of a user.
    pub fn add(&mut self, key: &[u8], value: &[u8], grant: impl Fn(Option<&str>) -> Option<Grant>) {
        let known = Key::parse(key);
        // Its number is never reused, whatever becomes of it.
        let id = known.as_ref().and_then(Key::session);
        self.hub.keeping.used(id.unwrap_or_default());
        let parsed = known.and_then(|key| Some((Value::parse(&key, value, self.now)?, key)));
        let is_added = match parsed {
            Some((Value::Session(session), Key::Session(id))) => {
                let grant = grant(session.user.as_deref()).unwrap_or_else(Grant::none);
                self.session(id, session, grant)
            }
            Some((Value::Retained(message), _)) => {
                // One that has expired is swept soon.
                self.hub.retained.remove(&message.topic);
                let has_room = self.hub.has_room_to_retain(&message);
                if has_room {
                    self.hub.retained.insert(&message, 0);
                }
                has_room
            }
            Some((value, key)) => self.of_session(&key, value).is_some(),
            None => false,
        };
        self.num_left_out += usize::from(!is_added);
        if let Some(id) = id.filter(|id| !self.by_id.contains_key(id)) {
            self.hub.keeping.end(id);
        }
    }

    /// The hub, and the number of skipped entries.
    pub fn finish(mut self) -> (Hub<W>, usize) {
        let sessions: Vec<_> = self.by_id.values().copied().collect();
        for key in sessions {
            let Some(session) = &mut self.hub.sessions[key] else { continue };
            let end_at = session.since_ms + session.keep_ms;
            let before = session.bytes();
            while session.bytes() > self.hub.limits.session_bytes
                && session.drop_oldest(&mut self.hub.keeping)
            {}
            self.hub.bytes = self.hub.bytes + session.bytes() - before;
            self.hub.set_deadline(key, Some(end_at));
        }
        for (key, filter, options) in std::mem::take(&mut self.loads) {
            if let Some(session) = &mut self.hub.sessions[key] {
                session.load(self.hub.retained.load(&filter), options);
            }
        }
        self.hub.make_room(0);
        self.hub.tick(self.now);
        (self.hub, self.num_left_out)
    }

    fn session(&mut self, id: PersistedId, kept: PersistedSession, grant: Grant) -> bool {
        let hub = &mut self.hub;
        let client = ByteString::from(kept.client);
        if hub.by_client.contains_key(&client) || hub.by_client.len() >= hub.limits.sessions {
            return false;
        }
        let since = kept.left_ms.unwrap_or(self.now).min(self.now);
        let mut session = Session::new(client.clone(), since);
        session.keep_ms = kept.keep_ms.min(hub.limits.session_expiry_ms);
        session.grant = grant;
        session.kept = Some(id);
        let key = hub.sessions.len();
        hub.sessions.push(Some(Box::new(session)));
        hub.by_client.insert(client, key);
        self.by_id.insert(id, key);
        true
    }

    fn of_session(&mut self, key: &Key, value: Value) -> Option<()> {
        let (Key::Subscription(id, _) | Key::Waiting(id, _) | Key::Incoming(id, _)) = key else {
            return None;
        };
        let hub = &mut self.hub;
        let place = *self.by_id.get(id)?;
        let session = hub.sessions[place].as_mut()?;
        match (key, value) {
            (Key::Subscription(_, filter), Value::Subscription(options, is_loading)) => {
                if is_loading {
                    self.loads.push((place, filter.clone(), options));
                }
                let (group, bare) = subscribing::split(filter)?;
                let cost = filters::cost(filter);
                session.subscription_bytes += cost;
                hub.subscription_bytes += cost;
                session.subscriptions.insert(filter.clone(), options);
                hub.filters.add(group, bare, place, options);
            }
            (Key::Incoming(_, packet_id), _) => {
                session.incoming.insert(std::num::NonZeroU16::new(*packet_id)?);
            }
            (Key::Waiting(_, number), Value::Received) => {
                session.restore_received(*number);
            }
            (Key::Waiting(..), Value::Waiting(delivery)) if delivery.qos != QoS::AtMostOnce => {
                hub.bytes += delivery.size();
                session.restore_waiting(delivery);
            }
            _ => return None,
        }
        Some(())
    }
}
