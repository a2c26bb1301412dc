//! When a child is restarted, quarantined or given up: pure functions of its history and the time.
//!
//! Holds always: a child is restarted at most `intensity.restarts` times within any
//! `intensity.window`; the wait before a restart grows with each failure in a row.
//! Never: reads a clock, draws a random number, or touches an actor.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

/// How an incarnation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildExit {
    /// It panicked; holds the message.
    Panicked(String),
    /// It reported a failure; holds the cause.
    Failed(String),
    /// Its factory said [`Failure::Unavailable`](super::Failure::Unavailable).
    Unavailable(String),
    /// It called `ctx.stop()` without naming a failure.
    Stopped,
    /// The supervisor ended it.
    Killed,
    /// The thread it lived on ended under it.
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

/// Which exits are followed by a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// All of them: this child is never done.
    Permanent,
    /// Failures only: a child that stops by itself is done.
    Transient,
}

/// At most this many restarts within any stretch of `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intensity {
    /// Most restarts within `window`.
    pub restarts: usize,
    /// Length of the window.
    pub window: Duration,
}

/// What follows when the intensity is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhaustion {
    /// The whole tree gives up.
    Escalate,
    /// The child rests this long, then starts with a clean record.
    Quarantine(Duration),
}

/// The wait before a restart: `first`, doubled with each failure in a row, at most `cap`,
/// then moved by up to `jitter_percent` either way so that many children don't return at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Delay before the first restart.
    pub first: Duration,
    /// Longest delay, before jitter.
    pub cap: Duration,
    /// At most 100.
    pub jitter_percent: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(100), cap: Duration::from_secs(30), jitter_percent: 25 }
    }
}

impl Backoff {
    /// The wait after `streak` earlier failures in a row. `random` is uniform in `0.0..1.0`.
    #[must_use]
    pub fn delay(&self, streak: u32, random: f64) -> Duration {
        let plain = self.first.saturating_mul(2_u32.saturating_pow(streak)).min(self.cap);
        let jitter = f64::from(self.jitter_percent.min(100)) / 100.0;
        plain.mul_f64((2.0 * random.clamp(0.0, 1.0) - 1.0).mul_add(jitter, 1.0))
    }
}

/// How a child is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Which ends are followed by a restart.
    pub restart: Restart,
    /// How often it may be restarted.
    pub intensity: Intensity,
    /// What follows when it fails more often.
    pub exhaustion: Exhaustion,
    /// Delay before a restart.
    pub backoff: Backoff,
}

/// What to do about an exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    RestartAfter(Duration),
    /// Rest this long, then start again.
    Quarantine(Duration),
    /// The tree gives up because of this child.
    Escalate,
    /// This child is done; nothing else is concerned.
    GiveUp,
}

/// A child's exits within its window. Bounded by the intensity.
#[derive(Debug, Default)]
pub struct History {
    recent: VecDeque<(Instant, ChildExit)>,
    /// Failures in a row; a life as long as the window breaks the row.
    streak: u32,
}

impl History {
    /// Records an exit at `now` of an incarnation that was up for `lived`, and decides.
    pub fn decide(
        &mut self,
        policy: &Policy,
        exit: &ChildExit,
        lived: Duration,
        now: Instant,
        random: f64,
    ) -> Decision {
        let done = *exit == ChildExit::Stopped && policy.restart == Restart::Transient;
        if done || *exit == ChildExit::Killed {
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

    /// How many exits lie within the `window` that ends now.
    #[must_use]
    pub fn within(&self, window: Duration, now: Instant) -> usize {
        self.recent.iter().filter(|(at, _)| now.duration_since(*at) < window).count()
    }

    /// The recent exits in words, oldest first.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        self.recent.iter().map(|(_, exit)| exit.to_string()).collect()
    }
}

/// How many of a group's children may fail in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupLimit {
    /// The limit of a small group.
    pub at_least: usize,
    /// The limit of a large one, in percent of its children.
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
    /// How many of so many children may fail within the window.
    #[must_use]
    pub const fn failing(&self, children: usize) -> usize {
        let share = children.saturating_mul(self.percent) / 100;
        if share > self.at_least { share } else { self.at_least }
    }
}

/// Which children of a group failed in a sliding window. One that fails again and again counts
/// once: it is dealt with by its own quarantine, and must not take the group with it. Bounded by the
/// children and the restarts each may have in a window.
#[derive(Debug, Default)]
pub struct GroupExits {
    exits: VecDeque<(Instant, u32)>,
    /// Each failing child and its last exit.
    failing: HashMap<u32, Instant>,
}

impl GroupExits {
    /// Records an exit of `child` at `now`; whether more than `limit` children failed within the
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

    /// The child is no more, and what it did is not held against whoever takes its place.
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
    fn backoff_doubles_up_to_its_cap() {
        let backoff = Backoff::default();
        let middle: Vec<_> = (0..11).map(|streak| backoff.delay(streak, 0.5).as_millis()).collect();
        let expected =
            [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000_u128];
        assert_eq!(middle, expected);
        assert_eq!(backoff.delay(u32::MAX, 0.5), MS(30_000));
        assert_eq!(backoff.delay(0, 0.0), MS(75));
        assert_eq!(backoff.delay(0, 1.0), MS(125));
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
    fn a_stable_life_resets_the_backoff() {
        let (start, policy) = (Instant::now(), policy(Exhaustion::Escalate));
        let mut history = History::default();
        let mut wait =
            |lived, at| history.decide(&policy, &failed(), MS(lived), start + MS(at), 0.5);
        assert_eq!(wait(0, 0), Decision::RestartAfter(MS(100)));
        assert_eq!(wait(999, 1_100), Decision::RestartAfter(MS(200)));
        assert_eq!(wait(1_000, 2_300), Decision::RestartAfter(MS(100)));
    }

    #[test]
    fn quarantine_wipes_the_record() {
        let (now, rest) = (Instant::now(), MS(5_000));
        let policy = policy(Exhaustion::Quarantine(rest));
        let mut history = History::default();
        let mut decide = || history.decide(&policy, &failed(), MS(0), now, 0.5);
        let decisions: Vec<_> = (0..5).map(|_| decide()).collect();
        assert_eq!(decisions[3], Decision::Quarantine(rest));
        assert_eq!(decisions[4], Decision::RestartAfter(MS(100)));
    }

    #[test]
    fn a_clean_stop_is_the_end_of_a_transient_child_only() {
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
    fn a_group_may_lose_a_fifth_but_a_small_one_ten() {
        let limit = GroupLimit::default();
        assert_eq!([4, 50, 51, 100, 10_000].map(|n| limit.failing(n)), [10, 10, 10, 20, 2_000]);
        let (mut exits, start) = (GroupExits::default(), Instant::now());
        let mut at = |(child, ms)| exits.exceeded(child, 2, MS(1_000), start + MS(ms));
        let told = [(1, 0), (2, 500), (3, 1_000), (4, 1_100), (5, 1_200)].map(&mut at);
        assert_eq!(told, [false, false, false, true, true]);
        assert!(!at((6, 5_000)));
        // One child alone is never too many.
        assert!([5_100, 5_200, 5_300, 5_400].iter().all(|ms| !at((7, *ms))));
    }

    proptest! {
        #[test]
        fn backoff_stays_within_its_bounds(streak in 0_u32..100, random in 0.0_f64..1.0) {
            let backoff = Backoff::default();
            let plain = backoff.delay(streak, 0.5);
            let delay = backoff.delay(streak, random);
            prop_assert!(delay >= plain.mul_f64(0.7499) && delay <= plain.mul_f64(1.2501));
            prop_assert!(delay >= MS(75) && delay <= MS(37_500));
        }

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
