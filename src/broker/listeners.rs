//! Listeners: the users' addresses, and the gateway's own if those aren't plain TCP on loopback. Errors name the
//! configuration key.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use super::limits;
use crate::supervisor::Failure;

/// Addresses to listen on.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// The users' address; port 0 takes a free port.
    pub(super) public: SocketAddr,
    /// The users' WebSocket address.
    pub(super) websocket: Option<SocketAddr>,
    /// Whether users connect by TLS.
    pub(super) has_tls: bool,
    /// The port the gateway's own listener had before, if there was one.
    pub(super) private_port: Option<u16>,
}

/// One that is bound.
pub(super) struct Listener {
    pub(super) socket: TcpListener,
    pub(super) addr: SocketAddr,
    pub(super) has_tls: bool,
    pub(super) is_websocket: bool,
}

/// Bound, and not accepting yet.
pub(super) struct Listeners {
    pub(super) public: Listener,
    pub(super) websocket: Option<Listener>,
    pub(super) private: Option<Listener>,
}

impl Plan {
    /// Binds. Must be called within the broker's runtime.
    pub(super) fn bind(&self) -> Result<Listeners, Failure> {
        let public = Listener { has_tls: self.has_tls, ..open(self.public, "broker.listen")? };
        let websocket = self.websocket.map(|address| {
            let listener = open(address, "broker.listen_ws")?;
            Ok::<_, Failure>(Listener { has_tls: self.has_tls, is_websocket: true, ..listener })
        });
        let websocket = websocket.transpose()?;
        let private = self.needs_private().then(|| self.bind_private()).transpose()?;
        Ok(Listeners { public, websocket, private })
    }

    /// True if the gateway needs its own listener: it uses plain TCP on loopback.
    fn needs_private(&self) -> bool {
        self.has_tls || !self.public.ip().is_loopback()
    }

    fn bind_private(&self) -> Result<Listener, Failure> {
        let on = |port: u16| open(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), "broker.listen");
        // Only the gateway knows the port, so a new one will do if the old one is taken.
        match self.private_port {
            Some(port) => on(port).or_else(|_taken| on(0)),
            None => on(0),
        }
    }
}

fn open(addr: SocketAddr, key: &str) -> Result<Listener, Failure> {
    let listen = || {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // So that a restart needn't wait for the old connections' TIME_WAIT.
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        let socket = socket.listen(limits::BACKLOG)?;
        let addr = socket.local_addr()?;
        Ok(Listener { socket, addr, has_tls: false, is_websocket: false })
    };
    listen().map_err(|error| cant_listen(addr, key, &error))
}

fn cant_listen(addr: SocketAddr, key: &str, error: &io::Error) -> Failure {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "another broker may be running there: stop it, or set {key} to another port (0 takes a free one)"
        ),
        io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 need privileges: set {key} to a port above")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("this machine has no such address: set {key} to one it has")
        }
        _ => format!("check {key}"),
    };
    Failure::Unavailable(format!("the embedded broker can't listen on {addr}: {error}; {advice}"))
}
