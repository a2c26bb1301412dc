//! Vigie, a lookout for sensor fleets.
//!
//! The modules in the order in which a reading passes them: a device publishes it over MQTT, to an external broker or the
//! embedded one in [`broker`]; [`mqtt`] receives it, or [`sensors`] produce it; [`ingest`] logs and decodes it;
//! [`evaluator`] evaluates it by the rules of [`alarms`]; [`store`] commits it; [`notify`] sends notifications; [`web`]
//! serves operators. Actors exchange typed [`messages`] in one direction over bounded routes. [`supervisor`] starts,
//! restarts and stops them; [`app`] wires them. `ARCHITECTURE.md` has the map.

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
