//! Session cookie, and forwarding headers of reverse proxies. Pure.
//!
//! Always: forwarding headers count only from proxies that the configuration names.

use std::net::IpAddr;

use super::session::LASTS_AT_MOST;

/// Name of the cookie.
const NAME: &str = "vigie_session";

/// Forwarding headers of a request, and where it came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hop<'a> {
    /// Other end of the connection.
    pub peer: IpAddr,
    /// Whether the connection itself is TLS.
    pub is_tls: bool,
    /// All `X-Forwarded-For` headers, in order.
    pub forwarded_for: &'a [&'a str],
    /// The last `X-Forwarded-Proto` header.
    pub forwarded_proto: Option<&'a str>,
}

impl Hop<'_> {
    /// Address of the client: the connection's, or the last one before the configured proxies.
    pub fn client(&self, proxies: &[IpAddr]) -> IpAddr {
        let is_proxy = |address: &IpAddr| proxies.contains(address);
        let peer = self.peer.to_canonical();
        if !is_proxy(&peer) {
            return peer;
        }
        let hops = self.forwarded_for.iter().flat_map(|header| header.split(','));
        let mut client = peer;
        for hop in hops.rev() {
            // Anyone can forge what precedes an unreadable entry.
            let Some(address) = address(hop.trim()) else { break };
            client = address;
            if !is_proxy(&address) {
                break;
            }
        }
        client
    }

    /// Whether the browser uses TLS, to this daemon or to a configured proxy.
    pub fn is_secure(&self, proxies: &[IpAddr]) -> bool {
        let says_so =
            || self.forwarded_proto.is_some_and(|it| it.trim().eq_ignore_ascii_case("https"));
        self.is_tls || (proxies.contains(&self.peer.to_canonical()) && says_so())
    }
}

/// An address with or without a port: `192.0.2.7`, `192.0.2.7:8080`, `[2001:db8::1]:8080`.
fn address(text: &str) -> Option<IpAddr> {
    let plain = text.parse().ok();
    let with_port = || text.parse().map(|socket: std::net::SocketAddr| socket.ip()).ok();
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    plain.or_else(with_port).or_else(in_brackets).map(|address: IpAddr| address.to_canonical())
}

/// Session id in a `Cookie` header.
pub(super) fn session_id(header: &str) -> Option<&str> {
    let mut pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME).map(|(_, id)| id)
}

/// `Set-Cookie` header that begins a session.
pub(super) fn set(id: &str, is_secure: bool) -> String {
    let seconds = LASTS_AT_MOST.as_secs();
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{NAME}={id}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}{secure}")
}

/// `Set-Cookie` header that ends one.
pub(super) fn unset() -> String {
    format!("{NAME}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn hop<'a>(peer: &str, forwarded_for: &'a [&'a str]) -> Hop<'a> {
        Hop { peer: ip(peer), is_tls: false, forwarded_for, forwarded_proto: None }
    }

    #[test]
    fn a_session_is_found_among_cookies() {
        assert_eq!(session_id("vigie_session=ab"), Some("ab"));
        assert_eq!(session_id("a=b; vigie_session=ab ;c"), Some("ab"));
        for other in
            ["", "vigie_session", "xvigie_session=a", "a=vigie_session=b", "VIGIE_SESSION=a"]
        {
            assert_eq!(session_id(other), None, "{other}");
        }
    }

    #[test]
    fn the_cookie_is_for_this_site_and_not_for_scripts() {
        let plain = "vigie_session=ab; HttpOnly; SameSite=Strict; Path=/; Max-Age=604800";
        assert_eq!(set("ab", false), plain);
        assert_eq!(set("ab", true), format!("{plain}; Secure"));
        assert!(unset().ends_with("Max-Age=0"));
    }

    #[test]
    fn only_a_declared_proxy_says_where_a_request_comes_from() {
        let proxies = [ip("127.0.0.1"), ip("10.0.0.1")];
        for (peer, forwarded_for, client) in [
            ("192.0.2.7", &["203.0.113.9"] as &[_], "192.0.2.7"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("::ffff:127.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("127.0.0.1", &["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
            ("127.0.0.1", &["198.51.100.1", "203.0.113.9 ,10.0.0.1"], "203.0.113.9"),
            ("127.0.0.1", &["198.51.100.1, unknown"], "127.0.0.1"),
            ("127.0.0.1", &["203.0.113.9:4711"], "203.0.113.9"),
            ("127.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("127.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
        ] {
            let hop = hop(peer, forwarded_for);
            assert_eq!(hop.client(&proxies), ip(client), "{peer} {forwarded_for:?}");
        }
        assert_eq!(hop("127.0.0.1", &["203.0.113.9"]).client(&[]), ip("127.0.0.1"));
    }

    #[test]
    fn tls_is_the_connections_own_or_a_declared_proxys() {
        let proxies = [ip("127.0.0.1")];
        let https = |peer: &str| Hop { forwarded_proto: Some("HTTPS"), ..hop(peer, &[]) };
        assert!(https("127.0.0.1").is_secure(&proxies));
        assert!(!https("192.0.2.7").is_secure(&proxies));
        assert!(!https("127.0.0.1").is_secure(&[]));
        assert!(!hop("127.0.0.1", &[]).is_secure(&proxies));
        assert!(Hop { is_tls: true, ..hop("192.0.2.7", &[]) }.is_secure(&[]));
    }
}
