//! A rule that is tried on what was measured.

use super::Limit;

/// A rule to be tried.
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
    /// Hysteresis, in the same unit.
    pub deadband: f64,
    /// Unit of the readings; `None` for the quantity's own.
    pub unit: Option<String>,
    /// Time that the limit must be broken before the alarm is raised, as it is written in the configuration.
    pub on_delay: Option<String>,
}
