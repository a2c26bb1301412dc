//! Prometheus's fingerprint of labels: 64 bits FNV-1a. Pure.

/// A hash of texts, each told from the next by a byte that is in none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    pub(super) fn text(&mut self, text: &str) {
        const SEPARATOR: u8 = 0xff;
        for byte in text.bytes().chain([SEPARATOR]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Sixteen digits.
    pub(super) fn hex(self) -> String {
        format!("{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_fnv_1a() {
        // The published value of FNV-1a for the one byte 0xff: of an empty text and its separator.
        let mut hash = Fnv::default();
        hash.text("");
        assert_eq!(hash.hex(), "af64724c8602eb6e");
        let of = |texts: &[&str]| {
            let mut hash = Fnv::default();
            texts.iter().for_each(|text| hash.text(text));
            hash.hex()
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
    }
}
