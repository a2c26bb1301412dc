//! Restart policy: decides from a child's exits and the time whether it is restarted, quarantined or given
//! up. Pure: time and chance are arguments.
//!
//! Invariant: a child is restarted at most `intensity.restarts` times within any `intensity.window`;
//! the delay before a restart grows with each failure in a row.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use super::backoff::Backoff;

/// How an incarnation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildExit {
    /// A panic; holds its message.
    Panicked(String),
    /// A failure that the actor reported; holds the cause.
    Failed(String),
    /// An external resource is missing, see [`Failure::Unavailable`](super::Failure::Unavailable).
    Unavailable(String),
    /// The actor called `ctx.stop()` without reporting a failure.
    Stopped,
    /// The supervisor killed it.
    Killed,
    /// Its arbiter ended first.
    ArbiterGone,
}

impl fmt::Display for ChildExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(text) => write!(f, "panicked: {text}"),
            Self::Failed(text) => write!(f, "failed: {text}"),
            Self::Unavailable(text) => write!(f, "unavailable: {text}"),
            Self::Stopped => f.write_str("stopped by itself"),
            Self::Killed => f.write_str("was cut off"),
            Self::ArbiterGone => f.write_str("lost its arbiter"),
        }
    }
}

/// Exits that are followed by a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// All exits.
    Permanent,
    /// Failures only: a child that stops by itself is not restarted.
    Transient,
}

/// Limit of restarts in a sliding window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intensity {
    /// Most restarts within `window`.
    pub restarts: usize,
    /// Length of the window.
    pub window: Duration,
}

/// Consequence of exceeding the intensity limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhaustion {
    /// The whole tree gives up.
    Escalate,
    /// The child is quarantined for this time, then starts with an empty history.
    Quarantine(Duration),
}

/// Restart policy of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Exits that are followed by a restart.
    pub restart: Restart,
    /// Limit of restarts.
    pub intensity: Intensity,
    /// Consequence of exceeding that limit.
    pub exhaustion: Exhaustion,
    /// Delay before a restart.
    pub backoff: Backoff,
}

/// Decision about an exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    RestartAfter(Duration),
    /// Quarantine for this time, then start again.
    Quarantine(Duration),
    /// End the tree because of this child.
    Escalate,
    /// End this child for good; the others go on.
    GiveUp,
}

/// Exits of a child within its window. Bounded by the intensity limit.
#[derive(Debug, Default)]
pub struct History {
    recent: VecDeque<(Instant, ChildExit)>,
    /// Failures in a row. An incarnation that lived as long as the window ends the row.
    streak: u32,
}

impl History {
    /// Records an exit at `now` of an incarnation that was up for `lived`, and decides about it.
    pub fn decide(
        &mut self,
        policy: &Policy,
        exit: &ChildExit,
        lived: Duration,
        now: Instant,
        random: f64,
    ) -> Decision {
        let is_over = *exit == ChildExit::Stopped && policy.restart == Restart::Transient;
        if is_over || *exit == ChildExit::Killed {
            return Decision::GiveUp;
        }
        let Intensity { restarts, window } = policy.intensity;
        while self.recent.front().is_some_and(|(at, _)| now.duration_since(*at) >= window) {
            self.recent.pop_front();
        }
        self.recent.push_back((now, exit.clone()));
        if self.recent.len() > restarts {
            return match policy.exhaustion {
                Exhaustion::Escalate => Decision::Escalate,
                Exhaustion::Quarantine(rest) => {
                    *self = Self::default();
                    Decision::Quarantine(rest)
                }
            };
        }
        if lived >= window {
            self.streak = 0;
        }
        let wait = policy.backoff.delay(self.streak, random);
        self.streak = self.streak.saturating_add(1);
        Decision::RestartAfter(wait)
    }

    /// Number of exits within the `window` that ends now.
    #[must_use]
    pub fn within(&self, window: Duration, now: Instant) -> usize {
        self.recent.iter().filter(|(at, _)| now.duration_since(*at) < window).count()
    }

    /// Recent exits as texts, oldest first.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        self.recent.iter().map(|(_, exit)| exit.to_string()).collect()
    }
}

/// Limit of failing children of a group in a sliding window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupLimit {
    /// Limit of a small group, in children.
    pub at_least: usize,
    /// Limit of a large group, in percent of its children.
    pub percent: usize,
    /// Length of the window.
    pub window: Duration,
}

impl Default for GroupLimit {
    fn default() -> Self {
        Self { at_least: 10, percent: 20, window: Duration::from_secs(60) }
    }
}

impl GroupLimit {
    /// Number of failing children that a group of this size tolerates.
    #[must_use]
    pub const fn failing(&self, children: usize) -> usize {
        let share = children.saturating_mul(self.percent) / 100;
        if share > self.at_least { share } else { self.at_least }
    }
}

/// Children of a group that failed in a sliding window. A child that fails repeatedly counts once: its own
/// quarantine deals with it, so it can't end the group. Bounded by the number of children times the restarts
/// of each in a window.
#[derive(Debug, Default)]
pub struct GroupExits {
    exits: VecDeque<(Instant, u32)>,
    /// Time of the last exit of each failing child.
    failing: HashMap<u32, Instant>,
}

impl GroupExits {
    /// Records an exit of `child` at `now`. Returns whether more than `limit` children failed within the
    /// window.
    pub fn exceeded(&mut self, child: u32, limit: usize, window: Duration, now: Instant) -> bool {
        while let Some((at, child)) = self.exits.front().copied()
            && now.duration_since(at) >= window
        {
            self.exits.pop_front();
            if self.failing.get(&child) == Some(&at) {
                self.failing.remove(&child);
            }
        }
        self.exits.push_back((now, child));
        self.failing.insert(child, now);
        self.failing.len() > limit
    }

    /// Forgets a removed child, so that its failures don't count for the child that reuses its slot.
    pub fn forget(&mut self, child: u32) {
        self.failing.remove(&child);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn policy(exhaustion: Exhaustion) -> Policy {
        Policy {
            restart: Restart::Permanent,
            intensity: Intensity { restarts: 3, window: MS(1_000) },
            exhaustion,
            backoff: Backoff::default(),
        }
    }

    fn failed() -> ChildExit {
        ChildExit::Failed("no".into())
    }

    #[test]
    fn the_window_slides() {
        // Times of exits in ms, and whether the last one is one too many.
        let table: [(&[u64], bool); 6] = [
            (&[0, 0, 0], false),
            (&[0, 0, 0, 0], true),
            (&[0, 300, 600, 999], true),
            (&[0, 300, 600, 1_000], false),
            (&[0, 900, 950, 1_899], false),
            (&[0, 900, 950, 1_800, 1_850], true),
        ];
        let start = Instant::now();
        for (times, exhausted) in table {
            let mut history = History::default();
            let policy = policy(Exhaustion::Escalate);
            let last = times
                .iter()
                .map(|at| history.decide(&policy, &failed(), MS(0), start + MS(*at), 0.5))
                .last();
            assert_eq!(last == Some(Decision::Escalate), exhausted, "{times:?}");
        }
    }

    #[test]
    fn an_incarnation_that_lived_long_resets_the_backoff() {
        let (start, policy) = (Instant::now(), policy(Exhaustion::Escalate));
        let mut history = History::default();
        let mut wait =
            |lived, at| history.decide(&policy, &failed(), MS(lived), start + MS(at), 0.5);
        assert_eq!(wait(0, 0), Decision::RestartAfter(MS(100)));
        assert_eq!(wait(999, 1_100), Decision::RestartAfter(MS(200)));
        assert_eq!(wait(1_000, 2_300), Decision::RestartAfter(MS(100)));
    }

    #[test]
    fn quarantine_clears_the_history() {
        let (now, rest) = (Instant::now(), MS(5_000));
        let policy = policy(Exhaustion::Quarantine(rest));
        let mut history = History::default();
        let mut decide = || history.decide(&policy, &failed(), MS(0), now, 0.5);
        let decisions: Vec<_> = (0..5).map(|_| decide()).collect();
        assert_eq!(decisions[3], Decision::Quarantine(rest));
        assert_eq!(decisions[4], Decision::RestartAfter(MS(100)));
    }

    #[test]
    fn only_a_transient_child_stays_stopped_after_a_clean_stop() {
        let now = Instant::now();
        let decide = |restart, exit: &ChildExit| {
            let policy = Policy { restart, ..policy(Exhaustion::Escalate) };
            History::default().decide(&policy, exit, MS(0), now, 0.5)
        };
        let again = Decision::RestartAfter(MS(100));
        assert_eq!(decide(Restart::Transient, &ChildExit::Stopped), Decision::GiveUp);
        assert_eq!(decide(Restart::Transient, &failed()), again);
        assert_eq!(decide(Restart::Permanent, &ChildExit::Stopped), again);
        assert_eq!(decide(Restart::Permanent, &ChildExit::ArbiterGone), again);
        assert_eq!(decide(Restart::Permanent, &ChildExit::Killed), Decision::GiveUp);
    }

    #[test]
    fn a_group_tolerates_ten_failing_children_or_a_fifth_of_them() {
        let limit = GroupLimit::default();
        assert_eq!([4, 50, 51, 100, 10_000].map(|n| limit.failing(n)), [10, 10, 10, 20, 2_000]);
        let (mut exits, start) = (GroupExits::default(), Instant::now());
        let mut at = |(child, ms)| exits.exceeded(child, 2, MS(1_000), start + MS(ms));
        let exceeded = [(1, 0), (2, 500), (3, 1_000), (4, 1_100), (5, 1_200)].map(&mut at);
        assert_eq!(exceeded, [false, false, false, true, true]);
        assert!(!at((6, 5_000)));
        // One child alone is never too many.
        assert!([5_100, 5_200, 5_300, 5_400].iter().all(|ms| !at((7, *ms))));
    }

    proptest! {
        #[test]
        fn never_more_restarts_in_a_window_than_allowed(gaps in prop::collection::vec(0_u64..600, 1..80)) {
            let policy = policy(Exhaustion::Quarantine(MS(10_000)));
            let (mut history, mut now) = (History::default(), Instant::now());
            let mut restarts: Vec<Instant> = Vec::new();
            for gap in gaps {
                now += MS(gap);
                match history.decide(&policy, &failed(), MS(gap), now, 0.5) {
                    Decision::RestartAfter(_) => restarts.push(now),
                    Decision::Quarantine(rest) => { now += rest; }
                    other => prop_assert!(false, "{other:?}"),
                }
                let recent = restarts.iter().filter(|at| now.duration_since(**at) < MS(1_000));
                prop_assert!(recent.count() <= 3);
            }
        }
    }
}
