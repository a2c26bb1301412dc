//! Users with rights of their own, over the wire: what each may, and what a reload changes.

use std::path::Path;

use super::certificates::Certificates;
use super::clients::{Options, VERSIONS, Version};
use super::raw::{self, DISCONNECT, Raw};
use super::{DEADLINE, Running, access, anonymous, password};
use crate::broker::access::Access;
use crate::config::{BrokerConfig, BrokerPreset, BrokerUser, Credentials};

const READING: &str = "factory/sensors/temperature";
const ALERT: &str = "factory/alerts/temperature";
const ACKNOWLEDGEMENT: &str = "factory/alarms/0123/ack";

fn user(folder: &Path, name: &str, preset: BrokerPreset) -> BrokerUser {
    BrokerUser {
        name: name.into(),
        password: password(folder, name),
        preset: Some(preset),
        publish: Vec::new(),
        subscribe: Vec::new(),
    }
}

/// A user of each preset, whose password is its name.
fn presets(folder: &Path) -> BrokerConfig {
    let users = BrokerPreset::WORDS.map(|(name, preset)| user(folder, name, preset));
    BrokerConfig { users: users.into(), ..anonymous() }
}

fn connect(broker: &Running, version: Version, user: &str) -> Raw {
    Raw::log_in(broker.addr(), &format!("{user}-1"), version, user, user)
}

/// The code that a message at QoS 1 is acknowledged with; `None` when the connection is closed instead.
fn answer(raw: &mut Raw, topic: &str) -> Option<u8> {
    raw.publish_at(1, false, topic, b"x");
    let (kind, body) = raw.receive().filter(|(kind, _)| *kind != DISCONNECT)?;
    assert_eq!(kind, 0x40);
    Some(body.get(2).copied().unwrap_or(0))
}

#[test]
fn each_preset_may_what_it_is_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = Running::with(&access(presets(folder.path())));
    assert_eq!(raw::answer_to_login(broker.addr(), Version::V5, None), Some(0x86));
    for version in VERSIONS {
        // MQTT 3.1.1 has no word for it: its client is cut off.
        let denied = (version == Version::V5).then_some(0x87);
        for (user, topic, is_allowed) in [
            ("device", READING, true),
            ("device", "factory/sensors/temperature/T_1", true),
            ("device", "factory/availability/T_1", true),
            ("device", ALERT, false),
            ("device", ACKNOWLEDGEMENT, false),
            ("device", "factory/sensors/status", false),
            ("device", "elsewhere", false),
            ("operator", ACKNOWLEDGEMENT, true),
            ("operator", READING, false),
            ("reader", READING, false),
            ("reader", ACKNOWLEDGEMENT, false),
        ] {
            let code = answer(&mut connect(&broker, version, user), topic);
            let is_taken = code.is_some_and(|code| code < 0x80);
            assert_eq!(is_taken, is_allowed, "{user} {topic} {code:?}");
            assert!(is_allowed || code == denied, "{user} {topic} {code:?}");
        }
        for (user, filter, is_allowed) in [
            ("device", READING, false),
            ("operator", "#", true),
            ("reader", ALERT, true),
            ("reader", "$SYS/#", false),
        ] {
            let granted = connect(&broker, version, user).answer_to_subscribe(filter);
            assert_eq!(granted < 0x80, is_allowed, "{user} {filter} {granted:#x}");
        }
    }
}

#[test]
fn a_denied_message_goes_nowhere_and_the_connection_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = Running::with(&access(presets(folder.path())));
    let mut reader = connect(&broker, Version::V5, "reader");
    assert_eq!(reader.answer_to_subscribe("#"), 1);
    let mut device = connect(&broker, Version::V5, "device");
    device.publish_at(0, false, ALERT, b"forged");
    assert_eq!(answer(&mut device, ALERT), Some(0x87));
    assert_eq!(answer(&mut device, READING), Some(0));
    let (_, packet) = reader.receive().expect("a message");
    assert!(packet.windows(READING.len()).any(|part| part == READING.as_bytes()), "the first");
}

fn reload(access: &Access, config: &BrokerConfig) -> (bool, bool) {
    let changes = access.reload(config).expect("readable");
    (changes.users, changes.certificate)
}

#[test]
fn a_reload_changes_rights_and_cuts_off_who_is_no_user_any_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = presets(folder.path());
    let access = access(config.clone());
    let broker = Running::with(&access);
    let [mut device, mut operator] =
        ["device", "operator"].map(|user| connect(&broker, Version::V5, user));
    assert_eq!(reload(&access, &config), (false, false));
    assert_eq!(answer(&mut device, ALERT), Some(0x87));
    config.users[0].publish.push("elsewhere".into());
    config.users.remove(1);
    assert_eq!(reload(&access, &config), (true, false));
    let end = operator.receive().expect("a DISCONNECT");
    assert_eq!((end.0, end.1[0]), (DISCONNECT, 0x98));
    // Rights are changed before anybody is cut off.
    assert!(answer(&mut device, "elsewhere").is_some_and(|code| code < 0x80));
    let login = raw::answer_to_login(broker.addr(), Version::V5, Some(("operator", "operator")));
    assert_eq!(login, Some(0x86));
    // Another password: who used the old one is cut off.
    config.users[0].password = password(folder.path(), "another");
    assert_eq!(reload(&access, &config), (true, false));
    assert_eq!(device.receive().map(|(kind, _)| kind), Some(DISCONNECT));
    Raw::log_in(broker.addr(), "device-1", Version::V5, "device", "another");
}

#[test]
fn the_account_that_may_all_is_cut_off_when_it_may_less() {
    let folder = tempfile::tempdir().expect("a folder");
    let account = Credentials { username: "plc".into(), password: password(folder.path(), "plc") };
    let before = BrokerConfig { credentials: Some(account), ..anonymous() };
    let access = access(before);
    let broker = Running::with(&access);
    let mut plc = connect(&broker, Version::V5, "plc");
    assert!(answer(&mut plc, ALERT).is_some_and(|code| code < 0x80), "it may all");
    let users = vec![user(folder.path(), "plc", BrokerPreset::Device)];
    assert_eq!(reload(&access, &BrokerConfig { users, ..anonymous() }), (true, false));
    assert_eq!(plc.receive().map(|(kind, _)| kind), Some(DISCONNECT));
    let mut plc = connect(&broker, Version::V5, "plc");
    assert_eq!(answer(&mut plc, ALERT), Some(0x87));
}

#[test]
fn a_reload_that_fails_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = presets(folder.path());
    let access = access(config.clone());
    let broker = Running::with(&access);
    let mut broken = BrokerConfig { users: config.users[1..].to_vec(), ..config };
    std::fs::remove_file(folder.path().join("reader")).expect("removed");
    let why = access.reload(&broken).expect_err("no such file");
    assert!(why.contains("reader") && why.contains("password_file"), "{why}");
    connect(&broker, Version::V5, "device");
    broken.users.pop();
    assert_eq!(reload(&access, &broken), (true, false));
    let login = raw::answer_to_login(broker.addr(), Version::V5, Some(("device", "device")));
    assert_eq!(login, Some(0x86));
}

#[test]
fn a_reload_brings_another_certificate_to_new_connections() {
    let folder = tempfile::tempdir().expect("a folder");
    let [first, second] = ["first", "second"].map(|name| Certificates::make(folder.path(), name));
    let with = |it: &Certificates| BrokerConfig { tls: Some(it.server.clone()), ..anonymous() };
    let access = access(with(&first));
    let broker = Running::with(&access);
    let trusting = |it: &Certificates| {
        let options = Options { trusted: Some(it.authority.clone()), ..Version::V5.into() };
        super::clients::Paho::connect(broker.addr(), &options, "c").is_ok()
    };
    assert!(trusting(&first) && !trusting(&second));
    assert_eq!(reload(&access, &with(&second)), (false, true));
    assert!(trusting(&second) && !trusting(&first));
}

#[test]
fn guesses_wait_and_the_right_password_of_another_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = Running::with(&access(presets(folder.path())));
    let guess = || raw::answer_to_login(broker.addr(), Version::V5, Some(("device", "wrong")));
    for _ in 0..11 {
        assert_eq!(guess(), Some(0x86));
    }
    // Its turn is not yet: it waits, and others meanwhile don't.
    let (begun, mut waiting) = (std::time::Instant::now(), Raw::open(broker.addr()));
    waiting.say_connect("device-2", Version::V5, Some(("device", "device")));
    connect(&broker, Version::V5, "reader");
    let others = begun.elapsed();
    let (kind, ack) = waiting.receive().expect("a CONNACK");
    assert_eq!((kind, ack[1]), (0x20, 0));
    assert!(others < begun.elapsed() && begun.elapsed() < DEADLINE);
    connect(&broker, Version::V5, "device");
}
