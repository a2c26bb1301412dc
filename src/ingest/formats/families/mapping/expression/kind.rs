//! Kinds of values, as far as they are known without a message.

/// What a node's result is, as far as that can be seen without a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whatever the message has there.
    Any,
    Truth,
    Number,
    Text,
    Null,
    /// A list or an object.
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

    /// Whether it may be of another kind.
    pub(super) fn may_be(self, other: Self) -> bool {
        self == Self::Any || self == other
    }
}
