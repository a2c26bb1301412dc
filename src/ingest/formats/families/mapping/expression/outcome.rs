//! Intermediate values of an evaluation, and reasons for an unknown result.

use std::borrow::Cow;

use serde_json::{Number, Value as Json};

use super::tree::Node;
use crate::expression::quote;
use crate::ingest::formats::families::mapping::numbers::without_noise;
use crate::ingest::formats::kit::{json, values};

/// Reason why there is no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    /// An operand is missing or null; with its name.
    Missing(String),
    /// An operand has the wrong type or an invalid value; with the reason.
    Wrong(String),
}

/// Intermediate value.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<'a> {
    /// List or object of the message.
    Container(&'a Json),
    /// The topic, as a list of its levels.
    Topic(&'a str),
    /// String.
    Text(Cow<'a, str>),
    /// Number.
    Number(f64),
    /// Boolean.
    Truth(bool),
    /// Null in the message; with the name of the operand.
    Null(String),
}

/// Result of an evaluation.
pub(super) type Evaluated<'a> = Result<Outcome<'a>, Unknown>;

impl<'a> Outcome<'a> {
    /// Converts a value of the message; `place` is the node that refers to it.
    pub(super) fn of(value: &'a Json, place: &Node) -> Self {
        match value {
            Json::Null => Self::Null(place.name()),
            Json::Bool(is_true) => Self::Truth(*is_true),
            Json::Number(number) => Self::Number(number.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Self::Text(Cow::Borrowed(text)),
            Json::Array(_) | Json::Object(_) => Self::Container(value),
        }
    }

    /// Value of a key of an object.
    pub(super) fn field(&self, field: &str, place: &Node) -> Evaluated<'a> {
        match self {
            Self::Container(Json::Object(object)) => object.get(field),
            _ => None,
        }
        .map(|value| Self::of(value, place))
        .ok_or_else(|| Unknown::Missing(place.name()))
    }

    /// Element of a list by index, or value of a key of an object.
    pub(super) fn index(&self, index: &Outcome<'a>, place: &Node) -> Evaluated<'a> {
        if let Some(key) = index.text() {
            return self.field(key, place);
        }
        let Self::Number(at) = index else { return Err(wrong(index, "a position in a list")) };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, ≥ 0")]
        let position = (at.fract() == 0.0 && *at >= 0.0).then_some(*at as usize);
        let found = position.and_then(|at| match self {
            Self::Container(Json::Array(list)) => list.get(at).map(|value| Self::of(value, place)),
            Self::Topic(topic) => topic.split('/').nth(at).map(|it| Self::Text(it.into())),
            _ => None,
        });
        found.ok_or_else(|| Unknown::Missing(place.name()))
    }

    /// The string, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Converts to a number; parses strings.
    pub(super) fn number(&self) -> Result<f64, Unknown> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Text(text) => match values::read_text(text) {
                values::Read::Value(value) if !is_truth(text) => Ok(value.get()),
                values::Read::Nothing => {
                    Err(Unknown::Missing(format!("a number, not {}", quote(text))))
                }
                _ => Err(wrong(self, "a number")),
            },
            Self::Null(place) => Err(Unknown::Missing(place.clone())),
            Self::Truth(_) | Self::Container(_) | Self::Topic(_) => Err(wrong(self, "a number")),
        }
    }

    /// Converts to a boolean; accepts the strings `true` and `false`.
    pub(super) fn truth(&self) -> Result<bool, Unknown> {
        match self {
            Self::Truth(is_true) => Ok(*is_true),
            Self::Text(text) if is_truth(text) => Ok(text.trim().eq_ignore_ascii_case("true")),
            Self::Null(place) => Err(Unknown::Missing(place.clone())),
            _ => Err(Unknown::Wrong(format!(
                "{} is neither true nor false; compare it with something",
                self.shown()
            ))),
        }
    }

    /// Converts to JSON.
    pub(super) fn into_json(self) -> Result<Json, Unknown> {
        match self {
            Self::Number(number) => {
                let finite = Number::from_f64(without_noise(number));
                finite.map(Json::Number).ok_or_else(|| {
                    Unknown::Wrong(format!("the result is {number}, which is no finite number"))
                })
            }
            Self::Truth(is_true) => Ok(Json::Bool(is_true)),
            Self::Text(text) => Ok(Json::String(text.into_owned())),
            Self::Null(place) => Err(Unknown::Missing(place)),
            Self::Container(_) | Self::Topic(_) => Err(wrong(&self, "a value")),
        }
    }

    /// Description for error messages.
    fn shown(&self) -> String {
        match self {
            Self::Container(value) => json::kind(value).to_owned(),
            Self::Topic(_) => "a list".into(),
            Self::Text(text) => format!("the text {}", quote(text)),
            Self::Number(number) => number.to_string(),
            Self::Truth(is_true) => is_true.to_string(),
            Self::Null(_) => "null".into(),
        }
    }
}

fn is_truth(text: &str) -> bool {
    ["true", "false"].iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}

/// Error for an operand of the wrong type.
pub(super) fn wrong(outcome: &Outcome<'_>, wanted: &str) -> Unknown {
    Unknown::Wrong(format!("{} stands where {wanted} must be", outcome.shown()))
}
