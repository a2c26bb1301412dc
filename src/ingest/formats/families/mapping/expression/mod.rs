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
//! Holds always: an expression that was taken is of bounded cost, because a stranger's messages run it. Its length,
//! nodes and depth are limited; there are no comprehensions, no regular expressions, nothing that makes texts or lists,
//! and lists and objects are not compared. A mistake in names, functions or types shows when it is read.

mod evaluate;
mod functions;
mod outcome;
mod read;
#[cfg(test)]
mod tests;
mod tree;

use std::fmt;
use std::sync::Arc;

use cel::{Env, ParseErrors};
use serde_json::Value as Json;

pub use evaluate::Scope;
use outcome::Outcome;
pub use outcome::Unknown;
use tree::Node;

use crate::domain::brackets::{self, BracketError};

/// The longest expression, in characters.
pub const LONGEST_SOURCE: usize = 1_000;

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

/// Why a text is no expression: one line that says what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError {
    /// What is wrong.
    pub what: String,
    /// Where in the text, in characters from 1, if known.
    pub character: Option<usize>,
    /// What to do.
    pub remedy: String,
}

impl ExpressionError {
    fn new(
        what: impl Into<String>,
        character: impl Into<Option<usize>>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { what: what.into(), character: character.into(), remedy: remedy.into() }
    }
}

impl From<BracketError> for ExpressionError {
    fn from(BracketError { what, character, remedy }: BracketError) -> Self {
        Self { what, character, remedy }
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(character) = self.character {
            write!(f, "character {character}: ")?;
        }
        write!(f, "{}; {}", self.what, self.remedy)
    }
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
    /// When `source` is empty, too long or too deep, no CEL, names what there isn't, mixes types, or its result is not
    /// what the purpose takes.
    pub fn parse(source: &str, purpose: Purpose) -> Result<Self, ExpressionError> {
        if source.trim().is_empty() {
            let remedy = "write one, such as payload.raw / 10";
            return Err(ExpressionError::new("the expression is empty", None, remedy));
        }
        let characters = source.chars().count();
        if characters > LONGEST_SOURCE {
            let what = format!("the expression has {characters} characters");
            let remedy = format!("at most {LONGEST_SOURCE} are taken; write a shorter one");
            return Err(ExpressionError::new(what, None, remedy));
        }
        brackets::check(source)?;
        // `$` begins no name in CEL. The name in its place is as long, so that places stay.
        let plain = source.replace("$base", tree::BASE);
        // An environment without macros leaves comprehensions unexpanded, for the reader to name.
        let (tree, places) = Env::default()
            .with_optional_support(false)
            .parser()
            .parse_with_source_info(&plain)
            .map_err(|errors| syntax(source, &errors))?;
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
    /// When something it needs is not there, or there is no result, with the reason.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Json, Unknown> {
        self.tree.evaluate(scope).and_then(Outcome::into_json)
    }

    /// Whether a condition holds.
    ///
    /// # Errors
    /// When something it needs is not there, or it is neither true nor false, with the reason.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, Unknown> {
        self.tree.truth(scope)
    }
}

/// The first of the parser's errors, without the list of all it would have taken.
fn syntax(source: &str, errors: &ParseErrors) -> ExpressionError {
    const REMEDY: &str =
        "write names, numbers and texts, joined by + - * / % < <= == != >= > && || ?:";
    let first = errors.errors.iter().find(|error| !error.msg.starts_with("Incomplete"));
    let Some(error) = first.or(errors.errors.first()) else {
        return ExpressionError::new("this is no CEL", None, REMEDY);
    };
    let message = error.msg.trim_start_matches("Syntax error: ");
    let message = message.split(" expecting ").next().unwrap_or(message);
    // The part between the quotes: what the parser stumbled over.
    let found = message.split_once('\'').map(|(_, found)| found.trim_end_matches('\''));
    let (what, remedy) = match found {
        Some("<EOF>") => ("the expression isn't finished".into(), "write the rest"),
        Some(",") => ("`,` is out of place".into(), "numbers have a point, as in 8.5"),
        Some(found) if ["and", "or", "not"].contains(&&*found.to_lowercase()) => {
            (format!("`{found}` is out of place"), "write &&, || or !")
        }
        Some(found) if found.starts_with('=') => ("`=` is no operator".into(), "equal is =="),
        Some(found) => (format!("{} is out of place", short(found)), REMEDY),
        None => (format!("{} in it", short(message)), REMEDY),
    };
    ExpressionError::new(what, character(source, error.pos), remedy)
}

/// From a line and a column, each from 1, to characters from 1.
fn character(source: &str, (line, column): (isize, isize)) -> Option<usize> {
    let before = usize::try_from(line).ok()?.checked_sub(1)?;
    let column = usize::try_from(column).ok().filter(|column| *column > 0)?;
    let lines = source.split_inclusive('\n').take(before);
    Some(lines.map(|line| line.chars().count()).sum::<usize>() + column)
}

/// A part of the text, as an error repeats it: on one line, and short.
fn short(text: &str) -> String {
    format!("`{}`", text.chars().filter(|c| !c.is_control()).take(40).collect::<String>())
}
