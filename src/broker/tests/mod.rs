//! The broker driven by clients in this process: Paho, and a bare one that can be cut off anywhere.
//!
//! Every broker listens on a free port of its own, every wait has a deadline.

mod access;
mod certificates;
mod clients;
mod delivery;
mod letter;
mod lifecycle;
mod publish_hook;
mod raw;
mod reconnects;
mod sessions;
mod users;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::access::Access;
use super::gauges::BrokerGauges;
use super::listeners::Plan;
use super::publish_hook::PublishHook;
use super::server::{STOP_AT_MOST, Server};
use super::shared::BrokerParts;
use super::storage::BrokerStore;
use crate::config::{BrokerConfig, BrokerLimits, ReadingTopic, SecretSource};
use crate::ingest::Subscriptions;
use crate::ingest::formats::{Formats, OriginJson};
use crate::wire::Topics;

/// Far more than anything here takes, also on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// A broker that is stopped, ports freed, when it goes out of scope.
struct Running(Option<Server>);

impl Running {
    fn new() -> Self {
        Self::with(&access(anonymous()))
    }

    fn with(access: &Access) -> Self {
        Self::start(access, None)
    }

    fn with_hook(hook: PublishHook) -> Self {
        Self::start(&access(anonymous()), Some(hook))
    }

    fn start(access: &Access, hook: Option<PublishHook>) -> Self {
        Self::keeping(access, hook, None)
    }

    fn keeping(
        access: &Access,
        hook: Option<PublishHook>,
        keep: Option<Arc<dyn BrokerStore>>,
    ) -> Self {
        let door = access.open().expect("files");
        let has_tls = door.borrow().tls.is_some();
        let (public, websocket) = (loopback(0), Some(loopback(0)));
        let plan = Plan { public, websocket, has_tls, private_port: None };
        let rooms = BrokerParts {
            door,
            hook,
            keep,
            gauges: BrokerGauges::default(),
            limits: BrokerLimits::default(),
        };
        Self(Some(Server::start(plan, rooms).expect("the broker starts")))
    }

    fn addr(&self) -> SocketAddr {
        self.0.as_ref().expect("still running").public
    }

    fn stop(&mut self) {
        if let Some(server) = self.0.take() {
            server.stop().0.recv_timeout(STOP_AT_MOST * 2).expect("the broker stops");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Lets everyone in.
fn anonymous() -> BrokerConfig {
    BrokerConfig {
        listen: loopback(0),
        listen_ws: None,
        credentials: None,
        users: Vec::new(),
        limits: BrokerLimits::default(),
        forward: Vec::new(),
        tls: None,
    }
}

fn access(config: BrokerConfig) -> Access {
    let topics = Topics::new("factory", ReadingTopic::Shared);
    let format = OriginJson::new(topics.clone(), chrono_tz::UTC);
    let formats = Formats::new(vec![Box::new(format)]);
    Access::new(config, topics, Subscriptions::new(formats, 0))
}

/// A password in a file that is gone with `folder`.
fn password(folder: &Path, password: &str) -> SecretSource {
    let file = folder.join(password);
    fs::write(&file, password).expect("written");
    SecretSource::File(file)
}
