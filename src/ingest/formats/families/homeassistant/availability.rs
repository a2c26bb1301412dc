//! Sources of an entity's availability, and their combination.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::template::{Payload, Template};
use super::templates::Templates;
use crate::domain::{Fnv1a, Presence};

/// One topic with the availability of an entity, as a config has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceSpec {
    /// Topic or filter.
    #[serde(rename = "t")]
    pub topic: Box<str>,
    /// Template of the payload; `None` for the payload itself.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Box<str>>,
    /// Payload for available.
    #[serde(rename = "y")]
    pub available: Box<str>,
    /// Payload for unavailable.
    #[serde(rename = "n")]
    pub unavailable: Box<str>,
}

/// How the states of several sources are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Available while all are.
    All,
    /// Available while one is.
    Any,
    /// The last message of any source decides.
    #[default]
    Latest,
}

impl Mode {
    /// Availability that follows from the states of sources. Those without a message so far are ignored.
    #[must_use]
    pub fn presence(self, states: impl Iterator<Item = bool>) -> Option<Presence> {
        let states: Vec<bool> = states.collect();
        let is_available = match self {
            Self::All => states.iter().all(|state| *state),
            Self::Any => states.iter().any(|state| *state),
            Self::Latest => *states.last()?,
        };
        let presence = if is_available { Presence::Online } else { Presence::Offline };
        (!states.is_empty()).then_some(presence)
    }
}

/// A source with its template, shared by its entities.
#[derive(Debug)]
pub struct Source {
    /// Its description in the config.
    pub spec: SourceSpec,
    template: Option<Arc<Template>>,
}

impl Source {
    /// Compiles a source's template; `None` if invalid.
    pub fn new(spec: &SourceSpec, templates: &mut Templates) -> Option<Self> {
        let template = match &spec.template {
            Some(source) => Some(templates.take(source)?),
            None => None,
        };
        Some(Self { spec: spec.clone(), template })
    }

    /// True for available; `None` if the payload is neither of the two.
    pub fn state(&self, payload: &Payload<'_>) -> Option<bool> {
        match &self.template {
            None => self.meaning(payload.text()),
            Some(template) => self.meaning(&template.render(payload).ok()?.text()),
        }
    }

    fn meaning(&self, text: &str) -> Option<bool> {
        match text {
            _ if text == &*self.spec.available => Some(true),
            _ if text == &*self.spec.unavailable => Some(false),
            _ => None,
        }
    }

    /// Hash that distinguishes the sources of one topic in stored state.
    fn fingerprint(&self) -> u64 {
        let mut hasher = Fnv1a::default();
        self.spec.hash(&mut hasher);
        hasher.finish()
    }
}

/// Last states of sources that are one of several of an entity, by topic and fingerprint.
#[derive(Debug, Default)]
pub struct SourceStates(HashMap<Box<str>, BTreeMap<u64, bool>>);

impl SourceStates {
    /// Last state of a source.
    #[must_use]
    pub fn last(&self, source: &Source) -> Option<bool> {
        self.0.get(&source.spec.topic)?.get(&source.fingerprint()).copied()
    }

    /// Whether anything is remembered of a topic.
    #[must_use]
    pub fn has(&self, topic: &str) -> bool {
        self.0.contains_key(topic)
    }

    /// State of a topic to be stored after a message changed these sources; `None` without a change. Sources that are no
    /// longer in use are dropped.
    #[must_use]
    pub fn with<'a>(
        &self,
        topic: &str,
        news: &[(&Source, bool)],
        in_use: impl Iterator<Item = &'a Source>,
    ) -> Option<Vec<u8>> {
        let before = self.0.get(topic);
        let mut after = before.cloned().unwrap_or_default();
        after.extend(news.iter().map(|(source, state)| (source.fingerprint(), *state)));
        if before == Some(&after) {
            return None;
        }
        let in_use: HashSet<u64> = in_use.map(Source::fingerprint).collect();
        after.retain(|source, _| in_use.contains(source));
        Some(serde_json::to_vec(&after).unwrap_or_default())
    }

    /// Applies a state change of a topic.
    pub fn remember(&mut self, topic: &str, value: Option<&[u8]>) {
        let states = value.and_then(|value| serde_json::from_slice(value).ok());
        match states {
            Some(states) => drop(self.0.insert(topic.into(), states)),
            None => drop(self.0.remove(topic)),
        }
    }
}
