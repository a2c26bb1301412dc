//! Fields of a JSON payload: leaves, each with the keys that lead to it. Pure.

use crate::ingest::formats::kit::names;

/// A leaf of JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Keys that lead to the leaf, from the payload or the list's element.
    pub path: Vec<String>,
    /// Value at the end of the path.
    pub leaf: Leaf,
}

/// Value of a leaf.
#[derive(Debug, Clone, PartialEq)]
pub enum Leaf {
    /// A number.
    Number(f64),
    /// A string that is a number: its value and its text.
    Numeral(f64, String),
    /// Another string; its beginning.
    Text(String),
    /// A boolean, null, a list, or an object that is nested too deeply.
    Other,
}

impl Field {
    /// Last key, in snake case.
    pub fn key(&self) -> String {
        self.path.last().map(|key| names::snake_case(key)).unwrap_or_default()
    }
}
