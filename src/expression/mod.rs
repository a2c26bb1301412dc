//! Expressions in CEL (Common Expression Language) as text: bounds, parser, and error messages. Pure.
//!
//! The conditions of alarms and the expressions of a mapping are two languages: their names, types and evaluation differ.
//! What is here is the same for both, the `cel` crate's parser around it.
//!
//! Holds always: the parser sees no text that is longer than [`LONGEST_SOURCE`] or whose brackets [`brackets`] refuses.
//! Comprehensions are left unexpanded, for the language's own checker to name.

pub mod brackets;

use std::fmt;

use cel::common::ast::SourceInfo;
use cel::{Env, IdedExpr, ParseErrors};

/// The longest expression, in characters: what a person can still read as one condition.
pub const LONGEST_SOURCE: usize = 1_000;

/// Why a text is no expression: one line that says what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ExpressionError {
    /// What is wrong.
    pub what: String,
    /// Where in the text, in characters from 1; `None` for the text as a whole.
    pub character: Option<usize>,
    /// What to do.
    pub remedy: String,
}

impl ExpressionError {
    /// An error at a place of the text, or of all of it.
    pub fn new(
        what: impl Into<String>,
        character: impl Into<Option<usize>>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { what: what.into(), character: character.into(), remedy: remedy.into() }
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

/// What one language advises where a text is not as it should be.
#[derive(Debug, Clone, Copy)]
pub struct Remedies {
    /// Where there is nothing.
    pub empty: &'static str,
    /// Where it is too long, after "at most 1000 are taken".
    pub too_long: &'static str,
    /// Where its end is missing.
    pub unfinished: &'static str,
    /// Where something stands that the grammar has not there.
    pub misplaced: &'static str,
}

/// Parses a text: its tree, and where each node is written.
///
/// # Errors
/// When it is empty, too long or too deep, or no CEL.
pub fn parse(source: &str, remedies: &Remedies) -> Result<(IdedExpr, SourceInfo), ExpressionError> {
    if source.trim().is_empty() {
        return Err(ExpressionError::new("the expression is empty", None, remedies.empty));
    }
    let characters = source.chars().count();
    if characters > LONGEST_SOURCE {
        let what = format!("the expression has {characters} characters");
        let remedy = format!("at most {LONGEST_SOURCE} are taken; {}", remedies.too_long);
        return Err(ExpressionError::new(what, None, remedy));
    }
    brackets::check(source)?;
    Env::default()
        .with_optional_support(false)
        .parser()
        .parse_with_source_info(source)
        .map_err(|errors| syntax(source, &errors, remedies))
}

/// Where a node is written, from 1. The parser puts a call at its bracket; people at its name.
#[must_use]
pub fn character(places: &SourceInfo, id: u64) -> Option<usize> {
    let (start, _) = places.offset_for(id)?;
    let start = usize::try_from(start).ok()?;
    let before: Vec<_> = places.source.chars().take(start + 1).collect();
    let name = match before.split_last() {
        Some(('(', before)) => {
            before.iter().rev().take_while(|c| c.is_alphanumeric() || **c == '_').count()
        }
        _ => 0,
    };
    Some(start - name + 1)
}

/// A part of the text, as an error repeats it: on one line, and short.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut short: String = text.trim().chars().filter(|c| !c.is_control()).take(40).collect();
    if short.len() < text.trim().len() {
        short.push('…');
    }
    format!("`{short}`")
}

/// The first of the parser's errors, in our words and without the list of all it would have taken.
fn syntax(source: &str, errors: &ParseErrors, remedies: &Remedies) -> ExpressionError {
    let first = errors.errors.iter().find(|error| !error.msg.starts_with("Incomplete"));
    let Some(error) = first.or(errors.errors.first()) else {
        return ExpressionError::new("this is no CEL", None, remedies.misplaced);
    };
    let message = error.msg.trim_start_matches("Syntax error: ");
    let message = message.split(" expecting ").next().unwrap_or(message);
    // The part between the quotes: what the parser stumbled over.
    let found = message.split_once('\'').map(|(_, found)| found.trim_end_matches('\''));
    let (what, remedy) = match found {
        Some("<EOF>") => ("the expression isn't finished".into(), remedies.unfinished),
        Some(",") => ("`,` is out of place".into(), "numbers have a point, as in 8.5"),
        Some(found) if ["and", "or", "not"].contains(&&*found.to_lowercase()) => {
            (format!("{} is out of place", quote(found)), "write &&, || or !")
        }
        Some(found) if found.starts_with('=') => ("`=` is no operator".into(), "equal is =="),
        Some(found) if found.starts_with(['"', '\'']) => (
            "a text isn't finished".into(),
            "end it with the quote it starts with, on the same line",
        ),
        Some(found) => (format!("{} is out of place", quote(found)), remedies.misplaced),
        None => (
            format!("{message} in {}", quote(source)),
            "write a number within the range of 64 bits",
        ),
    };
    ExpressionError::new(what, position(source, error.pos), remedy)
}

/// From a line and a column, each from 1, to characters from 1.
fn position(source: &str, (line, column): (isize, isize)) -> Option<usize> {
    let before = usize::try_from(line).ok()?.checked_sub(1)?;
    let column = usize::try_from(column).ok().filter(|column| *column > 0)?;
    let lines = source.split_inclusive('\n').take(before);
    Some(lines.map(|line| line.chars().count()).sum::<usize>() + column)
}
