//! Fingerprints as Prometheus makes them of labels: FNV-1a, 64 bits, over texts. Pure.

use std::hash::Hasher;

use crate::domain::Fnv1a;

/// Hash of a sequence of texts, each followed by a separator.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TextFingerprint(Fnv1a);

impl TextFingerprint {
    pub(super) fn add(&mut self, text: &str) {
        // A byte that no UTF-8 text contains, so `["ab", "c"]` and `["a", "bc"]` differ.
        const SEPARATOR: u8 = 0xff;
        self.0.write(text.as_bytes());
        self.0.write_u8(SEPARATOR);
    }

    /// 16 hexadecimal digits.
    pub(super) fn hex(self) -> String {
        format!("{:016x}", self.0.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_separated() {
        let of = |texts: &[&str]| {
            let mut hash = TextFingerprint::default();
            texts.iter().for_each(|text| hash.add(text));
            hash.hex()
        };
        // The published value of FNV-1a for the one byte 0xff.
        assert_eq!(of(&[""]), "af64724c8602eb6e");
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
    }
}
