//! Bracket depth of a CEL expression, checked before parsing. Pure.
//!
//! The parser recurses for every bracket, through about ten rules each, and checks its own depth limit too late:
//! unoptimised, a dozen brackets overflow a thread's 2 MiB of stack, which ends the process. So the nesting is
//! counted first, on the text.
//!
//! Invariant: an accepted text has at most [`DEEPEST`] open brackets, by the parser's count too. Quoting for which
//! the two counts could differ is rejected: backslashes, backticks, and three quotes in a row.

use super::ExpressionError;

/// Maximum bracket depth. A readable condition has three or four; the stack of an unoptimised build allows ten.
pub const DEEPEST: usize = 8;

/// Maximum number of `?` in an expression: each is a recursion.
pub const MOST_CHOICES: usize = 8;

/// State of the scan.
enum Within {
    Code,
    Text(char),
    Comment,
}

/// Checks brackets and quotes.
///
/// # Errors
/// If brackets are unbalanced or too deep, or the quoting is not supported.
pub fn check(source: &str) -> Result<(), ExpressionError> {
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
        let what = format!("`{bracket}` is never closed");
        return Err(ExpressionError::new(what, character, "write its counterpart where it ends"));
    }
    if choices > MOST_CHOICES {
        let remedy = format!("at most {MOST_CHOICES} are taken; write a shorter one");
        return Err(ExpressionError::new(format!("it has {choices} `?`"), None, remedy));
    }
    Ok(())
}

/// Tracks one character outside of strings.
fn bracket(
    open: &mut Vec<(char, usize)>,
    c: char,
    character: usize,
) -> Result<(), ExpressionError> {
    let opened = match c {
        '(' | '[' | '{' if open.len() == DEEPEST => {
            let what = format!("more than {DEEPEST} brackets are open");
            return Err(ExpressionError::new(
                what,
                character,
                "leave out those that change nothing",
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
    Err(ExpressionError::new(what, character, "write texts in plain quotes, such as \"COLD_02\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refusal(source: &str) -> (String, Option<usize>) {
        let error = check(source).unwrap_err();
        (error.what, error.character)
    }

    #[test]
    fn brackets_must_match_and_are_limited() {
        assert_eq!(check("(a[b] + {c: (1)}) // ((("), Ok(()));
        assert_eq!(check("a == \"((\" && b == '[['"), Ok(()));
        assert_eq!(refusal("(a"), ("`(` is never closed".into(), Some(1)));
        assert_eq!(refusal("a)"), ("`)` closes nothing".into(), Some(2)));
        assert_eq!(refusal("(a]"), ("`]` closes nothing".into(), Some(3)));
        assert_eq!(refusal(&"(".repeat(9)), ("more than 8 brackets are open".into(), Some(9)));
        assert_eq!(refusal(&"a ? b : ".repeat(9)), ("it has 9 `?`".into(), None));
    }

    #[test]
    fn quoting_that_would_make_the_counts_differ_is_refused() {
        assert_eq!(refusal("a == \"\\\"\"").0, "`\\` is not taken");
        assert_eq!(refusal("`a`").0, "``` is not taken");
        assert_eq!(refusal("a == \"\"\"b\"\"\"").0, "three quotes in a row are not taken");
    }
}
