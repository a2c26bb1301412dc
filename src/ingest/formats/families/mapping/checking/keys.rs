//! Validation of keys other than values: unit and availability topics, quantity names.

use std::collections::BTreeMap;

use super::Checker;
use crate::domain::Quantity;
use crate::ingest::formats::families::mapping::plan::AvailabilityPlan;
use crate::ingest::formats::families::mapping::texts::Text;
use crate::ingest::formats::kit::names;
use crate::ingest::formats::kit::topics::Pattern;

impl Checker<'_> {
    pub(super) fn quantities(&mut self) -> BTreeMap<String, String> {
        for name in self.mapping.quantities.values() {
            self.check_quantity("quantities", name);
        }
        self.mapping.quantities.clone()
    }

    /// Records a mistake if a name is not a valid quantity.
    pub(super) fn check_quantity(&mut self, key: &str, name: &str) {
        if Quantity::new(name).is_ok() {
            return;
        }
        let hint = match names::quantity(&names::canonical(name)) {
            Ok(fitting) => format!("write `{fitting}`"),
            Err(_) => "begin with a letter".into(),
        };
        let text =
            format!("`{name}` is no name of a quantity: letters a-z, digits and `_`; {hint}");
        self.wrong(key, &text);
    }

    pub(super) fn unit_topic(&mut self) -> Option<Pattern> {
        let text = self.mapping.unit_topic.as_deref()?;
        let pattern = self.take(
            "unit_topic",
            Pattern::new(text).map_err(|why| format!("{why}; write it like `topic`")),
        )?;
        let foreign: Vec<String> = pattern
            .names()
            .filter(|name| !self.names.levels.contains(name))
            .map(|name| format!("`{{{name}}}`"))
            .collect();
        if text == self.mapping.topic {
            self.wrong("unit_topic", "it is the topic of the values; write that of their units");
        } else if let Some(name) = foreign.first() {
            let text = format!("{name} is no level of `topic`; name the levels that both have");
            self.wrong("unit_topic", &text);
        }
        Some(pattern)
    }

    pub(super) fn availability(&mut self, sensor: &Text) -> Option<AvailabilityPlan> {
        let words = self.mapping.availability.as_ref()?;
        let pattern = Pattern::new(&words.topic);
        let pattern = pattern.map_err(|why| format!("{why}; write it like `topic`"));
        let topic = self.take("availability.topic", pattern)?;
        let levels: Vec<(&str, &str)> = topic.names().map(|name| (name, "x")).collect();
        let has_device = levels.iter().any(|(name, _)| matches!(*name, "device" | "sensor"));
        if !has_device && sensor.beginning(&levels).is_none() {
            let text = "it names no device; name a level {device} or {sensor}";
            self.wrong("availability.topic", text);
        }
        for (key, word) in [("online", &words.online), ("offline", &words.offline)] {
            if word.trim().is_empty() {
                let text = "it is empty; write the payload that says it";
                self.wrong(format!("availability.{key}"), text);
            }
        }
        if words.online == words.offline {
            let text = "it is the word for `online`, too; write another";
            self.wrong("availability.offline", text);
        }
        Some(AvailabilityPlan { topic, words: words.clone() })
    }
}
