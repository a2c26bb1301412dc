//! What is wrong with a text that isn't TOML, and what of it can still be read.
//!
//! The TOML parser goes on after an error, but it invents values for what it could not read and
//! stops early at some mistakes. Trusting those values would bring follow-up errors that are not
//! the user's. So the lines with errors are blanked instead, and the rest is parsed again: what
//! then reads cleanly is checked like any configuration. Bytes keep their places.

use toml::de::{DeTable, Error};

use super::errors::Mistake;
use super::places::Places;

/// Blanking and parsing again finds what the parser missed behind an earlier error. In practice
/// two or three rounds do, and each costs a full parse.
const MOST_ROUNDS: usize = 8;

/// What came of a text that isn't TOML.
pub(super) struct Damage {
    /// Each mistake with the byte it is at; never empty.
    pub(super) mistakes: Vec<(usize, Mistake)>,
    /// The text without the lines that can't be read, when what is left is TOML.
    pub(super) readable: Option<String>,
}

/// Explains the `errors` the parser found in `text`.
pub(super) fn explain(text: &str, errors: Vec<Error>) -> Damage {
    let mut lines = Lines::new(text);
    let mut mistakes = Vec::new();
    let mut errors = errors;
    for _ in 0..MOST_ROUNDS {
        let is_left_open = errors.iter().any(tells_of_open_end);
        let mut found = lines.first_errors(errors);
        let garbled = found.iter().position(may_span_lines).filter(|_| is_left_open);
        if let Some(index) = garbled {
            // What is left open garbles everything after it: only its first error is trusted.
            found.truncate(index + 1);
        }
        let opener = garbled.and_then(|index| lines.opener(found[index].0));
        let mut found: Vec<(usize, Mistake)> =
            found.into_iter().map(|(at, error)| (at, reword(text, at, &error))).collect();
        let is_lost = garbled.is_some() && opener.is_none();
        if let Some(opener) = opener {
            found.pop();
            found.push(opener);
        }
        if found.is_empty() {
            break;
        }
        lines.blank_out(&found);
        mistakes.append(&mut found);
        let readable = lines.readable();
        (_, errors) = DeTable::parse_recoverable(&readable);
        if errors.is_empty() {
            return Damage { mistakes, readable: Some(readable) };
        }
        if is_lost {
            break;
        }
    }
    Damage { mistakes, readable: None }
}

/// A text's lines, some of them blanked.
struct Lines<'t> {
    text: &'t str,
    places: Places<'t>,
    is_blank: Vec<bool>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        let places = Places::new(text);
        let is_blank = vec![false; places.num_lines()];
        Self { text, places, is_blank }
    }

    /// The first error of each line that isn't blank, with its byte, in the order of the file.
    fn first_errors(&self, errors: Vec<Error>) -> Vec<(usize, Error)> {
        // An error without a place (too deep a nesting) is said of the file's beginning.
        let at = |error: &Error| error.span().map_or(0, |span| span.start);
        let mut errors: Vec<_> = errors.into_iter().map(|error| (at(&error), error)).collect();
        errors.sort_by_key(|(at, _)| *at);
        errors.dedup_by_key(|(at, _)| self.places.line_index(*at));
        errors.retain(|(at, _)| !self.is_blank[self.places.line_index(*at)]);
        errors
    }

    /// Blanks each line with an error. Below a table's header that is everything up to the next
    /// header: those keys would seem to be another table's.
    fn blank_out(&mut self, mistakes: &[(usize, Mistake)]) {
        for (at, _) in mistakes {
            let mut index = self.places.line_index(*at);
            let in_header = self.is_header(index);
            self.is_blank[index] = true;
            index += 1;
            while in_header && index < self.is_blank.len() && !self.is_header(index) {
                self.is_blank[index] = true;
                index += 1;
            }
        }
    }

    fn is_header(&self, index: usize) -> bool {
        self.line(index).trim_start().starts_with('[')
    }

    fn line(&self, index: usize) -> &'t str {
        &self.text[self.places.line_range(index)]
    }

    /// The line above `garbled_at`, at its end, if that line left something open: if without it
    /// nothing is.
    fn opener(&mut self, garbled_at: usize) -> Option<(usize, Mistake)> {
        let garbled = self.places.line_index(garbled_at);
        let has_words = |line: &str| !matches!(line.trim_start().chars().next(), None | Some('#'));
        let index = (0..garbled)
            .rev()
            .find(|index| !self.is_blank[*index] && has_words(self.line(*index)))?;
        self.is_blank[index] = true;
        let (_, errors) = DeTable::parse_recoverable(&self.readable());
        self.is_blank[index] = false;
        let is_opener = !errors.iter().any(tells_of_open_end);
        let at = self.places.line_range(index).start + self.line(index).trim_end().len();
        is_opener.then(|| {
            (at, Mistake::new("this line leaves a bracket or brace open", "close it on this line"))
        })
    }

    /// The text, with spaces for each byte of a blank line.
    fn readable(&self) -> String {
        let mut readable = String::with_capacity(self.text.len());
        for (index, is_blank) in self.is_blank.iter().enumerate() {
            let line = self.line(index);
            if index > 0 {
                readable.push('\n');
            }
            if *is_blank {
                readable.extend(std::iter::repeat_n(' ', line.len()));
            } else {
                readable.push_str(line);
            }
        }
        readable
    }
}

/// Whether the error is the parser's last word on something that was opened and never closed.
fn tells_of_open_end(error: &Error) -> bool {
    let message = error.message();
    ["unclosed array,", "unclosed inline table", "multi-line"]
        .iter()
        .any(|what| message.contains(what))
}

/// Whether the error is about something that can go on over lines: an array, an inline table, a
/// multi-line string. A header such as `[[sensors]]` (an "array table") can't.
fn may_span_lines((_, error): &(usize, Error)) -> bool {
    let message = error.message();
    let long = ["array", "inline table", "multi-line", "key-value pairs"];
    !message.contains("array table") && long.iter().any(|what| message.contains(what))
}

/// The parser's error in words for someone who doesn't know TOML. Quotes no value.
fn reword(text: &str, at: usize, error: &Error) -> Mistake {
    let piece = error.span().and_then(|span| text.get(span)).unwrap_or_default();
    let message = error.message();
    if message.starts_with("string values must be quoted") || message.starts_with("invalid boolean")
    {
        return unquoted(piece);
    }
    if message.starts_with("duplicate key") {
        let line_start =
            text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        return duplicate(piece, text[line_start..].trim_start().starts_with('['));
    }
    if message.starts_with("key with no value") {
        return Mistake::new(
            "this line has no `=` after its key",
            "write key = value; a comment starts with #",
        );
    }
    if message.starts_with("missing escaped value") {
        return Mistake::new(
            "this backslash means nothing in double quotes",
            r"use single quotes, as in 'C:\data', or write each backslash twice",
        );
    }
    let hint = if message.starts_with("unexpected key or value") {
        "a line holds one key = value, and a decimal has a point: 35.0"
    } else if message.contains("table") || message.contains("array") || message.contains("pairs") {
        "look for a bracket, brace or comma that is missing here or just above"
    } else if message.contains("string") {
        "close the text with the quote it began with"
    } else {
        "this file is written in TOML: see https://toml.io"
    };
    Mistake::new(message, hint)
}

fn unquoted(piece: &str) -> Mistake {
    let lower = piece.to_lowercase();
    match lower.as_str() {
        "" => Mistake::new("the value is missing", "write it after the `=`, or remove the line"),
        "true" | "false" => {
            Mistake::new(format!("{lower} is written in small letters"), format!("write {lower}"))
        }
        _ => Mistake::new("this text is not in quotes", "put it in quotes: key = \"…\""),
    }
}

fn duplicate(key: &str, is_header: bool) -> Mistake {
    let key = super::errors::quote(key);
    match (is_header, key.as_str()) {
        (true, "`sensors`") => {
            Mistake::new("`sensors` is opened twice", "write [[sensors]] above each sensor")
        }
        (true, _) => Mistake::new(
            format!("{key} is opened twice"),
            "put all its keys below one of the two headers",
        ),
        (false, _) => Mistake::new(format!("{key} is set twice"), "keep one of the two"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mistakes as `line: what`, and the readable rest.
    fn explained(text: &str) -> (Vec<String>, Option<String>) {
        let (_, errors) = DeTable::parse_recoverable(text);
        let damage = explain(text, errors);
        let places = Places::new(text);
        let line = |at| places.of(at).line;
        let said = damage.mistakes.iter();
        (said.map(|(at, said)| format!("{}: {}", line(*at), said.what)).collect(), damage.readable)
    }

    #[test]
    fn finds_errors_behind_errors() {
        // The parser itself stops building values at a line without `=`.
        let (said, readable) = explained("language fr\nx = yes\ny = True\nz = 1\n");
        assert_eq!(
            said,
            [
                "1: this line has no `=` after its key",
                "2: this text is not in quotes",
                "3: true is written in small letters"
            ]
        );
        assert_eq!(readable.unwrap().trim(), "z = 1");
    }

    #[test]
    fn a_broken_header_takes_its_keys_along() {
        let text = "[broker\nlisten = \"é\"\n[mqtt]\nx = 1";
        let (said, readable) = explained(text);
        assert_eq!(said, ["1: unclosed table, expected `]`"]);
        let readable = readable.unwrap();
        assert_eq!(readable.len(), text.len(), "bytes keep their places");
        assert_eq!(readable.trim(), "[mqtt]\nx = 1");
    }

    #[test]
    fn what_is_left_open_is_one_error() {
        let (said, readable) = explained("a = [1, 2\n# so\n\nb = 3\n[c]\nd = 4\n");
        assert_eq!(said, ["1: this line leaves a bracket or brace open"]);
        assert!(readable.is_some());
        // Whether further up or at the end of the file, what isn't found can't be left out.
        for lost in ["a = [\n1,\n2\nb = 3\n[c]\nd = 4\n", "a = \"\"\"x\nb = 3\n"] {
            let (said, readable) = explained(lost);
            assert_eq!((said.len(), readable), (1, None), "{said:?}");
        }
    }

    #[test]
    fn what_is_wrong_within_a_line_stays_within_it() {
        let (said, readable) = explained("a = { x = 1 y = 2 }\nb = 3\n");
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(readable.unwrap().trim(), "b = 3");
    }

    #[test]
    fn an_error_within_a_line_hides_none_behind_it() {
        let text = "x 1\n[a]\nb = { x = 1 y = 2 }\n[a]\nc = yes\n[d]\ne = 1\n";
        let (said, readable) = explained(text);
        let lines: Vec<_> = said.iter().map(|said| &said[..2]).collect();
        assert_eq!(lines, ["1:", "3:", "4:", "5:"], "{said:?}");
        assert_eq!(readable.unwrap().replace(' ', ""), "\n[a]\n\n\n\n[d]\ne=1\n");
    }

    #[test]
    fn a_brace_left_open_garbles_its_own_line_only() {
        let text = "[a]\nb = { x = 1\n[c]\nd = { x = 1 }\n";
        let (said, readable) = explained(text);
        assert_eq!(said, ["2: this line leaves a bracket or brace open"]);
        assert_eq!(readable.unwrap().replace(' ', ""), "[a]\n\n[c]\nd={x=1}\n");
    }

    #[test]
    fn duplicates_are_named() {
        let (said, _) = explained("a = 1\na = 2\n[b]\n[b]\n[[sensors]]\n[sensors]\n");
        assert_eq!(
            said,
            ["2: `a` is set twice", "4: `b` is opened twice", "6: `sensors` is opened twice"]
        );
    }
}
