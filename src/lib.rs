//! Vigie, a lookout for sensor fleets.
//!
//! Read the modules in the order a reading meets them: [`sensors`] (or a real device) publish it over
//! MQTT, to a broker elsewhere or the one in [`broker`]; the [`gateway`] takes it in; the [`intake`]
//! keeps it in a [`journal`] and decodes it; [`alerts`] judge it by the rules, as [`alarms`] have it;
//! [`storage`] commits it; [`notify`] tells people; [`web`] answers operators. One direction, typed [`messages`], bounded routes; [`supervisor`] starts, restarts and stops them all, as [`app`] wires them. `ARCHITECTURE.md`
//! has the map.

pub mod alarms;
pub mod alerts;
pub mod app;
pub mod broker;
pub mod cli;
pub mod config;
pub mod domain;
pub mod exit;
pub mod gateway;
pub mod intake;
pub mod journal;
pub mod locale;
pub mod logging;
pub mod messages;
pub mod notify;
pub mod rehearsal;
pub mod sensors;
pub mod storage;
pub mod supervisor;
pub mod web;
pub mod wire;
