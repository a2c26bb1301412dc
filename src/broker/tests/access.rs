//! Who gets in: passwords, TLS, and the gateway's own way in.

use std::path::Path;

use super::certificates::Certificates;
use super::clients::{Options, Paho, VERSIONS, Version};
use super::{Running, access, anonymous, password, raw};
use crate::config::{BrokerConfig, Credentials, GATEWAY_USER};

fn fleet(folder: &Path) -> BrokerConfig {
    let fleet = Credentials { username: "fleet".into(), password: password(folder, "s3cret") };
    BrokerConfig { credentials: Some(fleet), ..anonymous() }
}

fn with_password() -> Running {
    let folder = tempfile::tempdir().expect("a folder");
    Running::with(&access(fleet(folder.path())))
}

fn login(version: Version, user: &str, password: &str) -> Options {
    Options { login: Some((user.into(), password.into())), ..version.into() }
}

#[test]
fn only_the_right_password_gets_in() {
    let broker = with_password();
    for version in VERSIONS {
        let answer = |login| raw::answer_to_login(broker.addr(), version, login);
        let refusal = Some(if version == Version::V5 { 0x86 } else { 4 });
        assert_eq!(answer(Some(("fleet", "s3cret"))), Some(0));
        assert_eq!(answer(Some(("fleet", "wrong"))), refusal);
        assert_eq!(answer(Some(("other", "s3cret"))), refusal);
        assert_eq!(answer(Some(("fleet", ""))), refusal);
        assert_eq!(answer(None), refusal);
        Paho::connect(broker.addr(), &login(version, "fleet", "s3cret"), "fleet").expect("in");
    }
}

#[test]
fn without_accounts_any_name_gets_in_but_the_daemons_own() {
    let broker = Running::with(&access(anonymous()));
    for version in VERSIONS {
        for login in [None, Some(("", "")), Some(("DVES_USER", "DVES_PASS"))] {
            assert_eq!(raw::answer_to_login(broker.addr(), version, login), Some(0), "{login:?}");
        }
        let posing = raw::answer_to_login(broker.addr(), version, Some((GATEWAY_USER, "guess")));
        assert_ne!(posing, Some(0));
    }
}

#[test]
fn a_refused_client_cannot_take_over_a_session() {
    let broker = with_password();
    let right = login(Version::V5, "fleet", "s3cret");
    let client = Paho::connect(broker.addr(), &right, raw::ID).expect("connected");
    client.subscribe("x", 1);
    let thief = raw::answer_to_login(broker.addr(), Version::V5, Some(("fleet", "wrong")));
    assert_eq!(thief, Some(0x86));
    client.publish("x", "still here", 1);
    assert_eq!(client.next_text(), "still here");
}

fn with_tls(folder: &Path, anonymous_too: bool) -> (Running, Certificates) {
    let certificates = Certificates::make(folder, "ours");
    let config = if anonymous_too { anonymous() } else { fleet(folder) };
    let config = BrokerConfig { tls: Some(certificates.server.clone()), ..config };
    (Running::with(&access(config)), certificates)
}

#[test]
fn tls_with_a_certificate_the_client_verifies() {
    let folder = tempfile::tempdir().expect("a folder");
    let (broker, certificates) = with_tls(folder.path(), false);
    for version in VERSIONS {
        let trusted = Some(certificates.authority.clone());
        let options = Options { trusted, ..login(version, "fleet", "s3cret") };
        let client = Paho::connect(broker.addr(), &options, "ours").expect("connected");
        client.subscribe("x", 2);
        client.publish("x", "over TLS", 2);
        assert_eq!(client.next_text(), "over TLS");
        let plain = raw::answer_to_login(broker.addr(), version, Some(("fleet", "s3cret")));
        assert_eq!(plain, None, "plain TCP");
    }
}

#[test]
fn with_tls_the_gateway_has_a_plain_listener_of_its_own_to_the_same_broker() {
    let folder = tempfile::tempdir().expect("a folder");
    let (broker, certificates) = with_tls(folder.path(), true);
    let private = broker.0.as_ref().expect("running").private.expect("a private listener");
    assert!(private.ip().is_loopback());
    let gateway = Paho::new(private, Version::V5, "gateway");
    gateway.subscribe("x", 1);
    let options = Options { trusted: Some(certificates.authority), ..Version::V5.into() };
    let device = Paho::connect(broker.addr(), &options, "device").expect("connected");
    device.publish("x", "hello", 1);
    assert_eq!(gateway.next_text(), "hello");
}
