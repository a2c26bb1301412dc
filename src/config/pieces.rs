//! Takes the `[[sensors]]` tables of a large file apart, to be parsed a piece at a time.
//!
//! A document of 100,000 tables takes half a gigabyte while it is parsed, and moving that through
//! memory takes longer than the parsing. In pieces it takes a few megabytes and half the time.
//!
//! What comes of the pieces is what would come of the whole. For if the head and every piece are
//! TOML by themselves, none ends within a string, list or table in braces, so each cut was between
//! two tables; and no table is in two parts, since the pieces hold `sensors` and nothing else,
//! which the rest does not. Whoever finds otherwise reads the file as a whole.

use toml::de::{DeTable, DeValue};

/// Small enough for a processor's cache while parsed, which takes some 40 times as much.
pub(super) const PIECE_BYTES: usize = 32 * 1024;

const HEADER: &str = "[[sensors]]";
const HEADER_LINE: &str = "\n[[sensors]]";

/// The one table that is read in pieces.
const KEY: &str = "sensors";

/// A text in parts.
pub(super) struct Pieces<'t> {
    /// What is above the first piece.
    head: &'t str,
    /// The tables of sensors, each piece with the byte it starts at.
    pub(super) sensors: Vec<(usize, &'t str)>,
    /// The text with spaces in place of the pieces, so bytes keep their places.
    rest: String,
}

impl<'t> Pieces<'t> {
    /// Cuts `text` into pieces of at least `piece_bytes`. `None` when there are no sensors in it.
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

    /// The root of all but the sensors, unless the text has to be read as a whole.
    pub(super) fn rest(&self) -> Option<DeValue<'_>> {
        let rest = document(&self.rest)?;
        (document(self.head).is_some() && rest.get(KEY).is_none()).then_some(rest)
    }
}

/// The root of a piece, unless the text has to be read as a whole.
pub(super) fn piece(text: &str) -> Option<DeValue<'_>> {
    let root = document(text)?;
    let is_alone = root.as_table().is_some_and(|table| table.len() == 1);
    (is_alone && root.get(KEY)?.get_ref().is_array()).then_some(root)
}

fn document(text: &str) -> Option<DeValue<'_>> {
    DeTable::parse(text).ok().map(|document| DeValue::Table(document.into_inner()))
}

/// Where the table at `start` and the ones inside it, such as `[sensors.source]`, end.
fn end_of_table(text: &str, start: usize) -> usize {
    let headers = text[start..].match_indices("\n[").map(|(at, _)| start + at + 1);
    let is_outside = |at: &usize| !text[*at..].starts_with("[sensors.");
    headers.into_iter().find(is_outside).unwrap_or(text.len())
}
