//! The wiring: which actors there are, who sends what to whom, and how much may wait on the way.

#![expect(clippy::disallowed_methods, reason = "uptime counts from here")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as AsyncMutex, watch};

use super::Options;
use super::api::Reading;
use super::fleet::Fleet;
use super::receivers;
use super::reload::{Reloader, ReloaderSettings, Running, ruling};
use super::report::Reporting;
use super::stores::Stores;
use crate::broker::{self, Broker, PublishHook};
use crate::config::{Config, Endpoint};
use crate::domain::Ingress;
use crate::evaluator::{AlertsFile, Evaluator, EvaluatorSettings, LiveTable, RuleBook};
use crate::exit::Exit;
use crate::ingest::formats::{Formats, OriginJson};
use crate::ingest::{Intake, IntakeSettings};
use crate::messages::{
    AlertsStored, BrokerAddress, ConfirmCommitted, FindStored, LoadResumePoint, Measured, Operate,
    PushAlerts, PushReport, Reload, ReloadRules, Store,
};
use crate::mqtt::{self, Gateway};
use crate::notify::SharedRunbooks;
use crate::store::Writer;
use crate::supervisor::{ChildSpec, Health, Mailbox, Readiness, Route, Tree};
use crate::web::{self, Web};
use crate::wire::Topics;

/// Readings and alerts that may wait for a commit: some 5 MB. Enough for the next transaction while one is
/// being synced, and for alerts to be told of for a while when the database is locked.
const STORE_ROOM: usize = 20_000;

/// Offers from sensors that may wait for the log. Each sensor has at most one under way; the others of a large
/// fleet wait for room inside their own actors.
const MEASURED_ROOM: usize = 256;

/// Alert events on their way to the gateway: each message has one of its 20 credits at least.
const PUSH_ROOM: usize = 20;

/// Questions with one asker, who waits for the answer.
const ONE: usize = 1;

/// Operators' actions that may wait for their turn: each connection of the API has one at a time, and one
/// that finds no room waits there.
const OPERATE_ROOM: usize = 32;

/// Questions of the evaluator whether something is committed: one for each message that has actions.
const CONFIRM_ROOM: usize = 64;

/// How long the start waits for the first connection before sensors start without it.
const CONNECT_AT_MOST: Duration = Duration::from_secs(5);

/// How long storage may take to open its file and commit what was left.
const OPEN_AT_MOST: Duration = Duration::from_secs(60);

/// How long the evaluator may take to learn where to go on, and to read again what a fleet of 100,000 sensors stored
/// after its checkpoints, on a slow disk.
const RESTORE_AT_MOST: Duration = Duration::from_secs(600);

/// A reload under way, and one that waits: whatever asks then is served by that one, which has not read
/// the file yet.
const RELOAD_ROOM: usize = 2;

/// A reload that is under way when all stops is broken off.
const RELOAD_SHUTDOWN: Duration = Duration::from_millis(500);

/// The order of starting; stopping is the reverse.
mod phase {
    pub const STORAGE: u8 = 0;
    /// Before there can be an alert, so that a receiver that is new hears the first one.
    pub const RECEIVERS: u8 = 1;
    pub const ALERTS: u8 = 2;
    pub const INTAKE: u8 = 3;
    pub const BROKER: u8 = 4;
    pub const GATEWAY: u8 = 5;
    pub const FLEET: u8 = 6;
    /// What changes the others.
    pub const CONTROL: u8 = 7;
}

/// Every mailbox, made before any actor, so that wiring may go in circles.
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

/// The tree, ready to be started, and what must be told once it was.
pub(super) struct Wired {
    pub tree: Tree,
    pub health: Arc<OnceLock<Health>>,
    pub reload: Route<Reload>,
}

#[expect(clippy::too_many_lines, reason = "the whole tree at a glance, one child after the other")]
pub(super) fn wire(
    mut config: Config,
    options: Options,
    stores: Stores,
    reopen_alerts_file: Arc<AtomicBool>,
) -> Wired {
    let Stores { log, cursors, storage } = stores;
    let words = config.language.words();
    let started = Instant::now();
    let boxes = Mailboxes::default();
    let store = boxes.storage.route::<Store>(STORE_ROOM);
    let measured = boxes.intake.route::<Measured>(MEASURED_ROOM);
    let reload = boxes.reload.route::<Reload>(RELOAD_ROOM);
    let (address, embedded) = watch::channel(None);
    let health = Arc::new(OnceLock::new());

    let is_embedded = config.mqtt.endpoint == Endpoint::Embedded;
    let topics = Topics::new(&config.mqtt.topic_prefix, config.mqtt.reading_topic);
    let formats = Formats::new(vec![Box::new(OriginJson::new(topics, config.times.zone))]);
    let hook = PublishHook { log: log.clone(), formats: formats.clone() };

    let gateway = mqtt::Settings {
        mqtt: config.mqtt.clone(),
        times: config.times,
        words,
        sensors: config.sensors.len(),
        version: options.version.to_owned(),
        embedded: is_embedded.then(|| embedded.clone()),
        log: log.clone(),
        formats: formats.clone(),
        subscribes: !is_embedded,
        gauges: Arc::default(),
    };
    let gateway_routes = mqtt::Routes { report: boxes.storage.route::<PushReport>(ONE) };
    let make_gateway = mqtt::factory(gateway.clone(), gateway_routes);
    let stored = AlertsStored::default();
    let runbooks = SharedRunbooks::of(&config.rules);
    let receivers = receivers::settings(&config, &boxes.storage, &stored, &runbooks);
    let live = Arc::new(LiveTable::default());
    let report = Reporting {
        live: live.clone(),
        version: options.version,
        broker: gateway.broker_name(),
        gauges: gateway.gauges.clone(),
        health: health.clone(),
        log: log.clone(),
        store: store.clone(),
        measured: measured.clone(),
        receivers: receivers.iter().map(|it| (it.name.clone(), it.gauges.clone())).collect(),
    };
    let reading = Arc::new(Reading::new(&config.storage.path));
    let web = web::Settings {
        database: config.storage.path.clone(),
        listen: config.web.listen,
        token: config.web.token.clone(),
        address: Arc::default(),
        times: config.times,
        words,
        status: Arc::new(move || report.now()),
        reload: reload.clone(),
        operate: boxes.intake.route::<Operate>(OPERATE_ROOM),
        alarms: Arc::new({
            let reading = reading.clone();
            move || reading.alarms()
        }),
        alerts: Arc::new(move |asked| reading.alerts(asked)),
    };
    let web_address = web.address.clone();
    let evaluator = EvaluatorSettings {
        ruling: RuleBook::new(ruling(&config, &config.sensors)),
        times: config.times,
        words,
        alerts_file: config
            .log
            .alerts_file
            .clone()
            .map(|path| Arc::new(Mutex::new(AlertsFile::new(path, reopen_alerts_file)))),
        formats,
        log: log.clone(),
        live,
        default_ingress: if is_embedded { Ingress::Embedded } else { Ingress::Remote },
        store,
        find_stored: boxes.storage.route::<FindStored>(ONE),
        resume: boxes.storage.route::<LoadResumePoint>(ONE),
        confirm: boxes.storage.route::<ConfirmCommitted>(CONFIRM_ROOM),
    };
    let push = boxes.gateway.route::<PushAlerts>(PUSH_ROOM);
    let mut fleet = Fleet::new(config.times, measured);
    let group = fleet.group(config.fleet, std::mem::take(&mut config.sensors));
    let reloader = ReloaderSettings {
        file: options.config.clone(),
        group: group.handle(),
        rules: boxes.alerts.route::<ReloadRules>(ONE),
        runbooks,
        words,
        running: Arc::new(AsyncMutex::new(Running { config: config.clone(), fleet })),
    };

    let signalled = |at_most| Readiness::Signalled { at_most };
    let mut tree = Tree::new()
        .child(
            ChildSpec::critical(
                "storage",
                boxes.storage,
                Writer::factory(storage, Some(push), cursors, stored),
            )
            .phase(phase::STORAGE)
            .readiness(signalled(OPEN_AT_MOST)),
        )
        // Among the first and the last, since it also says how the others are.
        .child(ChildSpec::critical("web", boxes.web, Web::factory(web)).phase(phase::STORAGE))
        .child(
            ChildSpec::critical("alerts", boxes.alerts, move |env| {
                Ok(Evaluator::new(evaluator.clone(), env))
            })
            .phase(phase::ALERTS)
            .readiness(signalled(RESTORE_AT_MOST)),
        )
        .child(
            ChildSpec::critical("intake", boxes.intake, Intake::factory(IntakeSettings { log }))
                .phase(phase::INTAKE),
        )
        .child(
            ChildSpec::critical("gateway", boxes.gateway, make_gateway)
                .phase(phase::GATEWAY)
                .readiness(signalled(CONNECT_AT_MOST)),
        )
        .group(group.phase(phase::FLEET))
        .child(
            ChildSpec::critical("reload", boxes.reload, reloader.factory())
                .phase(phase::CONTROL)
                .shutdown(RELOAD_SHUTDOWN),
        );
    for receiver in receivers {
        tree = tree.child(receivers::child(receiver).phase(phase::RECEIVERS));
    }
    if let Some(broker) = &config.broker {
        let settings = broker::Settings {
            listen: broker.listen,
            credentials: broker.credentials.clone(),
            tls: broker.tls.clone(),
            hook: Some(hook),
            words,
        };
        tree = tree.child(
            ChildSpec::critical("broker", boxes.broker, Broker::factory(settings, address))
                .phase(phase::BROKER),
        );
    }
    let tree = tree
        .on_phase_up(move |up| match up {
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
        });
    Wired { tree, health, reload }
}

/// Everything is up: says so to who waits for the ready file.
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

/// Whoever sees the file sees all of it.
fn write_at_once(path: &Path, text: &str) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
}
