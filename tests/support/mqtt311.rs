//! The part of MQTT 3.1.1 that keeps sessions over broker deaths. These tests must see acknowledgements and
//! redeliveries, which a client library handles by itself.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Timeout of CONNECT, for a broker that restarts on a busy machine.
const ANSWER: Duration = Duration::from_secs(5);

/// Read timeout.
const LOOK: Duration = Duration::from_millis(2);

pub const CONNACK: u8 = 0x20;
pub const PUBLISH: u8 = 0x30;
pub const PUBACK: u8 = 0x40;
pub const PUBREC: u8 = 0x50;
pub const PUBREL: u8 = 0x62;
pub const PUBCOMP: u8 = 0x70;
pub const SUBSCRIBE: u8 = 0x82;
pub const SUBACK: u8 = 0x90;
pub const DISCONNECT: u8 = 0xE0;

const PROTOCOL_3_1_1: u8 = 4;
const KEEP_ALIVE_OFF: u16 = 0;

/// A received packet: first byte and body.
pub struct Packet {
    pub head: u8,
    pub body: Vec<u8>,
}

impl Packet {
    /// Packet id of an acknowledgement.
    pub fn id(&self) -> u16 {
        u16::from_be_bytes([self.body[0], self.body[1]])
    }

    /// QoS, packet id (0 at QoS 0) and payload of a PUBLISH.
    pub fn publication(&self) -> (u8, u16, &[u8]) {
        let qos = self.head >> 1 & 3;
        let after_topic = 2 + usize::from(u16::from_be_bytes([self.body[0], self.body[1]]));
        let rest = &self.body[after_topic..];
        match qos {
            0 => (0, 0, rest),
            _ => (qos, u16::from_be_bytes([rest[0], rest[1]]), &rest[2..]),
        }
    }
}

/// A connection with a persistent session.
pub struct Link {
    stream: TcpStream,
    unread: Vec<u8>,
    /// Session-present flag of the CONNACK.
    pub session_present: bool,
}

impl Link {
    /// Connects with clean session off.
    ///
    /// # Errors
    /// When the connection fails or is refused.
    pub fn open(port: u16, client_id: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LOOK))?;
        stream.set_write_timeout(Some(ANSWER))?;
        let mut link = Self { stream, unread: Vec::new(), session_present: false };
        let mut body = text("MQTT");
        body.extend([PROTOCOL_3_1_1, 0]);
        body.extend(KEEP_ALIVE_OFF.to_be_bytes());
        body.extend(text(client_id));
        link.send(&packet(0x10, &body))?;
        let answer = link.wait(CONNACK)?;
        match answer.body.as_slice() {
            [flags, 0] => {
                link.session_present = flags & 1 == 1;
                Ok(link)
            }
            refused => Err(io::Error::other(format!("refused: {refused:?}"))),
        }
    }

    /// Waits for a packet of one type and drops others before it.
    ///
    /// # Errors
    /// When it doesn't arrive in time.
    pub fn wait(&mut self, head: u8) -> io::Result<Packet> {
        let deadline = std::time::Instant::now() + ANSWER;
        while std::time::Instant::now() < deadline {
            if let Some(packet) = self.receive()?.into_iter().find(|packet| packet.head == head) {
                return Ok(packet);
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    /// # Errors
    /// When the connection has ended.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Complete packets received so far, after a short wait.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn receive(&mut self) -> io::Result<Vec<Packet>> {
        let mut bytes = vec![0; 64 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => self.unread.extend_from_slice(&bytes[..count]),
            Err(error) if is_patience(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(whole(&mut self.unread))
    }
}

/// Drains the complete packets at the beginning.
pub fn whole(unread: &mut Vec<u8>) -> Vec<Packet> {
    let mut packets = Vec::new();
    let mut at = 0;
    while let Some((packet, size)) = first(&unread[at..]) {
        packets.push(packet);
        at += size;
    }
    unread.drain(..at);
    packets
}

pub fn is_patience(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

/// The packet at the beginning and its length in bytes; `None` while it is incomplete.
fn first(bytes: &[u8]) -> Option<(Packet, usize)> {
    let (head, rest) = bytes.split_first()?;
    let mut length = 0;
    for (at, byte) in rest.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            let body = rest.get(at + 1..at + 1 + length)?.to_vec();
            return Some((Packet { head: *head, body }, at + 2 + length));
        }
    }
    None
}

fn packet(head: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![head];
    let mut length = body.len();
    loop {
        let more = if length > 0x7F { 0x80 } else { 0 };
        bytes.push(u8::try_from(length & 0x7F).expect("seven bits") | more);
        length >>= 7;
        if length == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a short text");
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

pub fn publish(topic: &str, payload: &[u8], qos: u8, id: u16, again: bool) -> Vec<u8> {
    let mut body = text(topic);
    body.extend(id.to_be_bytes());
    body.extend_from_slice(payload);
    packet(PUBLISH | u8::from(again) << 3 | qos << 1, &body)
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
pub fn answer(head: u8, id: u16) -> Vec<u8> {
    packet(head, &id.to_be_bytes())
}

pub fn subscribe(topic: &str, qos: u8) -> Vec<u8> {
    let mut body = 1_u16.to_be_bytes().to_vec();
    body.extend(text(topic));
    body.push(qos);
    packet(SUBSCRIBE, &body)
}

pub fn disconnect() -> Vec<u8> {
    packet(DISCONNECT, &[])
}
