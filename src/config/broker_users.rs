//! `[[broker.users]]`: users of the embedded broker, with their rights.
//!
//! Names the source of a password; never reads one, and never quotes what could be one.

use std::collections::HashMap;

use super::connection_model::{BrokerPreset, BrokerUser, Credentials, GATEWAY_USER};
use super::credentials;
use super::errors::quote;
use super::inspector::At;
use super::reader::TableReader;

/// Longest name: it is part of log lines and of topics.
const LONGEST_NAME: usize = 64;

/// Limit of a user's patterns, of each kind: they are matched for each message.
const MOST_PATTERNS: usize = 100;

/// Account with all rights, with the position of its name.
pub(super) fn account(broker: &mut TableReader<'_>) -> Option<At<Credentials>> {
    let account = credentials::credentials(broker)?;
    reserved(broker, account.at, &account.value.username);
    Some(account)
}

/// Reads the `[[broker.users]]` tables, in their order.
pub(super) fn users(
    broker: &mut TableReader<'_>,
    account: Option<&At<Credentials>>,
) -> Vec<BrokerUser> {
    let mut users = Vec::new();
    let mut names: HashMap<String, usize> = HashMap::new();
    names.extend(account.map(|account| (account.value.username.clone(), account.at)));
    let mut num_tables = 0;
    for mut table in broker.tables("users", "[[broker.users]]") {
        num_tables += 1;
        let name = name(&mut table);
        if let Some(name) = name {
            credentials::claim_name(&mut names, &table, name);
        }
        users.extend(user(table, name.map(|name| name.value)));
    }
    if let (Some(at), 0) = (broker.place_of("users"), num_tables) {
        broker.wrong(at, "`users` has nobody in it", "remove the line, or write [[broker.users]]");
    }
    users
}

fn user(mut table: TableReader<'_>, name: Option<&str>) -> Option<BrokerUser> {
    let password = credentials::password(&mut table);
    if !["password", "password_file", "password_env"].into_iter().any(|key| table.has(key)) {
        table.missing("password_file", "or password_env: the file or variable with its password");
    }
    let preset = table.choice("preset", &BrokerPreset::WORDS);
    let publish = patterns(&mut table, "publish");
    let subscribe = patterns(&mut table, "subscribe");
    if !["preset", "publish", "subscribe"].into_iter().any(|key| table.has(key)) {
        let hint =
            "\"device\", \"operator\" or \"reader\"; or list topics in publish and subscribe";
        table.missing("preset", hint);
    }
    table.finish();
    Some(BrokerUser { name: name?.to_owned(), password: password?, preset, publish, subscribe })
}

/// Name that is valid as one level of a topic.
fn name<'a>(table: &mut TableReader<'a>) -> Option<At<&'a str>> {
    let name = table.text("name");
    let At { at, value } = table.require(name, "name", "name the user: name = \"pump-7\"")?;
    if value.len() > LONGEST_NAME || value.trim() != value || value.contains(['/', '+', '#']) {
        let what = format!("{} is no name of a user", quote(value));
        let hint = "use at most 64 bytes, without /, + and #, and without spaces at either end";
        table.wrong(at, what, hint);
        return None;
    }
    reserved(table, at, value).then_some(At { at, value })
}

/// Reports a reserved name.
fn reserved(table: &TableReader<'_>, at: usize, name: &str) -> bool {
    let is_free = name != GATEWAY_USER;
    if !is_free {
        let what = format!("{} is the daemon's own user", quote(name));
        table.wrong(at, what, "choose another name");
    }
    is_free
}

/// List of topic filters.
pub(super) fn patterns(table: &mut TableReader<'_>, key: &'static str) -> Vec<String> {
    const HINT: &str = "write levels with slashes between them, + for any one, # for all that follow, %u for the \
                        user's name, %c for the client id: factory/sensors/+/%u";
    let Some(item) = table.item(key) else { return Vec::new() };
    let Some(list) = item.value.as_array() else {
        table.wrong_type::<()>(key, item, "a list", "[\"factory/sensors/+\"]");
        return Vec::new();
    };
    if list.len() > MOST_PATTERNS {
        let what = format!("`{key}` has {} topics", list.len());
        table.wrong(item.at, what, format!("use wildcards: {MOST_PATTERNS} at most"));
    }
    let mut patterns = Vec::with_capacity(list.len());
    for item in list {
        let text = item.get_ref().as_str().unwrap_or_default();
        if is_filter(text) {
            patterns.push(text.to_owned());
        } else {
            let what = format!("{} in `{key}` is no topic", quote(text));
            table.wrong(table.base + item.span().start, what, HINT);
        }
    }
    patterns
}

/// True for a topic filter of MQTT (MQTT 5, 4.7).
fn is_filter(text: &str) -> bool {
    let mut levels = text.split('/').peekable();
    let mut is_right = !text.is_empty() && !text.contains('\0') && !text.starts_with("$share");
    while let Some(level) = levels.next() {
        let is_wildcard = matches!(level, "+" | "#");
        is_right &= is_wildcard || !level.contains(['+', '#']);
        is_right &= level != "#" || levels.peek().is_none();
    }
    is_right
}

#[cfg(test)]
mod tests {
    use super::super::connection_model::SecretSource;
    use super::super::testing::{accepted, hint, said};
    use super::*;

    fn user(lines: &str) -> String {
        format!("[broker]\n[[broker.users]]\n{lines}\n")
    }

    #[test]
    fn a_user_has_a_password_and_rights() {
        let text = user("name = \"pump-7\"\npassword_env = \"E\"\npreset = \"device\"")
            + "[[broker.users]]\nname = \"hmi\"\npassword_file = \"f\"\n\
               publish = [\"site/%u/+\"]\nsubscribe = [\"#\", \"cmd/%c\"]\n";
        let users = accepted(&text).broker.unwrap().users;
        let [pump, hmi] = users.as_slice() else { panic!("{users:?}") };
        assert_eq!((&*pump.name, pump.preset), ("pump-7", Some(BrokerPreset::Device)));
        assert_eq!(pump.password, SecretSource::Env("E".into()));
        assert_eq!(hmi.password, SecretSource::File("f".into()));
        assert_eq!((hmi.preset, hmi.publish.as_slice()), (None, ["site/%u/+".into()].as_slice()));
        assert_eq!(hmi.subscribe, ["#", "cmd/%c"]);
    }

    #[test]
    fn with_users_it_may_listen_beyond_loopback() {
        let text = user("name = \"a\"\npassword_env = \"E\"\npreset = \"reader\"");
        accepted(&text.replace("[broker]\n", "[broker]\nlisten = \"0.0.0.0:1883\"\n"));
    }

    #[test]
    fn what_is_missing_is_said() {
        assert_eq!(
            said(&user("")),
            [
                "2: `name` is missing in [[broker.users]]",
                "2: `password_file` is missing in [[broker.users]]",
                "2: `preset` is missing in [[broker.users]]"
            ]
        );
        let nobody = said("[broker]\nusers = []");
        assert_eq!(nobody, ["2: `users` has nobody in it"]);
    }

    #[test]
    fn names_are_levels_of_topics_and_each_users_own() {
        let named = |name: &str| {
            user(&format!("name = \"{name}\"\npassword_env = \"E\"\npreset = \"reader\""))
        };
        for name in ["a/b", "+", "a#", " a", &"a".repeat(65)] {
            let said = said(&named(name));
            assert!(said[0].contains("is no name of a user"), "{said:?}");
        }
        assert!(said(&named(GATEWAY_USER))[0].contains("the daemon's own user"));
        let account = "[broker]\nusername = \"vigie-gateway\"\npassword_env = \"E\"";
        assert!(said(account)[0].contains("the daemon's own user"));
        let twice = named("a") + &named("a").replace("[broker]\n", "");
        assert!(said(&twice)[0].contains("user `a` is defined twice"), "{:?}", said(&twice));
        let of_account =
            named("a").replace("[broker]\n", "[broker]\nusername = \"a\"\npassword_env = \"E\"\n");
        assert!(said(&of_account)[0].contains("user `a` is defined twice"));
    }

    #[test]
    fn patterns_are_filters_of_mqtt() {
        let of = |pattern: &str| {
            user(&format!("name = \"a\"\npassword_env = \"E\"\npublish = [\"{pattern}\"]"))
        };
        for right in ["a", "a/+/b", "#", "a/#", "+", "/", "$SYS/#", "a/%u-%c"] {
            accepted(&of(right));
        }
        for wrong in ["", "a/#/b", "a+", "#/a", "$share/g/a"] {
            let said = said(&of(wrong));
            assert_eq!(said, [format!("5: `{wrong}` in `publish` is no topic")]);
        }
        assert!(hint(&of("a+")).contains("%u"));
        let no_list = of("a").replace("[\"a\"]", "\"a\"");
        assert_eq!(said(&no_list), ["5: `publish` must be a list, not text"]);
    }
}
