//! Faults on request: how Vigie fails can be watched, and its promises tested, on the very binary
//! that is run.
//!
//! What is to go wrong is named by child, before the tree starts. An actor calls
//! [`ChildEnv::fault_point`](super::ChildEnv::fault_point) where a panic would hurt most: with work
//! in its hands. Holds always: with nothing asked for, a fault point costs one look at an `Option`.
//! Pure: time is handed in.

use std::collections::HashMap;
use std::time::Duration;

/// What is to go wrong in one child.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InjectedFault {
    /// Each incarnation panics at its first fault point after this time. It counts from when it was
    /// up: waits before a restart grow, and one who waited for another so long would die at once.
    pub panic_every: Option<Duration>,
    /// Each row it commits costs this much more.
    pub slow_by: Option<Duration>,
    /// The disk it writes to is said to be full after this time.
    pub full_in: Option<Duration>,
}

impl InjectedFault {
    /// Whether an incarnation that has been up for so long is to panic.
    pub(super) fn is_due(self, age: Duration) -> bool {
        self.panic_every.is_some_and(|every| age >= every)
    }
}

/// What is to go wrong, by the child's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultInjection(pub HashMap<String, InjectedFault>);

impl FaultInjection {
    /// Boxed, since hardly any child has one.
    pub(super) fn of(&self, child: &str) -> Option<Box<InjectedFault>> {
        self.0.get(child).copied().map(Box::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_due_in_the_named_child_once_it_is_old_enough() {
        let fault = InjectedFault {
            panic_every: Some(Duration::from_secs(13)),
            ..InjectedFault::default()
        };
        let faults = FaultInjection([("alerts".to_owned(), fault)].into());
        let fault = faults.of("alerts").unwrap();
        assert!(!fault.is_due(Duration::from_millis(12_999)));
        assert!(fault.is_due(Duration::from_secs(13)));
        assert_eq!(faults.of("storage"), None);
        assert!(!InjectedFault::default().is_due(Duration::MAX));
    }
}
