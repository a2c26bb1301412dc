//! CBOR (RFC 8949), the subset that SenML uses, converted to the JSON of the same pack. Depth is bounded, and
//! memory by the payload's size.

use serde_json::{Map, Number, Value as Json};

/// Labels of CBOR's integers from -6 on.
const LABELS: [&str; 15] =
    ["bs", "bv", "bu", "bt", "bn", "bver", "n", "u", "v", "vs", "vb", "s", "t", "ut", "vd"];

/// Lists in maps in lists…; a pack has two.
const MOST_LEVELS: u8 = 8;

const ARRAY: u8 = 4;
const MAP: u8 = 5;
/// Additional information of an item of indefinite length, which ends with `BREAK`.
const INDEFINITE: u8 = 31;
const BREAK: u8 = 0xff;

/// True for a CBOR payload: a list, or the self-describing tag. Neither is the start of a UTF-8 text.
pub fn is_cbor(payload: &[u8]) -> bool {
    matches!(payload.first(), Some(0x80..=0x9f)) || payload.starts_with(&[0xd9, 0xd9, 0xf7])
}

/// Reads a payload.
///
/// # Errors
/// If it is truncated, or not of the subset.
pub fn parse(payload: &[u8]) -> Result<Json, String> {
    let mut reader = Reader { rest: payload };
    let pack = reader.item(0)?;
    if reader.rest.iter().any(|byte| *byte != 0) {
        return Err("there is more after the CBOR list".into());
    }
    Ok(pack)
}

struct Reader<'a> {
    rest: &'a [u8],
}

/// Head of an item: major type, additional information, and the number or length that follows.
struct Head {
    major: u8,
    info: u8,
    number: u64,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: u64) -> Result<&'a [u8], String> {
        let length = usize::try_from(length).ok().filter(|length| *length <= self.rest.len());
        let (taken, rest) = self.rest.split_at(length.ok_or("the CBOR is cut off")?);
        self.rest = rest;
        Ok(taken)
    }

    fn head(&mut self) -> Result<Head, String> {
        let first = self.take(1)?[0];
        let (major, info) = (first >> 5, first & 31);
        let number = match info {
            0..24 => u64::from(info),
            24..28 => {
                let bytes = self.take(1 << (info - 24))?;
                bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
            }
            INDEFINITE if matches!(major, ARRAY | MAP) => u64::MAX,
            _ => return Err(format!("the CBOR has an item {first:#04x}, which SenML has not")),
        };
        Ok(Head { major, info, number })
    }

    fn item(&mut self, level: u8) -> Result<Json, String> {
        if level > MOST_LEVELS {
            return Err("the CBOR is nested too deeply".into());
        }
        let head = self.head()?;
        match head.major {
            0 => Ok(Json::from(head.number)),
            1 => Ok(i64::try_from(head.number)
                .map_or_else(|_| Json::Null, |number| Json::from(-1 - number))),
            // Data is no value, but its presence counts.
            2 => self.take(head.number).map(|_| Json::from("")),
            3 => self.text(head.number).map(Json::from),
            ARRAY => self.array(&head, level),
            MAP => self.map(&head, level),
            6 => self.item(level + 1).map(|item| tagged(head.number, item)),
            _ => Ok(simple(&head)),
        }
    }

    fn text(&mut self, length: u64) -> Result<String, String> {
        let bytes = self.take(length)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| "a text in the CBOR is not UTF-8".into())
    }

    /// True if a list or map ends here, after `count` items.
    fn ends(&mut self, head: &Head, count: u64) -> bool {
        if head.info != INDEFINITE {
            return count == head.number;
        }
        let is_break = self.rest.first() == Some(&BREAK);
        self.rest = &self.rest[usize::from(is_break)..];
        is_break
    }

    fn array(&mut self, head: &Head, level: u8) -> Result<Json, String> {
        let mut items = Vec::new();
        let mut count = 0;
        while !self.ends(head, count) {
            items.push(self.item(level + 1)?);
            count += 1;
        }
        Ok(Json::Array(items))
    }

    fn map(&mut self, head: &Head, level: u8) -> Result<Json, String> {
        let mut fields = Map::new();
        let mut count = 0;
        while !self.ends(head, count) {
            let label = label(&self.item(level + 1)?)?;
            fields.insert(label, self.item(level + 1)?);
            count += 1;
        }
        Ok(Json::Object(fields))
    }
}

fn label(key: &Json) -> Result<String, String> {
    let number = key.as_i64().and_then(|number| usize::try_from(number.checked_add(6)?).ok());
    let known = number.and_then(|number| LABELS.get(number)).copied();
    let label = known.or(key.as_str()).ok_or_else(|| format!("the CBOR label {key} is unknown"))?;
    Ok(label.to_owned())
}

/// Tag 4 is a decimal fraction, `[exponent, mantissa]`; other tags don't change a number's value.
fn tagged(tag: u64, item: Json) -> Json {
    let Some([exponent, mantissa]) = item.as_array().map(Vec::as_slice).filter(|_| tag == 4) else {
        return item;
    };
    let number = exponent.as_i64().zip(mantissa.as_i64());
    let number =
        number.and_then(|(exponent, mantissa)| format!("{mantissa}e{exponent}").parse().ok());
    number.map_or(item, float)
}

/// Truth values, null, and floats of 16, 32 and 64 bits. Of anything else there is no value.
fn simple(head: &Head) -> Json {
    match (head.info, head.number) {
        (20, _) => Json::Bool(false),
        (21, _) => Json::Bool(true),
        (25, bits) => float(half(bits)),
        (26, bits) => float(f64::from(f32::from_bits(u32::try_from(bits).unwrap_or_default()))),
        (27, bits) => float(f64::from_bits(bits)),
        _ => Json::Null,
    }
}

/// NaN is no value; an infinite number is an error, which JSON can only express as text.
fn float(number: f64) -> Json {
    match Number::from_f64(number) {
        Some(number) => Json::Number(number),
        None if number.is_nan() => Json::Null,
        None => Json::from("infinite"),
    }
}

/// Float of 16 bits: sign, 5 bits of exponent, 10 of fraction.
fn half(bits: u64) -> f64 {
    let fraction = f64::from(u16::try_from(bits & 0x3ff).unwrap_or_default());
    let exponent = i32::try_from(bits >> 10 & 0x1f).unwrap_or_default();
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction > 0.0 => f64::NAN,
        31 => f64::INFINITY,
        _ => (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
    };
    if bits & 0x8000 == 0 { size } else { -size }
}
