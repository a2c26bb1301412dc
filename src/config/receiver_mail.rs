//! Keys of a receiver by mail.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::errors::{Mistake, quote};
use super::inspector::At;
use super::model::Login;
use super::reader::TableReader;
use super::receiver_model::{EmailConfig, MailTls};

/// A mail is one message; for a hundred people, use a mailing list.
const MOST_ADDRESSES: usize = 50;

pub(super) fn email(
    table: &mut TableReader<'_>,
    credentials: Option<At<Login>>,
) -> Option<EmailConfig> {
    let server = table.text("server");
    let server = table.require(server, "server", "name the mail server: server = \"smtp.example\"");
    let words = [("starttls", MailTls::StartTls), ("tls", MailTls::Tls), ("none", MailTls::None)];
    let tls = table.choice("tls", &words).unwrap_or(MailTls::StartTls);
    let port = port(table, tls);
    let server = server.and_then(|At { at, value }| table.inspector.check(at, host(value)));
    let ca_file = table.file("ca_file").map(|file| file.value);
    if let (MailTls::None, Some(At { at, .. }), Some(server)) = (tls, &credentials, &server)
        && !is_loopback(server)
    {
        let what = "the password would be sent in clear: tls is \"none\"";
        table.wrong(*at, what, "use tls = \"starttls\" or \"tls\"");
    }
    let from = table.text("from");
    let from = table.require(from, "from", "say who writes: from = \"vigie@example.org\"");
    let from = from.and_then(|At { at, value }| table.inspector.check(at, address(value)));
    let to = to(table);
    let hello = table.text("hello");
    let hello = hello.and_then(|At { at, value }| table.inspector.check(at, own_name(value)));
    let credentials = credentials.map(|it| it.value);
    let (server, from, to) = (server?, from?, to?);
    Some(EmailConfig { server, port, tls, credentials, hello, ca_file, from, to })
}

fn port(table: &mut TableReader<'_>, tls: MailTls) -> u16 {
    let usual = match tls {
        MailTls::StartTls => 587,
        MailTls::Tls => 465,
        MailTls::None => 25,
    };
    let Some(At { at, value }) = table.integer("port") else { return usual };
    match u16::try_from(value) {
        Ok(port @ 1..) => port,
        _ => {
            let hint = format!("a number from 1 to 65535; {usual} is usual here");
            table.wrong(at, format!("`port` can't be {value}"), hint);
            usual
        }
    }
}

fn host(text: &str) -> Result<String, Mistake> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    if text.contains("://") || !text.chars().all(is_fit) {
        let what = format!("{} is no host", quote(text));
        return Err(Mistake::new(what, "write its name alone, and its port in `port`"));
    }
    if text.contains(':') && text.parse::<IpAddr>().is_err() {
        let what = format!("{} has a port in it", quote(text));
        return Err(Mistake::new(what, "write its name alone, and its port in `port`"));
    }
    Ok(text.to_owned())
}

/// EHLO argument (RFC 5321, 4.1.1.1): a name, or an address in brackets.
fn own_name(text: &str) -> Result<String, Mistake> {
    let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let is_fit = match inside {
        Some(inside) => match inside.strip_prefix("IPv6:") {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => inside.parse::<Ipv4Addr>().is_ok(),
        },
        None => text.len() <= 255 && text.split('.').all(is_label),
    };
    if is_fit {
        return Ok(text.to_owned());
    }
    let hint = "write this machine's full name, such as vigie.example.org, or [192.0.2.7]";
    Err(Mistake::new(format!("{} is no name of a host", quote(text)), hint))
}

fn is_label(label: &str) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (1..=63).contains(&label.len())
        && label.chars().all(is_fit)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn to(table: &mut TableReader<'_>) -> Option<Vec<String>> {
    const EXAMPLE: &str = "[\"on-call@example.org\"]";
    let item = table.item("to");
    let item = table.require(item, "to", &format!("say who is told: to = {EXAMPLE}"))?;
    let Some(list) = item.value.as_array() else {
        return table.wrong_type("to", item, "a list", EXAMPLE);
    };
    if list.is_empty() || list.len() > MOST_ADDRESSES {
        let what = format!("`to` has {} addresses", list.len());
        table.wrong(item.at, what, format!("from 1 to {MOST_ADDRESSES}; a list may pass it on"));
    }
    let mut addresses = Vec::with_capacity(list.len().min(MOST_ADDRESSES));
    for item in list {
        let at = table.base + item.span().start;
        let Some(text) = item.get_ref().as_str() else {
            table.wrong(at, "an address in `to` is not text", format!("write to = {EXAMPLE}"));
            continue;
        };
        addresses.extend(table.inspector.check(at, address(text)));
    }
    Some(addresses)
}

/// `name@host`, or `Some Name <name@host>`.
fn address(text: &str) -> Result<String, Mistake> {
    let wrong = || {
        let what = format!("{} is no mail address", quote(text));
        Mistake::new(what, "write name@host, or Some Name <name@host>")
    };
    let (name, address) = match text.split_once('<') {
        Some((name, rest)) => (name.trim(), rest.strip_suffix('>').ok_or_else(wrong)?),
        None => ("", text),
    };
    let (local, domain) = address.split_once('@').ok_or_else(wrong)?;
    let local_is_fit = |c: char| c.is_ascii_alphanumeric() || "._+-=".contains(c);
    let domain_is_fit = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let parts_are_fit = |text: &str| text.split('.').all(|part| !part.is_empty());
    let labels_are_fit =
        domain.split('.').all(|label| !label.starts_with('-') && !label.ends_with('-'));
    let is_fit = local.chars().all(local_is_fit)
        && domain.chars().all(domain_is_fit)
        && parts_are_fit(local)
        && parts_are_fit(domain)
        && labels_are_fit
        && local.len() <= 64
        && domain.len() <= 253
        && !name.contains(|c: char| c.is_control() || "<>\"(),:;@[]\\".contains(c));
    if is_fit { Ok(text.to_owned()) } else { Err(wrong()) }
}
