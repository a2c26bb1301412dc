//! Which rules apply to a reading. Pure.

use std::sync::Arc;

use crate::config::{AlertsConfig, Limits};
use crate::domain::{Limit, Reading};

/// One threshold that applies to one reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// `high-temperature`
    pub name: Arc<str>,
    /// `HIGH_TEMPERATURE`
    pub alert_type: Arc<str>,
    pub limit: Limit,
    pub threshold: f64,
}

impl Rule {
    fn new(limit: Limit, quantity: &str, threshold: f64) -> Self {
        let name = format!("{}-{quantity}", limit.as_str());
        let alert_type = format!("{}_{quantity}", limit.as_str()).to_uppercase();
        Self { name: name.into(), alert_type: alert_type.into(), limit, threshold }
    }
}

/// All rules of the configuration.
#[derive(Debug, Clone)]
pub struct Rules {
    config: AlertsConfig,
}

impl Rules {
    #[must_use]
    pub const fn new(config: AlertsConfig) -> Self {
        Self { config }
    }

    /// The rules a reading is judged by: its quantity's, where the sensor has none of its own.
    pub fn of<'a>(&'a self, reading: &'a Reading) -> impl Iterator<Item = Rule> + 'a {
        let limits = self.config.thresholds.get(&reading.quantity).map(|thresholds| {
            let own = thresholds.sensors.get(&reading.sensor_id).copied().unwrap_or_default();
            Limits {
                high: own.high.or(thresholds.default.high),
                low: own.low.or(thresholds.default.low),
            }
        });
        let Limits { high, low } = limits.unwrap_or_default();
        [(Limit::High, high), (Limit::Low, low)].into_iter().filter_map(|(limit, threshold)| {
            Some(Rule::new(limit, reading.quantity.as_str(), threshold?))
        })
    }
}
