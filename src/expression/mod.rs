//! Expressions in CEL (Common Expression Language) as text: bounds, parser, and error messages. Pure.
//!
//! Alarm conditions and mapping expressions are two languages with their own names, types and evaluation. This
//! module is their common part, around the `cel` crate's parser.
//!
//! Invariant: the parser sees no text that is longer than [`LONGEST_SOURCE`] or whose brackets [`brackets`] refuses.
//! Comprehensions are left unexpanded, for the language's own checker to name.

pub mod brackets;

use std::fmt;

use cel::common::ast::SourceInfo;
use cel::{Env, IdedExpr, ParseErrors};

/// Longest expression, in characters: more is unreadable as one condition.
pub const LONGEST_SOURCE: usize = 1_000;

/// Error in an expression, in one line: what, where, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ExpressionError {
    /// Error message.
    pub what: String,
    /// Position in the text, in characters from 1; `None` for the whole text.
    pub character: Option<usize>,
    /// Remedy.
    pub remedy: String,
}

impl ExpressionError {
    /// Error at a position, or of the whole text.
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

/// Remedies of one language for syntax errors.
#[derive(Debug, Clone, Copy)]
pub struct Remedies {
    /// Remedy for an empty text.
    pub empty: &'static str,
    /// Remedy for a text that is too long, appended to "at most 1000 are taken".
    pub too_long: &'static str,
    /// Remedy for an unfinished text.
    pub unfinished: &'static str,
    /// Remedy for an unexpected token.
    pub misplaced: &'static str,
}

/// Parses a text into its tree and the positions of its nodes.
///
/// # Errors
/// If it is empty, too long, too deep, or not CEL.
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

/// Position of a node, from 1. The parser places a call at its bracket; this returns its name.
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

/// Excerpt of the text for an error message: on one line, and short.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut short: String = text.trim().chars().filter(|c| !c.is_control()).take(40).collect();
    if short.len() < text.trim().len() {
        short.push('…');
    }
    format!("`{short}`")
}

/// The parser's first error, in plain words and without its list of expected tokens.
fn syntax(source: &str, errors: &ParseErrors, remedies: &Remedies) -> ExpressionError {
    let first = errors.errors.iter().find(|error| !error.msg.starts_with("Incomplete"));
    let Some(error) = first.or(errors.errors.first()) else {
        return ExpressionError::new("this is no CEL", None, remedies.misplaced);
    };
    let message = error.msg.trim_start_matches("Syntax error: ");
    let message = message.split(" expecting ").next().unwrap_or(message);
    // The unexpected token is between the quotes.
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
