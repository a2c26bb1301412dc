//! The dashboard's files: public, cached by their hash, under a strict content security policy.

use crate::support::Home;
use crate::support::api::{Raw, Server};

const CONFIG: &str = "[broker]\nlisten = \"127.0.0.1:0\"\n[web]\nlisten = \"127.0.0.1:0\"\n";

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";

fn fetch(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Raw {
    server.ask_raw(method, path, headers, "").expect("an answer")
}

/// Asset path in the page, `a/HASH/`.
fn prefix(page: &Raw) -> String {
    let text = std::str::from_utf8(&page.body).expect("text");
    let at = text.find("\"a/").expect("a relative address") + 1;
    text[at..at + "a/0123456789abcdef/".len()].to_owned()
}

#[test]
fn the_page_is_revalidated_and_its_files_are_immutable() {
    let home = Home::new();
    let mut daemon = home.start(CONFIG);
    let server = daemon.web();
    let page = fetch(&server, "GET", "/", &[]);
    assert_eq!((page.status, page.headers["cache-control"].as_str()), (200, "no-cache"));
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    let prefix = prefix(&page);
    let module = format!("/{prefix}app.js");
    let file = fetch(&server, "GET", &module, &[]);
    assert_eq!((file.status, file.headers["vary"].as_str()), (200, "Accept-Encoding"));
    assert_eq!(file.headers["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(file.headers["content-type"], "text/javascript; charset=utf-8");
    assert!(!file.headers.contains_key("content-encoding"));
    for answer in [&page, &file] {
        assert_eq!(answer.headers["content-security-policy"], POLICY);
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
        assert_eq!(answer.headers["cross-origin-opener-policy"], "same-origin");
    }
    let small = fetch(&server, "GET", &module, &[("Accept-Encoding", "gzip, br")]);
    assert_eq!(small.headers["content-encoding"], "gzip");
    assert!(small.body.starts_with(&[0x1f, 0x8b]) && small.body.len() * 2 < file.body.len());
    let head = fetch(&server, "HEAD", &module, &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.headers["content-length"], file.body.len().to_string());
    for (method, path, status) in [
        ("GET", format!("/{prefix}lib/none.js"), 404),
        ("GET", format!("/{prefix}../../Cargo.toml"), 404),
        ("GET", format!("/{prefix}%2e%2e/index.html"), 404),
        ("GET", "/a/0000000000000000/chart.js".to_owned(), 404),
        ("GET", "/other".to_owned(), 404),
        ("POST", "/".to_owned(), 415),
    ] {
        let answer = fetch(&server, method, &path, &[]);
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{path}");
    }
}

#[test]
fn with_a_token_configured_only_the_page_is_public() {
    let mut home = Home::new();
    home.set_env("T", "s3cret");
    let mut daemon = home.start(&format!("{CONFIG}token_env = \"T\"\n"));
    let server = daemon.web();
    let page = fetch(&server, "GET", "/", &[]);
    assert_eq!(page.status, 200);
    let file = fetch(&server, "GET", &format!("/{}app.js", prefix(&page)), &[]);
    assert_eq!(file.status, 200);
    for path in ["/api/v1/alarms", "/api/v1/status", "/api/", "/api/v1/a/b"] {
        assert_eq!(fetch(&server, "GET", path, &[]).status, 401, "{path}");
    }
}
