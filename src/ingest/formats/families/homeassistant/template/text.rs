//! Strings of templates: borrowed from the payload or the template, or reference-counted. Clones
//! are cheap.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

/// A string; clones are cheap.
#[derive(Debug, Clone)]
pub enum Text<'a> {
    /// Borrowed from the payload or the template.
    Given(&'a str),
    /// Computed by a template; reference-counted.
    Made(Rc<str>),
}

impl<'a> Text<'a> {
    /// The string without leading and trailing white space.
    #[must_use]
    pub fn trimmed(&self) -> Cow<'a, str> {
        match self {
            Self::Given(text) => Cow::Borrowed(text.trim()),
            Self::Made(text) => Cow::Owned(text.trim().to_owned()),
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Given(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::Given(text)
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::Made(text.into())
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
