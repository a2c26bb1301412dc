//! The listening clocks while the daemon runs: which ways in are open, and how long they have been. Pure.
//!
//! Alingresses: a clock advances only while its way in is open and the log takes what comes; by at most
//! [`LONGEST_STEP`] from one reading of it to the next. Never: a clock that goes back.

use std::time::{Duration, Instant};

use crate::domain::{Ingress, ListeningClocks};

/// Longest time one reading of a clock adds. The clocks are read each second at least; a process that gets no
/// processor time for longer does not listen either.
const LONGEST_STEP: Duration = Duration::from_secs(5);

/// State of all listening clocks.
#[derive(Debug)]
pub(super) struct Listening {
    clocks: ListeningClocks,
    ingresses: [IngressState; Ingress::ALL.len()],
}

/// One way in.
#[derive(Debug, Clone, Copy)]
struct IngressState {
    is_open: bool,
    /// The last reading of its clock; `None` while the clock stands still.
    read_at: Option<Instant>,
}

impl Listening {
    /// Clocks that continue from `clocks`, every way in open.
    pub const fn new(clocks: ListeningClocks) -> Self {
        Self {
            clocks,
            ingresses: [IngressState { is_open: true, read_at: None }; Ingress::ALL.len()],
        }
    }

    /// Opens or closes a way in.
    pub fn set_open(&mut self, ingress: Ingress, is_open: bool, is_accepting: bool, now: Instant) {
        self.read(is_accepting, now);
        self.ingresses[ingress.index()].is_open = is_open;
        self.read(is_accepting, now);
    }

    /// Whether a clock advances at present.
    pub const fn runs(&self, ingress: Ingress) -> bool {
        self.ingresses[ingress.index()].read_at.is_some()
    }

    /// Reads all clocks at `now`. The time since the last reading counts as the state is now.
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
    fn a_closed_way_in_stops_its_own_clock_and_no_other() {
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
    fn all_stand_still_while_the_log_takes_nothing() {
        let start = Instant::now();
        let mut listening = Listening::new(ListeningClocks::default());
        listening.read(true, start);
        listening.read(false, start + SECOND);
        let clocks = listening.read(true, start + 3 * SECOND);
        assert_eq!(clocks, ListeningClocks::default());
    }

    #[test]
    fn they_stand_still_while_the_process_is_frozen() {
        let start = Instant::now();
        let mut listening = Listening::new(ListeningClocks::default());
        let mut read = |seconds| {
            let clocks = listening.read(true, start + Duration::from_secs(seconds));
            clocks.get(Ingress::Own).as_secs()
        };
        assert_eq!([0, 4, 604, 605].map(&mut read), [0, 4, 9, 10]);
    }
}
