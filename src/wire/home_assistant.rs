//! Topics and ids of Home Assistant's MQTT discovery. Pure.
//!
//! With the prefixes `homeassistant` and `vigie`, the series `temperature` of the sensor `TEMP_001` is described on
//! `homeassistant/sensor/vigie/TEMP_001-temperature/config`, its alarm on
//! `homeassistant/binary_sensor/vigie/TEMP_001-temperature/config`; their states are on `vigie/state/…` and
//! `vigie/alarm/…`. Home Assistant announces itself on `homeassistant/status`.
//!
//! Always: ids consist of `[A-Za-z0-9_-]`, are unique per series, and stay the same in each version of the program.
//! A text that has to be changed to become an id gets a hash of itself.

use crate::config::HomeAssistantConfig;
use crate::domain::{Quantity, SensorId};

/// Longest text that is kept in an id, in characters.
const LONGEST: usize = 64;

/// Home Assistant's component type of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// The newest value of a series.
    Value,
    /// A series' alarm: active or not.
    Alarm,
}

impl Component {
    /// Home Assistant's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Value => "sensor",
            Self::Alarm => "binary_sensor",
        }
    }

    const fn level(self) -> &'static str {
        match self {
            Self::Value => "state",
            Self::Alarm => "alarm",
        }
    }
}

/// Topics and ids below the configured prefixes.
#[derive(Debug, Clone)]
pub struct HomeAssistantTopics {
    prefix: String,
    own: String,
    /// The own prefix as an id.
    node: String,
}

impl HomeAssistantTopics {
    /// Topics and ids of a configuration.
    #[must_use]
    pub fn new(config: &HomeAssistantConfig) -> Self {
        let HomeAssistantConfig { prefix, topic_prefix } = config;
        Self { prefix: prefix.clone(), own: topic_prefix.clone(), node: id(topic_prefix) }
    }

    /// Topic of Home Assistant's birth message.
    #[must_use]
    pub fn birth(&self) -> String {
        format!("{}/status", self.prefix)
    }

    /// Topic of an entity's description.
    #[must_use]
    pub fn config(&self, component: Component, series: &str) -> String {
        format!("{}/{}/{}/{series}/config", self.prefix, component.as_str(), self.node)
    }

    /// Topic of an entity's state.
    #[must_use]
    pub fn state(&self, component: Component, series: &str) -> String {
        format!("{}/{}/{series}", self.own, component.level())
    }

    /// Id of the device that a sensor is to Home Assistant.
    #[must_use]
    pub fn device(&self, sensor: &SensorId) -> String {
        format!("{}_{}", self.node, id(sensor.as_str()))
    }

    /// Id of an entity, unique within its component.
    #[must_use]
    pub fn unique(&self, series: &str) -> String {
        format!("{}_{series}", self.node)
    }

    /// Filters of all topics that only the daemon may publish for Home Assistant.
    #[must_use]
    pub fn own_filters(&self) -> Vec<String> {
        let Self { prefix, own, node } = self;
        [Component::Value, Component::Alarm]
            .into_iter()
            .flat_map(|it| {
                let config = format!("{prefix}/{}/{node}/+/config", it.as_str());
                [config, format!("{own}/{}/+", it.level())]
            })
            .collect()
    }
}

/// Id of a series. A quantity has no `-`, so the last one divides the two.
#[must_use]
pub fn series_id(sensor: &SensorId, quantity: &Quantity) -> String {
    format!("{}-{quantity}", id(sensor.as_str()))
}

/// Id of a text: the text if it is a valid id, else its beginning and its hash.
fn id(text: &str) -> String {
    let is_kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if text.len() <= LONGEST && text.chars().all(|c| is_kept(&c)) && !ends_as_hashed(text) {
        return text.to_owned();
    }
    let readable = text.chars().take(LONGEST).map(|c| if is_kept(&c) { c } else { '_' });
    format!("{}_{:016x}", readable.collect::<String>(), fnv_1a(text.as_bytes()))
}

/// True if a text ends like a hashed id, with which it must not collide.
fn ends_as_hashed(text: &str) -> bool {
    let Some((_, end)) = text.rsplit_once('_') else { return false };
    end.len() == 16 && end.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// 64-bit FNV-1a, stable across versions of the program.
fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn topics(topic_prefix: &str) -> HomeAssistantTopics {
        HomeAssistantTopics::new(&HomeAssistantConfig {
            prefix: "homeassistant".into(),
            topic_prefix: topic_prefix.into(),
        })
    }

    fn series(sensor: &str, quantity: &str) -> String {
        series_id(&SensorId::new(sensor).unwrap(), &Quantity::new(quantity).unwrap())
    }

    #[test]
    fn a_series_has_its_topics() {
        let (topics, series) = (topics("vigie"), series("TEMP_001", "temperature"));
        assert_eq!(
            topics.config(Component::Value, &series),
            "homeassistant/sensor/vigie/TEMP_001-temperature/config"
        );
        assert_eq!(
            topics.config(Component::Alarm, &series),
            "homeassistant/binary_sensor/vigie/TEMP_001-temperature/config"
        );
        assert_eq!(topics.state(Component::Value, &series), "vigie/state/TEMP_001-temperature");
        assert_eq!(topics.state(Component::Alarm, &series), "vigie/alarm/TEMP_001-temperature");
        assert_eq!(topics.unique(&series), "vigie_TEMP_001-temperature");
        assert_eq!(topics.device(&SensorId::new("TEMP_001").unwrap()), "vigie_TEMP_001");
        assert_eq!(topics.birth(), "homeassistant/status");
    }

    #[test]
    fn what_others_may_not_publish_is_what_it_publishes() {
        assert_eq!(
            topics("plant/vigie").own_filters(),
            [
                "homeassistant/sensor/plant_vigie_63daefbffd48f509/+/config",
                "plant/vigie/state/+",
                "homeassistant/binary_sensor/plant_vigie_63daefbffd48f509/+/config",
                "plant/vigie/alarm/+",
            ]
        );
    }

    #[test]
    fn ids_stay_what_they_are() {
        assert_eq!(id("Freezer-1_a"), "Freezer-1_a");
        assert_eq!(id("Freezer 1"), "Freezer_1_2c3bfa7a1b4ad973");
        assert_eq!(id(""), "");
    }

    #[test]
    fn what_looks_alike_is_told_apart() {
        for (a, b) in [
            (series("a b", "c"), series("a_b", "c")),
            (series("a-b", "c"), series("a", "b_c")),
            (series("a", "b_c"), series("a_b", "c")),
            (series("é", "c"), series("è", "c")),
            (series("a b", "c"), series(&id("a b"), "c")),
            (series(&"x".repeat(65), "c"), series(&"x".repeat(66), "c")),
        ] {
            assert_ne!(a, b);
        }
    }

    proptest! {
        #[test]
        fn every_sensor_has_an_id(sensor in "[^\\p{Cc}]{1,80}") {
            prop_assume!(SensorId::new(&sensor).is_ok());
            let series = series(&sensor, "temperature");
            let is_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            prop_assert!(series.chars().all(is_id), "{series}");
            prop_assert!(series.len() <= LONGEST + 17 + 1 + 64, "{series}");
        }
    }
}
