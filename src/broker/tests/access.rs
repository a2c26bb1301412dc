//! Who gets in: passwords, TLS, and the gateway's own way in.

use std::net::SocketAddr;
use std::path::Path;

use super::certificates::Certificates;
use super::clients::{Options, Paho, VERSIONS, Version, finish, mosquitto};
use super::{Running, anonymous};
use crate::broker::access::Accounts;
use crate::broker::listeners::Plan;

fn with_password() -> Running {
    let plan = Plan { anonymous: false, ..anonymous() };
    Running::with(plan, Accounts::new([("fleet", "s3cret")]))
}

fn login(version: Version, user: &str, password: &str) -> Options {
    Options { login: Some((user.into(), password.into())), ..version.into() }
}

fn gets_in(addr: SocketAddr, options: &Options) -> bool {
    Paho::connect(addr, options, "someone").is_ok()
}

#[test]
fn only_the_right_password_gets_in() {
    let broker = with_password();
    for version in VERSIONS {
        assert!(gets_in(broker.addr(), &login(version, "fleet", "s3cret")));
        assert!(!gets_in(broker.addr(), &login(version, "fleet", "wrong")));
        assert!(!gets_in(broker.addr(), &login(version, "other", "s3cret")));
        assert!(!gets_in(broker.addr(), &login(version, "fleet", "")));
        assert!(!gets_in(broker.addr(), &version.into()));
    }
}

#[test]
fn mosquittos_clients_are_told_that_they_are_not_let_in() {
    let broker = with_password();
    for version in VERSIONS {
        for (arguments, refused) in [
            (&["-u", "fleet", "-P", "s3cret"][..], false),
            (&["-u", "fleet", "-P", "wrong"], true),
            (&["-u", "fleet"], true),
            (&[], true),
        ] {
            let Some(mut publish) = mosquitto("mosquitto_pub", broker.addr(), version) else {
                return;
            };
            publish.args(["-t", "x", "-m", "x", "-q", "1"]).args(arguments);
            let output = finish(publish);
            assert_eq!(!output.status.success(), refused, "{version:?} {arguments:?}: {output:?}");
        }
    }
}

#[test]
fn a_refused_client_cannot_take_over_a_session() {
    let broker = with_password();
    let right = login(Version::V5, "fleet", "s3cret");
    let client = Paho::connect(broker.addr(), &right, "the-same").expect("connected");
    client.subscribe("x", 1);
    let thief = Paho::connect(broker.addr(), &login(Version::V5, "fleet", "wrong"), "the-same");
    assert!(thief.is_err());
    client.publish("x", "still here", 1);
    assert_eq!(client.next_text(), "still here");
}

fn with_tls(folder: &Path, anonymous_too: bool) -> (Running, Certificates) {
    let certificates = Certificates::make(folder, "ours");
    let tls = Some(certificates.server.clone());
    let plan = Plan { tls, anonymous: anonymous_too, ..anonymous() };
    (Running::with(plan, Accounts::new([("fleet", "s3cret")])), certificates)
}

#[test]
fn tls_with_a_certificate_the_client_verifies() {
    let folder = tempfile::tempdir().expect("a folder");
    let (broker, certificates) = with_tls(folder.path(), false);
    let strangers = Certificates::make(folder.path(), "strangers");
    for version in VERSIONS {
        let trusting = |authority: &Path, password| Options {
            trusted: Some(authority.into()),
            ..login(version, "fleet", password)
        };
        let options = trusting(&certificates.authority, "s3cret");
        let client = Paho::connect(broker.addr(), &options, "ours").expect("connected");
        client.subscribe("x", 2);
        client.publish("x", "over TLS", 2);
        assert_eq!(client.next_text(), "over TLS");
        assert!(!gets_in(broker.addr(), &trusting(&certificates.authority, "wrong")));
        assert!(!gets_in(broker.addr(), &trusting(&strangers.authority, "s3cret")));
        assert!(!gets_in(broker.addr(), &login(version, "fleet", "s3cret")), "plain TCP");
    }
}

#[test]
fn mosquittos_clients_over_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let (broker, certificates) = with_tls(folder.path(), false);
    let Some(mut publish) = mosquitto("mosquitto_pub", broker.addr(), Version::V5) else { return };
    publish.args(["-u", "fleet", "-P", "s3cret", "-t", "x", "-m", "x", "-q", "1", "--cafile"]);
    let output = finish({
        publish.arg(&certificates.authority);
        publish
    });
    assert!(output.status.success(), "{output:?}");
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
