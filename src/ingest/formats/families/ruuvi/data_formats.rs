//! Ruuvi data formats 3, 5, 6, C5 and E1: big-endian integers at fixed offsets.
//!
//! The maximum of an unsigned field and the minimum of a signed one mean "not available". Format 3
//! has no such code.

/// A field with a value, in fixed-point form: `scaled` / 10^`decimals`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Canonical name of the quantity.
    pub quantity: &'static str,
    /// Unit of the value.
    pub unit: &'static str,
    /// Value as an integer, without its decimal point.
    pub scaled: i64,
    /// Number of decimal places.
    pub decimals: u32,
}

/// Reason why a payload was not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// The payload is encrypted (data format 8).
    Encrypted,
    /// The data format is not supported.
    Unknown,
    /// The payload is shorter than its data format requires.
    Short,
}

/// Decodes the fields of a payload that are available. The first byte is the data format.
///
/// # Errors
/// If the payload is encrypted, too short, or of an unsupported data format.
pub fn read(payload: &[u8]) -> Result<Vec<Field>, Unread> {
    let (format, length): (fn(Bytes<'_>) -> Fields, usize) = match payload.first() {
        None => return Err(Unread::Short),
        Some(3) => (format_3, 14),
        Some(5) => (format_5, 18),
        Some(6) => (format_6, 17),
        Some(0xC5) => (format_c5, 12),
        Some(0xE1) => (format_e1, 29),
        Some(8) => return Err(Unread::Encrypted),
        Some(_) => return Err(Unread::Unknown),
    };
    if payload.len() < length {
        return Err(Unread::Short);
    }
    Ok(format(Bytes(payload)).0)
}

/// Format 3: the temperature is sign and magnitude, with its hundredths in a separate byte.
fn format_3(bytes: Bytes<'_>) -> Fields {
    let degrees = bytes.unsigned(2, 1);
    let hundredths = (degrees & 0x7F) * 100 + bytes.unsigned(3, 1);
    let temperature = if degrees < 0x80 { hundredths } else { -hundredths };
    let mut fields = Fields::default();
    fields.push("temperature", "°C", Some(temperature), 2);
    fields.push("humidity", "%", Some(bytes.unsigned(1, 1) * 5), 1);
    fields.push("pressure", "hPa", Some(bytes.unsigned(4, 2) + 50_000), 2);
    for (quantity, at) in ACCELERATIONS.into_iter().zip([6, 8, 10]) {
        fields.push(quantity, "g", Some(signed(bytes.unsigned(at, 2))), 3);
    }
    fields.push("battery_voltage", "V", Some(bytes.unsigned(12, 2)), 3);
    fields
}

fn format_5(bytes: Bytes<'_>) -> Fields {
    let mut fields = Fields::climate(bytes);
    for (quantity, at) in ACCELERATIONS.into_iter().zip([7, 9, 11]) {
        fields.push(quantity, "g", bytes.available_signed(at), 3);
    }
    fields.power_and_movement(bytes, 13);
    fields
}

/// Format C5: format 5 without acceleration.
fn format_c5(bytes: Bytes<'_>) -> Fields {
    let mut fields = Fields::climate(bytes);
    fields.power_and_movement(bytes, 7);
    fields
}

fn format_6(bytes: Bytes<'_>) -> Fields {
    let mut fields = Fields::climate(bytes);
    fields.push("pm2_5", "µg/m³", bytes.available(7, 2), 1);
    fields.push("co2", "ppm", bytes.available(9, 2), 0);
    fields.gas_indices(bytes, 11, 16);
    fields.push("illuminance", "lx", bytes.available(13, 1).map(logarithmic_illuminance), 2);
    fields
}

fn format_e1(bytes: Bytes<'_>) -> Fields {
    let mut fields = Fields::climate(bytes);
    for (quantity, at) in ["pm1", "pm2_5", "pm4", "pm10"].into_iter().zip([7, 9, 11, 13]) {
        fields.push(quantity, "µg/m³", bytes.available(at, 2), 1);
    }
    fields.push("co2", "ppm", bytes.available(15, 2), 0);
    fields.gas_indices(bytes, 17, 28);
    fields.push("illuminance", "lx", bytes.available(19, 3), 2);
    fields
}

const ACCELERATIONS: [&str; 3] = ["acceleration_x", "acceleration_y", "acceleration_z"];

/// Decoded fields that are available.
#[derive(Default)]
struct Fields(Vec<Field>);

impl Fields {
    fn push(
        &mut self,
        quantity: &'static str,
        unit: &'static str,
        scaled: Option<i64>,
        decimals: u32,
    ) {
        self.0.extend(scaled.map(|scaled| Field { quantity, unit, scaled, decimals }));
    }

    /// Temperature, humidity and pressure, at the same offsets in all formats after format 3.
    fn climate(bytes: Bytes<'_>) -> Self {
        let mut fields = Self::default();
        fields.push("temperature", "°C", bytes.available_signed(1).map(|it| it * 5), 3);
        fields.push("humidity", "%", bytes.available(3, 2).map(|it| it * 25), 4);
        fields.push("pressure", "hPa", bytes.available(5, 2).map(|it| it + 50_000), 2);
        fields
    }

    /// Battery voltage above 1.6 V in mV (11 bits), transmission power (5 bits, ignored), and a
    /// movement counter (1 byte).
    fn power_and_movement(&mut self, bytes: Bytes<'_>, at: usize) {
        let millivolts = Some(bytes.unsigned(at, 2) >> 5).filter(|it| *it != 0x7FF);
        self.push("battery_voltage", "V", millivolts.map(|it| it + 1600), 3);
        self.push("movement_counter", "", bytes.available(at + 2, 1), 0);
    }

    /// Indices of VOC and nitrogen oxides, 9 bits each; their least significant bits are bits 6 and 7 of the
    /// flags.
    fn gas_indices(&mut self, bytes: Bytes<'_>, at: usize, flags_at: usize) {
        let flags = bytes.unsigned(flags_at, 1);
        for (quantity, at, bit) in [("voc_index", at, 6), ("nox_index", at + 1, 7)] {
            let index = bytes.unsigned(at, 1) << 1 | (flags >> bit & 1);
            self.push(quantity, "", Some(index).filter(|it| *it != 0x1FF), 0);
        }
    }
}

/// Payload of at least the length of its data format; bytes beyond the end read as 0.
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    /// Big-endian unsigned integer of `size` bytes at offset `at`.
    fn unsigned(self, at: usize, size: usize) -> i64 {
        let bytes = self.0.get(at..at + size).unwrap_or_default();
        bytes.iter().fold(0, |sum, byte| sum << 8 | i64::from(*byte))
    }

    /// Unsigned integer of `size` bytes; `None` for its maximum, which means "not available".
    fn available(self, at: usize, size: usize) -> Option<i64> {
        Some(self.unsigned(at, size)).filter(|it| *it != (1 << (8 * size)) - 1)
    }

    /// Signed 16-bit integer; `None` for its minimum, which means "not available".
    fn available_signed(self, at: usize) -> Option<i64> {
        Some(signed(self.unsigned(at, 2))).filter(|it| *it != -0x8000)
    }
}

/// Interprets 16 bits as two's complement.
const fn signed(bits: i64) -> i64 {
    if bits < 0x8000 { bits } else { bits - 0x1_0000 }
}

/// Illuminance in hundredths of a lux from a logarithmic code, 0 to 254; 254 is 65535 lx.
#[expect(clippy::cast_possible_truncation, reason = "at most 6553500")]
fn logarithmic_illuminance(code: i64) -> i64 {
    let lux = (code as f64 * 65_536_f64.ln() / 254.0).exp_m1();
    (lux * 100.0).round() as i64
}
