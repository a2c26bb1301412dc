//! A value of a message, and where it was found.

use serde_json::Value as Json;

use super::pointer::Place;

/// A found value with its position.
#[derive(Debug, Clone, Copy)]
pub struct Found<'f, 'm> {
    /// Value to convert.
    pub value: &'f Json,
    /// Key of the value; `None` for a computed one.
    pub key: Option<&'f str>,
    /// Position of the value, with the keys matched by `*`.
    pub place: &'f Place<'m>,
    /// Element that contains the value.
    pub element: &'f Place<'m>,
}

impl<'f, 'm> Found<'f, 'm> {
    /// Value at a position.
    pub(super) fn at(place: &'f Place<'m>, element: &'f Place<'m>) -> Self {
        Self { value: place.value(), key: place.last_name(), place, element }
    }
}
