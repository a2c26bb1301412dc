//! Where the broker listens: the users' address, and the gateway's own when that one isn't plain
//! TCP on loopback. Errors here say which configuration key to turn.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use rmqtt::net::{Builder, Listener};

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

/// Bound, and not accepting yet.
pub(super) struct Listeners {
    pub(super) public: (Listener, SocketAddr),
    pub(super) private: Option<(Listener, SocketAddr)>,
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
        let settings = limits::listener("public", self.public, self.anonymous);
        let public = match &self.tls {
            None => open(settings)?,
            Some(tls) => open_tls(settings, tls)?,
        };
        let private = self.needs_private().then(|| self.bind_private()).transpose()?;
        Ok(Listeners { public, private })
    }

    /// The gateway speaks plain TCP on loopback.
    fn needs_private(&self) -> bool {
        self.tls.is_some() || !self.public.ip().is_loopback()
    }

    fn bind_private(&self) -> Result<(Listener, SocketAddr), Failure> {
        let on = |port: u16| {
            let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            open(limits::listener("private", addr, self.anonymous))
        };
        // Nobody but the gateway knows the port, so a new one will do when the old one is gone.
        match self.private_port {
            Some(port) => on(port).or_else(|_taken| on(0)),
            None => on(0),
        }
    }
}

fn open(settings: Builder) -> Result<(Listener, SocketAddr), Failure> {
    let addr = settings.laddr;
    let listener = settings.bind().map_err(|error| cant_listen(addr, &error))?;
    let bound = listener.local_addr().map_err(|error| cant_listen(addr, &error))?;
    Ok((listener, bound))
}

fn open_tls(settings: Builder, tls: &ServerTls) -> Result<(Listener, SocketAddr), Failure> {
    let cert = readable(&tls.cert, "broker.tls_cert")?;
    let key = readable(&tls.key, "broker.tls_key")?;
    let (listener, bound) = open(settings.tls_cert(Some(cert)).tls_key(Some(key)))?;
    let listener = listener.tls().map_err(|error| {
        Failure::Unavailable(format!(
            "can't use the TLS certificate {cert} with the key {key}: {error:#}; broker.tls_cert and \
             broker.tls_key must be PEM files that belong together"
        ))
    })?;
    Ok((listener, bound))
}

/// The path as text, once the file is known to be readable: rmqtt's errors don't name it.
fn readable<'a>(path: &'a Path, key: &str) -> Result<&'a str, Failure> {
    let problem = match (std::fs::File::open(path), path.to_str()) {
        (Ok(_), Some(text)) => return Ok(text),
        (Ok(_), None) => "its name is not valid UTF-8".to_owned(),
        (Err(error), _) => error.to_string(),
    };
    Err(Failure::Unavailable(format!(
        "can't read the file {}: {problem}; correct {key}",
        path.display()
    )))
}

fn cant_listen(addr: SocketAddr, error: &rmqtt::Error) -> Failure {
    let advice = match error.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::AddrInUse) => {
            "another broker may be running there: stop it, or set broker.listen to another port (0 takes \
             a free one)"
        }
        Some(io::ErrorKind::PermissionDenied) => {
            "ports below 1024 need privileges: set broker.listen to a port above"
        }
        Some(io::ErrorKind::AddrNotAvailable) => {
            "this machine has no such address: set broker.listen to one it has"
        }
        _ => "check broker.listen",
    };
    Failure::Unavailable(format!("the embedded broker can't listen on {addr}: {error}; {advice}"))
}
