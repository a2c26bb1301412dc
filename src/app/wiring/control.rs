//! Wiring of control: the API, its report, the reload.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::super::api::HistoryReader;
use super::super::figures::Figures;
use super::super::fleet::Fleet;
use super::super::live::Shown;
use super::super::metrics::{FigureSources, ReloadGauges};
use super::super::reload::{Reloader, ReloaderSettings, Running};
use super::super::report::Reporting;
use super::{Mailboxes, ONE, SharedParts, intake, phase};
use crate::messages::{Reload, ReloadRules};
use crate::mqtt;
use crate::notify::{self, SharedRunbooks};
use crate::store::{StoreGauges, Watch};
use crate::supervisor::{ChildSpec, GroupSpec, Mailbox};
use crate::web::{self, Access, PlannedMaintenance, Web};

/// One reload in progress and one pending: further requests are served by the pending one, which has not read the
/// file yet.
const RELOAD_ROOM: usize = 2;

/// A reload in progress at the stop is aborted after this time.
const RELOAD_SHUTDOWN: Duration = Duration::from_millis(500);

pub(super) fn reporting(
    common: &SharedParts,
    gateway: &mqtt::Settings,
    receivers: &[notify::ReceiverSettings],
    stored: Arc<StoreGauges>,
    watch: Arc<Watch>,
) -> Reporting {
    Reporting {
        version: common.options.version,
        broker: gateway.broker_name(),
        gauges: gateway.gauges.clone(),
        health: common.health.clone(),
        log: common.log.clone(),
        live: common.live.clone(),
        store: common.store.clone(),
        stored,
        growth: common.growth.clone(),
        watch,
        measured: common.measured.clone(),
        broker_gauges: common.broker_gauges.clone(),
        receivers: receivers.iter().map(|it| (it.name.clone(), it.gauges.clone())).collect(),
        heartbeat: Arc::default(),
    }
}

/// Figures of the page and the API besides the report.
pub(super) fn counting(
    common: &SharedParts,
    gateway: &mqtt::Settings,
    store: Arc<StoreGauges>,
    reloads: Arc<ReloadGauges>,
) -> FigureSources {
    FigureSources {
        log: common.log.clone(),
        gateway: gateway.gauges.clone(),
        broker: common.broker_gauges.clone(),
        store,
        live: common.live.clone(),
        reloads,
        most_sensors: common.config.web.metrics_sensors,
    }
}

pub(super) fn web_settings(
    common: &SharedParts,
    boxes: &Mailboxes,
    report: Reporting,
    counting: FigureSources,
) -> web::Settings {
    let config = &common.config;
    let (hours, live) = (common.hours.clone(), common.live.clone());
    let history = Arc::new(HistoryReader::new(&config.storage.path, hours, live));
    let [alarms, alerts, readings, sparklines, rejected, trials, reports] =
        std::array::from_fn(|_| history.clone());
    let clients = common.is_embedded().then(|| common.clients.clone());
    let figures = Arc::new(Figures::new(report, common.words, clients));
    web::Settings {
        database: config.storage.path.clone(),
        listen: config.web.listen,
        token: config.web.token.clone(),
        tls: config.web.tls.clone(),
        certificate: Arc::default(),
        access: Arc::new(Access::new(&config.web)),
        proxies: config.web.proxies.clone(),
        address: Arc::default(),
        times: config.times,
        words: common.words,
        language: config.language.code(),
        live: Arc::new(Shown(common.live.clone())),
        status: ask(&figures, Figures::status),
        system: ask(&figures, Figures::system),
        broker: ask(&figures, Figures::broker),
        devices: devices(common),
        sample: ask(&figures, Figures::sample),
        metrics: Arc::new(move || counting.now()),
        reload: boxes.reload.route::<Reload>(RELOAD_ROOM),
        operate: intake::operate(boxes),
        maintenance: Arc::new(PlannedMaintenance::of(&config.maintenance)),
        alarm_report: Arc::new(move |period| reports.alarm_report(period)),
        try_rule: Arc::new(move |asked| trials.try_rule(asked)),
        alarms: Arc::new(move |asked| alarms.alarms(asked)),
        alerts: Arc::new(move |asked| alerts.alerts(asked)),
        readings: Arc::new(move |asked| readings.readings(asked)),
        sparklines: Arc::new(move |indexes| sparklines.sparklines(indexes)),
        rejected: Arc::new(move |at_most| rejected.rejected(at_most)),
    }
}

/// Inventory of sensors and topics since the start.
fn devices(common: &SharedParts) -> Arc<web::ReadDevices> {
    let (subscriptions, started) = (common.subscriptions.clone(), common.started);
    let embedded = common.embedded.clone();
    Arc::new(move || {
        let broker = embedded.borrow().as_ref().map(|address| address.public.to_string());
        subscriptions.inventory().report(started, broker)
    })
}

/// A query of the API.
fn ask<T: 'static>(
    figures: &Arc<Figures>,
    answer: impl Fn(&Figures) -> T + Send + Sync + 'static,
) -> Arc<dyn Fn() -> T + Send + Sync> {
    let figures = figures.clone();
    Arc::new(move || answer(&figures))
}

pub(super) fn web(mailbox: Mailbox<Web>, settings: web::Settings) -> ChildSpec<Web> {
    ChildSpec::critical("web", mailbox, Web::factory(settings)).phase(phase::STORAGE)
}

pub(super) fn reloader(
    common: &SharedParts,
    boxes: &Mailboxes,
    group: &GroupSpec,
    fleet: Fleet,
    runbooks: SharedRunbooks,
    web: &web::Settings,
    gauges: Arc<ReloadGauges>,
) -> ReloaderSettings {
    ReloaderSettings {
        file: common.options.config.clone(),
        group: group.handle(),
        rules: boxes.alerts.route::<ReloadRules>(ONE),
        runbooks,
        access: web.access.clone(),
        broker_access: common.broker_access.clone(),
        maintenance: web.maintenance.clone(),
        certificate: web.certificate.clone(),
        gauges,
        words: common.words,
        running: Arc::new(Mutex::new(Running { config: common.config.clone(), fleet })),
    }
}

pub(super) fn reload(
    mailbox: Mailbox<Reloader>,
    settings: ReloaderSettings,
) -> ChildSpec<Reloader> {
    ChildSpec::critical("reload", mailbox, settings.factory())
        .phase(phase::CONTROL)
        .shutdown(RELOAD_SHUTDOWN)
}
