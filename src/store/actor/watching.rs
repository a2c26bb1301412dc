//! The writer's part of the identity check of the database's files, once a second, and its consequences.
//!
//! Always: a commit counts as verified after a check that began later found the database at its path. While it is
//! not there nothing is written, and its write-ahead log is checkpointed into the file wherever that is. Never: a
//! checkpoint into a file that was copied over.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix::prelude::*;
use chrono::Utc;

use super::Writer;
use crate::domain::{DatabaseFault, Position};
use crate::store::identity::{IdentityChange, IdentityCheck};
use crate::store::ledger::Ledger;

/// Between two looks.
const LOOK_EACH: Duration = Duration::from_secs(1);

/// How far watching has got.
#[derive(Debug, Default)]
pub(super) struct IdentityWatch {
    /// Whether the incarnation has had the ledger open.
    pub has_opened: bool,
    /// Whether a check is in progress.
    is_looking: bool,
    settling: SettleState,
}

/// Whether the ledger of a database that is not at its path has been settled.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum SettleState {
    #[default]
    Due,
    UnderWay,
    Done,
}

impl Writer {
    pub(super) fn start_watching(ctx: &mut Context<Self>) {
        ctx.run_interval(LOOK_EACH, Self::look);
    }

    /// True while nothing may be written: the database is not at its path, or was settled and is not usable yet. A
    /// stopping writer stops: what is uncommitted is in the log.
    pub(super) fn is_held(&mut self, ctx: &mut Context<Self>) -> bool {
        let is_settling = self.watching.settling == SettleState::UnderWay;
        if self.has_database_fault() && self.stopping && !is_settling {
            self.close(ctx);
        }
        is_settling || self.has_database_fault()
    }

    pub(super) fn has_database_fault(&self) -> bool {
        self.cursors.has_database_fault.load(Ordering::Relaxed)
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        if !self.watching.has_opened && !self.has_database_fault() {
            return;
        }
        if self.watching.is_looking {
            return self.judge(&IdentityCheck::unanswered(), None, ctx);
        }
        self.watching.is_looking = true;
        let (watch, committed) = (self.watch.clone(), self.cursors.evaluation.position());
        let look = actix_rt::task::spawn_blocking(move || watch.look());
        ctx.spawn(look.into_actor(self).map(move |look, writer, ctx| {
            writer.watching.is_looking = false;
            if let Ok(Some(look)) = look {
                writer.judge(&look, Some(committed), ctx);
            }
        }));
    }

    /// Applies the result of a check. Everything committed before it is verified, if all files were found.
    fn judge(
        &mut self,
        look: &IdentityCheck,
        committed: Option<Position>,
        ctx: &mut Context<Self>,
    ) {
        let turn = self.watch.judge(look, Instant::now(), Utc::now());
        match turn {
            IdentityChange::Begins(_) => {
                self.cursors.has_database_fault.store(true, Ordering::Relaxed);
                self.watching.settling = SettleState::Due;
                self.push_alerts(ctx); // of commits that wait
            }
            IdentityChange::Verified | IdentityChange::Ends(_) => {
                self.cursors.verified.advance(committed.unwrap_or_default());
            }
            IdentityChange::Unverified => {}
        }
        if matches!(turn, IdentityChange::Ends(_)) {
            self.cursors.has_database_fault.store(false, Ordering::Relaxed);
            if self.watching.has_opened { self.hasten(ctx) } else { self.start_job(ctx) }
        }
        self.settle(ctx);
    }

    /// Settles the ledger of a database that is not at its path, once no commit has it.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        let Some((fault, _)) = self.watch.fault() else { return };
        let is_unreachable = matches!(fault, DatabaseFault::Unreachable(_));
        if is_unreachable || self.watching.settling != SettleState::Due {
            return;
        }
        let Some(ledger) = self.ledger.take() else { return };
        self.watching.settling = SettleState::UnderWay;
        let settled = actix_rt::task::spawn_blocking(move || settle(ledger, &fault));
        ctx.spawn(settled.into_actor(self).map(|settled, writer, ctx| match settled {
            Ok((ledger, is_settled)) => {
                writer.ledger = ledger;
                writer.watching.settling =
                    if is_settled { SettleState::Done } else { SettleState::Due };
                writer.proceed(ctx);
            }
            Err(error) => writer.env.fail::<Self>(ctx, format!("settling died: {error}")),
        }));
    }
}

/// The ledger, if it is still usable, and whether it is settled.
fn settle(mut ledger: Box<dyn Ledger>, fault: &DatabaseFault) -> (Option<Box<dyn Ledger>>, bool) {
    let is_overwritten = *fault == DatabaseFault::Overwritten;
    let settled = if is_overwritten { ledger.set_log_aside() } else { ledger.empty_log() };
    if let Err(error) = &settled {
        log::warn!(target: "vigie::storage", "write-ahead log of the database: {error}");
    }
    if is_overwritten {
        // Closing it would write its memory and its log into the other file.
        std::mem::forget(ledger);
        return (None, true);
    }
    (Some(ledger), settled.is_ok())
}
