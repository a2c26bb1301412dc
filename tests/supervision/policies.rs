//! Restart policies: what is restarted, how often, and what follows.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use vigie::supervisor::{
    ChildEventKind, ChildState, Exhaustion, GroupLimit, GroupSpec, Mailbox, Restart, SendError,
    Tree, TreeOutcome,
};

use crate::fixture::*;

#[test]
fn a_clean_stop_is_the_end_of_a_transient_child_only() {
    run(async {
        let book = Recorder::new();
        let (permanent, stays) = critical("permanent", &book, Script::default());
        let mailbox = Mailbox::new();
        let (addr, route) = (mailbox.addr(), mailbox.route::<Add>(4));
        let transient = vigie::supervisor::ChildSpec::critical(
            "transient",
            mailbox,
            probe(&book, Script::default()),
        )
        .backoff(QUICK)
        .restart(Restart::Transient);
        let run = Run::start(Tree::new().child(permanent).child(transient));
        run.until_up("permanent", 0).await;
        run.until_up("transient", 0).await;

        stays.do_send(Fault::Stop);
        run.until_up("permanent", 1).await;
        assert_eq!(run.last_exit("permanent"), "stopped by itself");

        addr.do_send(Fault::Fail);
        run.until_up("transient", 1).await;
        assert_eq!(run.last_exit("transient"), "failed: told to fail");

        addr.do_send(Fault::Stop);
        let queued = addr.send(Add);
        assert_eq!(soon("the queued message", queued).await, Err(MailboxError::Closed));
        until("it is stopped", || run.state("transient") == ChildState::Stopped).await;
        assert!(matches!(route.send(Add, MS(100)).await, Err(SendError::Closed(_))));
        assert_eq!(addr.send(Add).await, Err(MailboxError::Closed));
        run.stop_cleanly().await;
    });
}

#[test]
fn a_child_that_keeps_failing_ends_the_run() {
    run(async {
        let book = Recorder::new();
        let notes = Script { notes: true, ..Script::default() };
        let (storage, addr) = critical("storage", &book, Script::default());
        let (low, _) = critical("low", &book, notes);
        let (high, _) = critical("high", &book, notes);
        let storage = storage.phase(1).intensity(2, Duration::from_secs(60));
        let run = Run::start(Tree::new().child(low).child(storage).child(high.phase(2)));
        run.until_up("high", 0).await;
        for restarts in 0..3 {
            run.until_up("storage", restarts).await;
            addr.do_send(if restarts == 1 { Fault::Fail } else { Fault::Panic });
        }
        let failures =
            ["panicked: told to panic", "failed: told to fail", "panicked: told to panic"];
        let expected = TreeOutcome::GaveUp {
            child: "storage".into(),
            failures: failures.map(ToOwned::to_owned).to_vec(),
        };
        assert_eq!(run.outcome().await, expected);
        assert_eq!(book.lines(), ["low started", "high started", "high stopped", "low stopped"]);
    });
}

#[test]
fn a_sensor_is_quarantined_and_returns() {
    run(async {
        const REST: Duration = Duration::from_millis(300);
        let book = Recorder::new();
        let (flaky, addr) = sensor("flaky", &book, Script::default());
        let (steady, _) = sensor("steady", &book, Script::default());
        let flaky =
            flaky.intensity(2, Duration::from_secs(60)).on_exhaustion(Exhaustion::Quarantine(REST));
        let events = Rc::new(std::cell::RefCell::new(Vec::new()));
        let heard = events.clone();
        let tree = Tree::new()
            .group(GroupSpec::new("fleet").child(flaky).child(steady))
            .on_event(move |event| heard.borrow_mut().push(event.clone()));
        let run = Run::start(tree);
        for restarts in 0..3 {
            run.until_up("flaky", restarts).await;
            addr.do_send(Fault::Panic);
        }
        until("it is quarantined", || matches!(run.state("flaky"), ChildState::Quarantined { .. }))
            .await;
        let began = Instant::now();
        let fleet = &run.health.report().groups[0];
        assert_eq!((fleet.states.quarantined, fleet.states.up), (1, 1));
        // Its address stays valid, and messages sent meanwhile are handled afterwards.
        assert_eq!(soon("its return", addr.send(Add)).await, Ok(4));
        assert!(began.elapsed() > REST / 2, "{:?}", began.elapsed());
        run.until_up("flaky", 3).await;
        assert_eq!(run.health.child("flaky").map(|it| it.restarts_in_window), Some(0));
        assert_eq!(run.restarts("steady"), 0);

        let events = events.borrow().clone();
        let quarantined = events
            .iter()
            .find(|event| matches!(event.what, ChildEventKind::Quarantined { rest: REST, .. }));
        let quarantined = quarantined.expect("it was told");
        assert_eq!(quarantined.group.as_deref(), Some("fleet"));
        assert_eq!((&*quarantined.child, quarantined.incarnation), ("flaky", 3));
        let restarts = events.iter().filter_map(|event| match event.what {
            ChildEventKind::Restarting { nth, of, .. } => Some((nth, of)),
            _ => None,
        });
        assert_eq!(restarts.collect::<Vec<_>>(), [(1, 2), (2, 2)]);
        run.stop_cleanly().await;
    });
}

#[test]
fn too_many_failures_in_a_group_end_the_run() {
    run(async {
        let book = Recorder::new();
        let (sensors, addrs): (Vec<_>, Vec<_>) =
            (0..20).map(|n| sensor(&format!("S_{n}"), &book, Script::default())).unzip();
        let limit = GroupLimit { at_least: 3, percent: 20, window: Duration::from_secs(60) };
        let group = GroupSpec::new("fleet").children(sensors).limit(limit).phase(1);
        let (keeper, _) = critical("keeper", &book, Script { notes: true, ..Script::default() });
        let told = Rc::new(Cell::new(0));
        let tell = told.clone();
        let tree = Tree::new().child(keeper).group(group).on_event(move |event| {
            if &*event.child == "fleet" && matches!(event.what, ChildEventKind::Escalated { .. }) {
                tell.set(tell.get() + 1);
            }
        });
        let run = Run::start(tree);
        until("the fleet is up", || run.state("fleet") == ChildState::Up).await;

        // 20 % of 20 may fail.
        for addr in &addrs[..4] {
            addr.do_send(Fault::Panic);
        }
        for n in 0..4 {
            run.until_up(&format!("S_{n}"), 1).await;
        }
        assert_eq!(run.state("fleet"), ChildState::Up);
        assert_eq!(told.get(), 0);
        // One failure too many ends the run; later ones are not reported.
        for addr in &addrs[4..] {
            addr.do_send(Fault::Panic);
        }
        let TreeOutcome::GaveUp { child, failures } = run.outcome().await else {
            panic!("it should have given up")
        };
        assert_eq!(&*child, "fleet");
        assert_eq!(failures[0], "more than 4 of 20 children failed within 60 s");
        assert_eq!((failures.len(), told.get()), (6, 1));
        assert!(failures[5].ends_with(" panicked: told to panic"), "{failures:?}");
        assert_eq!(book.lines(), ["keeper started", "keeper stopped"]);
    });
}

#[test]
fn a_group_propagates_an_unavailable_child() {
    run(async {
        let factory = |_: &vigie::supervisor::ChildEnv| {
            Err(vigie::supervisor::Failure::Unavailable("no such file".into()))
        };
        let spec = vigie::supervisor::ChildSpec::<Probe>::sensor("replay", Mailbox::new(), factory);
        let outcome = Run::start(Tree::new().group(GroupSpec::new("fleet").child(spec))).outcome();
        let expected =
            TreeOutcome::Unavailable { child: Arc::from("replay"), why: "no such file".to_owned() };
        assert_eq!(outcome.await, expected);
    });
}
