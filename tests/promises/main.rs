//! The promises of README, kept by the real daemon on real brokers: no reading is lost or doubled,
//! devices in any language are read, and bad input, killed brokers and restarts do no harm.

#[path = "../support/mod.rs"]
mod support;

mod backup;
mod bad_input;
mod broker_abilities;
mod broker_clients;
mod broker_letter;
mod broker_memory;
mod broker_restart;
mod broker_users;
mod brokers;
mod clocks;
mod crash;
mod database_identity;
mod database_lock;
mod devices;
mod discovery;
mod early_signals;
mod embedded_intake;
mod factory;
mod outside_python;
mod publication;
mod replay;
mod secrets;
mod seeds;
mod support_works;
