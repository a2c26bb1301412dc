//! Values of templates, with Python's semantics.

use std::cmp::Ordering;
use std::rc::Rc;

use serde_json::Value as Json;

use super::evaluation::Context;
use super::numbers::{self, Failure};
use super::text::Text;
use super::times::Moment;
use crate::domain;

/// Result of an evaluation: a value, or the reason why there is none.
pub type Outcome<'a> = Result<Value<'a>, Failure>;

/// A value. Lists and dictionaries are reference-counted, so clones are cheap; iteration costs one
/// step per element.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// Undefined: an absent key, an unset variable.
    Undefined,
    /// `none`
    None,
    /// Boolean.
    Bool(bool),
    /// Integer.
    Integer(i64),
    /// Floating-point number.
    Decimal(f64),
    /// String.
    Text(Text<'a>),
    /// List or tuple.
    List(Rc<Vec<Value<'a>>>),
    /// Dictionary, in insertion order.
    Map(Rc<Vec<(Value<'a>, Value<'a>)>>),
    /// List or object borrowed from the payload.
    Json(&'a Json),
    /// Date and time.
    Moment(Moment),
}

impl<'a> Value<'a> {
    /// Converts JSON of the payload, borrowing strings, lists and objects.
    #[must_use]
    pub fn of_json(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::None,
            Json::Bool(is_true) => Self::Bool(*is_true),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Self::Integer(whole),
                None => Self::Decimal(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::text(text.as_str()),
            Json::Array(_) | Json::Object(_) => Self::Json(json),
        }
    }

    /// Computed string.
    #[must_use]
    pub fn text(text: impl Into<Text<'a>>) -> Self {
        Self::Text(text.into())
    }

    /// List of values.
    #[must_use]
    pub fn list(elements: Vec<Self>) -> Self {
        Self::List(Rc::new(elements))
    }

    /// Number: an integer if it was written as one, otherwise floating point.
    #[must_use]
    pub fn of_number(value: domain::Value) -> Self {
        let (number, is_whole) = value.parts();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole numbers are at most 2^53 in size"
        )]
        if is_whole { Self::Integer(number as i64) } else { Self::Decimal(number) }
    }

    /// Name of the type, with an article, for error messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Undefined => "nothing",
            Self::None => "none",
            Self::Bool(_) => "a truth value",
            Self::Integer(_) | Self::Decimal(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) | Self::Json(Json::Array(_)) => "a list",
            Self::Map(_) | Self::Json(_) => "an object",
            Self::Moment(_) => "a time",
        }
    }

    /// True if it is undefined or `none`.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Undefined | Self::None)
    }

    /// Truthiness, as in Python.
    #[must_use]
    pub fn is_true(&self) -> bool {
        match self {
            Self::Undefined | Self::None => false,
            Self::Bool(is_true) => *is_true,
            Self::Integer(number) => *number != 0,
            Self::Decimal(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Json(Json::Array(list)) => !list.is_empty(),
            Self::Json(Json::Object(object)) => !object.is_empty(),
            Self::Json(_) | Self::Moment(_) => true,
        }
    }

    /// The value, if it is defined.
    ///
    /// # Errors
    /// [`Failure::Nothing`] if it is undefined.
    pub fn defined(&self) -> Result<&Self, Failure> {
        if matches!(self, Self::Undefined) { Err(Failure::Nothing) } else { Ok(self) }
    }

    /// Converts to a number; parses strings.
    ///
    /// # Errors
    /// [`Failure::Nothing`] for undefined, `none` and placeholder strings; [`Failure::Wrong`] for
    /// other types.
    pub fn number(&self) -> Result<f64, Failure> {
        match self {
            Self::Text(text) => numbers::of_text(text).map(domain::Value::get),
            _ => self.plain_number(),
        }
    }

    /// Converts to a number without parsing strings.
    ///
    /// # Errors
    /// [`Failure::Nothing`] for undefined and `none`; [`Failure::Wrong`] for other types.
    #[expect(clippy::cast_precision_loss, reason = "Python's division loses as much")]
    pub fn plain_number(&self) -> Result<f64, Failure> {
        match self {
            Self::Undefined | Self::None => Err(Failure::Nothing),
            Self::Bool(is_true) => Ok(f64::from(u8::from(*is_true))),
            Self::Integer(number) => Ok(*number as f64),
            Self::Decimal(number) => Ok(*number),
            other => Err(Failure::Wrong(format!("{} is not a number", other.kind()))),
        }
    }

    /// Converts to an integer without parsing strings.
    ///
    /// # Errors
    /// [`Failure::Nothing`] for undefined and `none`; [`Failure::Wrong`] for other types.
    pub fn integer(&self) -> Result<i64, Failure> {
        match self {
            Self::Undefined | Self::None => Err(Failure::Nothing),
            Self::Bool(is_true) => Ok(i64::from(*is_true)),
            Self::Integer(number) => Ok(*number),
            other => Err(Failure::Wrong(format!("{} is not a whole number", other.kind()))),
        }
    }

    /// Printed representation. Lists and objects print as `[…]` and `{…}`, which never parse as a
    /// reading.
    ///
    /// # Errors
    /// [`Failure::Nothing`] for undefined; [`Failure::Wrong`] if the step budget is exhausted.
    pub fn printed(&self, context: &Context<'a>) -> Result<Text<'a>, Failure> {
        let text: Text<'a> = match self {
            Self::Undefined => return Err(Failure::Nothing),
            Self::None => "None".into(),
            Self::Bool(true) => "True".into(),
            Self::Bool(false) => "False".into(),
            Self::Integer(number) => number.to_string().into(),
            Self::Decimal(number) => shown_decimal(*number).into(),
            Self::Text(text) => text.clone(),
            Self::List(_) | Self::Json(Json::Array(_)) => "[…]".into(),
            Self::Map(_) | Self::Json(_) => "{…}".into(),
            Self::Moment(moment) => moment.to_string().into(),
        };
        context.pay_for_bytes(text.len())?;
        Ok(text)
    }

    /// Number of characters, elements or keys.
    ///
    /// # Errors
    /// If the type has no length.
    pub fn length(&self) -> Result<usize, Failure> {
        match self {
            Self::Text(text) => Ok(text.chars().count()),
            Self::List(list) => Ok(list.len()),
            Self::Map(map) => Ok(map.len()),
            Self::Json(Json::Array(list)) => Ok(list.len()),
            Self::Json(Json::Object(object)) => Ok(object.len()),
            Self::Undefined | Self::None => Err(Failure::Nothing),
            other => Err(Failure::Wrong(format!("{} has no length", other.kind()))),
        }
    }

    /// Elements of a list, keys of an object, or characters of a string.
    ///
    /// # Errors
    /// If the type has no elements, or the step budget is exhausted.
    pub fn elements(&self, context: &Context<'a>) -> Result<Vec<Self>, Failure> {
        context.pay_for_elements(self.length()?)?;
        Ok(match self {
            Self::List(list) => list.to_vec(),
            Self::Map(map) => map.iter().map(|(key, _)| key.clone()).collect(),
            Self::Json(Json::Array(list)) => list.iter().map(Self::of_json).collect(),
            Self::Json(Json::Object(object)) => {
                object.keys().map(|key| Self::text(key.as_str())).collect()
            }
            Self::Text(text) => text.chars().map(|c| Self::text(c.to_string())).collect(),
            _ => Vec::new(),
        })
    }

    /// Key-value pairs of an object.
    ///
    /// # Errors
    /// If the value is not an object, or the step budget is exhausted.
    pub fn pairs(&self, context: &Context<'a>) -> Result<Vec<(Self, Self)>, Failure> {
        context.pay_for_elements(self.length()?)?;
        match self {
            Self::Map(map) => Ok(map.to_vec()),
            Self::Json(Json::Object(object)) => {
                let pair = |(key, value): (&'a String, &'a Json)| {
                    (Self::text(key.as_str()), Self::of_json(value))
                };
                Ok(object.iter().map(pair).collect())
            }
            other => Err(Failure::Wrong(format!("{} has no keys", other.kind()))),
        }
    }

    /// Subscript: the value of a key, or the element at an index. Undefined if absent.
    ///
    /// # Errors
    /// [`Failure::Nothing`] if the value or the key is undefined.
    pub fn item(&self, key: &Value<'a>, context: &Context<'a>) -> Outcome<'a> {
        let found = match (self, key) {
            (Self::Undefined, _) | (_, Self::Undefined) => return Err(Failure::Nothing),
            (Self::Json(Json::Object(object)), Self::Text(key)) => {
                object.get(&**key).map(Self::of_json)
            }
            (Self::Json(Json::Array(list)), key) => {
                position(key, list.len()).and_then(|at| list.get(at)).map(Self::of_json)
            }
            (Self::List(list), key) => {
                position(key, list.len()).and_then(|at| list.get(at)).cloned()
            }
            (Self::Map(map), key) => {
                context.pay_for_elements(map.len())?;
                let mut pairs = map.iter();
                pairs.find(|(known, _)| is_same_scalar(known, key)).map(|(_, value)| value.clone())
            }
            (Self::Text(text), key) => {
                let characters: Vec<char> = text.chars().collect();
                context.pay_for_bytes(text.len())?;
                let at = position(key, characters.len());
                at.and_then(|at| characters.get(at)).map(|c| Self::text(c.to_string()))
            }
            (Self::Moment(moment), Self::Text(name)) => moment.field(name).map(Self::Integer),
            _ => None,
        };
        Ok(found.unwrap_or(Self::Undefined))
    }

    /// Deep equality.
    ///
    /// # Errors
    /// If the step budget is exhausted.
    pub fn equals(&self, other: &Self, context: &Context<'a>) -> Result<bool, Failure> {
        if let (Ok(a), Ok(b)) =
            (self.elements_of_container(context), other.elements_of_container(context))
        {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(&b) {
                if !a.equals(b, context)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        if let (Self::Text(a), Self::Text(b)) = (self, other) {
            context.pay_for_bytes(a.len().min(b.len()))?;
        }
        context.pay_for_elements(1)?;
        Ok(is_same_scalar(self, other))
    }

    /// Elements of a list, or alternating keys and values of an object.
    ///
    /// # Errors
    /// If the value is neither.
    fn elements_of_container(&self, context: &Context<'a>) -> Result<Vec<Self>, Failure> {
        match self {
            Self::List(_) | Self::Json(Json::Array(_)) => self.elements(context),
            Self::Map(_) | Self::Json(Json::Object(_)) => {
                let pairs = self.pairs(context)?;
                Ok(pairs.into_iter().flat_map(|(key, value)| [key, value]).collect())
            }
            other => Err(Failure::Wrong(format!("{} is not a list", other.kind()))),
        }
    }

    /// Ordering of two values; charges steps for the compared bytes.
    ///
    /// # Errors
    /// If the values have no order, or the step budget is exhausted.
    pub fn order(&self, other: &Self, context: &Context<'a>) -> Result<Ordering, Failure> {
        if let (Self::Text(a), Self::Text(b)) = (self, other) {
            context.pay_for_bytes(a.len().min(b.len()))?;
        }
        self.compare(other)
    }

    /// Ordering of two values, without charging steps.
    ///
    /// # Errors
    /// If the values have no order.
    pub fn compare(&self, other: &Self) -> Result<Ordering, Failure> {
        if let (Self::Text(a), Self::Text(b)) = (self, other) {
            return Ok(a.cmp(b));
        }
        if let (Self::Moment(a), Self::Moment(b)) = (self, other) {
            return Ok(a.timestamp().total_cmp(&b.timestamp()));
        }
        if self.is_nothing() || other.is_nothing() {
            return Err(Failure::Nothing);
        }
        let (Ok(a), Ok(b)) = (self.plain_number(), other.plain_number()) else {
            let (a, b) = (self.kind(), other.kind());
            return Err(Failure::Wrong(format!("{a} and {b} have no order")));
        };
        a.partial_cmp(&b).ok_or(Failure::Nothing)
    }
}

/// Python's `repr` of a float; equal for the magnitudes of readings.
fn shown_decimal(number: f64) -> String {
    format!("{number:?}")
}

/// List index of a key; negative indices count from the end.
fn position(key: &Value<'_>, length: usize) -> Option<usize> {
    let index = match key {
        Value::Integer(index) => *index,
        Value::Bool(is_one) => i64::from(*is_one),
        _ => return None,
    };
    match usize::try_from(index) {
        Ok(at) => Some(at),
        Err(_) => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

fn is_same_scalar(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => **a == **b,
        (Value::None, Value::None) | (Value::Undefined, Value::Undefined) => true,
        (Value::Moment(a), Value::Moment(b)) => a.timestamp() == b.timestamp(),
        (Value::Integer(a), Value::Integer(b)) => a == b,
        (Value::Text(_) | Value::None | Value::Undefined, _)
        | (_, Value::Text(_) | Value::None | Value::Undefined) => false,
        _ => matches!((a.plain_number(), b.plain_number()), (Ok(a), Ok(b)) if a == b),
    }
}
