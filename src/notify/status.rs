//! Status of an alarm in notifications. Pure.

use serde::{Deserialize, Serialize};

/// Status of an alarm, in Alertmanager's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The alarm is active.
    Firing,
    /// The alarm has returned to normal.
    Resolved,
}

impl Status {
    /// Serialized form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}
