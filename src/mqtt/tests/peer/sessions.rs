//! What a broker keeps: sessions, retained messages, who may do what. No sockets here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::Sender;

use super::packet::{
    CONNACK, DISCONNECT, Fields, PINGREQ, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBSCRIBE,
    UNSUBSCRIBE, answer, packet, text,
};

const NOT_AUTHORIZED: u8 = 0x87;
/// The same in MQTT 3.1.1.
const NOT_AUTHORIZED_V3: u8 = 5;

const SESSION_EXPIRY: u8 = 0x11;
const RECEIVE_MAXIMUM: u8 = 0x21;

#[derive(Clone)]
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: u8,
    pub retained: bool,
}

struct Subscription {
    filter: String,
    qos: u8,
    /// Live messages keep the sender's retain flag.
    as_published: bool,
}

/// A message on its way to a client, from QoS 1 on.
struct InFlight {
    id: u16,
    message: Message,
    /// PUBREC has come, PUBREL was sent.
    is_released: bool,
}

#[derive(Default)]
struct Session {
    /// Number of the connection that has it.
    owner: Option<u64>,
    is_v5: bool,
    outlives_connections: bool,
    subscriptions: Vec<Subscription>,
    waiting: VecDeque<Message>,
    in_flight: Vec<InFlight>,
    window: usize,
    last_id: u16,
    /// QoS 2: messages that came and were not released yet.
    received: BTreeSet<u16>,
    will: Option<Message>,
    out: Vec<u8>,
}

/// A subscriber in this process.
pub struct Tap {
    pub filter: String,
    pub lines: Sender<String>,
}

#[derive(Default)]
pub struct Sessions {
    /// User name and password; `None` lets everyone in.
    pub login: Option<(String, String)>,
    /// Filters of topics that may be published to; `None` for all.
    pub rights: Option<Vec<String>>,
    pub taps: Vec<Tap>,
    sessions: BTreeMap<String, Session>,
    retained: BTreeMap<String, Message>,
}

pub fn matches(filter: &str, topic: &str) -> bool {
    let (mut levels, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (levels.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(level), Some(name)) if level == name => {}
            _ => return false,
        }
    }
}

impl Session {
    fn enqueue(&mut self, mut message: Message, qos: u8) {
        message.qos = message.qos.min(qos);
        if self.owner.is_some() || (self.outlives_connections && message.qos > 0) {
            self.waiting.push_back(message);
            self.pump();
        }
    }

    /// Sends what the window has room for.
    fn pump(&mut self) {
        while self.owner.is_some() && self.in_flight.len() < self.window {
            let Some(message) = self.waiting.pop_front() else { return };
            let id = if message.qos == 0 { 0 } else { self.next_id() };
            self.send(&message, id, false);
            if message.qos > 0 {
                self.in_flight.push(InFlight { id, message, is_released: false });
            }
        }
    }

    fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.wrapping_add(1).max(1);
            if self.in_flight.iter().all(|it| it.id != self.last_id) {
                return self.last_id;
            }
        }
    }

    fn send(&mut self, message: &Message, id: u16, again: bool) {
        let head = 0x30 | u8::from(again) << 3 | message.qos << 1 | u8::from(message.retained);
        let mut body = text(&message.topic);
        if message.qos > 0 {
            body.extend(id.to_be_bytes());
        }
        if self.is_v5 {
            body.push(0);
        }
        body.extend(&message.payload);
        self.out.extend(packet(head, &body));
    }

    /// Goes on where the last connection ended.
    fn resume(&mut self) {
        self.out.clear();
        for it in std::mem::take(&mut self.in_flight) {
            if it.is_released {
                self.out.extend(answer(PUBREL, it.id, 0));
            } else {
                self.send(&it.message, it.id, true);
            }
            self.in_flight.push(it);
        }
    }

    fn acknowledged(&mut self, kind: u8, id: u16) {
        if kind == PUBREC {
            self.in_flight.iter_mut().filter(|it| it.id == id).for_each(|it| it.is_released = true);
            self.out.extend(answer(PUBREL, id, 0));
        } else {
            self.in_flight.retain(|it| it.id != id);
        }
        self.pump();
    }
}

impl Sessions {
    /// A CONNECT on a connection of this number: the client id, if it is let in, and the CONNACK.
    pub fn connect(&mut self, number: u64, body: &[u8]) -> (Option<String>, Vec<u8>) {
        let mut fields = Fields(body);
        fields.text();
        let is_v5 = fields.byte() == 5;
        let flags = fields.byte();
        fields.short();
        let properties = if is_v5 { fields.properties() } else { BTreeMap::new() };
        let id = fields.text();
        let will = (flags & 4 != 0).then(|| {
            if is_v5 {
                fields.properties();
            }
            let (topic, payload) = (fields.text(), fields.bytes().to_vec());
            Message { topic, payload, qos: flags >> 3 & 3, retained: flags & 0x20 != 0 }
        });
        let user = (flags & 0x80 != 0).then(|| fields.text());
        let password = (flags & 0x40 != 0).then(|| fields.text());
        if self.login.is_some() && self.login != user.zip(password) {
            let code = if is_v5 { NOT_AUTHORIZED } else { NOT_AUTHORIZED_V3 };
            return (None, connack(is_v5, false, code));
        }
        self.take_over(&id);
        let is_clean = flags & 2 != 0;
        if is_clean {
            self.sessions.remove(&id);
        }
        let is_present = self.sessions.contains_key(&id);
        let session = self.sessions.entry(id.clone()).or_default();
        let expiry = properties.get(&SESSION_EXPIRY).copied().unwrap_or(0);
        session.outlives_connections = if is_v5 { expiry > 0 } else { !is_clean };
        let window = properties.get(&RECEIVE_MAXIMUM).copied().unwrap_or(1_000);
        (session.owner, session.is_v5, session.will) = (Some(number), is_v5, will);
        session.window = usize::try_from(window).unwrap();
        session.resume();
        session.pump();
        (Some(id), connack(is_v5, is_present, 0))
    }

    /// Ends the connection that has a session, as another client with its id does.
    pub fn take_over(&mut self, id: &str) {
        if let Some(owner) = self.sessions.get(id).and_then(|session| session.owner) {
            self.lost(id, owner);
        }
    }

    /// A connection has ended without a DISCONNECT.
    pub fn lost(&mut self, id: &str, number: u64) {
        let Some(session) = self.sessions.get_mut(id).filter(|it| it.owner == Some(number)) else {
            return;
        };
        session.owner = None;
        let will = session.will.take();
        if !session.outlives_connections {
            self.sessions.remove(id);
        }
        if let Some(will) = will {
            self.publish(will);
        }
    }

    /// The broker itself has ended.
    pub fn all_lost(&mut self) {
        self.sessions.retain(|_, session| session.outlives_connections);
        self.sessions.values_mut().for_each(|session| session.owner = None);
    }

    pub fn forget_messages(&mut self) {
        for session in self.sessions.values_mut() {
            session.waiting.clear();
            session.in_flight.clear();
            session.received.clear();
        }
    }

    /// Whether a connection still has its session.
    pub fn has(&self, id: &str, number: u64) -> bool {
        self.sessions.get(id).is_some_and(|it| it.owner == Some(number))
    }

    /// What is to be sent on a connection; `None` once it no longer has the session.
    pub fn take_out(&mut self, id: &str, number: u64) -> Option<Vec<u8>> {
        let session = self.sessions.get_mut(id).filter(|it| it.owner == Some(number))?;
        Some(std::mem::take(&mut session.out))
    }

    pub fn publish(&mut self, message: Message) {
        if message.retained {
            if message.payload.is_empty() {
                self.retained.remove(&message.topic);
            } else {
                self.retained.insert(message.topic.clone(), message.clone());
            }
        }
        for session in self.sessions.values_mut() {
            let of = session.subscriptions.iter().filter(|it| matches(&it.filter, &message.topic));
            let Some(best) = of.max_by_key(|it| it.qos) else { continue };
            let (qos, retained) = (best.qos, message.retained && best.as_published);
            session.enqueue(Message { retained, ..message.clone() }, qos);
        }
        let live = Message { retained: false, ..message };
        self.taps.retain(|tap| !matches(&tap.filter, &live.topic) || tap.tell(&live));
    }

    /// A subscriber in this process, which gets what is retained first.
    pub fn tap(&mut self, tap: Tap) {
        let retained = self.retained.values().filter(|it| matches(&tap.filter, &it.topic));
        retained.for_each(|message| {
            tap.tell(message);
        });
        self.taps.push(tap);
    }

    /// A packet of a connected client; false when it says goodbye.
    pub fn packet(&mut self, id: &str, head: u8, body: &[u8]) -> bool {
        let mut fields = Fields(body);
        match head >> 4 {
            PUBLISH => self.published(id, head, fields),
            SUBSCRIBE => self.subscribed(id, fields),
            UNSUBSCRIBE => {
                let is_v5 = self.sessions[id].is_v5;
                let packet_id = fields.short().to_be_bytes();
                let answer =
                    if is_v5 { [&packet_id[..], &[0, 0x11]].concat() } else { packet_id.into() };
                self.out(id).extend(packet(0xb0, &answer));
            }
            kind @ (PUBACK | PUBREC | PUBCOMP) => {
                self.session(id).acknowledged(kind, fields.short());
            }
            PUBREL => {
                let packet_id = fields.short();
                self.session(id).received.remove(&packet_id);
                self.out(id).extend(answer(PUBCOMP, packet_id, 0));
            }
            PINGREQ => self.out(id).extend(packet(0xd0, &[])),
            // In MQTT 5 it may ask for its will all the same.
            DISCONNECT => {
                if body.first() != Some(&4) {
                    self.session(id).will = None;
                }
                return false;
            }
            kind => panic!("an unexpected packet: {kind}"),
        }
        true
    }

    fn session(&mut self, id: &str) -> &mut Session {
        self.sessions.get_mut(id).expect("a connected client has a session")
    }

    fn out(&mut self, id: &str) -> &mut Vec<u8> {
        &mut self.session(id).out
    }

    fn published(&mut self, id: &str, head: u8, mut fields: Fields<'_>) {
        let (qos, retained) = (head >> 1 & 3, head & 1 != 0);
        let topic = fields.text();
        let packet_id = if qos == 0 { 0 } else { fields.short() };
        let is_v5 = self.sessions[id].is_v5;
        if is_v5 {
            fields.properties();
        }
        let is_allowed =
            self.rights.as_ref().is_none_or(|rights| rights.iter().any(|it| matches(it, &topic)));
        let reason = if is_allowed || !is_v5 { 0 } else { NOT_AUTHORIZED };
        let is_new = qos < 2 || !is_allowed || self.session(id).received.insert(packet_id);
        match qos {
            0 => {}
            1 => self.out(id).extend(answer(PUBACK, packet_id, reason)),
            _ => self.out(id).extend(answer(PUBREC, packet_id, reason)),
        }
        if is_new && is_allowed {
            self.publish(Message { topic, payload: fields.0.to_vec(), qos, retained });
        }
    }

    fn subscribed(&mut self, id: &str, mut fields: Fields<'_>) {
        let packet_id = fields.short().to_be_bytes();
        let is_v5 = self.sessions[id].is_v5;
        if is_v5 {
            fields.properties();
        }
        let mut granted = if is_v5 { vec![0] } else { Vec::new() };
        let mut retained = Vec::new();
        while !fields.0.is_empty() {
            let (filter, options) = (fields.text(), fields.byte());
            let qos = options & 3;
            granted.push(qos);
            let kept = self.retained.values().filter(|it| matches(&filter, &it.topic)).cloned();
            let session = self.sessions.get_mut(id).expect("a connected client has a session");
            let is_new = session.subscriptions.iter().all(|it| it.filter != filter);
            // Retain handling: always, for a new subscription, never.
            if options >> 4 == 0 || (options >> 4 == 1 && is_new) {
                retained.extend(kept.map(|message| (message, qos)));
            }
            session.subscriptions.retain(|it| it.filter != filter);
            let as_published = options & 8 != 0;
            session.subscriptions.push(Subscription { filter, qos, as_published });
        }
        self.out(id).extend(packet(0x90, &[&packet_id[..], &granted].concat()));
        for (message, qos) in retained {
            self.session(id).enqueue(message, qos);
        }
    }
}

impl Tap {
    /// Whether anybody listens.
    fn tell(&self, message: &Message) -> bool {
        let Message { topic, payload, qos, retained } = message;
        let payload = String::from_utf8_lossy(payload);
        self.lines.send(format!("{qos} {} {topic} {payload}", u8::from(*retained))).is_ok()
    }
}

fn connack(is_v5: bool, is_present: bool, code: u8) -> Vec<u8> {
    let properties = if is_v5 { &[0][..] } else { &[] };
    packet(CONNACK, &[&[u8::from(is_present), code], properties].concat())
}
