//! Untrusted text on one line of a log, or of a terminal: nothing in it begins another line or is a command. Pure.

use std::borrow::Cow;

/// The text with control characters, line separators and marks of writing direction as `\u{…}`.
#[must_use]
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unprintable(c) {
            line.extend(c.escape_unicode());
        } else {
            line.push(c);
        }
    }
    Cow::Owned(line)
}

/// True for an unprintable character: a control character, a line separator, or a bidi mark, which can disguise a
/// line as another (CVE-2021-42574).
#[must_use]
pub fn is_unprintable(c: char) -> bool {
    let is_direction = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || is_direction || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_and_commands_no_terminal() {
        assert!(matches!(one_line("🔄 38.2 °C, café"), Cow::Borrowed(_)));
        for (text, expected) in [
            ("x\n[2026", "x\\u{a}[2026"),
            ("\u{1b}[2J\r", "\\u{1b}[2J\\u{d}"),
            ("a\u{202e}b\u{2028}c\u{9b}", "a\\u{202e}b\\u{2028}c\\u{9b}"),
        ] {
            assert_eq!(one_line(text), expected);
        }
    }
}
