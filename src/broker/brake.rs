//! How fast passwords can be tried: pure, with the clock as an argument.
//!
//! Always: after [`FREE`] failures of one user's name from one network, its tries from there are looked at one in
//! [`EACH`]; those of any name, after failures of [`FREE_NAMES`] names. A try waits for its turn, in the order of their
//! coming, so that a device with an old password doesn't keep others out that share its address and account; one that
//! would wait for longer than [`LONGEST_WAIT`] is refused. Who fails no more is forgotten. An IPv6 address counts as its
//! /64, the least that a single machine is given.
//! Never: a wait for a network that did not fail, or more memory than [`MOST_COUNTS`] counts.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Failures of one name that cost no wait: some devices that still have last week's password.
const FREE: u32 = 10;

/// Names that failed from one network: the devices of a site whose passwords were changed.
const FREE_NAMES: u32 = 100;

/// Between two tries, once there were too many failures: 17,000 a day, which is nothing to a password of ten letters.
const EACH: Duration = Duration::from_secs(5);

/// Less than a handshake may take.
const LONGEST_WAIT: Duration = Duration::from_secs(12);

/// Age at which a count is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(30);

/// Counts at a time, some 150 bytes each. Past it, the oldest of a name is forgotten; its network has a count of its own.
const MOST_COUNTS: usize = 4_096;

/// Longest name that is told apart.
const LONGEST_NAME: usize = 64;

/// A name from a network, or all of that network.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Source {
    network: IpAddr,
    name: Option<Box<str>>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    failures: u32,
    last: Instant,
    /// When the next try has its turn.
    next: Instant,
}

/// Counts of failures.
#[derive(Debug, Default)]
pub(super) struct Brake(HashMap<Source, Count>);

/// Too many tries wait already.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl Brake {
    /// How long a try has to wait for its turn.
    pub fn wait(&mut self, from: IpAddr, name: &str, now: Instant) -> Result<Duration, TooMany> {
        let [of_network, of_name] = sources(from, name);
        let is_over = |source: &Source, free: u32| {
            let count = self.0.get(source).filter(|it| !it.is_forgotten(now));
            count.is_some_and(|it| it.failures >= free)
        };
        // One turn: of the network where its names are too many, since each of them would have one.
        let source = match () {
            () if is_over(&of_network, FREE_NAMES) => of_network,
            () if is_over(&of_name, FREE) => of_name,
            () => return Ok(Duration::ZERO),
        };
        let Some(count) = self.0.get_mut(&source) else { return Ok(Duration::ZERO) };
        let turn = count.next.max(now);
        let wait = turn.saturating_duration_since(now);
        if wait > LONGEST_WAIT {
            return Err(TooMany);
        }
        count.next = turn + EACH;
        Ok(wait)
    }

    /// Counts a wrong password, or none where one is needed.
    pub fn fail(&mut self, from: IpAddr, name: &str, now: Instant) {
        let [of_network, of_name] = sources(from, name);
        let is_new = self.0.get(&of_name).is_none_or(|count| count.is_forgotten(now));
        self.count(of_name, now);
        if is_new {
            self.count(of_network, now);
        }
    }

    /// Forgets the failures of a name, whose password somebody knows. That it failed once counts for the network still,
    /// and once.
    pub fn succeed(&mut self, from: IpAddr, name: &str) {
        let [_, of_name] = sources(from, name);
        if let Some(count) = self.0.get_mut(&of_name) {
            count.failures = 0;
        }
    }

    fn count(&mut self, source: Source, now: Instant) {
        self.make_room(&source, now);
        let count = self.0.entry(source).or_insert(Count { failures: 0, last: now, next: now });
        if count.is_forgotten(now) {
            count.failures = 0;
        }
        count.failures = count.failures.saturating_add(1);
        count.last = now;
    }

    fn make_room(&mut self, source: &Source, now: Instant) {
        if self.0.len() < MOST_COUNTS || self.0.contains_key(source) {
            return;
        }
        self.0.retain(|_, count| !count.is_forgotten(now));
        while self.0.len() >= MOST_COUNTS {
            let oldest = self.0.iter().min_by_key(|(it, count)| (it.name.is_none(), count.last));
            let Some(oldest) = oldest.map(|(source, _)| source.clone()) else { return };
            self.0.remove(&oldest);
        }
    }
}

impl Count {
    fn is_forgotten(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= FORGOTTEN_AFTER
    }
}

fn sources(from: IpAddr, name: &str) -> [Source; 2] {
    let network = match from.to_canonical() {
        IpAddr::V6(it) => Ipv6Addr::from_bits(it.to_bits() >> 64 << 64).into(),
        it @ IpAddr::V4(_) => it,
    };
    let name = &name[..name.floor_char_boundary(LONGEST_NAME)];
    [Source { network, name: None }, Source { network, name: Some(name.into()) }]
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 8));

    /// A brake that has seen some failures of a name.
    fn after(failures: u32, now: Instant) -> Brake {
        let mut brake = Brake::default();
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
        brake.succeed(HERE, "pump");
        assert_eq!(brake.wait(HERE, "pump", now), Ok(Duration::ZERO));
        let mut brake = after(2 * FREE, now);
        assert_eq!(brake.wait(HERE, "pump", now + FORGOTTEN_AFTER), Ok(Duration::ZERO));
    }

    #[test]
    fn a_network_that_tries_many_names_takes_turns_with_all() {
        let (mut brake, now) = (Brake::default(), Instant::now());
        for number in 0..FREE_NAMES {
            brake.fail(HERE, &format!("user{number}"), now);
        }
        assert_eq!(brake.wait(HERE, "pump", now), Ok(Duration::ZERO));
        assert_eq!(brake.wait(HERE, "fan", now), Ok(EACH));
        assert_eq!(brake.wait(THERE, "fan", now), Ok(Duration::ZERO));
        let mut same = after(0, now);
        for _ in 0..2 * FREE_NAMES {
            same.fail(HERE, "pump", now);
            same.succeed(HERE, "pump");
        }
        for _ in 0..10 * FREE_NAMES {
            same.fail(HERE, "pump", now);
        }
        assert_eq!(same.wait(HERE, "fan", now), Ok(Duration::ZERO), "a name counts once");
    }

    #[test]
    fn counts_are_bounded_and_the_network_stays() {
        let (mut brake, mut now) = (Brake::default(), Instant::now());
        for number in 0..2 * MOST_COUNTS {
            now += Duration::from_millis(1);
            brake.fail(HERE, &format!("user{number}"), now);
            assert!(brake.0.len() <= MOST_COUNTS);
        }
        assert_eq!(brake.wait(HERE, "a", now), Ok(Duration::ZERO));
        assert_eq!(brake.wait(HERE, "b", now), Ok(EACH));
    }
}
