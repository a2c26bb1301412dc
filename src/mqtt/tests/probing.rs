//! The probe against servers that fail, each in its way.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

use openssl::ssl::{SslAcceptor, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::store::X509StoreBuilder;

use super::authority::{Authority, Issued};
use super::peer::free_port;
use crate::config::{ClientTls, MqttVersion};
use crate::mqtt::link::Target;
use crate::mqtt::probe::{Finding, TlsFault, probe};

/// Serves each connection on a thread of its own.
fn serve(each: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            each(stream);
        }
    });
    port
}

/// Answers the first thing said with a CONNACK.
fn connack(mut stream: impl Read + Write, code: u8) {
    let mut hello = [0; 64];
    if matches!(stream.read(&mut hello), Ok(1..)) && hello[0] == 0x10 {
        let _ = stream.write_all(&[0x20, 3, 0, code, 0]);
        let _ = stream.read(&mut hello);
    }
}

/// An MQTT server over TLS, and whether and of whom it wants a client certificate.
fn serve_tls(issued: &Issued, clients: Option<&Authority>, newest: SslVersion) -> u16 {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    acceptor.set_max_proto_version(Some(newest)).unwrap();
    acceptor.set_certificate(&issued.cert).unwrap();
    acceptor.set_private_key(&issued.key).unwrap();
    if let Some(authority) = clients {
        let mut store = X509StoreBuilder::new().unwrap();
        store.add_cert(authority.cert.clone()).unwrap();
        acceptor.set_cert_store(store.build());
        acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    }
    let acceptor = acceptor.build();
    serve(move |stream| {
        if let Ok(stream) = acceptor.accept(stream) {
            connack(stream, 0);
        }
    })
}

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn trust(&self, authority: &Authority) -> ClientTls {
        ClientTls { ca_file: Some(self.put("ca.pem", &authority.pem())), ..ClientTls::default() }
    }
}

fn find(port: u16, tls: Option<ClientTls>) -> Finding {
    probe(&Target { host: "127.0.0.1".into(), port, tls }, MqttVersion::V5)
}

const NEWEST: SslVersion = SslVersion::TLS1_3;

#[test]
fn a_good_server_passes_every_step() {
    let (authority, files) = (Authority::new("own CA"), Files::new());
    let port = serve_tls(&authority.issue("127.0.0.1"), None, NEWEST);
    assert_eq!(find(port, Some(files.trust(&authority))), Finding::Answered { code: 0 });
    let plain = serve(|stream| connack(stream, 0x84));
    assert_eq!(find(plain, None), Finding::Answered { code: 0x84 });
}

#[test]
fn hosts_and_ports_fail_by_themselves() {
    let address = |port| format!("127.0.0.1:{port}");
    let closed = free_port();
    assert_eq!(find(closed, None), Finding::Refused { address: address(closed) });
    let target = Target { host: "no-such-host.invalid".into(), port: 1883, tls: None };
    assert!(matches!(probe(&target, MqttVersion::V5), Finding::UnknownHost { .. }));
    let silent = serve(std::mem::forget);
    assert_eq!(find(silent, None), Finding::Silent);
    let web = serve(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = stream.read(&mut [0; 64]);
    });
    assert_eq!(find(web, None), Finding::NotMqtt);
}

#[test]
fn tls_and_plain_are_told_apart() {
    let (authority, files) = (Authority::new("own CA"), Files::new());
    let tls = serve_tls(&authority.issue("127.0.0.1"), None, NEWEST);
    assert_eq!(find(tls, None), Finding::SpeaksTls);
    let plain = serve(|stream| connack(stream, 0x87));
    assert_eq!(find(plain, Some(files.trust(&authority))), Finding::SpeaksPlain);
}

#[track_caller]
fn certificate_fault(finding: Finding) -> (i32, Vec<String>, String) {
    match finding {
        Finding::Tls(TlsFault::Certificate(fault)) => (fault.code, fault.names, fault.issuer),
        other => panic!("{other:?}"),
    }
}

#[test]
fn certificates_fail_by_authority_date_and_name() {
    let (authority, other, files) =
        (Authority::new("own CA"), Authority::new("other"), Files::new());
    let trust = || Some(files.trust(&authority));
    let day = 86_400;

    let port = serve_tls(&other.issue("127.0.0.1"), None, NEWEST);
    let (code, _, issuer) = certificate_fault(find(port, trust()));
    assert_eq!((code, issuer.as_str()), (20, "CN=other"));
    let (code, ..) = certificate_fault(find(port, Some(ClientTls::default())));
    assert_eq!(code, 20, "nor do the system's roots know it");

    let port = serve_tls(&authority.issue_for("127.0.0.1", -2 * day, -day), None, NEWEST);
    assert_eq!(certificate_fault(find(port, trust())).0, 10);
    let port = serve_tls(&authority.issue_for("127.0.0.1", day, 2 * day), None, NEWEST);
    assert_eq!(certificate_fault(find(port, trust())).0, 9);

    let port = serve_tls(&authority.issue("broker.example"), None, NEWEST);
    let (code, names, _) = certificate_fault(find(port, trust()));
    assert_eq!((code, names), (64, vec!["broker.example".to_owned()]));
    let target = Target { host: "localhost".into(), port, tls: trust() };
    let (code, ..) = certificate_fault(probe(&target, MqttVersion::V5));
    assert_eq!(code, 62);

    let skip = ClientTls { insecure_skip_verify: true, ..ClientTls::default() };
    assert_eq!(find(port, Some(skip)), Finding::Answered { code: 0 });
}

#[track_caller]
fn alert(finding: Finding) -> (i32, bool) {
    match finding {
        Finding::Tls(TlsFault::Alert { number, server_known, .. }) => (number, server_known),
        other => panic!("{other:?}"),
    }
}

#[test]
fn client_certificates_are_wanted_and_looked_at() {
    let (authority, other, files) =
        (Authority::new("own CA"), Authority::new("other"), Files::new());
    let with = |name: &str, issued: &Issued| {
        let cert = files.put(&format!("{name}.pem"), &issued.cert_pem());
        let key = files.put(&format!("{name}.key"), &issued.key_pem());
        ClientTls { client_cert: Some((cert, key)), ..files.trust(&authority) }
    };
    let server = authority.issue("127.0.0.1");
    let good = with("good", &authority.issue("client"));
    let bad = with("bad", &other.issue("client"));
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let port = serve_tls(&server, Some(&authority), version);
        assert_eq!(find(port, Some(good.clone())), Finding::Answered { code: 0 });
        let missing = if version == SslVersion::TLS1_3 { 116 } else { 40 };
        assert_eq!(alert(find(port, Some(files.trust(&authority)))), (missing, true));
        assert_eq!(alert(find(port, Some(bad.clone()))), (48, true), "unknown CA");
    }
}

#[test]
fn files_of_ours_that_are_missing_or_wrong_are_named() {
    let (authority, files) = (Authority::new("own CA"), Files::new());
    let port = serve_tls(&authority.issue("127.0.0.1"), None, NEWEST);
    let unusable = |tls: ClientTls| match find(port, Some(tls)) {
        Finding::FileUnusable { file, why } => (file, why),
        other => panic!("{other:?}"),
    };
    let missing = ClientTls { ca_file: Some("/no/such/ca.pem".into()), ..ClientTls::default() };
    let (file, why) = unusable(missing);
    assert_eq!(file, "/no/such/ca.pem");
    assert!(why.contains("No such file"), "{why}");
    let rubbish = files.put("rubbish.pem", b"rubbish");
    let (file, why) =
        unusable(ClientTls { ca_file: Some(rubbish.clone()), ..ClientTls::default() });
    assert_eq!(file, rubbish.display().to_string());
    assert!(!why.is_empty());
    let issued = authority.issue("client");
    let cert = files.put("client.pem", &issued.cert_pem());
    let (file, _) = unusable(ClientTls {
        client_cert: Some((cert, rubbish.clone())),
        ..files.trust(&authority)
    });
    assert_eq!(file, rubbish.display().to_string(), "the key");
}
