//! The actor's life: start, restart, stop, and what the next one finds.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Actor;
use actix_rt::System;
use tokio::sync::watch;

use super::certificates::Certificates;
use super::clients::{Options, Paho, Version};
use super::raw::{Raw, answer_to_login};
use super::{DEADLINE, Running, access, anonymous, loopback};
use crate::broker::{Broker, BrokerGauges, Clients, Settings};
use crate::config::{BrokerConfig, BrokerLimits, Credentials, SecretSource, ServerTls};
use crate::locale::Language;
use crate::messages::BrokerAddress;
use crate::supervisor::{ChildEnv, Failure, GracefulStop};

fn settings(listen: SocketAddr) -> Settings {
    settings_of(BrokerConfig { listen, ..anonymous() })
}

fn settings_of(config: BrokerConfig) -> Settings {
    Settings {
        listen: config.listen,
        listen_ws: None,
        access: Arc::new(access(config)),
        hook: None,
        keep: None,
        gauges: BrokerGauges::default(),
        limits: BrokerLimits::default(),
        clients: Clients::default(),
        words: Language::English.words(),
    }
}

fn make(settings: Settings) -> Result<Broker, Failure> {
    // Within a runtime, as the supervisor calls it.
    System::new().block_on(async {
        Broker::factory(settings, watch::Sender::new(None))(&ChildEnv::for_test())
    })
}

/// Why it can't start.
fn unavailable(settings: Settings) -> String {
    match make(settings) {
        Err(Failure::Unavailable(why)) => why,
        Err(other) => panic!("not unavailable: {other}"),
        Ok(_) => panic!("it started"),
    }
}

fn assert_says(text: &str, parts: &[&str]) {
    assert!(parts.iter().all(|part| text.contains(part)), "{text:?} lacks one of {parts:?}");
    assert!(!text.contains('\n'), "more than a line: {text:?}");
}

async fn up(address: &mut watch::Receiver<Option<BrokerAddress>>) -> BrokerAddress {
    let up = address.wait_for(Option::is_some);
    let up = tokio::time::timeout(DEADLINE, up).await.expect("up in time").expect("a sender");
    up.clone().expect("an address")
}

async fn down(address: &mut watch::Receiver<Option<BrokerAddress>>) {
    let down = address.wait_for(Option::is_none);
    tokio::time::timeout(DEADLINE, down).await.expect("down in time").expect("a sender");
}

#[test]
fn a_taken_port_is_said_with_its_address_and_what_to_do() {
    let taken = TcpListener::bind(loopback(0)).expect("bound");
    let addr = taken.local_addr().expect("an address");
    let why = unavailable(settings(addr));
    assert_says(&why, &[&addr.to_string(), "in use", "broker.listen"]);
}

#[test]
fn an_address_this_machine_lacks() {
    let fleet = fleet(SecretSource::Env("PATH".into()));
    let addr = SocketAddr::from(([192, 0, 2, 1], 0)); // set aside for documentation
    let config = BrokerConfig { listen: addr, credentials: Some(fleet), ..anonymous() };
    let why = unavailable(settings_of(config));
    assert_says(&why, &["192.0.2.1", "broker.listen"]);
}

#[test]
fn nothing_listens_beyond_loopback_without_credentials() {
    let why = unavailable(settings(SocketAddr::from(([0, 0, 0, 0], 0))));
    assert_says(&why, &["0.0.0.0", "broker.username"]);
}

fn fleet(password: SecretSource) -> Credentials {
    Credentials { username: "fleet".into(), password }
}

#[test]
fn files_that_cannot_be_used_are_named_with_their_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing");
    let rubbish = folder.path().join("rubbish");
    std::fs::write(&rubbish, "rubbish").expect("written");
    let good = Certificates::make(folder.path(), "good").server;
    let other = Certificates::make(folder.path(), "other").server;

    let credentials = Some(fleet(SecretSource::File(missing.clone())));
    let why = unavailable(settings_of(BrokerConfig { credentials, ..anonymous() }));
    assert_says(&why, &[missing.to_str().expect("text"), "broker.password_file"]);
    for (cert, key, parts) in [
        (&missing, &good.key, ["missing", "broker.tls_cert"]),
        (&good.cert, &missing, ["missing", "broker.tls_key"]),
        (&rubbish, &good.key, ["rubbish", "broker.tls_cert"]),
        (&good.cert, &rubbish, ["rubbish", "broker.tls_key"]),
        (&good.cert, &other.key, ["other-key.pem", "broker.tls_key"]),
    ] {
        let tls = Some(ServerTls { cert: cert.clone(), key: key.clone() });
        let why = unavailable(settings_of(BrokerConfig { tls, ..anonymous() }));
        assert_says(&why, &parts);
    }
}

#[test]
fn a_stop_frees_the_ports_soon_also_with_clients_connected() {
    let (address, mut watching) = watch::channel(None);
    let addr = System::new().block_on(async {
        let factory = Broker::factory(settings(loopback(0)), address);
        let broker = factory(&ChildEnv::for_test()).expect("it starts").start();
        let gateway = up(&mut watching).await;
        assert!(
            gateway.credentials.is_some(),
            "the gateway names itself also where others need not"
        );
        let clients: Vec<_> =
            (0..20).map(|id| Raw::connect(gateway.addr, &id.to_string(), id % 2 == 0)).collect();
        let started = Instant::now();
        broker.send(GracefulStop).await.expect("taken");
        down(&mut watching).await;
        while broker.connected() {
            assert!(started.elapsed() < Duration::from_secs(2), "takes too long to stop");
            tokio::task::yield_now().await;
        }
        TcpListener::bind(gateway.addr).expect("the port is free");
        assert!(started.elapsed() < Duration::from_secs(2));
        for mut client in clients {
            assert!(client.is_closed());
        }
        gateway.addr
    });
    // Another may have it at once.
    drop(make(settings(addr)).expect("it starts"));
}

#[test]
fn a_restart_keeps_the_ports_and_the_gateways_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let password = folder.path().join("password");
    std::fs::write(&password, "s3cret\n").expect("written");
    let certificates = Certificates::make(folder.path(), "ours");
    let settings = settings_of(BrokerConfig {
        credentials: Some(fleet(SecretSource::File(password))),
        tls: Some(certificates.server),
        ..anonymous()
    });
    let (address, mut watching) = watch::channel(None);
    System::new().block_on(async {
        let factory = Broker::factory(settings, address);
        let mut earlier = None;
        for _ in 0..3 {
            let broker = factory(&ChildEnv::for_test()).expect("it starts");
            let public = broker.public_in_test();
            let broker = broker.start();
            let gateway = up(&mut watching).await;
            let now = Some((public, gateway.clone()));
            assert!(earlier.is_none() || earlier == now, "{earlier:?} then {now:?}");
            earlier = now;
            let (user, secret) = gateway.credentials.expect("credentials");
            let ours =
                Options { login: Some((user, secret.reveal().into())), ..Version::V5.into() };
            Paho::connect(gateway.addr, &ours, "gateway").expect("the gateway gets in");
            assert_eq!(answer_to_login(gateway.addr, Version::V5, None), Some(0x86));
            let users = Options {
                login: Some(("fleet".into(), "s3cret".into())),
                trusted: Some(certificates.authority.clone()),
                ..Version::V5.into()
            };
            let user = Paho::connect(public, &users, "user").expect("the user gets in");
            // As after a panic: the actor is dropped while clients are connected.
            broker.do_send(Die);
            down(&mut watching).await;
            drop(user);
        }
    });
}

/// Ends the actor without a word, as a panic does.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Die;

impl actix::Handler<Die> for Broker {
    type Result = ();

    fn handle(&mut self, _: Die, ctx: &mut Self::Context) {
        actix::ActorContext::terminate(ctx);
    }
}

#[test]
fn a_broker_that_ends_by_itself_is_a_failure() {
    let env = ChildEnv::for_test();
    let (address, mut watching) = watch::channel(None);
    System::new().block_on(async {
        let broker = Broker::factory(settings(loopback(0)), address)(&env).expect("it starts");
        let break_off = broker.break_off_in_test();
        let broker = broker.start();
        up(&mut watching).await;
        break_off();
        down(&mut watching).await;
        let started = Instant::now();
        while broker.connected() {
            assert!(started.elapsed() < DEADLINE, "it goes on");
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(env.failure_in_test().as_deref(), Some("the broker was cancelled"));
}

#[test]
fn a_stopped_broker_leaves_nothing_in_memory() {
    let mut broker = Running::new();
    let held = broker.0.as_ref().expect("running").held_in_test();
    // A session with messages that is away, and one that is connected.
    let mut away = Raw::connect(broker.addr(), "away", false);
    away.subscribe("n", 1);
    let mut connected = Raw::connect(broker.addr(), "connected", false);
    connected.subscribe("n", 1);
    Raw::connect(broker.addr(), "publisher", true).publish_numbers("n", 1..=10);
    drop(away);
    broker.stop();
    assert_eq!(held.strong_count(), 0);
}
