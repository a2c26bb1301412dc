//! Findings: results of the daemon's self-diagnosis.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Quantity, SensorId, Value};

/// State of something that the daemon watches of itself; a change is a record of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Subject, such as `disk`.
    pub about: Arc<str>,
    /// Whether the subject is faulty.
    pub is_wrong: bool,
    /// The figure in the alarm's message.
    pub value: Value,
    /// Unit of the figure.
    pub unit: Arc<str>,
}

/// Name of the finding about the database's disk.
pub const DISK: &str = "disk";

/// Sensor id of all findings; reserved together with their names as quantities.
pub const FINDER: &str = "vigie";

/// True for a series reserved for findings; readings of it from outside are rejected.
#[must_use]
pub fn is_of_findings(sensor_id: &SensorId, quantity: &Quantity) -> bool {
    sensor_id.as_str() == FINDER && quantity.as_str() == DISK
}
