//! A valid configuration's part on brokers: where they are, and the secrets that open them.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

/// Where a secret is to be read from. The secret itself is never part of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The name of an environment variable.
    Env(String),
    /// A file whose first line is the secret.
    File(PathBuf),
}

/// A secret in memory: prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text secret.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret's text, for the one place that must send or compare it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl SecretSource {
    /// Reads the secret anew, so that a corrected file is seen without a restart.
    ///
    /// # Errors
    /// When the variable is unset or the file can't be read or is empty; never quotes the secret.
    pub fn read(&self) -> Result<Secret, String> {
        let text = self.text()?;
        if text.is_empty() { Err(format!("{self} is empty")) } else { Ok(Secret(text)) }
    }

    fn text(&self) -> Result<String, String> {
        match self {
            Self::Env(name) => std::env::var(name)
                .map_err(|_| format!("the environment variable {name} is not set")),
            Self::File(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| format!("{}: {error}", path.display()))?;
                Ok(text.lines().next().unwrap_or_default().to_owned())
            }
        }
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// User name, and where the password is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials<P = SecretSource> {
    /// User name in plain text.
    pub username: String,
    /// Place of the password.
    pub password: P,
}

/// Account at a server elsewhere, where a user name may be all: a token in its place, for one.
pub type Login = Credentials<Option<SecretSource>>;

impl From<Credentials> for Login {
    fn from(Credentials { username, password }: Credentials) -> Self {
        Self { username, password: Some(password) }
    }
}

impl Login {
    /// Reads the password anew. One that is empty is none.
    ///
    /// # Errors
    /// When it can't be read; never quotes it.
    pub fn read_password(&self) -> Result<Option<Secret>, String> {
        let Some(source) = &self.password else { return Ok(None) };
        let text = source.text()?;
        Ok((!text.is_empty()).then_some(Secret(text)))
    }
}

/// The gateway's user name at the embedded broker, beside a password that is made anew for each process.
pub const GATEWAY_USER: &str = "vigie-gateway";

/// The embedded broker. Not loopback implies credentials, or users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerConfig {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// For MQTT over WebSocket; port 0 takes a free one.
    pub listen_ws: Option<SocketAddr>,
    /// Account that may all. Without it, and without users, everyone is let in.
    pub credentials: Option<Credentials>,
    /// Users with rights of their own, no two of one name.
    pub users: Vec<BrokerUser>,
    /// How much it keeps and takes.
    pub limits: BrokerLimits,
    /// Filters of what its clients send upstream, to the broker of `mqtt.url`.
    pub forward: Vec<String>,
    /// Certificate and key; `None` for plain TCP.
    pub tls: Option<ServerTls>,
}

/// How much the embedded broker keeps and takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokerLimits {
    /// Connections; `None` for as many as there are files for.
    pub connections: Option<usize>,
    /// Sessions, connected or kept for a client that is away.
    pub sessions: usize,
    /// How long the session of an absent client is kept at most.
    pub session_expiry: Duration,
    /// Largest packet.
    pub packet_bytes: usize,
    /// The longest keep-alive of clients of MQTT 5, in seconds; `None` for as long as they want.
    pub keep_alive_s: Option<NonZeroU16>,
    /// Unacknowledged messages of QoS 1 and 2 in each direction, of one client.
    pub in_flight: NonZeroU16,
    /// What waits for one client.
    pub queue_bytes: usize,
    /// What waits for all clients, wills included.
    pub queues_bytes: usize,
    /// Subscriptions of one client.
    pub subscriptions: usize,
    /// Retained messages.
    pub retained_messages: usize,
    /// Retained messages together.
    pub retained_bytes: usize,
}

/// A user of the embedded broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerUser {
    /// User name in plain text.
    pub name: String,
    /// Place of the password.
    pub password: SecretSource,
    /// Rights that go with what it is.
    pub preset: Option<BrokerPreset>,
    /// Topics it may publish on besides: filters of MQTT, with `%u` for its name and `%c` for the client id.
    pub publish: Vec<String>,
    /// Topics it may subscribe to besides: such filters.
    pub subscribe: Vec<String>,
}

/// What a user of the embedded broker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerPreset {
    /// Publishes what the daemon takes in of devices.
    Device,
    /// Subscribes to everything, and acknowledges alarms.
    Operator,
    /// Subscribes to everything.
    Reader,
}

impl BrokerPreset {
    /// Each by its name in the configuration.
    pub const WORDS: [(&'static str, Self); 3] =
        [("device", Self::Device), ("operator", Self::Operator), ("reader", Self::Reader)];
}

/// Files of a TLS server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// Certificate chain, PEM.
    pub cert: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
}

/// The MQTT connection.
#[derive(Debug, Clone)]
pub struct MqttConfig {
    /// Broker to which it connects.
    pub endpoint: Endpoint,
    /// How the log calls the broker; the locale names the embedded one when this is absent.
    pub name: Option<String>,
    /// Account at the broker.
    pub credentials: Option<Login>,
    /// TLS of the client.
    pub tls: ClientTls,
    /// Client id.
    pub client_id: String,
    /// Client id of the connection that publishes.
    pub publish_client_id: String,
    /// Version of MQTT.
    pub version: MqttVersion,
    /// Keep-alive interval.
    pub keep_alive: Duration,
    /// Whether messages are published to be retained.
    pub retain: bool,
    /// Quality of service of alerts: 0, 1 or 2.
    pub alert_qos: u8,
    /// First level of every topic.
    pub topic_prefix: String,
    /// Topics on which own readings are published.
    pub reading_topic: ReadingTopic,
}

/// A broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// The broker in this process.
    Embedded,
    /// A broker elsewhere.
    Remote {
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
        /// Whether the connection uses TLS.
        tls: bool,
    },
}

/// Files and settings of a TLS client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// In place of the system's roots.
    pub ca_file: Option<PathBuf>,
    /// A client certificate and its key, PEM.
    pub client_cert: Option<(PathBuf, PathBuf)>,
    /// Accepts any certificate. For tests only.
    pub insecure_skip_verify: bool,
}

/// Version of MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MqttVersion {
    /// MQTT 3.1.1.
    V3_1_1,
    /// MQTT 5.
    V5,
}

/// Topics on which own readings are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadingTopic {
    /// `factory/sensors/temperature`
    Shared,
    /// `factory/sensors/temperature/TEMP_001`
    PerSensor,
}

/// How Home Assistant is shown what is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeAssistantConfig {
    /// Prefix of its discovery topics.
    pub prefix: String,
    /// Prefix of the topics that values and alarms are published on for it. Ids begin with it, too.
    pub topic_prefix: String,
}
