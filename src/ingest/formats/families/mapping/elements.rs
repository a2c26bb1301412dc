//! Decoding of the elements of a message: finds their values, sensor ids and timestamps.

use std::borrow::Cow;

use chrono_tz::Tz;
use serde_json::Value as Json;

use super::expression::{Expression, Scope, Unknown};
use super::found::Found;
use super::misses::Misses;
use super::plan::{Plan, Source, Time, ValuePlan};
use super::pointer::{Place, Pointer, content};

use super::texts::{self, Lack};
use crate::ingest::formats::kit::times::TimeReader;
use crate::ingest::formats::kit::topics::{self, Levels};
use crate::ingest::formats::kit::{Builder, Stamp};
use crate::ingest::formats::{Decoded, Message};

/// Limit of decoded elements per message. Their number is chosen by the sender, and the cost of
/// each is proportional to the number of values in the table.
pub const MOST_ELEMENTS: usize = 4_096;

/// Decoding of one message in progress.
pub struct Decoding<'a, 'm> {
    pub(super) plan: &'a Plan,
    pub(super) levels: &'a Levels<'m>,
    pub(super) message: &'a Message<'m>,
    /// Time zone of timestamps without an offset.
    pub zone: Tz,
    /// Unit received on the unit topic.
    pub(super) unit: Option<&'a str>,
    pub(super) builder: Builder,
    /// Reason to report if the message yields no value.
    pub(super) quiet: Option<Cow<'static, str>>,
    /// Record of missing keys; `None` if not requested.
    pub(super) misses: Option<Misses>,
    /// Number of elements decoded so far.
    num_elements: usize,
}

/// Sensor id and timestamp of an element, evaluated on first use.
#[derive(Debug, Default)]
pub struct Origin {
    sensor: Option<String>,
    stamp: Option<Stamp>,
}

/// Context shared by all values of one message.
#[derive(Clone, Copy)]
pub struct Context<'a, 'm> {
    /// Compiled table.
    pub plan: &'a Plan,
    /// Named levels of the topic.
    pub levels: &'a Levels<'m>,
    /// Message to decode.
    pub message: &'a Message<'m>,
    /// Time zone of timestamps without an offset.
    pub zone: Tz,
    /// Unit received on the unit topic.
    pub unit: Option<&'a str>,
}

impl<'a, 'm> Decoding<'a, 'm> {
    /// Starts the decoding of a message.
    #[must_use]
    pub fn new(context: Context<'a, 'm>, misses: Option<Misses>) -> Self {
        let Context { plan, levels, message, zone, unit } = context;
        let mut builder = Builder::new(message);
        if let Some(location) = topics::level(levels, "location") {
            builder.set_location(location);
        }
        Self { plan, levels, message, zone, unit, builder, quiet: None, misses, num_elements: 0 }
    }

    /// Decodes all elements of a payload.
    pub fn decode(mut self, payload: &Json) -> (Decoded, Option<Misses>) {
        let root = Place::root(payload);
        match &self.plan.each {
            None => self.element(&root),
            Some(each) => self.elements(each, &root),
        }
        let mut decoded = self.builder.finish("none of the table's values is in it");
        if let (Some(_), Some(quiet)) = (&decoded.ignored, self.quiet) {
            decoded.ignored = Some(quiet);
        }
        (decoded, self.misses)
    }

    fn elements(&mut self, each: &Pointer, root: &Place<'_>) {
        each.visit(root, &mut |place| {
            self.num_elements += 1;
            if self.num_elements > MOST_ELEMENTS {
                self.builder.fault(format!("only the first {MOST_ELEMENTS} elements are read"));
                return false;
            }
            self.element(place);
            true
        });
        if self.num_elements == 0 {
            self.missing("each", || each.missing(root));
        }
    }

    /// Decodes one element. An error that concerns the whole element is recorded as one fault.
    fn element(&mut self, element: &Place<'_>) {
        match self.passes(element) {
            Ok(true) => {}
            Ok(false) => return,
            Err(why) => return self.builder.fault(why),
        }
        let mut origin = Origin::default();
        let plan = self.plan;
        for value in &plan.values {
            if let Err(why) = self.value(value, element, &mut origin) {
                return self.builder.fault(why);
            }
        }
    }

    /// Evaluates the condition `when`; false if one of its operands is missing.
    fn passes(&mut self, element: &Place<'_>) -> Result<bool, String> {
        let Some(when) = &self.plan.when else { return Ok(true) };
        let why = match when.holds(&self.scope(element, None)) {
            Ok(true) => {
                self.found("when");
                return Ok(true);
            }
            Ok(false) => format!("{} is false", when.source()),
            Err(Unknown::Missing(what)) => absent(&what, element),
            Err(Unknown::Wrong(why)) => return Err(format!("`when`: {why}")),
        };
        self.quiet.get_or_insert_with(|| format!("`when`: {why}").into());
        self.missing("when", || why);
        Ok(false)
    }

    /// Finds a value and adds its reading.
    ///
    /// # Errors
    /// If the sensor id, quantity or time of the element is invalid, which makes all its values
    /// unusable.
    fn value(
        &mut self,
        value: &ValuePlan,
        element: &Place<'_>,
        origin: &mut Origin,
    ) -> Result<(), String> {
        match &value.source {
            Source::Element => self.add(value, Found::at(element, element), origin),
            Source::First(pointers) => {
                let there = pointers.iter().find_map(|pointer| {
                    let value = pointer.find(element).filter(|value| !value.is_null())?;
                    Some((pointer, value))
                });
                let Some((pointer, json)) = there else {
                    self.missing(&value.key, || missing_of(pointers, element));
                    return Ok(());
                };
                let found =
                    Found { value: json, key: pointer.last_name(), place: element, element };
                self.add(value, found, origin)
            }
            Source::All(pointer) => self.all(value, pointer, element, origin),
            Source::Expression(expression) => self.computed(value, expression, element, origin),
        }
    }

    /// Adds the result of an expression.
    fn computed(
        &mut self,
        value: &ValuePlan,
        expression: &Expression,
        element: &Place<'_>,
        origin: &mut Origin,
    ) -> Result<(), String> {
        match expression.evaluate(&self.scope(element, None)) {
            Ok(json) => {
                let found = Found { value: &json, key: None, place: element, element };
                return self.add(value, found, origin);
            }
            Err(Unknown::Missing(what)) => self.missing(&value.key, || absent(&what, element)),
            Err(Unknown::Wrong(why)) => self.builder.fault(format!("`{}`: {why}", value.key)),
        }
        Ok(())
    }

    /// Adds the values of a pointer with `*`.
    fn all(
        &mut self,
        value: &ValuePlan,
        pointer: &Pointer,
        element: &Place<'_>,
        origin: &mut Origin,
    ) -> Result<(), String> {
        let mut result = Ok(());
        let mut is_there = false;
        pointer.visit(element, &mut |place| {
            is_there = true;
            self.num_elements += 1;
            if self.num_elements > MOST_ELEMENTS {
                self.builder.fault(format!("only the first {MOST_ELEMENTS} values are read"));
                return false;
            }
            result = self.add(value, Found::at(place, element), origin);
            result.is_ok()
        });
        if !is_there {
            self.missing(&value.key, || pointer.missing(element));
        }
        result
    }

    /// Sensor id of the element.
    pub(super) fn sensor<'o>(
        &mut self,
        element: &Place<'_>,
        origin: &'o mut Origin,
    ) -> Result<&'o str, String> {
        if origin.sensor.is_none() {
            let source = texts::Source { levels: self.levels, element };
            let sensor = self.plan.sensor.render(source).map_err(|lack| {
                let why = self.plan.sensor.explain("sensor", lack);
                self.missing("sensor", || why.clone());
                format!("`sensor`: {why}")
            })?;
            self.found("sensor");
            origin.sensor = Some(sensor);
        }
        Ok(origin.sensor.as_deref().unwrap_or_default())
    }

    /// Timestamp of the element.
    pub(super) fn stamp(
        &mut self,
        element: &Place<'_>,
        origin: &mut Origin,
    ) -> Result<Stamp, String> {
        if let Some(stamp) = origin.stamp {
            return Ok(stamp);
        }
        let stamp = self.time(element).map_err(|why| format!("`time`: {why}"))?;
        origin.stamp = Some(stamp);
        Ok(stamp)
    }

    fn time(&mut self, element: &Place<'_>) -> Result<Stamp, String> {
        let reader = TimeReader::new(self.zone, self.message.received_at);
        let plan = self.plan;
        let read = match &plan.time {
            Time::Receipt => return Ok(Stamp::Receipt),
            Time::At(pointer) => match pointer.find(element) {
                Some(time) => Ok(reader.read(time)?),
                None => Err(pointer.missing(element)),
            },
            Time::Text(text) => match text.render(texts::Source { levels: self.levels, element }) {
                Ok(time) => Ok(reader.read_text(&time)?),
                Err(Lack::Missing(why)) => Err(why),
                Err(Lack::Wrong(why)) => return Err(why),
            },
            Time::Is(expression) => {
                let base = self.base(element, &reader)?;
                match expression.evaluate(&self.scope(element, base)) {
                    Ok(time) => Ok(reader.read(&time)?),
                    Err(Unknown::Missing(what)) => Err(absent(&what, element)),
                    Err(Unknown::Wrong(why)) => return Err(why),
                }
            }
        };
        match read {
            Ok(time) => {
                self.found("time");
                Ok(time.into())
            }
            Err(why) => {
                self.missing("time", || format!("{why}; the time of receipt stands in"));
                Ok(Stamp::Receipt)
            }
        }
    }

    /// Value of `$base`: a number as is, a time string as Unix time in seconds.
    #[expect(
        clippy::cast_precision_loss,
        reason = "epoch microseconds are below 2^53 for 285 years"
    )]
    fn base(&self, element: &Place<'_>, reader: &TimeReader) -> Result<Option<f64>, String> {
        let Some(pointer) = &self.plan.time_base else { return Ok(None) };
        match pointer.find(element) {
            Some(Json::Number(number)) => Ok(number.as_f64()),
            Some(Json::String(text)) if text.trim().parse::<f64>().is_ok_and(f64::is_finite) => {
                Ok(text.trim().parse().ok())
            }
            Some(other) => {
                let time = reader.read(other)?;
                Ok(time.map(|time| time.timestamp_micros() as f64 / 1e6))
            }
            None => Ok(None),
        }
    }

    fn scope<'s>(&self, element: &Place<'s>, base: Option<f64>) -> Scope<'s>
    where
        'm: 's,
    {
        let (payload, item) = (element.payload(), element.value());
        Scope { payload, item, topic: self.message.topic, base }
    }

    pub(super) fn found(&mut self, key: &str) {
        if let Some(misses) = &mut self.misses {
            misses.found(key);
        }
    }

    pub(super) fn missing(&mut self, key: &str, why: impl FnOnce() -> String) {
        if let Some(misses) = &mut self.misses {
            misses.missing(key, why());
        }
    }
}

/// Reason why an expression has no result; lists the existing keys.
fn absent(what: &str, element: &Place<'_>) -> String {
    let of = if what.starts_with("item") { element.value() } else { element.payload() };
    format!("{what} is not there; {}", content(of, "here"))
}

/// Reason why none of several pointers finds a value; lists the existing keys.
fn missing_of(pointers: &[Pointer], element: &Place<'_>) -> String {
    match pointers {
        [pointer] => pointer.missing(element),
        _ => {
            let all: Vec<&str> = pointers.iter().map(Pointer::as_str).collect();
            format!("nothing at {}; {}", all.join(" or "), content(element.value(), "here"))
        }
    }
}
