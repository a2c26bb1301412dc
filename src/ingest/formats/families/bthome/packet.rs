//! Service data of BTHome: packets and their objects.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use super::objects::{Number, Object, object};
use crate::ingest::formats::kit::{Builder, Stamp, values};

/// Maximum length of service data in an extended advertisement, in bytes.
const LONGEST_DATA: usize = 254;

/// BTHome service data.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet {
    /// Objects of an unencrypted packet.
    Plain(Vec<u8>),
    /// Encrypted with the device's key.
    Encrypted,
}

/// Extracts the BTHome packet of a gateway's message; `None` if there is no service data, or of
/// another format.
///
/// # Errors
/// If the service data is not hexadecimal, empty, too long, or of another version of BTHome.
pub fn packet(fields: &Map<String, Json>) -> Result<Option<Packet>, String> {
    let text = |key| fields.get(key).and_then(Json::as_str);
    let (Some(uuid), Some(data)) = (text("servicedatauuid"), text("servicedata")) else {
        return Ok(None);
    };
    if !is_bthome(uuid) {
        return Ok(None);
    }
    let data = values::hex(data).ok_or("`servicedata` is not hexadecimal")?;
    let (Some((&info, rest)), true) = (data.split_first(), data.len() <= LONGEST_DATA) else {
        return Err(format!("`servicedata` has {} bytes", data.len()));
    };
    if info >> 5 != 2 {
        return Err(format!("`servicedata` is of BTHome version {}, not 2", info >> 5));
    }
    if info & 1 != 0 {
        return Ok(Some(Packet::Encrypted));
    }
    let address = if info & 2 != 0 { 6 } else { 0 };
    let objects = rest.get(address..).ok_or("`servicedata` ends within the address")?;
    Ok(Some(Packet::Plain(objects.to_vec())))
}

/// Whether a service UUID is BTHome's: `fcd2`, `0xfcd2`, or the 128-bit form.
fn is_bthome(uuid: &str) -> bool {
    let uuid = uuid.trim().to_ascii_lowercase();
    let short = uuid.strip_prefix("0x").unwrap_or(&uuid);
    matches!(short, "fcd2" | "0000fcd2-0000-1000-8000-00805f9b34fb")
}

/// A measured value in fixed-point form: `scaled` / 10^`decimals`.
struct Measured {
    quantity: &'static str,
    unit: &'static str,
    scaled: i64,
    decimals: u32,
}

/// Adds the measured values of a packet's objects.
pub fn add(objects: &[u8], sensor: &str, stamp: Stamp, builder: &mut Builder) {
    let (measured, fault) = read(objects);
    let num_of = |quantity, of: &[Measured]| of.iter().filter(|it| it.quantity == quantity).count();
    for (at, it) in measured.iter().enumerate() {
        let sensor = if num_of(it.quantity, &measured) > 1 {
            Cow::Owned(format!("{sensor}/{}", 1 + num_of(it.quantity, &measured[..at])))
        } else {
            Cow::Borrowed(sensor)
        };
        builder.add_decimal(&sensor, it.quantity, (it.scaled, it.decimals), it.unit, stamp);
    }
    if let Some(why) = fault {
        builder.fault(why);
    }
}

/// Decodes the objects up to the first unknown id; also returns the fault of a truncated object.
fn read(objects: &[u8]) -> (Vec<Measured>, Option<String>) {
    let mut measured = Vec::new();
    let mut rest = objects;
    while let Some((&id, after)) = rest.split_first() {
        let Some(object) = object(id) else { break };
        let Some((bytes, after)) = split(object, after) else {
            return (measured, Some(format!("object 0x{id:02X} is cut off")));
        };
        measured.extend(value(object, bytes));
        rest = after;
    }
    (measured, None)
}

/// Splits off the bytes of an object; `None` if they are truncated.
fn split(object: Object, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    match object {
        Object::Number(Number { size, .. }) | Object::Skipped(size) => bytes.split_at_checked(size),
        Object::Binary(_) => bytes.split_at_checked(1),
        Object::Sized => {
            let (&size, bytes) = bytes.split_first()?;
            bytes.split_at_checked(size.into())
        }
    }
}

fn value(object: Object, bytes: &[u8]) -> Option<Measured> {
    match object {
        Object::Number(Number { is_signed, quantity, unit, factor, decimals, .. }) => {
            let scaled = integer(bytes, is_signed) * factor;
            Some(Measured { quantity, unit, scaled, decimals })
        }
        Object::Binary(quantity) => {
            let scaled = bytes.iter().any(|byte| *byte != 0).into();
            Some(Measured { quantity, unit: "", scaled, decimals: 0 })
        }
        Object::Skipped(_) | Object::Sized => None,
    }
}

/// Little-endian integer of at most 4 bytes.
fn integer(bytes: &[u8], is_signed: bool) -> i64 {
    let unsigned = bytes.iter().rev().fold(0_i64, |sum, byte| sum << 8 | i64::from(*byte));
    let is_negative = is_signed && bytes.last().is_some_and(|byte| *byte >= 0x80);
    if is_negative { unsigned - (1 << (8 * bytes.len())) } else { unsigned }
}
