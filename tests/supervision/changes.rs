//! Adding and removing children while the others run uninterrupted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use vigie::supervisor::{
    ChangeError, ChildId, ChildSpec, ChildState, Failure, GroupHandle, GroupLimit, GroupSpec,
    Mailbox, Placement, Tree, TreeOutcome,
};

use crate::fixture::*;

fn nth(count: usize) -> Vec<ChildId> {
    (0..count).map(|n| ChildId::nth(u32::try_from(n).expect("a few"))).collect()
}

fn name(n: usize) -> String {
    format!("S_{n}")
}

/// A running group of plain probes, and their addresses.
async fn fleet(book: &Arc<Recorder>, size: usize) -> (Run, GroupHandle, Vec<Addr<Probe>>) {
    let (specs, addrs): (Vec<_>, Vec<_>) =
        (0..size).map(|n| sensor(&name(n), book, Script::default())).unzip();
    let group = GroupSpec::new("fleet").children(specs);
    let handle = group.handle();
    let run = Run::start(Tree::new().group(group));
    until("the fleet is up", || run.state("fleet") == ChildState::Up).await;
    (run, handle, addrs)
}

async fn add(group: &GroupHandle, specs: Vec<ChildSpec<Probe>>) -> Vec<ChildId> {
    let (ids, settled) = group.add(specs).await.expect("it runs");
    soon("the new ones are settled", settled).await.expect("told");
    ids
}

#[test]
fn adding_and_removing_children_does_not_interrupt_the_others() {
    run(async {
        let book = Recorder::new();
        let (run, group, addrs) = fleet(&book, 1_000).await;
        let before = run.health.group_children("fleet");

        soon("they go", group.remove([7, 8, 999].map(ChildId::nth))).await.expect("it runs");
        assert_eq!(run.health.group_children("fleet").len(), 997);
        assert_eq!(run.health.child("S_8"), None);
        assert!(matches!(addrs[8].send(Add).await, Err(MailboxError::Closed)), "it is closed");
        assert_eq!(addrs[9].send(Add).await, Ok(1));

        let (replacing, replaced) = sensor("S_8", &book, Script::default());
        let (new, _) = sensor("NEW", &book, Script::default());
        let ids = add(&group, vec![replacing, new]).await;
        assert_eq!(replaced.send(Add).await, Ok(1));
        assert_eq!(run.health.report().groups[0].states.up, 999);
        assert!(run.state("NEW") == ChildState::Up && run.state("S_8") == ChildState::Up);
        assert_ne!(ids[0], ids[1]);

        let after = run.health.group_children("fleet");
        let untouched = |n: &usize| ![7, 8, 999].contains(n);
        for n in (0..1_000).filter(untouched) {
            let now = after.iter().find(|child| child.name == name(n)).expect("it is there");
            assert_eq!((now.incarnation, now.state), (1, before[n].state));
            let moved = (now.since - before[n].since).abs();
            assert!(moved < chrono::TimeDelta::milliseconds(100), "{}: {moved}", now.name);
        }
        let newest: Vec<_> =
            run.health.report().groups[0].newest.iter().map(|it| it.name.clone()).take(2).collect();
        assert!(newest.contains(&"NEW".into()) && newest.contains(&"S_8".into()), "{newest:?}");
        assert_eq!(book.births(), 1_002);
        run.stop_cleanly().await;
    });
}

#[test]
fn a_removed_child_handles_its_mailbox_first() {
    run(async {
        let book = Recorder::new();
        let (run, group, addrs) = fleet(&book, 2).await;
        addrs[0].do_send(Fault::Block(MS(50)));
        for _ in 0..200 {
            addrs[0].do_send(Add);
        }
        soon("it goes", group.remove([ChildId::nth(0)])).await.expect("it runs");
        assert_eq!(book.added(), 200);
        run.stop_cleanly().await;
    });
}

#[test]
fn a_child_that_panics_during_removal_is_restarted_to_finish() {
    run(async {
        let book = Recorder::new();
        let (run, group, _) = fleet(&book, 2).await;
        let twice = Script { stop_panics_below: 3, ..Script::default() };
        let always = Script { stop_panics_below: u32::MAX, ..Script::default() };
        let (patient, addr) = sensor("patient", &book, twice);
        let (hopeless, _) = sensor("hopeless", &Recorder::new(), always);
        let patient = patient.shutdown(Duration::from_secs(10));
        let ids = add(&group, vec![patient, hopeless.shutdown(MS(300))]).await;
        addr.do_send(Fault::Block(MS(20)));
        for _ in 0..50 {
            addr.do_send(Add);
        }
        soon("they go", group.remove(ids)).await.expect("it runs");
        assert_eq!((book.added(), book.births()), (50, 2 + 3));
        assert_eq!(run.health.group_children("fleet").len(), 2);
        // It has left the tree, so its unfinished work does not count.
        run.stop_cleanly().await;
    });
}

#[test]
fn a_quarantined_or_backing_off_child_can_be_removed() {
    run(async {
        let book = Recorder::new();
        let (run, group, _) = fleet(&book, 1).await;
        let (resting, rests) = sensor("resting", &book, Script::default());
        let (waiting, waits) = critical("waiting", &book, Script::default());
        let slow = vigie::supervisor::Backoff { first: Duration::from_secs(60), ..QUICK };
        let slow = vigie::supervisor::Backoff { cap: Duration::from_secs(60), ..slow };
        let resting = resting.intensity(0, Duration::from_secs(60));
        let waiting = waiting.backoff(slow).shutdown(MS(100)).placement(Placement::Pool);
        let ids = add(&group, vec![resting, waiting]).await;
        rests.do_send(Fault::Panic);
        waits.do_send(Fault::Panic);
        until("both are down", || {
            matches!(run.state("resting"), ChildState::Quarantined { .. })
                && matches!(run.state("waiting"), ChildState::BackingOff { .. })
        })
        .await;
        soon("they go", group.remove(ids.clone())).await.expect("it runs");
        assert_eq!(run.health.group_children("fleet").len(), 1);
        assert!(!rests.connected() && !waits.connected(), "their mailboxes are closed");
        // Their slots are free again.
        let mut free = ids;
        for n in 0.. {
            let (new, _) = sensor(&format!("T_{n}"), &book, Script::default());
            let id = add(&group, vec![new]).await[0];
            free.retain(|place| *place != id);
            if free.is_empty() {
                break;
            }
            assert!(n < 1_000, "never free: {free:?}");
            tokio::time::sleep(MS(5)).await;
        }
        run.stop_cleanly().await;
    });
}

#[test]
fn a_removed_child_that_hangs_is_cut_off_and_its_late_report_is_ignored() {
    run(async {
        let book = Recorder::new();
        let (run, group, _) = fleet(&book, 1).await;
        let (hung, addr) = sensor("hung", &book, Script::default());
        let ids = add(&group, vec![hung.placement(Placement::Dedicated).shutdown(MS(50))]).await;
        addr.do_send(Fault::Block(MS(700)));
        let began = Instant::now();
        soon("it is cut off", group.remove(ids.clone())).await.expect("it runs");
        assert!(began.elapsed() >= MS(50) && began.elapsed() < MS(600), "{:?}", began.elapsed());
        assert_eq!(run.health.child("hung"), None);
        let (next, _) = sensor("next", &book, Script::default());
        assert_ne!(add(&group, vec![next]).await, ids, "the place is still the hung one's");

        let mut num_more = 0;
        loop {
            let (more, _) = sensor(&name(1_000 + num_more), &book, Script::default());
            num_more += 1;
            if add(&group, vec![more]).await == ids {
                break;
            }
            tokio::time::sleep(MS(10)).await;
            assert!(began.elapsed() < Duration::from_secs(20), "it is never free");
        }
        assert!(began.elapsed() >= MS(600), "{:?}", began.elapsed());
        let states = run.health.report().groups[0].states;
        assert_eq!((states.up, run.restarts(&name(1_000 + num_more - 1))), (2 + num_more, 0));
        run.stop_cleanly().await;
    });
}

#[test]
fn no_child_is_added_or_removed_during_a_stop() {
    run(async {
        let book = Recorder::new();
        let slow = Script { stop_takes: MS(300), ..Script::default() };
        let (one, _) = sensor("one", &book, slow);
        let (two, _) = sensor("two", &book, slow);
        let (late, _) = sensor("late", &book, Script::default());
        let group = GroupSpec::new("fleet").child(one).child(two);
        let handle = group.handle();
        let early = handle.add(vec![sensor("early", &book, Script::default()).0]).await;
        assert_eq!(early.err(), Some(ChangeError::NotStarted));
        let run = Run::start(Tree::new().group(group));
        until("the fleet is up", || run.state("fleet") == ChildState::Up).await;

        // One child is being removed when the stop begins; the stop waits for it, once.
        let leaving = actix_rt::spawn({
            let handle = handle.clone();
            async move { handle.remove([ChildId::nth(0)]).await }
        });
        until("one is asked to leave", || book.stops() == 1).await;
        let asked = book.clone();
        let meddling = actix_rt::spawn(async move {
            until("the other is asked to stop", || asked.stops() >= 2).await;
            let added = handle.add(vec![late]).await.map(drop);
            (added, handle.remove([ChildId::nth(1)]).await)
        });
        run.stop_cleanly().await;
        let refused = Err(ChangeError::Stopping);
        assert_eq!(meddling.await.expect("no panic"), (refused, refused));
        assert_eq!(soon("it is told", leaving).await.expect("no panic"), Ok(()));
        assert_eq!(book.births(), 2);
    });
}

#[test]
fn children_removed_and_added_stop_in_the_order_of_their_phases() {
    run(async {
        let book = Recorder::new();
        let notes = Script { notes: true, ..Script::default() };
        let child = |name: &str| sensor(name, &book, notes).0;
        let group = GroupSpec::new("fleet").child(child("low")).child(child("high").phase(2));
        let handle = group.handle();
        let run = Run::start(Tree::new().group(group));
        until("the fleet is up", || run.state("fleet") == ChildState::Up).await;
        add(&handle, vec![child("between").phase(1)]).await;
        soon("it goes", handle.remove([ChildId::nth(1)])).await.expect("it runs");
        add(&handle, vec![child("last").phase(9)]).await;
        run.stop_cleanly().await;
        let lines = book.lines();
        let stops: Vec<_> = lines.iter().filter_map(|it| it.strip_suffix(" stopped")).collect();
        assert_eq!(stops, ["high", "last", "between", "low"]);
    });
}

#[test]
fn failures_of_removed_children_do_not_count_for_their_group() {
    run(async {
        let book = Recorder::new();
        let limit = GroupLimit { at_least: 2, percent: 0, window: Duration::from_secs(60) };
        let specs = (0..6).map(|n| sensor(&name(n), &book, Script::default()));
        let (specs, addrs): (Vec<_>, Vec<_>) = specs.unzip();
        let group = GroupSpec::new("fleet").limit(limit).children(specs);
        let handle = group.handle();
        let run = Run::start(Tree::new().group(group));
        until("the fleet is up", || run.state("fleet") == ChildState::Up).await;
        for n in [0, 1] {
            addrs[n].do_send(Fault::Panic);
            run.until_up(&name(n), 1).await;
        }
        // Their failures are removed with them; new children in their slots start at zero.
        soon("they go", handle.remove([0, 1].map(ChildId::nth))).await.expect("it runs");
        let (new, _) = sensor("new", &book, Script::default());
        add(&handle, vec![new]).await;
        for n in [2, 3] {
            addrs[n].do_send(Fault::Panic);
            run.until_up(&name(n), 1).await;
        }
        addrs[4].do_send(Fault::Panic);
        let TreeOutcome::GaveUp { child, failures } = run.outcome().await else {
            panic!("it gave up")
        };
        assert_eq!(&*child, "fleet");
        assert!(failures[0].starts_with("more than 2 of 5 children"), "{failures:?}");
    });
}

#[test]
fn an_added_child_that_is_unavailable_does_not_end_the_others() {
    run(async {
        let book = Recorder::new();
        let (run, group, addrs) = fleet(&book, 1).await;
        let lacking = |_: &_| Err(Failure::Unavailable("no such file".into()));
        let lacking = ChildSpec::<Probe>::sensor("lacking", Mailbox::new(), lacking).backoff(QUICK);
        add(&group, vec![lacking]).await;
        assert!(matches!(run.state("lacking"), ChildState::Quarantined { .. }));
        assert_eq!(addrs[0].send(Add).await, Ok(1));
        run.stop_cleanly().await;
    });
}

#[test]
fn a_thousand_changes_among_a_hundred_thousand_children_take_seconds() {
    const MANY: usize = 100_000;
    const CHANGED: usize = 1_000;
    run_alone(async {
        let book = Recorder::new();
        let spec =
            |n: usize| ChildSpec::sensor(name(n), Mailbox::new(), probe(&book, Script::default()));
        let group = GroupSpec::new("fleet").children((0..MANY).map(spec));
        let handle = group.handle();
        let run = Run::start(Tree::new().group(group));
        until("the fleet is up", || run.state("fleet") == ChildState::Up).await;
        let began = Instant::now();
        let mut ids = nth(CHANGED);
        for _ in 0..5 {
            soon("they go", handle.remove(ids)).await.expect("it runs");
            ids = add(&handle, (0..CHANGED).map(spec).collect()).await;
        }
        let took = began.elapsed();
        println!("5 times {CHANGED} of {MANY} replaced in {took:?}");
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert_eq!(run.health.report().groups[0].states.up, MANY);
        let mut places = nth(CHANGED);
        places.retain(|place| !ids.contains(place));
        assert!(places.is_empty(), "they have the same places again: {places:?}");
        run.stop_cleanly().await;
    });
}
