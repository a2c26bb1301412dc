//! `[mqtt]`: the way to a broker.

use std::path::PathBuf;
use std::time::Duration;

use super::broker_url;
use super::credentials::login;
use super::errors::Mistake;
use super::inspector::At;
use super::model::{
    BrokerConfig, ClientTls, Endpoint, Login, MqttConfig, MqttVersion, ReadingTopic,
};
use super::reader::TableReader;

/// The keep-alive is sent as whole seconds in 16 bits, and 0 would turn it off.
const KEEP_ALIVE: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(65_535);

/// Settings of the gateway. `broker` is the embedded one, if configured.
pub(super) fn mqtt(mut table: TableReader<'_>, broker: Option<&BrokerConfig>) -> MqttConfig {
    let endpoint = endpoint(&mut table, broker.is_some());
    if endpoint == Some(Endpoint::Embedded) && broker.is_some_and(|it| !it.forward.is_empty()) {
        let hint = "add url = \"mqtts://…\" below [mqtt], the broker that they are forwarded to";
        let mistake = Mistake::new("`forward` of [broker] has no use without `url`", hint);
        table.inspector.wrong(table.at(), mistake);
    }
    let credentials = own_or_embedded(&mut table, endpoint.as_ref(), broker);
    let tls = client_tls(&mut table, endpoint.as_ref(), broker);
    let topic_prefix = table.text("topic_prefix").and_then(|text| {
        table.inspector.check(text.at, topic_prefix("topic_prefix", "factory", text.value))
    });
    let version = version(&mut table);
    if version == MqttVersion::V3_1_1 && broker.is_some_and(|it| !it.forward.is_empty()) {
        let at = table.place_of("version").unwrap_or(table.at());
        let hint = "remove `version = 4`: what comes back by a subscription is known by a mark, which MQTT 3.1.1 has not";
        table.wrong(at, "`forward` of [broker] needs MQTT 5", hint);
    }
    let reading_topics =
        [("shared", ReadingTopic::Shared), ("per-sensor", ReadingTopic::PerSensor)];
    let (client_id, publish_client_id) = client_ids(&mut table);
    let mqtt = MqttConfig {
        endpoint: endpoint.unwrap_or(Endpoint::Embedded),
        name: table.text("name").map(|name| name.value.to_owned()),
        credentials,
        tls,
        client_id,
        publish_client_id,
        version,
        keep_alive: keep_alive(&mut table),
        retain: table.flag("retain").is_none_or(|flag| flag.value),
        alert_qos: alert_qos(&mut table),
        topic_prefix: topic_prefix.unwrap_or_else(|| "factory".into()),
        reading_topic: table
            .choice("reading_topic", &reading_topics)
            .unwrap_or(ReadingTopic::Shared),
    };
    table.finish();
    mqtt
}

/// Client ids for intake and publishing, which must differ: equal ones would disconnect each other.
fn client_ids(table: &mut TableReader<'_>) -> (String, String) {
    let intake = table.text("client_id").map_or("vigie", |id| id.value).to_owned();
    let Some(At { value, at }) = table.text("publish_client_id") else {
        let publishing = format!("{intake}-pub");
        return (intake, publishing);
    };
    if value == intake {
        let hint = "choose another, or remove it: it is `client_id` with `-pub` then";
        table.wrong(at, "`publish_client_id` is that of `client_id`", hint);
    }
    (intake, value.to_owned())
}

/// Credentials of the gateway: its own at an external broker, or the embedded broker's.
fn own_or_embedded(
    table: &mut TableReader<'_>,
    endpoint: Option<&Endpoint>,
    broker: Option<&BrokerConfig>,
) -> Option<Login> {
    let own = login(table);
    if endpoint != Some(&Endpoint::Embedded) {
        return own.map(|own| own.value);
    }
    if let Some(At { at, .. }) = own {
        let hint = "add url, or move it to [broker]: the gateway takes the embedded broker's own";
        let mistake = Mistake::new("`username` has no use without `url`", hint);
        table.inspector.wrong(at, mistake);
    }
    broker.and_then(|broker| broker.credentials.clone()).map(Login::from)
}

fn keep_alive(table: &mut TableReader<'_>) -> Duration {
    let Some(At { at, value }) = table.duration("keep_alive") else {
        return Duration::from_mins(1);
    };
    if !KEEP_ALIVE.contains(&value) {
        table.wrong(at, "`keep_alive` is out of range", "it can be from 1s to 65535s");
    }
    value
}

/// `None` when the address can't be read, and so nothing follows from it.
fn endpoint(table: &mut TableReader<'_>, has_broker: bool) -> Option<Endpoint> {
    let text = table.text("url");
    if let Some(At { at, value }) = text {
        return table.inspector.check(at, broker_url::parse(value));
    }
    if table.has("url") {
        return None;
    }
    if !has_broker {
        let hint = "add [broker] to run the embedded one, or url = \"mqtts://…\" below [mqtt]";
        let mistake = Mistake::new("there is no broker to talk to", hint);
        table.inspector.wrong(table.at(), mistake);
    }
    Some(Endpoint::Embedded)
}

/// Two files that are required together, such as a certificate and its key.
pub(super) fn pair(
    table: &mut TableReader<'_>,
    first: &'static str,
    second: &'static str,
) -> Option<(PathBuf, PathBuf)> {
    let (a, b) = (table.file(first), table.file(second));
    match (table.has(first), table.has(second)) {
        (true, false) => table.missing(second, format!("{first} needs it: add it or remove both")),
        (false, true) => table.missing(first, format!("{second} needs it: add it or remove both")),
        _ => {}
    }
    Some((a?.value, b?.value))
}

fn client_tls(
    table: &mut TableReader<'_>,
    endpoint: Option<&Endpoint>,
    broker: Option<&BrokerConfig>,
) -> ClientTls {
    let skip = table.flag("insecure_skip_verify").filter(|skip| skip.value);
    let tls = ClientTls {
        ca_file: table.file("ca_file").map(|file| file.value),
        client_cert: pair(table, "client_cert", "client_key"),
        insecure_skip_verify: skip.is_some(),
    };
    let unused = match endpoint {
        Some(Endpoint::Remote { tls: false, .. }) => {
            Some(("mqtt:// has no TLS", "write mqtts:// in url (its port is 8883), or remove it"))
        }
        Some(Endpoint::Embedded) if broker.is_some_and(|broker| broker.tls.is_none()) => Some((
            "the embedded broker has no TLS",
            "add url, or tls_cert and tls_key to [broker], or remove it",
        )),
        _ => None,
    };
    if let Some((why, hint)) = unused {
        for key in ["ca_file", "client_cert", "client_key", "insecure_skip_verify"] {
            let Some(at) = table.place_of(key) else { continue };
            if key != "insecure_skip_verify" || tls.insecure_skip_verify {
                let mistake = Mistake::new(format!("`{key}` has no use: {why}"), hint);
                table.inspector.wrong(at, mistake);
            }
        }
    }
    tls
}

fn version(table: &mut TableReader<'_>) -> MqttVersion {
    match table.integer("version") {
        None | Some(At { value: 5, .. }) => MqttVersion::V5,
        Some(At { value: 4, .. }) => MqttVersion::V3_1_1,
        Some(At { at, value }) => {
            table.wrong(at, format!("`version` can't be {value}"), "write 5, or 4 for MQTT 3.1.1");
            MqttVersion::V5
        }
    }
}

fn alert_qos(table: &mut TableReader<'_>) -> u8 {
    match table.integer("alert_qos") {
        None => 2,
        Some(At { value: qos @ 0..=2, .. }) => qos.to_le_bytes()[0],
        Some(At { at, value }) => {
            let hint = "write 2 for exactly once, 1 for at least once, 0 for at most once";
            table.wrong(at, format!("`alert_qos` can't be {value}"), hint);
            2
        }
    }
}

/// Topic prefix of a key; `example` is a valid one.
pub(super) fn topic_prefix(key: &str, example: &str, text: &str) -> Result<String, Mistake> {
    let problem = if text.contains(['+', '#']) {
        "has a wildcard in it"
    } else if text.starts_with('/') || text.ends_with('/') || text.contains("//") {
        "has an empty level"
    } else if text.starts_with('$') {
        "starts with `$`, which is the broker's own"
    } else {
        return Ok(text.to_owned());
    };
    Err(Mistake::new(
        format!("`{key}` {problem}"),
        format!("write names with single slashes between them: {example}, or plant/hall-2"),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::model::{Credentials, SecretSource, ServerTls};
    use super::super::testing::{accepted, hint, said};
    use super::*;

    fn mqtt(lines: &str) -> Vec<String> {
        said(&format!("[mqtt]\n{lines}\n"))
    }

    fn broker(lines: &str) -> Vec<String> {
        said(&format!("[broker]\n{lines}\n"))
    }

    #[test]
    fn reads_everything() {
        let config = accepted(
            "[broker]\nlisten = \"0.0.0.0:0\"\nusername = \"u\"\npassword_file = \"p\"\n\
             tls_cert = \"c\"\ntls_key = \"k\"\n\
             [mqtt]\nurl = \"mqtts://h\"\nname = \"n\"\nusername = \"v\"\npassword_env = \"E\"\n\
             ca_file = \"a\"\nclient_cert = \"c\"\nclient_key = \"k\"\ninsecure_skip_verify = true\n\
             client_id = \"i\"\nversion = 4\nkeep_alive = \"5s\"\ntopic_prefix = \"a/b\"\n\
             reading_topic = \"per-sensor\"\npublish_client_id = \"o\"\nretain = false\nalert_qos = 1\n",
        );
        let broker = config.broker.unwrap();
        assert_eq!(broker.listen.to_string(), "0.0.0.0:0");
        assert_eq!(
            broker.credentials,
            Some(Credentials { username: "u".into(), password: SecretSource::File("p".into()) })
        );
        assert_eq!(broker.tls, Some(ServerTls { cert: "c".into(), key: "k".into() }));
        let mqtt = config.mqtt;
        assert_eq!(mqtt.endpoint, Endpoint::Remote { host: "h".into(), port: 8883, tls: true });
        assert_eq!(
            mqtt.credentials,
            Some(Login { username: "v".into(), password: Some(SecretSource::Env("E".into())) })
        );
        let tls = ClientTls {
            ca_file: Some("a".into()),
            client_cert: Some(("c".into(), "k".into())),
            insecure_skip_verify: true,
        };
        assert_eq!(mqtt.tls, tls);
        assert_eq!(mqtt.name.as_deref(), Some("n"));
        assert_eq!((mqtt.client_id.as_str(), mqtt.topic_prefix.as_str()), ("i", "a/b"));
        assert_eq!(mqtt.publish_client_id, "o");
        assert_eq!((mqtt.retain, mqtt.alert_qos), (false, 1));
        assert_eq!(mqtt.version, MqttVersion::V3_1_1);
        assert_eq!(mqtt.keep_alive, Duration::from_secs(5));
        assert_eq!(mqtt.reading_topic, ReadingTopic::PerSensor);
    }

    #[test]
    fn the_gateway_takes_the_embedded_brokers_credentials() {
        let credentials = "[broker]\nusername = \"u\"\npassword_env = \"E\"\n";
        let config = accepted(credentials);
        assert_eq!(config.mqtt.credentials, config.broker.unwrap().credentials.map(Login::from));
        let config = accepted(&format!("{credentials}[mqtt]\nurl = \"mqtt://h\""));
        assert_eq!(config.mqtt.credentials, None);
    }

    #[test]
    fn what_is_forwarded_needs_a_broker_elsewhere_and_mqtt_5() {
        let forward = "[broker]\nforward = [\"a/#\"]\n";
        let text = format!("{forward}[mqtt]\nurl = \"mqtt://h\"\n");
        assert_eq!(accepted(&text).broker.unwrap().forward, ["a/#"]);
        let nowhere = super::super::testing::said(forward);
        assert_eq!(nowhere, ["1: `forward` of [broker] has no use without `url`"]);
        let old = super::super::testing::said(&format!("{text}version = 4\n"));
        assert_eq!(old, ["5: `forward` of [broker] needs MQTT 5"]);
    }

    #[test]
    fn there_is_a_broker() {
        assert_eq!(said(""), ["1: there is no broker to talk to"]);
        assert_eq!(said("language = \"en\"\n[mqtt]\n"), ["2: there is no broker to talk to"]);
        assert!(hint("").contains("[broker]"));
        assert_eq!(said("[mqtt]\nurl = \"http://x\"").len(), 1, "and nothing follows from it");
        assert_eq!(said("[mqtt]\nurl = 1").len(), 1, "nor from this");
    }

    #[test]
    fn certificates_go_with_keys() {
        assert_eq!(broker("tls_cert = \"c\""), ["1: `tls_key` is missing in [broker]"]);
        assert_eq!(broker("tls_key = \"c\""), ["1: `tls_cert` is missing in [broker]"]);
        assert_eq!(
            mqtt("url = \"mqtts://h\"\nclient_key = \"c\""),
            ["1: `client_cert` is missing in [mqtt]"]
        );
    }

    #[test]
    fn tls_options_need_tls() {
        let options = "ca_file = \"a\"\nclient_cert = \"c\"\nclient_key = \"k\"\n\
                       insecure_skip_verify = true";
        let said = mqtt(&format!("url = \"mqtt://h\"\n{options}"));
        assert_eq!(said.len(), 4, "{said:?}");
        assert_eq!(said[0], "3: `ca_file` has no use: mqtt:// has no TLS");
        let embedded = super::super::testing::said(&format!("[broker]\n[mqtt]\n{options}"));
        assert_eq!(embedded[0], "3: `ca_file` has no use: the embedded broker has no TLS");
        accepted("[mqtt]\nurl = \"mqtt://h\"\ninsecure_skip_verify = false");
        accepted("[broker]\ntls_cert = \"c\"\ntls_key = \"k\"\n[mqtt]\nca_file = \"c\"");
    }

    #[test]
    fn credentials_of_the_embedded_broker_are_its_own() {
        let text = "[broker]\n[mqtt]\nusername = \"u\"\npassword_env = \"E\"";
        assert_eq!(said(text), ["3: `username` has no use without `url`"]);
    }

    #[test]
    fn a_prefix_is_plain_levels() {
        for (bad, part) in [
            ("", "is empty"),
            ("a/+", "wildcard"),
            ("#", "wildcard"),
            ("/a", "empty level"),
            ("a/", "empty level"),
            ("a//b", "empty level"),
            ("$SYS", "the broker's own"),
        ] {
            let said = mqtt(&format!("url = \"mqtt://h\"\ntopic_prefix = \"{bad}\""));
            assert!(said.len() == 1 && said[0].contains(part), "{bad}: {said:?}");
        }
    }

    #[test]
    fn checks_the_rest() {
        assert_eq!(
            mqtt(
                "url = \"mqtt://h\"\nclient_id = \" \"\nversion = 3\nkeep_alive = \"500ms\"\n\
                  reading_topic = \"persensor\"\nname = \"a\\nb\"\nalert_qos = 3\npublish_client_id = \"vigie\""
            ),
            [
                "3: `client_id` is empty",
                "4: `version` can't be 3",
                "5: `keep_alive` is out of range",
                "6: `reading_topic` can't be `persensor`",
                "7: `name` has a control character in it",
                "8: `alert_qos` can't be 3",
                "9: `publish_client_id` is that of `client_id`"
            ]
        );
        assert_eq!(
            hint("[broker]\n[mqtt]\nreading_topic = \"persensor\""),
            "did you mean `per-sensor`?"
        );
    }
}
