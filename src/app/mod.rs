//! The daemon: from a valid configuration to a running tree, and from its end to an exit code.
//!
//! This module and [`wiring`] are the only ones that know all actors.

mod api;
mod faults;
mod figures;
mod fleet;
mod listening;
mod live;
mod meter;
mod metrics;
mod problems;
mod receiver_trial;
mod receivers;
mod reload;
mod report;
mod signals;
mod stores;
mod trial;
mod wiring;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use actix_rt::signal::unix::Signal;
use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

pub use self::listening::{ListenEnd, listen};
pub use self::receiver_trial::{ReceiverTestResult, test_receiver};
pub use self::signals::Signals;
use self::signals::Stop;
use self::stores::Stores;
use crate::config::{self, Config, ConfigErrors, Credentials, SensorConfig};
use crate::exit::Exit;
use crate::ingest::formats;
use crate::locale::Words;
use crate::store::{self, CopyError, Restored};
use crate::supervisor::{FaultInjection, TreeOutcome};

/// How many sensors the log names one by one at the start.
const SENSORS_NAMED: usize = 50;

/// Options of a run beside its configuration.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Path of the configuration, to be read again by a reload.
    pub config: PathBuf,
    /// Written once everything is up.
    pub ready_file: Option<PathBuf>,
    /// Version that the daemon reports.
    pub version: &'static str,
}

/// Reads and validates a configuration file.
///
/// # Errors
/// Every mistake in the file; or the one reason why it can't be read.
pub fn load(path: &Path) -> Result<Config, ConfigErrors> {
    config::load_with(path, |config| formats::formats(config).err().unwrap_or_default())
}

/// Replaces the configured database by a backup. No daemon may have it open.
///
/// # Errors
/// If the file is no backup, a daemon runs, or the disk fails.
pub fn restore(config: &Config, backup: &Path, now: DateTime<Utc>) -> Result<Restored, CopyError> {
    let database = &config.storage.path;
    store::restore(database, backup, now, &|| stores::forget_installation(database))
}

/// Runs the daemon until it is stopped or gives up. Earlier signals count.
#[must_use]
pub fn run(config: Config, options: Options, signals: Signals) -> Exit {
    if let Err(error) = secrets_are_there(&config) {
        log::error!(target: "vigie::app", "{error}");
        return Exit::Usage;
    }
    let faults = match faults::from_env() {
        Ok(faults) => faults,
        Err(error) => {
            log::error!(target: "vigie::app", "{error}");
            return Exit::Usage;
        }
    };
    let words = config.language.words();
    greet(&config, words);
    let Signals { system, mut stop, hangup } = signals;
    // Reports errors of the file before anything starts; migrates it too.
    let opened = match open(&config) {
        Ok(opened) => opened,
        Err(error) => {
            log::error!(target: "vigie::app", "can't start a thread: {error}");
            return Exit::Unavailable;
        }
    };
    let opened = system.block_on(async {
        tokio::select! {
            biased;
            opened = opened => Some(opened),
            () = stop.next() => None,
        }
    });
    let stores = match opened {
        Some(Ok(Ok(stores))) => stores,
        Some(Ok(Err(error))) => {
            log::error!(target: "vigie::app", "{error}");
            return Exit::Unavailable;
        }
        Some(Err(_panicked)) => return Exit::Unavailable,
        None => {
            // An open transaction is rolled back by the next start.
            log::info!(target: "vigie::app", "{}", words.stopped);
            return Exit::Ok;
        }
    };
    system.block_on(supervise(config, options, stores, faults, stop, hangup))
}

/// Opens the files on a separate thread: a migration may take minutes, and another program may hold the database.
fn open(config: &Config) -> std::io::Result<oneshot::Receiver<Result<Stores, String>>> {
    let (opened, result) = oneshot::channel();
    let storage = store::Settings::new(&config.storage, config.times.naive);
    let config = config.clone();
    std::thread::Builder::new().name("open".into()).spawn(move || {
        let _ = opened.send(stores::open(&config, &storage)); // whoever stopped doesn't ask
    })?;
    Ok(result)
}

/// Checks that secrets are readable: a daemon without its password would retry for ever with a wrong one.
fn secrets_are_there(config: &Config) -> Result<(), String> {
    let broker = config.broker.as_ref().and_then(|broker| broker.credentials.as_ref());
    let missing = |of: &str, error| format!("no {of}: {error}; set it and start again");
    if let Some(Credentials { password, .. }) = broker {
        password.read().map_err(|error| missing("password for [broker]", error))?;
    }
    for user in config.broker.iter().flat_map(|broker| &broker.users) {
        user.password.read().map_err(|error| {
            format!(
                "no password for user {} of [broker]: {error}; set it and start again",
                user.name
            )
        })?;
    }
    if let Some(login) = &config.mqtt.credentials {
        login.read_password().map_err(|error| missing("password for [mqtt]", error))?;
    }
    for receiver in &config.receivers {
        receiver
            .channel
            .check_secrets()
            .map_err(|error| missing(&format!("secret for receiver {}", receiver.name), error))?;
    }
    match &config.web.token {
        Some(token) => token
            .read()
            .map(drop)
            .map_err(|error| format!("no token for [web]: {error}; set it and start again")),
        None => Ok(()),
    }
}

fn greet(config: &Config, words: &Words) {
    log::info!(target: "vigie::app", "{}", words.banner);
    tell_sensors(config.sensors.iter(), words);
}

/// One line for each sensor that there is now, up to a number.
fn tell_sensors<'a>(sensors: impl ExactSizeIterator<Item = &'a SensorConfig>, words: &Words) {
    let more = sensors.len().saturating_sub(SENSORS_NAMED);
    for sensor in sensors.take(SENSORS_NAMED) {
        log::info!(target: "vigie::app", "{}", (words.sensor_added)(&sensor.id, &sensor.location));
    }
    if more > 0 {
        log::info!(target: "vigie::app", "{}", (words.sensors_added_more)(more));
    }
}

async fn supervise(
    config: Config,
    options: Options,
    stores: Stores,
    faults: FaultInjection,
    stop: Stop,
    hangup: Signal,
) -> Exit {
    let words = config.language.words();
    let reopen = Arc::new(AtomicBool::new(false));
    let overall = config.shutdown_timeout;
    let event_log = stores.log.clone();
    let (watch, cursors) = (stores.storage.watch(), stores.cursors.clone());
    let wired = wiring::wire(config, options, stores, reopen.clone());
    signals::reload_on_sighup(hangup, reopen, wired.reload);
    let tree = match wired.tree.faults(faults).start() {
        Ok(tree) => tree,
        Err(error) => {
            log::error!(target: "vigie::app", "can't start the watchdog's thread: {error}");
            return Exit::Unavailable;
        }
    };
    let _ = wired.health.set(tree.health()); // set once, here
    let asked = async {
        stop.wait(words).await;
        // Ends waits for room in the log, such as those of own sensors.
        event_log.stop_backpressure();
    };
    let outcome = tree.run_until(asked, overall).await;
    watch.look_at_last(&cursors);
    event_log.close();
    conclude(&outcome, words)
}

fn conclude(outcome: &TreeOutcome, words: &Words) -> Exit {
    match outcome {
        TreeOutcome::Stopped { unfinished } => {
            // Sensors that still waited for the intake lose nothing by being cut off.
            if !unfinished.is_empty() {
                log::debug!(target: "vigie::app", "cut off while stopping: {}", unfinished.join(", "));
            }
            log::info!(target: "vigie::app", "{}", words.stopped);
            Exit::Ok
        }
        TreeOutcome::Unavailable { child, why } => {
            log::error!(target: "vigie::app", "{child} can't start: {why}");
            Exit::Unavailable
        }
        TreeOutcome::GaveUp { child, failures } => {
            let failures = failures.join("; ");
            log::error!(target: "vigie::app", "gave up because {child} kept failing: {failures}");
            Exit::GaveUp
        }
    }
}
