//! The promises of README, tested on the real daemon with real brokers: no reading is lost or stored twice, devices in any
//! language are read, and bad input, killed brokers and restarts do no harm.

#[path = "../support/mod.rs"]
mod support;

mod backup;
mod bad_input;
mod broker_clients;
mod broker_protocol;
mod broker_releases_memory;
mod broker_restart;
mod broker_users;
mod clocks;
mod database_identity;
mod database_lock;
mod devices;
mod discovery;
mod early_signals;
mod embedded_intake;
mod factory;
mod fuzz_seeds;
mod limited_brokers;
mod publication;
mod python_device;
mod remote_brokers;
mod replay;
mod secrets;
mod sensor_panics;
mod support_selftest;
