//! One conversation with a broker in raw packets: its answers, and whether the connection survives.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use super::SOON;

pub const PING: &[u8] = &[0xC0, 0];

/// Answers of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its packets by name and reason, without the final PINGRESP.
    pub answers: Vec<String>,
    /// True if the final ping was answered.
    pub is_alive: bool,
}

/// Encodes a packet from its first byte and its body.
pub fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind];
    let mut length = body.len();
    while length > 127 {
        packet.push(u8::try_from(length % 128).expect("below 128") | 128);
        length /= 128;
    }
    packet.push(u8::try_from(length).expect("below 128"));
    packet.extend(body);
    packet
}

/// Encodes a string: two bytes of length, then UTF-8.
pub fn text(text: &[u8]) -> Vec<u8> {
    [&u16::try_from(text.len()).expect("short").to_be_bytes()[..], text].concat()
}

/// CONNECT with a clean session, of protocol level 4 (3.1.1) or 5.
pub fn connect(level: u8, id: &[u8]) -> Vec<u8> {
    let properties: &[u8] = if level == 5 { &[0] } else { &[] };
    packet(0x10, &[b"\0\x04MQTT", &[level, 2, 0, 60][..], properties, &text(id)].concat())
}

/// Connects to a port, sends these bytes and a PINGREQ, and reads until the end.
pub fn converse(port: u16, said: &[u8]) -> Conversation {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    stream.set_read_timeout(Some(SOON)).expect("a timeout");
    stream.set_write_timeout(Some(SOON)).expect("a timeout");
    stream.set_nodelay(true).expect("no delay");
    // The broker may have closed the connection already.
    let _ = stream.write_all(&[said, PING].concat());
    let _ = stream.shutdown(Shutdown::Write);
    let mut bytes = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut bytes);
    read(&bytes)
}

fn read(mut bytes: &[u8]) -> Conversation {
    let mut heard = Conversation { answers: Vec::new(), is_alive: false };
    while let Some((kind, body, rest)) = split(bytes) {
        bytes = rest;
        if kind == 0xD0 {
            heard.is_alive = true;
        } else {
            heard.answers.push(name(kind, body));
        }
    }
    heard
}

fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, mut rest) = bytes.split_first()?;
    let (mut length, mut shift) = (0, 0);
    loop {
        let (part, behind) = rest.split_first()?;
        rest = behind;
        length |= usize::from(part & 127) << shift;
        shift += 7;
        if part & 128 == 0 {
            break;
        }
    }
    let (body, rest) = rest.split_at_checked(length)?;
    Some((*kind, body, rest))
}

fn name(kind: u8, body: &[u8]) -> String {
    let reason = |at: usize| body.get(at).copied().unwrap_or(0);
    match kind & 0xF0 {
        0x20 => format!("CONNACK {:02X}", reason(1)),
        0x30 => "PUBLISH".to_owned(),
        0x40 => format!("PUBACK {:02X}", reason(2)),
        0x50 => format!("PUBREC {:02X}", reason(2)),
        0x70 => format!("PUBCOMP {:02X}", reason(2)),
        0x90 => format!("SUBACK {:02X}", body.last().copied().unwrap_or(0)),
        0xB0 => "UNSUBACK".to_owned(),
        0xE0 => format!("DISCONNECT {:02X}", reason(0)),
        other => format!("{other:02X}"),
    }
}
