//! Listens to the configured broker, beside the daemon.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::config::{BrokerPreset, BrokerUser, Config, Credentials, Endpoint, Login, Secret};
use crate::locale::{ConnectionProblem, Explanation};
use crate::mqtt::{ListenRequest, ReceivedMessage};
use crate::web;

/// How listening ended.
#[derive(Debug)]
pub struct ListenEnd {
    /// Messages dropped because they came too fast.
    pub missed: u64,
    /// Why the connection ended before its time.
    pub lost: Option<String>,
}

/// Listens on a filter until `go_on` returns false; it waits briefly in each call. `each` gets topic, payload, and
/// whether the broker replayed the message.
///
/// # Errors
/// If there is no connection or subscription; names cause and remedy.
pub fn listen(
    config: &Config,
    filter: &str,
    each: &mut dyn FnMut(&str, &[u8], bool),
    go_on: &mut dyn FnMut() -> bool,
) -> Result<ListenEnd, String> {
    let to = place(config, filter)?;
    let mut on_message = |it: &ReceivedMessage| each(&it.topic, &it.payload, it.is_replayed);
    let ended = crate::mqtt::listen(to, &mut on_message, go_on)
        .map_err(|trouble| explained(config, &trouble))?;
    let lost = ended.lost.map(|trouble| explained(config, &trouble));
    Ok(ListenEnd { missed: ended.missed, lost })
}

fn explained(config: &Config, trouble: &ConnectionProblem) -> String {
    let Explanation { reason, advice } = (config.language.words().trouble)(trouble);
    match trouble {
        ConnectionProblem::SubscriptionRefused { .. } => {
            format!("{reason}; {advice}; or listen to less, by --topic")
        }
        _ => format!("{reason}; {advice}"),
    }
}

/// Broker and account of the daemon, with a client id of its own, so that it takes over no session.
fn place(config: &Config, filter: &str) -> Result<ListenRequest, String> {
    let (host, port, tls, credentials) = match &config.mqtt.endpoint {
        Endpoint::Remote { host, port, tls } => {
            let credentials = account(config.mqtt.credentials.clone())?;
            (host.clone(), *port, tls.then(|| config.mqtt.tls.clone()), credentials)
        }
        Endpoint::Embedded => {
            let address = embedded(config)?;
            let credentials = account(reader(config)?.map(Login::from))?;
            (address.ip().to_string(), address.port(), None, credentials)
        }
    };
    Ok(ListenRequest {
        host,
        port,
        tls,
        version: config.mqtt.version,
        client_id: format!("{}-listen-{}", config.mqtt.client_id, std::process::id()),
        credentials,
        keep_alive: config.mqtt.keep_alive,
        filter: filter.to_owned(),
    })
}

/// Account with the right to read every topic of the embedded broker; `None` if the broker has no accounts.
fn reader(config: &Config) -> Result<Option<Credentials>, String> {
    let Some(broker) = &config.broker else { return Ok(None) };
    if broker.credentials.is_some() || broker.users.is_empty() {
        return Ok(broker.credentials.clone());
    }
    let reads = |user: &&BrokerUser| {
        matches!(user.preset, Some(BrokerPreset::Operator | BrokerPreset::Reader))
            || user.subscribe.iter().any(|filter| filter == "#")
    };
    let user = broker.users.iter().find(reads).ok_or(
        "no user of the embedded broker may read everything: add one with preset = \"reader\" to [[broker.users]], and reload",
    )?;
    Ok(Some(Credentials { username: user.name.clone(), password: user.password.clone() }))
}

/// Address of the running daemon's embedded broker.
fn embedded(config: &Config) -> Result<SocketAddr, String> {
    let broker = config.broker.as_ref().ok_or("there is no [broker] and no [mqtt] url")?;
    if broker.tls.is_some() {
        return Err("the embedded broker speaks TLS, with a certificate for others: ask the daemon, by `vigie devices`".into());
    }
    let mut address = broker.listen;
    if address.port() == 0 {
        let (report, _) = web::devices(&config.storage.path).map_err(|error| error.to_string())?;
        let told = report.broker.and_then(|address| address.parse().ok());
        address = told.ok_or("the embedded broker does not listen yet: try again in a moment")?;
    }
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    Ok(address)
}

fn account(login: Option<Login>) -> Result<Option<(String, Secret)>, String> {
    let Some(login) = login else { return Ok(None) };
    let password = login.read_password().map_err(|error| format!("no password: {error}"))?;
    Ok(Some((login.username, password.unwrap_or_else(|| Secret::new(String::new())))))
}
