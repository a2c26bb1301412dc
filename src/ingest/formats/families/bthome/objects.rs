//! Object ids of BTHome 2, with length and meaning.

use Object::{Binary, Sized, Skipped};

/// Content of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// A measured number.
    Number(Number),
    /// A state of one byte: 0 is off, any other value is on; with the quantity.
    Binary(&'static str),
    /// No measurement; with the length in bytes.
    Skipped(usize),
    /// Text or raw bytes, with a length byte in front.
    Sized,
}

/// A little-endian integer of 1 to 4 bytes with a decimal factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// Length in bytes.
    pub size: usize,
    /// Whether the integer is in two's complement.
    pub is_signed: bool,
    /// Canonical name of the quantity.
    pub quantity: &'static str,
    /// Unit of the value.
    pub unit: &'static str,
    /// Factor: the value is integer * `factor` / 10^`decimals`.
    pub factor: i64,
    /// Number of decimal places.
    pub decimals: u32,
}

/// Content of an object id; `None` if unknown, in which case its length is unknown as well.
#[must_use]
pub fn object(id: u8) -> Option<Object> {
    OBJECTS.iter().find(|(known, _)| *known == id).map(|(_, object)| *object)
}

const fn unsigned(
    size: usize,
    quantity: &'static str,
    unit: &'static str,
    decimals: u32,
) -> Object {
    Object::Number(Number { size, is_signed: false, quantity, unit, factor: 1, decimals })
}

const fn signed(size: usize, quantity: &'static str, unit: &'static str, decimals: u32) -> Object {
    Object::Number(Number { size, is_signed: true, quantity, unit, factor: 1, decimals })
}

/// Temperature in steps of 0.35 °C.
const COARSE_TEMPERATURE: Object = Object::Number(Number {
    size: 1,
    is_signed: true,
    quantity: "temperature",
    unit: "°C",
    factor: 35,
    decimals: 2,
});

/// All objects of the format, by id. States that share a word with a measured quantity have
/// distinct names.
const OBJECTS: [(u8, Object); 93] = [
    (0x00, Skipped(1)), // packet id
    (0x01, unsigned(1, "battery", "%", 0)),
    (0x02, signed(2, "temperature", "°C", 2)),
    (0x03, unsigned(2, "humidity", "%", 2)),
    (0x04, unsigned(3, "pressure", "hPa", 2)),
    (0x05, unsigned(3, "illuminance", "lx", 2)),
    (0x06, unsigned(2, "mass", "kg", 2)),
    (0x07, unsigned(2, "mass", "lb", 2)),
    (0x08, signed(2, "dew_point", "°C", 2)),
    (0x09, unsigned(1, "count", "", 0)),
    (0x0A, unsigned(3, "energy", "kWh", 3)),
    (0x0B, unsigned(3, "power", "W", 2)),
    (0x0C, unsigned(2, "voltage", "V", 3)),
    (0x0D, unsigned(2, "pm2_5", "µg/m³", 0)),
    (0x0E, unsigned(2, "pm10", "µg/m³", 0)),
    (0x0F, Binary("generic_boolean")),
    (0x10, Binary("power_on")),
    (0x11, Binary("opening")),
    (0x12, unsigned(2, "co2", "ppm", 0)),
    (0x13, unsigned(2, "tvoc", "µg/m³", 0)),
    (0x14, unsigned(2, "moisture", "%", 2)),
    (0x15, Binary("battery_low")),
    (0x16, Binary("battery_charging")),
    (0x17, Binary("carbon_monoxide")),
    (0x18, Binary("cold")),
    (0x19, Binary("connectivity")),
    (0x1A, Binary("door")),
    (0x1B, Binary("garage_door")),
    (0x1C, Binary("gas_detected")),
    (0x1D, Binary("heat")),
    (0x1E, Binary("light")),
    (0x1F, Binary("lock")),
    (0x20, Binary("moisture_detected")),
    (0x21, Binary("motion")),
    (0x22, Binary("moving")),
    (0x23, Binary("occupancy")),
    (0x24, Binary("plug")),
    (0x25, Binary("presence")),
    (0x26, Binary("problem")),
    (0x27, Binary("running")),
    (0x28, Binary("safety")),
    (0x29, Binary("smoke")),
    (0x2A, Binary("sound")),
    (0x2B, Binary("tamper")),
    (0x2C, Binary("vibration")),
    (0x2D, Binary("window")),
    (0x2E, unsigned(1, "humidity", "%", 0)),
    (0x2F, unsigned(1, "moisture", "%", 0)),
    (0x3A, Skipped(1)), // button event
    (0x3C, Skipped(2)), // dimmer event
    (0x3D, unsigned(2, "count", "", 0)),
    (0x3E, unsigned(4, "count", "", 0)),
    (0x3F, signed(2, "rotation", "°", 1)),
    (0x40, unsigned(2, "distance", "mm", 0)),
    (0x41, unsigned(2, "distance", "m", 1)),
    (0x42, unsigned(3, "duration", "s", 3)),
    (0x43, unsigned(2, "current", "A", 3)),
    (0x44, unsigned(2, "speed", "m/s", 2)),
    (0x45, signed(2, "temperature", "°C", 1)),
    (0x46, unsigned(1, "uv_index", "", 1)),
    (0x47, unsigned(2, "volume", "L", 1)),
    (0x48, unsigned(2, "volume", "mL", 0)),
    (0x49, unsigned(2, "volume_flow_rate", "m³/h", 3)),
    (0x4A, unsigned(2, "voltage", "V", 1)),
    (0x4B, unsigned(3, "gas", "m³", 3)),
    (0x4C, unsigned(4, "gas", "m³", 3)),
    (0x4D, unsigned(4, "energy", "kWh", 3)),
    (0x4E, unsigned(4, "volume", "L", 3)),
    (0x4F, unsigned(4, "water", "L", 3)),
    (0x50, Skipped(4)), // a time; its meaning is unspecified
    (0x51, unsigned(2, "acceleration", "m/s²", 3)),
    (0x52, unsigned(2, "gyroscope", "°/s", 3)),
    (0x53, Sized), // text
    (0x54, Sized), // raw bytes
    (0x55, unsigned(4, "volume_storage", "L", 3)),
    (0x56, unsigned(2, "conductivity", "µS/cm", 0)),
    (0x57, signed(1, "temperature", "°C", 0)),
    (0x58, COARSE_TEMPERATURE),
    (0x59, signed(1, "count", "", 0)),
    (0x5A, signed(2, "count", "", 0)),
    (0x5B, signed(4, "count", "", 0)),
    (0x5C, signed(4, "power", "W", 2)),
    (0x5D, signed(2, "current", "A", 3)),
    (0x5E, unsigned(2, "direction", "°", 2)),
    (0x5F, unsigned(2, "precipitation", "mm", 1)),
    (0x60, Skipped(1)), // channel: button of an event
    (0x61, unsigned(2, "rotational_speed", "rpm", 0)),
    (0x62, signed(4, "speed", "m/s", 6)),
    (0x63, signed(4, "acceleration", "m/s²", 6)),
    (0x64, unsigned(1, "light_level", "", 0)),
    (0xF0, Skipped(2)), // device type
    (0xF1, Skipped(4)), // firmware version
    (0xF2, Skipped(3)), // firmware version
];
