//! BTHome 2: open format of Bluetooth advertisements, passed on by gateways as hexadecimal service data.
//!
//! * Topics, id, time, availability: those of the gateway, see [`super::theengs`], whose decoder this preset shares.
//!   The preset is another name for the same table: of two tables with one base the first takes all messages.
//! * Value: `servicedata`, where `servicedatauuid` is 0xFCD2. Byte 0: bit 0 encrypted, bit 1 an address follows, bits
//!   5-7 version 2. Then objects: an id, and a little-endian integer with a factor. The id alone says how long an
//!   object is, so reading ends at the first unknown one; the objects before it count.
//! * Unit: of the object id.
//! * Traps: several objects of one quantity are probes, numbered from 1 (`<MAC>/1`, `<MAC>/2`). States that share a
//!   word with a number have names of their own: `battery_low`, `power_on`, `moisture_detected`, `gas_detected`.
//!   Button and dimmer events, text, raw bytes and device information are no readings. Encrypted data has no values
//!   without its key. A device repeats a packet, and several gateways pass it on: each arrival is a reading.
//! * Source: <https://bthome.io/format>.

mod objects;
pub mod packet;

use chrono_tz::Tz;

use super::theengs::Theengs;
use crate::config::PresetTable;

/// Creates the format of a table.
///
/// # Errors
/// If the base has wildcards.
pub fn new(table: &PresetTable, zone: Tz) -> Result<Theengs, String> {
    Theengs::named("bthome", table, zone)
}

#[cfg(test)]
mod tests;
