//! The wiring: actors, their routes, and the routes' capacities.
//!
//! One file per part of the tree: its settings, its child, and the capacities of the routes to it.

#![expect(clippy::disallowed_methods, reason = "uptime counts from here")]

mod brokers;
mod control;
mod evaluation;
mod heartbeat;
mod intake;
mod storage;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::Options;
use super::fleet::Fleet;
use super::metrics::ReloadGauges;
use super::receivers;
use super::reload::Reloader;
use super::stores::Stores;
use crate::broker::{self, Broker, BrokerGauges, BrokerStore, Clients};
use crate::config::{Config, Endpoint};
use crate::evaluator::{Evaluator, LiveTable};
use crate::exit::Exit;
use crate::ingest::formats::{self, Formats};
use crate::ingest::{Intake, Log, Subscriptions};
use crate::locale::Words;
use crate::messages::{AlertsStored, BrokerAddress, Measured, Reload, Store};
use crate::mqtt::Gateway;
use crate::notify::SharedRunbooks;
use crate::store::{Growth, SharedHours, Writer};
use crate::supervisor::{Health, Mailbox, Readiness, Route, Tree};
use crate::web::Web;
use crate::wire::{HomeAssistantTopics, Topics};

/// Capacity for a single caller that waits for each answer.
const ONE: usize = 1;

/// The order of starting; stopping is the reverse.
mod phase {
    pub const STORAGE: u8 = 0;
    /// Before alerts are possible, so that a new receiver gets the first one.
    pub const RECEIVERS: u8 = 1;
    pub const ALERTS: u8 = 2;
    pub const INTAKE: u8 = 3;
    pub const BROKER: u8 = 4;
    pub const GATEWAY: u8 = 5;
    pub const FLEET: u8 = 6;
    /// Phase of what changes the others.
    pub const CONTROL: u8 = 7;
}

/// All mailboxes, created before any actor, so that routes may be circular.
#[derive(Default)]
struct Mailboxes {
    storage: Mailbox<Writer>,
    alerts: Mailbox<Evaluator>,
    intake: Mailbox<Intake>,
    broker: Mailbox<Broker>,
    gateway: Mailbox<Gateway>,
    web: Mailbox<Web>,
    reload: Mailbox<Reloader>,
}

/// Parts shared by the wiring of several actors.
struct SharedParts {
    config: Config,
    options: Options,
    words: &'static Words,
    log: Arc<Log>,
    subscriptions: Subscriptions,
    topics: Topics,
    live: Arc<LiveTable>,
    hours: SharedHours,
    growth: Growth,
    /// Address of the embedded broker while it runs.
    embedded: watch::Receiver<Option<BrokerAddress>>,
    /// Sessions of the embedded broker.
    clients: Clients,
    /// Access control of the embedded broker, if there is one.
    broker_access: Option<Arc<broker::Access>>,
    /// Persistent state of the embedded broker.
    kept: Option<Arc<dyn BrokerStore>>,
    /// This installation's mark.
    instance: Option<String>,
    broker_gauges: BrokerGauges,
    /// Set once the tree has been started.
    health: Arc<OnceLock<Health>>,
    /// A route has its capacity; clones share it.
    store: Route<Store>,
    measured: Route<Measured>,
    started: DateTime<Utc>,
}

impl SharedParts {
    /// Whether the embedded broker is the one that the daemon publishes to.
    fn is_embedded(&self) -> bool {
        self.config.mqtt.endpoint == Endpoint::Embedded
    }
}

/// The tree, ready to start, and what is needed after the start.
pub(super) struct WiredTree {
    pub tree: Tree,
    pub health: Arc<OnceLock<Health>>,
    pub reload: Route<Reload>,
}

pub(super) fn wire(
    mut config: Config,
    options: Options,
    stores: Stores,
    reopen_alerts_file: Arc<AtomicBool>,
) -> WiredTree {
    let Stores { log, cursors, storage, kept } = stores;
    let (kept, instance) = kept.unzip();
    let boxes = Mailboxes::default();
    let (address, embedded) = watch::channel(None);
    let shown = config.home_assistant.as_ref().map(HomeAssistantTopics::new);
    let beats = config.heartbeat.iter().filter_map(|it| it.topic.as_deref());
    let own = shown.map(|it| it.own_filters()).unwrap_or_default();
    let own = own.into_iter().chain(beats.map(ToOwned::to_owned)).collect();
    let topics = Topics::new(&config.mqtt.topic_prefix, config.mqtt.reading_topic).with_own(own);
    let measured = intake::measured(&boxes);
    let mut fleet = Fleet::new(config.times, measured.clone());
    let evaluated = evaluation::rules(&config);
    let group = fleet.group(config.fleet, std::mem::take(&mut config.sensors));
    // Checked when the file was read.
    let formats = formats::formats(&config).unwrap_or_else(|_| Formats::new(Vec::new()));
    let subscriptions = Subscriptions::new(formats, log.last());
    let broker_access = config
        .broker
        .clone()
        .map(|broker| Arc::new(broker::Access::new(broker, topics.clone(), subscriptions.clone())));
    let common = SharedParts {
        words: config.language.words(),
        log,
        subscriptions,
        topics,
        live: Arc::default(),
        hours: storage.hours(),
        growth: storage.growth(),
        embedded,
        clients: Clients::default(),
        broker_access,
        kept,
        instance,
        broker_gauges: BrokerGauges::default(),
        health: Arc::default(),
        store: storage::store(&boxes),
        measured,
        started: Utc::now(),
        config,
        options,
    };
    let (stored, runbooks) = (AlertsStored::default(), SharedRunbooks::of(&common.config.rules));
    let receiver_boxes = receivers::mailboxes(&common.config);
    let receivers = receivers::settings(
        &common.config,
        &receiver_boxes,
        &boxes.storage,
        &stored,
        &runbooks,
        &common.live,
        common.started,
    );
    let gateway = brokers::gateway_settings(&common, evaluated.num_sensors);
    let report =
        control::reporting(&common, &gateway, &receivers, storage.gauges(), storage.watch());
    let heartbeat = heartbeat::settings(&common, &boxes, &report);
    let reloads = Arc::new(ReloadGauges::new(common.started));
    let figures = control::counting(&common, &gateway, storage.gauges(), reloads.clone());
    let web = control::web_settings(&common, &boxes, report, figures);
    let (web_address, reload) = (web.address.clone(), web.reload.clone());
    let evaluator = evaluation::settings(&common, &boxes, evaluated, reopen_alerts_file);
    let reloader = control::reloader(&common, &boxes, &group, fleet, runbooks, &web, reloads);
    let to_gateway = brokers::gateway_routes(&boxes);
    let push = storage::push(&boxes);
    let mut tree = Tree::new()
        .child(storage::child(boxes.storage, storage, push, cursors, stored))
        // Among the first and the last, since it also reports the state of the others.
        .child(control::web(boxes.web, web))
        .child(evaluation::child(boxes.alerts, evaluator))
        .child(intake::child(boxes.intake, common.log.clone()))
        .child(brokers::gateway(boxes.gateway, gateway, to_gateway))
        .group(group.phase(phase::FLEET))
        .child(control::reload(boxes.reload, reloader));
    for (mailbox, receiver) in receiver_boxes.into_iter().zip(receivers) {
        tree = tree.child(receivers::child(mailbox, receiver).phase(phase::RECEIVERS));
    }
    if let Some(heartbeat) = heartbeat {
        tree = tree.child(heartbeat::child(heartbeat));
    }
    if let Some(broker) = brokers::broker(boxes.broker, &common, address) {
        tree = tree.child(broker);
    }
    let health = common.health.clone();
    WiredTree { tree: watched(tree, common, web_address), health, reload }
}

const fn signalled(at_most: Duration) -> Readiness {
    Readiness::Signalled { at_most }
}

/// Logs the progress of the start, and ends a stuck process.
fn watched(tree: Tree, common: SharedParts, web_address: Arc<OnceLock<SocketAddr>>) -> Tree {
    let started = Instant::now();
    let SharedParts { config, options, words, embedded, .. } = common;
    tree.on_phase_up(move |up| match up {
        phase::GATEWAY => log::info!(target: "vigie::app", "{}", words.starting),
        phase::CONTROL => all_up(&options, &embedded, web_address.get(), started),
        _ => {}
    })
    .watchdog(config.watchdog, |arbiter, stuck| {
        log::error!(
            target: "vigie::app",
            "the thread of {arbiter} has been stuck for {stuck:?}: ending the process, so that it can be started anew"
        );
        std::process::exit(Exit::GaveUp.code().into());
    })
}

/// Everything is up: writes the ready file.
fn all_up(
    options: &Options,
    embedded: &watch::Receiver<Option<BrokerAddress>>,
    web: Option<&SocketAddr>,
    started: Instant,
) {
    log::info!(target: "vigie::app", "all up after {:.1} s", started.elapsed().as_secs_f64());
    let Some(path) = &options.ready_file else { return };
    let broker = embedded.borrow().as_ref().map(|address| address.public.to_string());
    let web = web.map(ToString::to_string);
    let line = serde_json::json!({ "pid": std::process::id(), "broker": broker, "web": web });
    if let Err(error) = write_at_once(path, &format!("{line}\n")) {
        log::error!(target: "vigie::app", "can't write {}: {error}", path.display());
    }
}

/// Replaces the file atomically.
fn write_at_once(path: &Path, text: &str) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
}
