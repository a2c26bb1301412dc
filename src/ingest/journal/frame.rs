//! Binary layout of a frame: one record in a segment. Pure.
//!
//! ```text
//! offset  bytes  field
//!      0      4  marker  F7 56 47 4A: a reader resynchronises here after damage
//!      4      4  length  of the payload, little-endian; at most 5 MiB
//!      8      8  position, little-endian: one more than the frame before
//!     16      4  CRC-32 (ISO-HDLC) of length, position and payload
//!     20      …  payload
//! ```
//!
//! Always: a frame is accepted only if it is complete and its checksum matches. Never: a payload other than the written one.

use crate::domain::Position;

/// First bytes of a frame.
const MARKER: [u8; 4] = [0xF7, b'V', b'G', b'J'];

/// Size of the header: the bytes before the payload.
pub const HEADER_BYTES: usize = 20;

/// Limit of a payload in bytes: a description of devices has at most 4 MiB, its topic 64 KiB.
pub const MAX_PAYLOAD_BYTES: usize = 5 << 20;

/// A frame found in a segment's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Position of the record.
    pub position: Position,
    /// Payload as it was appended; at most [`MAX_PAYLOAD_BYTES`].
    pub payload: &'a [u8],
}

/// Result of reading a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// A complete frame, and its size in bytes.
    Frame(Frame<'a>, usize),
    /// A truncated frame: the torn end of a segment, unless more bytes follow.
    Torn,
    /// Bytes that are no frame.
    Damaged,
}

/// Appends a frame to `out`. The payload has at most [`MAX_PAYLOAD_BYTES`].
pub fn write(out: &mut Vec<u8>, position: Position, payload: &[u8]) {
    debug_assert!(payload.len() <= MAX_PAYLOAD_BYTES);
    #[allow(clippy::cast_possible_truncation)] // far below 4 GiB, by the line above
    let length = (payload.len() as u32).to_le_bytes();
    let position = position.to_le_bytes();
    out.extend_from_slice(&MARKER);
    out.extend_from_slice(&length);
    out.extend_from_slice(&position);
    out.extend_from_slice(&checksum(length, position, payload).to_le_bytes());
    out.extend_from_slice(payload);
}

/// Reads the frame at the beginning of `bytes`, which must not be empty.
#[must_use]
pub fn read(bytes: &[u8]) -> Found<'_> {
    let prefix = MARKER.len().min(bytes.len());
    if bytes[..prefix] != MARKER[..prefix] {
        return Found::Damaged;
    }
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Found::Torn;
    };
    let field = |at: usize| [header[at], header[at + 1], header[at + 2], header[at + 3]];
    let (length, expected) = (field(4), u32::from_le_bytes(field(16)));
    let mut position = [0; 8];
    position.copy_from_slice(&header[8..16]);
    let size = u32::from_le_bytes(length) as usize;
    if size > MAX_PAYLOAD_BYTES {
        return Found::Damaged;
    }
    let Some(payload) = rest.get(..size) else { return Found::Torn };
    if checksum(length, position, payload) != expected {
        return Found::Damaged;
    }
    let frame = Frame { position: u64::from_le_bytes(position), payload };
    Found::Frame(frame, HEADER_BYTES + size)
}

/// Offset of the next marker after the first byte of `bytes`, to resynchronise after damage.
#[must_use]
pub fn resume_at(bytes: &[u8]) -> Option<usize> {
    let after = bytes.get(1..)?;
    after.windows(MARKER.len()).position(|window| window == MARKER).map(|at| at + 1)
}

fn checksum(length: [u8; 4], position: [u8; 8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(&position);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(position: Position, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, position, payload);
        bytes
    }

    #[test]
    fn the_layout_is_as_documented() {
        let bytes = framed(0x0102, b"ab");
        assert_eq!(bytes[..4], [0xF7, 0x56, 0x47, 0x4A]);
        assert_eq!(bytes[4..16], [2, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[20..], *b"ab");
    }

    proptest! {
        #[test]
        fn a_written_value_is_read_back(position: u64, payload in prop::collection::vec(any::<u8>(), 0..300)) {
            let bytes = framed(position, &payload);
            let frame = Frame { position, payload: &payload };
            prop_assert_eq!(read(&bytes), Found::Frame(frame, bytes.len()));
        }

        #[test]
        fn a_truncated_frame_is_torn(payload in prop::collection::vec(any::<u8>(), 0..300), share in 0.0..1.0_f64) {
            let bytes = framed(7, &payload);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            let cut = 1 + ((bytes.len() - 2) as f64 * share) as usize;
            prop_assert_eq!(read(&bytes[..cut]), Found::Torn);
        }

        #[test]
        fn a_flipped_bit_is_never_taken_for_a_frame(
            payload in prop::collection::vec(any::<u8>(), 0..300), at: prop::sample::Index, bit in 0..8_u32,
        ) {
            let mut bytes = framed(7, &payload);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(!matches!(read(&bytes), Found::Frame(..)));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 1..300)) {
            let _ = (read(&bytes), resume_at(&bytes));
        }
    }
}
