//! Choice of a proxy by the usual environment variables, as in curl. Pure.
//!
//! Always: loopback addresses are reached directly. Never: reads a variable itself.

use std::net::IpAddr;

use url::{Host, Url};

/// Value of the variable that applies to this address; `None` for a direct connection. Lower-case
/// names take precedence; an empty value disables the proxy.
pub(super) fn of_environment(
    url: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let host = url.host()?;
    let of = |name: &str| variable(name).or_else(|| variable(&name.to_ascii_uppercase()));
    if is_here(&host) || of("no_proxy").is_some_and(|list| is_excepted(&host, &list)) {
        return None;
    }
    let own = of(&format!("{}_proxy", url.scheme()));
    own.or_else(|| of("all_proxy")).map(|it| it.trim().to_owned()).filter(|it| !it.is_empty())
}

fn address(host: &Host<&str>) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some((*address).into()),
        Host::Ipv6(address) => Some((*address).into()),
    }
}

fn is_here(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        _ => address(host).is_some_and(|address| address.is_loopback()),
    }
}

/// Whether `no_proxy` contains the host: a domain with its subdomains, an address, a network, or
/// `*`.
fn is_excepted(host: &Host<&str>, list: &str) -> bool {
    let mut entries = list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
    entries.any(|entry| entry == "*" || is_of(host, entry))
}

fn is_of(host: &Host<&str>, entry: &str) -> bool {
    if let Some(address) = address(host) {
        let (network, bits) = match entry.split_once('/') {
            Some((network, bits)) => (network, bits.parse().ok()),
            None => (entry, Some(128)),
        };
        let network = network.trim_matches(['[', ']']).parse().ok();
        return matches!((network, bits), (Some(network), Some(bits)) if is_within(address, network, bits));
    }
    let Host::Domain(name) = host else { return false };
    let domain = entry.trim_start_matches("*.").trim_matches('.').to_ascii_lowercase();
    let rest = name.trim_end_matches('.').strip_suffix(&domain);
    !domain.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Whether the first `bits` bits are equal.
fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let differ = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        _ => return false,
    };
    differ >= bits.min(if address.is_ipv4() { 32 } else { 128 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str, variables: &[(&str, &str)]) -> Option<String> {
        of_environment(url, |name| {
            variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_variable_of_the_scheme_comes_before_that_of_all() {
        let both = [("https_proxy", "http://s"), ("ALL_PROXY", "http://a")];
        assert_eq!(of("https://h/x", &both).as_deref(), Some("http://s"));
        assert_eq!(of("http://h/x", &both).as_deref(), Some("http://a"));
        let cases = [("HTTP_PROXY", "upper"), ("http_proxy", "lower")];
        assert_eq!(of("http://h", &cases).as_deref(), Some("lower"));
        assert_eq!(of("http://h", &cases[..1]).as_deref(), Some("upper"));
        let off = [("http_proxy", ""), ("all_proxy", "http://a")];
        assert_eq!(of("http://h", &off), None, "switched off");
        assert_eq!(of("http://h", &[]), None);
        assert_eq!(of("no address", &both), None);
    }

    #[test]
    fn this_machine_is_reached_directly() {
        for host in ["localhost", "127.0.0.1", "127.8.8.8", "[::1]", "a.localhost"] {
            assert_eq!(of(&format!("http://{host}:9/x"), &[("http_proxy", "p")]), None, "{host}");
        }
    }

    #[test]
    fn no_proxy_names_domains_addresses_and_networks() {
        let is_direct = |host: &str, list: &str| {
            of(&format!("http://{host}:8080/"), &[("http_proxy", "p"), ("NO_PROXY", list)])
                .is_none()
        };
        for (host, list) in [
            ("a.example", "b.example, a.example"),
            ("x.a.example", "a.example"),
            ("x.a.example", ".a.example"),
            ("a.example", ".a.example"),
            ("X.A.example", "*.A.Example."),
            ("a.example", "*"),
            ("10.1.2.3", "10.1.2.3"),
            ("10.1.2.3", "192.168.0.0/16 10.0.0.0/8"),
            ("[fd00::1]", "fd00::/8"),
            ("[fd00::1]", "[fd00::1]"),
        ] {
            assert!(is_direct(host, list), "{host} {list}");
        }
        for (host, list) in [
            ("a.example", ""),
            ("ba.example", "a.example"),
            ("a.example.evil", "a.example"),
            ("a.example", "., ,"),
            ("10.1.2.3", "10.1.2.4"),
            ("10.1.2.3", "10.0.0.0/x"),
            ("11.1.2.3", "10.0.0.0/8"),
            ("10.1.2.3", "fd00::/0"),
        ] {
            assert!(!is_direct(host, list), "{host} {list}");
        }
    }
}
