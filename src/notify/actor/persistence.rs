//! The actor's part of storage: loads its state and the events after it, and persists changes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::prelude::*;
use log::{error, warn};
use tokio::sync::watch;

use super::super::clock::now;
use super::super::downtime::DowntimeNotices;
use super::super::groups::Groups;
use super::super::settings::ReceiverSettings;
use super::{Receiver, STORAGE, TARGET, flat};
use crate::domain::AlertEvent;
use crate::messages::{LoadAlerts, LoadReceiver, SaveReceiver, SavedReceiver};

/// Delay before storage is queried again after a failure.
const STORAGE_REST: Duration = Duration::from_secs(1);
/// Events loaded at a time: some 300 KB.
const BATCH: usize = 500;
/// Events without a change to persist that the next start may load again.
const EVENTS_AGAIN: u64 = 1_000;

/// Delay between the notification of new events and their query: events come in bursts, and groups
/// wait longer anyway.
const GATHERING: Duration = Duration::from_millis(100);

impl Receiver {
    /// Queries events whenever storage has new ones.
    pub(super) fn watch(&self, mut stored: watch::Receiver<()>, ctx: &mut Context<Self>) {
        let change = async move {
            let changed = stored.changed().await;
            tokio::time::sleep(GATHERING).await;
            changed.map(|()| stored)
        };
        ctx.spawn(change.into_actor(self).map(|changed, act, ctx| {
            // Err: storage has ended, and the daemon is stopping.
            if let Ok(stored) = changed {
                act.more = true;
                act.watch(stored, ctx);
                act.proceed(ctx);
            }
        }));
    }

    pub(super) fn restore(&mut self, ctx: &mut Context<Self>) {
        if self.is_asking || self.storage_rests {
            return;
        }
        self.is_asking = true;
        let (load, receiver) = (self.settings.routes.load.clone(), self.settings.name.clone());
        let ask = async move { flat(load.request(LoadReceiver { receiver }, STORAGE).await) };
        ctx.spawn(ask.into_actor(self).map(|kept, act, ctx| {
            act.is_asking = false;
            match kept {
                Ok(kept) => act.begin(&kept),
                Err(error) => act.rest(&error, ctx),
            }
            act.proceed(ctx);
        }));
    }

    fn begin(&mut self, kept: &SavedReceiver) {
        let through = kept.through.unwrap_or(kept.last_event);
        let (groups, unreadable) =
            Groups::restore(self.settings.policy.clone(), through, &kept.parts);
        for part in unreadable {
            warn!(target: TARGET, "what receiver {} kept can't be read and is passed over: {part}", self.settings.name);
        }
        self.groups = Some(groups);
        let ReceiverSettings { tell_start, start, is_start_noted, policy, .. } = &*self.settings;
        let started = (!is_start_noted.swap(true, Ordering::Relaxed)).then_some(start.started);
        self.downtimes = DowntimeNotices::restore(*tell_start, &kept.parts, started, policy.wait);
        self.kept_through = through;
        if kept.through.is_none() {
            // From here on the receiver is no longer new.
            self.to_keep = Some(Arc::new(self.keep_message(through, Vec::new())));
        } else {
            self.env.ready();
        }
    }

    pub(super) fn take_in(&mut self, ctx: &mut Context<Self>) {
        let Some(groups) = &self.groups else { return };
        if !self.more || self.is_asking || self.storage_rests {
            return;
        }
        // Events may arrive while storage answers.
        (self.more, self.is_asking) = (false, true);
        let question = LoadAlerts::After { number: groups.through(), at_most: BATCH };
        let alerts = self.settings.routes.alerts.clone();
        let ask = async move { flat(alerts.request(question, STORAGE).await) };
        ctx.spawn(ask.into_actor(self).map(|loaded, act, ctx| {
            act.is_asking = false;
            match loaded {
                Ok(alerts) => act.taken_in(&alerts),
                Err(error) => {
                    act.more = true;
                    act.rest(&error, ctx);
                }
            }
            act.proceed(ctx);
        }));
    }

    fn taken_in(&mut self, alerts: &[AlertEvent]) {
        self.storage_trouble_told = false;
        self.more |= alerts.len() >= BATCH;
        let Some(groups) = &mut self.groups else { return };
        let (now, dropped) = (now(), groups.dropped());
        for alert in alerts {
            groups.take(alert, self.settings.interest(alert), now);
        }
        if groups.dropped() > dropped {
            let say = self.settings.words.notify.dropped;
            error!(target: TARGET, "{}", say(&self.settings.name, groups.dropped()));
        }
    }

    /// Persists the changes.
    pub(super) fn keep(&mut self, ctx: &mut Context<Self>) {
        if self.is_keeping || self.storage_rests {
            return;
        }
        if self.to_keep.is_none() {
            let Some(groups) = &mut self.groups else { return };
            let through = groups.through();
            let is_far = through - self.kept_through >= EVENTS_AGAIN
                || (self.is_stopping && through > self.kept_through);
            if !groups.has_changes() && !self.downtimes.has_changes() && !is_far {
                return;
            }
            let mut parts = groups.take_changes();
            parts.extend(self.downtimes.take_changes());
            self.to_keep = Some(Arc::new(self.keep_message(through, parts)));
        }
        let Some(message) = self.to_keep.clone() else { return };
        self.is_keeping = true;
        let through = message.through;
        let route = self.settings.routes.keep.clone();
        let SaveReceiver { receiver, parts, .. } = &*message;
        let message = SaveReceiver { receiver: receiver.clone(), through, parts: parts.clone() };
        let sent = async move { route.request(message, STORAGE).await };
        ctx.spawn(sent.into_actor(self).map(move |sent, act, ctx| {
            act.is_keeping = false;
            match sent {
                Ok(()) => {
                    act.to_keep = None;
                    act.kept_through = through;
                    // Idempotent.
                    act.env.ready();
                }
                Err(error) => act.rest(&error.to_string(), ctx),
            }
            act.proceed(ctx);
        }));
    }

    fn keep_message(&self, through: u64, parts: Vec<(String, Option<String>)>) -> SaveReceiver {
        SaveReceiver { receiver: self.settings.name.clone(), through, parts }
    }

    /// Pauses queries after a failure of storage.
    pub(super) fn rest(&mut self, why: &str, ctx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.storage_trouble_told, true) {
            warn!(target: TARGET, "receiver {}: storage does not answer, trying again: {why}", self.settings.name);
        }
        if !std::mem::replace(&mut self.storage_rests, true) {
            ctx.run_later(STORAGE_REST, |act, ctx| {
                act.storage_rests = false;
                act.proceed(ctx);
            });
        }
    }
}
