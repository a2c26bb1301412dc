//! One alarm, told step by step.

use super::Announcement as Told;
use super::*;

const NONE: Timing = Timing {
    on_delay: Duration::ZERO,
    off_delay: Duration::ZERO,
    reannounce: None,
    is_latching: false,
    needs_acknowledgement: false,
};
const ACKED: Timing = Timing { needs_acknowledgement: true, ..NONE };
const LATCHING: Timing = Timing { is_latching: true, ..NONE };
const BROKEN: Event = Event::Judged { is_broken: true };
const KEPT: Event = Event::Judged { is_broken: false };

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn time(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 0).unwrap()
}

fn at(second: i64, listened: u64) -> Moment {
    Moment { at: time(second), listened: seconds(listened) }
}

fn shelve(lasting: u64, is_one_shot: bool) -> Event {
    Event::Shelve { lasting: seconds(lasting), is_one_shot }
}

/// Changes, the second each is dated, and what people are told.
type Story = Vec<(Change, i64, Option<Told>)>;

fn step(alarm: &mut Alarm, timing: Timing, event: Event, now: Moment) -> Story {
    let transitions = alarm.step(&timing, event, now);
    transitions.into_iter().map(|t| (t.change, t.at.timestamp(), t.announced)).collect()
}

/// Plays events, both clocks at the same second.
fn play(alarm: &mut Alarm, timing: Timing, events: &[(u64, Event)]) -> Story {
    let one = |(second, event): &(u64, Event)| {
        let now = at(i64::try_from(*second).unwrap(), *second);
        step(alarm, timing, event.clone(), now)
    };
    events.iter().flat_map(one).collect()
}

fn after(timing: Timing, events: &[(u64, Event)]) -> Alarm {
    let mut alarm = Alarm::default();
    play(&mut alarm, timing, events);
    alarm
}

#[test]
fn without_a_delay_it_is_raised_and_returns_with_the_readings() {
    let mut alarm = Alarm::default();
    let story =
        play(&mut alarm, NONE, &[(1, KEPT), (2, BROKEN), (3, BROKEN), (4, KEPT), (5, KEPT)]);
    assert_eq!(
        story,
        [(Change::Raised, 2, Some(Told::Raised)), (Change::Returned, 4, Some(Told::Returned))]
    );
    assert_eq!(alarm, Alarm::default());
}

#[test]
fn an_on_delay_runs_out_with_a_reading_at_its_end_and_not_before() {
    let timing = Timing { on_delay: seconds(60), ..NONE };
    let mut alarm = after(timing, &[(0, BROKEN)]);
    assert_eq!(step(&mut alarm, timing, BROKEN, at(59, 1)), []);
    assert_eq!(alarm.state(), State::default());
    let raised = [(Change::Raised, 60, Some(Told::Raised))];
    assert_eq!(step(&mut alarm.clone(), timing, BROKEN, at(60, 2)), raised);
    assert_eq!(step(&mut alarm, timing, BROKEN, at(300, 2)), raised);
}

#[test]
fn an_on_delay_runs_out_in_silence_and_has_its_own_date() {
    let timing = Timing { on_delay: seconds(60), ..NONE };
    let mut alarm = Alarm::default();
    step(&mut alarm, timing, BROKEN, at(1000, 5));
    assert_eq!(alarm.next_due(), Some(Due { at: time(1060), listened: seconds(65) }));
    assert_eq!(step(&mut alarm, timing, Event::Elapsed, at(9999, 64)), []);
    let story = step(&mut alarm, timing, Event::Elapsed, at(9999, 70));
    assert_eq!(story, [(Change::Raised, 1060, Some(Told::Raised))]);
    assert_eq!(alarm.next_due(), None);
}

#[test]
fn a_reading_that_keeps_the_rule_ends_the_on_delay() {
    let timing = Timing { on_delay: seconds(60), ..NONE };
    let mut alarm = Alarm::default();
    let events = [(0, BROKEN), (30, KEPT), (31, BROKEN), (60, BROKEN), (90, BROKEN), (91, BROKEN)];
    let story = play(&mut alarm, timing, &events);
    assert_eq!(story, [(Change::Raised, 91, Some(Told::Raised))]);
}

#[test]
fn what_ran_out_happens_before_the_reading_that_tells_it() {
    let timing = Timing { on_delay: seconds(60), ..NONE };
    let mut alarm = Alarm::default();
    let story = play(&mut alarm, timing, &[(0, BROKEN), (80, KEPT)]);
    assert_eq!(
        story,
        [(Change::Raised, 60, Some(Told::Raised)), (Change::Returned, 80, Some(Told::Returned))]
    );
}

#[test]
fn an_operators_time_of_day_ends_no_delay() {
    let timing = Timing { on_delay: seconds(60), ..NONE };
    let mut alarm = after(timing, &[(0, BROKEN)]);
    assert_eq!(step(&mut alarm, timing, Event::Acknowledge, at(5000, 10)), []);
    assert_eq!(alarm.state(), State::default());
}

#[test]
fn a_break_during_the_off_delay_goes_back_without_a_word() {
    let timing = Timing { off_delay: seconds(10), ..NONE };
    let mut alarm = after(timing, &[(0, BROKEN)]);
    assert_eq!(play(&mut alarm, timing, &[(5, KEPT), (14, BROKEN), (20, KEPT), (29, KEPT)]), []);
    assert!(alarm.state().condition.is_active());
    let returned = [(Change::Returned, 30, Some(Told::Returned))];
    assert_eq!(play(&mut alarm, timing, &[(31, Event::Elapsed)]), returned);
}

#[test]
fn no_date_runs_backwards_after_a_delay_that_ran_out_in_silence() {
    let timing = Timing { on_delay: seconds(60), ..NONE };
    let mut alarm = after(timing, &[(0, BROKEN), (60, Event::Elapsed)]);
    let story = step(&mut alarm, timing, KEPT, at(30, 70));
    assert_eq!(story, [(Change::Returned, 60, Some(Told::Returned))]);
}

#[test]
fn an_acknowledged_alarm_returns_to_normal() {
    let mut alarm = after(ACKED, &[(0, BROKEN)]);
    let story = play(&mut alarm, ACKED, &[(1, Event::Acknowledge), (2, Event::Acknowledge)]);
    assert_eq!(story, [(Change::Acknowledged, 1, None)]);
    assert_eq!(alarm.state().condition, Condition::Acknowledged);
    let story = play(&mut alarm, ACKED, &[(3, KEPT), (4, Event::Acknowledge)]);
    assert_eq!(story, [(Change::Returned, 3, Some(Told::Returned))]);
    assert_eq!(alarm, Alarm::default());
}

#[test]
fn a_returned_alarm_waits_for_its_acknowledgement() {
    let mut alarm = after(ACKED, &[(0, BROKEN), (1, KEPT)]);
    assert_eq!(alarm.state().condition, Condition::ReturnedUnacknowledged);
    assert_eq!(alarm.since(), Some(time(1)));
    let story = play(&mut alarm, ACKED, &[(2, Event::Acknowledge)]);
    assert_eq!(story, [(Change::Acknowledged, 2, None)]);
    assert_eq!(alarm, Alarm::default());
}

#[test]
fn a_returned_alarm_that_breaks_again_is_raised_anew() {
    let mut alarm = after(ACKED, &[(0, BROKEN), (1, KEPT)]);
    let raised = [(Change::Raised, 2, Some(Told::Raised))];
    assert_eq!(play(&mut alarm, ACKED, &[(2, BROKEN)]), raised);
    assert_eq!(alarm.state().condition, Condition::Unacknowledged);
}

#[test]
fn a_latched_alarm_stands_until_its_reset() {
    let mut alarm = after(LATCHING, &[(0, BROKEN)]);
    let story =
        play(&mut alarm, LATCHING, &[(1, Event::Reset), (2, KEPT), (3, Event::Acknowledge)]);
    assert_eq!(story, [(Change::Latched, 2, None), (Change::Acknowledged, 3, None)]);
    assert_eq!(alarm.state().condition, Condition::LatchedAcknowledged);
    let story = play(&mut alarm, LATCHING, &[(4, KEPT), (5, Event::Reset)]);
    assert_eq!(story, [(Change::Reset, 5, Some(Told::Returned))]);
    assert_eq!(alarm, Alarm::default());
}

#[test]
fn a_reset_acknowledges_too() {
    let both = Timing { needs_acknowledgement: true, ..LATCHING };
    let alarm = after(both, &[(0, BROKEN), (1, KEPT), (2, Event::Reset)]);
    assert_eq!(alarm, Alarm::default());
}

#[test]
fn a_latched_alarm_that_breaks_again_is_raised_and_told_as_still_active() {
    let mut alarm = after(LATCHING, &[(0, BROKEN), (1, Event::Acknowledge), (2, KEPT)]);
    let story = play(&mut alarm, LATCHING, &[(3, BROKEN)]);
    assert_eq!(story, [(Change::Raised, 3, Some(Told::StillActive))]);
    assert_eq!(alarm.state().condition, Condition::Unacknowledged);
}

#[test]
fn an_on_delay_outlives_the_reset_of_a_latched_alarm() {
    let timing = Timing { on_delay: seconds(10), ..LATCHING };
    let events = [(0, BROKEN), (10, BROKEN), (11, KEPT), (12, BROKEN), (15, Event::Reset)];
    let mut alarm = after(timing, &events);
    assert_eq!(alarm.state(), State::default());
    let raised = [(Change::Raised, 22, Some(Told::Raised))];
    assert_eq!(play(&mut alarm, timing, &[(30, Event::Elapsed)]), raised);
}

#[test]
fn an_alarm_nobody_acknowledges_is_announced_again_and_again() {
    let timing = Timing { reannounce: Some(seconds(10)), ..NONE };
    let mut alarm = after(timing, &[(0, BROKEN)]);
    let events = [(9, BROKEN), (12, Event::Elapsed), (19, BROKEN), (20, BROKEN)];
    let again = |second| (Change::StillActive, second, Some(Told::StillActive));
    assert_eq!(play(&mut alarm, timing, &events), [again(10), again(20)]);
    let story = play(&mut alarm, timing, &[(21, Event::Acknowledge), (99, BROKEN)]);
    assert_eq!(story, [(Change::Acknowledged, 21, None)]);
    assert_eq!(alarm.next_due(), None);
}

#[test]
fn announcements_missed_in_a_long_gap_are_made_up_for_once() {
    let timing = Timing { reannounce: Some(seconds(10)), ..NONE };
    let mut alarm = after(timing, &[(0, BROKEN)]);
    let again = [(Change::StillActive, 10, Some(Told::StillActive))];
    assert_eq!(play(&mut alarm, timing, &[(86_400, BROKEN)]), again);
    assert_eq!(alarm.next_due().map(|due| due.at), Some(time(86_410)));
}

#[test]
fn what_a_reading_ended_early_is_announced_again_after_it_and_not_after_the_watch() {
    let timing = Timing { on_delay: seconds(60), reannounce: Some(seconds(10)), ..NONE };
    let mut alarm = after(timing, &[(0, BROKEN)]);
    let story = step(&mut alarm, timing, BROKEN, at(60, 5));
    assert_eq!(story, [(Change::Raised, 60, Some(Told::Raised))]);
    assert_eq!(alarm.next_due(), Some(Due { at: time(70), listened: seconds(15) }));
}

#[test]
fn announcing_every_zero_seconds_is_announcing_once() {
    let timing = Timing { reannounce: Some(Duration::ZERO), ..NONE };
    let mut alarm = after(timing, &[(0, BROKEN)]);
    assert_eq!(play(&mut alarm, timing, &[(1, BROKEN), (2, Event::Elapsed)]), []);
}

#[test]
fn nothing_is_announced_again_while_withheld() {
    let timing = Timing { reannounce: Some(seconds(10)), ..NONE };
    let mut alarm = after(timing, &[(0, BROKEN), (5, Event::TakeOutOfService)]);
    assert_eq!(play(&mut alarm, timing, &[(50, BROKEN)]), []);
    let story =
        play(&mut alarm, timing, &[(60, Event::ReturnToService), (69, BROKEN), (70, BROKEN)]);
    assert_eq!(
        story,
        [
            (Change::ReturnedToService, 60, None), // people know that it is active
            (Change::StillActive, 70, Some(Told::StillActive)),
        ]
    );
}

#[test]
fn a_raise_while_shelved_is_recorded_and_told_when_the_shelf_ends() {
    let mut alarm = Alarm::default();
    let story =
        play(&mut alarm, NONE, &[(0, shelve(100, false)), (10, BROKEN), (105, Event::Elapsed)]);
    assert_eq!(
        story,
        [
            (Change::Shelved, 0, None),
            (Change::Raised, 10, None),
            (Change::Unshelved, 100, Some(Told::Raised)),
        ]
    );
}

#[test]
fn a_return_while_suppressed_is_told_when_that_ends() {
    let mut alarm = after(NONE, &[(0, BROKEN)]);
    let by = Event::Suppress { by: "cold-room-power".into() };
    let story =
        play(&mut alarm, NONE, &[(1, by.clone()), (2, by), (3, KEPT), (4, Event::Unsuppress)]);
    assert_eq!(
        story,
        [
            (Change::Suppressed, 1, None),
            (Change::Returned, 3, None),
            (Change::Unsuppressed, 4, Some(Told::Returned)),
        ]
    );
}

#[test]
fn what_came_and_went_while_withheld_is_never_told() {
    let events = [
        (0, Event::TakeOutOfService),
        (1, BROKEN),
        (2, KEPT),
        (3, Event::ReturnToService),
        (4, Event::ReturnToService),
    ];
    let story = play(&mut Alarm::default(), NONE, &events);
    assert_eq!(story.len(), 4);
    assert!(story.iter().all(|(_, _, told)| told.is_none()));
}

#[test]
fn only_the_end_of_the_last_withholding_tells() {
    let by: Arc<str> = "pump-off".into();
    let mut alarm =
        after(NONE, &[(0, shelve(100, false)), (1, Event::Suppress { by: by.clone() })]);
    assert_eq!(alarm.suppressed_by(), Some(&by));
    assert_eq!(alarm.state().withheld, Some(Withheld::Suppressed));
    let story =
        play(&mut alarm, NONE, &[(2, BROKEN), (3, Event::Unsuppress), (4, Event::Unshelve)]);
    assert_eq!(
        story,
        [
            (Change::Raised, 2, None),
            (Change::Unsuppressed, 3, None),
            (Change::Unshelved, 4, Some(Told::Raised)),
        ]
    );
}

#[test]
fn a_one_shot_shelf_ends_with_the_return() {
    let mut alarm = after(NONE, &[(0, BROKEN), (1, shelve(1000, true))]);
    let story = play(&mut alarm, NONE, &[(2, BROKEN), (3, KEPT)]);
    assert_eq!(story, [(Change::Returned, 3, None), (Change::Unshelved, 3, Some(Told::Returned))]);
    assert_eq!(alarm.shelf(), None);
}

#[test]
fn a_one_shot_shelf_of_a_latching_alarm_ends_with_its_reset() {
    let mut alarm = after(LATCHING, &[(0, BROKEN), (1, shelve(1000, true)), (2, KEPT)]);
    assert_eq!(alarm.state().withheld, Some(Withheld::Shelved));
    let story = play(&mut alarm, LATCHING, &[(3, Event::Reset)]);
    assert_eq!(story, [(Change::Reset, 3, None), (Change::Unshelved, 3, Some(Told::Returned))]);
}

#[test]
fn a_one_shot_shelf_has_its_cap_too() {
    let mut alarm = after(NONE, &[(0, BROKEN), (1, shelve(10, true))]);
    assert_eq!(play(&mut alarm, NONE, &[(11, BROKEN)]), [(Change::Unshelved, 11, None)]);
}

#[test]
fn no_reading_s_date_ends_a_shelf() {
    let mut alarm = after(NONE, &[(0, shelve(100, false))]);
    assert_eq!(step(&mut alarm, NONE, KEPT, at(5000, 99)), []);
    assert_eq!(alarm.state().withheld, Some(Withheld::Shelved));
}

#[test]
fn shelving_again_counts_anew() {
    let mut alarm = after(NONE, &[(0, shelve(100, false)), (50, shelve(100, false))]);
    assert_eq!(play(&mut alarm, NONE, &[(149, Event::Elapsed)]), []);
    let story = play(&mut alarm, NONE, &[(150, Event::Elapsed)]);
    assert_eq!(story, [(Change::Unshelved, 150, None)]);
}

#[test]
fn closing_tells_that_it_is_over_whatever_withheld_it() {
    let mut alarm = after(ACKED, &[(0, BROKEN), (1, shelve(100, false))]);
    let story = play(&mut alarm, ACKED, &[(2, Event::Close), (3, Event::Close)]);
    assert_eq!(story, [(Change::Closed, 2, Some(Told::Returned))]);
    assert_eq!(alarm, Alarm::default());
}

#[test]
fn a_delay_that_has_not_run_out_is_closed_without_a_word() {
    let timing = Timing { on_delay: seconds(60), ..NONE };
    let mut alarm = after(timing, &[(0, BROKEN)]);
    assert!(alarm.is_broken());
    assert_eq!(play(&mut alarm, timing, &[(2, Event::Close)]), []);
    assert_eq!(alarm, Alarm::default());
}

#[test]
fn the_ends_of_time_are_no_panic() {
    let timing = Timing { on_delay: Duration::MAX, ..NONE };
    let mut alarm = Alarm::default();
    let last = Moment { at: DateTime::<Utc>::MAX_UTC, listened: seconds(1) };
    assert_eq!(step(&mut alarm, timing, BROKEN, last), []);
    let text = serde_json::to_string(&alarm).unwrap();
    assert_eq!(serde_json::from_str::<Alarm>(&text).unwrap(), alarm);
}
