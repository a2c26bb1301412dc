//! A table of a mapping that was checked: what a message is decoded by.

use super::expression::Expression;
use super::payload::Form;
use super::pointer::Pointer;
use super::scalars;
use super::texts::Text;
use crate::config::MappedAvailability;
use crate::ingest::formats::kit::topics::Pattern;
use std::collections::BTreeMap;

/// A table that was checked.
#[derive(Debug)]
pub struct Plan {
    /// Topic as the table has it: the name of the rule.
    pub name: String,
    /// Topics of values.
    pub topic: Pattern,
    /// What payloads are.
    pub form: Form,
    /// Elements; `None` for the payload as a whole.
    pub each: Option<Pointer>,
    /// Condition on an element.
    pub when: Option<Expression>,
    /// Ids of sensors.
    pub sensor: Text,
    /// Times of values.
    pub time: Time,
    /// Place of `$base`.
    pub time_base: Option<Pointer>,
    /// Values of an element.
    pub values: Vec<ValuePlan>,
    /// Names of quantities by what messages call them, or by their unit.
    pub quantities: BTreeMap<String, String>,
    /// Topics on which units come.
    pub unit_topic: Option<Pattern>,
    /// Topics on which devices say whether they are there.
    pub availability: Option<AvailabilityPlan>,
}

/// Where times of values come from.
#[derive(Debug)]
pub enum Time {
    /// The receipt.
    Receipt,
    /// One value.
    At(Pointer),
    /// Several: a date and a time.
    Text(Text),
    /// An expression.
    Is(Expression),
}

/// A value of an element.
#[derive(Debug)]
pub struct ValuePlan {
    /// Key of the table: `values.humidity`, `value`, `expr.temperature`.
    pub key: String,
    /// Where it is.
    pub source: Source,
    /// What it is called.
    pub name: Name,
    /// Unit that the table says.
    pub unit: Option<Text>,
    /// Factor.
    pub scale: Option<f64>,
    /// Added after the factor.
    pub offset: Option<f64>,
    /// How it is read.
    pub reader: scalars::Reader,
}

/// Where a value is.
#[derive(Debug)]
pub enum Source {
    /// The element itself.
    Element,
    /// The first of these places where something is.
    First(Vec<Pointer>),
    /// Each of the places of a pointer with `*`.
    All(Pointer),
    /// The result of an expression.
    Expression(Expression),
}

/// What a value is called.
#[derive(Debug)]
pub enum Name {
    /// By the table: further levels of the sensor's id, and the quantity.
    Table {
        /// Further levels; `None` for the key that a `*` stood for.
        levels: Vec<Option<String>>,
        /// Quantity; `None` for the key that the last `*` stood for.
        quantity: Option<String>,
    },
    /// By the message or its topic.
    Message(Text),
    /// By its unit, or by its key.
    Key,
}

/// Topics on which devices say whether they are there.
#[derive(Debug)]
pub struct AvailabilityPlan {
    /// Topics.
    pub topic: Pattern,
    /// Words, and the topic as the table has it.
    pub words: MappedAvailability,
}
