//! Operators in the running daemon: what they ask by command, HTTP and MQTT is done, recorded and kept,
//! and who may not ask is refused.

#[path = "../support/mod.rs"]
mod support;

mod api;
mod commands;
mod kills;
mod mqtt;
mod plant;

const FAILED: i32 = 1;
const USAGE: i32 = 2;
const UNAVAILABLE: i32 = 69;
