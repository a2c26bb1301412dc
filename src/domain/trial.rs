//! Trial of a rule on stored readings.

use super::Limit;

/// Rule to try.
#[derive(Debug, Clone, PartialEq)]
pub struct TriedRule {
    /// Id of the sensor.
    pub sensor: String,
    /// Name of the quantity.
    pub quantity: String,
    /// Side of the limit that is broken.
    pub kind: Limit,
    /// The limit, in `unit`.
    pub limit: f64,
    /// Deadband (hysteresis), in the same unit.
    pub deadband: f64,
    /// Unit of the readings; `None` for the quantity's own.
    pub unit: Option<String>,
    /// On-delay as written in the configuration.
    pub on_delay: Option<String>,
}
