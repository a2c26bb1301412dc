//! Mosquitto and HiveMQ as remote brokers, with TLS and a password. Sessions survive the daemon; a failed connection has a
//! reason in the log and recovers once the cause is removed.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use crate::support::readings::{key_of_row, reading, tally, timestamp};
use crate::support::{
    Access, Ca, Certificate, Client, Daemon, HiveMq, Home, Mosquitto, SOON, Validity, names,
    require,
};

const USER: &str = "vigie";
const PASSWORD: &str = "open-sesame-4711";
const WRONG_PASSWORD: &str = "wrong-password";
const PASSWORD_FILE: &str = "password";
const CA_FILE: &str = "ca.pem";

/// Timeout for a recovery: the backoff has grown by then.
const HEALED: Duration = Duration::from_secs(60);

/// Readings published while the daemon is down.
const MISSED: usize = 2_000;

/// Configuration with one own sensor; its secrets are files in the same home.
fn config(access: &Access) -> String {
    format!(
        "language = \"en\"\n\
         {}\n\
         [[sensors]]\n\
         id = \"OWN_001\"\n\
         interval = \"200ms\"\n\
         source = {{ type = \"simulated\", mean = 20.0, spread = 1.0, noise = 0.1, seed = 1 }}\n\
         [alerts.temperature]\n\
         high = 35.0\n",
        access.mqtt_table("the broker", PASSWORD_FILE)
    )
}

/// A home with the password and the authority's certificate.
fn prepared(access: &Access) -> (Home, Access) {
    let home = Home::new();
    home.write(PASSWORD_FILE, PASSWORD);
    let ca_file = access.ca_file.as_ref().expect("a broker with TLS");
    fs::copy(ca_file, home.path(CA_FILE)).expect("copy the certificate");
    let access = Access { ca_file: Some(home.path(CA_FILE)), ..access.clone() };
    (home, access)
}

#[test]
fn a_session_on_mosquitto_survives_the_daemon() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let ca = Ca::new("test authority");
    let mut broker =
        Mosquitto::new().with_user(USER, PASSWORD).with_tls(&ca.issue_local(), ca.file());
    broker.start();
    serves(&broker.access());
}

#[test]
fn a_session_on_hivemq_survives_the_daemon() {
    if !require(&HiveMq::TOOLS) {
        return;
    }
    let ca = Ca::new("test authority");
    let mut broker = HiveMq::new().with_user(USER, PASSWORD).with_tls(&ca.issue_local(), ca.file());
    broker.start();
    serves(&broker.access());
}

/// Readings and alerts pass in both directions, and readings published while the daemon is down are not lost.
fn serves(access: &Access) {
    let (home, access) = prepared(access);
    let config = config(&access);
    let mut daemon = home.start(&config);
    daemon.wait_line(names::CONNECTED, SOON);
    let client = Client::listening(&access, &[names::READINGS, names::ALERTS]);
    let own = client.wait_message(names::READINGS, SOON, |m| m.json()["sensor_id"] == "OWN_001");
    assert_eq!(own.qos, 1);
    client.publish(names::READINGS, reading("DEV_001", 38.2, &timestamp(0)), 1);
    let alert = client.wait_message(names::ALERTS, SOON, |_| true);
    assert_eq!((alert.qos, &alert.json()["sensor_id"]), (2, &"DEV_001".into()));

    daemon.kill();
    let missed: Vec<_> = (1..=MISSED).map(|n| reading("DEV_001", 20.5, &timestamp(n))).collect();
    let messages =
        missed.iter().map(|text| (names::READINGS.to_owned(), text.clone().into_bytes()));
    client.publish_all(messages);
    let mut daemon = home.start(&config);
    let stored = || -> Vec<_> {
        home.db().rows().into_iter().filter(|row| row.sensor_id == "DEV_001").collect()
    };
    daemon.wait_until("what it missed", SOON, || stored().len() > MISSED);
    assert_eq!(daemon.stop(), 0);
    let once = tally(stored().iter().map(key_of_row));
    assert_eq!(once.len(), MISSED + 1);
    assert!(once.values().all(|times| *times == 1), "{once:?}");
}

/// A failure to connect.
struct Case {
    home: Home,
    daemon: Daemon,
    /// Text that the log line must contain.
    named: String,
}

impl Case {
    fn start(named: &str, access: &Access, spoil: impl FnOnce(&Home)) -> Self {
        let (home, access) = prepared(access);
        spoil(&home);
        let daemon = home.spawn(&config(&access));
        Self { home, daemon, named: named.to_owned() }
    }

    /// Reason in the log of a daemon that can't connect.
    fn reason(&mut self) -> String {
        let line = self.daemon.wait_line(names::CANT_CONNECT, SOON);
        assert!(line.contains(&self.named), "`{}` in: {line}", self.named);
        let (_, reason) = line.split_once("the broker: ").expect("the broker and a reason");
        reason.split(". ").next().expect("a first sentence").to_owned()
    }

    fn heals(mut self) {
        self.daemon.wait_line(names::CONNECTED, HEALED);
        self.ends();
    }

    fn ends(mut self) {
        let log = self.daemon.log();
        assert!(!log.contains(PASSWORD) && !log.contains(WRONG_PASSWORD), "a password in the log");
        assert_eq!(self.daemon.stop(), 0, "{}", self.named);
        drop(self.home);
    }
}

/// Control over a broker with TLS and a password, as the failures need it.
trait Secured {
    fn prepare(certificate: &Certificate, ca: &Ca) -> Self;
    fn access(&self) -> Access;
    fn start(&mut self);
    fn stop(&mut self);
    fn set_certificate(&self, certificate: &Certificate);
}

macro_rules! secured {
    ($broker:ty) => {
        impl Secured for $broker {
            fn prepare(certificate: &Certificate, ca: &Ca) -> Self {
                Self::new().with_user(USER, PASSWORD).with_tls(certificate, ca.file())
            }
            fn access(&self) -> Access {
                Self::access(self)
            }
            fn start(&mut self) {
                Self::start(self);
            }
            fn stop(&mut self) {
                Self::stop(self);
            }
            fn set_certificate(&self, certificate: &Certificate) {
                Self::set_certificate(self, certificate);
            }
        }
    };
}

secured!(Mosquitto);
secured!(HiveMq);

#[test]
fn six_failures_on_mosquitto_have_six_reasons_and_recover() {
    if require(&Mosquitto::TOOLS) {
        six_failures::<Mosquitto>();
    }
}

#[test]
fn six_failures_on_hivemq_have_six_reasons_and_recover() {
    if require(&HiveMq::TOOLS) {
        six_failures::<HiveMq>();
    }
}

fn six_failures<B: Secured>() {
    let ca = Ca::new("test authority");
    let good = ca.issue_local();
    let mut closed = B::prepare(&good, &ca);
    let running = |certificate: &Certificate| {
        let mut broker = B::prepare(certificate, &ca);
        broker.start();
        broker
    };
    let fine = running(&good);
    let mut expired = running(&ca.issue(&["localhost", "127.0.0.1"], Validity::StoredState));
    let mut elsewhere = running(&ca.issue(&["elsewhere.example"], Validity::Now));
    let another = Ca::new("another authority");

    let spoil_password = |home: &Home| drop(home.write(PASSWORD_FILE, WRONG_PASSWORD));
    let spoil_ca = |home: &Home| {
        fs::copy(another.file(), home.path(CA_FILE)).expect("copy the certificate");
    };
    let mut cases = [
        Case::start("not authorized", &fine.access(), spoil_password),
        Case::start("authority", &fine.access(), spoil_ca),
        Case::start("expired", &expired.access(), |_| ()),
        Case::start("elsewhere.example", &elsewhere.access(), |_| ()),
        Case::start("refuse", &closed.access(), |_| ()),
        Case::start("no-such-host.invalid", &fine.access().called("no-such-host.invalid"), |_| ()),
    ];
    let reasons: BTreeSet<String> = cases.iter_mut().map(Case::reason).collect();
    assert_eq!(reasons.len(), 6, "{reasons:#?}");

    let [wrong_password, wrong_ca, was_expired, was_elsewhere, was_closed, unknown_host] = cases;
    wrong_password.home.write(PASSWORD_FILE, PASSWORD);
    fs::copy(ca.file(), wrong_ca.home.path(CA_FILE)).expect("copy the certificate");
    closed.start();
    for broker in [&mut expired, &mut elsewhere] {
        broker.stop();
        broker.set_certificate(&good);
        broker.start();
    }
    for case in [wrong_password, wrong_ca, was_expired, was_elsewhere, was_closed] {
        case.heals();
    }
    // This name never resolves; a daemon that keeps retrying can still be stopped.
    unknown_host.ends();
}
