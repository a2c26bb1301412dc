//! Notifications, seen from outside: the real daemon, and receivers that are there, away, slow, or
//! refuse.

#[path = "../support/mod.rs"]
mod support;

mod changes;
mod escalation;
mod fixture;
mod formats;
mod groups;
mod heartbeat;
mod mails;
mod outages;
mod receivers;
mod refusals;
mod secure;
mod services;
mod starts;
