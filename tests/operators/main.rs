//! Operation of the daemon: actions on alarms by command, HTTP and MQTT; configuration checks and reloads; status, live
//! feed, login and metrics; the manual.

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
