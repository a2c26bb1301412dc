//! Binary layout of an own sensor's reading in a log record. Pure.
//!
//! ```text
//! offset  bytes  field
//!      0      8  timestamp: seconds since 1970 in UTC, signed
//!      8      4  timestamp: nanoseconds
//!     12      …  five strings, each its length in 4 bytes and its UTF-8:
//!                sensor id, location, quantity, the value as it prints, unit
//! ```
//!
//! Integers are little-endian. Always: reading inverts writing, including the notation of the value. Never: a reading that
//! `domain` would reject.

use chrono::DateTime;

use crate::domain::{Location, Quantity, Reading, SensorId, Unit, Value};

/// Appends a reading to `out`.
pub fn write(out: &mut Vec<u8>, reading: &Reading) {
    out.extend_from_slice(&reading.timestamp.timestamp().to_le_bytes());
    out.extend_from_slice(&reading.timestamp.timestamp_subsec_nanos().to_le_bytes());
    let value = reading.value.to_string();
    let Reading { sensor_id, location, quantity, unit, .. } = reading;
    let texts =
        [sensor_id.as_str(), location.as_str(), quantity.as_str(), value.as_str(), unit.as_str()];
    for text in texts {
        #[allow(clippy::cast_possible_truncation)] // a text of 4 GiB has no place in a record
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
}

/// Reads a reading; `None` for any other layout.
#[must_use]
pub fn read(mut bytes: &[u8]) -> Option<Reading> {
    let reading = read_first(&mut bytes)?;
    bytes.is_empty().then_some(reading)
}

fn read_first(rest: &mut &[u8]) -> Option<Reading> {
    let seconds = i64::from_le_bytes(take(rest)?);
    let nanoseconds = u32::from_le_bytes(take(rest)?);
    let sensor_id = SensorId::new(text(rest)?).ok()?;
    let location = Location::new(text(rest)?);
    let quantity = Quantity::new(text(rest)?).ok()?;
    let value = Value::from_json(&serde_json::from_str(text(rest)?).ok()?).ok()?;
    let unit = Unit::new(text(rest)?);
    let timestamp = DateTime::from_timestamp(seconds, nanoseconds)?;
    Some(Reading { sensor_id, location, quantity, value, unit, timestamp })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*first)
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(u32::from_le_bytes(take(rest)?)).ok()?;
    let (first, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    std::str::from_utf8(first).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reading(value: Value) -> Reading {
        Reading {
            sensor_id: SensorId::new("TEMP_é").unwrap(),
            location: Location::new(""),
            quantity: Quantity::new("co2").unwrap(),
            value,
            unit: Unit::new("ppm"),
            timestamp: DateTime::from_timestamp(-1, 123_456_789).unwrap(),
        }
    }

    fn written(reading: &Reading) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, reading);
        bytes
    }

    #[test]
    fn the_layout_is_as_documented() {
        let mut expected = vec![0xFF; 8];
        expected.extend(123_456_789_u32.to_le_bytes());
        expected
            .extend(b"\x07\0\0\0TEMP_\xC3\xA9\0\0\0\0\x03\0\0\0co2\x04\0\0\x0038.0\x03\0\0\0ppm");
        assert_eq!(written(&reading(Value::new(38.0).unwrap())), expected);
    }

    #[test]
    fn a_value_keeps_its_notation() {
        for carried in ["38", "38.0", "38.2", "-0.0", "0", "1e300", "9007199254740992", "-5e-324"] {
            let number = serde_json::from_str(carried).unwrap();
            let before = reading(Value::from_json(&number).unwrap());
            let Some(after) = read(&written(&before)) else { panic!("{carried}") };
            assert_eq!((after.value.to_string(), &after), (carried.to_owned(), &before));
        }
    }

    #[test]
    fn an_unknown_layout_is_not_read() {
        let good = written(&reading(Value::new(1.0).unwrap()));
        let mut longer = good.clone();
        longer.push(0);
        let mut nameless = good;
        nameless[12..16].fill(0);
        for bad in [&b""[..], b"\x03abc", &longer, &nameless] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_written_value_is_read_back(
            seconds in -10_000_000_000_i64..10_000_000_000, nanoseconds in 0..1_000_000_000_u32,
            id in "[^\\p{Cc} ]{1,60}", location in ".{0,40}", unit in ".{0,8}",
            number: f64, integer in -9_007_199_254_740_992_i64..=9_007_199_254_740_992,
            is_integer: bool,
        ) {
            let number = serde_json::Number::from_f64(number).filter(|_| !is_integer);
            let number = number.unwrap_or_else(|| integer.into());
            let before = Reading {
                sensor_id: SensorId::new(&id).unwrap(),
                location: Location::new(&location),
                quantity: Quantity::temperature(),
                value: Value::from_json(&number).unwrap(),
                unit: Unit::new(&unit),
                timestamp: DateTime::from_timestamp(seconds, nanoseconds).unwrap(),
            };
            prop_assert_eq!(read(&written(&before)), Some(before));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
