//! A bare MQTT client, of 3.1.1 unless said otherwise, that does only what it is told: it doesn't acknowledge, answer or
//! read unless asked to, and can be cut off at any point.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use super::DEADLINE;
use super::clients::Version;

/// First byte of a packet of MQTT 5 by which the broker ends a connection.
pub(super) const DISCONNECT: u8 = 0xE0;

/// The client id of [`answer_to_login`].
pub(super) const ID: &str = "someone";

/// The code in the CONNACK; `None` when the answer is none (but a TLS alert, say).
pub(super) fn answer_to_login(
    addr: SocketAddr,
    version: Version,
    login: Option<(&str, &str)>,
) -> Option<u8> {
    let mut raw = Raw::open(addr);
    raw.say_connect(ID, version, login);
    raw.receive().filter(|(kind, _)| *kind == 0x20).map(|(_, answer)| answer[1])
}

pub(super) struct Raw {
    stream: TcpStream,
    pub(super) session_present: bool,
    version: Version,
}

/// A PUBLISH as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) payload: Vec<u8>,
    pub(super) duplicate: bool,
    pub(super) packet_id: u16,
}

impl Received {
    pub(super) fn number(&self) -> u32 {
        std::str::from_utf8(&self.payload).expect("text").parse().expect("a number")
    }
}

impl Raw {
    /// Connects and waits to be accepted.
    pub(super) fn connect(addr: SocketAddr, id: &str, clean: bool) -> Self {
        Self::try_connect(addr, id, clean).expect("accepted")
    }

    /// Connects to its session, in either version.
    pub(super) fn connect_as(addr: SocketAddr, id: &str, version: Version) -> Self {
        let mut raw = Self::open(addr);
        let (level, properties) = if version == Version::V5 { (5, &[0][..]) } else { (4, &[][..]) };
        raw.send(0x10, &[b"\0\x04MQTT", &[level, 0, 0, 0][..], properties, &text(id)].concat());
        let (kind, answer) = raw.receive().expect("a CONNACK");
        assert_eq!((kind, answer[1]), (0x20, 0));
        raw.version = version;
        raw
    }

    /// Connects clean, by name and password.
    pub(super) fn log_in(
        addr: SocketAddr,
        id: &str,
        version: Version,
        user: &str,
        password: &str,
    ) -> Self {
        let mut raw = Self { version, ..Self::open(addr) };
        raw.say_connect(id, version, Some((user, password)));
        let (kind, answer) = raw.receive().expect("a CONNACK");
        assert_eq!((kind, answer[1]), (0x20, 0));
        raw
    }

    /// Asks to be connected clean.
    pub(super) fn say_connect(&mut self, id: &str, version: Version, login: Option<(&str, &str)>) {
        let (level, properties) = if version == Version::V5 { (5, &[0][..]) } else { (4, &[][..]) };
        let flags = if login.is_some() { 0xc2 } else { 2 };
        let mut body = [&b"\0\x04MQTT"[..], &[level, flags, 0, 60], properties, &text(id)].concat();
        if let Some((user, password)) = login {
            body.extend(text(user));
            body.extend(text(password));
        }
        self.send(0x10, &body);
    }

    /// Subscribes at QoS 1; the code of the SUBACK.
    pub(super) fn answer_to_subscribe(&mut self, filter: &str) -> u8 {
        let properties = if self.version == Version::V5 { &[0][..] } else { &[] };
        let body = [&[0, 1], properties, text(filter).as_slice(), &[1]].concat();
        self.send(0x82, &body);
        let (kind, answer) = self.receive().expect("a SUBACK");
        assert_eq!(kind, 0x90);
        answer[answer.len() - 1]
    }

    /// Connects clean, with a will of QoS 1.
    pub(super) fn connect_with_will(addr: SocketAddr, id: &str, topic: &str, will: &str) -> Self {
        let mut raw = Self::open(addr);
        let body = [&b"\0\x04MQTT\x04\x0e\0\0"[..], &text(id), &text(topic), &text(will)].concat();
        raw.send(0x10, &body);
        let (kind, answer) = raw.receive().expect("a CONNACK");
        assert_eq!((kind, answer[1]), (0x20, 0));
        raw
    }

    /// Connects to its session once the broker has no other handshake of this client under way.
    pub(super) fn reconnect(addr: SocketAddr, id: &str) -> Self {
        let started = Instant::now();
        loop {
            match Self::try_connect(addr, id, false) {
                Some(raw) => return raw,
                None => assert!(started.elapsed() < DEADLINE, "refused for too long"),
            }
        }
    }

    /// Asks to be connected to its session, and is gone.
    pub(super) fn connect_and_vanish(addr: SocketAddr, id: &str) {
        Self::ask(addr, id, false);
    }

    fn try_connect(addr: SocketAddr, id: &str, clean: bool) -> Option<Self> {
        let mut raw = Self::ask(addr, id, clean);
        let (kind, answer) = raw.receive().expect("a CONNACK");
        assert_eq!(kind, 0x20);
        raw.session_present = answer[0] & 1 == 1;
        (answer[1] == 0).then_some(raw)
    }

    /// A connection that says nothing.
    pub(super) fn open(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&addr, DEADLINE).expect("connected");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        stream.set_write_timeout(Some(DEADLINE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, session_present: false, version: Version::V3_1_1 }
    }

    fn ask(addr: SocketAddr, id: &str, clean: bool) -> Self {
        let mut raw = Self::open(addr);
        let mut body = b"\0\x04MQTT\x04".to_vec();
        body.extend([if clean { 2 } else { 0 }, 0, 0]);
        body.extend(text(id));
        raw.send(0x10, &body);
        raw
    }

    pub(super) fn subscribe(&mut self, filter: &str, qos: u8) {
        let body = [&[0, 1], text(filter).as_slice(), &[qos]].concat();
        self.send(0x82, &body);
        let (kind, answer) = self.receive().expect("a SUBACK");
        assert_eq!((kind, answer.as_slice()), (0x90, [0, 1, qos].as_slice()));
    }

    /// Publishes at QoS 1 without waiting for the acknowledgement.
    pub(super) fn publish(&mut self, topic: &str, payload: &[u8], packet_id: u16) {
        let body = [text(topic).as_slice(), &packet_id.to_be_bytes(), payload].concat();
        self.send(0x32, &body);
    }

    /// Publishes at any level without waiting for anything.
    pub(super) fn publish_at(&mut self, qos: u8, retain: bool, topic: &str, payload: &[u8]) {
        let id = if qos == 0 { &[][..] } else { &[0, 7] };
        let properties = if self.version == Version::V5 { &[0][..] } else { &[] };
        let body = [text(topic).as_slice(), id, properties, payload].concat();
        self.send(0x30 | qos << 1 | u8::from(retain), &body);
    }

    /// Whether the broker acknowledges what was published at this level (PUBACK, PUBREC); if so,
    /// brings the exchange to its end.
    pub(super) fn is_acknowledged(&mut self, qos: u8, patience: Duration) -> bool {
        self.stream.set_read_timeout(Some(patience)).expect("a timeout");
        let Some((kind, body)) = self.receive() else { return false };
        if kind == DISCONNECT {
            return false;
        }
        assert_eq!(kind, if qos == 1 { 0x40 } else { 0x50 });
        if qos == 2 {
            self.send(0x62, &body[..2]);
            assert_eq!(self.receive().map(|(kind, _)| kind), Some(0x70));
        }
        true
    }

    /// Publishes numbers at QoS 1, a few hundred under way at a time, until all are acknowledged.
    pub(super) fn publish_numbers(&mut self, topic: &str, numbers: RangeInclusive<u32>) {
        const UNDER_WAY: usize = 300;
        let packet_ids = (1..=u16::MAX).cycle();
        let mut sent = VecDeque::new();
        for (number, packet_id) in numbers.zip(packet_ids) {
            self.publish(topic, number.to_string().as_bytes(), packet_id);
            sent.push_back(packet_id);
            if sent.len() == UNDER_WAY {
                assert_eq!(Some(self.await_puback()), sent.pop_front());
            }
        }
        for packet_id in sent {
            assert_eq!(self.await_puback(), packet_id);
        }
    }

    pub(super) fn await_puback(&mut self) -> u16 {
        let (kind, body) = self.receive().expect("a PUBACK");
        assert_eq!(kind, 0x40);
        u16::from_be_bytes([body[0], body[1]])
    }

    pub(super) fn acknowledge(&mut self, packet_id: u16) {
        self.send(0x40, &packet_id.to_be_bytes());
    }

    /// The next PUBLISH; `None` once the broker has closed the connection, or `patience` is over.
    pub(super) fn next(&mut self, patience: Duration) -> Option<Received> {
        self.stream.set_read_timeout(Some(patience)).expect("a timeout");
        let (kind, body) = self.receive()?;
        assert_eq!(kind & 0xf0, 0x30, "not a PUBLISH");
        let topic = usize::from(u16::from_be_bytes([body[0], body[1]])) + 2;
        let rest = &body[topic..];
        let (packet_id, payload) = match kind & 0b110 {
            0 => (0, rest),
            _ => (u16::from_be_bytes([rest[0], rest[1]]), &rest[2..]),
        };
        Some(Received { payload: payload.to_vec(), duplicate: kind & 8 != 0, packet_id })
    }

    /// Whether the broker closes the connection before the deadline.
    pub(super) fn is_closed(&mut self) -> bool {
        loop {
            match self.stream.read(&mut [0; 1024]) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == ErrorKind::ConnectionReset,
            }
        }
    }

    pub(super) fn send(&mut self, kind: u8, body: &[u8]) {
        let mut packet = vec![kind];
        let mut length = body.len();
        while length > 127 {
            packet.push(u8::try_from(length % 128).expect("below 128") | 128);
            length /= 128;
        }
        packet.push(u8::try_from(length).expect("below 128"));
        packet.extend(body);
        // That the connection has ended is seen when reading.
        let _ = self.stream.write_all(&packet);
    }

    /// Sends bytes as they are.
    pub(super) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("sent");
    }

    /// The next packet: its first byte and its body.
    pub(super) fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut byte = || {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).ok().map(|()| byte[0])
        };
        let kind = byte()?;
        let (mut length, mut shift) = (0, 0);
        loop {
            let part = byte()?;
            length |= usize::from(part & 127) << shift;
            shift += 7;
            if part & 128 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        Some((kind, body))
    }
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a short text");
    [&length.to_be_bytes(), text.as_bytes()].concat()
}
