//! Explains a syntax error: the TOML parser's first error, with its position, in plain words. Pure.
//!
//! Never: a guess at what follows an error. What can't be parsed is not checked for other mistakes.

use toml::de::Error;

use super::errors::Mistake;

/// Byte position and explanation of the parser's error. An error without a position (nested too deep) counts as at the
/// beginning.
pub(super) fn explain(text: &str, error: &Error) -> (usize, Mistake) {
    let at = error.span().map_or(0, |span| span.start);
    (at, reword(text, at, error))
}

/// Plain words for a parser error. Quotes no value, which may be a secret.
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
    use toml::de::DeTable;

    use super::super::places::Places;
    use super::*;

    /// The error as `line: what`.
    fn explained(text: &str) -> String {
        let (at, mistake) = explain(text, &DeTable::parse(text).unwrap_err());
        format!("{}: {}", Places::new(text).of(at).line, mistake.what)
    }

    #[test]
    fn the_first_error_is_explained_with_its_line() {
        for (text, expected) in [
            ("language fr\nx = yes\n", "1: this line has no `=` after its key"),
            ("a = 1\nx = yes\n", "2: this text is not in quotes"),
            ("y = True\n", "1: true is written in small letters"),
            ("y =\n", "1: the value is missing"),
            ("p = \"C:\\data\"\n", "1: this backslash means nothing in double quotes"),
            ("[broker\nlisten = \"e\"\n", "1: unclosed table, expected `]`"),
            ("a = 1\na = 2\n", "2: `a` is set twice"),
            ("[b]\n[b]\n", "2: `b` is opened twice"),
            ("[[sensors]]\n[sensors]\n", "2: `sensors` is opened twice"),
        ] {
            assert_eq!(explained(text), expected);
        }
    }
}
