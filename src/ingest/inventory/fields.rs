//! Fields of a JSON payload: leaves, each with the keys that lead to it. Pure.

use crate::ingest::formats::kit::names;

/// A leaf of JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Keys that lead to it, from the payload or the list's element.
    pub path: Vec<String>,
    /// What is there.
    pub leaf: Leaf,
}

/// What is at the end of a pointer.
#[derive(Debug, Clone, PartialEq)]
pub enum Leaf {
    /// A number.
    Number(f64),
    /// A text that is a number.
    Numeral(f64, String),
    /// A text, its beginning.
    Text(String),
    /// A truth value, null, or what is nested too deeply.
    Other,
}

impl Field {
    /// Last key, in snake case.
    pub fn key(&self) -> String {
        self.path.last().map(|key| names::snake_case(key)).unwrap_or_default()
    }
}
