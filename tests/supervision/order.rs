//! Phases start one after the other and stop in reverse, each child within its deadline.

use std::cell::Cell;
use std::time::{Duration, Instant};

use vigie::supervisor::{ChildState, GroupSpec, Readiness, Tree, TreeOutcome};

use crate::fixture::*;

const SIGNALLED: fn(u64) -> Readiness = |at_most| Readiness::Signalled { at_most: MS(at_most) };

#[test]
fn phases_start_in_order_and_stop_in_reverse() {
    run(async {
        let book = Recorder::new();
        let notes = Script { notes: true, ..Script::default() };
        let slow = Script { ready_after: Some(MS(60)), ..notes };
        let (storage, _) = critical("storage", &book, slow);
        let (alerts, _) = critical("alerts", &book, notes);
        let (gateway, _) = critical("gateway", &book, notes);
        let (sensor, _) = sensor("sensor", &book, notes);
        let hook = book.clone();
        let tree = Tree::new()
            .child(gateway.phase(2))
            .group(GroupSpec::new("fleet").phase(3).child(sensor))
            .child(storage.phase(0).readiness(SIGNALLED(5_000)))
            .child(alerts.phase(1))
            .on_phase_up(move |phase| hook.note(format!("phase {phase} up")));
        let run = Run::start(tree);
        until("the fleet is up", || run.state("fleet") == ChildState::Up).await;
        run.stop_cleanly().await;
        let expected = [
            "storage started",
            "storage ready",
            "phase 0 up",
            "alerts started",
            "phase 1 up",
            "gateway started",
            "phase 2 up",
            "sensor started",
            "phase 3 up",
            "sensor stopped",
            "gateway stopped",
            "alerts stopped",
            "storage stopped",
        ];
        assert_eq!(book.lines(), expected);
    });
}

#[test]
fn a_child_that_never_reports_ready_counts_as_up_after_a_timeout() {
    run(async {
        let book = Recorder::new();
        let (silent, _) = critical("silent", &book, Script::default());
        let (next, _) = critical("next", &book, Script::default());
        let began = Instant::now();
        let silent = silent.readiness(SIGNALLED(150));
        let run = Run::start(Tree::new().child(silent).child(next.phase(1)));
        assert_eq!(
            (run.state("silent"), run.state("next")),
            (ChildState::Starting, ChildState::Starting)
        );
        run.until_up("next", 0).await;
        assert!(began.elapsed() >= MS(150));
        assert_eq!(run.state("silent"), ChildState::Up);
        run.stop_cleanly().await;
    });
}

#[test]
fn a_hung_child_is_cut_off_at_its_own_deadline() {
    run(async {
        let book = Recorder::new();
        let deaf = Script { deaf: true, notes: true, ..Script::default() };
        let quick = Script { stop_takes: MS(20), notes: true, ..Script::default() };
        let (hung, hung_addr) = critical("hung", &book, deaf);
        let (blocked, blocker) = critical("blocked", &book, Script::default());
        let (quick, _) = critical("quick", &book, quick);
        let lasting = Script { stop_takes: MS(300), notes: true, ..Script::default() };
        let (below, _) = critical("below", &book, lasting);
        let events = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let heard = events.clone();
        let tree = Tree::new()
            .child(below)
            .child(quick.phase(1).shutdown(MS(5_000)))
            .child(hung.phase(1).shutdown(MS(300)))
            .child(blocked.phase(1).shutdown(MS(100)))
            .on_event(move |event| {
                heard.borrow_mut().push((event.child.to_string(), Instant::now()));
            });
        let run = Run::start(tree);
        for child in ["quick", "hung", "blocked"] {
            run.until_up(child, 0).await;
        }
        // Nothing can end this child early, so the stop does not wait for it.
        blocker.do_send(Fault::Block(MS(1_000)));
        let began = Instant::now();
        events.borrow_mut().clear();
        // Once cut off, the child is gone at once, before the tree ends, and sending to it fails.
        let later = book.clone();
        actix_rt::spawn(async move {
            until("it is cut off", || later.lines().contains(&"hung stopped".into())).await;
            let answer = hung_addr.send(Add).await;
            later.note(format!("hung answers {answer:?}"));
        });
        let outcome = run.stop().await;
        assert_eq!(
            outcome,
            TreeOutcome::Stopped { unfinished: vec!["blocked".into(), "hung".into()] }
        );
        let events = events.borrow().clone();
        let (names, times): (Vec<_>, Vec<_>) =
            events.iter().map(|(name, at)| (name.as_str(), at.duration_since(began))).unzip();
        assert_eq!(names, ["quick", "blocked", "hung", "below"]);
        for (time, deadline) in times.iter().zip([20, 100, 300, 600]) {
            assert!(*time >= MS(deadline) && *time < MS(deadline + 400), "{times:?}");
        }
        let expected = [
            "quick stopped",
            "hung stopped",
            "hung answers Err(MailboxError(Mailbox has closed))",
            "below stopped",
        ];
        let mut lines = book.lines();
        lines.retain(|line| !line.ends_with("started"));
        assert_eq!(lines, expected);
    });
}

#[test]
fn a_stop_keeps_the_overall_deadline() {
    run(async {
        let book = Recorder::new();
        let deaf = Script { deaf: true, ..Script::default() };
        let (one, _) = critical("one", &book, deaf);
        let (two, _) = critical("two", &book, deaf);
        let (sensor, _) = sensor("sensor", &book, deaf);
        let tree = Tree::new()
            .child(one.phase(0))
            .child(two.phase(1))
            .group(GroupSpec::new("fleet").phase(2).child(sensor));
        let run = Run::start_within(tree, MS(200));
        until("all are up", || run.state("fleet") == ChildState::Up).await;
        let began = Instant::now();
        let expected =
            TreeOutcome::Stopped { unfinished: ["sensor", "two", "one"].map(Into::into).to_vec() };
        assert_eq!(run.stop().await, expected);
        let took = began.elapsed();
        assert!(took >= MS(200) && took < MS(600), "{took:?}");
    });
}

#[test]
fn a_stop_in_the_middle_of_the_start_ends_what_was_started() {
    run(async {
        let book = Recorder::new();
        let notes = Script { notes: true, ..Script::default() };
        let (low, _) = critical("low", &book, notes);
        let (waiting, _) = critical("waiting", &book, notes);
        let (never, _) = critical("never", &book, notes);
        let tree = Tree::new()
            .child(low)
            .child(waiting.phase(1).readiness(SIGNALLED(60_000)))
            .child(never.phase(2));
        let run = Run::start(tree);
        until("it waits", || book.lines().len() == 2).await;
        run.stop_cleanly().await;
        let expected = ["low started", "waiting started", "waiting stopped", "low stopped"];
        assert_eq!(book.lines(), expected);
    });
}

#[test]
fn a_child_that_fails_while_stopping_still_finishes_its_work() {
    run(async {
        let book = Recorder::new();
        let (writer, addr) = critical("writer", &book, Script::default());
        let run = Run::start(Tree::new().child(writer));
        run.until_up("writer", 0).await;
        addr.do_send(Fault::Block(MS(30)));
        for _ in 0..50 {
            addr.do_send(Add);
        }
        addr.do_send(Fault::Panic);
        for _ in 0..50 {
            addr.do_send(Add);
        }
        run.stop_cleanly().await;
        assert_eq!((book.added(), book.births()), (100, 2));
    });
}

#[test]
fn a_stop_request_lost_in_a_panic_is_repeated() {
    run(async {
        let book = Recorder::new();
        let script = Script { stop_panics_below: 3, ..Script::default() };
        let (writer, _) = critical("writer", &book, script);
        let run = Run::start(Tree::new().child(writer));
        run.until_up("writer", 0).await;
        run.stop_cleanly().await;
        assert_eq!(book.births(), 3);

        // The repetition is bounded.
        let book = Recorder::new();
        let script = Script { stop_panics_below: u32::MAX, ..Script::default() };
        let (writer, _) = critical("writer", &book, script);
        let run = Run::start(Tree::new().child(writer.intensity(3, Duration::from_secs(60))));
        run.until_up("writer", 0).await;
        assert_eq!(run.stop().await, TreeOutcome::Stopped { unfinished: vec!["writer".into()] });
        assert_eq!(book.births(), 4);
    });
}

#[test]
fn children_below_are_still_supervised_while_others_stop() {
    run(async {
        let book = Recorder::new();
        let (storage, addr) = critical("storage", &book, Script::default());
        let slow = Script { stop_takes: MS(400), ..Script::default() };
        let (gateway, _) = critical("gateway", &book, slow);
        let run = Run::start(Tree::new().child(storage).child(gateway.phase(1)));
        run.until_up("gateway", 0).await;
        let health = run.health.clone();
        let asked = book.clone();
        let meddle = actix_rt::spawn(async move {
            until("the gateway is asked to stop", || asked.stops() == 1).await;
            addr.do_send(Fault::Panic);
            soon("an answer from the second life", addr.send(Add)).await
        });
        run.stop_cleanly().await;
        assert_eq!(meddle.await.expect("no panic"), Ok(2));
        assert_eq!(health.child("storage").map(|it| it.state), Some(ChildState::Stopped));
    });
}

#[test]
fn an_empty_tree_waits_for_its_stop() {
    run(async {
        let run = Run::start(Tree::new());
        tokio::task::yield_now().await;
        run.stop_cleanly().await;
        // An empty tree keeps running.
        let tree = Tree::new().start().expect("a thread");
        let asked = Cell::new(false);
        let later = async {
            for _ in 0..1_000 {
                tokio::task::yield_now().await;
            }
            asked.set(true);
        };
        let outcome = soon("its end", tree.run_until(later, Duration::from_secs(1))).await;
        assert_eq!(outcome, TreeOutcome::Stopped { unfinished: vec![] });
        assert!(asked.get(), "it ended before it was asked to");
    });
}
