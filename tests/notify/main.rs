//! Notifications by the real daemon to receivers that accept, refuse, are slow or down.

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
