//! Order of starting and stopping: phase by phase up, each complete before the next, and down in reverse.
//! Pure bookkeeping at O(log n) a child; the supervisor acts.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Slots of children in their supervisor.
pub(super) type Slots = Rc<[u32]>;

#[derive(Debug)]
pub(super) struct Phases {
    list: Vec<(u8, BTreeSet<u32>)>,
    /// Number of phases, from the lowest, that have been started and not yet stopped.
    begun: usize,
    stopping: bool,
    /// Number of children that the phase being started or stopped waits for.
    waiting: usize,
}

impl Phases {
    pub(super) fn new(phase_of_slot: impl Iterator<Item = u8>) -> Self {
        let mut by_phase: BTreeMap<u8, BTreeSet<u32>> = BTreeMap::new();
        for (slot, phase) in (0..).zip(phase_of_slot) {
            by_phase.entry(phase).or_default().insert(slot);
        }
        Self { list: by_phase.into_iter().collect(), begun: 0, stopping: false, waiting: 0 }
    }

    /// Children of the next phase to start, all of which are awaited; `None` when all phases are up.
    pub(super) fn start_next(&mut self) -> Option<Slots> {
        loop {
            let (_, slots) = self.list.get(self.begun)?;
            self.begun += 1;
            self.waiting = slots.len();
            // An empty phase, whose children were removed, would never report that it is up.
            if !slots.is_empty() {
                return Some(slots.iter().copied().collect());
            }
        }
    }

    /// Adds a child. Returns whether its phase has begun, so that the child must be started now.
    pub(super) fn add(&mut self, slot: u32, phase: u8) -> bool {
        let all_begun = self.begun == self.list.len();
        let at = self.list.binary_search_by_key(&phase, |(phase, _)| *phase).unwrap_or_else(|at| {
            self.list.insert(at, (phase, BTreeSet::new()));
            self.begun += usize::from(at < self.begun || all_begun);
            at
        });
        self.list[at].1.insert(slot);
        at < self.begun
    }

    /// Removes a child. A child that is awaited must be settled too.
    pub(super) fn remove(&mut self, slot: u32, phase: u8) {
        if let Ok(at) = self.list.binary_search_by_key(&phase, |(phase, _)| *phase) {
            self.list[at].1.remove(&slot);
        }
    }

    /// Ends the wait for one child of the starting phase. Returns the phase if that was the last one.
    pub(super) fn settled(&mut self) -> Option<u8> {
        self.last_awaited().then(|| self.list[self.begun - 1].0)
    }

    /// Begins to stop: no phase starts any more. Returns whether this is the first call.
    pub(super) const fn begin_stop(&mut self) -> bool {
        !std::mem::replace(&mut self.stopping, true)
    }

    pub(super) const fn stopping(&self) -> bool {
        self.stopping
    }

    /// Children of the next phase to stop, in reverse order of starting; `None` when all have stopped.
    pub(super) fn stop_next(&mut self) -> Option<Slots> {
        self.begun = self.begun.checked_sub(1)?;
        Some(self.list[self.begun].1.iter().copied().collect())
    }

    /// Sets the number of children that the stopping phase waits for.
    pub(super) const fn wait_for(&mut self, children: usize) {
        self.waiting = children;
    }

    /// Notes the end of a child of the stopping phase. Returns whether it was the last one.
    pub(super) const fn ended(&mut self) -> bool {
        self.last_awaited()
    }

    const fn last_awaited(&mut self) -> bool {
        let awaited = self.waiting > 0;
        self.waiting = self.waiting.saturating_sub(1);
        awaited && self.waiting == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_start_in_order_and_stop_in_reverse() {
        let mut phases = Phases::new([3, 0, 3, 1].into_iter());
        assert_eq!(phases.start_next().as_deref(), Some(&[1][..]));
        assert_eq!(phases.settled(), Some(0));
        assert_eq!(phases.start_next().as_deref(), Some(&[3][..]));
        assert_eq!(phases.settled(), Some(1));
        assert_eq!(phases.start_next().as_deref(), Some(&[0, 2][..]));
        assert_eq!(phases.settled(), None);
        assert_eq!(phases.settled(), Some(3));
        assert!(phases.start_next().is_none());

        assert!(phases.begin_stop() && !phases.begin_stop());
        assert_eq!(phases.stop_next().as_deref(), Some(&[0, 2][..]));
        phases.wait_for(2);
        assert_eq!([phases.ended(), phases.ended()], [false, true]);
        assert_eq!(phases.stop_next().as_deref(), Some(&[3][..]));
        assert_eq!(phases.stop_next().as_deref(), Some(&[1][..]));
        assert!(phases.stop_next().is_none());
    }

    #[test]
    fn children_may_be_added_and_removed_in_any_phase() {
        let mut phases = Phases::new([0, 1, 2].into_iter());
        phases.start_next();
        assert_eq!([phases.add(3, 0), phases.add(4, 1), phases.add(5, 3)], [true, false, false]);
        phases.remove(2, 2);
        assert_eq!(phases.settled(), Some(0), "it doesn't wait for the added child");
        assert_eq!(phases.start_next().as_deref(), Some(&[1, 4][..]));
        assert_eq!([phases.settled(), phases.settled()], [None, Some(1)]);
        assert_eq!(phases.start_next().as_deref(), Some(&[5][..]), "past the empty phase");
        assert!(phases.add(6, 9), "all phases are begun, so a new last one is too");

        phases.begin_stop();
        phases.remove(4, 1);
        let mut stopped = Vec::new();
        while let Some(slots) = phases.stop_next() {
            stopped.push(slots.to_vec());
        }
        assert_eq!(stopped, [vec![6], vec![5], vec![], vec![1], vec![0, 3]]);
    }

    #[test]
    fn a_stop_in_the_middle_of_the_start_leaves_later_phases_alone() {
        let mut phases = Phases::new([0, 1, 2].into_iter());
        phases.start_next();
        phases.settled();
        phases.start_next();
        phases.begin_stop();
        assert_eq!(phases.stop_next().as_deref(), Some(&[1][..]));
        assert_eq!(phases.stop_next().as_deref(), Some(&[0][..]));
        assert!(phases.stop_next().is_none());
    }
}
