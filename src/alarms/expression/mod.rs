//! A rule written as an expression in CEL (Common Expression Language), true when the rule is
//! broken: `value > 8.0 && mean("10m") > 7.0`. Pure.
//!
//! | Name | What it is |
//! |---|---|
//! | `value` | the reading's value, a double |
//! | `quantity` | what was measured, a string |
//! | `rate` | how fast the series changes, a double per minute over the last 5 minutes |
//! | `age` | seconds since the series' previous reading, a double |
//! | `hour`, `minute`, `weekday` | the reading's time in the configured zone; 1 is Monday |
//! | `mean("10m")`, `min`, `max`, `stddev` | of the series' readings of so long, a double |
//! | `sensor("ID").value`, `sensor("ID").age` | another sensor's newest value of the same quantity, and how many seconds before this reading it was measured |
//! | `double(hour)` | a whole number as a double, for arithmetic |
//!
//! All of CEL's operators on these are supported; of its functions only `double`. An age is a plain number,
//! comparable like `value`. As in CEL, integers compare with doubles but don't add up with them: `value > 8` is
//! right, `value * 2` must be `value * 2.0`.
//!
//! An unknown input makes the verdict unknown, unless it decides nothing: `value > 8.0 || sensor("X").value > 3.0`
//! is true for a value of 9 without any reading of X. The expression itself limits the age of another sensor's
//! value, with `.age`.
//!
//! Invariants: an accepted expression has bounded cost, because every reading evaluates it. Its length, nodes and
//! nesting are limited. Rejected are comprehensions (`all`, `map`, …), whose cost is a product of lengths; regular
//! expressions, whose cost the pattern hides; and whatever builds strings, lists or maps. Types, names and windows
//! are checked, so that a mistake shows at load instead of in the night it matters.
//!
//! Never: a panic while judging. The evaluator's few are in rejected constructs (maps, messages, optional values),
//! so nothing is caught. The parser, which runs at load only, shows none on random texts; it could overflow the
//! stack, which nothing could catch: see [`expression::brackets`].

mod check;
#[cfg(test)]
mod refusals;
mod scope;
#[cfg(test)]
mod tests;
mod types;

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cel::{Context, Env, IdedExpr, Value};

use crate::domain::SensorId;
use crate::expression::{self, Remedies};
pub use crate::expression::{ExpressionError, LONGEST_SOURCE};
use check::Checker;
use scope::{Inputs, typical};
pub use scope::{Newest, RATE_WINDOW, Scope, Series, Statistic};

const REMEDIES: Remedies = Remedies {
    empty: "write a condition, such as value > 8.0",
    too_long: "make two rules of it",
    unfinished: "write the rest, or remove its start",
    misplaced: "write comparisons (<, <=, ==, !=, >=, >), joined by && and ||",
};

/// The functions of CEL's standard library: a table that never changes. The checker lets `double`
/// through and nothing else.
static LIBRARY: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A checked expression.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    /// Syntax tree in which each name and call is replaced by the number of its input.
    tree: Arc<IdedExpr>,
    inputs: Inputs,
}

/// Inputs of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// How much of the series' past; zero when none.
    pub longest_window: Duration,
    /// Whose newest values, each once, in the order of the text.
    pub sensors: Vec<SensorId>,
}

impl PartialEq for Expression {
    /// Expressions are equal if their texts are.
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.source)
    }
}

impl Expression {
    /// Parses and checks.
    ///
    /// # Errors
    /// If `source` is too long or too deep, not CEL, uses unknown names, mixes types, isn't boolean, or can't be
    /// evaluated on typical values.
    pub fn parse(source: &str) -> Result<Self, ExpressionError> {
        let (mut tree, places) = expression::parse(source, &REMEDIES)?;
        let inputs = Checker::new(&places).check_all(&mut tree)?;
        let expression = Self { source: source.into(), tree: Arc::new(tree), inputs };
        expression.try_out()?;
        Ok(expression)
    }

    /// Source text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Inputs needed for judging.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.inputs.needs()
    }

    /// True if it has an input in the unit of the readings.
    #[must_use]
    pub fn asks_for_values(&self) -> bool {
        self.inputs.has_values()
    }

    /// Whether the rule is violated; `None` if that is unknown, because an input that decides the verdict is, or
    /// has no result (a division of 0 by 0).
    #[must_use]
    pub fn judge(&self, scope: &Scope) -> Option<bool> {
        self.evaluate(scope).ok()
    }

    fn evaluate(&self, scope: &Scope) -> Result<bool, String> {
        let resolver = self.inputs.of(scope);
        let mut context = Context::with_env(Arc::clone(&LIBRARY));
        context.set_variable_resolver(&resolver);
        match Value::resolve(&self.tree, &context) {
            Ok(Value::Bool(is_broken)) => Ok(is_broken),
            Ok(_) => Err("the result is neither true nor false".into()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Evaluates on two readings that differ in everything: what fails on both can never work, such as a division
    /// by the constant 0.
    fn try_out(&self) -> Result<(), ExpressionError> {
        typical(|one, other| {
            self.evaluate(one).or_else(|why| self.evaluate(other).map_err(|_| why))
        })
        .map(drop)
        .map_err(|why| {
            ExpressionError::new(
                format!("the expression has no result on typical values ({why})"),
                None,
                "see that it divides by nothing that is always 0, and has no number too large",
            )
        })
    }
}
