//! TLS of notifications: certificates are always verified.

use crate::fixture::{HOT, ReadingPublisher, config, receiver};
use crate::support::{Ca, Home, HttpServer, MailServer, SOON, Validity};

#[test]
fn a_web_server_is_notified_only_with_a_valid_certificate() {
    let (ca, home) = (Ca::new("Test CA"), Home::new());
    let good = HttpServer::with_tls(&ca.issue_local());
    let other = HttpServer::with_tls(&ca.issue(&["elsewhere.example"], Validity::Now));
    let past = HttpServer::with_tls(&ca.issue(&["127.0.0.1"], Validity::StoredState));
    let hook = |name: &str, server: &HttpServer, ca_file: bool| {
        let url = format!("https://127.0.0.1:{}/", server.port());
        let mut keys = format!("type = \"webhook\"\nurl = \"{url}\"");
        if ca_file {
            keys += &format!("\nca_file = \"{}\"", ca.file().display());
        }
        receiver(name, &keys)
    };
    let receivers = [
        hook("good", &good, true),
        hook("unknown", &good, false),
        hook("other", &other, true),
        hook("past", &past, true),
    ];
    let mut daemon = home.start(&config("en", &receivers.concat()));
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    good.wait_taken(1, SOON);
    for name in ["unknown", "other", "past"] {
        let line = daemon.wait_line(&format!("Receiver {name} can't be notified"), SOON);
        assert!(line.contains("no secure connection"), "{line}");
    }
    assert_eq!(daemon.stop(), 0);
    let told = [&good, &other, &past].map(|server| server.requests().len());
    assert_eq!(told, [1, 0, 0]);
}

#[test]
fn a_mail_server_is_notified_only_by_tls_with_a_valid_certificate() {
    let (ca, home) = (Ca::new("Test CA"), Home::new());
    let good = MailServer::with_tls(&ca.issue_local());
    let other = MailServer::with_tls(&ca.issue(&["elsewhere.example"], Validity::Now));
    let plain = MailServer::new();
    let mail = |name: &str, server: &MailServer| {
        let keys = format!(
            "type = \"email\"\nserver = \"127.0.0.1\"\nport = {}\nca_file = \"{}\"\n\
             from = \"v@example.org\"\nto = [\"a@example.org\"]",
            server.port(),
            ca.file().display()
        );
        receiver(name, &keys)
    };
    let receivers = [mail("good", &good), mail("other", &other), mail("plain", &plain)];
    let mut daemon = home.start(&config("en", &receivers.concat()));
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    good.wait_mails(1, SOON);
    for name in ["other", "plain"] {
        daemon.wait_line(&format!("Receiver {name} can't be notified"), SOON);
    }
    assert_eq!(daemon.stop(), 0);
    assert!(other.mails().is_empty() && plain.mails().is_empty());
}
