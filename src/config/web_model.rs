//! Model of the configuration: addresses, accounts and rights of the page and the API.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::connection_model::{Secret, SecretSource, ServerTls};

/// The page and the API. Not loopback implies a token or users.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebConfig {
    /// Address; `None` for the Unix socket only. Port 0 takes a free port.
    pub listen: Option<SocketAddr>,
    /// Bearer token with full rights.
    pub token: Option<SecretSource>,
    /// Accounts, in the order of the file; no two of one name.
    pub users: Vec<WebUser>,
    /// Addresses of reverse proxies whose `X-Forwarded-…` headers count.
    pub proxies: Vec<IpAddr>,
    /// Certificate and key; `None` for plain HTTP.
    pub tls: Option<ServerTls>,
    /// Limit of series that `/metrics` shows one by one; 0 for none.
    pub metrics_sensors: usize,
}

/// Account of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebUser {
    /// Login name, also the operator's name in recorded actions.
    pub name: Arc<str>,
    /// Argon2 hash in PHC notation. A secret, since passwords can be guessed with it.
    pub password_hash: Secret,
    /// Rights of the account.
    pub role: Role,
}

/// Rights at the page and the API; the later one includes the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads and acts.
    Operator,
}

impl Role {
    /// Roles by their names in the configuration and the API.
    pub const WORDS: [(&'static str, Self); 2] =
        [("viewer", Self::Viewer), ("operator", Self::Operator)];

    /// Name of the role in the configuration and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }
}
