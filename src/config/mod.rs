//! The configuration file: one TOML file, read once into a valid [`Config`] or refused with every
//! mistake at once, each with its place and a hint.

mod model;

pub use model::*;
