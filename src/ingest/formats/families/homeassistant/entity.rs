//! One entity with its templates compiled.

use std::sync::Arc;

use super::availability::{Mode, Source};
use super::config::Spec;
use super::template::Template;

/// An announced entity.
#[derive(Debug)]
pub struct Entity {
    /// Its description in the config.
    pub spec: Spec,
    /// Topic of the config.
    pub config: Arc<str>,
    /// Position among the entities of the config.
    pub position: usize,
    /// Template of its state.
    pub template: Option<Arc<Template>>,
    /// Sources of its availability.
    pub sources: Box<[Arc<Source>]>,
}

impl Entity {
    /// Order of entities, independent of when they were announced.
    #[must_use]
    pub fn order(&self) -> (&str, usize) {
        (&self.config, self.position)
    }

    /// Its topics and filters.
    pub fn filters(&self) -> impl Iterator<Item = &str> {
        let sources = self.sources.iter().map(|source| &*source.spec.topic);
        std::iter::once(&*self.spec.topic).chain(sources)
    }

    /// True if its availability depends on earlier messages of its sources.
    #[must_use]
    pub fn has_memory(&self) -> bool {
        self.spec.mode != Mode::Latest && self.sources.len() > 1
    }
}
