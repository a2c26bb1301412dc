//! Wherever an actor's code panics, only the message in flight is lost.

use actix::prelude::*;
use futures_util::future::join_all;
use vigie::supervisor::{ChildEnv, ChildSpec, ChildState, Failure, Mailbox, Tree, TreeOutcome};

use crate::fixture::*;

#[test]
fn a_panic_costs_the_message_in_flight_and_no_other() {
    run(async {
        let book = Recorder::new();
        let (spec, addr) = critical("victim", &book, Script::default());
        let run = Run::start(Tree::new().child(spec));
        run.until_up("victim", 0).await;

        // Queued before the actor runs, so the panic is handled first.
        addr.do_send(Fault::Block(MS(20)));
        let in_flight = addr.send(Fault::Panic);
        let queued: Vec<_> = (0..100).map(|_| addr.send(Add)).collect();
        assert_eq!(in_flight.await, Err(MailboxError::Closed));
        let answers = soon("the queued messages", join_all(queued)).await;
        assert_eq!(answers, vec![Ok(2); 100]);
        assert_eq!((book.added(), run.restarts("victim")), (100, 1));
        assert_eq!(run.last_exit("victim"), "panicked: told to panic");
        run.stop_cleanly().await;
    });
}

#[test]
fn a_panic_in_started_is_retried() {
    run(async {
        let book = Recorder::new();
        let script = Script { started_panics_below: 3, ..Script::default() };
        let (spec, addr) = critical("late", &book, script);
        let early = addr.send(Add);
        let run = Run::start(Tree::new().child(spec));
        assert_eq!(soon("the early message", early).await, Ok(3));
        assert_eq!((book.births(), run.restarts("late")), (3, 2));
        run.stop_cleanly().await;
    });
}

#[test]
fn a_factory_may_fail_and_panic_before_it_succeeds() {
    run(async {
        let book = Recorder::new();
        let make = probe(&book, Script::default());
        let mailbox = Mailbox::new();
        let addr = mailbox.addr();
        let factory = move |env: &ChildEnv| match env.incarnation() {
            1 => Err(Failure::Failed("not yet".into())),
            2 => panic!("nor now"),
            _ => make(env),
        };
        let spec = ChildSpec::critical("shy", mailbox, factory).backoff(QUICK);
        let run = Run::start(Tree::new().child(spec));
        assert_eq!(soon("an answer", addr.send(Add)).await, Ok(3));
        assert_eq!(run.last_exit("shy"), "panicked: nor now");
        run.stop_cleanly().await;
    });
}

#[test]
fn an_unavailable_service_ends_the_run_at_the_first_start_only() {
    run(async {
        let book = Recorder::new();
        let (other, _) = critical("other", &book, Script { notes: true, ..Script::default() });
        let factory = |_: &ChildEnv| Err(Failure::Unavailable("port taken".into()));
        let spec = ChildSpec::<Probe>::critical("broker", Mailbox::new(), factory).phase(1);
        let run = Run::start(Tree::new().child(other).child(spec));
        let expected =
            TreeOutcome::Unavailable { child: "broker".into(), why: "port taken".to_owned() };
        assert_eq!(run.outcome().await, expected);
        assert_eq!(book.lines(), ["other started", "other stopped"]);

        let make = probe(&book, Script::default());
        let mailbox = Mailbox::new();
        let addr = mailbox.addr();
        let factory = move |env: &ChildEnv| match env.incarnation() {
            2 => Err(Failure::Unavailable("disk full".into())),
            _ => make(env),
        };
        let spec = ChildSpec::critical("storage", mailbox, factory).backoff(QUICK);
        let run = Run::start(Tree::new().child(spec));
        run.until_up("storage", 0).await;
        addr.do_send(Fault::Panic);
        run.until_up("storage", 2).await;
        assert_eq!(run.last_exit("storage"), "unavailable: disk full");
        run.stop_cleanly().await;
    });
}

#[test]
fn an_actor_can_report_unavailable_after_its_factory_returned() {
    struct Late(ChildEnv);
    impl Actor for Late {
        type Context = Context<Self>;
        fn started(&mut self, ctx: &mut Self::Context) {
            self.0.unavailable::<Self>(ctx, "no such host");
        }
    }
    impl Handler<vigie::supervisor::GracefulStop> for Late {
        type Result = ();
        fn handle(&mut self, _: vigie::supervisor::GracefulStop, ctx: &mut Self::Context) {
            ctx.stop();
        }
    }
    run(async {
        let factory = |env: &ChildEnv| Ok(Late(env.clone()));
        let spec = ChildSpec::critical("web", Mailbox::new(), factory);
        let outcome = Run::start(Tree::new().child(spec)).outcome().await;
        let expected =
            TreeOutcome::Unavailable { child: "web".into(), why: "no such host".to_owned() };
        assert_eq!(outcome, expected);
    });
}

#[test]
fn a_panic_whose_clean_up_panics_too_is_survived() {
    run(async {
        let book = Recorder::new();
        let script = Script { stopped_panics: true, drop_panics: true, ..Script::default() };
        let (spec, addr) = critical("messy", &book, script);
        let run = Run::start(Tree::new().child(spec));
        addr.do_send(Fault::Panic);
        assert_eq!(soon("an answer", addr.send(Add)).await, Ok(2));
        assert_eq!(run.last_exit("messy"), "panicked: told to panic");
        // A clean stop that panics in `stopped` counts as a panic; the next stop is final.
        let outcome = run.stop().await;
        assert!(matches!(outcome, TreeOutcome::Stopped { .. }), "{outcome:?}");
    });
}

#[test]
fn a_panic_in_any_future_of_the_actor_restarts_it() {
    run(async {
        let book = Recorder::new();
        let (spec, addr) = critical("victim", &book, Script::default());
        let run = Run::start(Tree::new().child(spec));
        run.until_up("victim", 0).await;
        let closed = Err(MailboxError::Closed);

        assert_eq!(addr.send(Fault::PanicInSpawned).await, Ok(()));
        run.until_up("victim", 1).await;
        assert_eq!(run.last_exit("victim"), "panicked: in a spawned future");

        assert_eq!(addr.send(Fault::PanicInLater).await, Ok(()));
        run.until_up("victim", 2).await;
        assert_eq!(run.last_exit("victim"), "panicked: in run_later");

        assert_eq!(soon("its failure", addr.send(PanicInActFuture)).await, closed);
        run.until_up("victim", 3).await;
        assert_eq!(run.last_exit("victim"), "panicked: in a ResponseActFuture");

        assert_eq!(soon("its failure", addr.send(PanicInAtomic)).await, closed);
        run.until_up("victim", 4).await;
        assert_eq!(run.last_exit("victim"), "panicked: in an AtomicResponse");
        run.stop_cleanly().await;
    });
}

#[test]
fn a_bystander_notices_nothing() {
    run(async {
        let (book, other) = (Recorder::new(), Recorder::new());
        let (victim, addr) = sensor("victim", &book, Script::default());
        // More bystanders than the pool has arbiters, so some share the victim's.
        let (bystanders, addrs): (Vec<_>, Vec<_>) =
            (0..8).map(|n| sensor(&format!("bystander-{n}"), &other, Script::default())).unzip();
        let tree = bystanders.into_iter().fold(Tree::new().child(victim), Tree::child);
        let run = Run::start(tree);
        for round in 0..4 {
            run.until_up("victim", round).await;
            addr.do_send(Fault::Panic);
            let answers = addrs.iter().flat_map(|addr| (0..25).map(|_| addr.send(Add)));
            let answers = soon("the bystanders", join_all(answers)).await;
            assert_eq!(answers, vec![Ok(1); 200]);
        }
        run.until_up("victim", 4).await;
        assert_eq!((other.added(), other.births()), (800, 8));
        assert_eq!(run.state("bystander-7"), ChildState::Up);
        run.stop_cleanly().await;
    });
}

#[test]
fn a_child_outlives_its_arbiter() {
    run(async {
        let book = Recorder::new();
        let (spec, addr) = critical("orphan", &book, Script::default());
        let run = Run::start(Tree::new().child(spec));
        run.until_up("orphan", 0).await;
        addr.do_send(Fault::StopArbiter);
        // Messages that the old arbiter did not handle are handled on the new one.
        let answers = join_all((0..100).map(|_| addr.send(Add)));
        assert!(soon("the answers", answers).await.iter().all(Result::is_ok));
        run.until_up("orphan", 1).await;
        assert_eq!(book.added(), 100);
        assert_eq!(run.last_exit("orphan"), "lost its arbiter");
        assert_eq!(soon("an answer", addr.send(Add)).await, Ok(2));
        run.stop_cleanly().await;
    });
}
