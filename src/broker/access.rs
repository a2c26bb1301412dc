//! Authentication, rights and certificate: read from the configuration, replaced by a reload.
//!
//! Invariants: user names and passwords are compared in constant time, by their digests; only digests of passwords
//! are kept, and none is logged; if anything can't be read, the present state stays.

use std::sync::{Arc, Mutex, PoisonError};

use openssl::memcmp;
use openssl::sha::sha256;
use openssl::ssl::SslAcceptor;
use tokio::sync::watch;

use super::certificate;
use super::rights::{Grant, Limited, Rights};
use crate::config::{BrokerConfig, BrokerPreset, BrokerUser, GATEWAY_USER, Secret};
use crate::ingest::Subscriptions;
use crate::locale::BrokerChanges;
use crate::wire::Topics;

pub(super) type Digest = [u8; 32];

/// Access control, shared by the broker's incarnations and the reload.
pub struct Access {
    config: Mutex<BrokerConfig>,
    topics: Topics,
    subscriptions: Subscriptions,
    gateway_password: Secret,
    current: watch::Sender<Arc<AccessSnapshot>>,
}

/// One version of the access control.
#[derive(Default)]
pub(super) struct AccessSnapshot {
    users: Vec<User>,
    /// Whether clients may connect without a user name, with all rights.
    pub(super) is_open: bool,
    pub(super) tls: Option<SslAcceptor>,
    /// Digest of the certificate.
    certificate: Option<Digest>,
}

struct User {
    name: Arc<str>,
    name_digest: Digest,
    password: Digest,
    rights: Arc<Rights>,
}

impl Access {
    /// Access as the configuration has it. No file is read yet.
    #[must_use]
    pub fn new(config: BrokerConfig, topics: Topics, subscriptions: Subscriptions) -> Self {
        Self {
            config: Mutex::new(config),
            topics,
            subscriptions,
            gateway_password: random_password(),
            current: watch::Sender::default(),
        }
    }

    /// Replaces the accounts, and rereads their passwords and the certificate. Blocks.
    ///
    /// # Errors
    /// If a file can't be read; the present state stays.
    pub fn reload(&self, new: &BrokerConfig) -> Result<BrokerChanges, String> {
        // Until the door is replaced, so that an incarnation that opens meanwhile doesn't bring the old one back.
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        let door = self.door(new)?;
        config.clone_from(new);
        let before = self.current.send_replace(Arc::new(door));
        let after = self.current.borrow();
        Ok(BrokerChanges {
            users: !before.has_same_users(&after),
            certificate: before.certificate != after.certificate,
        })
    }

    /// Reads passwords and certificate, for an incarnation. Blocks.
    pub(super) fn open(&self) -> Result<watch::Receiver<Arc<AccessSnapshot>>, String> {
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        self.current.send_replace(Arc::new(self.door(&config)?));
        Ok(self.current.subscribe())
    }

    /// Name of the account with all rights, if any.
    pub(super) fn account(&self) -> Option<String> {
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        config.credentials.as_ref().map(|account| account.username.clone())
    }

    pub(super) const fn gateway_password(&self) -> &Secret {
        &self.gateway_password
    }

    fn door(&self, config: &BrokerConfig) -> Result<AccessSnapshot, String> {
        let all = Arc::new(Rights::All);
        let mut users = vec![User::new(GATEWAY_USER, self.gateway_password.reveal(), &all)];
        if let Some(account) = &config.credentials {
            let password = account.password.read().map_err(|why| {
                format!(
                    "can't read the embedded broker's password: {why}; correct broker.password_file or \
                     broker.password_env"
                )
            })?;
            users.push(User::new(&account.username, password.reveal(), &all));
        }
        for user in &config.users {
            let password = user.password.read().map_err(|why| {
                format!(
                    "can't read the password of the broker's user {:?}: {why}; correct its password_file or password_env",
                    user.name
                )
            })?;
            users.push(User::new(&user.name, password.reveal(), &Arc::new(self.rights(user))));
        }
        let tls = config.tls.as_ref().map(certificate::acceptor).transpose()?;
        let certificate = config.tls.as_ref().map(certificate::digest).transpose()?;
        let is_open = config.credentials.is_none() && config.users.is_empty();
        let beyond = [Some(config.listen), config.listen_ws].into_iter().flatten();
        let mut beyond = beyond.filter(|it| !it.ip().to_canonical().is_loopback());
        if let (true, Some(address)) = (is_open, beyond.next()) {
            return Err(format!(
                "won't listen on {address} without credentials, since it is beyond loopback: set broker.username and \
                 broker.password_file or broker.password_env, or add [[broker.users]]",
            ));
        }
        Ok(AccessSnapshot { users, is_open, tls, certificate })
    }

    fn rights(&self, user: &BrokerUser) -> Rights {
        let acknowledgements = self.topics.acknowledgement_filter();
        // Excludes topics from descriptions of devices: a description could name any topic.
        let taken_in = self.subscriptions.formats().published().into_iter().map(|it| it.text);
        let (mut publish, mut subscribe) = (user.publish.clone(), user.subscribe.clone());
        match user.preset {
            None => {}
            Some(BrokerPreset::Device) => {
                publish.extend(taken_in.filter(|filter| *filter != acknowledgements));
            }
            Some(BrokerPreset::Operator) => {
                publish.push(acknowledgements);
                subscribe.push("#".to_owned());
            }
            Some(BrokerPreset::Reader) => subscribe.push("#".to_owned()),
        }
        Rights::Limited(Limited { publish, subscribe, reserved: self.topics.own_filters() })
    }
}

impl AccessSnapshot {
    /// Grant for a client without a user name, if allowed.
    pub fn admit_nameless(&self) -> Option<Grant> {
        let rights = Arc::new(Rights::All);
        self.is_open.then_some(Grant { user: None, password: Digest::default(), rights })
    }

    /// Grant for a user name and password; `None` if either is wrong. Always compares with all users.
    pub fn admit(&self, name: &str, password: &[u8]) -> Option<Grant> {
        let (name, password) = (sha256(name.as_bytes()), sha256(password));
        let mut found = None;
        for user in &self.users {
            let is_name = memcmp::eq(&user.name_digest, &name);
            let is_password = memcmp::eq(&user.password, &password);
            if is_name & is_password {
                found = Some(user.grant());
            }
        }
        found
    }

    /// What a client that was let in may do now; `None` when it would not be let in any more.
    pub fn readmit(&self, grant: &Grant) -> Option<Grant> {
        let Some(name) = &grant.user else { return self.admit_nameless() };
        let user = self.users.iter().find(|it| it.name == *name)?;
        memcmp::eq(&user.password, &grant.password).then(|| user.grant())
    }

    /// What a client of a user may do that is away; `None` when there is no such user.
    pub fn of_user(&self, name: Option<&str>) -> Option<Grant> {
        let Some(name) = name else { return self.admit_nameless() };
        self.users.iter().find(|it| *it.name == *name).map(User::grant)
    }

    fn has_same_users(&self, other: &Self) -> bool {
        let same = |a: &User, b: &User| {
            a.name == b.name && a.password == b.password && a.rights == b.rights
        };
        self.is_open == other.is_open
            && self.users.len() == other.users.len()
            && self.users.iter().zip(&other.users).all(|(a, b)| same(a, b))
    }
}

impl User {
    fn new(name: &str, password: &str, rights: &Arc<Rights>) -> Self {
        Self {
            name: name.into(),
            name_digest: sha256(name.as_bytes()),
            password: sha256(password.as_bytes()),
            rights: rights.clone(),
        }
    }

    fn grant(&self) -> Grant {
        Grant {
            user: Some(self.name.clone()),
            password: self.password,
            rights: self.rights.clone(),
        }
    }
}

/// 256 bits from the thread's cryptographic generator.
fn random_password() -> Secret {
    Secret::new(rand::random::<[u128; 2]>().map(|half| format!("{half:032x}")).concat())
}
