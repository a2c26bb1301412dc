//! Vigie, a lookout for sensor fleets.
//!
//! Read the modules in the order a reading meets them: [`sensors`] (or a real device) publish it over
//! MQTT, to a broker elsewhere or the one in [`broker`]; [`mqtt`] receives it; [`ingest`] logs and decodes
//! it; [`evaluator`] judges it by the rules of [`alarms`]; [`store`] commits it; [`notify`] sends
//! notifications; [`web`] answers operators. One direction, typed [`messages`], bounded routes;
//! [`supervisor`] starts, restarts and stops them all, as [`app`] wires them. `ARCHITECTURE.md` has the map.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))] // the list: `clippy.toml`

pub mod alarms;
pub mod app;
pub mod broker;
pub mod cli;
pub mod config;
pub mod domain;
pub mod evaluator;
pub mod exit;
pub mod expression;
pub mod ingest;
pub mod locale;
pub mod logging;
pub mod messages;
pub mod mqtt;
pub mod notify;
pub mod rehearsal;
pub mod sensors;
pub mod store;
pub mod supervisor;
pub mod web;
pub mod wire;
