//! Faults on request: how Vigie fails can be watched, and its promises tested, on the very binary
//! that is run.
//!
//! What is to go wrong is named by child, before the tree starts. An actor calls
//! [`ChildEnv::fault_point`](super::ChildEnv::fault_point) where a panic would hurt most: with work
//! in its hands. Holds always: with nothing asked for, a fault point costs one look at an `Option`;
//! a child's rhythm outlives its incarnations. Pure: time is handed in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is to go wrong in one child.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fault {
    /// It panics at its first fault point after each such period.
    pub panic_every: Option<Duration>,
    /// Each row it commits costs this much more.
    pub slow_by: Option<Duration>,
}

/// What is to go wrong, by the child's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(pub HashMap<String, Fault>);

impl Faults {
    /// Begins every period now.
    pub(super) fn arm(&self, now: Instant) -> Armed {
        let armed = |fault: &Fault| {
            let panics = fault.panic_every.map(|every| Mutex::new(Panics::new(every, now)));
            Arc::new(ChildFaults { panics, slow_by: fault.slow_by })
        };
        Armed(self.0.iter().map(|(name, fault)| (name.clone(), armed(fault))).collect())
    }
}

/// The faults of a running tree.
#[derive(Debug, Default)]
pub(super) struct Armed(HashMap<String, Arc<ChildFaults>>);

impl Armed {
    pub(super) fn of(&self, child: &str) -> Option<Arc<ChildFaults>> {
        self.0.get(child).cloned()
    }
}

/// One child's, shared by its incarnations.
#[derive(Debug)]
pub(super) struct ChildFaults {
    panics: Option<Mutex<Panics>>,
    pub(super) slow_by: Option<Duration>,
}

impl ChildFaults {
    /// Whether to panic now.
    pub(super) fn strikes(&self, now: Instant) -> bool {
        let strikes = |panics: &Mutex<Panics>| {
            panics.lock().unwrap_or_else(PoisonError::into_inner).strikes(now)
        };
        self.panics.as_ref().is_some_and(strikes)
    }
}

/// One strike a period, at the first occasion in it.
#[derive(Debug)]
struct Panics {
    every: Duration,
    next: Instant,
}

impl Panics {
    fn new(every: Duration, now: Instant) -> Self {
        Self { every, next: now + every }
    }

    fn strikes(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        let late = now.duration_since(self.next).as_millis();
        let periods = late / self.every.as_millis().max(1) + 1;
        // Periods that passed without an occasion are left out, not caught up with.
        self.next += self.every * u32::try_from(periods).unwrap_or(u32::MAX);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(13);

    fn armed(start: Instant) -> Armed {
        let fault = Fault { panic_every: Some(EVERY), slow_by: None };
        Faults([("alerts".to_owned(), fault)].into()).arm(start)
    }

    #[test]
    fn strikes_once_a_period() {
        let start = Instant::now();
        let faults = armed(start).of("alerts").unwrap();
        let strikes = |seconds: u64| faults.strikes(start + Duration::from_secs(seconds));
        let struck: Vec<_> = (0..=40).filter(|seconds| strikes(*seconds)).collect();
        assert_eq!(struck, [13, 26, 39]);
    }

    #[test]
    fn a_period_without_occasion_is_left_out() {
        let start = Instant::now();
        let faults = armed(start).of("alerts").unwrap();
        let strikes = |seconds: u64| faults.strikes(start + Duration::from_secs(seconds));
        assert!(strikes(30));
        assert!(!strikes(38));
        assert!(strikes(39));
    }

    #[test]
    fn the_others_are_spared() {
        assert!(armed(Instant::now()).of("storage").is_none());
    }
}
