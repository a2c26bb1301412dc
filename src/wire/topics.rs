//! MQTT topics: parsing of incoming ones, composition of outgoing ones.
//!
//! With the prefix `factory`: readings on `factory/sensors/<quantity>` or `factory/sensors/<quantity>/<sensor>`,
//! availability on `factory/availability/<sensor>`, alerts on `factory/alerts/<quantity>`, the daemon's status on
//! `factory/sensors/status`, which the reading filters match too. Alarms are acknowledged on `factory/alarms/<alert
//! id>/ack`. Pure.

use crate::config::ReadingTopic;
use crate::domain::{Quantity, SensorId};

/// The topics below one prefix.
#[derive(Debug, Clone)]
pub struct Topics {
    prefix: String,
    reading_topic: ReadingTopic,
    /// Filters of further topics that only the daemon publishes.
    others: Vec<String>,
}

/// Subject of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A reading. The levels are not validated.
    Reading {
        /// Quantity as the topic names it.
        quantity: &'a str,
        /// Id of the sensor, if the topic names it.
        sensor: Option<&'a str>,
    },
    /// Availability of a sensor. The id is not validated.
    Availability {
        /// Id of the sensor.
        sensor: &'a str,
    },
    /// An operator's acknowledgement. The alarm's name is not validated.
    Acknowledgement {
        /// Name of the alarm.
        alarm: &'a str,
    },
    /// A status message, the daemon's own or another's.
    Status,
    /// Nothing that was subscribed to.
    Foreign,
}

const STATUS: &str = "status";
const AVAILABILITY: &str = "/availability/";

impl Topics {
    /// Topics below a prefix, which has no slash at its end.
    #[must_use]
    pub fn new(prefix: &str, reading_topic: ReadingTopic) -> Self {
        Self { prefix: prefix.to_owned(), reading_topic, others: Vec::new() }
    }

    /// Adds filters of further topics that only the daemon may publish.
    #[must_use]
    pub fn with_own(self, others: Vec<String>) -> Self {
        Self { others, ..self }
    }

    /// The filters that bring all readings.
    #[must_use]
    pub fn filters(&self) -> Vec<String> {
        vec![format!("{}/sensors/+", self.prefix), format!("{}/sensors/+/+", self.prefix)]
    }

    /// Filter of availability messages.
    #[must_use]
    pub fn availability_filter(&self) -> String {
        format!("{}{AVAILABILITY}+", self.prefix)
    }

    /// The filter that brings acknowledgements.
    #[must_use]
    pub fn acknowledgement_filter(&self) -> String {
        format!("{}/alarms/+/ack", self.prefix)
    }

    /// Filters that only the daemon may publish: alerts, status, and further topics.
    #[must_use]
    pub fn own_filters(&self) -> Vec<String> {
        let own = [format!("{}/alerts/#", self.prefix), self.status()];
        own.into_iter().chain(self.others.iter().cloned()).collect()
    }

    /// Subject of a topic.
    #[must_use]
    pub fn subject<'a>(&self, topic: &'a str) -> Subject<'a> {
        let Some(below) = topic.strip_prefix(self.prefix.as_str()) else {
            return Subject::Foreign;
        };
        if let Some(sensor) = below.strip_prefix(AVAILABILITY) {
            let is_one_level = !sensor.contains('/');
            return if is_one_level { Subject::Availability { sensor } } else { Subject::Foreign };
        }
        let alarm = below.strip_prefix("/alarms/").and_then(|rest| rest.strip_suffix("/ack"));
        if let Some(alarm) = alarm.filter(|alarm| !alarm.contains('/')) {
            return Subject::Acknowledgement { alarm };
        }
        let Some(levels) = below.strip_prefix("/sensors/") else { return Subject::Foreign };
        let (quantity, sensor) = match levels.split_once('/') {
            Some((quantity, sensor)) => (quantity, Some(sensor)),
            None => (levels, None),
        };
        match sensor {
            Some(sensor) if sensor.contains('/') => Subject::Foreign,
            _ if sensor.unwrap_or(quantity) == STATUS => Subject::Status,
            _ => Subject::Reading { quantity, sensor },
        }
    }

    /// Topic of a reading. An id that can't be a topic level is published on the shared topic; the payload names
    /// the sensor.
    #[must_use]
    pub fn reading(&self, quantity: &Quantity, sensor: &SensorId) -> String {
        let id = sensor.as_str();
        if self.reading_topic == ReadingTopic::PerSensor && is_level(id) && id != STATUS {
            format!("{}/sensors/{quantity}/{id}", self.prefix)
        } else {
            format!("{}/sensors/{quantity}", self.prefix)
        }
    }

    /// Topic of an alert.
    #[must_use]
    pub fn alert(&self, quantity: &Quantity) -> String {
        format!("{}/alerts/{quantity}", self.prefix)
    }

    /// Topic of the status.
    #[must_use]
    pub fn status(&self) -> String {
        format!("{}/sensors/{STATUS}", self.prefix)
    }
}

/// Whether a text can be one level of a topic to publish on (MQTT 5, 4.7).
fn is_level(text: &str) -> bool {
    !text.contains(['/', '+', '#', '\0'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn topics(reading_topic: ReadingTopic) -> Topics {
        Topics::new("plant/factory", reading_topic)
    }

    #[test]
    fn topics_tell_what_they_are_about() {
        let topics = topics(ReadingTopic::Shared);
        let reading = |quantity, sensor| Subject::Reading { quantity, sensor };
        for (topic, subject) in [
            ("plant/factory/sensors/temperature", reading("temperature", None)),
            ("plant/factory/sensors/co2/C_1", reading("co2", Some("C_1"))),
            ("plant/factory/sensors/co2/", reading("co2", Some(""))),
            ("plant/factory/sensors/status", Subject::Status),
            ("plant/factory/sensors/temperature/status", Subject::Status),
            ("plant/factory/sensors/status/T_1", reading("status", Some("T_1"))),
            ("plant/factory/sensors/a/b/c", Subject::Foreign),
            ("plant/factory/alerts/temperature", Subject::Foreign),
            ("plant/factory/availability/T_1", Subject::Availability { sensor: "T_1" }),
            ("plant/factory/availability/T_1/x", Subject::Foreign),
            ("plant/factory/availability", Subject::Foreign),
            ("plant/factory/alarms/0123/ack", Subject::Acknowledgement { alarm: "0123" }),
            ("plant/factory/alarms//ack", Subject::Acknowledgement { alarm: "" }),
            ("plant/factory/alarms/a/b/ack", Subject::Foreign),
            ("plant/factory/alarms/ack", Subject::Foreign),
            ("plant/factory/alarms/0123/reset", Subject::Foreign),
            ("plant/sensors/temperature", Subject::Foreign),
            ("plant/factory2/sensors/temperature", Subject::Foreign),
            ("", Subject::Foreign),
        ] {
            assert_eq!(topics.subject(topic), subject, "{topic}");
        }
    }

    #[test]
    fn readings_go_where_the_configuration_says() {
        let quantity = Quantity::temperature();
        let id = |id| SensorId::new(id).unwrap();
        let shared = "plant/factory/sensors/temperature";
        assert_eq!(topics(ReadingTopic::Shared).reading(&quantity, &id("T_1")), shared);
        let per_sensor = topics(ReadingTopic::PerSensor);
        assert_eq!(per_sensor.reading(&quantity, &id("T_1")), format!("{shared}/T_1"));
        for awkward in ["a/b", "+", "#", "status"] {
            assert_eq!(per_sensor.reading(&quantity, &id(awkward)), shared, "{awkward}");
        }
    }

    proptest! {
        #[test]
        fn what_is_published_comes_back(name in "[a-z][a-z0-9_]{0,20}", id in "[^\\p{Cc}]{1,20}") {
            prop_assume!(Quantity::new(&name).is_ok() && SensorId::new(&id).is_ok());
            let (quantity, id) = (Quantity::new(&name).unwrap(), SensorId::new(&id).unwrap());
            for reading_topic in [ReadingTopic::Shared, ReadingTopic::PerSensor] {
                let topics = topics(reading_topic);
                let topic = topics.reading(&quantity, &id);
                match topics.subject(&topic) {
                    Subject::Reading { quantity, sensor } => {
                        prop_assert_eq!(quantity, name.as_str());
                        prop_assert!(sensor.is_none_or(|sensor| sensor == id.as_str()));
                    }
                    other => prop_assert!(false, "{topic}: {other:?}"),
                }
            }
        }
    }
}
