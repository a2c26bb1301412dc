//! Which rules apply to a reading. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use crate::alarms::rule::Kind;
use crate::config::{AlertsConfig, Limits, Thresholds};
use crate::domain::{Limit, Quantity, Reading, SensorId};

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

impl Rule {
    /// As words are found for it.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        let (limit, deadband) = (self.threshold, 0.0);
        match self.limit {
            Limit::High => Kind::High { limit, deadband },
            Limit::Low => Kind::Low { limit, deadband },
        }
    }
}

/// The rules one reading is judged by: high, low.
type Pair = [Option<Rule>; 2];

/// All rules of the configuration, made once: a reading only looks its own up.
#[derive(Debug, Clone)]
pub struct Rules {
    by_quantity: HashMap<Quantity, OfQuantity>,
}

#[derive(Debug, Clone)]
struct OfQuantity {
    default: Pair,
    /// Of sensors with limits of their own.
    sensors: HashMap<SensorId, Pair>,
}

impl Rules {
    #[must_use]
    pub fn new(config: AlertsConfig) -> Self {
        let of_quantity = |(quantity, thresholds): (Quantity, Thresholds)| {
            let Thresholds { default, sensors } = thresholds;
            let own = |own: Limits| Limits {
                high: own.high.or(default.high),
                low: own.low.or(default.low),
            };
            let sensors = sensors.into_iter();
            let sensors = sensors.map(|(id, limits)| (id, pair(&quantity, own(limits)))).collect();
            let default = pair(&quantity, default);
            (quantity, OfQuantity { default, sensors })
        };
        Self { by_quantity: config.thresholds.into_iter().map(of_quantity).collect() }
    }

    /// The rules a reading is judged by: its quantity's, where the sensor has none of its own.
    pub fn of(&self, reading: &Reading) -> impl Iterator<Item = Rule> {
        let rules = self.by_quantity.get(&reading.quantity);
        let pair = rules.map(|of| of.sensors.get(&reading.sensor_id).unwrap_or(&of.default));
        pair.into_iter().flatten().flatten().cloned()
    }
}

fn pair(quantity: &Quantity, limits: Limits) -> Pair {
    let rule = |limit, threshold: Option<f64>| {
        threshold.map(|threshold| Rule::new(limit, quantity.as_str(), threshold))
    };
    [rule(Limit::High, limits.high), rule(Limit::Low, limits.low)]
}
