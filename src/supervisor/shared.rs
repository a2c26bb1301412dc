//! State that all supervisors of a tree share. They live on one thread.

use std::cell::RefCell;
use std::sync::Arc;

use super::arbiters::Arbiters;
use super::events::EventPublisher;
use super::fault_injection::FaultInjection;

/// State that all supervisors of a tree share.
pub(super) struct Shared {
    pub(super) arbiters: RefCell<Arbiters>,
    pub(super) events: RefCell<EventPublisher>,
    /// Names of children that did not stop in good order.
    pub(super) unfinished: RefCell<Vec<Arc<str>>>,
    pub(super) on_phase_up: Option<Box<dyn Fn(u8)>>,
    pub(super) faults: FaultInjection,
}
