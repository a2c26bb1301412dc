//! A value of a message, and where it was found.

use serde_json::Value as Json;

use super::pointer::Place;

/// A value, and where it was found.
#[derive(Debug, Clone, Copy)]
pub struct Found<'f, 'm> {
    /// The value.
    pub value: &'f Json,
    /// Its key.
    pub key: Option<&'f str>,
    /// Its place, for the keys that stood for a `*`.
    pub place: &'f Place<'m>,
    /// The element that it is of.
    pub element: &'f Place<'m>,
}

impl<'f, 'm> Found<'f, 'm> {
    /// The value of a place.
    pub(super) fn at(place: &'f Place<'m>, element: &'f Place<'m>) -> Self {
        Self { value: place.value(), key: place.last_name(), place, element }
    }
}
