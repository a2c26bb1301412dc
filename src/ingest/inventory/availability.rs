//! Last reported availability of devices and their sensors. Pure.
//!
//! Always: a sensor has the newest of the reports that cover it: its own, and those of devices whose name is a prefix of its
//! id. Never: more than [`MOST_DEVICES`] devices.

use chrono::{DateTime, Utc};

use crate::domain::{Availability, Presence, QuickMap, Reach, SensorId};

/// Limit of devices with a report: some megabytes.
pub const MOST_DEVICES: usize = 10_000;

/// Last report of each device.
#[derive(Debug, Default)]
pub struct LastAvailability(QuickMap<SensorId, Report>);

#[derive(Debug, Clone, Copy)]
struct Report {
    presence: Presence,
    reach: Reach,
    at: DateTime<Utc>,
}

impl LastAvailability {
    /// Replaces the report of a device. A removed device has no report.
    pub fn note(&mut self, report: &Availability) {
        let Availability { device, reach, presence, at } = report;
        let report = Report { presence: *presence, reach: *reach, at: *at };
        if *presence == Presence::Removed {
            self.0.remove(device);
        } else if let Some(known) = self.0.get_mut(device) {
            *known = report;
        } else if self.0.len() < MOST_DEVICES {
            self.0.insert(device.clone(), report);
        }
    }

    /// The newest report that covers a sensor.
    pub fn of(&self, sensor: &SensorId) -> Option<Presence> {
        let id = sensor.as_str();
        let above = id.match_indices('/').filter_map(|(end, _)| SensorId::new(&id[..end]).ok());
        let above = above.filter_map(|device| self.0.get(&device));
        let above = above.filter(|it| it.reach == Reach::Below);
        let reports = self.0.get(sensor).into_iter().chain(above);
        reports.max_by_key(|it| it.at).map(|it| it.presence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(device: &str, reach: Reach, presence: Presence, second: i64) -> Availability {
        let at = DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap();
        Availability { device: SensorId::new(device).unwrap(), reach, presence, at }
    }

    #[test]
    fn the_newest_report_of_a_sensor_or_its_device_holds() {
        let mut last = LastAvailability::default();
        let of = |last: &LastAvailability, id: &str| last.of(&SensorId::new(id).unwrap());
        last.note(&report("plug/1", Reach::Below, Presence::Offline, 0));
        last.note(&report("plug", Reach::Sensor, Presence::Offline, 1));
        assert_eq!(of(&last, "plug/1"), Some(Presence::Offline));
        assert_eq!(of(&last, "plug/1/relay"), Some(Presence::Offline));
        assert_eq!((of(&last, "plug/2"), of(&last, "plug/10")), (None, None));
        last.note(&report("plug/1/relay", Reach::Sensor, Presence::Online, 2));
        assert_eq!(of(&last, "plug/1/relay"), Some(Presence::Online));
        last.note(&report("plug/1", Reach::Below, Presence::Offline, 3));
        assert_eq!(of(&last, "plug/1/relay"), Some(Presence::Offline));
        last.note(&report("plug/1", Reach::Below, Presence::Removed, 4));
        assert_eq!(of(&last, "plug/1"), None);
    }

    #[test]
    fn devices_past_the_limit_are_not_kept() {
        let mut last = LastAvailability::default();
        for number in 0..=MOST_DEVICES {
            last.note(&report(&number.to_string(), Reach::Sensor, Presence::Online, 0));
        }
        last.note(&report("7", Reach::Sensor, Presence::Offline, 1));
        assert_eq!(last.0.len(), MOST_DEVICES);
        assert_eq!(last.of(&SensorId::new("7").unwrap()), Some(Presence::Offline));
    }
}
