//! Listening clocks: the time for which each ingress has been open. Pure.
//!
//! Always: a clock advances only while its ingress is open and the log accepts records, by at most [`LONGEST_STEP`] between
//! two reads. Never: a clock that goes back.

use std::time::{Duration, Instant};

use crate::domain::{Ingress, ListeningClocks};

/// Longest step of a clock between two reads. Clocks are read at least once a second, so a longer step means that the
/// process got no processor time, and did not listen either.
const LONGEST_STEP: Duration = Duration::from_secs(5);

/// State of all listening clocks.
#[derive(Debug)]
pub(super) struct Listening {
    clocks: ListeningClocks,
    ingresses: [IngressState; Ingress::ALL.len()],
}

/// State of an ingress.
#[derive(Debug, Clone, Copy)]
struct IngressState {
    is_open: bool,
    /// Time of the clock's last read; `None` while the clock is stopped.
    read_at: Option<Instant>,
}

impl Listening {
    /// Clocks that continue from `clocks`, with every ingress open.
    pub const fn new(clocks: ListeningClocks) -> Self {
        Self {
            clocks,
            ingresses: [IngressState { is_open: true, read_at: None }; Ingress::ALL.len()],
        }
    }

    /// Opens or closes an ingress.
    pub fn set_open(&mut self, ingress: Ingress, is_open: bool, is_accepting: bool, now: Instant) {
        self.read(is_accepting, now);
        self.ingresses[ingress.index()].is_open = is_open;
        self.read(is_accepting, now);
    }

    /// Whether a clock advances.
    pub const fn runs(&self, ingress: Ingress) -> bool {
        self.ingresses[ingress.index()].read_at.is_some()
    }

    /// Reads all clocks at `now`. The present state applies to the time since the last read.
    pub fn read(&mut self, is_accepting: bool, now: Instant) -> ListeningClocks {
        for ingress in Ingress::ALL {
            let state = &mut self.ingresses[ingress.index()];
            let is_listening = state.is_open && is_accepting;
            if let Some(read_at) = state.read_at.filter(|_| is_listening) {
                let step = now.saturating_duration_since(read_at).min(LONGEST_STEP);
                self.clocks.set_at_least(ingress, self.clocks.get(ingress) + step);
            }
            state.read_at = is_listening.then_some(now);
        }
        self.clocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_closed_ingress_stops_its_own_clock_and_no_other() {
        let start = Instant::now();
        let mut listening = Listening::new(ListeningClocks::all_at(5 * SECOND));
        assert_eq!(listening.read(true, start), ListeningClocks::all_at(5 * SECOND));
        let clocks = listening.read(true, start + SECOND);
        assert_eq!(clocks, ListeningClocks::all_at(6 * SECOND));
        listening.set_open(Ingress::Remote, false, true, start + 2 * SECOND);
        let clocks = listening.read(true, start + 4 * SECOND);
        assert_eq!(clocks.get(Ingress::Own), 9 * SECOND);
        assert_eq!(clocks.get(Ingress::Remote), 7 * SECOND);
        assert!(listening.runs(Ingress::Own) && !listening.runs(Ingress::Remote));
        listening.set_open(Ingress::Remote, true, true, start + 6 * SECOND);
        let clocks = listening.read(true, start + 7 * SECOND);
        assert_eq!(clocks.get(Ingress::Remote), 8 * SECOND);
    }

    #[test]
    fn all_clocks_stop_while_the_log_accepts_nothing() {
        let start = Instant::now();
        let mut listening = Listening::new(ListeningClocks::default());
        listening.read(true, start);
        listening.read(false, start + SECOND);
        let clocks = listening.read(true, start + 3 * SECOND);
        assert_eq!(clocks, ListeningClocks::default());
    }

    #[test]
    fn clocks_stop_while_the_process_is_frozen() {
        let start = Instant::now();
        let mut listening = Listening::new(ListeningClocks::default());
        let mut read = |seconds| {
            let clocks = listening.read(true, start + Duration::from_secs(seconds));
            clocks.get(Ingress::Own).as_secs()
        };
        assert_eq!([0, 4, 604, 605].map(&mut read), [0, 4, 9, 10]);
    }
}
