//! What holds for every alarm, whatever happens to it: random events, clocks and rules.

use proptest::prelude::*;

use super::Announcement as Told;
use super::*;

/// Five properties, 100,000 cases in all.
const CASES: u32 = 20_000;

/// Long enough for an alarm to be raised, withheld, returned and raised again.
const EVENTS_MAX: usize = 40;

const TRANSITIONS_MAX: usize = 6;

/// One event and how many seconds each clock went on before it. Packed into a number, because
/// 100,000 cases of enums would take most of a minute to make: see [`unpack`].
type Packed = u32;

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

/// Half of all events are judgements, and three in four of those like the one before.
fn unpack(packed: Packed, was_broken: bool) -> (Event, u32, u32) {
    let (kind, detail) = (packed & 31, (packed >> 5) & 7);
    let event = match kind {
        0..=15 => Event::Judged { is_broken: was_broken != (detail < 2) },
        16..=19 => Event::Elapsed,
        20..=22 => Event::Acknowledge,
        23 => Event::Shelve { lasting: seconds(detail * 4), is_one_shot: packed & 256 == 0 },
        24 => Event::Unshelve,
        25 => Event::Suppress { by: if detail < 4 { "pump" } else { "power" }.into() },
        26 => Event::Unsuppress,
        27 => Event::TakeOutOfService,
        28 | 29 => Event::ReturnToService,
        30 => Event::Reset,
        _ if detail < 4 => Event::Close,
        _ => Event::Unshelve,
    };
    (event, (packed >> 9) & 7, (packed >> 12) & 7)
}

/// A log of events with both clocks going on, each as it likes.
fn log() -> impl Strategy<Value = Vec<(Event, Moment)>> {
    proptest::collection::vec(any::<Packed>(), 1..EVENTS_MAX).prop_map(|all| {
        let (mut at, mut listened, mut is_broken) = (0_u32, 0_u32, false);
        let unpacked = all.into_iter().map(|packed| {
            let (event, at_on, listened_on) = unpack(packed, is_broken);
            (at, listened) = (at + at_on, listened + listened_on);
            if let Event::Judged { is_broken: now_broken } = event {
                is_broken = now_broken;
            }
            let at = DateTime::from_timestamp(at.into(), 0).unwrap();
            (event, Moment { at, listened: seconds(listened) })
        });
        unpacked.collect()
    })
}

fn timing() -> impl Strategy<Value = Timing> {
    (0..12_u32, 0..12_u32, 0..16_u32, any::<bool>(), any::<bool>()).prop_map(
        |(on, off, every, is_latching, needs_acknowledgement)| Timing {
            on_delay: seconds(on.saturating_sub(3)),
            off_delay: seconds(off.saturating_sub(3)),
            reannounce: (every < 10).then(|| seconds(every)),
            is_latching,
            needs_acknowledgement,
        },
    )
}

/// What an observer knows who sees nothing but the changes, by ISA-18.2's table.
#[derive(Default)]
struct Observer {
    condition: Condition,
    is_shelved: bool,
    is_suppressed: bool,
    is_out_of_service: bool,
}

impl Observer {
    #[expect(clippy::match_same_arms, reason = "the table of transitions, one a line")]
    fn see(&mut self, change: Change, timing: &Timing) {
        use Condition::{
            Acknowledged, LatchedAcknowledged, LatchedUnacknowledged, Normal,
            ReturnedUnacknowledged, Unacknowledged,
        };
        self.condition = match (change, self.condition) {
            (Change::Raised, was) if !was.is_active() => Unacknowledged,
            (Change::StillActive, Unacknowledged) => Unacknowledged,
            (Change::Acknowledged, Unacknowledged) => Acknowledged,
            (Change::Acknowledged, LatchedUnacknowledged) => LatchedAcknowledged,
            (Change::Acknowledged, ReturnedUnacknowledged) => Normal,
            (Change::Returned, Unacknowledged) if timing.needs_acknowledgement => {
                ReturnedUnacknowledged
            }
            (Change::Returned, Unacknowledged | Acknowledged) if !timing.is_latching => Normal,
            (Change::Latched, Unacknowledged) if timing.is_latching => LatchedUnacknowledged,
            (Change::Latched, Acknowledged) if timing.is_latching => LatchedAcknowledged,
            (Change::Reset, LatchedUnacknowledged | LatchedAcknowledged) => Normal,
            (Change::Closed, _) => Normal,
            (
                Change::Shelved
                | Change::Unshelved
                | Change::Suppressed
                | Change::Unsuppressed
                | Change::TakenOutOfService
                | Change::ReturnedToService,
                was,
            ) => was,
            (change, was) => panic!("{change:?} from {was:?}"),
        };
        self.see_withholding(change);
    }

    fn see_withholding(&mut self, change: Change) {
        match change {
            Change::Shelved => self.is_shelved = true,
            Change::Unshelved => assert!(std::mem::take(&mut self.is_shelved)),
            Change::Suppressed => self.is_suppressed = true,
            Change::Unsuppressed => assert!(std::mem::take(&mut self.is_suppressed)),
            Change::TakenOutOfService => {
                assert!(!std::mem::replace(&mut self.is_out_of_service, true));
            }
            Change::ReturnedToService => assert!(std::mem::take(&mut self.is_out_of_service)),
            Change::Closed => *self = Self::default(),
            _ => {}
        }
    }

    fn withheld(&self) -> Option<Withheld> {
        [
            (self.is_out_of_service, Withheld::OutOfService),
            (self.is_suppressed, Withheld::Suppressed),
            (self.is_shelved, Withheld::Shelved),
        ]
        .into_iter()
        .find_map(|(holds, withheld)| holds.then_some(withheld))
    }

    fn state(&self) -> State {
        State { condition: self.condition, withheld: self.withheld() }
    }
}

/// A judgement and its moment.
type Judgement = (Moment, bool);

/// Whether the rule was `is_broken` at every judgement of the list's end for the whole `delay`.
fn has_lasted(list: &[Judgement], is_broken: bool, delay: Duration, now: Moment) -> bool {
    let run = list.iter().rev().take_while(|(_, is)| *is == is_broken).map(|(moment, _)| moment);
    let Some(first) = run.last() else { return false };
    let of_readings = list.last().map_or(first.at, |(last, _)| last.at).max(first.at);
    let delay_over =
        |from: DateTime<Utc>, to: DateTime<Utc>| (to - from).to_std().unwrap() >= delay;
    delay_over(first.at, of_readings) || now.listened.saturating_sub(first.listened) >= delay
}

/// Whether the delay had lasted when this event came, be it told by the event or by its reading.
fn may_switch(
    list: &[Judgement],
    event: &Event,
    now: Moment,
    to_broken: bool,
    delay: Duration,
) -> bool {
    let mut told = list.to_vec();
    if let Event::Judged { is_broken } = event {
        // A reading ends the delay of those before it, whatever it says itself.
        told.push((now, to_broken));
        return has_lasted(&told, to_broken, delay, now)
            && (*is_broken == to_broken || list.last().is_some_and(|(_, is)| *is == to_broken));
    }
    has_lasted(&told, to_broken, delay, now)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_announced_while_withheld(timing in timing(), log in log()) {
        let (mut alarm, mut observer) = (Alarm::default(), Observer::default());
        for (event, now) in log {
            for transition in alarm.step(&timing, event, now) {
                observer.see(transition.change, &timing);
                prop_assert!(observer.withheld().is_none() || transition.announced.is_none());
            }
        }
    }

    #[test]
    fn each_announcement_has_one_cause_and_its_turn(timing in timing(), log in log()) {
        let (mut alarm, mut is_told) = (Alarm::default(), false);
        for (event, now) in log {
            for Transition { change, announced, .. } in alarm.step(&timing, event, now) {
                let ends_withholding = matches!(
                    change,
                    Change::Unshelved | Change::Unsuppressed | Change::ReturnedToService
                );
                prop_assert!(change != Change::StillActive || announced.is_some());
                let Some(announced) = announced else { continue };
                let has_cause = ends_withholding || match announced {
                    Told::Raised => change == Change::Raised,
                    Told::StillActive => matches!(change, Change::StillActive | Change::Raised),
                    Told::Returned => {
                        matches!(change, Change::Returned | Change::Reset | Change::Closed)
                    }
                };
                prop_assert!(has_cause, "{announced:?} because of {change:?}");
                prop_assert_eq!(is_told, announced != Told::Raised);
                is_told = announced != Told::Returned;
            }
        }
    }

    #[test]
    fn the_changes_alone_tell_the_state_and_a_stored_alarm_goes_on(
        timing in timing(),
        log in log(),
        stored_after in 0..EVENTS_MAX,
    ) {
        let (mut alarm, mut observer) = (Alarm::default(), Observer::default());
        let mut again = Alarm::default();
        for (index, (event, now)) in log.into_iter().enumerate() {
            let transitions = alarm.step(&timing, event.clone(), now);
            for transition in &transitions {
                observer.see(transition.change, &timing);
                prop_assert_eq!(observer.state(), transition.state);
            }
            prop_assert_eq!(observer.state(), alarm.state());
            prop_assert_eq!(alarm.since().is_none(), alarm.state().condition == Condition::Normal);
            prop_assert_eq!(transitions, again.step(&timing, event, now));
            if index == stored_after {
                again = serde_json::from_str(&serde_json::to_string(&again).unwrap()).unwrap();
            }
            prop_assert_eq!(&alarm, &again);
        }
    }

    #[test]
    fn no_delay_ends_early_and_none_is_missed(timing in timing(), log in log()) {
        let (mut alarm, mut list) = (Alarm::default(), Vec::<Judgement>::new());
        for (event, now) in log {
            for Transition { change, .. } in alarm.step(&timing, event.clone(), now) {
                let (to_broken, delay) = match change {
                    Change::Raised => (true, timing.on_delay),
                    Change::Returned | Change::Latched => (false, timing.off_delay),
                    _ => continue,
                };
                prop_assert!(may_switch(&list, &event, now, to_broken, delay));
            }
            match event {
                Event::Judged { is_broken } => list.push((now, is_broken)),
                Event::Close => list.clear(),
                _ => {}
            }
            let is_active = alarm.state().condition.is_active();
            prop_assert!(is_active || !has_lasted(&list, true, timing.on_delay, now));
            prop_assert!(!is_active || !has_lasted(&list, false, timing.off_delay, now));
        }
    }

    #[test]
    fn an_alarm_that_nothing_withholds_tells_the_truth(timing in timing(), log in log()) {
        let (mut alarm, mut believed) = (Alarm::default(), false);
        for (event, now) in log {
            let transitions = alarm.step(&timing, event, now);
            prop_assert!(transitions.len() <= TRANSITIONS_MAX);
            for Transition { state, announced, .. } in transitions {
                believed = announced.map_or(believed, |told| told != Told::Returned);
                prop_assert!(state.withheld.is_some() || believed == state.condition.stands());
            }
            let State { condition, withheld } = alarm.state();
            prop_assert!(withheld.is_some() || believed == condition.stands());
            prop_assert_eq!(believed, alarm.is_told());
        }
    }
}
