//! Splits the `[[sensors]]` tables of a large file, to parse them piece by piece.
//!
//! A document of 100,000 tables takes half a gigabyte during parsing, and allocating that takes longer than the
//! parsing. In pieces it takes a few megabytes and half the time.
//!
//! The pieces give the same result as the whole. If the head and every piece are valid TOML by themselves, none
//! ends within a string, list or inline table, so each cut was between two tables; and no table is in two parts,
//! since the pieces hold `sensors` only, which the rest does not. Otherwise the file is parsed as a whole.

use toml::de::{DeTable, DeValue};

/// Fits a processor's cache during parsing, which takes about 40 times as much.
pub(super) const PIECE_BYTES: usize = 32 * 1024;

const HEADER: &str = "[[sensors]]";
const HEADER_LINE: &str = "\n[[sensors]]";

/// The one table that is read in pieces.
const KEY: &str = "sensors";

/// A text in parts.
pub(super) struct Pieces<'t> {
    /// Text before the first piece.
    head: &'t str,
    /// The tables of sensors, each piece with the byte it starts at.
    pub(super) sensors: Vec<(usize, &'t str)>,
    /// Text with spaces in place of the pieces, so that byte positions are unchanged.
    rest: String,
}

impl<'t> Pieces<'t> {
    /// Cuts `text` into pieces of at least `piece_bytes`. `None` if it has no sensors.
    pub(super) fn of(text: &'t str, piece_bytes: usize) -> Option<Self> {
        let first = if text.starts_with(HEADER) { 0 } else { text.find(HEADER_LINE)? + 1 };
        let last = text.rfind(HEADER_LINE).map_or(first, |at| at + 1);
        let end = end_of_table(text, last);
        let mut sensors = Vec::new();
        let mut start = first;
        while start < end {
            let at_least = text.floor_char_boundary(start.saturating_add(piece_bytes)).min(end);
            let next = text[at_least..end].find(HEADER_LINE).map_or(end, |at| at_least + at + 1);
            sensors.push((start, &text[start..next]));
            start = next;
        }
        let rest = [&text[..first], &" ".repeat(end - first), &text[end..]].concat();
        Some(Self { head: &text[..first], sensors, rest })
    }

    /// Root table without the sensors; `None` if the text must be parsed as a whole.
    pub(super) fn rest(&self) -> Option<DeValue<'_>> {
        let rest = document(&self.rest)?;
        (document(self.head).is_some() && rest.get(KEY).is_none()).then_some(rest)
    }
}

/// Root table of a piece; `None` if the text must be parsed as a whole.
pub(super) fn piece(text: &str) -> Option<DeValue<'_>> {
    let root = document(text)?;
    let is_alone = root.as_table().is_some_and(|table| table.len() == 1);
    (is_alone && root.get(KEY)?.get_ref().is_array()).then_some(root)
}

fn document(text: &str) -> Option<DeValue<'_>> {
    DeTable::parse(text).ok().map(|document| DeValue::Table(document.into_inner()))
}

/// End of the table at `start`, including nested ones such as `[sensors.source]`.
fn end_of_table(text: &str, start: usize) -> usize {
    let headers = text[start..].match_indices("\n[").map(|(at, _)| start + at + 1);
    let is_outside = |at: &usize| !text[*at..].starts_with("[sensors.");
    headers.into_iter().find(is_outside).unwrap_or(text.len())
}
