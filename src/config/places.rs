//! From a byte of a text to the line and column a person would look for. Pure.

/// Place in a text: line and column from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// Finds places in a text, each in O(log lines).
pub(super) struct Places<'t> {
    text: &'t str,
    /// The byte each line starts at; never empty.
    starts: Vec<usize>,
}

impl<'t> Places<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        Self { text, starts: starts.collect() }
    }

    /// Place of a byte offset. Beyond the end, or after the last line break, it is the end of the last line.
    pub(super) fn of(&self, offset: usize) -> Place {
        let end = self.text.strip_suffix('\n').unwrap_or(self.text).len();
        let offset = offset.min(end);
        let line = self.line_index(offset);
        let before = self.text.get(self.starts[line]..offset).unwrap_or_default();
        let column = before.trim_start_matches('\u{feff}').chars().count();
        Place { line: line + 1, column: column + 1 }
    }

    /// The line `offset` is on, from 0.
    fn line_index(&self, offset: usize) -> usize {
        // The first line starts at 0, so at least one start is at or before any offset.
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, offset: usize) -> (usize, usize) {
        let place = Places::new(text).of(offset);
        (place.line, place.column)
    }

    #[test]
    fn counts_lines_and_characters_from_one() {
        assert_eq!(place("", 0), (1, 1));
        assert_eq!(place("ab\ncd\n", 0), (1, 1));
        assert_eq!(place("ab\ncd\n", 2), (1, 3));
        assert_eq!(place("ab\ncd\n", 3), (2, 1));
        assert_eq!(place("é = x", "é = ".len()), (1, 5));
        assert_eq!(place("a\r\nb", 3), (2, 1));
    }

    #[test]
    fn the_end_is_on_the_last_line() {
        assert_eq!(place("ab\ncd\n", 6), (2, 3));
        assert_eq!(place("ab\ncd", 99), (2, 3));
        assert_eq!(place("\n", 1), (1, 1));
    }

    #[test]
    fn a_byte_order_mark_takes_no_column() {
        assert_eq!(place("\u{feff}ab", 4), (1, 2));
    }
}
