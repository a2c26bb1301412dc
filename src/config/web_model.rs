//! A valid configuration's part on the page and the API: where they listen, and who may do what there.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::connection_model::{Secret, SecretSource, ServerTls};

/// The page and the API. Not loopback implies a token or users.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebConfig {
    /// `None`: on its Unix socket alone. Port 0 takes a free one.
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

/// An account of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebUser {
    /// Name at the login, and of the operator in what is recorded of actions.
    pub name: Arc<str>,
    /// Argon2 hash in PHC notation. A secret: whoever has it can guess at the password.
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
    /// Roles by their words in the configuration and the API.
    pub const WORDS: [(&'static str, Self); 2] =
        [("viewer", Self::Viewer), ("operator", Self::Operator)];

    /// The role as it stands in the configuration and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }
}
