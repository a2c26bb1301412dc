//! The order of an orderly stop, each stage with its time: the outbox gets a moment, the offline
//! status is published and completed, the client disconnects.
//!
//! Pure. Without a connection nothing is left to do, so an unreachable broker delays nothing.

use std::time::{Duration, Instant};

/// Stage of an orderly stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Sends what is queued.
    Flushing,
    /// The offline status is on its way.
    SayingGoodbye,
    /// The client disconnects.
    Disconnecting,
    /// Nothing is left to do.
    Done,
}

impl Stage {
    const fn limit(self) -> Duration {
        Duration::from_millis(match self {
            Self::Flushing => 1500,
            Self::SayingGoodbye => 1000,
            Self::Disconnecting => 500,
            Self::Done => 0,
        })
    }
}

/// Facts that end the stages.
#[derive(Debug, Clone, Copy, Default)]
pub struct StopFacts {
    /// Whether the connection is open.
    pub connected: bool,
    /// Whether nothing is queued or in flight.
    pub flushed: bool,
    /// Whether the broker has the offline status.
    pub goodbye_completed: bool,
}

/// An orderly stop in progress.
#[derive(Debug, Clone, Copy)]
pub struct Stop {
    stage: Stage,
    since: Instant,
}

impl Stop {
    /// A stop that begins at `now`.
    #[must_use]
    pub const fn begin(now: Instant) -> Self {
        Self { stage: Stage::Flushing, since: now }
    }

    /// Next stage, if the present one is over.
    pub fn advance(&mut self, facts: StopFacts, now: Instant) -> Option<Stage> {
        let late = now.saturating_duration_since(self.since) >= self.stage.limit();
        let next = match self.stage {
            Stage::Done => return None,
            _ if !facts.connected => Stage::Done,
            Stage::Flushing if facts.flushed || late => Stage::SayingGoodbye,
            Stage::SayingGoodbye if facts.goodbye_completed || late => Stage::Disconnecting,
            Stage::Disconnecting if late => Stage::Done,
            Stage::Flushing | Stage::SayingGoodbye | Stage::Disconnecting => return None,
        };
        *self = Self { stage: next, since: now };
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stages entered, and the time it took, when `facts` never change.
    fn run(facts: StopFacts) -> (Vec<Stage>, Duration) {
        let begin = Instant::now();
        let mut now = begin;
        let mut stop = Stop::begin(now);
        let mut stages = Vec::new();
        while stages.last() != Some(&Stage::Done) {
            match stop.advance(facts, now) {
                Some(stage) => stages.push(stage),
                None => now += Duration::from_millis(10),
            }
        }
        (stages, now - begin)
    }

    #[test]
    fn a_broker_that_is_gone_holds_nothing_up() {
        let (stages, took) = run(StopFacts::default());
        assert_eq!((stages, took), (vec![Stage::Done], Duration::ZERO));
    }

    #[test]
    fn a_broker_that_hangs_is_not_waited_for_long() {
        let (stages, took) = run(StopFacts { connected: true, ..StopFacts::default() });
        let all = vec![Stage::SayingGoodbye, Stage::Disconnecting, Stage::Done];
        assert_eq!(stages, all);
        assert!(took <= Duration::from_secs(4), "{took:?}");
    }

    #[test]
    fn each_stage_ends_when_it_is_done() {
        let now = Instant::now();
        let mut stop = Stop::begin(now);
        let mut facts = StopFacts { connected: true, ..StopFacts::default() };
        assert_eq!(stop.advance(facts, now), None);
        facts.flushed = true;
        assert_eq!(stop.advance(facts, now), Some(Stage::SayingGoodbye));
        assert_eq!(stop.advance(facts, now), None);
        facts.goodbye_completed = true;
        assert_eq!(stop.advance(facts, now), Some(Stage::Disconnecting));
        facts.connected = false;
        assert_eq!(stop.advance(facts, now), Some(Stage::Done));
        assert_eq!(stop.advance(facts, now), None);
    }
}
