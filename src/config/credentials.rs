//! `username`, `password_file` and `password_env` of `[broker]` and `[mqtt]`.
//!
//! Names the source of a password; never reads one, and never quotes what could be one.

use std::collections::HashMap;

use super::errors::{Mistake, quote};
use super::inspector::At;
use super::model::{Credentials, Login, SecretSource};
use super::reader::TableReader;

/// User name and source of its password, with the position of the user name: an account of this daemon.
pub(super) fn credentials(table: &mut TableReader<'_>) -> Option<At<Credentials>> {
    let At { at, value: Login { username, password } } = login(table)?;
    if !has_password(table) {
        let mistake = Mistake::new(
            "`username` comes without a password",
            "add password_file = \"…\" or password_env = \"…\"",
        );
        table.inspector.wrong(at, mistake);
    }
    Some(At { at, value: Credentials { username, password: password? } })
}

/// Account at an external server, which may have no password.
pub(super) fn login(table: &mut TableReader<'_>) -> Option<At<Login>> {
    let username = table.text("username");
    let password = password(table);
    if let Some(key) = PASSWORDS.into_iter().find(|key| table.has(key)) {
        let hint = format!("add username = \"…\", or remove {key}");
        table.require(username, "username", &hint);
    }
    let At { at, value: username } = username?;
    Some(At { at, value: Login { username: username.to_owned(), password } })
}

const PASSWORDS: [&str; 3] = ["password", "password_file", "password_env"];

fn has_password(table: &TableReader<'_>) -> bool {
    PASSWORDS.into_iter().any(|key| table.has(key))
}

/// Source of a password; `None` if absent or invalid.
pub(super) fn password(table: &mut TableReader<'_>) -> Option<SecretSource> {
    if let Some(at) = table.refused("password") {
        let hint = "put it in a file (password_file = \"…\") or in the environment \
                    (password_env = \"…\")";
        table.wrong(at, "a password has no place in this file", hint);
    }
    let file = table.path("password_file");
    let env = table.text("password_env");
    if let (Some(_), Some(env)) = (&file, &env) {
        let what = "`password_env` and `password_file` are both given";
        table.wrong(env.at, what, "keep one of them");
    }
    if let Some(At { at, value: name }) = env {
        let name = table.inspector.check(at, env_name("password", "VIGIE_MQTT_PASSWORD", name))?;
        return Some(SecretSource::Env(name.to_owned()));
    }
    file.map(|file| SecretSource::File(file.value))
}

/// Registers a user's name, and reports a duplicate. `taken`: the names so far, each with its position.
pub(super) fn claim_name(
    taken: &mut HashMap<String, usize>,
    table: &TableReader<'_>,
    At { at, value: name }: At<&str>,
) {
    if let Some(first_at) = taken.get(name) {
        let what = format!("user {} is defined twice", quote(name));
        let mistake = Mistake::new(what, "give each user a name of its own");
        table.inspector.duplicate(at, *first_at, mistake);
    } else {
        taken.insert(name.to_owned(), at);
    }
}

/// Rejects an invalid variable name without quoting it: it may be the secret itself. `what` is its purpose and
/// `example` a valid one, for the error.
pub(super) fn env_name<'a>(what: &str, example: &str, name: &'a str) -> Result<&'a str, Mistake> {
    let starts_well = !name.starts_with(|c: char| c.is_ascii_digit());
    let continues_well = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if starts_well && continues_well {
        return Ok(name);
    }
    Err(Mistake::new(
        format!("`{what}_env` is no name of an environment variable"),
        format!("name the variable that holds the {what}: {what}_env = \"{example}\""),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::super::testing::{accepted, said};
    use super::*;

    fn broker(lines: &str) -> Vec<String> {
        said(&format!("[broker]\n{lines}\n"))
    }

    #[test]
    fn a_password_stays_out_of_the_file() {
        for section in ["[broker]", "[mqtt]\nurl = \"mqtts://h\""] {
            let text = format!("{section}\nusername = \"u\"\npassword = \"hunter2\"\n");
            let errors = parse(&text, "f").unwrap_err();
            assert_eq!(errors.as_slice().len(), 1, "{errors}");
            assert!(errors.to_string().contains("a password has no place in this file"));
            assert!(!errors.to_string().contains("hunter2"), "{errors}");
        }
        assert_eq!(
            said(
                "[mqtt]\nurl = \"mqtts://u:hunter2@h\"\npassword_env = \"hunter 2!\"\nusername = 1"
            ),
            [
                "2: the address has a user or password in it",
                "3: `password_env` is no name of an environment variable",
                "4: `username` must be text, not a whole number"
            ]
        );
    }

    #[test]
    fn elsewhere_a_username_may_be_all() {
        for text in [
            "[mqtt]\nurl = \"mqtt://h\"\nusername = \"TOKEN\"\n",
            "[broker]\n[[receivers]]\nname = \"r\"\ntype = \"email\"\nserver = \"h\"\n\
             from = \"v@e.org\"\nto = [\"a@e.org\"]\nusername = \"TOKEN\"\n",
        ] {
            let config = accepted(text);
            let of_mqtt = config.mqtt.credentials;
            let of_mail = config.receivers.first().map(|it| it.channel.secrets().len());
            assert!(
                of_mqtt.is_some_and(|it| it.password.is_none()) || of_mail == Some(0),
                "{text}"
            );
        }
        let both = "[mqtt]\nurl = \"mqtt://h\"\npassword_env = \"E\"\n";
        assert_eq!(said(both), ["1: `username` is missing in [mqtt]"]);
    }

    #[test]
    fn an_empty_password_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let login = |file| Login { username: "u".into(), password: file };
        let of_file = login(Some(SecretSource::File(file.clone())));
        assert!(of_file.read_password().is_err(), "there is no such file");
        for (text, expected) in [("", None), ("\n", None), ("s3cret\nx", Some("s3cret"))] {
            std::fs::write(&file, text).unwrap();
            let read = of_file.read_password().unwrap();
            assert_eq!(read.as_ref().map(crate::config::Secret::reveal), expected);
        }
        assert_eq!(login(None).read_password(), Ok(None));
    }

    #[test]
    fn a_username_goes_with_one_password() {
        assert_eq!(broker("username = \"u\""), ["2: `username` comes without a password"]);
        assert_eq!(
            broker("username = \"u\"\npassword_file = \"p\"\npassword_env = \"E\""),
            ["4: `password_env` and `password_file` are both given"]
        );
        assert_eq!(broker("password_file = \"p\""), ["1: `username` is missing in [broker]"]);
        assert_eq!(broker("username = \"\"\npassword_env = \"E\""), ["2: `username` is empty"]);
    }
}
