//! `[broker]`: the embedded broker.

use std::net::SocketAddr;

use super::connection_model::{BrokerConfig, ServerTls};
use super::errors::{Mistake, quote};
use super::inspector::At;
use super::network::pair;
use super::reader::TableReader;
use super::{broker_limits, broker_users};

const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1883);

/// Port of other brokers for MQTT over `WebSocket`.
const DEFAULT_WS_PORT: u16 = 8083;

pub(super) fn broker(mut table: TableReader<'_>) -> BrokerConfig {
    let listen = table.text("listen").and_then(|text| {
        let address =
            table.inspector.check(text.at, listen_address(text.value, DEFAULT_LISTEN.port()))?;
        Some(At { at: text.at, value: address })
    });
    let listen_ws = table.text("listen_ws").and_then(|text| {
        let address =
            table.inspector.check(text.at, listen_address(text.value, DEFAULT_WS_PORT))?;
        Some(At { at: text.at, value: address })
    });
    let credentials = broker_users::account(&mut table);
    let users = broker_users::users(&mut table, credentials.as_ref());
    let limits = broker_limits::limits(&mut table);
    let forward = broker_users::patterns(&mut table, "forward");
    let tls = pair(&mut table, "tls_cert", "tls_key").map(|(cert, key)| ServerTls { cert, key });
    for At { at, value } in [listen, listen_ws].into_iter().flatten() {
        let is_near = value.ip().to_canonical().is_loopback();
        if !is_near && !table.has("username") && !table.has("users") {
            let mistake = Mistake::new(
                format!("{value} can be reached from outside, and anyone may connect"),
                "add username and password_file or password_env, or [[broker.users]], or listen on 127.0.0.1",
            );
            table.inspector.wrong(at, mistake);
        }
    }
    table.finish();
    BrokerConfig {
        listen: listen.map_or(DEFAULT_LISTEN, |listen| listen.value),
        listen_ws: listen_ws.map(|listen| listen.value),
        credentials: credentials.map(|credentials| credentials.value),
        users,
        limits,
        forward,
        tls,
    }
}

/// `port` is for the hint.
pub(super) fn listen_address(text: &str, port: u16) -> Result<SocketAddr, Mistake> {
    text.parse().map_err(|_| {
        let given = text.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        let port = given.or_else(|| text.parse().ok()).unwrap_or(port);
        Mistake::new(
            format!("{} is no address to listen on", quote(text)),
            format!("write an IP address and a port: 127.0.0.1:{port}, or 0.0.0.0:{port} for all"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::model::{Endpoint, MqttVersion, ReadingTopic};
    use super::super::testing::{accepted, hint, said};
    use std::time::Duration;

    fn broker(lines: &str) -> Vec<String> {
        said(&format!("[broker]\n{lines}\n"))
    }

    #[test]
    fn an_empty_broker_table_is_a_broker_on_loopback() {
        let config = accepted("[broker]");
        let broker = config.broker.unwrap();
        assert_eq!(broker.listen.to_string(), "127.0.0.1:1883");
        assert_eq!((broker.credentials, broker.tls), (None, None));
        assert_eq!(config.mqtt.endpoint, Endpoint::Embedded);
        assert_eq!(config.mqtt.version, MqttVersion::V5);
        assert_eq!(config.mqtt.keep_alive, Duration::from_secs(60));
        assert_eq!(config.mqtt.client_id, "vigie");
        assert_eq!(config.mqtt.topic_prefix, "factory");
        assert_eq!(config.mqtt.reading_topic, ReadingTopic::Shared);
    }

    #[test]
    fn only_loopback_needs_no_credentials() {
        for open in ["0.0.0.0:1883", "192.168.1.2:0", "[::]:1883", "[::ffff:10.0.0.1]:1"] {
            let said = broker(&format!("listen = \"{open}\""));
            assert!(said[0].contains("can be reached from outside"), "{said:?}");
        }
        for closed in ["127.0.0.1:0", "127.1.2.3:1883", "[::1]:1883", "[::ffff:127.0.0.1]:1"] {
            accepted(&format!("[broker]\nlisten = \"{closed}\""));
        }
    }

    #[test]
    fn an_address_is_numbers() {
        for bad in ["localhost:1883", ":1883", "1883", "127.0.0.1", "127.0.0.1:99999"] {
            let said = broker(&format!("listen = \"{bad}\""));
            assert_eq!(said, [format!("2: `{bad}` is no address to listen on")]);
        }
        assert!(hint("[broker]\nlisten = \"localhost:2000\"").contains("127.0.0.1:2000"));
    }
}
