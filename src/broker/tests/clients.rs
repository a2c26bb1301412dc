//! Clients: Paho, and Mosquitto's programs.

use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use paho_mqtt as paho;

use super::DEADLINE;

pub(super) const VERSIONS: [Version; 2] = [Version::V3_1_1, Version::V5];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V3_1_1,
    V5,
}

impl Version {
    const fn mosquitto(self) -> &'static str {
        match self {
            Self::V3_1_1 => "mqttv311",
            Self::V5 => "mqttv5",
        }
    }
}

/// A Paho client that has subscribed or is about to publish.
pub(super) struct Paho {
    pub(super) client: paho::Client,
    pub(super) messages: paho::SyncReceiver<Option<paho::Message>>,
    pub(super) session_present: bool,
}

impl Paho {
    /// Connects with a clean start.
    pub(super) fn new(addr: SocketAddr, version: Version, id: &str) -> Self {
        Self::connect(addr, version, id, true)
    }

    /// Connects to a session that outlives the connection.
    pub(super) fn persistent(addr: SocketAddr, version: Version, id: &str) -> Self {
        Self::connect(addr, version, id, false)
    }

    fn connect(addr: SocketAddr, version: Version, id: &str, clean: bool) -> Self {
        let created = paho::CreateOptionsBuilder::new()
            .server_uri(format!("mqtt://{addr}"))
            .client_id(id)
            .persistence(paho::PersistenceType::None)
            .mqtt_version(if version == Version::V5 { 5 } else { 4 })
            .finalize();
        let mut client = paho::Client::new(created).expect("a client");
        client.set_timeout(DEADLINE);
        let messages = client.start_consuming();
        let mut options = match version {
            Version::V3_1_1 => paho::ConnectOptionsBuilder::new_v3(),
            Version::V5 => paho::ConnectOptionsBuilder::new_v5(),
        };
        options.keep_alive_interval(Duration::from_secs(30)).max_inflight(500);
        match version {
            Version::V3_1_1 => options.clean_session(clean),
            Version::V5 => options.clean_start(clean),
        };
        if version == Version::V5 && !clean {
            options.properties(
                paho::properties![paho::PropertyCode::SessionExpiryInterval => 3600_u32],
            );
        }
        let answer = client.connect(options.finalize()).expect("connected");
        let session_present = answer.connect_response().is_some_and(|it| it.session_present);
        Self { client, messages, session_present }
    }

    pub(super) fn subscribe(&self, filter: &str, qos: i32) {
        self.client.subscribe(filter, qos).expect("subscribed");
    }

    pub(super) fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>, qos: i32) {
        self.client.publish(paho::Message::new(topic, payload, qos)).expect("published");
    }

    pub(super) fn next(&self) -> paho::Message {
        let message = self.messages.recv_timeout(DEADLINE).expect("a message in time");
        message.expect("still connected")
    }

    pub(super) fn next_text(&self) -> String {
        self.next().payload_str().into_owned()
    }

    pub(super) fn disconnect(self) {
        self.client.disconnect(None).expect("disconnected");
    }
}

/// `mosquitto_pub` or `mosquitto_sub`, talking to `addr`; `None` when it isn't installed.
pub(super) fn mosquitto(program: &str, addr: SocketAddr, version: Version) -> Option<Command> {
    if Command::new(program).arg("--help").output().is_err() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{program} is not installed");
        eprintln!("SKIPPED: {program} is not installed (package mosquitto-clients)");
        return None;
    }
    let mut command = Command::new(program);
    let (host, port) = (addr.ip().to_string(), addr.port().to_string());
    command.args(["-h", &host, "-p", &port, "-V", version.mosquitto()]);
    Some(command)
}

/// Runs to the end, which must come before the deadline.
pub(super) fn finish(mut command: Command) -> Output {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = Reaped(child.expect("it starts"));
    let started = Instant::now();
    while child.0.try_wait().expect("a status").is_none() {
        assert!(started.elapsed() < DEADLINE, "{command:?} takes too long");
        std::thread::sleep(Duration::from_millis(5));
    }
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let read = |from: &mut dyn std::io::Read, to: &mut Vec<u8>| from.read_to_end(to);
    read(&mut child.0.stdout.take().expect("piped"), &mut stdout).expect("its output");
    read(&mut child.0.stderr.take().expect("piped"), &mut stderr).expect("its errors");
    Output { status: child.0.wait().expect("a status"), stdout, stderr }
}

/// A child process that doesn't outlive its test.
pub(super) struct Reaped(pub(super) Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
