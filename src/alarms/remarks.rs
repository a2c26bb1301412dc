//! Operators' remarks on an alarm's present state, stored with it. Pure.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::machine::{Change, exact};
use crate::domain::{Operator, Said};

/// Empty for nearly all alarms, so it is small: there is one per rule and sensor.
///
/// JSON, without absent entries: `{"acknowledged":{"by":…,"why":…,"at":…},"shelved":…}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Remarks(Option<Box<Held>>);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acknowledged: Option<Remark>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shelved: Option<Remark>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    out_of_service: Option<Remark>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Remark {
    by: Arc<str>,
    why: Option<Arc<str>>,
    #[serde(with = "exact")]
    at: DateTime<Utc>,
}

impl Remarks {
    /// Stores the remark on a change, and drops those that it ends.
    pub fn note(&mut self, change: Change, operator: Option<&Operator>, at: DateTime<Utc>) {
        if operator.is_none() && self.is_empty() {
            return;
        }
        let mut held = self.0.take().unwrap_or_default();
        held.note(change, operator, at);
        self.0 = (*held != Held::default()).then_some(held);
    }

    /// True without a valid remark.
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Operator who acknowledged the alarm, while it is acknowledged.
    pub fn acknowledged(&self) -> Option<Said> {
        self.0.as_ref()?.acknowledged.as_ref().map(Remark::said)
    }

    /// Operator who shelved the alarm, while it is shelved.
    pub fn shelved(&self) -> Option<Said> {
        self.0.as_ref()?.shelved.as_ref().map(Remark::said)
    }

    /// Operator who took the alarm out of service, while it is.
    pub fn out_of_service(&self) -> Option<Said> {
        self.0.as_ref()?.out_of_service.as_ref().map(Remark::said)
    }
}

impl Held {
    fn note(&mut self, change: Change, operator: Option<&Operator>, at: DateTime<Utc>) {
        let remark =
            || operator.map(|Operator { by, why }| Remark { by: by.clone(), why: why.clone(), at });
        match change {
            Change::Acknowledged => self.acknowledged = remark(),
            Change::Raised | Change::Returned | Change::Reset => self.acknowledged = None,
            Change::Shelved => self.shelved = remark(),
            Change::Unshelved => self.shelved = None,
            Change::TakenOutOfService => self.out_of_service = remark(),
            Change::ReturnedToService => self.out_of_service = None,
            Change::Closed => *self = Self::default(),
            Change::StillActive | Change::Latched | Change::Suppressed | Change::Unsuppressed => {}
        }
    }
}

impl Remark {
    fn said(&self) -> Said {
        let operator = Operator { by: self.by.clone(), why: self.why.clone() };
        Said { operator, at: self.at }
    }
}
