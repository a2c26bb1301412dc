//! Throttling of failed logins. Pure: the clock is an argument.
//!
//! Always: after [`FREE_FOR_NAME`] failures of one name from one address, or [`FREE_FOR_ADDRESS`]
//! of any names from it, each further attempt has to wait, twice as long each time up to
//! [`LONGEST_WAIT`]. Unknown names count like known ones. Failures expire ([`Failures`]). Never: a
//! delay for an address without failures.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::domain::{FailedSource, Failures, Source};
use crate::supervisor::Backoff;

/// Failures of one name from one address without a delay.
const FREE_FOR_NAME: u32 = 5;

/// Failures from one address without a delay: people behind one router, with some typing errors
/// each.
const FREE_FOR_ADDRESS: u32 = 50;

/// Delay of each further attempt: 30 s, doubled each time, at most [`LONGEST_WAIT`].
const BACKOFF: Backoff =
    Backoff { first: Duration::from_secs(30), cap: LONGEST_WAIT, jitter_percent: 0 };
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

const fn num_free(source: &Source) -> u32 {
    if source.is_name() { FREE_FOR_NAME } else { FREE_FOR_ADDRESS }
}

fn wait(failed: &FailedSource<()>, num_free: u32, now: Instant) -> Duration {
    let Some(more) = failed.count.checked_sub(num_free) else { return Duration::ZERO };
    BACKOFF.delay(more, 0.0).saturating_sub(now.saturating_duration_since(failed.last))
}

/// Counts of failed logins.
#[derive(Debug, Default)]
pub(super) struct Throttle(Failures<()>);

impl Throttle {
    /// Time until a login may be attempted; `None` if at once.
    pub fn wait(&self, address: IpAddr, name: &str, now: Instant) -> Option<Duration> {
        let wait = |source: Source| {
            let failed = self.0.get(&source, now);
            failed.map_or(Duration::ZERO, |it| wait(it, num_free(&source), now))
        };
        let wait = wait(Source::name(address, name)).max(wait(Source::network(address)));
        (!wait.is_zero()).then_some(wait)
    }

    /// Counts a failed login.
    pub fn fail(&mut self, address: IpAddr, name: &str, now: Instant) {
        for source in [Source::network(address), Source::name(address, name)] {
            self.0.add(source, now);
        }
    }

    /// Clears the failures of a name from an address, after a login. Those of the address stay, so
    /// that an account there is no way to try others' passwords.
    pub fn succeed(&mut self, address: IpAddr, name: &str) {
        self.0.remove(&Source::name(address, name));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{FORGOTTEN_AFTER, MOST_FAILURES as MOST_COUNTS};

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
        assert_eq!(throttle.wait(HERE, "anne", now), Some(BACKOFF.first));
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
