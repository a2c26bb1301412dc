//! Mail servers that refuse some addresses, or refuse temporarily.

use crate::fixture::{FINE, HOT, ReadingPublisher, config, receiver};
use crate::support::{Home, MailServer, SOON};

const GOOD: &str = "on-call@example.org";
const OTHER: &str = "other@example.org";

/// A receiver with two addresses, the refused one first.
fn both(server: &MailServer) -> String {
    mail(server, &[OTHER, GOOD], "")
}

/// A receiver with these addresses and further keys.
fn mail(server: &MailServer, to: &[&str], more: &str) -> String {
    let keys = format!(
        "type = \"email\"\nserver = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
         from = \"vigie@example.org\"\nto = {to:?}\n{more}",
        server.port()
    );
    config("en", &receiver("on-call", &keys))
}

#[test]
fn a_refused_address_keeps_the_mail_from_no_other() {
    let (home, server) = (Home::new(), MailServer::new());
    server.refuse(OTHER, "550 5.1.1 no such user");
    let mut daemon = home.start(&both(&server));
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish("A", "Hall", HOT, 0);
    assert_eq!(server.wait_mails(1, SOON)[0].to, [GOOD]);
    let line = daemon.wait_line(OTHER, SOON);
    assert!(line.contains("WARN") && line.contains("no such user"), "{line}");
    publisher.publish("A", "Hall", FINE, 60);
    assert_eq!(server.wait_mails(2, SOON)[1].to, [GOOD]);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(server.mails().len(), 2, "each once");
    assert_eq!(daemon.lines_with(OTHER).len(), 1, "said once");
}

#[test]
fn a_temporarily_refused_address_gets_the_mail_later_and_the_others_get_it_once() {
    let (home, server) = (Home::new(), MailServer::new());
    server.refuse_once(OTHER, "450 4.2.0 greylisted");
    let mut daemon = home.start(&both(&server));
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish("A", "Hall", HOT, 0);
    let mails = server.wait_mails(2, SOON);
    assert_eq!((&mails[0].to[..], &mails[1].to[..]), (&[GOOD.into()][..], &[OTHER.into()][..]));
    assert_eq!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    publisher.publish("A", "Hall", FINE, 60);
    assert_eq!(server.wait_mails(3, SOON)[2].to, [OTHER, GOOD]);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_mail_is_given_up_only_when_all_its_addresses_are_refused() {
    let (home, server) = (Home::new(), MailServer::new());
    server.refuse(OTHER, "550 5.1.1 no such user");
    server.refuse_once(GOOD, "550 5.2.1 mailbox disabled");
    let mut daemon = home.start(&both(&server));
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish("A", "Hall", HOT, 0);
    let line = daemon.wait_line("refuses a notification, which is given up", SOON);
    assert!(line.contains("no such user") && line.contains("mailbox disabled"), "{line}");
    publisher.publish("B", "Hall", HOT, 0);
    assert_eq!(server.wait_mails(1, SOON)[0].to, [GOOD]);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_temporary_refusal_of_all_addresses_does_not_give_the_mail_up() {
    let (home, server) = (Home::new(), MailServer::new());
    server.greet_once("554 no SMTP service here");
    let mut daemon = home.start(&both(&server));
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    assert_eq!(server.wait_mails(1, SOON)[0].to, [OTHER, GOOD]);
    let line = daemon.wait_line("Receiver on-call can't be notified", SOON);
    assert!(line.contains("no SMTP service here"), "{line}");
    assert_eq!(daemon.stop(), 0);
    assert_eq!(daemon.lines_with("given up").len(), 0);
}

#[test]
fn a_server_that_requires_a_full_name_is_retried() {
    let (home, server) = (Home::new(), MailServer::strict());
    let mut daemon = home.start(&mail(&server, &[GOOD], "hello = \"vm\""));
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    let line = daemon.wait_line("Receiver on-call can't be notified", SOON);
    assert!(line.contains("need fully-qualified hostname; set hello"), "{line}");
    assert_eq!(daemon.stop(), 0);
    assert_eq!(daemon.lines_with("given up").len(), 0);
    let mut daemon = home.start(&mail(&server, &[GOOD], "hello = \"vigie.example.org\""));
    let told = server.wait_mails(1, SOON).remove(0);
    assert_eq!(told.hello, "vigie.example.org");
    assert!(told.text().contains("Raised:"), "{told:?}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_server_is_greeted_with_a_full_name_or_an_address() {
    let (home, server) = (Home::new(), MailServer::new());
    let mut daemon = home.start(&mail(&server, &[GOOD], ""));
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    let hello = server.wait_mails(1, SOON).remove(0).hello;
    let is_name = hello.contains('.') && !hello.starts_with('[');
    assert!(is_name || hello == "[127.0.0.1]", "{hello}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_refusal_of_the_sender_does_not_give_the_mail_up() {
    for refusal in ["554 5.7.1 Relay access denied", "552 5.2.2 quota exceeded", "521 no mail here"]
    {
        let (home, server) = (Home::new(), MailServer::new());
        server.refuse_once(GOOD, refusal);
        server.refuse_sender_once("550 5.7.1 Client host rejected");
        server.refuse_mail_once("554 5.7.1 looks like spam");
        let mut daemon = home.start(&mail(&server, &[GOOD], ""));
        ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
        server.wait_mails(1, SOON);
        let (_code, said) = refusal.split_once(' ').expect("a code and a text");
        for said in ["Client host rejected", said, "looks like spam"] {
            let line = daemon.wait_line(said, SOON);
            assert!(line.contains("Receiver on-call can't be notified"), "{line}");
        }
        assert_eq!(daemon.stop(), 0);
        assert_eq!(daemon.lines_with("given up").len(), 0);
        assert_eq!(server.mails().len(), 1, "{refusal}");
    }
}

#[test]
fn a_full_mailbox_keeps_the_mail_from_no_other_and_gets_it_later() {
    let (home, server) = (Home::new(), MailServer::new());
    server.refuse_once(OTHER, "552 5.2.2 mailbox full");
    let mut daemon = home.start(&both(&server));
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    let mails = server.wait_mails(2, SOON);
    assert_eq!((&mails[0].to[..], &mails[1].to[..]), (&[GOOD.into()][..], &[OTHER.into()][..]));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_mail_that_is_too_large_is_given_up() {
    let (home, server) = (Home::new(), MailServer::new());
    server.refuse_mail_once("552 5.3.4 message size exceeds fixed limit");
    let mut daemon = home.start(&both(&server));
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish("A", "Hall", HOT, 0);
    let line = daemon.wait_line("refuses a notification, which is given up", SOON);
    assert!(line.contains("exceeds fixed limit"), "{line}");
    publisher.publish("B", "Hall", HOT, 0);
    let text = server.wait_mails(1, SOON).remove(0).text();
    assert!(text.contains("(B, Hall)") && text.contains("Still active:"), "{text}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_user_name_without_a_password_is_a_login() {
    let (home, server) = (Home::new(), MailServer::with_login("TOKEN", ""));
    let mut daemon = home.start(&mail(&server, &[GOOD], "username = \"TOKEN\""));
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    server.wait_mails(1, SOON);
    assert_eq!(daemon.stop(), 0);
}
