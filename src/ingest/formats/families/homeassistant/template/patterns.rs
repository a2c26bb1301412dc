//! Regular expressions of templates, compiled with the `regex` crate: no look-around, linear time.
//!
//! The size of a compiled pattern and the number of bytes that its searches read are bounded.

use std::cell::Cell;
use std::ops::Range;

use regex::{Regex, RegexBuilder};

/// Step budget of one pattern over all of its searches; a step is one byte of text.
const MOST_STEPS: usize = 200_000;
/// Size limit of a compiled pattern, in bytes.
const MOST_COMPILED: usize = 64 << 10;
/// Maximum nesting depth of groups.
const MOST_NESTED: u32 = 16;
/// Size limit of the result of a replacement, in bytes.
const MOST_OUTPUT: usize = 256 << 10;

/// A compiled regular expression with its step budget.
pub struct Pattern {
    regex: Regex,
    steps_left: Cell<usize>,
}

/// Byte ranges of one match: the whole match, then each capture group; `None` for an unmatched
/// group.
pub type Groups = Vec<Option<Range<usize>>>;

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Describes the syntax error, or the exceeded size or nesting limit.
    pub fn new(text: &str, is_caseless: bool) -> Result<Self, String> {
        let mut builder = RegexBuilder::new(&ascii_classes(text));
        builder.case_insensitive(is_caseless).size_limit(MOST_COMPILED).nest_limit(MOST_NESTED);
        let regex = builder.build().map_err(|error| {
            let lines = error.to_string();
            let why = lines.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("a regular expression can't be read: {why}")
        })?;
        Ok(Self { regex, steps_left: Cell::new(MOST_STEPS) })
    }

    /// First match at or after byte `from`; if anchored, only a match at `from` itself.
    ///
    /// # Errors
    /// If the step budget is exhausted.
    pub fn find(
        &self,
        text: &str,
        from: usize,
        is_anchored: bool,
    ) -> Result<Option<Groups>, String> {
        if from > text.len() {
            return Ok(None);
        }
        let found = self.regex.captures_at(text, from);
        let end = found.as_ref().and_then(|it| it.get(0)).map_or(text.len(), |it| it.end());
        self.take_steps(end - from + 1)?;
        let groups: Option<Groups> =
            found.map(|it| it.iter().map(|group| group.map(|group| group.range())).collect());
        let is_here = |groups: &Groups| {
            groups.first().and_then(Option::as_ref).is_some_and(|whole| whole.start == from)
        };
        Ok(groups.filter(|groups| !is_anchored || is_here(groups)))
    }

    /// All non-overlapping matches.
    ///
    /// # Errors
    /// If the step budget is exhausted.
    pub fn find_all(&self, text: &str) -> Result<Vec<Groups>, String> {
        let (mut found, mut from) = (Vec::new(), 0);
        while let Some(groups) = self.find(text, from, false)? {
            let Some(Some(whole)) = groups.first() else { break };
            let next = text[whole.end..].chars().next().map_or(1, char::len_utf8);
            from = if whole.is_empty() { whole.end + next } else { whole.end };
            found.push(groups);
            if from > text.len() {
                break;
            }
        }
        Ok(found)
    }

    /// Replaces every match; `\1` and `\g<1>` in the replacement insert capture groups.
    ///
    /// # Errors
    /// If the step budget is exhausted, or the result exceeds [`MOST_OUTPUT`].
    pub fn replace_all(&self, text: &str, by: &str) -> Result<String, String> {
        let (mut replaced, mut from) = (String::new(), 0);
        for groups in self.find_all(text)? {
            let Some(Some(whole)) = groups.first() else { continue };
            replaced.push_str(&text[from..whole.start]);
            from = whole.end;
            push_replacement(&mut replaced, text, by, &groups);
            if replaced.len() > MOST_OUTPUT {
                return Err("the replaced text is too large".into());
            }
        }
        replaced.push_str(&text[from..]);
        Ok(replaced)
    }

    fn take_steps(&self, count: usize) -> Result<(), String> {
        let left = self.steps_left.get().checked_sub(count);
        self.steps_left.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| "the pattern takes too many steps".to_owned())
    }

    /// Steps consumed so far.
    #[must_use]
    pub fn num_steps(&self) -> usize {
        MOST_STEPS - self.steps_left.get()
    }
}

/// Replaces `\d`, `\w`, `\s`, their negations and `\b` by ASCII classes. Unicode classes need about
/// a hundred times the memory, and every entity may have a pattern.
fn ascii_classes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match rest.next() {
            Some('d') => plain.push_str("[0-9]"),
            Some('D') => plain.push_str("[^0-9]"),
            Some('w') => plain.push_str("[0-9A-Za-z_]"),
            Some('W') => plain.push_str("[^0-9A-Za-z_]"),
            Some('s') => plain.push_str("[\\t-\\r ]"),
            Some('S') => plain.push_str("[^\\t-\\r ]"),
            Some('b') => plain.push_str("(?-u:\\b)"),
            Some(other) => plain.extend(['\\', other]),
            None => plain.push('\\'),
        }
    }
    plain
}

fn push_replacement(replaced: &mut String, text: &str, by: &str, groups: &Groups) {
    let mut rest = by;
    while let Some((before, after)) = rest.split_once('\\') {
        replaced.push_str(before);
        let named = after.strip_prefix("g<").and_then(|name| name.split_once('>'));
        let (number, end) = match named {
            Some((name, end)) => (name.parse().ok(), end),
            None => {
                let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
                (after[..end.min(2)].parse().ok(), &after[end.min(2)..])
            }
        };
        let group = number.and_then(|number: usize| groups.get(number).cloned().flatten());
        match (number, after.chars().next()) {
            (Some(_), _) => replaced.push_str(&text[group.unwrap_or_default()]),
            (None, Some(c)) => replaced.push(if c == 'n' { '\n' } else { c }),
            (None, None) => {}
        }
        let skipped = after.chars().next().map_or(0, char::len_utf8);
        rest = if number.is_some() { end } else { &after[skipped..] };
    }
    replaced.push_str(rest);
}

#[cfg(test)]
#[path = "patterns_tests.rs"]
mod tests;
