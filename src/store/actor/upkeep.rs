//! The writer's part in the ledger's upkeep: a step when nothing waits to be committed, and a look at it now and
//! then.
//!
//! Always: a pending batch goes first, unless upkeep is overdue by [`OVERDUE_AFTER`]: under a permanent load it
//! gets four steps a second. Never: a step while the writer is stopping.

use std::time::{Duration, Instant};

use actix::prelude::*;
use chrono::Utc;

use super::{Phase, Writer};
use crate::store::growth::GrowthFigures;
use crate::store::ledger::{Ledger, LedgerError};

/// Delay after which upkeep precedes a batch: its steps take some ms.
const OVERDUE_AFTER: Duration = Duration::from_millis(250);

/// Pause after a transient error: the database is locked, or the disk full.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// Due time of the next step of upkeep.
#[derive(Debug, Default)]
pub(super) struct UpkeepTimer {
    /// `None` before the first commit.
    due: Option<Instant>,
    timer: Option<SpawnHandle>,
}

impl UpkeepTimer {
    fn is_due_since(&self, waited: Duration) -> bool {
        self.due.is_some_and(|due| Instant::now() >= due + waited)
    }
}

impl Writer {
    /// Starts an overdue step; returns true if there is one.
    pub(super) fn start_overdue_upkeep(&mut self, ctx: &mut Context<Self>) -> bool {
        !self.stopping && self.upkeep.is_due_since(OVERDUE_AFTER) && self.start_upkeep(ctx)
    }

    /// Starts a step, if one is due and nothing waits.
    pub(super) fn start_due_upkeep(&mut self, ctx: &mut Context<Self>) {
        if !self.stopping && self.upkeep.is_due_since(Duration::ZERO) {
            self.start_upkeep(ctx);
        }
    }

    fn start_upkeep(&mut self, ctx: &mut Context<Self>) -> bool {
        let Some(mut ledger) = self.ledger.take() else { return false };
        let may_delete = self.backlog.is_empty();
        self.phase = Phase::Committing;
        self.commit_began = Some(Instant::now());
        let (growth, is_deleting) = (self.growth.clone(), self.is_deleting);
        let step = actix_rt::task::spawn_blocking(move || {
            let now = Utc::now();
            if let Some(figures) = growth.sample(now.timestamp_millis()) {
                log_growth(&figures, is_deleting);
            }
            let due = ledger.upkeep(now, may_delete);
            (ledger, due)
        });
        ctx.spawn(step.into_actor(self).map(|done, writer, ctx| match done {
            Ok((ledger, due)) => writer.finish_upkeep(ledger, due, ctx),
            Err(error) => writer.env.fail::<Self>(ctx, format!("the upkeep died: {error}")),
        }));
        true
    }

    fn finish_upkeep(
        &mut self,
        ledger: Box<dyn Ledger>,
        due: Result<Duration, LedgerError>,
        ctx: &mut Context<Self>,
    ) {
        self.ledger = Some(ledger);
        self.phase = Phase::Idle;
        self.commit_began = None;
        match due {
            Ok(pause) => self.plan_upkeep(pause, ctx),
            Err(error) if error.is_transient => {
                log::debug!(target: "vigie::storage", "upkeep: {error}");
                self.plan_upkeep(RETRY_PAUSE, ctx);
            }
            Err(error) => return self.env.fail::<Self>(ctx, error.message),
        }
        self.proceed(ctx);
    }

    /// Plans the first step, once the ledger is open.
    pub(super) fn begin_upkeep(&mut self, ctx: &mut Context<Self>) {
        if self.upkeep.due.is_none() {
            self.plan_upkeep(Duration::ZERO, ctx);
        }
    }

    fn plan_upkeep(&mut self, pause: Duration, ctx: &mut Context<Self>) {
        if let Some(timer) = self.upkeep.timer.take() {
            ctx.cancel_future(timer);
        }
        self.upkeep.due = Some(Instant::now() + pause);
        self.upkeep.timer = Some(ctx.run_later(pause, |writer, ctx| {
            writer.upkeep.timer = None;
            writer.proceed(ctx);
        }));
    }
}

/// Once a day.
fn log_growth(figures: &GrowthFigures, is_deleting: bool) {
    let GrowthFigures { bytes, bytes_a_day, disk_free_bytes, days_left, .. } = *figures;
    let [size, grown, free] =
        [bytes as f64, bytes_a_day.unwrap_or(0) as f64, disk_free_bytes as f64]
            .map(|bytes| bytes / 1e9);
    let lasts =
        days_left.map_or_else(|| "does not fill".to_owned(), |d| format!("lasts {d:.1} days"));
    let kept = if is_deleting { "" } else { ", nothing is ever deleted (storage.retention)" };
    log::info!(target: "vigie::storage", "the database has {size:.3} GB and grew by {grown:.3} GB a day: the disk, with {free:.3} GB free, {lasts}{kept}");
}
