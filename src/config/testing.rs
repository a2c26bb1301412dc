//! Common parts of the sections' tests.

use super::{Config, parse};

/// Errors of an invalid text, each as `line: what`.
pub(super) fn said(text: &str) -> Vec<String> {
    let errors = parse(text, "test.toml").unwrap_err();
    let errors = errors.as_slice().iter();
    errors.map(|error| format!("{}: {}", error.place.unwrap().line, error.mistake.what)).collect()
}

/// The hint of the only error.
pub(super) fn hint(text: &str) -> String {
    let errors = parse(text, "test.toml").unwrap_err();
    let [error] = errors.as_slice() else { panic!("{errors}") };
    error.mistake.hint.clone()
}

/// The configuration of a text that is accepted.
pub(super) fn accepted(text: &str) -> Config {
    parse(text, "test.toml").unwrap_or_else(|errors| panic!("{errors}"))
}
