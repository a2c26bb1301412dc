//! Connection of clients, assignment of their sessions, and how sessions lose their clients, and end; when wills are due.
//!
//! Invariant: a session without a connection has a deadline. Never: the will of a client that reconnected in time.

use std::num::NonZeroU16;

use bytestring::ByteString;
use rmqtt_codec::v5::{Connect, LastWill, Packet};

use super::filters::SessionKey;
use super::message::Message;
use super::persistence::Key;
use super::session::{Attached, Link, Session, Will};
use super::topics::is_valid_topic;
use super::{ConnId, Connected, Hub, Origin, Refusal, subscribing};
use crate::broker::rights::Grant;

/// Wills pending while the log accepts nothing: a hundred of the largest.
const MAX_DUE_BYTES: usize = 16 * 1024 * 1024;

/// Retained topics looked at in one tick.
const SWEEP_STEP: usize = 1000;

impl<W: Clone> Hub<W> {
    /// Admits an authenticated client and resumes its earlier session.
    pub fn connect(
        &mut self,
        now: i64,
        connect: &Connect,
        grant: Grant,
        origin: Origin<W>,
    ) -> Result<Connected, Refusal> {
        let ended = self.keeping.num_ended();
        self.last_epoch += 1;
        let id = &connect.client_id;
        let assigned = format!("auto-{}-{now}", self.last_epoch);
        let assigned_client_id = id.is_empty().then(|| ByteString::from(assigned));
        let client = assigned_client_id.clone().unwrap_or_else(|| ByteString::from(&**id));
        let will = connect.last_will.as_ref().map(will);
        if let Some(Will { message, .. }) = &will {
            if !is_valid_topic(&message.topic) {
                return Err(Refusal::WillTopic);
            }
            if !grant.may_publish(&client, &message.topic) {
                return Err(Refusal::WillRights);
            }
            if !self.make_room(message.size()) {
                return Err(Refusal::Full);
            }
        }
        let (key, session_present) = self.claim(now, client, &grant, connect.clean_start)?;
        let conn = ConnId { session: key, epoch: self.last_epoch };
        let keep_ms = self.keep_ms(connect.session_expiry_interval_secs);
        self.wakes.push(origin.waker.clone());
        self.set_deadline(key, None);
        if let Some(session) = &mut self.sessions[key] {
            let window = connect.receive_max.map_or(u16::MAX, NonZeroU16::get);
            session.link = Link::Attached(Attached {
                origin,
                epoch: conn.epoch,
                window: window.min(self.limits.window).into(),
                max_packet: connect.max_packet_size.map_or(usize::MAX, |size| size.get() as usize),
            });
            session.last_epoch = conn.epoch;
            session.grant = grant;
            session.since_ms = now;
            session.keep_ms = keep_ms;
            self.bytes += will.as_ref().map_or(0, |will| will.message.size());
            self.bytes -= session.set_will(will);
            if !session.grant.is_gateway() {
                session.keep(&mut self.keeping);
            }
        }
        let session_expiry_s = u32::try_from(keep_ms / 1000).unwrap_or(u32::MAX);
        let has_ended = ended != self.keeping.num_ended();
        let after = if has_ended { self.keeping.latest() } else { 0 };
        Ok(Connected { conn, session_present, assigned_client_id, session_expiry_s, after })
    }

    /// Answers a CONNECT. If a session was ended by it, the answer waits until that is persisted, so that a restart
    /// does not bring it back.
    pub fn greet(&mut self, conn: ConnId, after: u64, answer: Packet) {
        if let Some(session) = self.session(conn) {
            session.say(after, answer);
        }
    }

    /// Session of a client: its earlier one, unless it requests a clean start, or a new one.
    fn claim(
        &mut self,
        now: i64,
        client: ByteString,
        grant: &Grant,
        is_clean: bool,
    ) -> Result<(SessionKey, bool), Refusal> {
        if let Some(key) = self.by_client.get(&client).copied() {
            let old = self.sessions[key].as_deref();
            let is_foreign =
                |it: &Session<W>| it.grant.user.is_some() && it.grant.user != grant.user;
            // No other client keeps the gateway out by taking its client id.
            let is_clean = is_clean || (old.is_some_and(is_foreign) && grant.is_gateway());
            if old.is_some_and(is_foreign) && !grant.is_gateway() {
                return Err(Refusal::Foreign);
            }
            if let Some(Link::Attached(old)) = old.map(|it| &it.link) {
                self.wakes.push(old.origin.waker.clone());
            }
            self.leave(now, key);
            if is_clean {
                self.end(key);
            }
        }
        if let Some(key) = self.by_client.get(&client) {
            return Ok((*key, true));
        }
        if self.by_client.len() >= self.limits.sessions {
            // The session that has been absent for longest ends, so that a new client gets in.
            let absent = self.sessions.iter().enumerate().filter_map(|(key, session)| {
                session.as_ref().filter(|it| !it.is_attached()).map(|it| (it.since_ms, key))
            });
            let (_, oldest) = absent.min().ok_or(Refusal::Full)?;
            self.end(oldest);
        }
        let session = Some(Box::new(Session::new(client.clone(), now)));
        let key = self.free.pop().unwrap_or(self.sessions.len());
        match self.sessions.get_mut(key) {
            Some(free) => *free = session,
            None => self.sessions.push(session),
        }
        self.by_client.insert(client, key);
        Ok((key, false))
    }

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

fn will(will: &LastWill) -> Will {
    let delay_ms = i64::from(will.will_delay_interval_sec.unwrap_or(0)) * 1000;
    Will { message: Message::of_will(will), delay_ms }
}
