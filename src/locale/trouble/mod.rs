//! Failures of the connection to the broker: classified here, worded per language.
//!
//! Inserted texts come from the system or the peer and are in its language.

pub(super) mod en;
pub(super) mod fr;

/// Why there is no connection to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionProblem {
    /// The password's file or variable, not the password.
    SecretUnreadable {
        /// Error of the system.
        why: String,
    },
    /// A local certificate or key file is unusable.
    TlsFileUnusable {
        /// Path of the file.
        file: String,
        /// Error of the TLS library.
        why: String,
    },
    /// A setting that the client can't use.
    Unusable {
        /// What is wrong with it.
        why: String,
    },
    /// The embedded broker has been stopped for good.
    EmbeddedStopped,

    /// The host name can't be resolved.
    UnknownHost {
        /// Host name.
        host: String,
        /// Error of the resolver.
        why: String,
    },
    /// Nothing listens at the address.
    Refused {
        /// Address and port.
        address: String,
    },
    /// No route leads to the address.
    Unreachable {
        /// Address and port.
        address: String,
        /// Error of the system.
        why: String,
    },
    /// The address does not answer.
    TimedOut {
        /// Address and port.
        address: String,
    },
    /// TLS was requested, and plain MQTT answers.
    SpeaksPlain {
        /// Address and port.
        address: String,
    },
    /// Plain MQTT was requested, and TLS answers.
    SpeaksTls {
        /// Address and port.
        address: String,
    },
    /// Something answers, but not MQTT.
    NotMqtt {
        /// Address and port.
        address: String,
    },
    /// Connections are accepted without an answer.
    Silent {
        /// Address and port.
        address: String,
    },

    /// Signed by no trusted authority.
    UnknownAuthority {
        /// Issuer of the certificate.
        issuer: String,
    },
    /// The certificate has expired.
    Expired {
        /// Name in the certificate.
        name: String,
        /// Date of expiry.
        since: String,
    },
    /// The certificate is not valid yet.
    NotYetValid {
        /// Name in the certificate.
        name: String,
        /// Start of its validity.
        from: String,
    },
    /// The certificate is for other host names.
    WrongHostName {
        /// Requested host name.
        host: String,
        /// Host names in the certificate.
        names: Vec<String>,
    },
    /// Any other verification error.
    CertificateInvalid {
        /// Error of the TLS library.
        why: String,
    },
    /// The broker requires a client certificate.
    ClientCertificateMissing,
    /// The broker refuses the client certificate.
    ClientCertificateRefused {
        /// Error of the TLS library.
        why: String,
    },
    /// The handshake failed before any certificate was looked at.
    TlsFailed {
        /// Error of the TLS library.
        why: String,
    },

    /// No credentials were given, and the broker requires some.
    CredentialsMissing,
    /// The user name or the password is wrong.
    BadCredentials,
    /// Not authorized; many brokers answer this to a wrong password too.
    NotAuthorized,
    /// The broker rejects the client id.
    ClientIdRejected {
        /// Client id.
        client_id: String,
    },
    /// Another client has connected with the client id.
    ClientIdInUse {
        /// Client id.
        client_id: String,
    },
    /// Likely another client with the client id, at a broker that closes each connection without a reason.
    ClientIdContested {
        /// Client id.
        client_id: String,
    },
    /// The broker does not support this version of MQTT.
    VersionUnsupported {
        /// Version of the protocol: 4 for MQTT 3.1.1, 5 for MQTT 5.
        version: u8,
    },
    /// Unavailable, busy or shutting down, as reported by the broker.
    Unavailable,
    /// A quota of the broker is exceeded.
    QuotaExceeded,
    /// The broker has banned the client.
    Banned,
    /// The broker redirects to another server.
    Moved,
    /// The broker refuses a subscription.
    SubscriptionRefused {
        /// Topic filter.
        filter: String,
    },
    /// Keep-alive timeout at the broker.
    KeepAlive,
    /// Another reason of MQTT 5, with the broker's text.
    OtherReason {
        /// Reason code of MQTT 5.
        code: u8,
        /// Text from the broker; may be empty.
        text: String,
    },
    /// An open connection ended without a reason.
    Closed,
    /// The broker closes the publishing connection while it is opened, beside an open one.
    EndedAtConnect,
    /// The broker closed the publishing connection while messages were in flight, beside an open one.
    EndedAtMessage {
        /// Topics of the messages.
        topics: Vec<String>,
    },
    /// A probe right after the failure found nothing wrong.
    Unexplained {
        /// How the connection failed.
        why: String,
    },
}

/// Explanation of a failure; neither text ends with a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Cause.
    pub reason: String,
    /// Remedy.
    pub advice: String,
}

impl Explanation {
    fn new(reason: String, advice: &str) -> Self {
        Self { reason, advice: advice.into() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::locale::Language;

    /// One of each; the match makes a new one a compile error until it is added.
    fn one_of_each() -> Vec<ConnectionProblem> {
        use ConnectionProblem::{
            BadCredentials, Banned, CertificateInvalid, ClientCertificateMissing,
            ClientCertificateRefused, ClientIdContested, ClientIdInUse, ClientIdRejected, Closed,
            CredentialsMissing, EmbeddedStopped, EndedAtConnect, EndedAtMessage, Expired,
            KeepAlive, Moved, NotAuthorized, NotMqtt, NotYetValid, OtherReason, QuotaExceeded,
            Refused, SecretUnreadable, Silent, SpeaksPlain, SpeaksTls, SubscriptionRefused,
            TimedOut, TlsFailed, TlsFileUnusable, Unavailable, Unexplained, UnknownAuthority,
            UnknownHost, Unreachable, Unusable, VersionUnsupported, WrongHostName,
        };
        let text = || "text".to_owned();
        let (why, address, name) = (text, text, text);
        vec![
            SecretUnreadable { why: why() },
            TlsFileUnusable { file: text(), why: why() },
            Unusable { why: why() },
            EmbeddedStopped,
            EndedAtConnect,
            EndedAtMessage { topics: vec![text()] },
            UnknownHost { host: text(), why: why() },
            Refused { address: address() },
            Unreachable { address: address(), why: why() },
            TimedOut { address: address() },
            SpeaksPlain { address: address() },
            SpeaksTls { address: address() },
            NotMqtt { address: address() },
            Silent { address: address() },
            UnknownAuthority { issuer: text() },
            Expired { name: name(), since: text() },
            NotYetValid { name: name(), from: text() },
            WrongHostName { host: text(), names: vec![text(), text()] },
            WrongHostName { host: text(), names: Vec::new() },
            CertificateInvalid { why: why() },
            ClientCertificateMissing,
            ClientCertificateRefused { why: why() },
            TlsFailed { why: why() },
            CredentialsMissing,
            BadCredentials,
            NotAuthorized,
            ClientIdRejected { client_id: text() },
            ClientIdInUse { client_id: text() },
            ClientIdContested { client_id: text() },
            VersionUnsupported { version: 5 },
            VersionUnsupported { version: 4 },
            Unavailable,
            QuotaExceeded,
            Banned,
            Moved,
            SubscriptionRefused { filter: text() },
            KeepAlive,
            OtherReason { code: 0x83, text: text() },
            OtherReason { code: 0x83, text: String::new() },
            Closed,
            Unexplained { why: why() },
        ]
    }

    #[test]
    fn each_trouble_has_words_of_its_own_in_each_language() {
        for language in [Language::English, Language::French] {
            let words = language.words();
            let mut reasons = HashSet::new();
            for trouble in one_of_each() {
                let Explanation { reason, advice } = (words.trouble)(&trouble);
                assert!(!reason.is_empty() && !advice.is_empty(), "{trouble:?}");
                assert!(!reason.ends_with('.') && !advice.ends_with('.'), "{trouble:?}");
                assert!(reasons.insert(reason.clone()), "{reason} is said twice");
            }
        }
    }
}
