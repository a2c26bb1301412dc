//! `[web]`: where the API listens beside its Unix socket, and what it asks for.

use super::credentials::env_name;
use super::errors::Mistake;
use super::inspector::At;
use super::model::{SecretSource, WebConfig};
use super::network::listen_address;
use super::reader::TableReader;

/// The port in hints.
const PORT: u16 = 8420;

pub(super) fn web(mut table: TableReader<'_>) -> WebConfig {
    let listen = table.text("listen").and_then(|text| {
        let address = table.inspector.check(text.at, listen_address(text.value, PORT))?;
        Some(At { at: text.at, value: address })
    });
    let token = token(&mut table);
    let has_token = ["token", "token_file", "token_env"].into_iter().find(|key| table.has(key));
    if let (Some(At { at, value }), None) = (listen, has_token)
        && !value.ip().to_canonical().is_loopback()
    {
        let mistake = Mistake::new(
            format!("{value} can be reached from outside, and anyone may acknowledge alarms"),
            "add token_file or token_env, or listen on 127.0.0.1",
        );
        table.inspector.absent(at, mistake);
    }
    if let (Some(key), false) = (has_token, table.has("listen")) {
        table.missing("listen", format!("{key} is for it: add listen = \"127.0.0.1:{PORT}\""));
    }
    table.finish();
    WebConfig { listen: listen.map(|listen| listen.value), token }
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
        assert_eq!(accepted("[broker]").web, WebConfig { listen: None, token: None });
        assert_eq!(web_of(""), WebConfig { listen: None, token: None });
        let listen = Some("127.0.0.1:0".parse().unwrap());
        assert_eq!(web_of("listen = \"127.0.0.1:0\""), WebConfig { listen, token: None });
    }

    #[test]
    fn beyond_loopback_it_needs_a_token() {
        assert_eq!(
            said("listen = \"0.0.0.0:8420\""),
            ["3: 0.0.0.0:8420 can be reached from outside, and anyone may acknowledge alarms"]
        );
        let web = web_of("listen = \"[::]:8420\"\ntoken_env = \"T\"");
        assert_eq!(web.token, Some(SecretSource::Env("T".into())));
        let web = web_of("listen = \"127.0.0.1:1\"\ntoken_file = \"t\"");
        assert_eq!(web.token, Some(SecretSource::File("t".into())));
        assert_eq!(said("listen = \"0.0.0.0:1\"\ntoken_env = 5").len(), 1);
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
}
