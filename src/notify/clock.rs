//! Clocks of notifications. Delays count by the wall clock, since they outlive the process.

#![expect(clippy::disallowed_methods, reason = "the actors own the clock of what is due")]

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Wall clock: due times must outlive the process.
pub(super) fn now() -> DateTime<Utc> {
    Utc::now()
}

pub(super) fn monotonic() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}

/// Time after a delay; saturates at the last representable time.
pub(super) fn after(time: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(wait)
        .ok()
        .and_then(|wait| time.checked_add_signed(wait))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}
