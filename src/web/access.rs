//! Login state: accounts, sessions and failed logins, shared by the listener's incarnations and the
//! reload.
//!
//! Always: one password is hashed at a time, since each takes 19 MiB; the queue for it is short,
//! with a timeout. A failure counts even if the client disconnects. An unknown name takes as long
//! as a known one. Never: a session's id (only its SHA-256), a password or hash in a log line.

#![expect(clippy::disallowed_methods, reason = "sessions and failed logins count from now")]

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use actix_web::web;
use openssl::sha::sha256;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::guard::Principal;
use super::metrics::WebCounts;
use super::password::is_password;
use super::session::{Identity, SessionKey, Sessions};
use super::throttle::Throttle;
use crate::config::{Secret, WebConfig, WebUser};
use crate::logging::LineLimit;

/// Limit of logins in the queue: some tenths of a second of hashing.
const MOST_WAITING: usize = 8;

/// Timeout in the queue.
const TURN_AT_MOST: Duration = Duration::from_secs(5);

/// Rate limit of log lines on logins refused without a check of the password, which cost a client
/// nothing: 20 every 10 seconds. Checked ones are limited by the time that a check takes.
const ON_UNCHECKED: (u64, Duration) = (20, Duration::from_secs(10));

/// Length of a session's id in bytes: 256 random bits.
const ID_BYTES: usize = 32;

/// Login attempt.
pub(super) struct Attempt {
    /// Address of the client.
    pub address: IpAddr,
    pub name: String,
    pub password: Secret,
}

/// Why a login is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LoginError {
    /// Unknown user, or wrong password.
    Wrong,
    /// Too many failures; the time to wait.
    TooOften(Duration),
    /// Too many logins at this moment.
    Busy,
    /// System error.
    Failed(String),
}

/// Accounts, sessions and failed logins.
#[derive(Debug)]
pub struct Access {
    /// Whether access is open while there are no accounts: listening on loopback, without a token.
    may_be_open: bool,
    users: RwLock<Arc<[WebUser]>>,
    sessions: Mutex<Sessions>,
    throttle: Mutex<Throttle>,
    succeeded: AtomicU64,
    refused: AtomicU64,
    lines: Mutex<LineLimit>,
    waiting: Semaphore,
    turn: Arc<Semaphore>,
}

impl Access {
    /// Access as configured, without sessions.
    #[must_use]
    pub fn new(config: &WebConfig) -> Self {
        Self {
            may_be_open: config.token.is_none()
                && config.listen.is_none_or(|it| it.ip().to_canonical().is_loopback()),
            users: RwLock::new(config.users.clone().into()),
            sessions: Mutex::default(),
            throttle: Mutex::default(),
            succeeded: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            lines: Mutex::new(LineLimit::new(ON_UNCHECKED.0, ON_UNCHECKED.1)),
            waiting: Semaphore::new(MOST_WAITING),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Replaces the accounts; returns true if they differ. Ends sessions of users that are removed,
    /// or have another password or role.
    pub fn reload(&self, config: &WebConfig) -> bool {
        let users: Arc<[WebUser]> = config.users.clone().into();
        let before = {
            let mut current = self.users.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, users.clone())
        };
        if before == users {
            return false;
        }
        self.sessions().retain(|of| {
            let known = |users: &[WebUser]| users.iter().find(|user| user.name == of.name).cloned();
            known(&before) == known(&users)
        });
        true
    }

    /// Whether access is open: no login is required.
    pub(super) fn is_open(&self) -> bool {
        self.may_be_open && self.users().is_empty()
    }

    /// Whether there are accounts.
    pub(super) fn has_users(&self) -> bool {
        !self.users().is_empty()
    }

    /// Identity of a session. Counts as a use.
    pub(super) fn find(&self, key: &SessionKey) -> Option<Identity> {
        self.sessions().find(key, Instant::now())
    }

    /// Whether an admitted visitor still has access: its session lasts, or access is open. For
    /// connections that outlive their request; counts as a use.
    pub(super) fn holds(&self, visitor: &Principal) -> bool {
        match (&visitor.session, visitor.is_owner) {
            (Some(key), _) => self.find(key).is_some(),
            (None, true) => true,
            (None, false) => self.is_open(),
        }
    }

    /// Ends a session; returns its identity.
    pub(super) fn log_out(&self, key: &SessionKey) -> Option<Identity> {
        self.sessions().close(key)
    }

    /// Counts of logins in this run of the daemon.
    pub(super) fn logins(&self) -> WebCounts {
        WebCounts {
            feeds: 0,
            succeeded: self.succeeded.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            sessions: self.sessions().len(Instant::now()),
        }
    }

    /// Whether a refused login is logged; `Some` with the number of lines suppressed since the last
    /// one.
    pub(super) fn admit_line(&self, refused: &LoginError) -> Option<u64> {
        match refused {
            LoginError::Wrong | LoginError::Failed(_) => Some(0),
            LoginError::TooOften(_) | LoginError::Busy => {
                self.lines.lock().unwrap_or_else(PoisonError::into_inner).admit(Instant::now())
            }
        }
    }

    /// Checks a password and opens a session; returns its id.
    pub(super) async fn log_in(self: &Arc<Self>, attempt: Attempt) -> Result<String, LoginError> {
        let done = self.try_log_in(attempt).await;
        let counter = if done.is_ok() { &self.succeeded } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        done
    }

    async fn try_log_in(self: &Arc<Self>, attempt: Attempt) -> Result<String, LoginError> {
        self.check_wait(&attempt)?;
        let Ok(_waiting) = self.waiting.try_acquire() else { return Err(LoginError::Busy) };
        let turn = tokio::time::timeout(TURN_AT_MOST, self.turn.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(LoginError::Busy) };
        // Earlier attempts in the queue may have failed with the same name.
        self.check_wait(&attempt)?;
        let access = self.clone();
        // On another thread, so that it completes and counts even if the client disconnects.
        let checked = web::block(move || access.check(&attempt, turn)).await;
        checked.map_err(|error| LoginError::Failed(error.to_string()))?
    }

    fn check_wait(&self, attempt: &Attempt) -> Result<(), LoginError> {
        let wait = self.throttle().wait(attempt.address, &attempt.name, Instant::now());
        wait.map_or(Ok(()), |wait| Err(LoginError::TooOften(wait)))
    }

    fn check(&self, attempt: &Attempt, _turn: OwnedSemaphorePermit) -> Result<String, LoginError> {
        let Attempt { address, name, password } = attempt;
        let users = self.users();
        let user = users.iter().find(|user| *user.name == **name);
        // For an unknown name another user's hash is computed, so that the response time reveals
        // nothing.
        let hashed = user.or(users.first()).ok_or(LoginError::Wrong)?;
        let is_right = is_password(password.reveal(), hashed.password_hash.reveal());
        let Some(user) = user.filter(|_| is_right) else {
            self.throttle().fail(*address, name, Instant::now());
            return Err(LoginError::Wrong);
        };
        self.throttle().succeed(*address, name);
        let mut id = [0; ID_BYTES];
        openssl::rand::rand_bytes(&mut id).map_err(|error| {
            LoginError::Failed(format!("the system gives no random numbers: {error}"))
        })?;
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let identity = Identity { name: user.name.clone(), role: user.role };
        self.sessions().open(key_of(&id), identity, Instant::now());
        Ok(id)
    }

    fn users(&self) -> Arc<[WebUser]> {
        self.users.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Updates are atomic, so a poisoned lock is still consistent.
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Key of the session with this id.
pub(super) fn key_of(id: &str) -> SessionKey {
    sha256(id.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::password::hash_password;
    use super::*;
    use crate::config::Role;

    fn config(users: &[(&str, &str, Role)]) -> WebConfig {
        let user = |(name, password, role): &(&str, &str, Role)| WebUser {
            name: (*name).into(),
            password_hash: Secret::new(hash_password(password).unwrap()),
            role: *role,
        };
        WebConfig { users: users.iter().map(user).collect(), ..WebConfig::default() }
    }

    fn attempt(name: &str, password: &str) -> Attempt {
        let address = IpAddr::from([192, 0, 2, 7]);
        Attempt { address, name: name.into(), password: Secret::new(password.into()) }
    }

    #[actix::test]
    async fn the_right_password_begins_a_session_that_a_logout_ends() {
        let access = Arc::new(Access::new(&config(&[("anne", "a", Role::Operator)])));
        let id = access.log_in(attempt("anne", "a")).await.unwrap();
        assert_eq!(id.len(), 2 * ID_BYTES);
        let anne = Identity { name: "anne".into(), role: Role::Operator };
        assert_eq!(access.find(&key_of(&id)), Some(anne.clone()));
        assert_eq!(access.find(&key_of(&id[1..])), None);
        let other = access.log_in(attempt("anne", "a")).await.unwrap();
        assert_ne!(other, id);
        assert_eq!(access.log_out(&key_of(&id)), Some(anne));
        assert_eq!(access.find(&key_of(&id)), None);
        assert!(access.find(&key_of(&other)).is_some());
        assert!(!format!("{access:?}").contains(&other), "{access:?}");
    }

    #[actix::test]
    async fn failures_of_known_and_unknown_names_count_alike() {
        let access = Arc::new(Access::new(&config(&[("anne", "a", Role::Viewer)])));
        for name in ["anne", "nobody"] {
            for _ in 0..5 {
                let refused = access.log_in(attempt(name, "b")).await.unwrap_err();
                assert_eq!(refused, LoginError::Wrong);
            }
            let refused = access.log_in(attempt(name, "a")).await.unwrap_err();
            assert!(matches!(refused, LoginError::TooOften(_)), "{refused:?}");
        }
    }

    #[actix::test]
    async fn tries_at_the_same_time_count_one_after_the_other() {
        let access = Arc::new(Access::new(&config(&[("anne", "a", Role::Viewer)])));
        let tries = (0..20).map(|_| access.log_in(attempt("anne", "b")));
        let refused = futures_util::future::join_all(tries).await;
        let count = |what: fn(&LoginError) -> bool| {
            refused.iter().filter(|it| what(it.as_ref().unwrap_err())).count()
        };
        assert_eq!(count(|it| *it == LoginError::Wrong), 5);
        assert_eq!(count(|it| matches!(it, LoginError::TooOften(_))), MOST_WAITING - 5);
        assert_eq!(count(|it| *it == LoginError::Busy), 20 - MOST_WAITING);
    }

    #[actix::test]
    async fn a_client_that_leaves_has_failed_all_the_same() {
        let access = Arc::new(Access::new(&config(&[("anne", "a", Role::Viewer)])));
        for _ in 0..5 {
            let gone = access.log_in(attempt("anne", "b"));
            let _left = tokio::time::timeout(Duration::from_millis(1), gone).await;
            // Its turn is over once its password has been checked.
            drop(access.turn.acquire().await.unwrap());
        }
        let refused = access.log_in(attempt("anne", "a")).await.unwrap_err();
        assert!(matches!(refused, LoginError::TooOften(_)), "{refused:?}");
    }

    #[actix::test]
    async fn a_reload_ends_the_sessions_of_those_it_changes() {
        let mut all = config(&[
            ("anne", "a", Role::Operator),
            ("bob", "b", Role::Viewer),
            ("carl", "c", Role::Viewer),
        ]);
        let access = Arc::new(Access::new(&all));
        let mut ids = Vec::new();
        for (name, password) in [("anne", "a"), ("bob", "b"), ("carl", "c")] {
            ids.push(access.log_in(attempt(name, password)).await.unwrap());
        }
        assert!(!access.reload(&all));
        all.users.remove(0);
        all.users[0].role = Role::Operator;
        assert!(access.reload(&all));
        let is_in: Vec<_> = ids.iter().map(|id| access.find(&key_of(id)).is_some()).collect();
        assert_eq!(is_in, [false, false, true]);
        let refused = access.log_in(attempt("anne", "a")).await;
        assert_eq!(refused, Err(LoginError::Wrong));
        assert!(access.reload(&WebConfig::default()));
        assert!(access.is_open());
    }

    #[test]
    fn a_reload_opens_nothing_beyond_loopback() {
        let anne = config(&[("anne", "a", Role::Viewer)]);
        let token = Some(crate::config::SecretSource::Env("T".into()));
        for (listen, token, expected) in
            [("127.0.0.1:1", None, true), ("0.0.0.0:1", None, false), ("127.0.0.1:1", token, false)]
        {
            let listen = Some(listen.parse().unwrap());
            let access = Access::new(&WebConfig { listen, token, ..anne.clone() });
            assert!(!access.is_open());
            assert!(access.reload(&WebConfig::default()));
            assert_eq!(access.is_open(), expected, "{listen:?}");
        }
    }
}
