//! Key of a series. Pure.

use crate::domain::{Quantity, SensorId};

/// Sensor and quantity of a series.
pub(super) type Key = (SensorId, Quantity);
