//! Access data of a broker, and an MQTT client that records what it received and when.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use paho_mqtt as mqtt;
use serde_json::Value;

use super::{SOON, Version};

/// QoS 1 messages in flight in [`Client::publish_all`].
const WINDOW: usize = 100;

/// Access data of a broker, for the test's own client and for the daemon's `[mqtt]` table.
#[derive(Debug, Clone)]
pub struct Access {
    pub url: String,
    /// User name and password.
    pub user: Option<(String, String)>,
    pub ca_file: Option<PathBuf>,
}

impl Access {
    pub fn plain(url: &str) -> Self {
        Self { url: url.to_owned(), user: None, ca_file: None }
    }

    /// The same broker by another host name.
    pub fn called(&self, host: &str) -> Self {
        let (scheme, rest) = self.url.split_once("://").expect("a scheme");
        let (_, port) = rest.rsplit_once(':').expect("a port");
        Self { url: format!("{scheme}://{host}:{port}"), ..self.clone() }
    }

    /// The `[mqtt]` table for this broker, displayed as `name`. The caller writes the password to `password_file`.
    pub fn mqtt_table(&self, name: &str, password_file: &str) -> String {
        let mut table = format!("[mqtt]\nurl = \"{}\"\nname = \"{name}\"\n", self.url);
        if let Some((user, _)) = &self.user {
            table += &format!("username = \"{user}\"\npassword_file = \"{password_file}\"\n");
        }
        if let Some(ca_file) = &self.ca_file {
            table += &format!("ca_file = \"{}\"\n", ca_file.display());
        }
        table
    }
}

/// A received message.
#[derive(Clone)]
pub struct Received {
    pub topic: String,
    pub payload: Vec<u8>,
    /// QoS of the delivery: the lower of the sender's and the subscription's, which is 2.
    pub qos: i32,
    /// The sender's retain flag, or true for a message replayed from the broker's retained ones.
    pub retained: bool,
    pub at: DateTime<Utc>,
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, payload, qos, retained, at } = self;
        let text = String::from_utf8_lossy(payload);
        write!(f, "{topic} (QoS {qos}, retained {retained}, {at:?}): {text}")
    }
}

impl Received {
    /// # Panics
    /// When the payload is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

#[derive(Default)]
struct Inbox {
    messages: Mutex<Vec<Received>>,
    arrived: Condvar,
}

pub struct Client {
    client: mqtt::AsyncClient,
    inbox: Arc<Inbox>,
    is_v5: bool,
}

impl Client {
    /// Connects with a clean start and a unique client id.
    ///
    /// # Errors
    /// Paho's error when the connection fails.
    pub fn try_connect(access: &Access) -> Result<Self, mqtt::Error> {
        Self::open(access, &new_id(), true, Version::V5)
    }

    /// Like [`Self::connect`], with a given version of MQTT.
    ///
    /// # Panics
    /// When the broker can't be reached.
    pub fn connect_as(access: &Access, version: Version) -> Self {
        let client = Self::open(access, &new_id(), true, version);
        client.unwrap_or_else(|error| panic!("connect to {access:?}: {error}"))
    }

    /// # Panics
    /// When the broker can't be reached.
    pub fn connect(access: &Access) -> Self {
        Self::try_connect(access).unwrap_or_else(|error| panic!("connect to {access:?}: {error}"))
    }

    /// Connects with a persistent session.
    ///
    /// # Errors
    /// Paho's error when the connection fails.
    pub fn resume(access: &Access, client_id: &str) -> Result<Self, mqtt::Error> {
        Self::open(access, client_id, false, Version::V5)
    }

    fn open(
        access: &Access,
        client_id: &str,
        clean: bool,
        version: Version,
    ) -> Result<Self, mqtt::Error> {
        let is_v5 = version == Version::V5;
        let create = mqtt::CreateOptionsBuilder::new()
            .server_uri(&access.url)
            .client_id(client_id)
            .mqtt_version(if is_v5 { mqtt::MQTT_VERSION_5 } else { mqtt::MQTT_VERSION_3_1_1 })
            .persistence(mqtt::PersistenceType::None)
            .finalize();
        let client = mqtt::AsyncClient::new(create)?;
        let inbox = Arc::new(Inbox::default());
        let post = Arc::clone(&inbox);
        client.set_message_callback(move |_, message| {
            let Some(message) = message else { return };
            post.messages.lock().unwrap().push(Received {
                topic: message.topic().to_owned(),
                payload: message.payload().to_owned(),
                qos: message.qos() as i32,
                retained: message.retained(),
                at: Utc::now(),
            });
            post.arrived.notify_all();
        });
        let mut options = if is_v5 {
            let mut options = mqtt::ConnectOptionsBuilder::new_v5();
            options.clean_start(clean);
            options
        } else {
            let mut options = mqtt::ConnectOptionsBuilder::new_v3();
            options.clean_session(clean);
            options
        };
        options.connect_timeout(Duration::from_secs(5));
        if !clean {
            let for_an_hour =
                mqtt::properties! { mqtt::PropertyCode::SessionExpiryInterval => 3600 };
            options.properties(for_an_hour);
        }
        if let Some((user, password)) = &access.user {
            options.user_name(user).password(password.as_str());
        }
        if access.url.starts_with("mqtts") {
            let mut ssl = mqtt::SslOptionsBuilder::new();
            if let Some(file) = &access.ca_file {
                ssl.trust_store(file)?;
            }
            options.ssl_options(ssl.verify(true).enable_server_cert_auth(true).finalize());
        }
        // Paho's own thread holds a reference to the client until its connect callback is done, a moment after this wait.
        // A client dropped before that is destroyed inside the callback, which waits for itself: a deadlock of every client
        // in the process.
        if let Err(error) = client.connect(options.finalize()).wait_for(SOON) {
            std::mem::forget(client);
            return Err(error);
        }
        // Answered on the same thread, so after that callback.
        client.unsubscribe("nothing").wait_for(SOON)?;
        Ok(Self { client, inbox, is_v5 })
    }

    /// Subscribes with QoS 2 and waits for the SUBACK. In MQTT 5 the senders' retain flags are kept.
    pub fn subscribe(&self, topic: &str) {
        if !self.is_v5 {
            let granted = self.client.subscribe(topic, 2).wait_for(SOON);
            granted.unwrap_or_else(|error| panic!("subscribe to {topic}: {error}"));
            return;
        }
        let flags = mqtt::SubscribeOptions::with_retain_as_published();
        let token = self.client.subscribe_with_options(topic, 2, flags, None);
        let answer = token.wait_for(SOON).unwrap_or_else(|error| panic!("{topic}: {error}"));
        assert_eq!(answer.reason_code(), mqtt::ReasonCode::GrantedQos2, "subscribe to {topic}");
    }

    /// Connects and subscribes.
    pub fn listening(access: &Access, topics: &[&str]) -> Self {
        let client = Self::connect(access);
        for topic in topics {
            client.subscribe(topic);
        }
        client
    }

    /// Publishes and waits for the acknowledgement.
    pub fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>, qos: i32) {
        let token = self.client.publish(mqtt::Message::new(topic, payload, qos));
        token.wait_for(SOON).unwrap_or_else(|error| panic!("publish on {topic}: {error}"));
    }

    /// Publishes a retained message with QoS 1 and waits for the acknowledgement.
    pub fn retain(&self, topic: &str, payload: &str) {
        let token = self.client.publish(mqtt::Message::new_retained(topic, payload, 1));
        token.wait_for(SOON).unwrap_or_else(|error| panic!("retain on {topic}: {error}"));
    }

    /// Publishes with QoS 1, pipelined, and waits for all acknowledgements.
    pub fn publish_all(&self, messages: impl IntoIterator<Item = (String, Vec<u8>)>) {
        let mut waiting = VecDeque::new();
        for (topic, payload) in messages {
            if waiting.len() == WINDOW {
                confirm(waiting.pop_front().expect("WINDOW is above 0"));
            }
            waiting.push_back(self.client.publish(mqtt::Message::new(topic, payload, 1)));
        }
        waiting.into_iter().for_each(confirm);
    }

    /// Messages received so far.
    pub fn received(&self) -> Vec<Received> {
        self.inbox.messages.lock().unwrap().clone()
    }

    /// Messages received so far on one topic.
    pub fn received_on(&self, topic: &str) -> Vec<Received> {
        self.received().into_iter().filter(|message| message.topic == topic).collect()
    }

    /// Waits until the received messages satisfy a condition.
    ///
    /// # Panics
    /// When they don't in time.
    pub fn wait_for<T>(
        &self,
        what: &str,
        within: Duration,
        mut look: impl FnMut(&[Received]) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + within;
        let mut messages = self.inbox.messages.lock().unwrap();
        loop {
            if let Some(seen) = look(&messages) {
                return seen;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let count = messages.len();
                let last = messages.last().cloned();
                drop(messages);
                panic!("{what}: not within {within:?}; {count} messages, the last {last:?}");
            }
            messages = self.inbox.arrived.wait_timeout(messages, left).unwrap().0;
        }
    }

    /// Waits for the first message on a topic that satisfies a condition.
    pub fn wait_message(
        &self,
        topic: &str,
        within: Duration,
        is_it: impl Fn(&Received) -> bool,
    ) -> Received {
        self.wait_for(&format!("a message on {topic}"), within, |messages| {
            messages.iter().find(|message| message.topic == topic && is_it(message)).cloned()
        })
    }

    /// Waits until at least `count` messages have arrived on a topic; returns them.
    pub fn wait_count(&self, topic: &str, count: usize, within: Duration) -> Vec<Received> {
        self.wait_for(&format!("{count} messages on {topic}"), within, |messages| {
            let found: Vec<_> = messages.iter().filter(|message| message.topic == topic).collect();
            (found.len() >= count).then(|| found.into_iter().cloned().collect())
        })
    }

    pub fn is_connected(&self) -> bool {
        self.client.is_connected()
    }

    /// Disconnects gracefully.
    pub fn disconnect(self) {
        self.client.disconnect(None).wait_for(SOON).expect("disconnect");
    }
}

/// A client id that is unique in this run.
fn new_id() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn confirm(token: mqtt::DeliveryToken) {
    token.wait_for(SOON).unwrap_or_else(|error| panic!("publish: {error}"));
}
