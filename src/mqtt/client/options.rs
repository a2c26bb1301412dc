//! Translation of connection options to Paho's, and of Paho's errors to the protocol's.

use std::time::Duration;

use paho_mqtt as paho;

use crate::config::{ClientTls, MqttVersion};
use crate::ingest::FORWARDED_PROPERTY;
use crate::mqtt::link::{Outcome, Outgoing, Plan, Qos, Role};

/// Paho checks its timeout only every 3 seconds, so it takes up to 13.
const CONNECT: Duration = Duration::from_secs(10);
/// Session expiry of the intake's session and queue at the broker, in seconds.
const SESSION_EXPIRY: i32 = 24 * 3600;
/// Receive maximum of the broker's messages to the daemon: fewer cost throughput, more bring nothing.
const RECEIVE_MAXIMUM: i32 = 1000;
/// Cipher suites for TLS 1.2, beside those of TLS 1.3: Paho's own setting for the protocol version has no effect
/// with today's OpenSSL.
const CIPHERS: &str = "TLSv1.2+HIGH:!aNULL:!PSK:!SRP";

/// Options of a plan's client.
///
/// # Errors
/// If an option is invalid.
pub fn options(plan: &Plan) -> Result<paho::ConnectOptions, Outcome> {
    let mut options = if plan.role.takes_in() { lasting(plan) } else { passing(plan) }?;
    if let Some(will) = &plan.will {
        options.will_message(message_of(will.clone(), None));
    }
    Ok(options.finalize())
}

/// Options of a publishing connection. The broker starts a new session: the gateway tracks what is in flight and
/// sends it again. Paho must believe that the session outlives the connection, so that it doesn't clean it.
fn passing(plan: &Plan) -> Result<paho::ConnectOptionsBuilder, Outcome> {
    let mut options = common_options(plan)?;
    match plan.version {
        MqttVersion::V5 => {
            let mut properties = paho::Properties::new();
            push(&mut properties, paho::PropertyCode::SessionExpiryInterval, 1)?;
            options.clean_start(true).properties(properties);
        }
        MqttVersion::V3_1_1 => {
            options.clean_session(false);
        }
    }
    Ok(options)
}

/// Options of a preliminary connection that ends the publishing client's old session; `None` if none is needed.
/// Under 3.1.1 a session can't both start clean and outlive its connection. Without this, packet ids starting at 1
/// could collide with those of interrupted QoS 2 exchanges.
pub fn wiping_options(plan: &Plan) -> Result<Option<paho::ConnectOptions>, Outcome> {
    if plan.version == MqttVersion::V5 || plan.role != Role::Publishing {
        return Ok(None);
    }
    Ok(Some(common_options(plan)?.clean_session(true).finalize()))
}

/// Options of an intake connection, whose session the broker keeps.
fn lasting(plan: &Plan) -> Result<paho::ConnectOptionsBuilder, Outcome> {
    let mut options = common_options(plan)?;
    match plan.version {
        MqttVersion::V5 => {
            let mut properties = paho::Properties::new();
            push(&mut properties, paho::PropertyCode::SessionExpiryInterval, SESSION_EXPIRY)?;
            push(&mut properties, paho::PropertyCode::ReceiveMaximum, RECEIVE_MAXIMUM)?;
            options.clean_start(false).properties(properties);
        }
        MqttVersion::V3_1_1 => {
            options.clean_session(false);
        }
    }
    Ok(options)
}

/// Options of a client that only listens: its session ends with the connection.
///
/// # Errors
/// If an option is invalid.
pub fn listening_options(plan: &Plan) -> Result<paho::ConnectOptions, Outcome> {
    let mut options = common_options(plan)?;
    match plan.version {
        MqttVersion::V5 => options.clean_start(true),
        MqttVersion::V3_1_1 => options.clean_session(true),
    };
    Ok(options.finalize())
}

fn push(
    properties: &mut paho::Properties,
    code: paho::PropertyCode,
    value: i32,
) -> Result<(), Outcome> {
    properties.push_int(code, value).map_err(|error| outcome(&error))
}

fn common_options(plan: &Plan) -> Result<paho::ConnectOptionsBuilder, Outcome> {
    let mut options = paho::ConnectOptionsBuilder::with_mqtt_version(version(plan));
    options.connect_timeout(CONNECT).keep_alive_interval(plan.keep_alive);
    if let Some((username, password)) = &plan.credentials {
        if username.contains('\0') {
            return Err(Outcome::Unusable("the user name has a NUL character in it".into()));
        }
        options.user_name(username);
        if !password.reveal().is_empty() {
            options.password(password.reveal());
        }
    }
    if let Some(tls) = &plan.target.tls {
        options.ssl_options(tls_options(tls).map_err(|error| outcome(&error))?);
    }
    Ok(options)
}

fn tls_options(tls: &ClientTls) -> paho::Result<paho::SslOptions> {
    let verify = !tls.insecure_skip_verify;
    let mut options = paho::SslOptionsBuilder::new();
    options.enable_server_cert_auth(verify).verify(verify).enabled_cipher_suites(CIPHERS);
    if let Some(ca_file) = &tls.ca_file {
        options.trust_store(ca_file)?;
    }
    if let Some((cert, key)) = &tls.client_cert {
        options.key_store(cert)?.private_key(key)?;
    }
    Ok(options.finalize())
}

/// Version of the protocol, as Paho counts them.
pub const fn version(plan: &Plan) -> u32 {
    match plan.version {
        MqttVersion::V5 => paho::MQTT_VERSION_5,
        MqttVersion::V3_1_1 => paho::MQTT_VERSION_3_1_1,
    }
}

/// Paho's form of a message. Under MQTT 5 a forwarded one has the mark.
pub fn message_of(message: Outgoing, forward_mark: Option<&str>) -> paho::Message {
    let qos = match message.qos {
        Qos::AtMostOnce => paho::QoS::AtMostOnce,
        Qos::AtLeastOnce => paho::QoS::AtLeastOnce,
        Qos::ExactlyOnce => paho::QoS::ExactlyOnce,
    };
    let mut builder = paho::MessageBuilder::new()
        .topic(message.topic)
        .payload(message.payload)
        .qos(qos)
        .retained(message.retained);
    if let Some(mark) = forward_mark.filter(|_| message.is_forwarded) {
        let mut properties = paho::Properties::new();
        let key = paho::PropertyCode::UserProperty;
        // It is short enough to fit.
        if properties.push_string_pair(key, FORWARDED_PROPERTY, mark).is_ok() {
            builder = builder.properties(properties);
        }
    }
    builder.finalize()
}

/// Reason code and reason string of a packet, without control characters and cut to 200 characters.
pub fn reason(code: paho::ReasonCode, properties: &paho::Properties) -> Outcome {
    let text = properties.get_string(paho::PropertyCode::ReasonString).unwrap_or_default();
    // From the other side: no line breaks into our log, and not at any length.
    let text = text.chars().filter(|c| !c.is_control()).take(200).collect();
    Outcome::Reason { code: code as u8, text }
}

/// Paho's error in terms of the protocol.
pub fn outcome(error: &paho::Error) -> Outcome {
    match error {
        paho::Error::ReasonCode(code, properties) => reason(*code, properties),
        paho::Error::ConnectReturn(code) => Outcome::Return(*code as u8),
        paho::Error::ReceivedDisconnect(code) => match u8::try_from(*code) {
            Ok(code @ 0x80..) => Outcome::Reason { code, text: String::new() },
            _ => Outcome::Closed,
        },
        paho::Error::TcpConnectTimeout | paho::Error::Timeout => Outcome::TimedOut,
        paho::Error::Disconnected | paho::Error::OperationIncomplete => Outcome::Closed,
        paho::Error::Failure
        | paho::Error::TcpConnectCompletionFailure
        | paho::Error::TcpTlsConnectFailure
        | paho::Error::SocketError(_) => Outcome::Transport(error.to_string()),
        _ => Outcome::Unusable(error.to_string()),
    }
}
