//! Evaluation: from the log to storage.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::reload::ruling;
use super::{Mailboxes, ONE, SharedParts, phase, signalled};
use crate::config::Config;
use crate::domain::{DISK, Finding, Ingress, Value};
use crate::evaluator::{AlertsFile, Evaluator, EvaluatorSettings, Findings, RuleBook};
use crate::messages::{ConfirmCommitted, FindStored, LoadResumePoint};
use crate::store::{Growth, GrowthFigures};
use crate::supervisor::{ChildSpec, Mailbox};

/// Questions of the evaluator whether something is committed: one for each message that has actions.
const CONFIRM_ROOM: usize = 64;

/// Timeout for the evaluator to load the resume point and to read again what a fleet of 100,000 sensors stored
/// after its checkpoints, on a slow disk.
const RESTORE_AT_MOST: Duration = Duration::from_secs(600);

/// The rules, and how many own sensors they expect.
pub(super) struct Rules {
    book: RuleBook,
    pub num_sensors: usize,
}

pub(super) fn rules(config: &Config) -> Rules {
    let book = RuleBook::new(ruling(config, &config.sensors));
    Rules { book, num_sensors: config.sensors.len() }
}

pub(super) fn settings(
    common: &SharedParts,
    boxes: &Mailboxes,
    rules: Rules,
    reopen_alerts_file: Arc<AtomicBool>,
) -> EvaluatorSettings {
    let alerts_file = common.config.log.alerts_file.clone();
    let alerts_file =
        alerts_file.map(|path| Arc::new(Mutex::new(AlertsFile::new(path, reopen_alerts_file))));
    EvaluatorSettings {
        ruling: rules.book,
        times: common.config.times,
        words: common.words,
        alerts_file,
        subscriptions: common.subscriptions.clone(),
        log: common.log.clone(),
        live: common.live.clone(),
        default_ingress: if common.is_embedded() { Ingress::Embedded } else { Ingress::Remote },
        findings: findings(common.growth.clone()),
        store: common.store.clone(),
        find_stored: boxes.storage.route::<FindStored>(ONE),
        resume: boxes.storage.route::<LoadResumePoint>(ONE),
        confirm: boxes.storage.route::<ConfirmCommitted>(CONFIRM_ROOM),
    }
}

/// Present findings of the self-diagnosis.
fn findings(growth: Growth) -> Findings {
    Arc::new(move || disk(growth.figures()).into_iter().collect())
}

/// The figure in the alarm's message is the free space.
fn disk(figures: Option<GrowthFigures>) -> Option<Finding> {
    let GrowthFigures { disk_free_bytes, fills, .. } = figures?;
    let megabytes = disk_free_bytes / 1_000_000;
    let value = Value::new(megabytes as f64 / 1000.0).ok()?;
    Some(Finding { about: DISK.into(), is_wrong: fills?, value, unit: "GB".into() })
}

pub(super) fn child(
    mailbox: Mailbox<Evaluator>,
    settings: EvaluatorSettings,
) -> ChildSpec<Evaluator> {
    ChildSpec::critical("alerts", mailbox, move |env| Ok(Evaluator::new(settings.clone(), env)))
        .phase(phase::ALERTS)
        .readiness(signalled(RESTORE_AT_MOST))
}
