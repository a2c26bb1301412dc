//! All entities that configs have announced.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::availability::{Source, SourceSpec};
use super::config::Spec;
use super::entity::Entity;
use super::templates::Templates;
use super::topics::Listeners;

/// Entities with their shared parts, by the topics of their configs.
#[derive(Default)]
pub struct Registry {
    by_config: HashMap<Arc<str>, Box<[Arc<Entity>]>>,
    /// Entities by their topics.
    pub listeners: Listeners,
    /// Templates of all entities.
    pub templates: Templates,
    sources: HashMap<SourceSpec, Arc<Source>>,
    areas: Areas,
    num_entities: usize,
}

impl Registry {
    /// Entities of a config.
    #[must_use]
    pub fn of_config(&self, config: &str) -> &[Arc<Entity>] {
        self.by_config.get(config).map_or(&[], |entities| entities)
    }

    /// Number of entities of all configs.
    #[must_use]
    pub fn num_entities(&self) -> usize {
        self.num_entities
    }

    /// Area of an entity: its own, or that of another entity of its device.
    #[must_use]
    pub fn area<'a>(&'a self, entity: &'a Entity) -> &'a str {
        match (&*entity.spec.area, &entity.spec.device) {
            ("", Some(device)) => self.areas.of_device(device),
            (area, _) => area,
        }
    }

    /// Replaces the entities of a config.
    pub fn replace(&mut self, config: &str, specs: Vec<Spec>) {
        let before = self.by_config.remove(config);
        for entity in before.iter().flatten() {
            self.listeners.remove(entity);
            self.areas.remove(&entity.spec);
        }
        self.num_entities -= before.as_deref().map_or(0, <[_]>::len);
        let config: Arc<str> = config.into();
        // The new ones first, so that shared templates stay compiled.
        let compiled = specs
            .into_iter()
            .enumerate()
            .filter_map(|(position, spec)| self.entity(&config, position, spec).map(Arc::new));
        let entities: Box<[_]> = compiled.collect();
        for entity in &entities {
            self.listeners.add(entity);
            self.areas.add(&entity.spec);
        }
        self.num_entities += entities.len();
        if !entities.is_empty() {
            self.by_config.insert(config, entities);
        }
        self.release(before);
    }

    /// `None` if a template can't be compiled.
    fn entity(&mut self, config: &Arc<str>, position: usize, spec: Spec) -> Option<Entity> {
        let template = match &spec.template {
            Some(source) => Some(self.templates.take(source)?),
            None => None,
        };
        let sources = spec.availability.iter().map(|source| match self.sources.get(source) {
            Some(known) => Some(Arc::clone(known)),
            None => {
                let made = Arc::new(Source::new(source, &mut self.templates)?);
                self.sources.insert(source.clone(), Arc::clone(&made));
                Some(made)
            }
        });
        let sources = sources.collect::<Option<Box<[_]>>>()?;
        Some(Entity { spec, config: Arc::clone(config), position, template, sources })
    }

    /// Drops entities, and what only they used.
    fn release(&mut self, entities: Option<Box<[Arc<Entity>]>>) {
        let Some(entities) = entities else { return };
        let specs: Vec<Spec> = entities.iter().map(|entity| entity.spec.clone()).collect();
        drop(entities);
        let mut sources: Vec<&str> = Vec::new();
        for spec in &specs {
            sources.extend(spec.template.as_deref());
            for source in &spec.availability {
                let is_unused =
                    self.sources.get(source).is_some_and(|it| Arc::strong_count(it) == 1);
                if is_unused {
                    self.sources.remove(source);
                    sources.extend(source.template.as_deref());
                }
            }
        }
        self.templates.release(sources.into_iter());
    }
}

/// Areas that entities of each device name, and how many do.
#[derive(Default)]
struct Areas(HashMap<Box<str>, BTreeMap<Box<str>, usize>>);

impl Areas {
    fn of_device(&self, device: &str) -> &str {
        let first = self.0.get(device).and_then(|areas| areas.keys().next());
        first.map_or("", |area| area)
    }

    fn add(&mut self, spec: &Spec) {
        if let (Some(device), false) = (&spec.device, spec.area.is_empty()) {
            let areas = self.0.entry(device.clone()).or_default();
            *areas.entry(spec.area.clone()).or_default() += 1;
        }
    }

    fn remove(&mut self, spec: &Spec) {
        let Some(device) = &spec.device else { return };
        let Some(areas) = self.0.get_mut(device) else { return };
        if let Some(count) = areas.get_mut(&spec.area) {
            *count -= 1;
        }
        areas.retain(|_, count| *count > 0);
        if areas.is_empty() {
            self.0.remove(device);
        }
    }
}
