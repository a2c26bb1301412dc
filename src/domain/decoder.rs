//! What decoders of payloads remember.

/// A value that a payload format remembers. Format and key are its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderChange {
    /// Name of the format.
    pub format: Box<str>,
    /// Key of the format's own.
    pub key: Box<str>,
    /// As the format wrote it, to be given back unread; `None` when nothing is to be kept any more.
    pub value: Option<Vec<u8>>,
}

impl DecoderChange {
    /// Size of the value; 0 where it is forgotten.
    #[must_use]
    pub fn num_bytes(&self) -> usize {
        self.value.as_ref().map_or(0, Vec::len)
    }
}
