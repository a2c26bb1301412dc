//! Expressions of a mapping, in CEL (Common Expression Language). Pure.
//!
//! Examples: `payload.raw / 10`, `item.q == 192`.
//!
//! | Name | Meaning |
//! |---|---|
//! | `payload` | the payload: JSON, the list of its fields in a table with `split`, or a string |
//! | `item` | the element in a table with `each`; otherwise the payload |
//! | `topic` | the levels of the topic, a list of strings: `topic[1]` |
//! | `$base` | the value of `time_base`, for timestamps: a number, or Unix time in seconds |
//!
//! Grammar and parser are those of the `cel` crate. The evaluator is separate: it borrows the
//! message's JSON and uses JSON's types. The only numeric type is the double, so `payload.raw / 10`
//! is 21.5 for 215, 215.0 and "215". A missing or null operand makes the result unknown, which is
//! not an error; `||` and `&&` ignore an unknown operand if the other one determines the result.
//!
//! Invariant: the cost of an accepted expression is bounded, since it runs on untrusted messages.
//! Length, number of nodes and depth are limited. There are no comprehensions, regular expressions,
//! or operations that create strings or lists; lists and objects are not compared. Invalid names,
//! functions and types are rejected at parse time.

mod evaluate;
mod functions;
mod kind;
mod outcome;
mod read;
#[cfg(test)]
mod tests;
mod tree;

use std::fmt;
use std::sync::Arc;

use serde_json::Value as Json;

pub use evaluate::Scope;
use outcome::Outcome;
pub use outcome::Unknown;
use tree::Node;

pub use crate::expression::ExpressionError;
use crate::expression::{self, Remedies};

const REMEDIES: Remedies = Remedies {
    empty: "write one, such as payload.raw / 10",
    too_long: "write a shorter one",
    unfinished: "write the rest",
    misplaced: "write names, numbers and texts, joined by + - * / % < <= == != >= > && || ?:",
};

/// A validated expression.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    tree: Arc<Node>,
}

/// Use of an expression; determines the allowed names and the required type of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Condition: a boolean.
    Condition,
    /// Reading: a number or a boolean, or a string that represents one.
    Value,
    /// Timestamp: a number or a string. May use `$base`.
    Time,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.source)
    }
}

impl PartialEq for Expression {
    /// Compares the source text.
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Expression {
    /// Parses and validates an expression.
    ///
    /// # Errors
    /// If `source` is empty, too long, nested too deep or not CEL; if it uses unknown names or
    /// mismatched types; or if the type of its result does not fit the purpose.
    pub fn parse(source: &str, purpose: Purpose) -> Result<Self, ExpressionError> {
        // CEL identifiers can't contain `$`. The substitute has the same length, so source
        // positions stay valid.
        let plain = source.replace("$base", tree::BASE);
        let (tree, places) = expression::parse(&plain, &REMEDIES)?;
        let tree = read::Reader::new(&places, purpose).read_all(&tree)?;
        Ok(Self { source: source.into(), tree: Arc::new(tree) })
    }

    /// Source text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the expression uses `$base`.
    #[must_use]
    pub fn asks_for_base(&self) -> bool {
        self.source.contains("$base")
    }

    /// Result as a JSON number, string or boolean.
    ///
    /// # Errors
    /// If an operand is missing, or the result is undefined; with the reason.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Json, Unknown> {
        self.tree.evaluate(scope).and_then(Outcome::into_json)
    }

    /// Evaluates a condition.
    ///
    /// # Errors
    /// If an operand is missing, or the result is not a boolean; with the reason.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, Unknown> {
        self.tree.truth(scope)
    }
}
