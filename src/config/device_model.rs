//! `[[devices]]`: how messages of other shapes become readings, as the file has it. Plain types.

use std::collections::BTreeMap;

use chrono_tz::Tz;

/// One table of devices.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceTable {
    /// Byte position of the table in the file, for later errors.
    pub at: usize,
    /// Format of its messages.
    pub shape: Shape,
    /// Location of its sensors, if the topic has none.
    pub location: Option<String>,
    /// Zone of its zone-less timestamps; `None` for that of the file.
    pub zone: Option<Tz>,
    /// Patterns (`*`) of accepted sensors, or of `sensor/quantity`; empty for all.
    pub only: Vec<String>,
    /// Patterns (`*`) of ignored ones.
    pub ignore: Vec<String>,
    /// Replacements of sensor ids, or of their beginnings up to a `/`.
    pub rename: BTreeMap<String, String>,
}

impl DeviceTable {
    /// True if another table is equal, wherever in the file.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        *self == Self { at: self.at, ..other.clone() }
    }
}

/// Format of a table's messages.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A built-in device family.
    Preset(PresetTable),
    /// Described by the table itself.
    Mapping(Box<Mapping>),
}

/// A device family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the name of what it stands for")]
pub enum Preset {
    Bthome,
    Chirpstack,
    Esphome,
    Homeassistant,
    Homie,
    Influx,
    Rtl433,
    Ruuvi,
    Senml,
    Shelly,
    Tasmota,
    Theengs,
    Thingsboard,
    Tts,
    Victron,
    Zigbee2mqtt,
}

impl Preset {
    /// All presets, by their names in the file.
    pub const ALL: [(&'static str, Self); 16] = [
        ("bthome", Self::Bthome),
        ("chirpstack", Self::Chirpstack),
        ("esphome", Self::Esphome),
        ("homeassistant", Self::Homeassistant),
        ("homie", Self::Homie),
        ("influx", Self::Influx),
        ("rtl_433", Self::Rtl433),
        ("ruuvi", Self::Ruuvi),
        ("senml", Self::Senml),
        ("shelly", Self::Shelly),
        ("tasmota", Self::Tasmota),
        ("theengs", Self::Theengs),
        ("thingsboard", Self::Thingsboard),
        ("tts", Self::Tts),
        ("victron", Self::Victron),
        ("zigbee2mqtt", Self::Zigbee2mqtt),
    ];

    /// Name in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, it)| *it == self).map_or("", |(name, _)| name)
    }
}

/// A table with a preset.
#[derive(Debug, Clone, PartialEq)]
pub struct PresetTable {
    /// The family.
    pub preset: Preset,
    /// First levels of its topics; `None` for the family's default.
    pub base: Option<String>,
    /// Topic with named levels, if the family's is configurable (Tasmota's `FullTopic`, a gateway's own).
    pub topic: Option<String>,
    /// Name of the device, if the family's messages have none.
    pub device: Option<String>,
    /// Unit of the timestamps; `None` infers it from their size.
    pub precision: Option<Precision>,
}

/// Unit of numeric timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

/// A mapping: named levels of the topic, and the places of values.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mapping {
    /// Topic filter with named levels: `site/{sensor}/state`; `{name...}` matches several levels.
    pub topic: String,
    /// Id of the sensor: a text with `{levels}`, or a pointer; `None` for the level `{sensor}` or `{device}`.
    pub sensor: Option<String>,
    /// Name of the device, if neither topic nor payload has one.
    pub device: Option<String>,
    /// Names of quantities, by name or unit in the message.
    pub quantities: BTreeMap<String, String>,
    /// Quantity: a name, or a pointer; `None` for the level `{quantity}`.
    pub quantity: Option<String>,
    /// Pointers to the single value, of which the first present one is used; empty for the whole payload.
    pub value: Vec<String>,
    /// Unit of the values that have none of their own: a text, or a pointer.
    pub unit: Option<String>,
    /// Time: a pointer, a text with `{pointers}`, or a CEL expression with `$base`; `None` for the time of receipt.
    pub time: Option<String>,
    /// Unit of numeric times; `None` infers it from their size.
    pub precision: Option<Precision>,
    /// Pointer to the time from which elements' times count.
    pub time_base: Option<String>,
    /// Pointer with `*` to the elements of a list; `None` for the payload itself.
    pub each: Option<String>,
    /// CEL condition over `payload`, `item` and `topic`.
    pub when: Option<String>,
    /// Values by quantity.
    pub values: Vec<MappedValue>,
    /// CEL expressions by quantity.
    pub expr: Vec<(String, String)>,
    /// Numbers that mean that there is no value, as they are sent.
    pub invalid: Vec<f64>,
    /// Texts that mean that there is no value.
    pub invalid_words: Vec<String>,
    /// Values of words.
    pub map: BTreeMap<String, f64>,
    /// Factor of the values that have none of their own.
    pub scale: Option<f64>,
    /// Added after the factor to the values that have none of their own.
    pub offset: Option<f64>,
    /// Separator of fields in a payload that is not JSON; pointers are then positions.
    pub split: Option<String>,
    /// Decimal mark of numbers that are texts; `None` for the point.
    pub decimal: Option<char>,
    /// Topic of a value's unit.
    pub unit_topic: Option<String>,
    /// Availability topic of devices.
    pub availability: Option<MappedAvailability>,
}

/// One value of a mapping.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MappedValue {
    /// Quantity, after further levels of the sensor's id: `probe/*/temperature`. A `*` is replaced by the key that
    /// matched the pointer's.
    pub quantity: String,
    /// Pointer to it; one with `*` points to several.
    pub at: String,
    /// Unit: a text, or a pointer.
    pub unit: Option<String>,
    /// Factor.
    pub scale: Option<f64>,
    /// Added after the factor.
    pub offset: Option<f64>,
    /// Numbers that stand for no value, instead of the table's.
    pub invalid: Vec<f64>,
    /// Texts that stand for no value, instead of the table's.
    pub invalid_words: Vec<String>,
    /// Values of words, instead of the table's.
    pub map: BTreeMap<String, f64>,
}

/// Availability of a mapping's devices.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MappedAvailability {
    /// Topic with named levels.
    pub topic: String,
    /// Payload for an online device.
    pub online: String,
    /// Payload for an offline device.
    pub offline: String,
}
