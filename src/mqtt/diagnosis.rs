//! Diagnosis of a failed connection: from the client's error and a probe's finding to one cause that a person can
//! act on.
//!
//! The client's error distinguishes a refusal by the broker, but not a closed port from a wrong certificate. The
//! probe repeats the steps of a connection and finds the first that fails. Pure.

use super::link::{Outcome, Plan};
use super::probe::{CertificateFault, Finding, TlsFault};
use crate::config::MqttVersion;
use crate::locale::Trouble;

/// True if a probe can find more than the client's error says.
#[must_use]
pub const fn wants_probe(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Transport(_) | Outcome::TimedOut)
}

/// Cause of a failed attempt. `finding` is the probe's, if one was made.
#[must_use]
pub fn diagnose(outcome: Outcome, finding: Option<Finding>, plan: &Plan) -> Trouble {
    match outcome {
        Outcome::Reason { code, text } => by_reason(code, text, plan),
        Outcome::Return(code) => by_return(code, plan),
        Outcome::SubscriptionRefused { filter } => Trouble::SubscriptionRefused { filter },
        Outcome::Unusable(why) => Trouble::Unusable { why },
        Outcome::Closed => Trouble::Closed,
        Outcome::TimedOut => match finding {
            Some(finding) => by_finding(finding, "no answer in time".into(), plan),
            None => Trouble::TimedOut { address: plan.target.authority() },
        },
        Outcome::Transport(why) => match finding {
            Some(finding) => by_finding(finding, why, plan),
            None => Trouble::Unexplained { why },
        },
    }
}

/// MQTT 5, 2.4.
fn by_reason(code: u8, text: String, plan: &Plan) -> Trouble {
    match code {
        0x84 => unsupported(plan),
        0x85 => Trouble::ClientIdRejected { client_id: plan.client_id.clone() },
        0x86 | 0x87 | 0x8C if plan.credentials.is_none() => Trouble::CredentialsMissing,
        0x86 => Trouble::BadCredentials,
        0x87 => Trouble::NotAuthorized,
        0x88 | 0x89 | 0x8B => Trouble::Unavailable,
        0x8A => Trouble::Banned,
        0x8D => Trouble::KeepAlive,
        0x8E => Trouble::ClientIdInUse { client_id: plan.client_id.clone() },
        0x96 | 0x97 | 0x9F => Trouble::QuotaExceeded,
        0x9C | 0x9D => Trouble::Moved,
        _ => Trouble::OtherReason { code, text },
    }
}

/// MQTT 3.1.1, 3.2.2.3.
fn by_return(code: u8, plan: &Plan) -> Trouble {
    match code {
        1 => unsupported(plan),
        2 => Trouble::ClientIdRejected { client_id: plan.client_id.clone() },
        3 => Trouble::Unavailable,
        4 | 5 if plan.credentials.is_none() => Trouble::CredentialsMissing,
        4 => Trouble::BadCredentials,
        5 => Trouble::NotAuthorized,
        code => Trouble::OtherReason { code, text: String::new() },
    }
}

fn by_finding(finding: Finding, why: String, plan: &Plan) -> Trouble {
    let address = plan.target.authority();
    match finding {
        Finding::UnknownHost { why } => {
            Trouble::UnknownHost { host: plan.target.host.clone(), why }
        }
        Finding::Refused { address } => Trouble::Refused { address },
        Finding::Unreachable { address, why } => Trouble::Unreachable { address, why },
        Finding::TimedOut { address } => Trouble::TimedOut { address },
        Finding::FileUnusable { file, why } => Trouble::TlsFileUnusable { file, why },
        Finding::Tls(fault) => by_tls(fault, plan),
        Finding::SpeaksPlain => Trouble::SpeaksPlain { address },
        Finding::SpeaksTls => Trouble::SpeaksTls { address },
        Finding::NotMqtt => Trouble::NotMqtt { address },
        Finding::Silent => Trouble::Silent { address },
        // The probe sends no credentials, so only this answer of the broker is significant.
        Finding::Answered { code: 1 | 0x84 } => unsupported(plan),
        Finding::Answered { .. } => Trouble::Unexplained { why },
    }
}

fn by_tls(fault: TlsFault, plan: &Plan) -> Trouble {
    let has_certificate = plan.target.tls.as_ref().is_some_and(|tls| tls.client_cert.is_some());
    match fault {
        TlsFault::Certificate(fault) => by_certificate(*fault, &plan.target.host),
        TlsFault::Alert { number, why, server_known } => match number {
            ALERT_CERTIFICATE_REQUIRED => Trouble::ClientCertificateMissing,
            // TLS 1.2 has no alert for a missing client certificate. After the server's certificate the ciphers are
            // agreed, and little else can fail.
            ALERT_HANDSHAKE_FAILURE if server_known && !has_certificate => {
                Trouble::ClientCertificateMissing
            }
            ALERT_BAD_CERTIFICATE..=ALERT_UNKNOWN_AUTHORITY if has_certificate => {
                Trouble::ClientCertificateRefused { why }
            }
            _ => Trouble::TlsFailed { why },
        },
        TlsFault::Other { why } => Trouble::TlsFailed { why },
    }
}

/// TLS alerts, RFC 8446, 6.
const ALERT_HANDSHAKE_FAILURE: i32 = 40;
const ALERT_BAD_CERTIFICATE: i32 = 42;
const ALERT_UNKNOWN_AUTHORITY: i32 = 48;
const ALERT_CERTIFICATE_REQUIRED: i32 = 116;

fn by_certificate(fault: CertificateFault, host: &str) -> Trouble {
    let name = fault.names.first().cloned().unwrap_or_else(|| fault.subject.clone());
    match fault.code {
        NOT_YET_VALID => Trouble::NotYetValid { name, from: fault.not_before },
        EXPIRED => Trouble::Expired { name, since: fault.not_after },
        NO_ISSUER | SELF_SIGNED | SELF_SIGNED_IN_CHAIN | NO_LOCAL_ISSUER | NO_FIRST_SIGNATURE => {
            Trouble::UnknownAuthority { issuer: fault.issuer }
        }
        WRONG_HOST | WRONG_ADDRESS => {
            Trouble::WrongHostName { host: host.to_owned(), names: fault.names }
        }
        _ => Trouble::CertificateInvalid { why: fault.why },
    }
}

/// Verification results of OpenSSL's `x509_vfy.h`.
const NO_ISSUER: i32 = 2;
const NOT_YET_VALID: i32 = 9;
const EXPIRED: i32 = 10;
const SELF_SIGNED: i32 = 18;
const SELF_SIGNED_IN_CHAIN: i32 = 19;
const NO_LOCAL_ISSUER: i32 = 20;
const NO_FIRST_SIGNATURE: i32 = 21;
const WRONG_HOST: i32 = 62;
const WRONG_ADDRESS: i32 = 64;

const fn unsupported(plan: &Plan) -> Trouble {
    Trouble::VersionUnsupported {
        version: match plan.version {
            MqttVersion::V5 => 5,
            MqttVersion::V3_1_1 => 4,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{ClientTls, Secret};
    use crate::mqtt::link::{Role, Target};

    fn plan(with_credentials: bool, client_cert: bool) -> Plan {
        Plan {
            role: Role::Intake,
            birth: None,
            status_echo: None,
            target: Target {
                host: "broker.example".into(),
                port: 8883,
                tls: Some(ClientTls {
                    client_cert: client_cert.then(|| ("cert".into(), "key".into())),
                    ..ClientTls::default()
                }),
            },
            version: MqttVersion::V5,
            client_id: "vigie".into(),
            credentials: with_credentials.then(|| ("u".into(), Secret::new("p".into()))),
            keep_alive: Duration::from_secs(60),
            forward_mark: None,
            filters: Vec::new(),
            wants_retained: true,
            will: None,
        }
    }

    fn reason(code: u8) -> Outcome {
        Outcome::Reason { code, text: String::new() }
    }

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "each case is written where it is used")]
    fn is(outcome: Outcome, finding: Option<Finding>, expected: Trouble) {
        assert_eq!(diagnose(outcome, finding, &plan(true, false)), expected);
    }

    #[test]
    fn the_brokers_own_word_needs_no_probe() {
        let client_id = || "vigie".to_owned();
        is(reason(0x86), None, Trouble::BadCredentials);
        is(reason(0x87), None, Trouble::NotAuthorized);
        is(Outcome::Return(4), None, Trouble::BadCredentials);
        is(Outcome::Return(5), None, Trouble::NotAuthorized);
        is(reason(0x84), None, Trouble::VersionUnsupported { version: 5 });
        is(Outcome::Return(1), None, Trouble::VersionUnsupported { version: 5 });
        is(reason(0x85), None, Trouble::ClientIdRejected { client_id: client_id() });
        is(Outcome::Return(2), None, Trouble::ClientIdRejected { client_id: client_id() });
        is(reason(0x8E), None, Trouble::ClientIdInUse { client_id: client_id() });
        is(reason(0x88), None, Trouble::Unavailable);
        is(reason(0x8B), None, Trouble::Unavailable);
        is(Outcome::Return(3), None, Trouble::Unavailable);
        is(reason(0x97), None, Trouble::QuotaExceeded);
        is(reason(0x8D), None, Trouble::KeepAlive);
        is(reason(0x8A), None, Trouble::Banned);
        is(reason(0x9D), None, Trouble::Moved);
        is(reason(0x83), None, Trouble::OtherReason { code: 0x83, text: String::new() });
        is(Outcome::Closed, None, Trouble::Closed);
        for outcome in [reason(0x87), Outcome::Return(5), Outcome::Return(4)] {
            let trouble = diagnose(outcome, None, &plan(false, false));
            assert_eq!(trouble, Trouble::CredentialsMissing);
        }
    }

    #[test]
    fn where_the_client_is_vague_the_probe_decides() {
        let vague = || Outcome::Transport("TCP/TLS connect failure".into());
        assert!(wants_probe(&vague()) && wants_probe(&Outcome::TimedOut));
        assert!(!wants_probe(&reason(0x87)) && !wants_probe(&Outcome::Closed));
        let address = || "broker.example:8883".to_owned();
        let why = || "why".to_owned();
        for (finding, trouble) in [
            (
                Finding::UnknownHost { why: why() },
                Trouble::UnknownHost { host: "broker.example".into(), why: why() },
            ),
            (Finding::Refused { address: address() }, Trouble::Refused { address: address() }),
            (Finding::SpeaksPlain, Trouble::SpeaksPlain { address: address() }),
            (Finding::SpeaksTls, Trouble::SpeaksTls { address: address() }),
            (Finding::Answered { code: 1 }, Trouble::VersionUnsupported { version: 5 }),
            (Finding::Tls(TlsFault::Other { why: why() }), Trouble::TlsFailed { why: why() }),
        ] {
            is(vague(), Some(finding), trouble);
        }
        is(
            vague(),
            Some(Finding::Answered { code: 0x87 }),
            Trouble::Unexplained { why: "TCP/TLS connect failure".into() },
        );
    }

    fn certificate(code: i32) -> Finding {
        Finding::Tls(TlsFault::Certificate(Box::new(CertificateFault {
            code,
            why: "why".into(),
            subject: "CN = other".into(),
            issuer: "CN = own CA".into(),
            names: vec!["other.example".into()],
            not_before: "from".into(),
            not_after: "until".into(),
        })))
    }

    #[test]
    fn certificates_fail_each_in_its_way() {
        let vague = || Outcome::Transport(String::new());
        let name = || "other.example".to_owned();
        for code in [2, 18, 19, 20, 21] {
            let trouble = Trouble::UnknownAuthority { issuer: "CN = own CA".into() };
            is(vague(), Some(certificate(code)), trouble);
        }
        let expired = Trouble::Expired { name: name(), since: "until".into() };
        is(vague(), Some(certificate(10)), expired);
        let early = Trouble::NotYetValid { name: name(), from: "from".into() };
        is(vague(), Some(certificate(9)), early);
        for code in [62, 64] {
            let host = "broker.example".to_owned();
            let trouble = Trouble::WrongHostName { host, names: vec![name()] };
            is(vague(), Some(certificate(code)), trouble);
        }
        let revoked = Trouble::CertificateInvalid { why: "why".into() };
        is(vague(), Some(certificate(23)), revoked);
    }

    #[test]
    fn client_certificates_are_missing_or_refused() {
        let alert = |number, server_known| {
            Some(Finding::Tls(TlsFault::Alert { number, why: "why".into(), server_known }))
        };
        let diagnosis = |finding, client_cert| {
            diagnose(Outcome::Transport(String::new()), finding, &plan(true, client_cert))
        };
        let refused = Trouble::ClientCertificateRefused { why: "why".into() };
        let failed = Trouble::TlsFailed { why: "why".into() };
        assert_eq!(diagnosis(alert(116, true), false), Trouble::ClientCertificateMissing);
        assert_eq!(diagnosis(alert(40, true), false), Trouble::ClientCertificateMissing);
        assert_eq!(diagnosis(alert(40, false), false), failed);
        assert_eq!(diagnosis(alert(48, true), true), refused);
        assert_eq!(diagnosis(alert(45, true), true), refused);
        assert_eq!(diagnosis(alert(48, true), false), failed);
    }
}
