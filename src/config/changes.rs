//! Differences between the running configuration and a new one. Pure.
//!
//! Sensors, the fleet's turns, rules, maintenance, chattering and the log level can change at run time;
//! [`needs_restart`] names all other differences.

use std::collections::{BTreeMap, HashMap};

use super::device_model::DeviceTable;
use super::model::{
    AlertsConfig, BrokerConfig, ClientTls, Config, LogConfig, Login, MqttConfig, SensorConfig,
    SensorKey, StorageConfig, TimeStyle,
};
use super::web_model::WebConfig;
use crate::alarms::quiet::maintenance::Maintenance;
use crate::alarms::rule::{Rule, Selection};
use crate::domain::SensorId;
use crate::locale::Counts;

/// Added, removed and changed sensors.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SensorChanges {
    /// Indexes of added sensors in the new list.
    pub added: Vec<usize>,
    /// Indexes of changed sensors in the new list.
    pub changed: Vec<usize>,
    /// Indexes of unchanged sensors in the new list.
    pub unchanged: Vec<usize>,
    /// Keys of removed sensors.
    pub removed: Vec<SensorKey>,
}

impl SensorChanges {
    /// How many were added, changed and removed.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let Self { added, changed, removed, .. } = self;
        Counts { added: added.len(), changed: changed.len(), removed: removed.len() }
    }
}

/// Differences between two lists of sensors.
#[must_use]
pub fn sensors<'a>(
    old: impl Iterator<Item = &'a SensorConfig>,
    new: &[SensorConfig],
) -> SensorChanges {
    let mut old: HashMap<_, _> =
        old.map(|sensor| ((&sensor.id, &sensor.quantity), sensor)).collect();
    let mut changes = SensorChanges::default();
    for (place, sensor) in new.iter().enumerate() {
        let list = match old.remove(&(&sensor.id, &sensor.quantity)) {
            None => &mut changes.added,
            Some(before) if before == sensor => &mut changes.unchanged,
            Some(_) => &mut changes.changed,
        };
        list.push(place);
    }
    changes.removed = old.into_values().map(SensorConfig::key).collect();
    changes.removed.sort();
    changes
}

/// Numbers of added, removed and changed rules, by name. The short form has several of one name, one of them for
/// all sensors without limits of their own.
#[must_use]
pub fn rules(old: &[Rule], new: &[Rule]) -> Counts {
    let (mut old, new) = (by_name(old), by_name(new));
    let mut counts = Counts::default();
    for (name, rules) in new {
        match old.remove(name) {
            None => counts.added += 1,
            Some(before) if before == rules => {}
            Some(_) => counts.changed += 1,
        }
    }
    counts.removed = old.len();
    counts
}

/// Numbers of added, removed and changed maintenance windows, by name.
#[must_use]
pub fn maintenance(old: &[Maintenance], new: &[Maintenance]) -> Counts {
    let mut old: HashMap<_, _> = old.iter().map(|work| (&work.by, work)).collect();
    let mut counts = Counts::default();
    for work in new {
        match old.remove(&work.by) {
            None => counts.added += 1,
            Some(before) => counts.changed += usize::from(before != work),
        }
    }
    counts.removed = old.len();
    counts
}

type Alike<'a> = BTreeMap<Option<&'a SensorId>, &'a Rule>;

fn by_name(rules: &[Rule]) -> BTreeMap<&str, Alike<'_>> {
    let mut named: BTreeMap<&str, Alike<'_>> = BTreeMap::new();
    for rule in rules {
        let only = match &rule.selection {
            Selection::Only(sensor) => Some(sensor),
            Selection::Matching { .. } | Selection::AllBut(_) => None,
        };
        named.entry(&rule.name).or_default().insert(only, rule);
    }
    named
}

/// Changed keys that take effect at the next start only.
#[must_use]
pub fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    // Without `..`, so that a new key must be assigned here.
    let Config {
        language,
        times,
        shutdown_timeout,
        watchdog,
        broker,
        mqtt,
        devices,
        home_assistant,
        storage,
        log,
        fleet: _,
        sensors: _,
        alerts: AlertsConfig { announce: _, thresholds: _, is_strict: _, chattering: _, flood },
        rules: _,
        maintenance: _,
        receivers,
        heartbeat,
        web,
    } = old;
    let TimeStyle { naive, zone } = *times;
    let mut keys = Keys::default();
    keys.differ("language", *language != new.language);
    keys.differ("timestamps", naive != new.times.naive);
    keys.differ("timezone", zone != new.times.zone);
    keys.differ("shutdown_timeout", *shutdown_timeout != new.shutdown_timeout);
    keys.differ("watchdog", *watchdog != new.watchdog);
    match (broker, &new.broker) {
        (Some(old), Some(new)) => keys.broker(old, new),
        (None, None) => {}
        _ => keys.differ("broker", true),
    }
    keys.mqtt(mqtt, &new.mqtt);
    keys.differ("alerts.flood", *flood != new.alerts.flood);
    keys.web(web, &new.web);
    let is_same = |(old, new): (&DeviceTable, &DeviceTable)| old.is_same(new);
    let are_same =
        devices.len() == new.devices.len() && devices.iter().zip(&new.devices).all(is_same);
    keys.differ("devices", !are_same);
    keys.differ("homeassistant", *home_assistant != new.home_assistant);
    keys.differ("receivers", *receivers != new.receivers);
    keys.differ("heartbeat", *heartbeat != new.heartbeat);
    keys.storage(storage, &new.storage);
    let LogConfig { level: _, format, alerts_file } = log;
    keys.differ("log.format", *format != new.log.format);
    keys.differ("log.alerts_file", *alerts_file != new.log.alerts_file);
    keys.0
}

#[derive(Default)]
struct Keys(Vec<&'static str>);

impl Keys {
    fn differ(&mut self, key: &'static str, differs: bool) {
        self.0.extend(differs.then_some(key));
    }

    /// Accounts and the files of a certificate are read again without a restart.
    fn broker(&mut self, old: &BrokerConfig, new: &BrokerConfig) {
        let BrokerConfig { listen, listen_ws, credentials: _, users: _, limits, forward, tls } =
            old;
        self.differ("broker.listen", *listen != new.listen);
        self.differ("broker.listen_ws", *listen_ws != new.listen_ws);
        self.differ("broker.forward", *forward != new.forward);
        self.differ("broker.limits", *limits != new.limits);
        self.differ("broker.tls_cert", tls.is_some() != new.tls.is_some());
    }

    fn credentials(
        &mut self,
        [username, password]: [&'static str; 2],
        old: Option<&Login>,
        new: Option<&Login>,
    ) {
        let name = |it: Option<&Login>| it.map(|it| it.username.clone());
        let source = |it: Option<&Login>| it.map(|it| it.password.clone());
        self.differ(username, name(old) != name(new));
        self.differ(password, source(old) != source(new));
    }

    fn mqtt(&mut self, old: &MqttConfig, new: &MqttConfig) {
        let MqttConfig {
            endpoint,
            name,
            credentials,
            tls,
            client_id,
            publish_client_id,
            version,
            keep_alive,
            retain,
            alert_qos,
            topic_prefix,
            reading_topic,
        } = old;
        self.differ("mqtt.url", *endpoint != new.endpoint);
        self.differ("mqtt.name", *name != new.name);
        self.credentials(
            ["mqtt.username", "mqtt.password"],
            credentials.as_ref(),
            new.credentials.as_ref(),
        );
        let ClientTls { ca_file, client_cert, insecure_skip_verify } = tls;
        self.differ("mqtt.ca_file", *ca_file != new.tls.ca_file);
        self.differ("mqtt.client_cert", *client_cert != new.tls.client_cert);
        let skips = new.tls.insecure_skip_verify;
        self.differ("mqtt.insecure_skip_verify", *insecure_skip_verify != skips);
        self.differ("mqtt.client_id", *client_id != new.client_id);
        // By default the one follows from the other.
        let differs = *publish_client_id != new.publish_client_id && *client_id == new.client_id;
        self.differ("mqtt.publish_client_id", differs);
        self.differ("mqtt.version", *version != new.version);
        self.differ("mqtt.keep_alive", *keep_alive != new.keep_alive);
        self.differ("mqtt.retain", *retain != new.retain);
        self.differ("mqtt.alert_qos", *alert_qos != new.alert_qos);
        self.differ("mqtt.topic_prefix", *topic_prefix != new.topic_prefix);
        self.differ("mqtt.reading_topic", *reading_topic != new.reading_topic);
    }

    /// Accounts and the files of a certificate are read again without a restart.
    fn web(&mut self, old: &WebConfig, new: &WebConfig) {
        let WebConfig { listen, token, users: _, proxies, tls, metrics_sensors } = old;
        self.differ("web.listen", *listen != new.listen);
        self.differ("web.token", *token != new.token);
        self.differ("web.proxies", *proxies != new.proxies);
        self.differ("web.tls_cert", tls.is_some() != new.tls.is_some());
        self.differ("web.metrics_sensors", *metrics_sensors != new.metrics_sensors);
    }

    fn storage(&mut self, old: &StorageConfig, new: &StorageConfig) {
        let StorageConfig { path, durability, rejected_keep, retention } = old;
        self.differ("storage.path", *path != new.path);
        self.differ("storage.durability", *durability != new.durability);
        self.differ("storage.rejected_keep", *rejected_keep != new.rejected_keep);
        self.differ("storage.retention", *retention != new.retention);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::accepted;
    use super::*;

    const BASE: &str = "[broker]\nlisten = '127.0.0.1:0'\n";

    fn sensor(id: &str, more: &str) -> String {
        format!("[[sensors]]\nid = '{id}'\n{more}source = {{ type = 'simulated' }}\n")
    }

    fn restart_of(old: &str, new: &str) -> Vec<&'static str> {
        needs_restart(&accepted(old), &accepted(new))
    }

    #[test]
    fn sensors_come_go_and_change_by_id_and_quantity() {
        let humid = "quantity = 'humidity'\n";
        let old = [sensor("A", ""), sensor("A", humid), sensor("B", ""), sensor("C{1..3}", "")];
        let new = [sensor("C{2..4}", ""), sensor("B", "interval = '1s'\n"), sensor("A", humid)];
        let (old, new) = (accepted(&(BASE.to_owned() + &old.concat())), new.concat());
        let new = accepted(&(BASE.to_owned() + &new));
        let changes = sensors(old.sensors.iter(), &new.sensors);
        let ids = |places: &[usize]| -> Vec<String> {
            places.iter().map(|place| new.sensors[*place].id.to_string()).collect()
        };
        assert_eq!(ids(&changes.added), ["C4"]);
        assert_eq!(ids(&changes.changed), ["B"]);
        assert_eq!(ids(&changes.unchanged), ["C2", "C3", "A"]);
        let removed: Vec<_> =
            changes.removed.iter().map(|(id, quantity)| format!("{id} {quantity}")).collect();
        assert_eq!(removed, ["A temperature", "C1 temperature"]);
        assert_eq!(changes.counts(), Counts { added: 1, changed: 1, removed: 2 });
        let same = sensors(new.sensors.iter(), &new.sensors);
        assert_eq!(same.counts(), Counts::default());
    }

    #[test]
    fn rules_are_counted_by_name() {
        let rule = |name: &str, limit: u8| {
            format!("[[rules]]\nname = '{name}'\nkind = 'high'\nlimit = {limit}\n")
        };
        let of = |rules: &[String]| accepted(&(BASE.to_owned() + &rules.concat())).rules;
        let old = of(&[rule("a", 1), rule("b", 1), rule("c", 1)]);
        let new = of(&[rule("c", 1), rule("b", 2), rule("d", 1), rule("e", 1)]);
        assert_eq!(rules(&old, &new), Counts { added: 2, changed: 1, removed: 1 });
        assert_eq!(rules(&new, &new), Counts::default());
    }

    #[test]
    fn planned_work_is_counted_by_name() {
        let work = |name: &str, lasting: &str| {
            format!(
                "[[maintenance]]\nname = '{name}'\nschedule = '0 6 * * *'\nlasting = '{lasting}'\n"
            )
        };
        let of = |work: &[String]| accepted(&(BASE.to_owned() + &work.concat())).maintenance;
        let old = of(&[work("a", "1h"), work("b", "1h"), work("c", "1h")]);
        let new = of(&[work("c", "1h"), work("d", "1h"), work("b", "2h")]);
        assert_eq!(maintenance(&old, &new), Counts { added: 1, changed: 1, removed: 1 });
        assert_eq!(maintenance(&new, &new), Counts::default());
    }

    #[test]
    fn what_takes_a_restart_is_named() {
        let old = format!("{BASE}[mqtt]\nurl = 'mqtt://h'\nusername = 'u'\npassword_env = 'P'\n");
        let new = "language = 'fr'\ntimezone = 'Europe/Paris'\nwatchdog = '1m'\n\
                   shutdown_timeout = '3s'\ntimestamps = 'naive'\n[broker]\nlisten = '127.0.0.1:9'\n\
                   [mqtt]\nurl = 'mqtt://i'\nusername = 'u'\npassword_env = 'Q'\nclient_id = 'x'\nkeep_alive = '1s'\n\
                   [storage]\npath = 'x.db'\n[log]\nformat = 'json'\nlevel = 'debug'\n";
        assert_eq!(
            restart_of(&old, new),
            [
                "language",
                "timestamps",
                "timezone",
                "shutdown_timeout",
                "watchdog",
                "broker.listen",
                "mqtt.url",
                "mqtt.password",
                "mqtt.client_id",
                "mqtt.keep_alive",
                "storage.path",
                "log.format"
            ]
        );
        assert_eq!(restart_of(BASE, "[mqtt]\nurl = 'mqtt://h'\n"), ["broker", "mqtt.url"]);
        let shown = format!("{BASE}[homeassistant]\ndiscovery = true\n");
        assert_eq!(restart_of(BASE, &shown), ["homeassistant"]);
        assert!(restart_of(&old, &old).is_empty());
    }

    #[test]
    fn sensors_turns_rules_and_the_level_take_none() {
        let new = format!(
            "{BASE}[fleet]\ncycle_pause = '1s'\n{}[alerts.temperature]\nhigh = 1\n\
             [[rules]]\nname = 'r'\nkind = 'stale'\nafter = '1h'\n[log]\nlevel = 'debug'\n",
            sensor("A", "")
        );
        assert!(restart_of(BASE, &new).is_empty());
    }
}
