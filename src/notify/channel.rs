//! Channel to a receiver. Blocking: runs on a thread of its own.

use super::http::{Body, Http};
use super::mail::Mail;
use super::notification::Notification;
use super::outcome::{AttemptResult, DeliveryOutcome};
use crate::config::ChannelConfig;
use crate::locale::NotifyWords;

/// Channel to one receiver.
pub enum Channel {
    /// A webhook or another HTTP request.
    Http(Http),
    /// Mail by SMTP.
    Mail(Mail),
}

impl Channel {
    /// The channel that a configuration describes.
    #[must_use]
    pub fn new(config: &ChannelConfig, words: &'static NotifyWords) -> Self {
        match config.clone() {
            ChannelConfig::Webhook(http) => Self::Http(Http::new(http, Body::Alertmanager)),
            ChannelConfig::Template(http, template) => {
                Self::Http(Http::new(http, Body::Template(template, words)))
            }
            ChannelConfig::Service(http, service) => {
                Self::Http(Http::new(http, Body::Service(service, words)))
            }
            ChannelConfig::Email(email) => Self::Mail(Mail::new(email, words)),
        }
    }

    /// Sends a notification. Each wait has a timeout.
    #[must_use]
    pub fn send(&self, notification: &Notification) -> DeliveryOutcome {
        match self {
            Self::Http(http) => http.send(notification),
            Self::Mail(mail) => mail.send(notification),
        }
    }

    /// Sends a notification without logging. Returns the outcome, and undelivered addresses with
    /// their reasons.
    #[must_use]
    pub(super) fn attempt(&self, notification: &Notification) -> AttemptResult {
        match self {
            Self::Http(http) => {
                AttemptResult { outcome: http.send(notification), undelivered: Vec::new() }
            }
            Self::Mail(mail) => mail.attempt(notification),
        }
    }
}
