//! What the log says of each way a connection fails, and how it heals.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;

use super::authority::Authority;
use super::fake::{self, Script};
use super::peer::{self, Options, Peer};
use super::stage::{self, Stage, log_of, on_stage, reading, readings, settings, until};
use crate::config::{ClientTls, Endpoint, Login, MqttVersion, Secret, SecretSource};
use crate::ingest::Subscriptions;
use crate::ingest::formats::{Filter, Formats};
use crate::ingest::testing::log;
use crate::messages::BrokerAddress;
use crate::mqtt::Settings;
use crate::mqtt::client::{Client, IntakeSink};
use crate::mqtt::link::{Command, Event, Outgoing, Plan, Qos, Role, Target};

/// Runs a gateway until the log says this of why it does not connect.
///
/// Not of the first attempt, necessarily: Paho now and then takes the end of one client's socket for
/// that of another's with the same number, and these tests have dozens of clients in one process.
pub(super) async fn fails_because(reason: &str, settings: Settings) {
    let line = format!("connect to {}: ", settings.mqtt.name.as_ref().unwrap());
    let stage = Stage::new(settings);
    let gateway = stage.start();
    until(reason, || log_of(&line).iter().any(|line| line.contains(reason))).await;
    stage.stop(gateway).await;
}

#[test]
fn a_refusal_by_the_broker_says_why() {
    let cases = [
        (true, 0x86, true, "the user name or the password is wrong"),
        (true, 0x87, true, "not authorized"),
        (true, 0x87, false, "wants a user name and a password"),
        (true, 0x85, true, "rejects the client id vigie"),
        (true, 0x84, true, "does not speak MQTT 5"),
        (true, 0x88, true, "says it is unavailable"),
        (true, 0x97, true, "a quota of the broker"),
        (true, 0x8A, true, "has banned this client"),
        (false, 4, true, "the user name or the password is wrong"),
        (false, 5, true, "not authorized"),
        (false, 2, true, "rejects the client id vigie"),
        (false, 1, true, "does not speak MQTT 3.1.1"),
        (false, 3, true, "says it is unavailable"),
    ];
    for (index, (v5, code, with_credentials, expected)) in cases.into_iter().enumerate() {
        on_stage(async move {
            let script = Arc::new(Script::default());
            script.connack.store(code, Ordering::SeqCst);
            let name = format!("refusing-{index}");
            let mut settings = settings(&name, fake::start(script, v5));
            settings.mqtt.version = if v5 { MqttVersion::V5 } else { MqttVersion::V3_1_1 };
            settings.mqtt.credentials = with_credentials.then(|| Login {
                username: "user".into(),
                password: Some(SecretSource::Env("PATH".into())),
            });
            fails_because(expected, settings).await;
        });
    }
}

#[test]
fn a_broker_that_knows_no_mqtt_5_is_recognised() {
    // It answers CONNECT in the form of 3.1.1, as the standard has it.
    on_stage(async {
        let script = Arc::new(Script::default());
        script.connack.store(1, Ordering::SeqCst);
        let port = fake::start(script, false);
        let expected = "does not speak MQTT 5. Set mqtt.version = 4";
        fails_because(expected, settings("old", port)).await;
    });
}

#[test]
fn refused_subscriptions_are_told() {
    for (name, v5) in [("unsubscribed-5", true), ("unsubscribed-4", false)] {
        on_stage(async move {
            let script = Arc::new(Script::default());
            script.suback.store(if v5 { 0x87 } else { 0x80 }, Ordering::SeqCst);
            let mut settings = settings(name, fake::start(script, v5));
            settings.mqtt.version = if v5 { MqttVersion::V5 } else { MqttVersion::V3_1_1 };
            fails_because("refuses the subscription to factory/sensors/+", settings).await;
        });
    }
}

#[test]
fn word_of_availability_is_done_without_where_it_is_refused() {
    on_stage(async {
        let script = Arc::new(Script::default());
        script.suback_of_wishes.store(0x87, Ordering::SeqCst);
        let stage = Stage::new(settings("choosy", fake::start(script, true)));
        let gateway = stage.start();
        gateway.until_ready().await;
        let refused = "refuses the subscription to factory/availability/+: going on without";
        until("the refusal is told", || !log_of(refused).is_empty()).await;
        assert_eq!(log_of("Connected to choosy").len(), 1);
        stage.stop(gateway).await;
    });
}

#[test]
fn a_client_id_in_use_is_told_and_not_fought_over() {
    on_stage(async {
        let script = Arc::new(Script::default());
        script.disconnect.store(0x8E, Ordering::SeqCst);
        let stage = Stage::new(settings("taken", fake::start(script, true)));
        let gateway = stage.start();
        until("the loss is told", || log_of("taken lost").len() == 1).await;
        let line = &log_of("taken lost")[0];
        assert!(line.contains("another client has connected with the client id vigie"), "{line}");
        // A broker that shuts down is connected to again meanwhile.
        let script = Arc::new(Script::default());
        script.disconnect.store(0x8B, Ordering::SeqCst);
        let other = Stage::new(settings("shutting", fake::start(script, true)));
        let reconnecting = other.start();
        until("it reconnects", || log_of("Connected to shutting").len() >= 3).await;
        assert_eq!(log_of("Connected to taken").len(), 1, "it waits");
        other.stop(reconnecting).await;
        stage.stop(gateway).await;
    });
}

#[test]
fn readings_the_broker_refuses_are_tried_again_or_given_up() {
    on_stage(async {
        let script = Arc::new(Script::default());
        script.puback.store(0x87, Ordering::SeqCst);
        let stage = Stage::new(settings("strict", fake::start(script.clone(), true)));
        let gateway = stage.start();
        gateway.until_ready().await;
        stage.send(readings(0..3)).await;
        until("the refusal is told", || {
            !log_of("refuses a reading on factory/sensors/temperature with reason 0x87").is_empty()
        })
        .await;
        assert_eq!(stage.log.unpublished(), 3);
        script.puback.store(0, Ordering::SeqCst);
        stage.until_published().await;

        // The log is that of the whole process: other tests send readings with the same value.
        let sent = || log_of("TEMP_001 - 3.0°C").len();
        let before = sent();
        script.puback.store(0x99, Ordering::SeqCst);
        stage.send(vec![reading(3)]).await;
        // The broker refuses still: only giving it up moves the cursor.
        stage.until_published().await;
        assert_eq!(sent(), before, "given up");
        stage.stop(gateway).await;
    });
}

#[test]
fn a_broker_without_qos_2_gets_alerts_at_qos_1() {
    on_stage(async {
        let script = Arc::new(Script::default());
        script.maximum_qos.store(1, Ordering::SeqCst);
        let stage = Stage::new(settings("modest", fake::start(script, true)));
        stage.notes.lock().unwrap().pending = vec![stage::alert(1)];
        let gateway = stage.start();
        until("it is delivered", || stage.notes.lock().unwrap().delivered == [1]).await;
        stage.stop(gateway).await;
    });
}

#[test]
fn a_mended_password_heals_without_a_restart() {
    on_stage(async {
        let login = Some(("user".into(), "right".into()));
        let broker = Peer::start_with(Options { login, ..Options::default() });
        let file = broker.folder().join("secret");
        std::fs::write(&file, "wrong\n").unwrap();
        let mut settings = settings("locked", broker.port);
        settings.mqtt.credentials = Some(Login {
            username: "user".into(),
            password: Some(SecretSource::File(file.clone())),
        });
        let stage = Stage::new(settings);
        let gateway = stage.start();
        let told = |what: &str| log_of("connect to locked").iter().any(|line| line.contains(what));
        until("the refusal is told", || told("not authorized")).await;
        std::fs::remove_file(&file).unwrap();
        until("the missing file is told", || told("the password can't be read")).await;
        std::fs::write(&file, "right\n").unwrap();
        gateway.until_ready().await;
        assert_eq!(log_of("Connecting to locked").len(), 1);
        assert_eq!(log_of("Connected to locked").len(), 1);
        stage.stop(gateway).await;
    });
}

#[test]
fn the_embedded_broker_is_waited_for_and_followed() {
    on_stage(async {
        let mut broker = Peer::start();
        let address = |port| {
            let addr = ([127, 0, 0, 1], port).into();
            let secret = Secret::new("any".into());
            Some(BrokerAddress { addr, public: addr, credentials: Some(("any".into(), secret)) })
        };
        let (publish, watch) = watch::channel(None);
        let mut settings = settings("inner", 0);
        settings.mqtt.endpoint = Endpoint::Embedded;
        settings.embedded = Some(watch);
        let stage = Stage::new(settings);
        let gateway = stage.start();
        // It has waited for the address by when somebody else is connected.
        let stand_in = Peer::start();
        let other = Stage::new(super::stage::settings("other", stand_in.port));
        let connected = other.start();
        connected.until_ready().await;
        other.stop(connected).await;
        assert_eq!(log_of("inner"), Vec::<String>::new(), "nothing to say yet");
        publish.send(address(broker.port)).unwrap();
        gateway.until_ready().await;

        // It is restarted, on another port.
        publish.send(None).unwrap();
        broker.kill();
        until("the loss is told", || log_of("inner lost").len() == 1).await;
        let second = Peer::start();
        publish.send(address(second.port)).unwrap();
        until("it is there again", || log_of("Connected to inner").len() == 2).await;
        let at_the_old_place = format!("connect to inner: 127.0.0.1:{} refuses", broker.port);
        assert_eq!(log_of(&at_the_old_place), Vec::<String>::new());
        stage.stop(gateway).await;
    });
}

#[test]
fn many_failed_attempts_leave_nothing_behind() {
    on_stage(async {
        let authority = Authority::new("own CA");
        let script = Arc::new(Script::default());
        script.connack.store(0x87, Ordering::SeqCst);
        let refusing = fake::start(script, true);
        let plain = |port| Target { host: "127.0.0.1".into(), port, tls: None };
        let closed = peer::free_port();
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, authority.pem()).unwrap();
        let tls = ClientTls { ca_file: Some(ca_file), ..ClientTls::default() };
        let targets = [
            plain(closed),
            plain(refusing),
            Target { tls: Some(tls), ..plain(refusing) },
            Target { host: "no-such-host.invalid".into(), ..plain(1883) },
        ];
        let (_journal, log) = log(100);
        let subscriptions = Subscriptions::new(Formats::new(Vec::new()), 0);
        let (client, mut events) = Client::start(Some(IntakeSink { log, subscriptions })).unwrap();
        let sockets = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let mut before = 0;
        for attempt in 0..400 {
            let plan = Plan {
                role: if attempt % 2 == 0 { Role::Intake } else { Role::Publishing },
                status_echo: None,
                birth: None,
                target: targets[attempt % targets.len()].clone(),
                version: MqttVersion::V5,
                client_id: "vigie".into(),
                credentials: None,
                keep_alive: Duration::from_secs(60),
                forward_mark: None,
                filters: ["a", "b"]
                    .map(|text| Filter { text: text.into(), is_required: true })
                    .into(),
                wants_retained: true,
                will: Some(Outgoing {
                    topic: "will".into(),
                    payload: Vec::new(),
                    qos: Qos::AtLeastOnce,
                    retained: true,
                    is_forwarded: false,
                }),
            };
            assert!(client.tell(Command::Open(Box::new(plan))));
            let event = tokio::time::timeout(stage::DEADLINE, events.recv()).await.unwrap();
            assert!(matches!(event, Some(Event::Failed(_))), "{event:?}");
            if attempt == 100 {
                before = sockets();
            }
        }
        // Other tests open and close theirs meanwhile; a socket an attempt would show.
        assert!(sockets() < before + 200, "{before} files open, then {}", sockets());
    });
}
