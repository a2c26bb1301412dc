//! Arguments of filters, tests, functions and methods.

use super::evaluation::Context;
use super::numbers::Failure;
use super::text::Text;
use super::values::Value;

/// Arguments, by position and by name.
#[derive(Debug, Default)]
pub struct Given<'a> {
    /// Arguments by position.
    pub positional: Vec<Value<'a>>,
    /// Arguments by name.
    pub named: Vec<(&'a str, Value<'a>)>,
}

impl<'a> Given<'a> {
    /// Takes the first argument of a function, which is a filter's input.
    pub fn take_first(&mut self) -> Value<'a> {
        if self.positional.is_empty() { Value::Undefined } else { self.positional.remove(0) }
    }

    /// An argument, by its position or its name.
    #[must_use]
    pub fn get(&self, position: usize, name: &str) -> Option<&Value<'a>> {
        let named = || self.named.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        self.positional.get(position).or_else(named)
    }

    /// A required argument.
    ///
    /// # Errors
    /// If it is missing.
    pub fn required(&self, position: usize, name: &str) -> Result<&Value<'a>, Failure> {
        self.get(position, name)
            .ok_or_else(|| Failure::Wrong(format!("the argument `{name}` is missing")))
    }

    /// A number, or its default.
    ///
    /// # Errors
    /// If it is no number.
    pub fn number(&self, position: usize, name: &str, default: f64) -> Result<f64, Failure> {
        self.get(position, name).map_or(Ok(default), Value::plain_number)
    }

    /// A whole number, or its default.
    ///
    /// # Errors
    /// If it is no integer.
    pub fn integer(&self, position: usize, name: &str, default: i64) -> Result<i64, Failure> {
        self.get(position, name).map_or(Ok(default), Value::integer)
    }

    /// A text, or its default.
    ///
    /// # Errors
    /// If it has no value.
    pub fn text(
        &self,
        position: usize,
        name: &str,
        default: &'a str,
        context: &Context<'a>,
    ) -> Result<Text<'a>, Failure> {
        self.get(position, name).map_or(Ok(default.into()), |value| value.printed(context))
    }

    /// True if a truth value is given and true.
    #[must_use]
    pub fn flag(&self, position: usize, name: &str) -> bool {
        self.get(position, name).is_some_and(Value::is_true)
    }
}
