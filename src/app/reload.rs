//! Reload: reads the configuration again while the daemon runs, and applies the changes.
//!
//! Invariants: nothing changes before the whole file is found valid; changes that need a restart are named, and the
//! others are applied; one reload at a time.

#![expect(clippy::disallowed_methods, reason = "a reload happens when it is asked for")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use chrono::Utc;
use tokio::sync::Mutex;

use super::fleet::Fleet;
use super::metrics::ReloadGauges;
use super::tell_sensors;
use crate::alarms::builtin;
use crate::alarms::engine::Expected;
use crate::alarms::rule::Rule;
use crate::broker;
use crate::config::{
    AlertsConfig, BrokerConfig, Config, ConfigErrors, LogConfig, SensorConfig, WebConfig, changes,
};
use crate::evaluator;
use crate::locale::{BrokerChanges, PageChanges, ReloadWords, Words};
use crate::logging;
use crate::messages::{AlarmConfig, Reload, ReloadAnswer, ReloadRules};
use crate::notify::SharedRunbooks;
use crate::supervisor::{ChildEnv, Failure, GracefulStop, GroupHandle, Route, Routed};
use crate::web::{Access, Certificate, PlannedMaintenance};

/// Timeout for the evaluator to apply other rules: it may have a batch pending at a slow storage.
const RULES_AT_MOST: Duration = Duration::from_secs(30);

/// Attempts to send rules to an evaluator that ends while it has them.
const TRIES: usize = 3;

/// State of the running daemon.
pub(super) struct Running {
    /// Configuration in effect. Its sensors are the fleet's.
    pub config: Config,
    pub fleet: Fleet,
}

#[derive(Clone)]
pub(super) struct ReloaderSettings {
    /// The file the daemon was started with.
    pub file: PathBuf,
    pub running: Arc<Mutex<Running>>,
    pub group: GroupHandle,
    pub rules: Route<ReloadRules>,
    pub runbooks: SharedRunbooks,
    pub access: Arc<Access>,
    /// Access control of the embedded broker, if there is one.
    pub broker_access: Option<Arc<broker::Access>>,
    pub maintenance: Arc<PlannedMaintenance>,
    pub certificate: Arc<Certificate>,
    pub gauges: Arc<ReloadGauges>,
    pub words: &'static Words,
}

/// Actor that reloads the configuration on request.
pub(super) struct Reloader(ReloaderSettings);

impl ReloaderSettings {
    pub fn factory(
        self,
    ) -> impl Fn(&ChildEnv) -> Result<Reloader, Failure> + Send + Sync + 'static {
        move |_| Ok(Reloader(self.clone()))
    }

    async fn reload(&self) -> ReloadAnswer {
        let answer = self.read_and_apply().await;
        self.gauges.record(matches!(answer, ReloadAnswer::Done(_)), Utc::now());
        answer
    }

    async fn read_and_apply(&self) -> ReloadAnswer {
        let file = self.file.clone();
        // A large file takes a second to parse and validate.
        let answer = match actix_rt::task::spawn_blocking(move || super::load(&file)).await {
            Ok(Ok(new)) => match self.apply(new).await {
                Ok(what) => ReloadAnswer::Done(what),
                Err(why) => ReloadAnswer::Failed(why),
            },
            Ok(Err(errors)) => return self.refuse(&errors),
            Err(panic) => ReloadAnswer::Failed(format!("the file can't be checked: {panic}")),
        };
        match &answer {
            ReloadAnswer::Failed(why) => {
                log::error!(target: "vigie::app", "{}", (self.words.reload_failed)(why));
            }
            ReloadAnswer::Done(what) | ReloadAnswer::Refused(what) => {
                log::info!(target: "vigie::app", "{}", (self.words.reloaded)(what));
            }
        }
        answer
    }

    fn refuse(&self, errors: &ConfigErrors) -> ReloadAnswer {
        let count = errors.as_slice().len();
        log::error!(target: "vigie::app", "{}", (self.words.reload_refused)(count));
        for error in errors.as_slice() {
            log::error!(target: "vigie::app", "{}", error.to_string().replace("\n  hint: ", "; "));
        }
        ReloadAnswer::Refused(errors.to_string())
    }

    /// Applies changes. Returns them as text, or what could not be applied. A later reload applies the rest.
    async fn apply(&self, mut new: Config) -> Result<String, String> {
        let mut running = self.running.lock().await;
        let Running { config, fleet } = &mut *running;
        let needs_restart = changes::needs_restart(config, &new);
        // A changed `timezone` needs a restart, as a whole.
        new.maintenance.iter_mut().for_each(|work| work.zone = config.times.zone);
        let before = all_rules(config);
        let mut after = ruling(&new, &new.sensors);
        let flood = config.alerts.flood; // takes a restart
        after.quiet.flood = flood;
        let Config {
            sensors,
            fleet: turns,
            alerts,
            rules,
            maintenance: work,
            log,
            web,
            broker,
            ..
        } = new;
        // First, since it can't fail: a removed user loses access at once.
        let page = self.reload_page(&mut config.web, &web).await;
        let broker = self.reload_broker(&mut config.broker, broker).await;
        let maintenance = changes::maintenance(&config.maintenance, &work);
        let has_other_chattering = config.alerts.chattering != alerts.chattering;
        (config.alerts, config.rules) = (AlertsConfig { flood, ..alerts }, rules);
        config.maintenance = work;
        self.maintenance.replace(&config.maintenance);
        self.runbooks.replace(&config.rules); // before an alarm of theirs can be told
        let rules = changes::rules(&before, &after.rules);
        // Also without a visible change: an earlier reload may have failed here.
        self.send_rules(after).await?;
        let has_other_turns = config.fleet != turns;
        let changed = fleet
            .become_one_of(&self.group, turns, sensors.clone())
            .await
            .map_err(|error| format!("the fleet can't be changed: {error}"))?;
        config.fleet = turns;
        self.tell_added(&sensors, &changed.added);
        let level = set_level(&mut config.log, &log);
        let sensors = changed.counts();
        Ok((self.words.reload)(&ReloadWords {
            sensors,
            rules,
            maintenance,
            has_other_chattering,
            has_other_turns,
            page: page?,
            broker: broker?,
            level,
            needs_restart: &needs_restart,
        }))
    }

    async fn send_rules(&self, rules: AlarmConfig) -> Result<(), String> {
        let mut why = String::new();
        for _ in 0..TRIES {
            match self.rules.request(ReloadRules(rules.clone()), RULES_AT_MOST).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => why = error,
                Err(error) => why = error.to_string(),
            }
        }
        Err(format!("the rules don't hold yet: {why}"))
    }

    /// Replaces the accounts, and reads the certificate's files again, which may have changed under the same names.
    async fn reload_page(
        &self,
        old: &mut WebConfig,
        new: &WebConfig,
    ) -> Result<PageChanges, String> {
        let users = self.access.reload(new);
        old.users.clone_from(&new.users);
        let (Some(_), Some(files)) = (&old.tls, new.tls.clone()) else {
            return Ok(PageChanges { users, certificate: false });
        };
        let certificate = self.certificate.clone();
        let read = actix_rt::task::spawn_blocking(move || certificate.read(&files)).await;
        read.map_err(|panic| panic.to_string())
            .and_then(|read| read)
            .map(|certificate| PageChanges { users, certificate })
            .map_err(|error| format!("the page keeps the certificate it has: {error}"))
    }

    /// Replaces the users, and reads their passwords and the certificate again.
    async fn reload_broker(
        &self,
        old: &mut Option<BrokerConfig>,
        new: Option<BrokerConfig>,
    ) -> Result<BrokerChanges, String> {
        let (Some(access), Some(old), Some(mut new)) = (self.broker_access.clone(), old, new)
        else {
            return Ok(BrokerChanges::default());
        };
        // What needs a restart stays.
        (new.listen, new.listen_ws, new.limits) = (old.listen, old.listen_ws, old.limits);
        new.forward.clone_from(&old.forward);
        if old.tls.is_some() != new.tls.is_some() {
            new.tls.clone_from(&old.tls);
        }
        *old = new.clone();
        let read = actix_rt::task::spawn_blocking(move || access.reload(&new)).await;
        read.map_err(|panic| panic.to_string()).and_then(|read| read).map_err(|error| {
            format!("the broker keeps the users and the certificate it has: {error}")
        })
    }

    fn tell_added(&self, sensors: &[SensorConfig], added: &[usize]) {
        tell_sensors(added.iter().map(|place| &sensors[*place]), self.words);
    }
}

/// Rules of a configuration, including those of the short form and the built-in ones.
fn all_rules(config: &Config) -> Vec<Rule> {
    [evaluator::short_form(&config.alerts), config.rules.clone(), builtin::rules()].concat()
}

/// Configuration of alarms: the daemon's own sensors are expected to send readings.
pub(super) fn ruling(config: &Config, sensors: &[SensorConfig]) -> AlarmConfig {
    let expected = sensors.iter().map(|sensor| Expected {
        sensor_id: sensor.id.clone(),
        quantity: sensor.quantity.clone(),
        location: sensor.location.clone(),
        unit: sensor.unit.clone(),
    });
    AlarmConfig { rules: all_rules(config), quiet: config.quiet(), expected: expected.collect() }
}

/// The new level, if changed, and whether it has no effect.
fn set_level(running: &mut LogConfig, new: &LogConfig) -> Option<(log::LevelFilter, bool)> {
    let is_other = std::mem::replace(&mut running.level, new.level) != new.level;
    is_other.then(|| (new.level, !logging::set_level(new.level)))
}

impl Actor for Reloader {
    type Context = Context<Self>;
}

impl Handler<Routed<Reload>> for Reloader {
    type Result = AtomicResponse<Self, ReloadAnswer>;

    fn handle(&mut self, reload: Routed<Reload>, _: &mut Self::Context) -> Self::Result {
        let settings = self.0.clone();
        let answer = async move {
            let (Reload, _room) = reload.split();
            settings.reload().await
        };
        AtomicResponse::new(Box::pin(answer.into_actor(self)))
    }
}

impl Handler<GracefulStop> for Reloader {
    type Result = ();

    fn handle(&mut self, _: GracefulStop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
