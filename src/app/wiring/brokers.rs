//! The embedded broker, and the gateway to whichever broker the daemon publishes to.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::super::live::Shown;
use super::{Mailboxes, ONE, SharedParts, phase, signalled};
use crate::broker::{self, Broker, PublishHook};
use crate::messages::{BrokerAddress, PushReport};
use crate::mqtt::{self, DiscoverySettings, Gateway};
use crate::supervisor::{ChildSpec, Mailbox};

/// How long the start waits for the first connection before sensors start without it.
const CONNECT_AT_MOST: Duration = Duration::from_secs(5);

pub(super) fn gateway_settings(common: &SharedParts, num_sensors: usize) -> mqtt::Settings {
    let is_embedded = common.is_embedded();
    mqtt::Settings {
        mqtt: common.config.mqtt.clone(),
        times: common.config.times,
        words: common.words,
        sensors: num_sensors,
        version: common.options.version.to_owned(),
        embedded: is_embedded.then(|| common.embedded.clone()),
        log: common.log.clone(),
        subscriptions: common.subscriptions.clone(),
        forward_mark: forward(common).next().and(common.instance.clone()),
        subscribes: !is_embedded,
        discovery: common.config.home_assistant.clone().map(|config| DiscoverySettings {
            config,
            series: Arc::new(Shown(common.live.clone())),
        }),
        gauges: Arc::default(),
    }
}

pub(super) fn gateway_routes(boxes: &Mailboxes) -> mqtt::Routes {
    mqtt::Routes { report: boxes.storage.route::<PushReport>(ONE) }
}

pub(super) fn gateway(
    mailbox: Mailbox<Gateway>,
    settings: mqtt::Settings,
    routes: mqtt::Routes,
) -> ChildSpec<Gateway> {
    ChildSpec::critical("gateway", mailbox, mqtt::factory(settings, routes))
        .phase(phase::GATEWAY)
        .readiness(signalled(CONNECT_AT_MOST))
}

/// Filters of messages that are forwarded from the embedded broker's devices.
fn forward(common: &SharedParts) -> impl Iterator<Item = &String> {
    common.config.broker.iter().flat_map(|broker| &broker.forward)
}

/// `None` without a `[broker]`.
pub(super) fn broker(
    mailbox: Mailbox<Broker>,
    common: &SharedParts,
    address: watch::Sender<Option<BrokerAddress>>,
) -> Option<ChildSpec<Broker>> {
    let broker = common.config.broker.as_ref()?;
    let hook = PublishHook {
        log: common.log.clone(),
        subscriptions: common.subscriptions.clone(),
        forward: forward(common).cloned().collect(),
        reserved: [common.topics.own_filters(), vec![common.topics.acknowledgement_filter()]]
            .concat(),
    };
    let settings = broker::Settings {
        listen: broker.listen,
        listen_ws: broker.listen_ws,
        access: common.broker_access.clone()?,
        hook: Some(hook),
        keep: common.kept.clone(),
        gauges: common.broker_gauges.clone(),
        limits: broker.limits,
        clients: common.clients.clone(),
        words: common.words,
    };
    let spec = ChildSpec::critical("broker", mailbox, Broker::factory(settings, address));
    Some(spec.phase(phase::BROKER))
}
