//! Fault injection: makes children of the production binary fail on request, to test its promises.
//!
//! Faults are set by the child's name before the tree starts. An actor calls
//! [`ChildEnv::fault_point`](super::ChildEnv::fault_point) where a panic does most damage: with work in
//! flight. Without faults, a fault point costs one check of an `Option`. Pure: time is an argument.

use std::collections::HashMap;
use std::time::Duration;

/// Faults of one child.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InjectedFault {
    /// Each incarnation panics at its first fault point after this time. The time counts from when the
    /// child is up: it may wait longer than this for another child to restart, and would panic at once.
    pub panic_every: Option<Duration>,
    /// Delay added for each row that it commits.
    pub slow_by: Option<Duration>,
    /// Time after which its disk is treated as full.
    pub full_in: Option<Duration>,
}

impl InjectedFault {
    /// Whether an incarnation of this age must panic.
    pub(super) fn is_due(self, age: Duration) -> bool {
        self.panic_every.is_some_and(|every| age >= every)
    }
}

/// Faults to inject, by the child's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultInjection(pub HashMap<String, InjectedFault>);

impl FaultInjection {
    /// Faults of a child. Boxed, since few children have one.
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
