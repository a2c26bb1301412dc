//! Persistent state of the hub: sessions that outlive their connection, with subscriptions and queues, and retained
//! messages.
//!
//! Changes are collected in groups. The caller takes a group, writes it and confirms it. Whatever must not be sent
//! before (acknowledgements, deliveries) carries the number of the group on which it depends.
//!
//! Invariants: a group holds each key once, and none that was created and removed unwritten, so the pending changes
//! are bounded by the state and what is being written. Groups are written in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use bytestring::ByteString;
use rmqtt_codec::types::{Publish, QoS};
use rmqtt_codec::v5::{Codec, Packet};
use serde::{Deserialize, Serialize};
use tokio_util::codec::{Decoder, Encoder};

use super::delivery::{Delivery, packet_id, publish};
use super::filters::Options;
use super::message::Message;
use crate::domain::BrokerStateChange;

/// Number of a persistent session; never reused.
pub(super) type PersistedId = u64;

/// Key of persistent state, in the order of loading: a session before its contents.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Session(PersistedId),
    Subscription(PersistedId, ByteString),
    /// Queued delivery, by its number within the session.
    Waiting(PersistedId, u64),
    /// Packet id of a message of QoS 2 that was published, and not released.
    Incoming(PersistedId, u16),
    Retained(ByteString),
}

/// Value of a key.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Session(PersistedSession),
    /// With whether retained messages are still to be loaded for it.
    Subscription(Options, bool),
    Waiting(Delivery),
    /// The client has it already, of QoS 2.
    Received,
    Incoming,
    Retained(Arc<Message>),
}

/// The session itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PersistedSession {
    pub client: String,
    pub user: Option<String>,
    pub keep_ms: i64,
    /// Time of the disconnect, in ms since 1970; `None` while connected.
    pub left_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct PersistedOptions {
    qos: u8,
    no_local: bool,
    retain_as_published: bool,
    id: Option<std::num::NonZeroU32>,
    is_loading: bool,
}

/// Changes since the last group was taken, and which groups are written.
#[derive(Debug, Default)]
pub(super) struct PendingChanges {
    /// Whether anything is persisted.
    pub is_on: bool,
    changes: BTreeMap<Key, Option<Value>>,
    ended: Vec<PersistedId>,
    /// Number of changes and of ended sessions so far.
    num_changed: u64,
    num_ended: u64,
    /// True if something may depend on the next group, even if all its changes were withdrawn.
    is_promised: bool,
    /// Number of the last taken group.
    taken: u64,
    written: u64,
    last_id: PersistedId,
}

/// Changes that are written together.
#[derive(Debug)]
pub(in crate::broker) struct Group {
    pub number: u64,
    changes: BTreeMap<Key, Option<Value>>,
    ended: Vec<PersistedId>,
}

impl PendingChanges {
    /// Number for a new session.
    pub fn next_id(&mut self) -> PersistedId {
        self.last_id += 1;
        self.last_id
    }

    /// Notes the number of a loaded session as used.
    pub fn used(&mut self, id: PersistedId) {
        self.last_id = self.last_id.max(id);
    }

    pub fn put(&mut self, key: Key, value: Value) {
        self.change(key, Some(value));
    }

    /// Forgets a key, which was put for the first time when [`PendingChanges::latest`] was `since`.
    pub fn delete(&mut self, key: Key, since: u64) {
        if since > self.taken {
            // It is in no taken group, so there is nothing to delete. Whatever depends on the group still waits.
            self.changes.remove(&key);
        } else {
            self.change(key, None);
        }
    }

    fn change(&mut self, key: Key, value: Option<Value>) {
        if self.is_on {
            self.num_changed += 1;
            self.is_promised = true;
            self.changes.insert(key, value);
        }
    }

    /// Ends a session and deletes all its state.
    pub fn end(&mut self, id: PersistedId) {
        if self.ended.last() == Some(&id) {
            return;
        }
        self.num_ended += 1;
        self.is_promised = true;
        self.changes.retain(|key, _| key.session() != Some(id));
        self.ended.push(id);
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.ended.is_empty() && !self.is_promised
    }

    pub const fn num_ended(&self) -> u64 {
        self.num_ended
    }

    pub const fn num_changed(&self) -> u64 {
        self.num_changed
    }

    /// Group on which a just-made change depends.
    pub fn latest(&self) -> u64 {
        if self.is_empty() { self.taken } else { self.taken + 1 }
    }

    /// Whether a group is written.
    pub const fn is_written(&self, group: u64) -> bool {
        group <= self.written
    }

    /// True if all taken groups are written.
    pub const fn is_all_written(&self) -> bool {
        self.taken == self.written
    }

    pub fn take(&mut self) -> Option<Group> {
        if self.is_empty() {
            return None;
        }
        self.taken += 1;
        self.is_promised = false;
        Some(Group {
            number: self.taken,
            changes: std::mem::take(&mut self.changes),
            ended: std::mem::take(&mut self.ended),
        })
    }

    pub fn written(&mut self, group: u64) {
        self.written = group;
    }
}

impl Group {
    /// Changes to write.
    pub fn changes(&self) -> impl Iterator<Item = BrokerStateChange> + '_ {
        let changes = self.changes.iter().map(|(key, value)| match value {
            Some(value) => BrokerStateChange::Put(key.bytes(), value.bytes()),
            None => BrokerStateChange::Delete(key.bytes()),
        });
        let kinds = [kind::SESSION, kind::SUBSCRIPTION, kind::WAITING, kind::INCOMING];
        let ended = self.ended.iter().flat_map(move |id| {
            kinds
                .map(|kind| BrokerStateChange::DeleteAll([&[kind][..], &id.to_be_bytes()].concat()))
        });
        changes.chain(ended)
    }
}

mod kind {
    pub(super) const SESSION: u8 = 1;
    pub(super) const SUBSCRIPTION: u8 = 2;
    pub(super) const WAITING: u8 = 3;
    pub(super) const INCOMING: u8 = 4;
    pub(super) const RETAINED: u8 = 5;
}

impl Key {
    /// Session of the key.
    pub const fn session(&self) -> Option<PersistedId> {
        match self {
            Self::Session(id)
            | Self::Subscription(id, _)
            | Self::Waiting(id, _)
            | Self::Incoming(id, _) => Some(*id),
            Self::Retained(_) => None,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let of = |kind: u8, id: &PersistedId, rest: &[u8]| {
            [&[kind][..], &id.to_be_bytes(), rest].concat()
        };
        match self {
            Self::Session(id) => of(kind::SESSION, id, &[]),
            Self::Subscription(id, filter) => of(kind::SUBSCRIPTION, id, filter.as_bytes()),
            Self::Waiting(id, number) => of(kind::WAITING, id, &number.to_be_bytes()),
            Self::Incoming(id, packet_id) => of(kind::INCOMING, id, &packet_id.to_be_bytes()),
            Self::Retained(topic) => [&[kind::RETAINED][..], topic.as_bytes()].concat(),
        }
    }

    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(ByteString::from);
        if *kind == kind::RETAINED {
            return text(rest).map(Self::Retained);
        }
        let (id, rest) =
            rest.split_first_chunk().map(|(id, rest)| (u64::from_be_bytes(*id), rest))?;
        match *kind {
            kind::SESSION => rest.is_empty().then_some(Self::Session(id)),
            kind::SUBSCRIPTION => text(rest).map(|filter| Self::Subscription(id, filter)),
            kind::WAITING => {
                rest.try_into().ok().map(|it| Self::Waiting(id, u64::from_be_bytes(it)))
            }
            kind::INCOMING => {
                rest.try_into().ok().map(|it| Self::Incoming(id, u16::from_be_bytes(it)))
            }
            _ => None,
        }
    }
}

impl Value {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Session(session) => serde_json::to_vec(session).unwrap_or_default(),
            Self::Subscription(options, is_loading) => {
                let options = PersistedOptions {
                    qos: options.qos.value(),
                    no_local: options.no_local,
                    retain_as_published: options.retain_as_published,
                    id: options.id,
                    is_loading: *is_loading,
                };
                serde_json::to_vec(&options).unwrap_or_default()
            }
            Self::Waiting(delivery) => message_bytes(delivery),
            Self::Received | Self::Incoming => Vec::new(),
            Self::Retained(message) => {
                let message = message.clone();
                let qos = message.qos;
                message_bytes(&Delivery::new(message, qos, true, Vec::new()))
            }
        }
    }

    /// `None` when it can't be read.
    pub fn parse(key: &Key, bytes: &[u8], now: i64) -> Option<Self> {
        Some(match key {
            Key::Session(_) => Self::Session(serde_json::from_slice(bytes).ok()?),
            Key::Subscription(..) => {
                let options: PersistedOptions = serde_json::from_slice(bytes).ok()?;
                let is_loading = options.is_loading;
                let options = Options {
                    qos: QoS::try_from(options.qos).ok()?,
                    no_local: options.no_local,
                    retain_as_published: options.retain_as_published,
                    id: options.id,
                };
                Self::Subscription(options, is_loading)
            }
            Key::Incoming(..) => Self::Incoming,
            Key::Waiting(..) if bytes.is_empty() => Self::Received,
            Key::Waiting(_, number) => {
                let (publish, expires_at) = message(bytes)?;
                let message = Message { expires_at, ..Message::new(&publish, now) };
                let ids = publish.properties.map(|it| it.subscription_ids).unwrap_or_default();
                Self::Waiting(Delivery {
                    number: *number,
                    is_restored: true,
                    ..Delivery::new(Arc::new(message), publish.qos, publish.retain, ids)
                })
            }
            Key::Retained(_) => {
                let (publish, expires_at) = message(bytes)?;
                let message = Message { expires_at, ..Message::new(&publish, now) };
                Self::Retained(Arc::new(message))
            }
        })
    }
}

/// Message as an MQTT 5 packet, preceded by its expiry (ms since 1970; 0 for never).
fn message_bytes(delivery: &Delivery) -> Vec<u8> {
    let interval = delivery.message.properties.message_expiry_interval;
    let id = (delivery.qos != QoS::AtMostOnce).then(|| packet_id(delivery.number));
    let mut bytes = BytesMut::new();
    // It was received as one packet, so it fits into one.
    let _ = Codec::new(0, 0).encode(publish(delivery, id, false, interval), &mut bytes);
    [&delivery.message.expires_at.unwrap_or(0).to_be_bytes()[..], &bytes].concat()
}

fn message(mut bytes: &[u8]) -> Option<(Box<Publish>, Option<i64>)> {
    let expires_at = bytes.try_get_i64().ok()?;
    match Codec::new(0, 0).decode(&mut BytesMut::from(bytes)) {
        Ok(Some((Packet::Publish(publish), _))) => {
            Some((publish, (expires_at != 0).then_some(expires_at)))
        }
        _ => None,
    }
}
