//! Mail servers that take a mail for some and not for others, or not at first.

use crate::stage::{FINE, HOT, Plant, config, receiver};
use crate::support::{Home, MailServer, SOON};

const GOOD: &str = "on-call@example.org";
const OTHER: &str = "other@example.org";

/// A receiver with both addresses, the doubtful one first.
fn both(server: &MailServer) -> String {
    let keys = format!(
        "type = \"email\"\nserver = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
         from = \"vigie@example.org\"\nto = [\"{OTHER}\", \"{GOOD}\"]",
        server.port()
    );
    config("en", &receiver("on-call", &keys))
}

#[test]
fn an_address_that_is_refused_keeps_the_mail_from_no_other() {
    let (home, server) = (Home::new(), MailServer::new());
    server.refuse(OTHER, "550 5.1.1 no such user");
    let mut daemon = home.start(&both(&server));
    let plant = Plant::of(&mut daemon);
    plant.read("A", "Hall", HOT, 0);
    assert_eq!(server.wait_mails(1, SOON)[0].to, [GOOD]);
    let line = daemon.wait_line(OTHER, SOON);
    assert!(line.contains("WARN") && line.contains("no such user"), "{line}");
    plant.read("A", "Hall", FINE, 60);
    assert_eq!(server.wait_mails(2, SOON)[1].to, [GOOD]);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(server.mails().len(), 2, "each once");
    assert_eq!(daemon.lines_with(OTHER).len(), 1, "said once");
}

#[test]
fn an_address_that_is_refused_for_now_gets_the_mail_later_and_the_others_get_it_once() {
    let (home, server) = (Home::new(), MailServer::new());
    server.refuse_once(OTHER, "450 4.2.0 greylisted");
    let mut daemon = home.start(&both(&server));
    let plant = Plant::of(&mut daemon);
    plant.read("A", "Hall", HOT, 0);
    let mails = server.wait_mails(2, SOON);
    assert_eq!((&mails[0].to[..], &mails[1].to[..]), (&[GOOD.into()][..], &[OTHER.into()][..]));
    assert_eq!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    plant.read("A", "Hall", FINE, 60);
    assert_eq!(server.wait_mails(3, SOON)[2].to, [OTHER, GOOD]);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_mail_is_given_up_only_when_all_its_addresses_are_refused() {
    let (home, server) = (Home::new(), MailServer::new());
    server.refuse(OTHER, "550 5.1.1 no such user");
    server.refuse_once(GOOD, "550 5.7.1 not from you");
    let mut daemon = home.start(&both(&server));
    let plant = Plant::of(&mut daemon);
    plant.read("A", "Hall", HOT, 0);
    let line = daemon.wait_line("refuses a notification, which is given up", SOON);
    assert!(line.contains("no such user") && line.contains("not from you"), "{line}");
    plant.read("A", "Hall", FINE, 60);
    assert_eq!(server.wait_mails(1, SOON)[0].to, [GOOD]);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_server_that_takes_nobody_for_now_is_no_verdict_on_the_mail() {
    let (home, server) = (Home::new(), MailServer::new());
    server.greet_once("554 no SMTP service here");
    let mut daemon = home.start(&both(&server));
    Plant::of(&mut daemon).read("A", "Hall", HOT, 0);
    assert_eq!(server.wait_mails(1, SOON)[0].to, [OTHER, GOOD]);
    let line = daemon.wait_line("Receiver on-call can't be told", SOON);
    assert!(line.contains("no SMTP service here"), "{line}");
    assert_eq!(daemon.stop(), 0);
    assert_eq!(daemon.lines_with("given up").len(), 0);
}
