//! Topics of families without fixed ones: the table's `topic` or `base`, or a default.

use crate::config::PresetTable;
use crate::ingest::formats::kit::topics::{self, Pattern};
use crate::ingest::formats::{Claim, Filter};

/// Topic patterns of a table.
#[derive(Debug, Clone)]
pub struct TableTopics {
    patterns: Vec<(String, Pattern)>,
}

impl TableTopics {
    /// Patterns from the table's `topic`, or of all topics below its `base`; otherwise from the
    /// filters `defaults`.
    ///
    /// # Errors
    /// If the table has both keys, or an invalid pattern.
    pub fn new(table: &PresetTable, defaults: &[&str]) -> Result<Self, String> {
        let texts = match (&table.topic, &table.base) {
            (Some(_), Some(_)) => return Err("give `topic` or `base`, not both".into()),
            (Some(topic), None) => vec![topic.clone()],
            (None, Some(base)) => vec![format!("{}/#", base.trim_end_matches('/'))],
            (None, None) => defaults.iter().map(|text| (*text).to_owned()).collect(),
        };
        let mut patterns = Vec::new();
        for text in texts {
            let pattern = Pattern::new(&text).map_err(|why| format!("`{text}`: {why}"))?;
            patterns.extend(pattern.filters().into_iter().map(|it| (it, pattern.clone())));
        }
        Ok(Self { patterns })
    }

    /// Filters to subscribe to.
    #[must_use]
    pub fn filters(&self) -> Vec<Filter> {
        self.patterns.iter().map(|(filter, _)| Filter::optional(filter)).collect()
    }

    /// Claim on a topic: decodes it if it matches a pattern.
    #[must_use]
    pub fn claim(&self, topic: &str) -> Claim {
        let is_of = |(filter, _): &(String, Pattern)| topics::matches(filter, topic);
        if self.patterns.iter().any(is_of) { Claim::Decodes } else { Claim::Foreign }
    }

    /// Value of a named level in a topic; `None` if absent.
    #[must_use]
    pub fn level<'a>(&'a self, topic: &'a str, name: &str) -> Option<&'a str> {
        let mut levels = self.patterns.iter().filter_map(|(_, pattern)| pattern.levels(topic));
        levels.find_map(|levels| topics::level(&levels, name))
    }
}

/// State key of a table: the family's name, with `base` and `topic` to distinguish tables of one
/// family.
#[must_use]
pub fn key(name: &str, table: &PresetTable) -> String {
    let of_table = [&table.base, &table.topic].into_iter().flatten();
    of_table.fold(name.to_owned(), |key, text| format!("{key} {text}"))
}
