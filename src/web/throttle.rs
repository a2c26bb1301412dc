//! How often a login may fail: pure, with the clock as an argument.
//!
//! Always: after [`FREE_FOR_NAME`] failures of one name from one address, or [`FREE_FOR_ADDRESS`] of any names
//! from it, each further try has to wait, twice as long each time up to [`LONGEST_WAIT`]. An unknown name counts
//! like a known one. Who fails no more is forgotten. An IPv6 address counts as its /64, the least that a single
//! machine is given.
//! Never: a wait for an address that did not fail, or more memory than [`MOST_COUNTS`] counts.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Failures of one name from one address that cost no wait.
const FREE_FOR_NAME: u32 = 5;

/// Failures from one address: people behind one router, each with some typing errors.
const FREE_FOR_ADDRESS: u32 = 50;

const FIRST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// Age at which a count is forgotten; longer than any wait.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30 * 60);

/// Counts at a time, some 150 bytes each. Past it the oldest is forgotten; its address has a count of its own.
const MOST_COUNTS: usize = 4_096;

/// Longest name that is told apart; a user's is no longer.
const LONGEST_NAME: usize = 64;

/// What is counted: a name from a network, or all of that network.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Source {
    network: IpAddr,
    name: Option<Box<str>>,
}

impl Source {
    fn name(address: IpAddr, name: &str) -> Self {
        let end = name.floor_char_boundary(LONGEST_NAME);
        Self { network: network(address), name: Some(name[..end].into()) }
    }

    fn address(address: IpAddr) -> Self {
        Self { network: network(address), name: None }
    }

    const fn num_free(&self) -> u32 {
        if self.name.is_some() { FREE_FOR_NAME } else { FREE_FOR_ADDRESS }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(it) => Ipv6Addr::from_bits(it.to_bits() >> 64 << 64).into(),
        it @ IpAddr::V4(_) => it,
    }
}

#[derive(Debug, Clone, Copy)]
struct Count {
    failures: u32,
    last: Instant,
}

impl Count {
    fn is_forgotten(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= FORGOTTEN_AFTER
    }

    fn wait(&self, num_free: u32, now: Instant) -> Duration {
        let Some(more) = self.failures.checked_sub(num_free) else { return Duration::ZERO };
        let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(more)).min(LONGEST_WAIT);
        wait.saturating_sub(now.saturating_duration_since(self.last))
    }
}

/// Counts of failed logins.
#[derive(Debug, Default)]
pub(super) struct Throttle(HashMap<Source, Count>);

impl Throttle {
    /// Time until a login may be tried; `None` at once.
    pub fn wait(&self, address: IpAddr, name: &str, now: Instant) -> Option<Duration> {
        let wait = |source: Source| {
            self.0.get(&source).map_or(Duration::ZERO, |count| count.wait(source.num_free(), now))
        };
        let wait = wait(Source::name(address, name)).max(wait(Source::address(address)));
        (!wait.is_zero()).then_some(wait)
    }

    /// Counts a failed login.
    pub fn fail(&mut self, address: IpAddr, name: &str, now: Instant) {
        for source in [Source::address(address), Source::name(address, name)] {
            self.make_room(&source, now);
            let count = self.0.entry(source).or_insert(Count { failures: 0, last: now });
            if count.is_forgotten(now) {
                count.failures = 0;
            }
            count.failures = count.failures.saturating_add(1);
            count.last = now;
        }
    }

    /// Forgets the failures of a name from an address, after a login. Those of the address stay: whoever has an
    /// account there can't try others' without end.
    pub fn succeed(&mut self, address: IpAddr, name: &str) {
        self.0.remove(&Source::name(address, name));
    }

    fn make_room(&mut self, source: &Source, now: Instant) {
        if self.0.len() < MOST_COUNTS || self.0.contains_key(source) {
            return;
        }
        self.0.retain(|_, count| !count.is_forgotten(now));
        // Counts of names first: that of an address stands for all its names.
        while self.0.len() >= MOST_COUNTS {
            let oldest = self.0.iter().min_by_key(|(it, count)| (it.name.is_none(), count.last));
            let Some(oldest) = oldest.map(|(source, _)| source.clone()) else { return };
            self.0.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 8));

    #[test]
    fn after_five_failures_a_name_has_to_wait_longer_each_time() {
        let (mut throttle, mut now) = (Throttle::default(), Instant::now());
        for _ in 0..FREE_FOR_NAME {
            assert_eq!(throttle.wait(HERE, "anne", now), None);
            throttle.fail(HERE, "anne", now);
        }
        for seconds in [30, 60, 120, 240, 480, 900, 900] {
            let wait = Duration::from_secs(seconds);
            assert_eq!(throttle.wait(HERE, "anne", now), Some(wait));
            now += wait;
            assert_eq!(throttle.wait(HERE, "anne", now), None);
            throttle.fail(HERE, "anne", now);
        }
        assert_eq!(throttle.wait(HERE, "bob", now), None);
        assert_eq!(throttle.wait(THERE, "anne", now), None);
        now += FORGOTTEN_AFTER;
        assert_eq!(throttle.wait(HERE, "anne", now), None);
        throttle.fail(HERE, "anne", now);
        assert_eq!(throttle.wait(HERE, "anne", now), None, "it counts from one again");
    }

    #[test]
    fn a_login_forgets_the_failures_of_its_name() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..FREE_FOR_NAME {
            throttle.fail(HERE, "anne", now);
        }
        throttle.succeed(HERE, "anne");
        assert_eq!(throttle.wait(HERE, "anne", now), None);
    }

    #[test]
    fn an_address_that_tries_many_names_has_to_wait_with_all() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for number in 0..FREE_FOR_ADDRESS {
            throttle.fail(HERE, &format!("user{number}"), now);
        }
        assert_eq!(throttle.wait(HERE, "anne", now), Some(FIRST_WAIT));
        assert_eq!(throttle.wait(THERE, "anne", now), None);
    }

    #[test]
    fn a_machine_has_many_addresses_of_version_6_and_one_count() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        for last in 0..FREE_FOR_NAME {
            throttle.fail(address(&format!("2001:db8::{last:x}")), "anne", now);
        }
        assert!(throttle.wait(address("2001:db8::ffff:1"), "anne", now).is_some());
        assert_eq!(throttle.wait(address("2001:db8:0:1::1"), "anne", now), None);
        for _ in 0..FREE_FOR_NAME {
            throttle.fail(address("::ffff:192.0.2.8"), "anne", now);
        }
        assert!(throttle.wait(THERE, "anne", now).is_some());
    }

    #[test]
    fn counts_are_bounded_and_the_addresses_stay_the_longest() {
        let (mut throttle, mut now) = (Throttle::default(), Instant::now());
        for number in 0..2 * MOST_COUNTS {
            now += Duration::from_millis(1);
            throttle.fail(HERE, &format!("user{number}"), now);
            assert!(throttle.0.len() <= MOST_COUNTS);
        }
        assert!(throttle.wait(HERE, "anyone", now).is_some());
    }

    proptest! {
        /// However the tries are spread, an hour has room for few.
        #[test]
        fn an_hour_has_room_for_few_tries(pauses in proptest::collection::vec(0_u64..60, 0..600)) {
            let start = Instant::now();
            let (mut throttle, mut now, mut num_tried) = (Throttle::default(), start, 0);
            for pause in pauses {
                now += Duration::from_secs(pause);
                if now - start > Duration::from_secs(3600) {
                    break;
                }
                if throttle.wait(HERE, "anne", now).is_none() {
                    throttle.fail(HERE, "anne", now);
                    num_tried += 1;
                }
            }
            prop_assert!(num_tried <= 20, "{num_tried}");
        }
    }
}
