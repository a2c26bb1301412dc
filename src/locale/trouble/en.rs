//! Connection troubles in English.

use super::{ConnectionProblem, Explanation};

#[allow(clippy::too_many_lines)] // one line a trouble
pub fn explain(trouble: &ConnectionProblem) -> Explanation {
    let say = Explanation::new;
    match trouble {
        ConnectionProblem::SecretUnreadable { why } => say(
            format!("the password can't be read: {why}"),
            "Set the variable or mend the file; it is read again at each try",
        ),
        ConnectionProblem::TlsFileUnusable { file, why } => say(
            format!("{file} can't be used: {why}"),
            "Give a PEM file that this user may read; it is read again at each try",
        ),
        ConnectionProblem::Unusable { why } => {
            say(format!("a setting can't be used: {why}"), "Check the [mqtt] table")
        }
        ConnectionProblem::EmbeddedStopped => {
            say("the embedded broker has stopped".into(), "See the lines above for the reason")
        }
        ConnectionProblem::UnknownHost { host, why } => say(
            format!("the name {host} can't be resolved ({why})"),
            "Check the host in mqtt.url, and the name server",
        ),
        ConnectionProblem::Refused { address } => say(
            format!("{address} refuses connections"),
            "Check that the broker runs and that the port in mqtt.url is right",
        ),
        ConnectionProblem::Unreachable { address, why } => say(
            format!("{address} can't be reached ({why})"),
            "Check the network, and the address in mqtt.url",
        ),
        ConnectionProblem::TimedOut { address } => say(
            format!("{address} does not answer in time"),
            "Check the network and any firewall on the way",
        ),
        ConnectionProblem::SpeaksPlain { address } => say(
            format!("{address} speaks plain MQTT, not TLS"),
            "Use the broker's TLS port, or mqtt:// in mqtt.url",
        ),
        ConnectionProblem::SpeaksTls { address } => say(
            format!("{address} speaks TLS, not plain MQTT"),
            "Use mqtts:// in mqtt.url, or the broker's plain port",
        ),
        ConnectionProblem::NotMqtt { address } => say(
            format!("something other than MQTT answers at {address}"),
            "Check the port in mqtt.url",
        ),
        ConnectionProblem::Silent { address } => say(
            format!("{address} takes the connection and says nothing"),
            "Check that the broker is alive and that the port in mqtt.url is MQTT's",
        ),
        ConnectionProblem::UnknownAuthority { issuer } => say(
            format!(
                "the broker's certificate is signed by an authority that is not trusted here: {issuer}"
            ),
            "Give that authority's certificate in mqtt.ca_file",
        ),
        ConnectionProblem::Expired { name, since } => say(
            format!("the certificate of {name} expired on {since}"),
            "Have it renewed, and check this machine's clock",
        ),
        ConnectionProblem::NotYetValid { name, from } => say(
            format!("the certificate of {name} is only valid from {from} on"),
            "Check this machine's clock",
        ),
        ConnectionProblem::WrongHostName { host, names } => say(
            format!("the broker's certificate is not for {host} but for {}", list(names)),
            "Use one of these names in mqtt.url, or have the certificate made anew",
        ),
        ConnectionProblem::CertificateInvalid { why } => say(
            format!("the broker's certificate does not verify: {why}"),
            "Have the broker's certificate mended",
        ),
        ConnectionProblem::ClientCertificateMissing => say(
            "the broker wants a client certificate".into(),
            "Set mqtt.client_cert and mqtt.client_key",
        ),
        ConnectionProblem::ClientCertificateRefused { why } => say(
            format!("the broker refuses the client certificate ({why})"),
            "Check mqtt.client_cert: its dates, and that the broker trusts who signed it",
        ),
        ConnectionProblem::TlsFailed { why } => say(
            format!("the TLS handshake fails: {why}"),
            "Check that the port in mqtt.url is the broker's TLS port; TLS 1.2 or newer is needed",
        ),
        ConnectionProblem::CredentialsMissing => say(
            "the broker wants a user name and a password".into(),
            "Set mqtt.username, and mqtt.password_env or mqtt.password_file",
        ),
        ConnectionProblem::BadCredentials => say(
            "the user name or the password is wrong".into(),
            "Check mqtt.username and the password; it is read again at each try",
        ),
        ConnectionProblem::NotAuthorized => say(
            "the broker does not let this user in: not authorized".into(),
            "Check mqtt.username, the password, and the user's rights on the broker",
        ),
        ConnectionProblem::ClientIdRejected { client_id } => say(
            format!("the broker rejects the client id {client_id}"),
            "Choose another mqtt.client_id",
        ),
        ConnectionProblem::ClientIdInUse { client_id } => say(
            format!("another client has connected with the client id {client_id}"),
            "Give each client of the broker an mqtt.client_id of its own",
        ),
        ConnectionProblem::ClientIdContested { client_id } => say(
            format!(
                "the connection is closed each time soon after it is made, as happens when another \
                 client uses the client id {client_id}"
            ),
            "Give each client of the broker an mqtt.client_id of its own, or look at the broker's log",
        ),
        ConnectionProblem::VersionUnsupported { version } => say(
            format!("the broker does not speak MQTT {}", version_name(*version)),
            if *version == 5 { "Set mqtt.version = 4" } else { "Set mqtt.version = 5" },
        ),
        ConnectionProblem::Unavailable => {
            say("the broker says it is unavailable".into(), "Wait, or look at the broker's log")
        }
        ConnectionProblem::QuotaExceeded => say(
            "a quota of the broker is used up".into(),
            "Raise the broker's limits on connections and messages, or send less",
        ),
        ConnectionProblem::Banned => {
            say("the broker has banned this client".into(), "Ask who runs the broker")
        }
        ConnectionProblem::Moved => {
            say("the broker says to use another server".into(), "Change mqtt.url")
        }
        ConnectionProblem::SubscriptionRefused { filter } => say(
            format!("the broker refuses the subscription to {filter}"),
            "Give this user the right to read it on the broker",
        ),
        ConnectionProblem::KeepAlive => say(
            "the broker heard nothing for longer than the keep-alive time".into(),
            "Check the network, or raise mqtt.keep_alive",
        ),
        ConnectionProblem::OtherReason { code, text } => say(
            format!("the broker gives reason 0x{code:02X}{}", after_colon(text)),
            "Look at the broker's log",
        ),
        ConnectionProblem::Closed => say(
            "the connection was closed without a reason".into(),
            "Check that the broker runs, and that no other client uses the same mqtt.client_id",
        ),
        ConnectionProblem::EndedAtConnect => say(
            "the broker ends the connection while it is made".into(),
            "Less is asked of it next: a last will that is not retained, one of QoS 0, none, one connection for all",
        ),
        ConnectionProblem::EndedAtMessage { topics } => say(
            format!("the broker ended the connection after a message on {}", topics.join(" or ")),
            "Check this user's right to publish there, and the broker's limits",
        ),
        ConnectionProblem::Unexplained { why } => say(
            format!(
                "the connection broke off while it was made ({why}); a check found nothing wrong"
            ),
            "Look at the broker's log if this goes on",
        ),
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "no host at all".into() } else { names.join(", ") }
}

fn after_colon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

const fn version_name(version: u8) -> &'static str {
    if version == 5 { "5" } else { "3.1.1" }
}
