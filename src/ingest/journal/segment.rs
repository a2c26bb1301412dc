//! A segment: one file of the journal. Its name is its first position (`00000000000000000001.journal`), its content a
//! sequence of frames. A killed process of the previous version left zeros after the last one. Pure.

use crate::domain::Position;
use std::fmt;
use std::path::{Path, PathBuf};

use super::frame::{self, Found, Frame};

const EXTENSION: &str = "journal";

/// Path of the segment that begins at a position.
#[must_use]
pub fn path(folder: &Path, first: Position) -> PathBuf {
    folder.join(format!("{first:020}.{EXTENSION}"))
}

/// First position of a segment, from its file name; `None` for any other file.
#[must_use]
pub fn first_position(path: &Path) -> Option<Position> {
    if path.extension()? != EXTENSION {
        return None;
    }
    let digits = path.file_stem()?.to_str()?;
    (digits.len() == 20).then(|| digits.parse().ok())?
}

/// Range of unreadable bytes in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Offset of the first unreadable byte in the segment's file.
    pub offset: usize,
    /// Number of unreadable bytes.
    pub bytes: usize,
    /// Whether it extends to the end of the segment, as a torn write does.
    pub is_tail: bool,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes from byte {} on can't be read", self.bytes, self.offset)
    }
}

/// Calls `each` for every complete frame of a segment, in order, and returns the damage between them. Zeros at the end are
/// unused space.
pub fn scan<'a>(bytes: &'a [u8], mut each: impl FnMut(Frame<'a>)) -> Vec<Damage> {
    let (mut damages, mut at) = (Vec::new(), 0);
    let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    // A frame whose payload ends with zeros ends after `written`.
    while at < written {
        if let Found::Frame(frame, size) = frame::read(&bytes[at..]) {
            each(frame);
            at += size;
            continue;
        }
        // A truncated frame with complete ones after it is damaged: its length field is wrong.
        let next = next_frame(bytes, at);
        let end = next.unwrap_or(written);
        damages.push(Damage { offset: at, bytes: end - at, is_tail: next.is_none() });
        at = end;
    }
    damages
}

/// Offset of the next complete frame after `at`.
fn next_frame(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += frame::resume_at(&bytes[at..])?;
        if let Found::Frame(..) = frame::read(&bytes[at..]) {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segment(payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (position, payload) in (1..).zip(payloads) {
            frame::write(&mut bytes, position, payload);
        }
        bytes
    }

    fn positions(bytes: &[u8]) -> (Vec<Position>, Vec<Damage>) {
        let mut found = Vec::new();
        let damages = scan(bytes, |frame| found.push(frame.position));
        (found, damages)
    }

    #[test]
    fn names_sort_by_position() {
        let folder = Path::new("j");
        let path = path(folder, 42);
        assert_eq!(path, folder.join("00000000000000000042.journal"));
        assert_eq!(first_position(&path), Some(42));
        assert_eq!(first_position(Path::new("j/42.journal")), None);
        assert_eq!(first_position(Path::new("j/00000000000000000042.tmp")), None);
    }

    #[test]
    fn a_torn_tail_is_distinguished_from_damage_inside() {
        let payloads = [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()];
        let whole = segment(&payloads);
        let torn = &whole[..whole.len() - 2];
        let (found, damages) = positions(torn);
        assert_eq!(found, [1, 2]);
        assert_eq!(damages, [Damage { offset: 46, bytes: 23, is_tail: true }]);

        let mut flipped = whole;
        flipped[23 + 21] ^= 1; // in the second payload
        let (found, damages) = positions(&flipped);
        assert_eq!(found, [1, 3]);
        assert_eq!(damages, [Damage { offset: 23, bytes: 23, is_tail: false }]);
    }

    proptest! {
        #[test]
        fn one_flipped_byte_costs_one_frame_at_most(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..12),
            at: prop::sample::Index, flip in 1..=255_u8,
        ) {
            let mut bytes = segment(&payloads);
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            let (found, damages) = positions(&bytes);
            prop_assert_eq!(found.len(), payloads.len() - 1);
            prop_assert_eq!(damages.len(), 1);
        }
    }
}
