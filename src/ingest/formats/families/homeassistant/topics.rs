//! Topics named in configs: which may be subscribed to, and the entities of a topic.

use std::collections::HashMap;
use std::sync::Arc;

use super::entity::Entity;
use crate::ingest::formats::kit;

/// Filters with wildcards.
const MOST_WILDCARDS: usize = 4_096;
/// Limit of filters that no level distinguishes: each is compared with each topic.
const MOST_OPEN: usize = 64;

/// Whether a filter has wildcards.
#[must_use]
pub fn is_wildcard(filter: &str) -> bool {
    filter.contains(['+', '#'])
}

/// Entities by the topics and filters that they listen to.
#[derive(Default)]
pub struct Listeners {
    /// Entities in the order of [`Entity::order`].
    by_filter: HashMap<Box<str>, Vec<Arc<Entity>>>,
    /// Filters with wildcards by their last level; an empty text for those that end with a wildcard.
    wildcards: HashMap<Box<str>, Vec<Box<str>>>,
    num_wildcards: usize,
}

impl Listeners {
    /// Adds an entity with all of its topics.
    pub fn add(&mut self, entity: &Arc<Entity>) {
        for filter in entity.filters() {
            let listeners = self.by_filter.entry(filter.into()).or_default();
            if listeners.is_empty() && is_wildcard(filter) {
                self.wildcards.entry(last_name(filter).into()).or_default().push(filter.into());
                self.num_wildcards += 1;
            }
            if let Err(at) = listeners.binary_search_by(|it| it.order().cmp(&entity.order())) {
                listeners.insert(at, Arc::clone(entity));
            }
        }
    }

    /// Removes an entity.
    pub fn remove(&mut self, entity: &Entity) {
        for filter in entity.filters() {
            let Some(listeners) = self.by_filter.get_mut(filter) else { continue };
            if let Ok(at) = listeners.binary_search_by(|it| it.order().cmp(&entity.order())) {
                listeners.remove(at);
            }
            if listeners.is_empty() {
                self.by_filter.remove(filter);
                self.remove_wildcard(filter);
            }
        }
    }

    fn remove_wildcard(&mut self, filter: &str) {
        let last = last_name(filter);
        let Some(filters) = self.wildcards.get_mut(last).filter(|_| is_wildcard(filter)) else {
            return;
        };
        filters.retain(|it| &**it != filter);
        if filters.is_empty() {
            self.wildcards.remove(last);
        }
        self.num_wildcards -= 1;
    }

    /// Checks that there is room for a filter.
    ///
    /// # Errors
    /// If there are too many filters with wildcards.
    pub fn check_room(&self, filter: &str) -> Result<(), String> {
        if !is_wildcard(filter) || self.by_filter.contains_key(filter) {
            return Ok(());
        }
        let last = last_name(filter);
        let num_open = self.wildcards.get("").map_or(0, Vec::len);
        if self.num_wildcards >= MOST_WILDCARDS || last.is_empty() && num_open >= MOST_OPEN {
            return Err(format!("`{filter}`: there are too many topics with wildcards"));
        }
        Ok(())
    }

    /// All topics and filters.
    pub fn filters(&self) -> impl Iterator<Item = &str> {
        self.by_filter.keys().map(|filter| &**filter)
    }

    /// Entities of a topic or filter as written.
    #[must_use]
    pub fn of_filter(&self, filter: &str) -> &[Arc<Entity>] {
        self.by_filter.get(filter).map_or(&[], Vec::as_slice)
    }

    /// Whether any entity listens to a topic.
    #[must_use]
    pub fn has(&self, topic: &str) -> bool {
        self.by_filter.contains_key(topic) || self.matching(topic).next().is_some()
    }

    /// Entities that listen to a topic, in order.
    #[must_use]
    pub fn of_topic(&self, topic: &str) -> Vec<&Arc<Entity>> {
        let mut found: Vec<_> = self.of_filter(topic).iter().collect();
        let num_exact = found.len();
        found.extend(self.matching(topic).flat_map(|filter| self.of_filter(filter)));
        if found.len() > num_exact {
            found.sort_by(|a, b| a.order().cmp(&b.order()));
            found.dedup_by(|a, b| Arc::ptr_eq(a, b));
        }
        found
    }

    /// Filters with wildcards that match a topic.
    fn matching(&self, topic: &str) -> impl Iterator<Item = &str> {
        let last = topic.rsplit('/').next().unwrap_or_default();
        // Filters that end with a wildcard, and those that end with the topic's last level.
        let ends = [Some(""), Some(last).filter(|last| !last.is_empty())];
        let filters = ends.into_iter().flatten().filter_map(|end| self.wildcards.get(end));
        let filters = filters.flatten().map(|filter| &**filter);
        filters.filter(move |filter| kit::topics::matches(filter, topic))
    }
}

/// Last level of a filter; empty for a wildcard.
fn last_name(filter: &str) -> &str {
    let last = filter.rsplit('/').next().unwrap_or_default();
    if is_wildcard(last) { "" } else { last }
}
