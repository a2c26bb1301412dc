//! Compiled mapping table, the basis of decoding.

use super::expression::Expression;
use super::payload::Form;
use super::pointer::Pointer;
use super::scalars;
use super::texts::Text;
use crate::config::MappedAvailability;
use crate::ingest::formats::kit::topics::Pattern;
use std::collections::BTreeMap;

/// A validated and compiled table.
#[derive(Debug)]
pub struct Plan {
    /// Topic as configured, used as the name of the rule.
    pub name: String,
    /// Topic pattern of values.
    pub topic: Pattern,
    /// Form of the payload.
    pub form: Form,
    /// Pointer to the elements; `None` if the payload is the only element.
    pub each: Option<Pointer>,
    /// Condition that an element must meet.
    pub when: Option<Expression>,
    /// Template of the sensor id.
    pub sensor: Text,
    /// Source of timestamps.
    pub time: Time,
    /// Pointer to the value of `$base`.
    pub time_base: Option<Pointer>,
    /// Values of an element.
    pub values: Vec<ValuePlan>,
    /// Quantity names, by the word or unit in messages.
    pub quantities: BTreeMap<String, String>,
    /// Topic pattern of units.
    pub unit_topic: Option<Pattern>,
    /// Availability topic of the devices.
    pub availability: Option<AvailabilityPlan>,
}

/// Source of the timestamps of an element.
#[derive(Debug)]
pub enum Time {
    /// Time of receipt.
    Receipt,
    /// Pointer to a timestamp.
    At(Pointer),
    /// Template that combines several fields, such as a date and a time.
    Text(Text),
    /// Expression.
    Is(Expression),
}

/// A value of an element.
#[derive(Debug)]
pub struct ValuePlan {
    /// Key in the table, such as `values.humidity`, `value` or `expr.temperature`.
    pub key: String,
    /// Source of the value.
    pub source: Source,
    /// Source of the quantity name.
    pub name: Name,
    /// Unit configured for the value.
    pub unit: Option<Text>,
    /// Factor; `None` means 1.
    pub scale: Option<f64>,
    /// Offset, added after scaling; `None` means 0.
    pub offset: Option<f64>,
    /// Interpretation of scalars.
    pub reader: scalars::Reader,
}

/// Source of a value.
#[derive(Debug)]
pub enum Source {
    /// The element itself.
    Element,
    /// The first of these pointers that finds a value other than null.
    First(Vec<Pointer>),
    /// Every match of a pointer with `*`.
    All(Pointer),
    /// Result of an expression.
    Expression(Expression),
}

/// Source of a value's quantity name.
#[derive(Debug)]
pub enum Name {
    /// Name in the table: additional levels of the sensor id, and the quantity.
    Table {
        /// Additional levels of the sensor id; `None` is replaced by the key that a `*` matched.
        levels: Vec<Option<String>>,
        /// Quantity; `None` is replaced by the key that the last `*` matched.
        quantity: Option<String>,
    },
    /// Name in the message or its topic.
    Message(Text),
    /// Derived from the key of the value, or from its unit.
    Key,
}

/// Availability topic of the devices.
#[derive(Debug)]
pub struct AvailabilityPlan {
    /// Topic pattern.
    pub topic: Pattern,
    /// Topic as configured, and the words for online and offline.
    pub words: MappedAvailability,
}
