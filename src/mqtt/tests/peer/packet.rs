//! MQTT packets, as much of them as the peer reads and writes.

use std::collections::BTreeMap;

/// First byte of a CONNECT.
pub const CONNECT: u8 = 0x10;
/// First byte of a CONNACK.
pub const CONNACK: u8 = 0x20;
// The others by their kind, the upper half of the first byte.
pub const PUBLISH: u8 = 3;
pub const PUBACK: u8 = 4;
pub const PUBREC: u8 = 5;
pub const PUBREL: u8 = 6;
pub const PUBCOMP: u8 = 7;
pub const SUBSCRIBE: u8 = 8;
pub const UNSUBSCRIBE: u8 = 10;
pub const PINGREQ: u8 = 12;
pub const DISCONNECT: u8 = 14;

/// A packet by its first byte and its body.
pub fn packet(head: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![head];
    let mut length = body.len();
    while length > 127 {
        packet.push(u8::try_from(length % 128).unwrap() | 128);
        length /= 128;
    }
    packet.push(u8::try_from(length).unwrap());
    packet.extend(body);
    packet
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP of a packet id; a reason other than 0 is for MQTT 5.
pub fn answer(kind: u8, id: u16, reason: u8) -> Vec<u8> {
    let head = kind << 4 | if kind == PUBREL { 2 } else { 0 };
    let reason = if reason == 0 { &[][..] } else { &[reason] };
    packet(head, &[&id.to_be_bytes(), reason].concat())
}

pub fn text(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}

/// Takes the first whole packet off the bytes that came: its first byte and its body.
pub fn take(unread: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let (mut length, mut shift, mut at) = (0, 0, 1);
    loop {
        let part = *unread.get(at)?;
        length |= usize::from(part & 127) << shift;
        (at, shift) = (at + 1, shift + 7);
        if part & 128 == 0 {
            break;
        }
    }
    if unread.len() < at + length {
        return None;
    }
    let packet: Vec<u8> = unread.drain(..at + length).collect();
    Some((packet[0], packet[at..].to_vec()))
}

/// The fields of a body, one after the other.
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    pub fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    pub fn short(&mut self) -> u16 {
        u16::from_be_bytes(self.take(2).try_into().unwrap())
    }

    pub fn bytes(&mut self) -> &'a [u8] {
        let length = self.short();
        self.take(length.into())
    }

    pub fn text(&mut self) -> String {
        String::from_utf8(self.bytes().to_vec()).unwrap()
    }

    /// The properties that are numbers. There are fewer than 128 bytes of them.
    pub fn properties(&mut self) -> BTreeMap<u8, u32> {
        let length = self.byte();
        let mut fields = Fields(self.take(length.into()));
        let mut numbers = BTreeMap::new();
        while !fields.0.is_empty() {
            let property = fields.byte();
            let width = match property {
                0x01 | 0x17 | 0x19 => 1,
                0x21 | 0x22 => 2,
                0x02 | 0x11 | 0x18 | 0x27 => 4,
                0x26 => {
                    fields.bytes();
                    0
                }
                _ => 0,
            };
            if width == 0 {
                fields.bytes();
            } else {
                let number =
                    fields.take(width).iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
                numbers.insert(property, number);
            }
        }
        numbers
    }
}
