//! The intake actor: appends own sensors' readings and operators' actions to the log.
//!
//! Always: [`Measured`] is answered once its readings are in the log, [`Operate`] once its outcome is committed. Permits are
//! held until the answer, so the routes' capacities bound what waits here.
//! Never: a reading or an action that takes effect before it is in the log.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::{ActionAnswer, Log};
use crate::messages::{Measured, Operate};
use crate::supervisor::{ChildEnv, Failure, GracefulStop, Routed};

/// Interval at which the listening clocks are read at least.
const READ_CLOCKS: Duration = Duration::from_secs(1);

/// Publication backlog, in records, at which paced senders wait: a few in-flight windows of the publication.
const PACED: u64 = 1000;
/// Delay between two checks of the publication backlog.
const PACE_AGAIN: Duration = Duration::from_millis(5);

/// Settings of the intake.
#[derive(Debug, Clone)]
pub struct IntakeSettings {
    /// Log that readings and actions are appended to.
    pub log: Arc<Log>,
}

/// Appends own readings and operators' actions to the log, and reads the listening clocks each second.
pub struct Intake {
    log: Arc<Log>,
    env: ChildEnv,
}

impl Intake {
    /// Factory of the intake's incarnations.
    pub fn factory(
        settings: IntakeSettings,
    ) -> impl Fn(&ChildEnv) -> Result<Self, Failure> + Send + Sync + 'static {
        move |env| Ok(Self { log: settings.log.clone(), env: env.clone() })
    }
}

impl Actor for Intake {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(READ_CLOCKS, |intake, _| {
            intake.log.now();
        });
        self.env.ready();
    }
}

impl Handler<Routed<Measured>> for Intake {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, measured: Routed<Measured>, _: &mut Self::Context) -> Self::Result {
        let (Measured { readings, is_paced }, room) = measured.split();
        self.env.fault_point();
        let log = self.log.clone();
        Box::pin(async move {
            let _room = room;
            while is_paced && log.unpublished() >= PACED {
                tokio::time::sleep(PACE_AGAIN).await;
            }
            log.append_readings(&readings).await;
        })
    }
}

impl Handler<Routed<Operate>> for Intake {
    type Result = ResponseFuture<ActionAnswer>;

    fn handle(&mut self, operate: Routed<Operate>, _: &mut Self::Context) -> Self::Result {
        let (Operate { action }, room) = operate.split();
        self.env.fault_point();
        let log = self.log.clone();
        Box::pin(async move {
            let _room = room;
            let appended = log.append_action(&action).await;
            let answer =
                appended.map_err(|error| format!("the action can't be logged: {error}"))?;
            answer.await.unwrap_or_else(|_| Err("the daemon ended before it could answer".into()))
        })
    }
}

impl Handler<GracefulStop> for Intake {
    type Result = ();

    /// Pending actions are still answered: the evaluator stops later.
    fn handle(&mut self, _: GracefulStop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
