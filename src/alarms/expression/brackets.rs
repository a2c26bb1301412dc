//! How deep an expression's brackets are, before the parser sees it. Pure.
//!
//! The parser descends into every bracket, through some ten rules each, and its own limit of depth is
//! checked too late: unoptimised, a dozen brackets overflow a thread's 2 MiB of stack, and that ends
//! the process. So nesting is counted here first, on the text.
//!
//! Holds always: what passes has no more brackets open at once than [`DEEPEST`], by the parser's
//! count too. Therefore the few ways of quoting that would make the two counts differ are refused:
//! backslashes, backticks, and three quotes in a row.

use super::ExpressionError;

/// The most brackets open at once. A condition that people read has three or four; the stack of an
/// unoptimised build bears ten.
pub(super) const DEEPEST: usize = 8;

/// The most `?` in an expression: each is another descent.
pub(super) const MOST_CHOICES: usize = 8;

/// What the scan is in.
enum Within {
    Code,
    Text(char),
    Comment,
}

/// # Errors
/// When brackets don't match or are too deep, or when quoting is of a kind that isn't taken.
pub(super) fn check(source: &str) -> Result<(), ExpressionError> {
    let (mut open, mut choices) = (Vec::with_capacity(DEEPEST), 0);
    let mut within = Within::Code;
    let mut before = [' ', ' '];
    for (character, c) in (1..).zip(source.chars()) {
        refuse_quoting(before, c, character)?;
        within = match within {
            Within::Code => match c {
                '"' | '\'' => Within::Text(c),
                '/' if before[1] == '/' => Within::Comment,
                _ => {
                    bracket(&mut open, c, character)?;
                    choices += usize::from(c == '?');
                    Within::Code
                }
            },
            // An unfinished text ends with its line, for the parser too.
            Within::Text(quote) if c == quote || c == '\n' || c == '\r' => Within::Code,
            Within::Comment if c == '\n' => Within::Code,
            same => same,
        };
        before = [before[1], c];
    }
    if let Some((bracket, character)) = open.pop() {
        return Err(ExpressionError::new(
            format!("`{bracket}` is never closed"),
            character,
            "write its counterpart where it ends",
        ));
    }
    if choices > MOST_CHOICES {
        return Err(ExpressionError::new(
            format!("the expression has {choices} `?`"),
            None,
            format!("at most {MOST_CHOICES} are taken; make two rules of it"),
        ));
    }
    Ok(())
}

/// Follows one character that is not in a text.
fn bracket(
    open: &mut Vec<(char, usize)>,
    c: char,
    character: usize,
) -> Result<(), ExpressionError> {
    let opened = match c {
        '(' | '[' | '{' if open.len() == DEEPEST => {
            return Err(ExpressionError::new(
                format!("more than {DEEPEST} brackets are open"),
                character,
                "leave out those that change nothing, or make two rules of it",
            ));
        }
        '(' | '[' | '{' => {
            open.push((c, character));
            return Ok(());
        }
        ')' => '(',
        ']' => '[',
        '}' => '{',
        _ => return Ok(()),
    };
    match open.pop() {
        Some((bracket, _)) if bracket == opened => Ok(()),
        _ => Err(ExpressionError::new(
            format!("`{c}` closes nothing"),
            character,
            format!("remove it, or write the `{opened}` that belongs to it"),
        )),
    }
}

fn refuse_quoting(before: [char; 2], c: char, character: usize) -> Result<(), ExpressionError> {
    let is_quote = c == '"' || c == '\'';
    let what = match c {
        '\\' | '`' => format!("`{c}` is not taken"),
        _ if is_quote && before == [c, c] => "three quotes in a row are not taken".into(),
        _ => return Ok(()),
    };
    let remedy = "write texts in plain quotes, such as \"COLD_02\"";
    Err(ExpressionError::new(what, character, remedy))
}
