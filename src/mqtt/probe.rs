//! Probe of a connection, step by step: resolve the name, connect, TLS handshake with verification, MQTT CONNECT.
//! The first failing step is the finding.
//!
//! Runs after the client has failed, with the same trust: the system's roots or the given file, and the host's name
//! verified. Sends no credentials and no client id of the daemon's, so it takes over no session. Blocks, at most
//! [`STEP`] per step except name resolution (bounded by the system): never on an arbiter.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::ssl::{
    self, HandshakeError, Ssl, SslContext, SslFiletype, SslMethod, SslStream, SslVerifyMode,
    SslVersion,
};
use openssl::x509::{X509NameRef, X509Ref, X509StoreContextRef};

use super::link::Target;
use crate::config::{ClientTls, MqttVersion};

/// The time for each step.
pub const STEP: Duration = Duration::from_secs(3);

/// Maximum delay of an alert of the peer.
const LATE_ALERT: Duration = Duration::from_millis(500);

/// The first step that failed, or how far all went well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    UnknownHost {
        why: String,
    },
    Refused {
        address: String,
    },
    Unreachable {
        address: String,
        why: String,
    },
    TimedOut {
        address: String,
    },
    /// A local file is unusable.
    FileUnusable {
        file: String,
        why: String,
    },
    Tls(TlsFault),
    /// TLS was requested, and plain MQTT answered.
    SpeaksPlain,
    /// Plain MQTT was requested, and TLS answered.
    SpeaksTls,
    NotMqtt,
    Silent,
    /// MQTT answered, with this code in its CONNACK; 0 and refusals of the nameless alike.
    Answered {
        code: u8,
    },
}

/// How a TLS handshake failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsFault {
    /// Verification failed.
    Certificate(Box<CertificateFault>),
    /// The server sent an alert; `server_known`: after it had shown a certificate that verified.
    Alert {
        number: i32,
        why: String,
        server_known: bool,
    },
    Other {
        why: String,
    },
}

/// Certificate that failed verification, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFault {
    /// OpenSSL's `X509_V_ERR_…`.
    pub code: i32,
    /// OpenSSL's text of the code.
    pub why: String,
    /// Distinguished name of the subject.
    pub subject: String,
    /// Distinguished name of the issuer.
    pub issuer: String,
    /// Host names of the certificate.
    pub names: Vec<String>,
    /// Start of validity, as OpenSSL prints it.
    pub not_before: String,
    /// End of validity, as OpenSSL prints it.
    pub not_after: String,
}

/// Performs the steps of a connection to `target`.
#[must_use]
pub fn probe(target: &Target, version: MqttVersion) -> Finding {
    let (Ok(finding) | Err(finding)) = go(target, version);
    finding
}

fn go(target: &Target, version: MqttVersion) -> Result<Finding, Finding> {
    let address = resolve(target)?;
    let stream = connect(address)?;
    let Some(tls) = &target.tls else {
        return Ok(match greet(stream, version) {
            Greeting::Connack(code) => Finding::Answered { code },
            // A TLS server may close on plain text, or send an alert: try TLS.
            _ if speaks_tls(address) => Finding::SpeaksTls,
            Greeting::Nothing => Finding::Silent,
            Greeting::Other | Greeting::Failed(_) => Finding::NotMqtt,
        });
    };
    match handshake(stream, &target.host, tls) {
        Ok(stream) => {
            let stream = no_late_alert(stream)?;
            Ok(match greet(stream, version) {
                Greeting::Connack(code) => Finding::Answered { code },
                Greeting::Nothing => Finding::Silent,
                Greeting::Other => Finding::NotMqtt,
                Greeting::Failed(error) => alert_in(&error).map_or(Finding::NotMqtt, Finding::Tls),
            })
        }
        Err(Finding::Tls(fault @ TlsFault::Other { .. })) => {
            match greet(connect(address)?, version) {
                Greeting::Connack(_) => Ok(Finding::SpeaksPlain),
                _ => Err(Finding::Tls(fault)),
            }
        }
        Err(finding) => Err(finding),
    }
}

/// Address that the client would use: the first of IPv4, or else the last.
fn resolve(target: &Target) -> Result<SocketAddr, Finding> {
    let unknown = |why: String| Finding::UnknownHost { why };
    let addresses: Vec<SocketAddr> = (target.host.as_str(), target.port)
        .to_socket_addrs()
        .map_err(|error| unknown(error.to_string()))?
        .collect();
    addresses
        .iter()
        .find(|address| address.is_ipv4())
        .or(addresses.last())
        .copied()
        .ok_or_else(|| unknown("it has no address".into()))
}

fn connect(address: SocketAddr) -> Result<TcpStream, Finding> {
    let connected = TcpStream::connect_timeout(&address, STEP).and_then(|stream| {
        stream.set_read_timeout(Some(STEP))?;
        stream.set_write_timeout(Some(STEP))?;
        Ok(stream)
    });
    connected.map_err(|error| {
        let address = address.to_string();
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Finding::Refused { address },
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Finding::TimedOut { address },
            _ => Finding::Unreachable { address, why: error.to_string() },
        }
    })
}

fn handshake(
    stream: TcpStream,
    host: &str,
    tls: &ClientTls,
) -> Result<SslStream<TcpStream>, Finding> {
    let other = |why: String| Finding::Tls(TlsFault::Other { why });
    let context = context(tls)?;
    let fault: Arc<Mutex<Option<Box<CertificateFault>>>> = Arc::default();
    let ssl = session(&context, host, tls, &fault).map_err(|error| other(error.to_string()))?;
    ssl.connect(stream).map_err(|error| {
        let seen = fault.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (seen, error) {
            (Some(fault), _) => Finding::Tls(TlsFault::Certificate(fault)),
            (None, HandshakeError::Failure(half)) => {
                let server_known = half.ssl().peer_certificate().is_some();
                let fault = alert_of(half.error(), server_known);
                Finding::Tls(
                    fault.unwrap_or_else(|| TlsFault::Other { why: half.error().to_string() }),
                )
            }
            (None, HandshakeError::WouldBlock(_)) => {
                other("the server does not answer in time".into())
            }
            (None, HandshakeError::SetupFailure(error)) => other(error.to_string()),
        }
    })
}

/// A TLS 1.3 server checks the client's certificate after the handshake is complete for the client, and closes
/// after its alert. A client that writes first may find the connection closed and miss the alert.
fn no_late_alert(mut stream: SslStream<TcpStream>) -> Result<SslStream<TcpStream>, Finding> {
    let listened = stream.get_ref().set_read_timeout(Some(LATE_ALERT)).is_ok();
    // An MQTT client sends first, so whatever arrives now is an alert.
    let alert = match stream.ssl_peek(&mut [0]) {
        Err(error) if listened => alert_of(&error, true),
        _ => None,
    };
    let _next_step_fails_too = stream.get_ref().set_read_timeout(Some(STEP));
    alert.map_or(Ok(stream), |fault| Err(Finding::Tls(fault)))
}

fn context(tls: &ClientTls) -> Result<SslContext, Finding> {
    let setup = |error: ErrorStack| Finding::Tls(TlsFault::Other { why: error.to_string() });
    let mut context = SslContext::builder(SslMethod::tls_client()).map_err(setup)?;
    context.set_min_proto_version(Some(SslVersion::TLS1_2)).map_err(setup)?;
    match &tls.ca_file {
        Some(file) => usable(file, context.set_ca_file(file))?,
        None => context.set_default_verify_paths().map_err(setup)?,
    }
    if let Some((cert, key)) = &tls.client_cert {
        usable(cert, context.set_certificate_chain_file(cert))?;
        usable(key, context.set_private_key_file(key, SslFiletype::PEM))?;
    }
    Ok(context.build())
}

/// Whether a file of ours did its part: the system's reason if it can't be read, else OpenSSL's.
fn usable(file: &Path, result: Result<(), ErrorStack>) -> Result<(), Finding> {
    result.map_err(|error| Finding::FileUnusable {
        file: file.display().to_string(),
        why: match std::fs::read(file) {
            Err(unreadable) => unreadable.to_string(),
            Ok(_) => first_reason(&error).unwrap_or("not what it should be").to_owned(),
        },
    })
}

fn first_reason(errors: &ErrorStack) -> Option<&'static str> {
    errors.errors().iter().find_map(openssl::error::Error::reason)
}

fn session(
    context: &SslContext,
    host: &str,
    tls: &ClientTls,
    fault: &Arc<Mutex<Option<Box<CertificateFault>>>>,
) -> Result<Ssl, ErrorStack> {
    let mut ssl = Ssl::new(context)?;
    match host.parse::<IpAddr>() {
        Ok(address) => ssl.param_mut().set_ip(address)?,
        Err(_) => {
            ssl.set_hostname(host)?;
            ssl.param_mut().set_host(host)?;
        }
    }
    if tls.insecure_skip_verify {
        ssl.set_verify(SslVerifyMode::NONE);
    } else {
        let fault = fault.clone();
        ssl.set_verify_callback(SslVerifyMode::PEER, move |good, store| {
            if !good {
                let mut seen = fault.lock().unwrap_or_else(PoisonError::into_inner);
                seen.get_or_insert_with(|| Box::new(certificate_fault(store)));
            }
            good
        });
    }
    Ok(ssl)
}

fn certificate_fault(store: &X509StoreContextRef) -> CertificateFault {
    let certificate = store.current_cert();
    let text = |read: fn(&X509Ref) -> String| certificate.map(read).unwrap_or_default();
    CertificateFault {
        code: store.error().as_raw(),
        why: store.error().error_string().to_owned(),
        subject: text(|certificate| name_text(certificate.subject_name())),
        issuer: text(|certificate| name_text(certificate.issuer_name())),
        names: certificate.map(names).unwrap_or_default(),
        not_before: text(|certificate| certificate.not_before().to_string()),
        not_after: text(|certificate| certificate.not_after().to_string()),
    }
}

/// `CN=own CA, O=Example`.
fn name_text(name: &X509NameRef) -> String {
    let entries = name.entries().filter_map(|entry| {
        let key = entry.object().nid().short_name().ok()?;
        Some(format!("{key}={}", entry.data().to_string().ok()?))
    });
    let text = entries.collect::<Vec<_>>().join(", ");
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The hosts a certificate is for: its alternative names, or else its common name.
fn names(certificate: &X509Ref) -> Vec<String> {
    let printable = |name: &str| name.chars().filter(|c| !c.is_control()).take(100).collect();
    let mut names: Vec<String> = Vec::new();
    for name in certificate.subject_alt_names().into_iter().flatten().take(10) {
        if let Some(name) = name.dnsname() {
            names.push(printable(name));
        }
        match name.ipaddress() {
            Some(&[a, b, c, d]) => names.push(IpAddr::from([a, b, c, d]).to_string()),
            Some(bytes) => {
                names.extend(<[u8; 16]>::try_from(bytes).map(|ip| IpAddr::from(ip).to_string()));
            }
            None => {}
        }
    }
    if names.is_empty() {
        let common = certificate.subject_name().entries_by_nid(openssl::nid::Nid::COMMONNAME);
        names.extend(common.filter_map(|entry| Some(printable(&entry.data().to_string().ok()?))));
    }
    names
}

/// Alert in a TLS error, if any.
fn alert_of(error: &ssl::Error, server_known: bool) -> Option<TlsFault> {
    /// OpenSSL encodes a received alert as its number plus this.
    const ALERTS: i32 = 1000;
    let errors = error.ssl_error()?.errors();
    let alert =
        errors.iter().find(|error| (ALERTS..ALERTS + 256).contains(&error.reason_code()))?;
    Some(TlsFault::Alert {
        number: alert.reason_code() - ALERTS,
        why: alert.reason().unwrap_or("an alert").to_owned(),
        server_known,
    })
}

/// Alert in the I/O error of a read from a TLS stream.
fn alert_in(error: &io::Error) -> Option<TlsFault> {
    let inner: &(dyn Error + 'static) = error.get_ref()?;
    alert_of(inner.downcast_ref()?, true)
}

/// Whether a TLS handshake without verification gets anywhere.
fn speaks_tls(address: SocketAddr) -> bool {
    let Ok(stream) = connect(address) else { return false };
    let anything = ClientTls { insecure_skip_verify: true, ..ClientTls::default() };
    match handshake(stream, &address.ip().to_string(), &anything) {
        Ok(_) => true,
        // An alert in answer to a handshake: the server understands handshakes.
        Err(finding) => matches!(finding, Finding::Tls(TlsFault::Alert { .. })),
    }
}

/// Answer to a CONNECT.
enum Greeting {
    Connack(u8),
    /// Something else than MQTT, or the end.
    Other,
    /// Nothing, for as long as one waits.
    Nothing,
    Failed(io::Error),
}

/// Sends CONNECT without credentials and without a client id, which the broker then assigns.
fn greet(mut stream: impl Read + Write, version: MqttVersion) -> Greeting {
    let hello: &[u8] = match version {
        // Protocol name and level, clean start, keep-alive 10 s, no properties, no client id.
        MqttVersion::V5 => b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x00",
        MqttVersion::V3_1_1 => b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00",
    };
    let mut answer = [0; 4];
    let heard = stream
        .write_all(hello)
        .and_then(|()| stream.flush())
        .and_then(|()| stream.read_exact(&mut answer));
    match heard {
        Ok(()) => match answer {
            // CONNACK: type, length, flags, code.
            [0x20, _, _, code] => Greeting::Connack(code),
            _ => Greeting::Other,
        },
        Err(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe => Greeting::Other,
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Greeting::Nothing,
            _ => Greeting::Failed(error),
        },
    }
}
