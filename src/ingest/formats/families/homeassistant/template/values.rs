//! Values of templates, as Python has them.

use std::cmp::Ordering;
use std::rc::Rc;

use serde_json::Value as Json;

use super::evaluation::Context;
use super::numbers::{self, Failure};
use super::text::Text;
use super::times::Moment;
use crate::domain;

/// A value, or the reason why there is none.
pub type Outcome<'a> = Result<Value<'a>, Failure>;

/// A value. Lists and dictionaries are shared, so that a copy costs nothing; iterating them costs a step per
/// element.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// Undefined: an absent key, an unset variable.
    Undefined,
    /// `none`
    None,
    /// Truth value.
    Bool(bool),
    /// Integer.
    Integer(i64),
    /// Number with a decimal point.
    Decimal(f64),
    /// Text.
    Text(Text<'a>),
    /// List or tuple.
    List(Rc<Vec<Value<'a>>>),
    /// Dictionary, in written order.
    Map(Rc<Vec<(Value<'a>, Value<'a>)>>),
    /// List or object of the payload.
    Json(&'a Json),
    /// Time.
    Moment(Moment),
}

impl<'a> Value<'a> {
    /// Value of the payload.
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

    /// Computed text.
    #[must_use]
    pub fn text(text: impl Into<Text<'a>>) -> Self {
        Self::Text(text.into())
    }

    /// A list.
    #[must_use]
    pub fn list(elements: Vec<Self>) -> Self {
        Self::List(Rc::new(elements))
    }

    /// Number, an integer if written as one.
    #[must_use]
    pub fn of_number(value: domain::Value) -> Self {
        let (number, is_whole) = value.parts();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole numbers are at most 2^53 in size"
        )]
        if is_whole { Self::Integer(number as i64) } else { Self::Decimal(number) }
    }

    /// Its type, with its article.
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

    /// Whether a condition holds.
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

    /// Number, also of a numeric text.
    ///
    /// # Errors
    /// [`Failure::Nothing`] for undefined, `none`, and words for no value.
    pub fn number(&self) -> Result<f64, Failure> {
        match self {
            Self::Text(text) => numbers::of_text(text).map(domain::Value::get),
            _ => self.plain_number(),
        }
    }

    /// Number, not of a text.
    ///
    /// # Errors
    /// [`Failure::Nothing`] for undefined and `none`.
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

    /// Integer, not of a text.
    ///
    /// # Errors
    /// [`Failure::Nothing`] for undefined and `none`.
    pub fn integer(&self) -> Result<i64, Failure> {
        match self {
            Self::Undefined | Self::None => Err(Failure::Nothing),
            Self::Bool(is_true) => Ok(i64::from(*is_true)),
            Self::Integer(number) => Ok(*number),
            other => Err(Failure::Wrong(format!("{} is not a whole number", other.kind()))),
        }
    }

    /// Printed text. A list or object prints only its type: no reading comes of it.
    ///
    /// # Errors
    /// [`Failure::Nothing`] for undefined.
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
    /// If the value has none.
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

    /// Elements of a list, keys of an object, characters of a text.
    ///
    /// # Errors
    /// If the value has none.
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

    /// Keys and values of an object.
    ///
    /// # Errors
    /// If the value is none.
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

    /// The value of a key, or the element at a position.
    ///
    /// # Errors
    /// [`Failure::Nothing`] if the value itself is undefined.
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

    /// Whether two are equal.
    ///
    /// # Errors
    /// If there are too many elements to compare.
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

    /// Elements of a list; keys and values of an object.
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

    /// Order of two numbers or two texts.
    ///
    /// # Errors
    /// If the values have no order.
    pub fn order(&self, other: &Self, context: &Context<'a>) -> Result<Ordering, Failure> {
        if let (Self::Text(a), Self::Text(b)) = (self, other) {
            context.pay_for_bytes(a.len().min(b.len()))?;
        }
        self.compare(other)
    }

    /// Order, without costing steps.
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

/// Python's `repr` of a float, for the sizes that readings have.
fn shown_decimal(number: f64) -> String {
    format!("{number:?}")
}

/// Position in a list; negative numbers count from its end.
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
