//! Templates: the part of Jinja that configs are written in, with the filters of Home Assistant.
//!
//! A template is parsed once, when a config brings it, and evaluated on each message. What is not known here is refused
//! when it is parsed: what lives in Home Assistant alone (`states()`, `this`), macros, includes.
//!
//! Always: pure; time is that of receipt; bounded size, depth and steps, whatever the template and the payload. An absent
//! key is no value, except for `default`, `is defined` and conditions. Never: a number made of `none`.

mod arguments;
mod checks;
mod evaluation;
mod filters;
mod formats;
mod lexer;
mod lists;
mod methods;
mod numbers;
mod operators;
mod parser;
mod patterns;
mod payload;
mod syntax;
mod text;
mod texts;
mod times;
mod values;

use std::borrow::Cow;

pub use numbers::{Failure, of_text};
pub use payload::Payload;

use self::evaluation::{Context, Evaluation};
use self::syntax::{Node, Nodes};
use self::values::Value;
use crate::domain;

/// Limit of a template, in bytes.
const MOST_BYTES: usize = 8 << 10;

/// A parsed template.
#[derive(Debug)]
pub struct Template {
    nodes: Nodes,
    reads_json: bool,
}

/// Result of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Rendered<'a> {
    /// A number.
    Number(domain::Value),
    /// A truth value.
    Flag(bool),
    /// Anything else.
    Text(Cow<'a, str>),
}

impl Rendered<'_> {
    /// Text that Home Assistant compares with configured payloads.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Number(value) => value.to_string().into(),
            Self::Flag(true) => "True".into(),
            Self::Flag(false) => "False".into(),
            Self::Text(text) => Cow::Borrowed(text),
        }
    }
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// The part that is not supported.
    pub fn parse(source: &str) -> Result<Self, String> {
        if source.len() > MOST_BYTES {
            return Err(format!("it has more than {} KiB", MOST_BYTES >> 10));
        }
        let nodes = parser::parse(source.trim())?;
        Ok(Self { nodes, reads_json: source.contains("value_json") })
    }

    /// Whether it reads the payload as JSON.
    #[must_use]
    pub fn reads_json(&self) -> bool {
        self.reads_json
    }

    /// Evaluates the template on a payload.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn render<'a>(&'a self, payload: &'a Payload<'a>) -> Result<Rendered<'a>, Failure> {
        let context = Context::new(payload);
        let mut evaluation = Evaluation::new(&context);
        // Fast path of nearly all templates: one expression, whose number needs no text.
        if let [Node::Print(expression)] = self.nodes.as_slice() {
            return rendered(evaluation.value(expression)?, &context);
        }
        evaluation.run(&self.nodes)?;
        match evaluation.finish().trim() {
            "" => Err(Failure::Nothing),
            text => Ok(Rendered::Text(text.to_owned().into())),
        }
    }
}

fn rendered<'a>(value: Value<'a>, context: &Context<'a>) -> Result<Rendered<'a>, Failure> {
    Ok(match value {
        Value::Undefined | Value::None => return Err(Failure::Nothing),
        Value::Bool(is_true) => Rendered::Flag(is_true),
        #[expect(clippy::cast_precision_loss, reason = "`whole` keeps those that are exact")]
        Value::Integer(number) => Rendered::Number(numbers::whole(number as f64)?),
        Value::Decimal(number) => Rendered::Number(numbers::decimal(number)?),
        other => match other.printed(context)?.trimmed() {
            text if text.is_empty() => return Err(Failure::Nothing),
            text => Rendered::Text(text),
        },
    })
}

#[cfg(test)]
mod tests;
