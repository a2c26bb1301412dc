//! Errors of a configuration, as text for people.
//!
//! An error never quotes a value that could be a secret, nor its line.

use std::fmt;

use super::places::Place;

/// Error in a piece of text, with its remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {hint}")]
pub struct Mistake {
    /// Error message.
    pub what: String,
    /// Remedy: what to write instead.
    pub hint: String,
}

impl Mistake {
    /// Error with its remedy.
    pub fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}

/// One mistake in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// File name as given by the caller.
    pub file: String,
    /// Place of the error; `None` for the file as a whole.
    pub place: Option<Place>,
    /// The mistake itself.
    pub mistake: Mistake,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, place, mistake: Mistake { what, hint } } = self;
        match place {
            Some(Place { line, column }) => {
                write!(f, "{file}:{line}:{column}: error: {what}\n  hint: {hint}")
            }
            None => write!(f, "{file}: error: {what}; {hint}"),
        }
    }
}

/// Every mistake in a configuration file, in the order of the file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub(super) Vec<ConfigError>);

impl ConfigErrors {
    /// The mistakes in the order of the file.
    #[must_use]
    pub fn as_slice(&self) -> &[ConfigError] {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// `text` as an error quotes it: in backticks, on one line, not longer than a line should be.
pub(super) fn quote(text: &str) -> String {
    const LONGEST_QUOTE: usize = 60;
    let escaped: String = text.chars().take(LONGEST_QUOTE).flat_map(char::escape_debug).collect();
    // `escape_debug` also escapes quotes, which need none here.
    let shown = escaped.replace("\\'", "'").replace("\\\"", "\"");
    let more = if text.chars().nth(LONGEST_QUOTE).is_some() { "…" } else { "" };
    format!("`{shown}{more}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_like_a_compiler() {
        let mistake = Mistake::new("no", "yes");
        let mut error = ConfigError {
            file: "a.toml".into(),
            place: Some(Place { line: 12, column: 9 }),
            mistake,
        };
        assert_eq!(error.to_string(), "a.toml:12:9: error: no\n  hint: yes");
        error.place = None;
        assert_eq!(error.to_string(), "a.toml: error: no; yes");
    }

    #[test]
    fn quotes_stay_short_and_on_one_line() {
        assert_eq!(quote("it's"), "`it's`");
        assert_eq!(quote("a\nb"), "`a\\nb`");
        assert_eq!(quote(&"x".repeat(100)).chars().count(), 63);
    }
}
