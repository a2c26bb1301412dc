//! `vigie ack`, `shelve`, `unshelve`, `out-of-service`, `return-to-service`, `reset`, `forget`: an operator's word
//! on an alarm or a sensor, to the running daemon.

use std::os::unix::fs::MetadataExt;

use serde_json::{Value, json};

use super::ConfigFile;
use crate::config::Config;
use crate::domain::{AlarmName, SHELVED_FOR, SensorId};
use crate::exit::Exit;
use crate::logging::one_line;
use crate::web::{self, AskError};

/// What every such command takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Alarm {
    /// Alarm: its 16-digit id from `vigie alarms`, or RULE/SENSOR.
    #[arg(value_name = "ID")]
    alarm: AlarmName,
    /// Name of the operator; your login name by default.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

/// For commands that need no reason.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Word {
    #[command(flatten)]
    pub(super) alarm: Alarm,
    /// Reason.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

/// For those that do.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Reason {
    #[command(flatten)]
    pub(super) alarm: Alarm,
    /// Reason.
    #[arg(long, value_name = "TEXT")]
    why: String,
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct Shelf {
    #[command(flatten)]
    pub(super) reason: Reason,
    /// Duration, as `30m` or `2h`; 24h at most.
    #[arg(long = "for", value_name = "DURATION", default_value_t = crate::config::duration::format(SHELVED_FOR))]
    lasting: String,
    /// End early when the alarm returns to normal.
    #[arg(long)]
    one_shot: bool,
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct Sensor {
    /// Id of the sensor.
    #[arg(value_name = "SENSOR")]
    sensor: SensorId,
    /// Name of the operator; your login name by default.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Reason.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

impl Sensor {
    pub(super) fn forget(&self, config: &Config) -> Exit {
        let path = format!("/api/v1/sensors/{}/forget", encoded(self.sensor.as_str()));
        ask("forget", &path, self.by.as_deref(), &json!({ "why": self.why }), config, |done| {
            format!("forget {}: {}", self.sensor, outcome(done))
        })
    }
}

impl Word {
    pub(super) fn run(&self, verb: &str, config: &Config) -> Exit {
        run(verb, &self.alarm, &json!({ "why": self.why }), config)
    }
}

impl Reason {
    pub(super) fn run(&self, verb: &str, config: &Config) -> Exit {
        run(verb, &self.alarm, &json!({ "why": self.why }), config)
    }
}

impl Shelf {
    pub(super) fn run(&self, config: &Config) -> Exit {
        let body =
            json!({ "why": self.reason.why, "for": self.lasting, "one_shot": self.one_shot });
        run("shelve", &self.reason.alarm, &body, config)
    }
}

fn run(verb: &str, alarm: &Alarm, body: &Value, config: &Config) -> Exit {
    let path = format!("/api/v1/alarms/{}/{verb}", encoded(&alarm.alarm.to_string()));
    ask(verb, &path, alarm.by.as_deref(), body, config, |done| said(verb, done))
}

fn ask(
    verb: &str,
    path: &str,
    by: Option<&str>,
    body: &Value,
    config: &Config,
    said: impl FnOnce(&Value) -> String,
) -> Exit {
    let mut body = body.clone();
    body["by"] = by.map_or_else(login_name, str::to_owned).into();
    match web::operate(&config.storage.path, path, &body) {
        Ok(done) => {
            println!("{}", one_line(&said(&done)));
            Exit::Ok
        }
        Err(error) => {
            eprintln!("vigie {verb}: {}", one_line(&error.to_string()));
            match error {
                AskError::Refused { status: 422, .. } => Exit::Usage,
                AskError::Refused { status: 404 | 409, .. } => Exit::Failed,
                _ => Exit::Unavailable,
            }
        }
    }
}

fn said(verb: &str, done: &Value) -> String {
    let text = |key: &str| done[key].as_str().unwrap_or("-").to_owned();
    let outcome = outcome(done);
    format!("{verb} {}/{} ({}): {outcome}", text("rule"), text("sensor_id"), text("id"))
}

fn outcome(done: &Value) -> &'static str {
    if done["changed"] == true { "done" } else { "it is so already" }
}

/// One segment of a path (RFC 3986, 2.1 and 2.3).
fn encoded(text: &str) -> String {
    let mut segment = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                segment.push(char::from(byte));
            }
            _ => segment.push_str(&format!("%{byte:02X}")),
        }
    }
    segment
}

/// As the environment has it; without one (a service, a container) by the system's list of users.
fn login_name() -> String {
    let from_env = ["LOGNAME", "USER"].into_iter().find_map(|name| std::env::var(name).ok());
    if let Some(name) = from_env.filter(|name| !name.is_empty()) {
        return name;
    }
    let uid = std::fs::metadata("/proc/self").map(|me| me.uid().to_string()).unwrap_or_default();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
        (id == uid).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("uid {uid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment_of_a_path() {
        assert_eq!(encoded("0123456789abcdef"), "0123456789abcdef");
        assert_eq!(encoded("warm/hall 1/T+é?"), "warm%2Fhall%201%2FT%2B%C3%A9%3F");
    }

    #[test]
    fn everybody_has_a_name() {
        assert!(!login_name().is_empty());
    }
}
