//! How sessions lose their clients, and end; when wills are due.
//!
//! Invariant: a session without a connection has a deadline. Never: the will of a client that reconnected in time.

use super::filters::SessionKey;
use super::keeping::Key;
use super::message::Message;
use super::{ConnId, Hub, subscribing};

/// Wills pending while the log accepts nothing: a hundred of the largest.
const MAX_DUE_BYTES: usize = 16 * 1024 * 1024;

/// Retained topics looked at in one tick.
const SWEEP_STEP: usize = 1000;

impl<W: Clone> Hub<W> {
    /// Ends a connection: without its will if the client withdrew it, and with the session expiry that it stated
    /// last.
    pub fn gone(&mut self, now: i64, conn: ConnId, with_will: bool, expiry_s: Option<u32>) {
        let keep_ms = expiry_s.map(|seconds| self.keep_ms(seconds));
        let Some(session) = self.session(conn) else { return };
        session.keep_ms = keep_ms.unwrap_or(session.keep_ms);
        if !with_will {
            let freed = session.set_will(None);
            self.bytes -= freed;
        }
        self.leave(now, conn.session);
    }

    /// The client has left: by itself, or since another connection has its id.
    pub(super) fn leave(&mut self, now: i64, key: SessionKey) {
        let Some(session) = self.sessions[key].as_mut().filter(|it| it.is_attached()) else {
            return;
        };
        let before = session.bytes();
        session.detach();
        self.bytes = self.bytes + session.bytes() - before;
        session.since_ms = now;
        if session.kept.is_some() {
            session.keep(&mut self.keeping);
        }
        if session.keep_ms == 0 {
            return self.end(key);
        }
        let end_at = now + session.keep_ms;
        let will_at = session.will_delay_ms().map(|delay| now + delay);
        self.set_deadline(key, Some(will_at.map_or(end_at, |at| at.min(end_at))));
        self.meet_deadlines(now);
    }

    pub(super) fn end(&mut self, key: SessionKey) {
        self.set_deadline(key, None);
        let Some(mut session) = self.sessions[key].take() else { return };
        self.bytes -= session.bytes();
        self.subscription_bytes -= session.subscription_bytes;
        for filter in session.subscriptions.keys() {
            subscribing::remove(&mut self.filters, filter, key);
        }
        self.by_client.remove(&session.client);
        if let Some(id) = session.kept {
            self.keeping.end(id);
        }
        let will = session.take_will();
        self.push_due(will);
        self.free.push(key);
    }

    /// Queues a will for publication, unless too many are pending.
    fn push_due(&mut self, will: Option<Message>) {
        let Some(will) = will else { return };
        if self.due_bytes + will.size() > MAX_DUE_BYTES {
            self.losses.wills.add(1, &will.topic);
            return;
        }
        self.due_bytes += will.size();
        self.due.push(will);
    }

    pub(super) fn set_deadline(&mut self, key: SessionKey, deadline: Option<i64>) {
        let Some(session) = &mut self.sessions[key] else { return };
        if let Some(old) = std::mem::replace(&mut session.deadline, deadline) {
            self.deadlines.remove(&(old, key));
        }
        self.deadlines.extend(deadline.map(|at| (at, key)));
    }

    /// Processes the passage of time: expired sessions, due wills, expired retained messages.
    pub fn tick(&mut self, now: i64) {
        self.meet_deadlines(now);
        let (expired, swept) = self.retained.sweep(&self.swept, now, SWEEP_STEP);
        self.swept = swept;
        for (topic, since) in expired {
            self.keeping.delete(Key::Retained(topic), since);
        }
    }

    fn meet_deadlines(&mut self, now: i64) {
        while let Some((_, key)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            let Some(session) = &mut self.sessions[key] else { return };
            let end_at = session.since_ms + session.keep_ms;
            if end_at <= now {
                self.end(key);
                continue;
            }
            let before = session.bytes();
            let will = session.take_will();
            self.bytes = self.bytes + session.bytes() - before;
            self.push_due(will);
            self.set_deadline(key, Some(end_at));
        }
    }
}
