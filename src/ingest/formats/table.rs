//! Settings common to all device tables: accepted sensors, their names and location.
//!
//! Always: applied to the output of the family, so families are independent of them.

use std::collections::BTreeMap;

use super::{Claim, Decoded, Filter, Format, Message, Request, StateChange};
use crate::config::{DeviceTable, Preset, PresetTable, Shape};
use crate::domain::glob;
use crate::domain::{Location, SensorId};

/// A format with the common settings of its table.
pub struct Table {
    format: Box<dyn Format>,
    settings: Settings,
}

#[derive(Clone)]
struct Settings {
    /// Overrides the family's name if an earlier table has the same one.
    name: Option<Box<str>>,
    location: Option<Location>,
    only: Vec<String>,
    ignore: Vec<String>,
    rename: BTreeMap<String, String>,
    reads_home_assistant: bool,
}

impl Table {
    /// Wraps a family's format in a table's common settings.
    #[must_use]
    pub fn new(format: Box<dyn Format>, table: &DeviceTable) -> Self {
        let settings = Settings {
            name: None,
            location: table.location.as_deref().map(Location::new),
            only: table.only.clone(),
            ignore: table.ignore.clone(),
            rename: table.rename.clone(),
            reads_home_assistant: matches!(
                &table.shape,
                Shape::Preset(PresetTable { preset: Preset::Homeassistant, .. })
            ),
        };
        Self { format, settings }
    }

    /// Uses the state key as name, to distinguish tables of one family.
    pub fn tell_apart(&mut self) {
        self.settings.name = Some(self.format.key().into());
    }
}

impl Format for Table {
    fn name(&self) -> &str {
        self.settings.name.as_deref().unwrap_or_else(|| self.format.name())
    }

    fn key(&self) -> String {
        self.format.key()
    }

    fn filters(&self) -> Vec<Filter> {
        self.format.filters()
    }

    fn published(&self) -> Vec<Filter> {
        self.format.published()
    }

    fn claim(&self, topic: &str) -> Claim {
        self.format.claim(topic)
    }

    fn is_description(&self, topic: &str) -> bool {
        self.format.is_description(topic)
    }

    fn reads_home_assistant(&self) -> bool {
        self.settings.reads_home_assistant
    }

    fn decode(
        &self,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        let mut decoded = self.format.decode(message, changes)?;
        self.settings.apply(&mut decoded)?;
        Ok(decoded)
    }

    fn remember(&mut self, key: &str, value: Option<&[u8]>) {
        self.format.remember(key, value);
    }

    fn explain(&self, message: &Message<'_>) -> Vec<String> {
        self.format.explain(message)
    }

    fn requests(&self) -> Vec<Request> {
        self.format.requests()
    }

    fn fresh(&self) -> Box<dyn Format> {
        Box::new(Self { format: self.format.fresh(), settings: self.settings.clone() })
    }
}

impl Settings {
    fn apply(&self, decoded: &mut Decoded) -> Result<(), String> {
        let num_before = decoded.measurements.len();
        decoded.measurements.retain(|it| {
            self.takes(it.reading.sensor_id.as_str(), Some(it.reading.quantity.as_str()))
        });
        let num_left_out = num_before - decoded.measurements.len();
        decoded.availability.retain(|it| self.takes(it.device.as_str(), None));
        for measurement in &mut decoded.measurements {
            let reading = &mut measurement.reading;
            if let (Some(location), true) = (&self.location, reading.location.as_str().is_empty()) {
                reading.location = location.clone();
            }
            if let Some(name) = self.renamed(reading.sensor_id.as_str()) {
                reading.sensor_id = SensorId::new(&name).map_err(|error| error.to_string())?;
            }
        }
        for availability in &mut decoded.availability {
            if let Some(name) = self.renamed(availability.device.as_str()) {
                availability.device = SensorId::new(&name).map_err(|error| error.to_string())?;
            }
        }
        if num_left_out > 0 && decoded.is_empty() && decoded.num_faults == 0 {
            decoded.ignored = Some("left out by `only` or `ignore`".into());
        }
        Ok(())
    }

    /// Whether the patterns accept a sensor, or one quantity of it. A device is accepted if one of
    /// its sensors may be.
    fn takes(&self, sensor: &str, quantity: Option<&str>) -> bool {
        let Some(quantity) = quantity else {
            // The prefix of a pattern that selects a sensor or quantity below the device also
            // matches the device.
            let starts = |pattern: &String| {
                let cuts = pattern.match_indices('/').map(|(at, _)| &pattern[..at]);
                cuts.chain([pattern.as_str()]).any(|pattern| glob::matches(pattern, sensor))
            };
            let including = || self.only.iter().filter(|it| glob::excluded(it).is_none());
            let is_wanted = including().next().is_none() || including().any(starts);
            // Likewise, an exception from `ignore` may select a sensor or quantity below the
            // device.
            let rest = self.ignore.iter().filter_map(|it| glob::excluded(it));
            let is_ignored = !self.ignore.is_empty()
                && glob::selects(&self.ignore, sensor)
                && !rest.map(str::to_owned).any(|pattern| starts(&pattern));
            return is_wanted && !glob::excludes(&self.only, sensor) && !is_ignored;
        };
        let both = format!("{sensor}/{quantity}");
        let is_in = |patterns: &[String]| {
            let is_any = !glob::has_including(patterns);
            let is_included = glob::includes(patterns, sensor) || glob::includes(patterns, &both);
            let is_excluded = glob::excludes(patterns, sensor) || glob::excludes(patterns, &both);
            (is_any || is_included) && !is_excluded
        };
        is_in(&self.only) && (self.ignore.is_empty() || !is_in(&self.ignore))
    }

    /// New name of a sensor: by its whole id, otherwise by its longest prefix before a `/`.
    fn renamed(&self, sensor: &str) -> Option<String> {
        if self.rename.is_empty() {
            return None;
        }
        if let Some(name) = self.rename.get(sensor) {
            return Some(name.clone());
        }
        let cuts = sensor.rmatch_indices('/');
        let mut parts = cuts.map(|(at, _)| (&sensor[..at], &sensor[at..]));
        parts.find_map(|(start, rest)| Some(format!("{}{rest}", self.rename.get(start)?)))
    }
}
