//! The address of a broker: `mqtt://host[:port]` or `mqtts://host[:port]`. Pure.
//!
//! An invalid address is never quoted: it may contain a password.

use url::Host;

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
    Ok(Endpoint::Remote { host, port, tls })
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

/// Host without the brackets of an IPv6 address, and the text of the port.
fn split_port(address: &str) -> Result<(String, Option<&str>), Mistake> {
    let host_end = if address.starts_with('[') {
        address.find(']').map_or(address.len(), |at| at + 1)
    } else {
        address.find(':').unwrap_or(address.len())
    };
    let (host, rest) = address.split_at(host_end);
    let host = parse_host(host, rest)?;
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(Mistake::new("the address goes on after the host", FORM)),
    }
}

/// Longest host name, in bytes (RFC 1035, 2.3.4, without the length bytes).
const LONGEST_HOST: usize = 253;

/// A host by the URL standard: an international name in its ASCII form (IDNA), an address in its usual one.
fn parse_host(host: &str, rest: &str) -> Result<String, Mistake> {
    if !host.starts_with('[') && rest.matches(':').count() > 1 {
        return Err(Mistake::new(
            "the address has more than one port",
            "an IPv6 address goes in brackets: mqtt://[::1]:1883",
        ));
    }
    if host.is_empty() {
        return Err(Mistake::new("the address has no host", FORM));
    }
    match Host::parse(host) {
        Ok(Host::Domain(name)) if name.len() <= LONGEST_HOST => Ok(name),
        Ok(Host::Ipv4(address)) => Ok(address.to_string()),
        Ok(Host::Ipv6(address)) => Ok(address.to_string()),
        Err(_) if host.starts_with('[') => {
            Err(Mistake::new("the brackets hold no IPv6 address", "write mqtt://[::1]:1883"))
        }
        Ok(Host::Domain(_)) | Err(_) => Err(Mistake::new(
            "the address has no valid host",
            "a host has letters, digits, `-` and `.`, at most 253",
        )),
    }
}

fn parse_port(text: &str) -> Result<u16, Mistake> {
    // `u16::from_str` would accept a `+`.
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
            ("mqtt://[2001:DB8:0:0::1]:1", "2001:db8::1", 1, false),
            ("mqtt://hôte.example", "xn--hte-kna.example", 1883, false),
            ("mqtts://Größe.example:1", "xn--gre-6ka8i.example", 1, true),
            ("mqtt://pump_1.local", "pump_1.local", 1883, false),
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
            ("mqtt://[::1%eth0]", "brackets"),
            ("mqtt://x%20y", "no valid host"),
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
