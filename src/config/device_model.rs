//! `[[devices]]`: how messages of other shapes become readings, as the file has it. Plain types.

use std::collections::BTreeMap;

use chrono_tz::Tz;

/// One table of devices.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceTable {
    /// Byte of the file that the table starts at, for what is found wrong with it later.
    pub at: usize,
    /// What its messages look like.
    pub shape: Shape,
    /// Location of its sensors, where the topic names none.
    pub location: Option<String>,
    /// Zone of its timestamps without one; `None` for the file's own.
    pub zone: Option<Tz>,
    /// Patterns (`*`) of the sensors, or `sensor/quantity`, that are taken; empty for all.
    pub only: Vec<String>,
    /// Patterns (`*`) of those that are left out.
    pub ignore: Vec<String>,
    /// Ids of sensors, or their beginnings up to a `/`, and what stands in their place.
    pub rename: BTreeMap<String, String>,
}

impl DeviceTable {
    /// Whether another says the same, wherever in the file.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        *self == Self { at: self.at, ..other.clone() }
    }
}

/// What the messages of a table look like.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// One of the families that are known.
    Preset(PresetTable),
    /// Described by the table itself.
    Mapping(Box<Mapping>),
}

/// A family of devices.
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
    /// First levels of its topics; `None` for the family's own.
    pub base: Option<String>,
    /// Topic, with named levels, where the family's can be set (Tasmota's `FullTopic`, a gateway's own).
    pub topic: Option<String>,
    /// Name of the device where the family's messages name none.
    pub device: Option<String>,
    /// Unit of the timestamps; `None` to tell it by their size.
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

/// A mapping: named levels of the topic, and where the values are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mapping {
    /// Topic filter with named levels: `site/{sensor}/state`; `{name...}` takes the rest, or several levels.
    pub topic: String,
    /// Id of the sensor: a text with `{levels}`, or a pointer; `None` for the level `{sensor}` or `{device}`.
    pub sensor: Option<String>,
    /// Name of the device, where neither topic nor payload has one.
    pub device: Option<String>,
    /// Names of quantities by what the message calls them, or by its unit.
    pub quantities: BTreeMap<String, String>,
    /// Quantity: a name, or a pointer; `None` for the level `{quantity}`.
    pub quantity: Option<String>,
    /// Pointers to the one value, of which the first that is there counts; empty for the whole payload.
    pub value: Vec<String>,
    /// Unit of the values that have none of their own: a text, or a pointer.
    pub unit: Option<String>,
    /// Time: a pointer, a text with `{pointers}`, or a CEL expression with `$base`; `None` for the time of receipt.
    pub time: Option<String>,
    /// Unit of numeric times; `None` to tell it by their size.
    pub precision: Option<Precision>,
    /// Pointer to the time that those of elements count from.
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
    /// Numbers of words.
    pub map: BTreeMap<String, f64>,
    /// Factor of the values that have none of their own.
    pub scale: Option<f64>,
    /// Added after the factor to the values that have none of their own.
    pub offset: Option<f64>,
    /// Separator of fields in a payload that is not JSON; pointers are then positions.
    pub split: Option<String>,
    /// Decimal mark of numbers that are texts; `None` for the point.
    pub decimal: Option<char>,
    /// Topic on which the unit of a value comes.
    pub unit_topic: Option<String>,
    /// Where devices say whether they are there.
    pub availability: Option<MappedAvailability>,
}

/// One value of a mapping.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MappedValue {
    /// Quantity, after further levels of the sensor's id: `probe/*/temperature`. A `*` is the key that one in the
    /// pointer stood for.
    pub quantity: String,
    /// Pointer to it; one with `*` points to several.
    pub at: String,
    /// Unit: a text, or a pointer.
    pub unit: Option<String>,
    /// Factor.
    pub scale: Option<f64>,
    /// Added after the factor.
    pub offset: Option<f64>,
    /// Numbers that mean that there is no value, in place of the table's.
    pub invalid: Vec<f64>,
    /// Texts that mean that there is no value, in place of the table's.
    pub invalid_words: Vec<String>,
    /// Numbers of words, in place of the table's.
    pub map: BTreeMap<String, f64>,
}

/// Availability of a mapping's devices.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MappedAvailability {
    /// Topic with named levels.
    pub topic: String,
    /// Payload that says that the device is there.
    pub online: String,
    /// Payload that says that it is not.
    pub offline: String,
}
