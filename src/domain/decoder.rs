//! State of payload decoders.

/// Change of one value of a decoder's state, keyed by format and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderChange {
    /// Name of the format.
    pub format: Box<str>,
    /// Key of the format's own.
    pub key: Box<str>,
    /// Serialized by the format, opaque to storage; `None` deletes it.
    pub value: Option<Vec<u8>>,
}

impl DecoderChange {
    /// Size of the value in bytes; 0 for a deletion.
    #[must_use]
    pub fn num_bytes(&self) -> usize {
        self.value.as_ref().map_or(0, Vec::len)
    }
}
