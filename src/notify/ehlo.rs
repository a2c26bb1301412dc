//! Argument of EHLO. Pure.

use std::net::IpAddr;

/// Argument of EHLO: the configured name, else the machine's full name, else its address as the
/// server sees it (RFC 5321 4.1.3).
pub(super) fn ehlo_name(
    configured: Option<&str>,
    host_name: Option<&str>,
    local: impl FnOnce() -> Option<IpAddr>,
) -> String {
    if let Some(name) = configured.or_else(|| host_name.filter(|name| is_full(name))) {
        return name.to_owned();
    }
    match local() {
        Some(IpAddr::V6(address)) => format!("[IPv6:{address}]"),
        Some(IpAddr::V4(address)) => format!("[{address}]"),
        None => "[127.0.0.1]".to_owned(),
    }
}

/// Whether servers accept the name as fully qualified.
fn is_full(name: &str) -> bool {
    let is_label = |label: &str| {
        let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '-';
        (1..=63).contains(&label.len())
            && label.chars().all(is_fit)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.contains('.') && !name.starts_with("localhost.") && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_name_comes_first_then_the_address() {
        let local = || Some("192.0.2.7".parse().unwrap());
        let of = |configured, host_name| ehlo_name(configured, host_name, local);
        assert_eq!(of(Some("vigie.example.org"), Some("a.b")), "vigie.example.org");
        assert_eq!(of(None, Some("plant-1.example.org")), "plant-1.example.org");
        for short in ["vm", "", "a_b.example", "localhost.localdomain", "-a.b", "a..b", ".b"] {
            assert_eq!(of(None, Some(short)), "[192.0.2.7]", "{short}");
        }
        assert_eq!(ehlo_name(None, None, || "2001:db8::7".parse().ok()), "[IPv6:2001:db8::7]");
        assert_eq!(ehlo_name(None, None, || None), "[127.0.0.1]");
    }
}
