//! Where the broker listens: the users' address, and the gateway's own when that one isn't plain
//! TCP on loopback. Errors here say which configuration key to turn.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod};
use tokio::net::{TcpListener, TcpSocket};

use super::limits;
use crate::config::ServerTls;
use crate::supervisor::Failure;

/// What to listen on.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// The users' address; port 0 takes a free one.
    pub(super) public: SocketAddr,
    pub(super) tls: Option<ServerTls>,
    /// Whether clients may come without a user name.
    pub(super) anonymous: bool,
    /// The port the gateway's own listener had before, if there was one.
    pub(super) private_port: Option<u16>,
}

/// One that is bound.
pub(super) struct Listener {
    pub(super) socket: TcpListener,
    pub(super) addr: SocketAddr,
    pub(super) tls: Option<SslAcceptor>,
}

/// Bound, and not accepting yet.
pub(super) struct Listeners {
    pub(super) public: Listener,
    pub(super) private: Option<Listener>,
}

impl Plan {
    /// Binds. Must be called within the broker's runtime.
    pub(super) fn bind(&self) -> Result<Listeners, Failure> {
        if !self.public.ip().is_loopback() && self.anonymous {
            return Err(Failure::Unavailable(format!(
                "won't listen on {} without credentials, since it is beyond loopback: set \
                 broker.username and broker.password_file or broker.password_env",
                self.public
            )));
        }
        let tls = self.tls.as_ref().map(acceptor).transpose()?;
        let public = Listener { tls, ..open(self.public)? };
        let private = self.needs_private().then(|| self.bind_private()).transpose()?;
        Ok(Listeners { public, private })
    }

    /// The gateway speaks plain TCP on loopback.
    fn needs_private(&self) -> bool {
        self.tls.is_some() || !self.public.ip().is_loopback()
    }

    fn bind_private(&self) -> Result<Listener, Failure> {
        let on = |port: u16| open(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        // Nobody but the gateway knows the port, so a new one will do when the old one is gone.
        match self.private_port {
            Some(port) => on(port).or_else(|_taken| on(0)),
            None => on(0),
        }
    }
}

fn open(addr: SocketAddr) -> Result<Listener, Failure> {
    let listen = || {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // So that a restart needn't wait for the old connections' TIME_WAIT.
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        let socket = socket.listen(limits::BACKLOG)?;
        let addr = socket.local_addr()?;
        Ok(Listener { socket, addr, tls: None })
    };
    listen().map_err(|error| cant_listen(addr, &error))
}

fn acceptor(ServerTls { cert, key }: &ServerTls) -> Result<SslAcceptor, Failure> {
    // OpenSSL's errors don't name the file.
    for (path, name) in [(cert, "broker.tls_cert"), (key, "broker.tls_key")] {
        if let Err(error) = std::fs::File::open(path) {
            let path = path.display();
            let why = format!("can't read the file {path}: {error}; correct {name}");
            return Err(Failure::Unavailable(why));
        }
    }
    let build = || {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
        acceptor.set_certificate_chain_file(cert)?;
        acceptor.set_private_key_file(key, SslFiletype::PEM)?;
        acceptor.check_private_key()?;
        Ok(acceptor.build())
    };
    build().map_err(|error: openssl::error::ErrorStack| {
        let why = error.errors().first().and_then(openssl::error::Error::reason);
        Failure::Unavailable(format!(
            "can't use the TLS certificate {} with the key {}: {}; broker.tls_cert and broker.tls_key must be PEM \
             files that belong together",
            cert.display(),
            key.display(),
            why.unwrap_or("unknown cause"),
        ))
    })
}

fn cant_listen(addr: SocketAddr, error: &io::Error) -> Failure {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another broker may be running there: stop it, or set broker.listen to another port (0 takes \
             a free one)"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need privileges: set broker.listen to a port above"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address: set broker.listen to one it has"
        }
        _ => "check broker.listen",
    };
    Failure::Unavailable(format!("the embedded broker can't listen on {addr}: {error}; {advice}"))
}
