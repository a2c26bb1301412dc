use super::*;

const HEADS: LiveHeads = LiveHeads { series: 5, alarms: 3 };

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn greeted(want: &str) -> Feed {
    let mut feed = Feed::new(Duration::ZERO);
    let hello = format!("{{\"hello\":1,\"epoch\":null,\"seq\":0,\"want\":{want}}}");
    assert_eq!(feed.hear(&hello, Duration::ZERO, ("e", 5)), Ok(FrameRequest::Hello));
    feed
}

fn ask(feed: &mut Feed, now: f64, heads: LiveHeads) -> UpdateRequest {
    match feed.next(seconds(now), heads, (0, 0)) {
        NextStep::State(ask) => ask,
        other => panic!("{other:?}"),
    }
}

fn say(feed: &mut Feed, now: f64, text: &str) -> Result<FrameRequest, Refusal> {
    feed.hear(text, seconds(now), ("e", 9))
}

#[test]
fn a_state_is_followed_by_another_once_it_is_acknowledged() {
    let mut feed = greeted("{\"series\":4,\"alarms\":true}");
    let first = ask(&mut feed, 0.0, HEADS);
    assert_eq!((first.is_full, first.since()), (true, (Some(0), Some(0))));
    assert_eq!((first.seq_before(), first.seq_after(5)), (0, 5));
    feed.sending(&first, 5, seconds(0.0));
    let later = LiveHeads { series: 9, alarms: 3 };
    assert_eq!(feed.next(seconds(1.0), later, (0, 0)), NextStep::Wait);
    // Of another state.
    assert_eq!(say(&mut feed, 1.0, "{\"ack\":4}"), Ok(FrameRequest::Other));
    assert_eq!(feed.next(seconds(1.0), later, (0, 0)), NextStep::Wait);
    assert_eq!(say(&mut feed, 1.0, "{\"ack\":5}"), Ok(FrameRequest::Other));
    let second = ask(&mut feed, 1.0, later);
    assert_eq!((second.is_full, second.since()), (false, (Some(5), Some(5))));
    assert_eq!((second.seq_before(), second.seq_after(9)), (5, 9));
}

#[test]
fn what_is_not_wanted_now_is_made_up_for_later() {
    let mut feed = greeted("{\"series\":4,\"alarms\":true}");
    let first = ask(&mut feed, 0.0, HEADS);
    feed.sending(&first, 5, seconds(0.0));
    say(&mut feed, 0.1, "{\"ack\":5}").unwrap();
    say(&mut feed, 0.2, "{\"want\":{\"alarms\":true}}").unwrap();
    let heads = LiveHeads { series: 8, alarms: 7 };
    let alarms = ask(&mut feed, 1.0, heads);
    assert_eq!((alarms.since(), alarms.seq_after(8)), ((None, Some(5)), 5));
    feed.sending(&alarms, 8, seconds(1.0));
    say(&mut feed, 1.1, "{\"ack\":5}").unwrap();
    assert_eq!(feed.next(seconds(1.2), heads, (0, 0)), NextStep::Wait);
    say(&mut feed, 1.3, "{\"want\":{\"series\":1,\"alarms\":true}}").unwrap();
    let series = ask(&mut feed, 2.0, heads);
    assert_eq!((series.since(), series.seq_after(8)), ((Some(5), Some(8)), 8));
}

#[test]
fn series_come_at_their_rate_and_in_step_and_alarms_at_once() {
    let mut feed = greeted("{\"series\":1,\"alarms\":true}");
    let first = ask(&mut feed, 0.25, HEADS);
    feed.sending(&first, 5, seconds(0.25));
    say(&mut feed, 0.3, "{\"ack\":5}").unwrap();
    let series = LiveHeads { series: 6, alarms: 3 };
    for early in [0.5, 0.75] {
        assert_eq!(feed.next(seconds(early), series, (0, 0)), NextStep::Wait, "{early}");
    }
    let both = LiveHeads { series: 6, alarms: 6 };
    assert_eq!(ask(&mut feed, 0.75, both).since(), (None, Some(5)));
    assert_eq!(ask(&mut feed, 1.0, series).since(), (Some(5), Some(5)));
    // One that nothing was sent to for long need not wait for its turn.
    assert_eq!(ask(&mut feed, 7.75, series).since(), (Some(5), Some(5)));
}

#[test]
fn it_resumes_within_its_epoch() {
    let resumed = |epoch: &str, seq: u64| {
        let mut feed = Feed::new(Duration::ZERO);
        let hello = format!(
            "{{\"hello\":1,\"epoch\":\"{epoch}\",\"seq\":{seq},\"want\":{{\"series\":4,\"alarms\":true}}}}"
        );
        feed.hear(&hello, Duration::ZERO, ("e", 5)).unwrap();
        feed.next(Duration::ZERO, HEADS, (0, 0))
    };
    assert_eq!(resumed("e", 5), NextStep::Wait);
    let NextStep::State(ask) = resumed("e", 4) else { panic!() };
    assert_eq!((ask.is_full, ask.since()), (false, (Some(4), Some(4))));
    for (epoch, seq) in [("e", 0), ("e", 6), ("f", 5)] {
        let NextStep::State(ask) = resumed(epoch, seq) else { panic!("{epoch} {seq}") };
        assert!(ask.is_full, "{epoch} {seq}");
    }
}

#[test]
fn figures_come_when_they_changed() {
    let mut feed = greeted("{\"system\":true}");
    assert_eq!(feed.next(seconds(0.0), HEADS, (0, 4)), NextStep::Wait);
    let NextStep::State(ask) = feed.next(seconds(0.0), HEADS, (1, 4)) else { panic!() };
    assert_eq!((ask.system, ask.broker, ask.since()), (Some(1), None, (None, None)));
    feed.sending(&ask, 5, seconds(0.0));
    say(&mut feed, 0.1, "{\"ack\":0}").unwrap();
    assert_eq!(feed.next(seconds(0.2), HEADS, (1, 4)), NextStep::Wait);
    assert!(matches!(feed.next(seconds(1.2), HEADS, (2, 4)), NextStep::State(_)));
}

#[test]
fn it_beats_while_there_is_nothing_to_say_and_sleeps_when_nobody_looks() {
    let mut feed = greeted("{\"series\":1,\"alarms\":true}");
    let first = ask(&mut feed, 0.0, HEADS);
    feed.sending(&first, 5, seconds(0.0));
    let later = LiveHeads { series: 9, alarms: 9 };
    assert_eq!(feed.next(seconds(1.5), later, (0, 0)), NextStep::Wait);
    assert_eq!(feed.next(seconds(1.75), later, (0, 0)), NextStep::Beat);
    feed.beating(seconds(1.75));
    assert_eq!(feed.next(seconds(2.0), later, (0, 0)), NextStep::Wait);
    assert_eq!(feed.next(seconds(119.0), later, (0, 0)), NextStep::Beat);
    assert_eq!(feed.next(seconds(120.0), later, (0, 0)), NextStep::Wait);
    say(&mut feed, 500.0, "{\"ack\":5}").unwrap();
    assert!(matches!(feed.next(seconds(500.0), later, (0, 0)), NextStep::State(_)));
}

#[test]
fn who_asks_wrongly_is_cut_off() {
    let mut silent = Feed::new(Duration::ZERO);
    assert_eq!(silent.next(seconds(9.9), HEADS, (0, 0)), NextStep::Wait);
    assert_eq!(silent.next(seconds(10.0), HEADS, (0, 0)), NextStep::Close(Refusal::NoHello));
    for (first, refusal) in [
        ("{\"ack\":1}", Refusal::NoHello),
        ("{\"hello\":2}", Refusal::OtherVersion),
        ("{\"hello\":1,\"ack\":1}", Refusal::NotUnderstood),
        ("{\"hello\":1,\"want\":{\"series\":5}}", Refusal::NotUnderstood),
        ("{\"hello\":1,\"want\":{\"series\":-1}}", Refusal::NotUnderstood),
        ("{\"hello\":1,\"want\":{\"serie\":1}}", Refusal::NotUnderstood),
        ("{\"hello\":1,\"since\":1}", Refusal::NotUnderstood),
        ("hello", Refusal::NotUnderstood),
        ("", Refusal::NotUnderstood),
    ] {
        let heard = Feed::new(Duration::ZERO).hear(first, Duration::ZERO, ("e", 5));
        assert_eq!(heard, Err(refusal), "{first}");
    }
    let mut feed = greeted("{}");
    for (text, refusal) in [
        ("{\"hello\":1}", Refusal::HelloAgain),
        ("{}", Refusal::NotUnderstood),
        ("{\"ack\":1,\"want\":{}}", Refusal::NotUnderstood),
        ("{\"ack\":1,\"seq\":1}", Refusal::NotUnderstood),
        ("{\"ack\":-1}", Refusal::NotUnderstood),
    ] {
        assert_eq!(say(&mut feed, 1.0, text), Err(refusal), "{text}");
    }
}

#[test]
fn twenty_frames_a_second_are_enough() {
    let mut feed = greeted("{}");
    for _ in 0..19 {
        assert_eq!(say(&mut feed, 0.5, "{\"ack\":1}"), Ok(FrameRequest::Other));
    }
    assert_eq!(say(&mut feed, 0.9, "{\"ack\":1}"), Err(Refusal::TooManyFrames));
    assert_eq!(say(&mut feed, 1.0, "{\"ack\":1}"), Ok(FrameRequest::Other));
}
