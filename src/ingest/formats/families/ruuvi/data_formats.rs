//! Ruuvi's data formats 3, 5, 6, C5 and E1: big-endian integers at fixed places. The largest unsigned and the smallest
//! signed integer mean "not available", except in format 3, which has no such code.

/// One field that has a value: `scaled` divided by ten to the power of `decimals`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Canonical name of the quantity.
    pub quantity: &'static str,
    /// Unit.
    pub unit: &'static str,
    /// Value without its decimal point.
    pub scaled: i64,
    /// Digits behind the decimal point.
    pub decimals: u32,
}

/// Why a payload has no fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It is encrypted.
    Encrypted,
    /// Its data format is none of those that are read.
    Unknown,
    /// It ends too early.
    Short,
}

/// Fields of a payload that have a value. Its first byte is the data format.
///
/// # Errors
/// Says why there are none.
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

/// The first of Ruuvi's formats: the temperature has a sign and a magnitude, its fraction a byte of its own.
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

/// Format 5 without the acceleration.
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

/// Fields that have a value so far.
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

    /// Temperature, humidity and pressure, where all formats after the first have them.
    fn climate(bytes: Bytes<'_>) -> Self {
        let mut fields = Self::default();
        fields.push("temperature", "°C", bytes.available_signed(1).map(|it| it * 5), 3);
        fields.push("humidity", "%", bytes.available(3, 2).map(|it| it * 25), 4);
        fields.push("pressure", "hPa", bytes.available(5, 2).map(|it| it + 50_000), 2);
        fields
    }

    /// 11 bits of battery voltage above 1.6 V, 5 bits of transmission power, and a byte that counts movements.
    fn power_and_movement(&mut self, bytes: Bytes<'_>, at: usize) {
        let millivolts = Some(bytes.unsigned(at, 2) >> 5).filter(|it| *it != 0x7FF);
        self.push("battery_voltage", "V", millivolts.map(|it| it + 1600), 3);
        self.push("movement_counter", "", bytes.available(at + 2, 1), 0);
    }

    /// Two indices of 9 bits, whose lowest are bits 6 and 7 of the flags.
    fn gas_indices(&mut self, bytes: Bytes<'_>, at: usize, flags_at: usize) {
        let flags = bytes.unsigned(flags_at, 1);
        for (quantity, at, bit) in [("voc_index", at, 6), ("nox_index", at + 1, 7)] {
            let index = bytes.unsigned(at, 1) << 1 | (flags >> bit & 1);
            self.push(quantity, "", Some(index).filter(|it| *it != 0x1FF), 0);
        }
    }
}

/// Payload that is at least as long as its data format; bytes beyond it read as 0.
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    /// Big-endian integer of a few bytes.
    fn unsigned(self, at: usize, size: usize) -> i64 {
        let bytes = self.0.get(at..at + size).unwrap_or_default();
        bytes.iter().fold(0, |sum, byte| sum << 8 | i64::from(*byte))
    }

    /// The same, but its largest value.
    fn available(self, at: usize, size: usize) -> Option<i64> {
        Some(self.unsigned(at, size)).filter(|it| *it != (1 << (8 * size)) - 1)
    }

    /// Two bytes in two's complement, but their smallest value.
    fn available_signed(self, at: usize) -> Option<i64> {
        Some(signed(self.unsigned(at, 2))).filter(|it| *it != -0x8000)
    }
}

/// 16 bits in two's complement.
const fn signed(bits: i64) -> i64 {
    if bits < 0x8000 { bits } else { bits - 0x1_0000 }
}

/// Hundredths of a lux of a code from 0 to 254, where equal steps are equal ratios: 254 is 65535 lx.
#[expect(clippy::cast_possible_truncation, reason = "at most 6553500")]
fn logarithmic_illuminance(code: i64) -> i64 {
    let lux = (code as f64 * 65_536_f64.ln() / 254.0).exp_m1();
    (lux * 100.0).round() as i64
}
