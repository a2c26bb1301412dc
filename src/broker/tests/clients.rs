//! A Paho client that blocks until the broker has answered.

use std::mem::ManuallyDrop;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::MutexGuard;
use std::time::Duration;

use paho_mqtt as paho;

use super::DEADLINE;
use crate::supervisor::testing::mqtt_turn;

pub(super) const VERSIONS: [Version; 2] = [Version::V3_1_1, Version::V5];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V3_1_1,
    V5,
}

/// How a Paho client connects.
pub(super) struct Options {
    pub(super) version: Version,
    /// Whether the session outlives the connection.
    pub(super) persistent: bool,
    pub(super) login: Option<(String, String)>,
    /// Speak TLS, and trust this certificate only.
    pub(super) trusted: Option<PathBuf>,
    /// The largest packet it takes, in bytes (MQTT 5).
    pub(super) most: Option<u32>,
}

impl From<Version> for Options {
    fn from(version: Version) -> Self {
        Self { version, persistent: false, login: None, trusted: None, most: None }
    }
}

/// A connected Paho client.
pub(super) struct Paho {
    /// Never dropped: Paho's own thread holds on to a client until the callback that completes an
    /// operation has returned. If it is the last to let go, it destroys the client within that
    /// callback, under a lock that destroying takes too, and every client in the process hangs.
    client: ManuallyDrop<paho::Client>,
    messages: paho::SyncReceiver<Option<paho::Message>>,
    pub(super) session_present: bool,
    /// Last, so that the client is gone before the next test's begins.
    _turn: Rc<MutexGuard<'static, ()>>,
}

impl Paho {
    /// Connects with a clean start.
    pub(super) fn new(addr: SocketAddr, version: Version, id: &str) -> Self {
        Self::connect(addr, &version.into(), id).expect("connected")
    }

    /// Connects to a session that outlives the connection.
    pub(super) fn persistent(addr: SocketAddr, version: Version, id: &str) -> Self {
        let options = Options { persistent: true, ..version.into() };
        Self::connect(addr, &options, id).expect("connected")
    }

    /// Must succeed: Paho takes leave of a refused client's socket late, and takes a new one
    /// with the same number, of any client in the process, for it. Refusals are for `raw`.
    pub(super) fn connect(addr: SocketAddr, options: &Options, id: &str) -> paho::Result<Self> {
        let turn = mqtt_turn();
        let scheme = if options.trusted.is_some() { "mqtts" } else { "mqtt" };
        let created = paho::CreateOptionsBuilder::new()
            .server_uri(format!("{scheme}://{addr}"))
            .client_id(id)
            .persistence(paho::PersistenceType::None)
            .mqtt_version(if options.version == Version::V5 { 5 } else { 4 })
            .finalize();
        let mut client = ManuallyDrop::new(paho::Client::new(created)?);
        client.set_timeout(DEADLINE);
        let messages = client.start_consuming();
        let answer = client.connect(options.for_paho())?;
        let session_present = answer.connect_response().is_some_and(|it| it.session_present);
        Ok(Self { client, messages, session_present, _turn: turn })
    }

    pub(super) fn subscribe(&self, filter: &str, qos: i32) {
        self.client.subscribe(filter, qos).expect("subscribed");
    }

    pub(super) fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>, qos: i32) {
        self.client.publish(paho::Message::new(topic, payload, qos)).expect("published");
    }

    /// Publishes what stays with the topic.
    pub(super) fn retain(&self, topic: &str, payload: &str) {
        self.client.publish(paho::Message::new_retained(topic, payload, 1)).expect("published");
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

impl Drop for Paho {
    fn drop(&mut self) {
        self.client.set_timeout(Duration::from_secs(1));
        // It may be gone already.
        let _ = self.client.disconnect(None);
    }
}

impl Options {
    fn for_paho(&self) -> paho::ConnectOptions {
        let mut options = match self.version {
            Version::V3_1_1 => paho::ConnectOptionsBuilder::new_v3(),
            Version::V5 => paho::ConnectOptionsBuilder::new_v5(),
        };
        options.keep_alive_interval(Duration::from_secs(30)).connect_timeout(DEADLINE);
        match self.version {
            Version::V3_1_1 => options.clean_session(!self.persistent),
            Version::V5 => options.clean_start(!self.persistent),
        };
        if self.version == Version::V5 {
            let mut properties = paho::Properties::new();
            let mut set = |code, value: Option<u32>| {
                value.map(|value| properties.push_u32(code, value).expect("a property"))
            };
            set(paho::PropertyCode::SessionExpiryInterval, self.persistent.then_some(3600));
            set(paho::PropertyCode::MaximumPacketSize, self.most);
            options.properties(properties);
        }
        if let Some((user, password)) = &self.login {
            options.user_name(user).password(password.as_str());
        }
        if let Some(trusted) = &self.trusted {
            let mut tls = paho::SslOptionsBuilder::new();
            tls.trust_store(trusted).expect("a path").enable_server_cert_auth(true).verify(true);
            options.ssl_options(tls.finalize());
        }
        options.finalize()
    }
}
