//! Sessions of logged-in users. Pure: the clock is an argument.
//!
//! Always: a session ends by logout, after [`IDLE_AT_MOST`] without use, and [`LASTS_AT_MOST`]
//! after its login. Sessions are bounded: a login evicts the one unused the longest. The client
//! alone has a session's id; here is its SHA-256. Never: a clock, a random number, a password.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::Role;

/// Longest pause between two requests of a session: a shift.
pub(super) const IDLE_AT_MOST: Duration = Duration::from_secs(12 * 3600);

/// Longest duration of a session.
pub(super) const LASTS_AT_MOST: Duration = Duration::from_secs(7 * 86_400);

/// Limit of sessions: some 200 bytes each, and more than watch one daemon.
const MOST_SESSIONS: usize = 1_000;

/// SHA-256 of a session's id.
pub(super) type SessionKey = [u8; 32];

/// Identity of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub name: Arc<str>,
    pub role: Role,
}

#[derive(Debug)]
struct Session {
    of: Identity,
    began: Instant,
    used: Instant,
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.used) >= IDLE_AT_MOST
            || now.saturating_duration_since(self.began) >= LASTS_AT_MOST
    }
}

/// All sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    by_key: HashMap<SessionKey, Session>,
    at_most: usize,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { by_key: HashMap::new(), at_most: MOST_SESSIONS }
    }
}

impl Sessions {
    /// Opens a session. At the limit, the one unused the longest ends.
    pub fn open(&mut self, key: SessionKey, of: Identity, now: Instant) {
        if self.by_key.len() >= self.at_most {
            self.by_key.retain(|_, session| !session.is_over(now));
        }
        if self.by_key.len() >= self.at_most {
            let oldest = self.by_key.iter().min_by_key(|(_, session)| session.used);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                self.by_key.remove(&oldest);
            }
        }
        self.by_key.insert(key, Session { of, began: now, used: now });
    }

    /// Identity of an open session. Counts as a use.
    pub fn find(&mut self, key: &SessionKey, now: Instant) -> Option<Identity> {
        let session = self.by_key.get_mut(key)?;
        if session.is_over(now) {
            self.by_key.remove(key);
            return None;
        }
        session.used = now;
        Some(session.of.clone())
    }

    /// Number of open sessions.
    pub fn len(&self, now: Instant) -> usize {
        self.by_key.values().filter(|session| !session.is_over(now)).count()
    }

    /// Ends a session; returns its identity.
    pub fn close(&mut self, key: &SessionKey) -> Option<Identity> {
        self.by_key.remove(key).map(|session| session.of)
    }

    /// Ends the sessions of users whose access has changed.
    pub fn retain(&mut self, is_let_in: impl Fn(&Identity) -> bool) {
        self.by_key.retain(|_, session| is_let_in(&session.of));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn anne() -> Identity {
        Identity { name: "anne".into(), role: Role::Operator }
    }

    const fn key(number: u8) -> SessionKey {
        [number; 32]
    }

    #[test]
    fn a_session_lasts_while_it_is_used_and_no_longer_than_a_week() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        sessions.open(key(1), anne(), start);
        let (mut now, step) = (start, IDLE_AT_MOST.saturating_sub(SECOND));
        while now + step < start + LASTS_AT_MOST {
            now += step;
            assert_eq!(sessions.find(&key(1), now), Some(anne()));
        }
        assert_eq!(sessions.find(&key(1), start + LASTS_AT_MOST), None);
        assert_eq!(sessions.find(&key(1), now), None, "it is over for good");
    }

    #[test]
    fn an_unused_session_ends() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        sessions.open(key(1), anne(), start);
        sessions.open(key(2), anne(), start);
        assert_eq!(
            sessions.find(&key(1), start + IDLE_AT_MOST.saturating_sub(SECOND)),
            Some(anne())
        );
        assert_eq!(sessions.find(&key(2), start + IDLE_AT_MOST), None);
        assert_eq!(sessions.find(&key(1), start + IDLE_AT_MOST), Some(anne()));
    }

    #[test]
    fn a_logout_ends_one_session_and_a_change_of_users_all_of_one() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let bob = Identity { name: "bob".into(), role: Role::Viewer };
        for (number, of) in [(1, anne()), (2, anne()), (3, bob.clone())] {
            sessions.open(key(number), of, now);
        }
        assert_eq!(sessions.close(&key(1)), Some(anne()));
        assert_eq!(sessions.close(&key(1)), None);
        assert_eq!(sessions.find(&key(1), now), None);
        assert_eq!(sessions.find(&key(2), now), Some(anne()));
        sessions.retain(|of| of.name != anne().name);
        assert_eq!(sessions.find(&key(2), now), None);
        assert_eq!(sessions.find(&key(3), now), Some(bob));
    }

    #[test]
    fn where_there_are_too_many_the_one_unused_the_longest_ends() {
        let start = Instant::now();
        let mut sessions = Sessions { at_most: 3, ..Sessions::default() };
        for number in 1..=3 {
            sessions.open(key(number), anne(), start + u32::from(number) * SECOND);
        }
        assert!(sessions.find(&key(1), start + 10 * SECOND).is_some());
        sessions.open(key(4), anne(), start + 11 * SECOND);
        let found: Vec<_> =
            (1..=4).filter(|it| sessions.find(&key(*it), start + 12 * SECOND).is_some()).collect();
        assert_eq!(found, [1, 3, 4]);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Open(u8),
        Find(u8),
        Close(u8),
        Pass(Duration),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0_u8..8).prop_map(Step::Open),
            (0_u8..8).prop_map(Step::Find),
            (0_u8..8).prop_map(Step::Close),
            (0_u64..20 * 3600).prop_map(|seconds| Step::Pass(Duration::from_secs(seconds))),
        ]
    }

    proptest! {
        /// Against a list of what was opened: whatever is found was opened, not closed since, used lately, and
        /// is not older than it may be; there are never too many; and with room for all none is missing.
        #[test]
        fn what_is_found_has_a_right_to_be(
            steps in proptest::collection::vec(step(), 0..200),
            at_most in 1_usize..10,
        ) {
            let mut sessions = Sessions { at_most, ..Sessions::default() };
            let mut now = Instant::now();
            let mut model: HashMap<u8, (Instant, Instant)> = HashMap::new();
            for step in steps {
                match step {
                    Step::Open(number) => {
                        sessions.open(key(number), anne(), now);
                        model.insert(number, (now, now));
                    }
                    Step::Close(number) => {
                        sessions.close(&key(number));
                        model.remove(&number);
                    }
                    Step::Pass(time) => now += time,
                    Step::Find(number) => {
                        let is_found = sessions.find(&key(number), now).is_some();
                        let expected = model.get_mut(&number).is_some_and(|(began, used)| {
                            now - *used < IDLE_AT_MOST && now - *began < LASTS_AT_MOST
                        });
                        prop_assert!(expected || !is_found);
                        prop_assert!(is_found || !expected || at_most < 8);
                        if is_found {
                            model.entry(number).and_modify(|(_, used)| *used = now);
                        } else {
                            model.remove(&number);
                        }
                    }
                }
                prop_assert!(sessions.by_key.len() <= at_most);
            }
        }
    }
}
