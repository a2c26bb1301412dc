//! Sensors of a device: those with its id, or an id below it (`ID/…`). Pure.

use std::collections::BTreeSet;
use std::ops::Bound;

use crate::domain::SensorId;

/// Sensors whose ids have a `/`, in the order of their ids.
#[derive(Debug, Default)]
pub(super) struct Devices(BTreeSet<SensorId>);

impl Devices {
    /// Adds a sensor.
    pub fn note(&mut self, sensor: &SensorId) {
        if sensor.as_str().contains('/') && !self.0.contains(sensor) {
            self.0.insert(sensor.clone());
        }
    }

    /// Removes a sensor.
    pub fn forget(&mut self, sensor: &SensorId) {
        self.0.remove(sensor);
    }

    /// The sensor with the device's id, known or not, and the known ones below it.
    pub fn sensors(&self, device: &SensorId) -> Vec<SensorId> {
        let mut sensors = vec![device.clone()];
        if let Ok(first) = SensorId::new(&format!("{device}/")) {
            let below = self.0.range((Bound::Excluded(&first), Bound::Unbounded));
            let is_below = |sensor: &&SensorId| sensor.as_str().starts_with(first.as_str());
            sensors.extend(below.take_while(is_below).cloned());
        }
        sensors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_the_sensors_below_its_name() {
        let id = |id| SensorId::new(id).unwrap();
        let mut devices = Devices::default();
        for sensor in ["pump", "pump/1", "pump/2/b", "pump-2/1", "pum/3", "pump0/1"] {
            devices.note(&id(sensor));
        }
        assert_eq!(devices.sensors(&id("pump")), ["pump", "pump/1", "pump/2/b"].map(id));
        assert_eq!(devices.sensors(&id("fan")), [id("fan")]);
    }
}
