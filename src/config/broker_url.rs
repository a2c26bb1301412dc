//! The address of a broker: `mqtt://host[:port]` or `mqtts://host[:port]`. Pure.
//!
//! A refused address is never quoted: it may carry a password.

use std::net::Ipv6Addr;

use super::errors::Mistake;
use super::model::Endpoint;

const FORM: &str =
    "write mqtts://host or mqtts://host:8883, or mqtt:// for a connection without TLS";

/// Reads a broker's address. Without a port, mqtt has 1883 and mqtts 8883.
pub(super) fn parse(text: &str) -> Result<Endpoint, Mistake> {
    let (scheme, address) = text
        .split_once("://")
        .ok_or_else(|| Mistake::new("the address does not say mqtt:// or mqtts://", FORM))?;
    let tls = is_tls(scheme)?;
    if address.contains('@') {
        return Err(Mistake::new(
            "the address has a user or password in it",
            "secrets stay out of this file: use username with password_env or password_file",
        ));
    }
    if address.contains(['/', '?', '#']) {
        return Err(Mistake::new("the address goes on after the host and port", FORM));
    }
    let (host, port) = split_port(address)?;
    let default = if tls { 8883 } else { 1883 };
    let port = port.map_or(Ok(default), parse_port)?;
    Ok(Endpoint::Remote { host: host.to_owned(), port, tls })
}

fn is_tls(scheme: &str) -> Result<bool, Mistake> {
    match scheme.to_ascii_lowercase().as_str() {
        "mqtt" => Ok(false),
        "mqtts" => Ok(true),
        "http" | "https" => Err(Mistake::new("http:// leads to web pages, not to brokers", FORM)),
        "ws" | "wss" => Err(Mistake::new("MQTT over WebSockets is not supported", FORM)),
        "tcp" => Err(Mistake::new("tcp:// is written mqtt:// here", FORM)),
        "ssl" | "tls" => Err(Mistake::new(
            format!("{}:// is written mqtts:// here", scheme.to_lowercase()),
            FORM,
        )),
        _ => Err(Mistake::new("the address does not start with mqtt:// or mqtts://", FORM)),
    }
}

/// The host, without the brackets of an IPv6 address, and what stands for the port.
fn split_port(address: &str) -> Result<(&str, Option<&str>), Mistake> {
    let (host, rest) = if let Some(inside) = address.strip_prefix('[') {
        let (host, rest) = inside
            .split_once(']')
            .filter(|(host, _)| host.parse::<Ipv6Addr>().is_ok())
            .ok_or_else(|| {
                Mistake::new("the brackets hold no IPv6 address", "write mqtt://[::1]:1883")
            })?;
        (host, rest)
    } else {
        let (host, rest) = address.split_at(address.find(':').unwrap_or(address.len()));
        check_name(host, rest)?;
        (host, rest)
    };
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(Mistake::new("the address goes on after the host", FORM)),
    }
}

/// Refuses what is neither a host's name nor an IPv4 address.
fn check_name(host: &str, rest: &str) -> Result<(), Mistake> {
    if rest.matches(':').count() > 1 {
        return Err(Mistake::new(
            "the address has more than one port",
            "an IPv6 address goes in brackets: mqtt://[::1]:1883",
        ));
    }
    if host.is_empty() {
        return Err(Mistake::new("the address has no host", FORM));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if !host.chars().all(is_name) || host.len() > 253 {
        return Err(Mistake::new(
            "the address has no valid host",
            "a host has letters, digits, `-` and `.`, at most 253; other scripts go as xn--…",
        ));
    }
    Ok(())
}

fn parse_port(text: &str) -> Result<u16, Mistake> {
    // `u16::from_str` would take a `+`.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0).ok_or_else(|| {
        Mistake::new("the port is not a number from 1 to 65535", "1883 is usual, 8883 with TLS")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_addresses() {
        for (text, host, port, tls) in [
            ("mqtt://localhost", "localhost", 1883, false),
            ("mqtts://broker.example.com", "broker.example.com", 8883, true),
            ("MQTTS://b:1", "b", 1, true),
            ("mqtt://10.0.0.1:2000", "10.0.0.1", 2000, false),
            ("mqtt://[::1]", "::1", 1883, false),
            ("mqtts://[fe80::1]:65535", "fe80::1", 65535, true),
        ] {
            let expected = Endpoint::Remote { host: host.into(), port, tls };
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, part) in [
            ("", "does not say mqtt"),
            ("localhost:1883", "does not say mqtt"),
            ("http://x", "web pages"),
            ("wss://x/mqtt", "WebSockets"),
            ("tcp://x", "written mqtt://"),
            ("SSL://x", "ssl:// is written mqtts://"),
            ("amqp://x", "does not start with"),
            ("mqtt://", "no host"),
            ("mqtt://:1883", "no host"),
            ("mqtt://x/", "goes on after"),
            ("mqtt://x?a", "goes on after"),
            ("mqtt://::1", "more than one port"),
            ("mqtt://[::1", "brackets"),
            ("mqtt://[x]:1", "brackets"),
            ("mqtt://[::1]1883", "goes on after the host"),
            ("mqtt://x:", "not a number"),
            ("mqtt://x:0", "not a number"),
            ("mqtt://x:+1", "not a number"),
            ("mqtt://x:65536", "not a number"),
            ("mqtt://hôte", "no valid host"),
            ("mqtt://a b", "no valid host"),
        ] {
            let mistake = parse(text).unwrap_err();
            assert!(mistake.what.contains(part), "{text}: {mistake}");
        }
    }

    #[test]
    fn never_quotes_a_password() {
        for text in ["mqtt://me:hunter2@x", "hunter2@x:1883", "mqtts://x:hunter2", "hunter2://x"] {
            let mistake = parse(text).unwrap_err();
            assert!(!mistake.to_string().contains("hunter2"), "{mistake}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "(mqtts?://)?[a-z0-9:@/\\[\\]é.]{0,20}") {
            let _ = parse(&text);
        }
    }
}
