//! How fast passwords can be tried: pure, with the clock as an argument.
//!
//! Always: after [`FREE`] failures of one user's name from one network, its attempts from there are checked one in
//! [`EACH`]; those of all names, after failures of [`FREE_NAMES`] names. Attempts wait for their turn in order, so
//! that a device with an old password doesn't lock out others with its address and account. An attempt is refused
//! if its turn is more than [`LONGEST_WAIT`] away. A source without failures expires ([`Failures`]). Never: a delay
//! for a network without failures.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::domain::{Failures, Source};

/// Failures of one name without delay: a few devices with last week's password.
const FREE: u32 = 10;

/// Names that failed from one network: the devices of a site whose passwords were changed.
const FREE_NAMES: u32 = 100;

/// Between two tries, once there were too many failures: 17,000 a day, which is nothing to a password of ten letters.
const EACH: Duration = Duration::from_secs(5);

/// Less than the timeout of a handshake.
const LONGEST_WAIT: Duration = Duration::from_secs(12);

/// Failure counters, each with the time of its next turn; `None` before the first.
#[derive(Debug, Default)]
pub(super) struct LoginThrottle(Failures<Option<Instant>>);

/// Too many tries wait already.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl LoginThrottle {
    /// How long a try has to wait for its turn.
    pub fn wait(&mut self, from: IpAddr, name: &str, now: Instant) -> Result<Duration, TooMany> {
        let (of_network, of_name) = (Source::network(from), Source::name(from, name));
        let is_over = |source: &Source, free: u32| {
            self.0.get(source, now).is_some_and(|failed| failed.count >= free)
        };
        // One turn, by network if it has too many names, since each name would have its own.
        let source = match () {
            () if is_over(&of_network, FREE_NAMES) => of_network,
            () if is_over(&of_name, FREE) => of_name,
            () => return Ok(Duration::ZERO),
        };
        let Some(failed) = self.0.get_mut(&source, now) else { return Ok(Duration::ZERO) };
        let turn = failed.note.unwrap_or(now).max(now);
        let wait = turn.saturating_duration_since(now);
        if wait > LONGEST_WAIT {
            return Err(TooMany);
        }
        failed.note = Some(turn + EACH);
        Ok(wait)
    }

    /// Counts a wrong password, or a missing one.
    pub fn fail(&mut self, from: IpAddr, name: &str, now: Instant) {
        let of_name = Source::name(from, name);
        if self.0.get(&of_name, now).is_none() {
            self.0.add(Source::network(from), now);
        }
        self.0.add(of_name, now);
    }

    /// Clears the failures of a name after a correct password. Its network keeps one.
    pub fn succeed(&mut self, from: IpAddr, name: &str, now: Instant) {
        if let Some(failed) = self.0.get_mut(&Source::name(from, name), now) {
            failed.count = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{FORGOTTEN_AFTER, MOST_FAILURES as MOST_COUNTS};

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 8));

    /// A brake that has seen some failures of a name.
    fn after(failures: u32, now: Instant) -> LoginThrottle {
        let mut brake = LoginThrottle::default();
        for _ in 0..failures {
            brake.fail(HERE, "pump", now);
        }
        brake
    }

    #[test]
    fn tries_take_turns_after_too_many_failures() {
        let now = Instant::now();
        let mut brake = after(FREE, now);
        let waits: Vec<_> = (0..4).map(|_| brake.wait(HERE, "pump", now)).collect();
        let [none, one, two] = [0, 1, 2].map(|turns| Ok(EACH * turns));
        assert_eq!(waits, [none, one, two, Err(TooMany)]);
        assert_eq!(brake.wait(HERE, "pump", now + EACH), Ok(EACH * 2), "one turn has passed");
        assert_eq!(brake.wait(HERE, "fan", now), Ok(Duration::ZERO));
        assert_eq!(brake.wait(THERE, "pump", now), Ok(Duration::ZERO));
    }

    #[test]
    fn few_failures_cost_nothing_and_success_forgets_them() {
        let now = Instant::now();
        let mut brake = after(FREE - 1, now);
        assert_eq!(brake.wait(HERE, "pump", now), Ok(Duration::ZERO));
        assert_eq!(brake.wait(HERE, "pump", now), Ok(Duration::ZERO));
        let mut brake = after(2 * FREE, now);
        brake.succeed(HERE, "pump", now);
        assert_eq!(brake.wait(HERE, "pump", now), Ok(Duration::ZERO));
        let mut brake = after(2 * FREE, now);
        assert_eq!(brake.wait(HERE, "pump", now + FORGOTTEN_AFTER), Ok(Duration::ZERO));
    }

    #[test]
    fn a_network_that_tries_many_names_takes_turns_with_all() {
        let (mut brake, now) = (LoginThrottle::default(), Instant::now());
        for number in 0..FREE_NAMES {
            brake.fail(HERE, &format!("user{number}"), now);
        }
        assert_eq!(brake.wait(HERE, "pump", now), Ok(Duration::ZERO));
        assert_eq!(brake.wait(HERE, "fan", now), Ok(EACH));
        assert_eq!(brake.wait(THERE, "fan", now), Ok(Duration::ZERO));
        let mut same = after(0, now);
        for _ in 0..2 * FREE_NAMES {
            same.fail(HERE, "pump", now);
            same.succeed(HERE, "pump", now);
        }
        for _ in 0..10 * FREE_NAMES {
            same.fail(HERE, "pump", now);
        }
        assert_eq!(same.wait(HERE, "fan", now), Ok(Duration::ZERO), "a name counts once");
    }

    #[test]
    fn counts_are_bounded_and_the_network_stays() {
        let (mut brake, mut now) = (LoginThrottle::default(), Instant::now());
        for number in 0..2 * MOST_COUNTS {
            now += Duration::from_millis(1);
            brake.fail(HERE, &format!("user{number}"), now);
            assert!(brake.0.len() <= MOST_COUNTS);
        }
        assert_eq!(brake.wait(HERE, "a", now), Ok(Duration::ZERO));
        assert_eq!(brake.wait(HERE, "b", now), Ok(EACH));
    }
}
