//! Which redirects are followed. Pure.
//!
//! Always: to the same host by the same or a safer scheme, with the same method and body. Never: to
//! another host, which would receive this one's secrets, or from TLS to plain HTTP.

use url::Url;

/// Limit of redirects in a row.
pub(super) const MOST_HOPS: usize = 3;

/// Target of an answer with this status and `Location`; `None` if it is not followed.
#[must_use]
pub(super) fn followed(from: &str, status: u16, location: &str) -> Option<String> {
    if !matches!(status, 307 | 308) {
        return None;
    }
    let from = Url::parse(from).ok()?;
    let mut to = from.join(location).ok()?;
    let is_as_safe = match to.scheme() {
        "https" => true,
        "http" => from.scheme() == "http",
        _ => false,
    };
    let is_same_host = to.host().is_some() && to.host() == from.host();
    let has_login = !to.username().is_empty() || to.password().is_some();
    to.set_fragment(None);
    (is_as_safe && is_same_host && !has_login).then(|| to.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "http://hooks.example/a/b?token=s3cret";

    #[test]
    fn within_a_host_the_same_request_is_made_elsewhere() {
        for (location, to) in [
            ("/c", "http://hooks.example/c"),
            ("c?x=1#y", "http://hooks.example/a/c?x=1"),
            ("http://HOOKS.example:80/c", "http://hooks.example/c"),
            ("http://hooks.example:8080/c", "http://hooks.example:8080/c"),
            ("https://hooks.example/a/b", "https://hooks.example/a/b"),
            ("//hooks.example/c", "http://hooks.example/c"),
        ] {
            for status in [307, 308] {
                assert_eq!(followed(FROM, status, location).as_deref(), Some(to), "{location}");
            }
        }
    }

    #[test]
    fn to_another_host_to_no_tls_or_by_another_method_it_is_not() {
        for location in [
            "https://other.example/a/b",
            "//other.example/c",
            "https://hooks.example.evil/",
            "http://me:s3cret@hooks.example/c",
            "ftp://hooks.example/c",
            "file:///etc/passwd",
            "http://[",
        ] {
            assert_eq!(followed(FROM, 307, location), None, "{location}");
        }
        for status in [300, 301, 302, 303, 304] {
            assert_eq!(followed(FROM, status, "/c"), None, "{status}");
        }
        let secure = FROM.replace("http:", "https:");
        assert_eq!(followed(&secure, 308, "http://hooks.example/a/b"), None);
        assert_eq!(followed(&secure, 308, "/c").as_deref(), Some("https://hooks.example/c"));
        assert_eq!(followed("no address", 308, "/c"), None);
    }
}
