//! Failed logins, counted by name and network. Pure: the clock is an argument.
//!
//! Always: at most [`MOST`] counters; a counter expires [`FORGOTTEN_AFTER`] its last failure. An IPv6 address
//! counts as its /64, the smallest network a machine is assigned. Never: a network's counter evicted in favour of a
//! name's.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Age at which a count is forgotten.
pub const FORGOTTEN_AFTER: Duration = Duration::from_mins(30);

/// Capacity in counters, about 150 bytes each. Beyond it the oldest one is evicted.
pub const MOST: usize = 4_096;

/// Longest distinguished name, in bytes; the same as the limit of user names.
const LONGEST_NAME: usize = 64;

/// Subject of a counter: one name from a network, or the whole network.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source {
    network: IpAddr,
    name: Option<Box<str>>,
}

impl Source {
    /// One name from an address's network.
    #[must_use]
    pub fn name(address: IpAddr, name: &str) -> Self {
        let end = name.floor_char_boundary(LONGEST_NAME);
        Self { network: network(address), name: Some(name[..end].into()) }
    }

    /// All names from an address's network.
    #[must_use]
    pub fn network(address: IpAddr) -> Self {
        Self { network: network(address), name: None }
    }

    /// True for the counter of one name.
    #[must_use]
    pub const fn is_name(&self) -> bool {
        self.name.is_some()
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(it) => Ipv6Addr::from_bits(it.to_bits() >> 64 << 64).into(),
        it @ IpAddr::V4(_) => it,
    }
}

/// Failures of one source, with a note of the caller's.
#[derive(Debug, Clone, Copy)]
pub struct FailedSource<T> {
    /// Number of failures.
    pub count: u32,
    /// Time of the last one.
    pub last: Instant,
    /// The owner's note.
    pub note: T,
}

impl<T> FailedSource<T> {
    fn is_forgotten(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= FORGOTTEN_AFTER
    }
}

/// Counts of failures by their sources.
#[derive(Debug)]
pub struct Failures<T>(HashMap<Source, FailedSource<T>>);

impl<T> Default for Failures<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Default> Failures<T> {
    /// Counter of a source, unless it has expired.
    #[must_use]
    pub fn get(&self, source: &Source, now: Instant) -> Option<&FailedSource<T>> {
        self.0.get(source).filter(|it| !it.is_forgotten(now))
    }

    /// Mutable counter of a source, unless it has expired.
    pub fn get_mut(&mut self, source: &Source, now: Instant) -> Option<&mut FailedSource<T>> {
        self.0.get_mut(source).filter(|it| !it.is_forgotten(now))
    }

    /// Counts a failure.
    pub fn add(&mut self, source: Source, now: Instant) {
        self.make_room(&source, now);
        let failed = self.0.entry(source).or_insert(FailedSource {
            count: 0,
            last: now,
            note: T::default(),
        });
        if failed.is_forgotten(now) {
            failed.count = 0;
        }
        failed.count = failed.count.saturating_add(1);
        failed.last = now;
    }

    /// Forgets a source.
    pub fn remove(&mut self, source: &Source) {
        self.0.remove(source);
    }

    /// Number of counts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing failed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn make_room(&mut self, source: &Source, now: Instant) {
        if self.0.len() < MOST || self.0.contains_key(source) {
            return;
        }
        self.0.retain(|_, it| !it.is_forgotten(now));
        // Names are evicted first: their network's counter covers them.
        while self.0.len() >= MOST {
            let oldest = self.0.iter().min_by_key(|(it, failed)| (!it.is_name(), failed.last));
            let Some(oldest) = oldest.map(|(source, _)| source.clone()) else { return };
            self.0.remove(&oldest);
        }
    }
}
