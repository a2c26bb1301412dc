//! The dashboard over TLS.

use std::io::{Read, Write};
use std::net::TcpStream;

use openssl::ssl::{SslConnector, SslMethod};
use serde_json::json;

use crate::fixture::{EMBEDDED, Fixture, RULES};
use crate::login::{PASSWORD, SESSION, users};
use crate::support::api::Server;
use crate::support::{Ca, Home, SOON};
use crate::{FAILED, UNAVAILABLE};

/// Requests a page over TLS and verifies the server by this authority; returns status line and certificate. Each line of
/// `headers` ends in a line break.
pub fn ask_by_tls(address: &str, ca: &Ca, request: &str) -> Result<(String, Vec<u8>), String> {
    let mut connector = SslConnector::builder(SslMethod::tls()).expect("TLS");
    connector.set_ca_file(ca.file()).expect("an authority");
    connector.set_alpn_protos(b"\x02h2\x08http/1.1").expect("protocols");
    let stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(SOON)).expect("set the patience");
    let stream = connector.build().connect("localhost", stream);
    let mut stream = stream.map_err(|error| error.to_string())?;
    assert_eq!(stream.ssl().selected_alpn_protocol(), Some(b"http/1.1".as_slice()));
    let certificate = stream.ssl().peer_certificate().expect("a certificate");
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
    Ok((answer, certificate.to_der().expect("DER")))
}

#[test]
fn the_page_serves_tls_and_a_reload_replaces_its_certificate() {
    let (home, ca) = (Home::new(), Ca::new("page"));
    let (cert, key) = (home.path("page.crt"), home.path("page.key"));
    ca.issue_local().write_pem(&cert, &key);
    let tls = "tls_cert = \"page.crt\"\ntls_key = \"page.key\"";
    let mut fixture = Fixture::with(home, &format!("{EMBEDDED}{}{RULES}", users(tls)));
    let Server::Tcp(address) = fixture.daemon.web() else { panic!("an address") };
    assert!(
        fixture.daemon.log().contains(&format!("https://{address}/")),
        "{}",
        fixture.daemon.log()
    );
    let healthy = "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let ask = || ask_by_tls(&address, &ca, healthy);
    let (answer, first) = ask().expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let body = json!({"name": "anne", "password": PASSWORD}).to_string();
    let login = format!(
        "POST {SESSION} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (answer, _) = ask_by_tls(&address, &ca, &login).expect("an answer");
    assert!(answer.contains("; Secure\r\n"), "{answer}");
    // A client without TLS gets no answer.
    assert!(Server::Tcp(address.clone()).get("/-/healthy").is_err());

    assert_eq!(fixture.vigie(&["reload"]), (0, "nothing changed\n".into()));
    ca.issue_local().write_pem(&cert, &key);
    assert_eq!(fixture.vigie(&["reload"]), (0, "the certificate of the page\n".into()));
    let (answer, second) = ask().expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 ") && second != first, "{answer}");
    // A certificate that does not match its key changes nothing.
    ca.issue_local().write_pem(&cert, &fixture.home.path("other.key"));
    let (code, said) = fixture.vigie(&["reload"]);
    assert!(
        code == FAILED && said.contains("page.key is no key in PEM of that certificate"),
        "{said}"
    );
    let (_, third) = ask().expect("an answer");
    assert_eq!(third, second);
    assert_eq!(fixture.daemon.stop(), 0);
}

#[test]
fn an_unusable_certificate_is_reported_at_the_start() {
    let (home, ca) = (Home::new(), Ca::new("page"));
    ca.issue_local().write_pem(&home.path("page.crt"), &home.path("page.key"));
    home.write("page.key", "no key");
    let tls = "tls_cert = \"page.crt\"\ntls_key = \"page.key\"";
    let mut daemon = home.spawn(&format!("{EMBEDDED}{}", users(tls)));
    assert_eq!(daemon.exit_code(SOON), UNAVAILABLE);
    let log = daemon.log();
    assert!(log.contains("can't use the page's certificate") && log.contains("page.key"), "{log}");
}
