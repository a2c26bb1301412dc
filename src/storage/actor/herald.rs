//! Tells the gateway of announced alert events, on the very thread that has committed them: an alert is
//! in a hurry, and another actor's turn in between would cost it the wait for a processor.

use crate::messages::{AlertsWaiting, PendingAlert};
use crate::supervisor::Route;

/// Announced events that travel with the hint, to spare the gateway the question: as many as it has
/// on their way at a time.
const ROWS_TOLD: usize = 20;

pub(super) struct Herald {
    gateway: Route<AlertsWaiting>,
    /// The row of the last announced event that this incarnation of the writer has committed.
    last_announced: Option<i64>,
}

impl Herald {
    pub const fn new(gateway: Route<AlertsWaiting>) -> Self {
        Self { gateway, last_announced: None }
    }

    /// Tells of what has just been committed. False when there was no room for it: the gateway must be
    /// told later that something waits.
    #[must_use]
    pub fn tell(&mut self, mut rows: Vec<PendingAlert>) -> bool {
        let after_row_id = self.last_announced;
        self.last_announced = rows.last().map(|alert| alert.row_id).or(after_row_id);
        if rows.len() > ROWS_TOLD {
            rows.clear();
        }
        self.gateway.try_send(AlertsWaiting { after_row_id, rows }).is_ok()
    }
}
