//! The evaluator actor.
//!
//! Holds always: batches leave for storage in the order they came, each with all its verdicts.
//! While storage has no room the evaluator takes nothing more, so that the wait reaches the intake.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::prelude::*;

use super::file::AlertsFile;
use super::machine::Standing;
use super::rule::Rules;
use crate::config::{Announce, TimeStyle};
use crate::domain::{AlertEvent, Reading};
use crate::locale::Words;
use crate::messages::{Evaluate, IntakeBatch, Judged, LoadStandingAlerts, Store};
use crate::supervisor::{ChildEnv, GracefulStop, Route, Routed, SendError};
use crate::wire;

/// How long storage may take to say which alerts stand: it may first have a backlog to commit.
const RESTORE_PATIENCE: Duration = Duration::from_secs(60);

/// How long one offer to a full storage lasts before it is said in the log and made again.
const OFFER: Duration = Duration::from_secs(30);

/// What the evaluator is made from.
#[derive(Clone)]
pub struct EvaluatorSettings {
    pub rules: Arc<Rules>,
    pub announce: Announce,
    pub times: TimeStyle,
    pub words: &'static Words,
    pub alerts_file: Option<Arc<Mutex<AlertsFile>>>,
    pub store: Route<Store>,
    pub standing: Route<LoadStandingAlerts>,
}

/// Judges readings.
pub struct Evaluator {
    settings: EvaluatorSettings,
    env: ChildEnv,
    standing: Standing,
}

impl Evaluator {
    #[must_use]
    pub fn new(settings: EvaluatorSettings, env: &ChildEnv) -> Self {
        Self { settings, env: env.clone(), standing: Standing::default() }
    }

    fn judge(&mut self, reading: Reading, alerts: &mut Vec<AlertEvent>) -> Judged {
        let EvaluatorSettings { rules, announce, words, .. } = &self.settings;
        let mut alert_triggered = false;
        for rule in rules.of(&reading) {
            let (is_broken, event) = self.standing.judge(&rule, &reading, *announce, words);
            alert_triggered |= is_broken;
            alerts.extend(event);
        }
        Judged { reading, alert_triggered }
    }

    /// One log line an announced event, and one in the alerts file.
    fn tell(&self, alerts: &[AlertEvent]) {
        let announced: Vec<_> = alerts.iter().filter(|event| event.announced).collect();
        for event in &announced {
            let alert = wire::AlertJson::new(event, self.settings.times);
            let line = (self.settings.words.alert_line)(event.state, &event.message);
            log::info!(target: "vigie::alert", alert:serde; "{line}");
        }
        if let (Some(file), false) = (&self.settings.alerts_file, announced.is_empty()) {
            let json = |event: &&AlertEvent| {
                let alert = wire::AlertJson::new(event, self.settings.times);
                serde_json::to_string(&alert).unwrap_or_default()
            };
            let lines: Vec<_> = announced.iter().map(json).collect();
            // A short append on the evaluator's own arbiter: no other actor waits for it.
            file.lock().unwrap_or_else(PoisonError::into_inner).append(&lines);
        }
    }
}

impl Actor for Evaluator {
    type Context = Context<Self>;

    /// Judges nothing before it knows which alerts stand.
    fn started(&mut self, ctx: &mut Self::Context) {
        let standing = self.settings.standing.clone();
        let load = async move { standing.request(LoadStandingAlerts, RESTORE_PATIENCE).await };
        ctx.wait(load.into_actor(self).map(|answer, evaluator, ctx| match answer {
            Ok(Ok(stored)) => {
                evaluator.standing = Standing::restore(stored);
                evaluator.env.ready();
            }
            Ok(Err(error)) => {
                let why = format!("can't load the standing alerts: {error}");
                evaluator.env.fail::<Self>(ctx, why);
            }
            Err(error) => {
                let why = format!("can't load the standing alerts: {error}");
                evaluator.env.fail::<Self>(ctx, why);
            }
        }));
    }
}

impl Handler<Routed<Evaluate>> for Evaluator {
    type Result = ();

    fn handle(&mut self, routed: Routed<Evaluate>, ctx: &mut Self::Context) {
        let (Evaluate(IntakeBatch { readings, rejected }), room) = routed.split();
        let mut alerts = Vec::new();
        let readings =
            readings.into_iter().map(|reading| self.judge(reading, &mut alerts)).collect();
        self.tell(&alerts);
        let store = self.settings.store.clone();
        // The batch keeps its room on this actor's route until storage has taken it.
        let pass = async move {
            offer(&store, Store { readings, alerts, rejected }).await;
            drop(room);
        };
        ctx.wait(pass.into_actor(self));
    }
}

async fn offer(store: &Route<Store>, mut batch: Store) {
    while let Err(SendError::Full(back)) = store.send(batch, OFFER).await {
        log::warn!(target: "vigie::alerts", "storage has taken nothing for {OFFER:?}: waiting");
        batch = back;
    }
}

impl Handler<GracefulStop> for Evaluator {
    type Result = ();

    /// Everything queued before this was judged and passed on.
    fn handle(&mut self, _: GracefulStop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
