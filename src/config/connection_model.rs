//! Model of the configuration: brokers and the secrets for them.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

/// Source of a secret. The secret itself is never part of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The name of an environment variable.
    Env(String),
    /// File whose first line is the secret.
    File(PathBuf),
}

/// A secret in memory; prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// Text of the secret, for the one place that sends or compares it.
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
    /// If the variable is unset, or the file is unreadable or empty; never quotes the secret.
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

/// User name, and source of the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials<P = SecretSource> {
    /// User name in plain text.
    pub username: String,
    /// Source of the password.
    pub password: P,
}

/// Account at an external server, where a user name may suffice: a token, for example.
pub type Login = Credentials<Option<SecretSource>>;

impl From<Credentials> for Login {
    fn from(Credentials { username, password }: Credentials) -> Self {
        Self { username, password: Some(password) }
    }
}

impl Login {
    /// Reads the password again. An empty one counts as none.
    ///
    /// # Errors
    /// If it can't be read; never quotes it.
    pub fn read_password(&self) -> Result<Option<Secret>, String> {
        let Some(source) = &self.password else { return Ok(None) };
        let text = source.text()?;
        Ok((!text.is_empty()).then_some(Secret(text)))
    }
}

/// User name of the gateway at the embedded broker; its password is generated for each process.
pub const GATEWAY_USER: &str = "vigie-gateway";

/// The embedded broker. Not loopback implies credentials, or users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerConfig {
    /// Address to listen on; port 0 takes a free port.
    pub listen: SocketAddr,
    /// Address for MQTT over WebSocket; port 0 takes a free port.
    pub listen_ws: Option<SocketAddr>,
    /// Account with all rights. Without it, and without users, every client is admitted.
    pub credentials: Option<Credentials>,
    /// Users with rights of their own, no two of one name.
    pub users: Vec<BrokerUser>,
    /// Limits of state and input.
    pub limits: BrokerLimits,
    /// Filters of messages that are forwarded to the broker of `mqtt.url`.
    pub forward: Vec<String>,
    /// Certificate and key; `None` for plain TCP.
    pub tls: Option<ServerTls>,
}

/// Limits of the embedded broker's state and input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokerLimits {
    /// Connections; `None` for as many as there are files for.
    pub connections: Option<usize>,
    /// Sessions, connected or kept for a disconnected client.
    pub sessions: usize,
    /// Maximum session expiry of a disconnected client.
    pub session_expiry: Duration,
    /// Largest packet.
    pub packet_bytes: usize,
    /// Maximum keep-alive of MQTT 5 clients, in seconds; `None` for no limit.
    pub keep_alive_s: Option<NonZeroU16>,
    /// Unacknowledged messages of QoS 1 and 2 in each direction, of one client.
    pub in_flight: NonZeroU16,
    /// Queue of one client, in bytes.
    pub queue_bytes: usize,
    /// Queues of all clients and their wills, in bytes.
    pub queues_bytes: usize,
    /// Subscriptions of one client.
    pub subscriptions: usize,
    /// Retained messages.
    pub retained_messages: usize,
    /// Retained messages together.
    pub retained_bytes: usize,
}

/// User of the embedded broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerUser {
    /// User name in plain text.
    pub name: String,
    /// Source of the password.
    pub password: SecretSource,
    /// Preset of rights.
    pub preset: Option<BrokerPreset>,
    /// Further topics to publish on: MQTT filters, with `%u` for the user name and `%c` for the client id.
    pub publish: Vec<String>,
    /// Further topics to subscribe to: MQTT filters, likewise.
    pub subscribe: Vec<String>,
}

/// Kind of a user of the embedded broker, which implies rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerPreset {
    /// Publishes the topics of the daemon's device formats.
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

/// Address of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// The broker in this process.
    Embedded,
    /// An external broker.
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
    /// Certificate authorities, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Client certificate and its key, PEM.
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

/// Home Assistant discovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeAssistantConfig {
    /// Prefix of the discovery topics.
    pub prefix: String,
    /// Prefix of the topics that values and alarms are published on for it. Ids begin with it, too.
    pub topic_prefix: String,
}
