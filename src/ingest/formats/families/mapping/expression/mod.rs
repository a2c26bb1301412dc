//! Expressions of a mapping, in CEL (Common Expression Language): `payload.raw / 10`, `item.q == 192`. Pure.
//!
//! | Name | What it is |
//! |---|---|
//! | `payload` | the payload: JSON, the list of its fields where the table has `split`, or a text |
//! | `item` | the element of a table with `each`; else the payload |
//! | `topic` | the levels of the topic, a list of texts: `topic[1]` |
//! | `$base` | what `time_base` points to, in an expression for the time: a number, epoch seconds for a text |
//!
//! The grammar is CEL's; parser and tree are of the `cel` crate. The evaluation is not: it borrows the message's JSON
//! as it is, and follows JSON's types. There is one type of number, the double, so `payload.raw / 10` is 21.5 for a raw
//! value of 215 whether a device writes 215, 215.0 or "215". What is not there, or null, makes the result unknown, which
//! is no error; `||` and `&&` pass over it where the other side decides.
//!
//! Invariant: an expression that was taken is of bounded cost, because a stranger's messages run it. Its length,
//! nodes and depth are limited; there are no comprehensions, no regular expressions, nothing that makes texts or lists,
//! and lists and objects are not compared. A mistake in names, functions or types shows when it is read.

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

/// An expression that was checked.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    tree: Arc<Node>,
}

/// What an expression may name, and what its result is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A condition: true or false.
    Condition,
    /// A value: a number, or true or false, or a text of one.
    Value,
    /// A time: a number or a text. It may name `$base`.
    Time,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.source)
    }
}

impl PartialEq for Expression {
    /// The same text is the same expression.
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Expression {
    /// Parses and checks.
    ///
    /// # Errors
    /// If `source` is empty, too long or too deep, no CEL, names what there isn't, mixes types, or its result is not
    /// what the purpose takes.
    pub fn parse(source: &str, purpose: Purpose) -> Result<Self, ExpressionError> {
        // `$` begins no name in CEL. The name in its place is as long, so that places stay.
        let plain = source.replace("$base", tree::BASE);
        let (tree, places) = expression::parse(&plain, &REMEDIES)?;
        let tree = read::Reader::new(&places, purpose).read_all(&tree)?;
        Ok(Self { source: source.into(), tree: Arc::new(tree) })
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it asks for `$base`.
    #[must_use]
    pub fn asks_for_base(&self) -> bool {
        self.source.contains("$base")
    }

    /// Its result as JSON: a number, a text, true or false.
    ///
    /// # Errors
    /// If something it needs is not there, or there is no result, with the reason.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Json, Unknown> {
        self.tree.evaluate(scope).and_then(Outcome::into_json)
    }

    /// Whether a condition holds.
    ///
    /// # Errors
    /// If something it needs is not there, or it is neither true nor false, with the reason.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, Unknown> {
        self.tree.truth(scope)
    }
}
