use std::fmt::Write as _;

use super::super::receiver_model::{ChannelConfig, MailTls, Method, TextSource, UrlSource};
use super::super::testing::{accepted, hint};
use super::super::{Secret, SecretSource, parse};
use super::*;

const HOOK: &str = "type = \"webhook\"\nurl = \"https://h.example/x\"\n";
const MAIL: &str =
    "type = \"email\"\nserver = \"smtp.example\"\nfrom = \"v@e.org\"\nto = [\"a@e.org\"]\n";

/// The table of a receiver; its keys begin on line 4 of the text.
fn table(keys: &str) -> String {
    format!("[broker]\n[[receivers]]\nname = \"r\"\n{keys}")
}

fn said(keys: &str) -> Vec<String> {
    super::super::testing::said(&table(keys))
}

fn hint_for(keys: &str) -> String {
    hint(&table(keys))
}

fn receiver_of(keys: &str) -> ReceiverConfig {
    accepted(&table(keys)).receivers.remove(0)
}

#[test]
fn a_webhook_needs_a_name_and_an_address() {
    let receiver = receiver_of(HOOK);
    assert_eq!(&*receiver.name, "r");
    assert_eq!(receiver.selection, AlarmSelection::default());
    assert_eq!(receiver.group_by, [GroupLabel::Location]);
    let waits = [receiver.group_wait, receiver.group_interval, receiver.repeat_interval];
    assert_eq!(waits.map(|wait| wait.as_secs()), [30, 300, 14_400]);
    assert!(receiver.send_resolved && receiver.max_alerts == 1_000);
    assert!(matches!(receiver.channel, ChannelConfig::Webhook(_)));
    let empty = super::super::testing::said("[broker]\n[[receivers]]\n");
    assert_eq!(
        empty,
        ["2: `name` is missing in [[receivers]]", "2: `type` is missing in [[receivers]]"]
    );
    assert_eq!(said("type = \"webhook\"\n"), ["2: `url` is missing in [[receivers]]"]);
}

#[test]
fn reads_the_rest_of_a_receiver() {
    let receiver = receiver_of(&format!(
        "{HOOK}priorities = [\"high\", \"critical\"]\nrules = [\"cold-*\"]\n\
         locations = [\"Hall ?\"]\ngroup_by = []\ngroup_wait = \"0s\"\ngroup_interval = \"1h\"\n\
         repeat_interval = \"30d\"\nsend_resolved = false\nmax_alerts = 7\n"
    ));
    let AlarmSelection { priorities, rules, locations } = receiver.selection;
    assert_eq!(priorities, [Priority::High, Priority::Critical]);
    assert_eq!((&*rules[0], &*locations[0]), ("cold-*", "Hall ?"));
    assert!(receiver.group_by.is_empty() && !receiver.send_resolved && receiver.max_alerts == 7);
    assert_eq!(receiver.repeat_interval, LONGEST_WAIT);
}

#[test]
fn words_and_numbers_are_what_they_should_be() {
    assert_eq!(
        said(&format!(
            "{HOOK}priorities = [\"hihg\"]\ngroup_by = [\"rule\", \"rule\"]\nmax_alerts = 0\n\
             group_wait = \"31d\"\nsend_resolved = 1\nrepeat = \"1h\"\n"
        )),
        [
            "6: `priorities` can't have `hihg` in it",
            "7: `rule` is twice in `group_by`",
            "8: `max_alerts` can't be 0",
            "9: `group_wait` is longer than 30d",
            "10: `send_resolved` must be true or false, not a whole number",
            "11: unknown key `repeat` in [[receivers]]",
        ]
    );
    assert_eq!(hint_for(&format!("{HOOK}priorities = [\"hihg\"]\n")), "did you mean `high`?");
    assert_eq!(hint_for(&format!("{HOOK}repeat = \"1h\"\n")), "did you mean `repeat_interval`?");
    assert_eq!(said("type = \"weebhook\"\n"), ["4: `type` can't be `weebhook`"]);
    assert_eq!(hint_for(&format!("{HOOK}max_alerts = 1001\n")), "it can be from 1 to 1000");
}

#[test]
fn names_are_each_receivers_own() {
    let two = format!("{}{}", table(HOOK), &table(HOOK)["[broker]\n".len()..]);
    let said = super::super::testing::said(&two);
    assert_eq!(said, ["7: receiver `r` is defined twice, first at test.toml:3:8"]);
    let text = table(HOOK).replace("\"r\"", "\"a b\"");
    assert_eq!(super::super::testing::said(&text), ["3: `a b` is no name of a receiver"]);
    let mut many = "[broker]\n".to_owned();
    for n in 0..=MOST_RECEIVERS {
        // Writing to a string can't fail.
        let _ = write!(many, "[[receivers]]\nname = \"r{n}\"\n{HOOK}");
    }
    assert_eq!(super::super::testing::said(&many), ["202: there are more than 50 receivers"]);
}

#[test]
fn an_address_is_of_the_web_and_has_no_password_in_it() {
    for (url, what) in [
        ("h.example/x", "the address does not start with http:// or https://"),
        ("ftp://h/s3cret", "the address does not start with http:// or https://"),
        ("https:///x", "the address has no host"),
        ("https://me:s3cret@h/x", "the address has a user or password in it"),
        ("https://h/a b?s3cret", "the address has a space or an accent in it"),
        ("https://h:66666/s3cret", "the port is not a number from 1 to 65535"),
    ] {
        let keys = format!("type = \"webhook\"\nurl = \"{url}\"\n");
        assert_eq!(said(&keys), [format!("5: {what}")], "{url}");
        let errors = parse(&table(&keys), "f").unwrap_err().to_string();
        assert!(!errors.contains("s3cret"), "{errors}");
    }
    for url in ["http://127.0.0.1:8080", "https://[::1]:9/x?y#z", "https://h"] {
        receiver_of(&format!("type = \"webhook\"\nurl = \"{url}\"\n"));
    }
}

#[test]
fn a_secret_is_kept_elsewhere() {
    let receiver = receiver_of(
        "type = \"webhook\"\nurl_env = \"HOOK\"\n\
         headers = { X-Team = \"a\", Authorization = { env = \"TOKEN\" } }\n",
    );
    let ChannelConfig::Webhook(http) = &receiver.channel else { panic!() };
    assert_eq!(http.url, UrlSource::Stored(SecretSource::Env("HOOK".into())));
    assert_eq!(http.headers["X-Team"], TextSource::Plain("a".into()));
    assert_eq!(receiver.channel.secrets().len(), 2);
    let plain = receiver_of("type = \"webhook\"\nurl = \"https://h/s3cret\"\n");
    assert!(!format!("{plain:?}").contains("s3cret"), "{plain:?}");
    assert_eq!(
        said("type = \"webhook\"\nurl = \"https://h\"\nurl_file = \"f\"\n"),
        ["6: the address is given twice"]
    );
    let keys = "type = \"webhook\"\nurl_env = \"https://h/s3cret\"\n";
    assert_eq!(said(keys), ["5: this is no name of an environment variable"]);
    for (header, what) in [
        ("authorization = \"Bearer s3cret\"", "a secret has no place in this file"),
        ("Content-Type = \"x\"", "the header `Content-Type` is set by itself"),
        ("\"a b\" = \"x\"", "`a b` is no name of a header"),
        ("X = 1", "the header `X` is not text"),
        ("X = \"é\"", "the header `X` has an accent or control character in it"),
        ("X = {}", "`env` is missing in the header `X`"),
        ("X = { enf = \"A\", env = \"A\" }", "unknown key `enf` in the header `X`"),
    ] {
        let said = said(&format!("{HOOK}headers = {{ {header} }}\n"));
        assert_eq!(said, [format!("6: {what}")], "{header}");
    }
}

#[test]
fn a_proxy_is_an_address_whose_secret_is_kept_elsewhere() {
    let proxy = |keys: &str| {
        let receiver = receiver_of(&format!("{HOOK}{keys}"));
        let ChannelConfig::Webhook(http) = &receiver.channel else { panic!() };
        (http.proxy.clone(), receiver.channel.secrets().len())
    };
    assert_eq!(proxy(""), (None, 0));
    for url in ["http://10.0.0.1:3128", "https://p.example", "socks5h://p:1080"] {
        let (proxy, secrets) = proxy(&format!("proxy = \"{url}\"\n"));
        assert_eq!((proxy, secrets), (Some(UrlSource::Plain(Secret::new(url.into()))), 0));
    }
    assert_eq!(proxy("proxy_env = \"P\"\n").1, 1);
    assert_eq!(proxy("proxy_file = \"p\"\n").1, 1);
    for (keys, what) in [
        ("proxy = \"http://me:s3cret@p\"", "6: the proxy has a user or password in it"),
        ("proxy = \"http://\"", "6: the proxy has no host"),
        ("proxy_env = \"P\"\nproxy_file = \"p\"", "7: the proxy is given twice"),
        ("prxy = \"http://p\"", "6: unknown key `prxy` in [[receivers]]"),
    ] {
        assert_eq!(said(&format!("{HOOK}{keys}\n")), [what], "{keys}");
    }
    let bare = said(&format!("{HOOK}proxy = \"p:3128\"\n"));
    assert!(bare[0].starts_with("6: the proxy does not start with http:// or"), "{bare:?}");
    let mail = said(&format!("{MAIL}proxy = \"http://p\"\n"));
    assert_eq!(mail, ["8: unknown key `proxy` in [[receivers]]"]);
}

#[test]
fn a_mail_server_is_greeted_with_a_name_or_an_address() {
    for hello in ["vigie.example.org", "vm", "[192.0.2.7]", "[IPv6:2001:db8::7]"] {
        let receiver = receiver_of(&format!("{MAIL}hello = \"{hello}\"\n"));
        let ChannelConfig::Email(email) = receiver.channel else { panic!() };
        assert_eq!(email.hello.as_deref(), Some(hello));
    }
    for hello in
        ["a b", "a..b", "-a.b", "192.0.2.7]", "[192.0.2]", "[2001:db8::7]", "é.fr", "a\\r\\nb"]
    {
        let said = said(&format!("{MAIL}hello = \"{hello}\"\n"));
        assert_eq!(said.len(), 1, "{hello}: {said:?}");
    }
}

#[test]
fn a_template_has_a_body_whose_placeholders_stand_for_something() {
    let receiver = receiver_of(
        "type = \"template\"\nurl = \"https://h\"\nmethod = \"PUT\"\n\
         content_type = \"text/plain\"\nbody = \"{subject} {} {a b} {\"\n",
    );
    let ChannelConfig::Template(_, template) = receiver.channel else { panic!() };
    assert_eq!(template.method, Method::Put);
    let keys = "type = \"template\"\nurl = \"https://h\"\n";
    assert_eq!(said(keys), ["2: `body` is missing in [[receivers]]"]);
    let keys = format!("{keys}body = '{{\"text\": \"{{subjet}} {{TEXT}}\"}}'\n");
    assert_eq!(
        said(&keys),
        ["6: `{subjet}` in `body` stands for nothing", "6: `{TEXT}` in `body` stands for nothing"]
    );
    let keys = keys.replace(" {TEXT}", "");
    assert_eq!(hint_for(&keys), "did you mean `{subject}`?");
    assert_eq!(said(&format!("{HOOK}body = \"x\"\n")), ["6: unknown key `body` in [[receivers]]"]);
}

#[test]
fn a_mail_has_a_server_and_addresses() {
    let receiver = receiver_of(MAIL);
    let ChannelConfig::Email(email) = receiver.channel else { panic!() };
    assert_eq!((email.port, email.tls), (587, MailTls::StartTls));
    for (tls, port) in [("tls", 465), ("none", 25)] {
        let receiver = receiver_of(&format!("{MAIL}tls = \"{tls}\"\n"));
        let ChannelConfig::Email(email) = receiver.channel else { panic!() };
        assert_eq!(email.port, port);
    }
    assert_eq!(
        said("type = \"email\"\n"),
        [
            "2: `server` is missing in [[receivers]]",
            "2: `from` is missing in [[receivers]]",
            "2: `to` is missing in [[receivers]]"
        ]
    );
    assert_eq!(
        said(
            "type = \"email\"\nserver = \"h:25\"\nport = 0\nfrom = \"x\"\nto = [\"a@b\", 1, \"@c\"]\n"
        ),
        [
            "5: `h:25` has a port in it",
            "6: `port` can't be 0",
            "7: `x` is no mail address",
            "8: an address in `to` is not text",
            "8: `@c` is no mail address"
        ]
    );
    let login = "username = \"u\"\npassword_env = \"P\"\ntls = \"none\"\n";
    assert_eq!(
        said(&format!("{MAIL}{login}")),
        ["8: the password would be sent in clear: tls is \"none\""]
    );
    receiver_of(&format!("{MAIL}{login}").replace("smtp.example", "127.0.0.1"));
    let list = "type = \"email\"\nserver = \"h\"\nfrom = \"v@e.org\"\nto = []\n";
    assert_eq!(said(list), ["7: `to` has 0 addresses"]);
}

#[test]
fn mail_addresses_are_plain() {
    for good in ["a@b", "a.b+c@d-e.example", "Vigie du site <v@e.org>", "Équipe <v@e.org>"] {
        let keys = MAIL.replace("v@e.org", good);
        receiver_of(&keys);
    }
    for bad in
        ["a", "a@", "@b", "a@b@c", "a b@c", "a..b@c", "a@b..c", "a@-b", "<a@b", "x (y) <a@b>"]
    {
        let keys = MAIL.replace("v@e.org", bad);
        assert_eq!(said(&keys).len(), 1, "{bad}");
    }
}
