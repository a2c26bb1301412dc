//! What operators do with the daemon: actions on alarms by command, HTTP and MQTT, each done,
//! recorded and kept, or refused; the configuration, checked before a start and reloaded while the
//! daemon runs; the daemon's status.

#[path = "../support/mod.rs"]
mod support;

mod api;
mod assets;
mod check;
mod commands;
mod configs;
mod decode;
mod devices;
mod figures;
mod fixture;
mod forget;
mod history;
mod kills;
mod live;
mod login;
mod maintenance;
mod manual;
mod many_alarms;
mod metrics;
mod mqtt;
mod passwd;
mod problems;
mod proxy;
mod reload;
mod report;
mod status;
mod system_disk;
mod terminal;
mod tls;

const FAILED: i32 = 1;
const USAGE: i32 = 2;
const UNAVAILABLE: i32 = 69;
