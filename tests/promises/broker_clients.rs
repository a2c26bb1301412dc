//! The embedded broker serves other clients: Mosquitto's programs, in MQTT 3.1.1 and 5, with and without password and
//! TLS, and their wills.

use std::process::Command;

use crate::support::{Access, Ca, Client, Daemon, Home, Process, SOON, Version, require};

const PROGRAMS: [&str; 2] = ["mosquitto_pub", "mosquitto_sub"];

const VERSIONS: [(Version, &str); 2] = [(Version::V3_1_1, "mqttv311"), (Version::V5, "mqttv5")];

const OPEN: &str = "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n";

/// Starts a daemon that admits the user `fleet` with the password in the file `password`.
const WITH_PASSWORD: &str = "username = \"fleet\"\npassword_file = \"password\"\n";

/// Command of a Mosquitto program for the daemon's broker, in a given version of MQTT.
fn program(name: &str, access: &Access, version: &str) -> Command {
    let (_, address) = access.url.split_once("://").expect("a scheme");
    let (host, port) = address.split_once(':').expect("a port");
    let mut command = Command::new(name);
    command.args(["-h", host, "-p", port, "-V", version]);
    command
}

/// Runs a program; true if it succeeds.
fn succeeds(home: &Home, mut command: Command) -> bool {
    let log = home.path("client.txt");
    Process::start("a client", &mut command, &log).exit(SOON).success()
}

fn protected(home: &Home, more: &str) -> Daemon {
    home.write("password", "s3cret\n");
    home.start(&format!("{OPEN}{WITH_PASSWORD}{more}"))
}

#[test]
fn mosquittos_clients_are_refused_without_the_right_login() {
    if !require(&PROGRAMS) {
        return;
    }
    let home = Home::new();
    let mut daemon = protected(&home, "");
    let access = daemon.embedded_broker();
    for (_, version) in VERSIONS {
        for (arguments, refused) in [
            (&["-u", "fleet", "-P", "s3cret"][..], false),
            (&["-u", "fleet", "-P", "wrong"], true),
            (&["-u", "fleet"], true),
            (&[], true),
        ] {
            let mut publish = program("mosquitto_pub", &access, version);
            publish.args(["-t", "x", "-m", "x", "-q", "1"]).args(arguments);
            assert_eq!(!succeeds(&home, publish), refused, "{version} {arguments:?}");
        }
    }
}

#[test]
fn mosquittos_clients_connect_by_tls() {
    if !require(&PROGRAMS) {
        return;
    }
    let home = Home::new();
    let (ours, strangers) = (Ca::new("ours"), Ca::new("strangers"));
    ours.issue_local().write_pem(&home.path("cert.pem"), &home.path("key.pem"));
    let mut daemon = protected(&home, "tls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n");
    let access = daemon.embedded_broker();
    for (_, version) in VERSIONS {
        for (authority, password, refused) in
            [(&ours, "s3cret", false), (&ours, "wrong", true), (&strangers, "s3cret", true)]
        {
            let mut publish = program("mosquitto_pub", &access, version);
            publish.args(["-u", "fleet", "-P", password, "-t", "x", "-m", "x", "-q", "1"]);
            publish.arg("--cafile").arg(authority.file());
            assert_eq!(!succeeds(&home, publish), refused, "{version} {password}");
        }
    }
}

#[test]
fn mosquittos_clients_publish_at_each_quality_of_service() {
    if !require(&PROGRAMS) {
        return;
    }
    let home = Home::new();
    let mut daemon = home.start(OPEN);
    let access = daemon.embedded_broker();
    let subscriber = Client::listening(&access, &["from/mosquitto"]);
    let mut sent = Vec::new();
    for ((_, version), qos) in VERSIONS.into_iter().flat_map(|it| [0, 1, 2].map(|qos| (it, qos))) {
        let payload = format!("{version} at {qos}");
        let mut publish = program("mosquitto_pub", &access, version);
        publish.args(["-t", "from/mosquitto", "-m", &payload, "-q", &qos.to_string()]);
        assert!(succeeds(&home, publish), "{payload}");
        sent.push((payload, qos));
        let came = subscriber.wait_count("from/mosquitto", sent.len(), SOON);
        let came = came
            .into_iter()
            .map(|message| (String::from_utf8(message.payload).expect("text"), message.qos));
        assert_eq!(came.collect::<Vec<_>>(), sent);
    }
}

/// A subscribed `mosquitto_sub` with a will.
fn doomed(home: &Home, access: &Access, version: &str, retained: bool) -> Process {
    Client::connect(access).retain("doomed/orders", "print this");
    let mut command = program("mosquitto_sub", access, version);
    command.args(["-t", "doomed/orders", "-q", "1", "--will-topic", "doomed/will"]);
    command.args(["--will-payload", "gone", "--will-qos", "1"]);
    if retained {
        command.arg("--will-retain");
    }
    let mut client = Process::start("a doomed client", &mut command, &home.path("doomed.txt"));
    client.eventually("its first line", SOON, |it| it.log().contains('\n').then_some(()));
    client
}

#[test]
fn a_killed_clients_will_is_published() {
    if !require(&PROGRAMS) {
        return;
    }
    let home = Home::new();
    let mut daemon = home.start(OPEN);
    let access = daemon.embedded_broker();
    for ((version, name), retained) in VERSIONS.into_iter().flat_map(|it| [(it, false), (it, true)])
    {
        let heir = Client::connect_as(&access, version);
        heir.subscribe("doomed/will");
        doomed(&home, &access, name, retained).kill();
        let will = heir.wait_message("doomed/will", SOON, |_| true);
        assert_eq!((will.payload.as_slice(), will.qos), (b"gone".as_slice(), 1));
        if retained {
            let late = Client::connect_as(&access, version);
            late.subscribe("doomed/will");
            let will = late.wait_message("doomed/will", SOON, |_| true);
            assert_eq!((will.payload.as_slice(), will.retained), (b"gone".as_slice(), true));
            late.retain("doomed/will", "");
        }
    }
}

#[test]
fn a_client_that_disconnects_publishes_no_will() {
    if !require(&PROGRAMS) {
        return;
    }
    let home = Home::new();
    let mut daemon = home.start(OPEN);
    let access = daemon.embedded_broker();
    let heir = Client::listening(&access, &["doomed/will"]);
    for (_, version) in VERSIONS {
        let mut command = program("mosquitto_pub", &access, version);
        command.args(["-t", "x", "-m", "x", "-q", "1"]);
        command.args(["--will-topic", "doomed/will", "--will-payload", "gone"]);
        assert!(succeeds(&home, command), "{version}");
    }
    heir.publish("doomed/will", "the only one", 1);
    let first = heir.wait_message("doomed/will", SOON, |_| true);
    assert_eq!(first.payload, b"the only one");
}
