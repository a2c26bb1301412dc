//! How long the daemon has been listening, by each way in. Pure.
//!
//! A listening clock advances only while its ingress is open, so that a sensor isn't silent while nothing could
//! have been received from it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Ingress: a way by which readings enter the daemon.
///
/// The default is used for alarm states that an earlier version stored with a single clock, without ingress.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum Ingress {
    /// The daemon's own sensors.
    Own,
    /// The embedded broker.
    Embedded,
    /// External broker.
    #[default]
    Remote,
}

impl Ingress {
    /// Every way in, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Own, Self::Embedded, Self::Remote];

    /// Index of the way in, 0 to 2; part of the log's record layout.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Own => 0,
            Self::Embedded => 1,
            Self::Remote => 2,
        }
    }
}

/// The listening clock of each way in.
///
/// Invariant: no clock goes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListeningClocks {
    own: Duration,
    embedded: Duration,
    remote: Duration,
}

impl ListeningClocks {
    /// All clocks at the same time, for an upgrade from a single clock.
    #[must_use]
    pub const fn all_at(time: Duration) -> Self {
        Self { own: time, embedded: time, remote: time }
    }

    /// Reading of one clock.
    #[must_use]
    pub const fn get(&self, ingress: Ingress) -> Duration {
        match ingress {
            Ingress::Own => self.own,
            Ingress::Embedded => self.embedded,
            Ingress::Remote => self.remote,
        }
    }

    /// Advances a clock to `time`; ignores an earlier time.
    pub fn set_at_least(&mut self, ingress: Ingress, time: Duration) {
        let clock = match ingress {
            Ingress::Own => &mut self.own,
            Ingress::Embedded => &mut self.embedded,
            Ingress::Remote => &mut self.remote,
        };
        *clock = time.max(*clock);
    }

    /// The later reading of each clock.
    #[must_use]
    pub fn max(mut self, other: Self) -> Self {
        self.advance(&other);
        self
    }

    /// Advances each clock to that of `others`.
    pub fn advance(&mut self, others: &Self) {
        for ingress in Ingress::ALL {
            self.set_at_least(ingress, others.get(ingress));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_advance_one_by_one_and_never_go_back() {
        let second = Duration::from_secs(1);
        let mut clocks = ListeningClocks::all_at(5 * second);
        clocks.set_at_least(Ingress::Embedded, 7 * second);
        clocks.set_at_least(Ingress::Embedded, 6 * second);
        let shown = Ingress::ALL.map(|ingress| clocks.get(ingress).as_secs());
        assert_eq!(shown, [5, 7, 5]);
        clocks.advance(&ListeningClocks::all_at(6 * second));
        let shown = Ingress::ALL.map(|ingress| clocks.get(ingress).as_secs());
        assert_eq!(shown, [6, 7, 6]);
    }
}
