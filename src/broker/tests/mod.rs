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

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::access::Accounts;
use super::listeners::Plan;
use super::publish_hook::PublishHook;
use super::server::{STOP_AT_MOST, Server};

/// Far more than anything here takes, also on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// A broker that is stopped, ports freed, when it goes out of scope.
struct Running(Option<Server>);

impl Running {
    fn new() -> Self {
        Self::with(anonymous(), Accounts::default())
    }

    fn with(plan: Plan, accounts: Accounts) -> Self {
        Self(Some(Server::start(plan, accounts, None).expect("the broker starts")))
    }

    fn with_hook(hook: PublishHook) -> Self {
        let server = Server::start(anonymous(), Accounts::default(), Some(hook));
        Self(Some(server.expect("the broker starts")))
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

fn anonymous() -> Plan {
    Plan { public: loopback(0), tls: None, anonymous: true, private_port: None }
}
