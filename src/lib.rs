//! Vigie, a lookout for sensor fleets.
//!
//! The way of a reading, which is also the order of the modules: a sensor actor (or a real device)
//! publishes it over MQTT; the gateway takes it in and decodes it; the evaluator judges it by the
//! alert rules; storage commits it. One direction, typed messages, bounded routes.

pub mod alerts;
pub mod app;
pub mod broker;
pub mod cli;
pub mod config;
pub mod domain;
pub mod exit;
pub mod gateway;
pub mod journal;
pub mod locale;
pub mod logging;
pub mod messages;
pub mod sensors;
pub mod status;
pub mod storage;
pub mod supervisor;
pub mod wire;
