//! `[web]`: addresses of the page and the API beside their Unix socket, and their access.

use std::net::IpAddr;

use super::broker::listen_address;
use super::credentials::env_name;
use super::errors::{Mistake, quote};
use super::inspector::At;
use super::model::{SecretSource, ServerTls};
use super::network::pair;
use super::reader::TableReader;
use super::web_model::WebConfig;
use super::web_users::users;

/// The port in hints.
const PORT: u16 = 8420;

/// Limit of series listed in a scrape: each is about 300 bytes of text.
const MOST_METRICS_SENSORS: u64 = 10_000;

/// Keys that have no use unless it listens by TCP.
const FOR_LISTEN: [&str; 8] = [
    "token",
    "token_file",
    "token_env",
    "users",
    "proxies",
    "tls_cert",
    "tls_key",
    "metrics_sensors",
];

/// Keys that restrict access.
const FOR_ACCESS: [&str; 4] = ["token", "token_file", "token_env", "users"];

pub(super) fn web(mut table: TableReader<'_>) -> WebConfig {
    let listen = table.text("listen").and_then(|text| {
        let address = table.inspector.check(text.at, listen_address(text.value, PORT))?;
        Some(At { at: text.at, value: address })
    });
    let token = token(&mut table);
    let users = users(&mut table);
    let is_guarded = FOR_ACCESS.into_iter().any(|key| table.has(key));
    if let (Some(At { at, value }), false) = (listen, is_guarded)
        && !value.ip().to_canonical().is_loopback()
    {
        let mistake = Mistake::new(
            format!("{value} can be reached from outside, and anyone may acknowledge alarms"),
            "add [[web.users]] (run vigie passwd USER), token_file or token_env, or listen on 127.0.0.1",
        );
        table.inspector.wrong(at, mistake);
    }
    if !table.has("listen")
        && let Some(key) = FOR_LISTEN.into_iter().find(|key| table.has(key))
    {
        table.missing("listen", format!("{key} is for it: add listen = \"127.0.0.1:{PORT}\""));
    }
    let proxies = proxies(&mut table);
    let tls = pair(&mut table, "tls_cert", "tls_key").map(|(cert, key)| ServerTls { cert, key });
    let metrics_sensors = metrics_sensors(&mut table);
    table.finish();
    let listen = listen.map(|listen| listen.value);
    WebConfig { listen, token, users, proxies, tls, metrics_sensors }
}

fn proxies(table: &mut TableReader<'_>) -> Vec<IpAddr> {
    const EXAMPLE: &str = "[\"127.0.0.1\"]";
    let Some(item) = table.item("proxies") else { return Vec::new() };
    let Some(list) = item.value.as_array() else {
        table.wrong_type::<()>("proxies", item, "a list", EXAMPLE);
        return Vec::new();
    };
    let mut proxies = Vec::with_capacity(list.len());
    for item in list {
        let text = item.get_ref().as_str().unwrap_or_default();
        match text.parse::<IpAddr>() {
            Ok(address) => proxies.push(address.to_canonical()),
            Err(_) => {
                let what = format!("{} in `proxies` is no IP address", quote(text));
                let hint = format!("write the proxy's own address: proxies = {EXAMPLE}");
                table.wrong(table.base + item.span().start, what, hint);
            }
        }
    }
    proxies
}

fn metrics_sensors(table: &mut TableReader<'_>) -> usize {
    let Some(At { at, value }) = table.integer("metrics_sensors") else { return 0 };
    if value > MOST_METRICS_SENSORS {
        let what = format!("`metrics_sensors` can't be {value}");
        table.wrong(at, what, format!("it can be from 0 to {MOST_METRICS_SENSORS}"));
    }
    usize::try_from(value).unwrap_or_default()
}

fn token(table: &mut TableReader<'_>) -> Option<SecretSource> {
    if let Some(at) = table.refused("token") {
        let hint =
            "put it in a file (token_file = \"…\") or in the environment (token_env = \"…\")";
        table.wrong(at, "a token has no place in this file", hint);
    }
    let file = table.path("token_file");
    let env = table.text("token_env");
    if let (Some(_), Some(env)) = (&file, &env) {
        let what = "`token_env` and `token_file` are both given";
        table.wrong(env.at, what, "keep one of them");
    }
    if let Some(At { at, value: name }) = env {
        let name = table.inspector.check(at, env_name("token", "VIGIE_WEB_TOKEN", name))?;
        return Some(SecretSource::Env(name.to_owned()));
    }
    file.map(|file| SecretSource::File(file.value))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepted, hint};
    use super::*;

    fn said(lines: &str) -> Vec<String> {
        super::super::testing::said(&format!("[broker]\n[web]\n{lines}\n"))
    }

    fn web_of(lines: &str) -> WebConfig {
        accepted(&format!("[broker]\n[web]\n{lines}\n")).web
    }

    #[test]
    fn it_listens_nowhere_but_on_its_socket_unless_it_is_said() {
        assert_eq!(accepted("[broker]").web, WebConfig::default());
        assert_eq!(web_of(""), WebConfig::default());
        let listen = Some("127.0.0.1:0".parse().unwrap());
        let expected = WebConfig { listen, ..WebConfig::default() };
        assert_eq!(web_of("listen = \"127.0.0.1:0\""), expected);
    }

    #[test]
    fn beyond_loopback_it_needs_a_token_or_users() {
        assert_eq!(
            said("listen = \"0.0.0.0:8420\""),
            ["3: 0.0.0.0:8420 can be reached from outside, and anyone may acknowledge alarms"]
        );
        let web = web_of("listen = \"[::]:8420\"\ntoken_env = \"T\"");
        assert_eq!(web.token, Some(SecretSource::Env("T".into())));
        let web = web_of("listen = \"127.0.0.1:1\"\ntoken_file = \"t\"");
        assert_eq!(web.token, Some(SecretSource::File("t".into())));
        assert_eq!(said("listen = \"0.0.0.0:1\"\ntoken_env = 5").len(), 1);
        let hash = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$\
                    9aiyNEVGHBpdzCRjPlzVVJAGRXYJGxZGLpZYhPXVYFk";
        let users = format!("[[web.users]]\nname = \"anne\"\npassword_hash = \"{hash}\"");
        assert_eq!(web_of(&format!("listen = \"0.0.0.0:1\"\n{users}")).users.len(), 1);
        assert_eq!(said(&users), ["2: `listen` is missing in [web]"]);
    }

    #[test]
    fn a_token_stays_out_of_the_file_and_goes_with_listen() {
        let secret = "listen = \"127.0.0.1:1\"\ntoken = \"hunter2\"";
        assert_eq!(said(secret), ["4: a token has no place in this file"]);
        assert_eq!(said("token_env = \"T\""), ["2: `listen` is missing in [web]"]);
        assert_eq!(
            said("listen = \"127.0.0.1:1\"\ntoken_env = \"T\"\ntoken_file = \"t\""),
            ["4: `token_env` and `token_file` are both given"]
        );
        assert_eq!(
            said("listen = \"127.0.0.1:1\"\ntoken_env = \"hunter 2\""),
            ["4: `token_env` is no name of an environment variable"]
        );
        assert_eq!(said("listen = \"8420\""), ["3: `8420` is no address to listen on"]);
        assert!(hint("[broker]\n[web]\nlisten = \"host\"").contains("127.0.0.1:8420"));
        assert_eq!(hint("[broker]\n[web]\nlistn = 1"), "did you mean `listen`?");
    }
    #[test]
    fn proxies_are_addresses() {
        let listen = "listen = \"127.0.0.1:1\"\n";
        let web = web_of(&format!("{listen}proxies = [\"127.0.0.1\", \"::ffff:10.0.0.1\"]"));
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(web.proxies, [address("127.0.0.1"), address("10.0.0.1")]);
        assert_eq!(
            said(&format!("{listen}proxies = [\"nginx\", 1]")),
            ["4: `nginx` in `proxies` is no IP address", "4: `` in `proxies` is no IP address"]
        );
        let text = said(&format!("{listen}proxies = \"127.0.0.1\""));
        assert_eq!(text, ["4: `proxies` must be a list, not text"]);
    }

    #[test]
    fn a_certificate_goes_with_its_key_and_metrics_have_a_cap() {
        let listen = "listen = \"127.0.0.1:1\"\n";
        let web =
            web_of(&format!("{listen}tls_cert = \"c\"\ntls_key = \"k\"\nmetrics_sensors = 100"));
        assert_eq!(web.tls, Some(ServerTls { cert: "c".into(), key: "k".into() }));
        assert_eq!(web.metrics_sensors, 100);
        assert_eq!(
            said(&format!("{listen}tls_cert = \"c\"")),
            ["2: `tls_key` is missing in [web]"]
        );
        let many = said(&format!("{listen}metrics_sensors = 10001"));
        assert_eq!(many, ["4: `metrics_sensors` can't be 10001"]);
    }
}
