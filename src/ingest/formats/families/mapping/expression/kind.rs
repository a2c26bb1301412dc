//! Kinds of values, as far as they are known without a message.

/// Type of a node's result, as far as known without a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Depends on the message.
    Any,
    Truth,
    Number,
    Text,
    Null,
    /// List or object.
    Container,
}

impl Kind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "a value of the message",
            Self::Truth => "true or false",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Null => "null",
            Self::Container => "a list",
        }
    }

    /// Whether values of this type may have the other type.
    pub(super) fn may_be(self, other: Self) -> bool {
        self == Self::Any || self == other
    }
}
