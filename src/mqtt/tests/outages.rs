//! The broker dies, hangs, and comes back.

use super::*;

#[test]
fn a_broker_that_dies_and_comes_back_costs_nothing() {
    on_stage(async {
        let mut broker = Peer::start();
        let stage = Stage::new(settings("phoenix", broker.port));
        let gateway = stage.start();
        gateway.until_ready().await;
        stage.send(readings(0..10)).await;
        until("the first ten", || stage.numbers().len() == 10).await;

        broker.kill();
        until("the loss is noticed", || log_of("phoenix lost").len() == 1).await;
        stage.send(readings(10..200)).await;
        stage.notes.lock().unwrap().pending = vec![alert(1), alert(2)];
        until("a failed attempt is told", || log_of("connect to phoenix").len() == 1).await;
        let reason = &log_of("connect to phoenix")[0];
        assert!(
            reason.contains(&format!("127.0.0.1:{} refuses connections", broker.port)),
            "{reason}"
        );

        broker.restart();
        let mut world = broker.subscribe("factory/alerts/#");
        until("all readings arrive", || stage.numbers().last() == Some(&199.0)).await;
        // A broker that is killed forgets some of what was acknowledged to it, and sends it again.
        assert_eq!(first_times(&stage.numbers()), (0..200).map(f64::from).collect::<Vec<_>>());
        until("storage is told", || stage.notes.lock().unwrap().delivered == [1, 2]).await;
        world.next().await;
        world.next().await;
        assert_eq!(log_of("Connected to phoenix").len(), 2);
        assert_eq!(log_of("phoenix lost").len(), 1);
        stage.stop(gateway).await;
    });
}

#[test]
fn what_was_in_flight_when_the_broker_died_goes_again() {
    on_stage(async {
        let mut broker = Peer::start();
        let stage = Stage::new(settings("in-flight", broker.port));
        let gateway = stage.start();
        gateway.until_ready().await;
        stage.send(readings(0..3000)).await;
        until("it has begun", || stage.numbers().len() > 300).await;
        broker.kill();
        assert!(stage.log.unpublished() > 0, "too late to be a test");
        broker.restart();
        stage.until_published().await;
        // What the broker had acknowledged, and lost with its memory when it was killed, is its
        // affair; what it had not, comes again. The last one must be there, and the order kept.
        until("the last one", || stage.numbers().last() == Some(&2999.0)).await;
        let numbers = stage.numbers();
        let steps_back = numbers.windows(2).filter(|pair| pair[1] <= pair[0]).count();
        assert!(steps_back <= 1, "once, at the restart");
        stage.stop(gateway).await;
    });
}

/// Paho C frees a message twice when its write fails: see `client`. Unless that is kept from
/// happening, about every fourth kill under load takes this process down.
#[test]
fn a_broker_killed_under_load_again_and_again_is_survived() {
    on_stage(async {
        let mut broker = Peer::start();
        // As the embedded broker, for its shorter delays between attempts.
        let mut settings = settings("sisyphus", 0);
        settings.mqtt.endpoint = Endpoint::Embedded;
        let addr = ([127, 0, 0, 1], broker.port).into();
        let (_place, watch) =
            watch::channel(Some(BrokerAddress { addr, public: addr, credentials: None }));
        settings.embedded = Some(watch);
        let stage = Stage::new(settings);
        let gateway = stage.start();
        for round in 1..=8 {
            until("connected", || log_of("Connected to sisyphus").len() == round).await;
            let before = stage.numbers().len();
            let load = async {
                while log_of("sisyphus lost").len() < round {
                    stage.send(readings(0..100)).await;
                    tokio::task::yield_now().await;
                }
            };
            let kill = async {
                until("the load is on", || stage.numbers().len() > before + 50).await;
                broker.kill();
            };
            tokio::join!(load, kill);
            broker.restart();
        }
        stage.send(vec![reading(12_345)]).await;
        until("the last one", || stage.numbers().last() == Some(&12_345.0)).await;
        stage.stop(gateway).await;
    });
}

#[test]
fn a_stop_with_the_broker_gone_is_quick() {
    on_stage(async {
        let stage = Stage::new(settings("nobody", free_port()));
        let gateway = stage.start();
        stage.send(readings(0..10)).await;
        until("a failure is told", || log_of("connect to nobody").len() == 1).await;
        let begin = Instant::now();
        stage.stop(gateway).await;
        assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    });
}

#[test]
fn a_broker_that_hangs_holds_up_neither_sensors_nor_the_stop() {
    on_stage(async {
        let broker = Peer::start();
        let stage = Stage::new(settings("frozen", broker.port));
        let gateway = stage.start();
        gateway.until_ready().await;
        stage.send(readings(0..1)).await;
        until("it flows", || stage.numbers() == [0.0]).await;
        broker.freeze();
        // More than is in flight at a time.
        for _ in 0..64 {
            stage.send(readings(0..100)).await;
        }
        let begin = Instant::now();
        stage.stop(gateway).await;
        assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
    });
}
