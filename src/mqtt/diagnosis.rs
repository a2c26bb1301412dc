//! Diagnosis of a failed connection: from the client's error and a probe's finding to one cause that a person can
//! act on.
//!
//! The client's error distinguishes a refusal by the broker, but not a closed port from a wrong certificate. The
//! probe repeats the steps of a connection and finds the first that fails. Pure.

use super::link::{Outcome, Plan};
use super::probe::{CertificateFault, Finding, TlsFault};
use crate::config::MqttVersion;
use crate::locale::ConnectionProblem;

/// True if a probe can find more than the client's error says.
#[must_use]
pub const fn wants_probe(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Transport(_) | Outcome::TimedOut)
}

/// Cause of a failed attempt. `finding` is the probe's, if one was made.
#[must_use]
pub fn diagnose(outcome: Outcome, finding: Option<Finding>, plan: &Plan) -> ConnectionProblem {
    match outcome {
        Outcome::Reason { code, text } => by_reason(code, text, plan),
        Outcome::Return(code) => by_return(code, plan),
        Outcome::SubscriptionRefused { filter } => {
            ConnectionProblem::SubscriptionRefused { filter }
        }
        Outcome::Unusable(why) => ConnectionProblem::Unusable { why },
        Outcome::Closed => ConnectionProblem::Closed,
        Outcome::TimedOut => match finding {
            Some(finding) => by_finding(finding, "no answer in time".into(), plan),
            None => ConnectionProblem::TimedOut { address: plan.target.authority() },
        },
        Outcome::Transport(why) => match finding {
            Some(finding) => by_finding(finding, why, plan),
            None => ConnectionProblem::Unexplained { why },
        },
    }
}

/// MQTT 5, 2.4.
fn by_reason(code: u8, text: String, plan: &Plan) -> ConnectionProblem {
    match code {
        0x84 => unsupported(plan),
        0x85 => ConnectionProblem::ClientIdRejected { client_id: plan.client_id.clone() },
        0x86 | 0x87 | 0x8C if plan.credentials.is_none() => ConnectionProblem::CredentialsMissing,
        0x86 => ConnectionProblem::BadCredentials,
        0x87 => ConnectionProblem::NotAuthorized,
        0x88 | 0x89 | 0x8B => ConnectionProblem::Unavailable,
        0x8A => ConnectionProblem::Banned,
        0x8D => ConnectionProblem::KeepAlive,
        0x8E => ConnectionProblem::ClientIdInUse { client_id: plan.client_id.clone() },
        0x96 | 0x97 | 0x9F => ConnectionProblem::QuotaExceeded,
        0x9C | 0x9D => ConnectionProblem::Moved,
        _ => ConnectionProblem::OtherReason { code, text },
    }
}

/// MQTT 3.1.1, 3.2.2.3.
fn by_return(code: u8, plan: &Plan) -> ConnectionProblem {
    match code {
        1 => unsupported(plan),
        2 => ConnectionProblem::ClientIdRejected { client_id: plan.client_id.clone() },
        3 => ConnectionProblem::Unavailable,
        4 | 5 if plan.credentials.is_none() => ConnectionProblem::CredentialsMissing,
        4 => ConnectionProblem::BadCredentials,
        5 => ConnectionProblem::NotAuthorized,
        code => ConnectionProblem::OtherReason { code, text: String::new() },
    }
}

fn by_finding(finding: Finding, why: String, plan: &Plan) -> ConnectionProblem {
    let address = plan.target.authority();
    match finding {
        Finding::UnknownHost { why } => {
            ConnectionProblem::UnknownHost { host: plan.target.host.clone(), why }
        }
        Finding::Refused { address } => ConnectionProblem::Refused { address },
        Finding::Unreachable { address, why } => ConnectionProblem::Unreachable { address, why },
        Finding::TimedOut { address } => ConnectionProblem::TimedOut { address },
        Finding::FileUnusable { file, why } => ConnectionProblem::TlsFileUnusable { file, why },
        Finding::Tls(fault) => by_tls(fault, plan),
        Finding::SpeaksPlain => ConnectionProblem::SpeaksPlain { address },
        Finding::SpeaksTls => ConnectionProblem::SpeaksTls { address },
        Finding::NotMqtt => ConnectionProblem::NotMqtt { address },
        Finding::Silent => ConnectionProblem::Silent { address },
        // The probe sends no credentials, so only this answer of the broker is significant.
        Finding::Answered { code: 1 | 0x84 } => unsupported(plan),
        Finding::Answered { .. } => ConnectionProblem::Unexplained { why },
    }
}

fn by_tls(fault: TlsFault, plan: &Plan) -> ConnectionProblem {
    let has_certificate = plan.target.tls.as_ref().is_some_and(|tls| tls.client_cert.is_some());
    match fault {
        TlsFault::Certificate(fault) => by_certificate(*fault, &plan.target.host),
        TlsFault::Alert { number, why, server_known } => match number {
            ALERT_CERTIFICATE_REQUIRED => ConnectionProblem::ClientCertificateMissing,
            // TLS 1.2 has no alert for a missing client certificate. After the server's certificate the ciphers are
            // agreed, and little else can fail.
            ALERT_HANDSHAKE_FAILURE if server_known && !has_certificate => {
                ConnectionProblem::ClientCertificateMissing
            }
            ALERT_BAD_CERTIFICATE..=ALERT_UNKNOWN_AUTHORITY if has_certificate => {
                ConnectionProblem::ClientCertificateRefused { why }
            }
            _ => ConnectionProblem::TlsFailed { why },
        },
        TlsFault::Other { why } => ConnectionProblem::TlsFailed { why },
    }
}

/// TLS alerts, RFC 8446, 6.
const ALERT_HANDSHAKE_FAILURE: i32 = 40;
const ALERT_BAD_CERTIFICATE: i32 = 42;
const ALERT_UNKNOWN_AUTHORITY: i32 = 48;
const ALERT_CERTIFICATE_REQUIRED: i32 = 116;

fn by_certificate(fault: CertificateFault, host: &str) -> ConnectionProblem {
    let name = fault.names.first().cloned().unwrap_or_else(|| fault.subject.clone());
    match fault.code {
        NOT_YET_VALID => ConnectionProblem::NotYetValid { name, from: fault.not_before },
        EXPIRED => ConnectionProblem::Expired { name, since: fault.not_after },
        NO_ISSUER | SELF_SIGNED | SELF_SIGNED_IN_CHAIN | NO_LOCAL_ISSUER | NO_FIRST_SIGNATURE => {
            ConnectionProblem::UnknownAuthority { issuer: fault.issuer }
        }
        WRONG_HOST | WRONG_ADDRESS => {
            ConnectionProblem::WrongHostName { host: host.to_owned(), names: fault.names }
        }
        _ => ConnectionProblem::CertificateInvalid { why: fault.why },
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

const fn unsupported(plan: &Plan) -> ConnectionProblem {
    ConnectionProblem::VersionUnsupported {
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
    fn is(outcome: Outcome, finding: Option<Finding>, expected: ConnectionProblem) {
        assert_eq!(diagnose(outcome, finding, &plan(true, false)), expected);
    }

    #[test]
    fn the_brokers_own_word_needs_no_probe() {
        let client_id = || "vigie".to_owned();
        is(reason(0x86), None, ConnectionProblem::BadCredentials);
        is(reason(0x87), None, ConnectionProblem::NotAuthorized);
        is(Outcome::Return(4), None, ConnectionProblem::BadCredentials);
        is(Outcome::Return(5), None, ConnectionProblem::NotAuthorized);
        is(reason(0x84), None, ConnectionProblem::VersionUnsupported { version: 5 });
        is(Outcome::Return(1), None, ConnectionProblem::VersionUnsupported { version: 5 });
        is(reason(0x85), None, ConnectionProblem::ClientIdRejected { client_id: client_id() });
        is(
            Outcome::Return(2),
            None,
            ConnectionProblem::ClientIdRejected { client_id: client_id() },
        );
        is(reason(0x8E), None, ConnectionProblem::ClientIdInUse { client_id: client_id() });
        is(reason(0x88), None, ConnectionProblem::Unavailable);
        is(reason(0x8B), None, ConnectionProblem::Unavailable);
        is(Outcome::Return(3), None, ConnectionProblem::Unavailable);
        is(reason(0x97), None, ConnectionProblem::QuotaExceeded);
        is(reason(0x8D), None, ConnectionProblem::KeepAlive);
        is(reason(0x8A), None, ConnectionProblem::Banned);
        is(reason(0x9D), None, ConnectionProblem::Moved);
        is(reason(0x83), None, ConnectionProblem::OtherReason { code: 0x83, text: String::new() });
        is(Outcome::Closed, None, ConnectionProblem::Closed);
        for outcome in [reason(0x87), Outcome::Return(5), Outcome::Return(4)] {
            let trouble = diagnose(outcome, None, &plan(false, false));
            assert_eq!(trouble, ConnectionProblem::CredentialsMissing);
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
                ConnectionProblem::UnknownHost { host: "broker.example".into(), why: why() },
            ),
            (
                Finding::Refused { address: address() },
                ConnectionProblem::Refused { address: address() },
            ),
            (Finding::SpeaksPlain, ConnectionProblem::SpeaksPlain { address: address() }),
            (Finding::SpeaksTls, ConnectionProblem::SpeaksTls { address: address() }),
            (Finding::Answered { code: 1 }, ConnectionProblem::VersionUnsupported { version: 5 }),
            (
                Finding::Tls(TlsFault::Other { why: why() }),
                ConnectionProblem::TlsFailed { why: why() },
            ),
        ] {
            is(vague(), Some(finding), trouble);
        }
        is(
            vague(),
            Some(Finding::Answered { code: 0x87 }),
            ConnectionProblem::Unexplained { why: "TCP/TLS connect failure".into() },
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
            let trouble = ConnectionProblem::UnknownAuthority { issuer: "CN = own CA".into() };
            is(vague(), Some(certificate(code)), trouble);
        }
        let expired = ConnectionProblem::Expired { name: name(), since: "until".into() };
        is(vague(), Some(certificate(10)), expired);
        let early = ConnectionProblem::NotYetValid { name: name(), from: "from".into() };
        is(vague(), Some(certificate(9)), early);
        for code in [62, 64] {
            let host = "broker.example".to_owned();
            let trouble = ConnectionProblem::WrongHostName { host, names: vec![name()] };
            is(vague(), Some(certificate(code)), trouble);
        }
        let revoked = ConnectionProblem::CertificateInvalid { why: "why".into() };
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
        let refused = ConnectionProblem::ClientCertificateRefused { why: "why".into() };
        let failed = ConnectionProblem::TlsFailed { why: "why".into() };
        assert_eq!(diagnosis(alert(116, true), false), ConnectionProblem::ClientCertificateMissing);
        assert_eq!(diagnosis(alert(40, true), false), ConnectionProblem::ClientCertificateMissing);
        assert_eq!(diagnosis(alert(40, false), false), failed);
        assert_eq!(diagnosis(alert(48, true), true), refused);
        assert_eq!(diagnosis(alert(45, true), true), refused);
        assert_eq!(diagnosis(alert(48, true), false), failed);
    }
}
