//! One client of the feed: what it said, what it has, and what is sent to it next. Pure.
//!
//! Always: a client has at most one state that it has not acknowledged; what it gets next is everything that changed
//! since what it acknowledged, so slowness costs freshness and never memory. The `seq` of a frame is where a client
//! resumes that has everything up to this frame.
//! Never: a clock; times are handed in, since the start of the feeds.

use std::time::Duration;

use serde::Deserialize;

use crate::domain::LiveHeads;

/// How often what changed is looked for: 4 Hz is the quickest feed.
pub(super) const TICK: Duration = Duration::from_millis(250);

/// Ticks a second.
const TICKS: f64 = 4.0;

/// The slowest feed of series: once a minute.
const LONGEST_PERIOD: f64 = 240.0;

/// A client counts a feed as dead after 5 s without a frame; the next tick brings the beat within 2 s.
const BEAT_AFTER: Duration = Duration::from_millis(1750);

/// A client that acknowledged nothing for so long gets nothing until it does.
const SLEEPS_AFTER: Duration = Duration::from_secs(120);

/// How long a client may take to say hello.
const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// Frames of a client within a second: an acknowledgement for each of 4 states, with ample room.
const MOST_FRAMES: u32 = 20;

/// The version of the protocol.
pub(super) const VERSION: u8 = 1;

/// What a client wants to be sent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct ClientInterest {
    /// Ticks between two states with series; `None` for no series.
    pub period: Option<u64>,
    pub alarms: bool,
    pub system: bool,
    pub broker: bool,
}

/// How far a client has got with each kind; 0 is before everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Positions {
    series: u64,
    alarms: u64,
    system: u64,
    broker: u64,
}

/// A state to be sent: of each kind that is due, what changed after what the client has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UpdateRequest {
    /// What the client has; nothing where it is void.
    series: u64,
    alarms: u64,
    /// Whether these kinds are due.
    with_series: bool,
    with_alarms: bool,
    /// Version of the figures to be sent along.
    pub system: Option<u64>,
    pub broker: Option<u64>,
    /// Whether what the client has is void.
    pub is_full: bool,
}

impl UpdateRequest {
    /// A state with everything, for who polls: what changed after a version, or all there is.
    pub const fn everything(seq: u64) -> Self {
        Self {
            series: seq,
            alarms: seq,
            with_series: true,
            with_alarms: true,
            system: None,
            broker: None,
            is_full: seq == 0,
        }
    }

    /// Versions after which to read series and alarms; `None` for a kind that is not due.
    pub fn since(&self) -> (Option<u64>, Option<u64>) {
        (self.with_series.then_some(self.series), self.with_alarms.then_some(self.alarms))
    }

    /// Where the client resumes while it has only some parts of the state.
    pub fn seq_before(&self) -> u64 {
        self.series.min(self.alarms)
    }

    /// Where the client resumes once it has such a state of a version.
    pub fn seq_after(&self, version: u64) -> u64 {
        let (series, alarms) = self.then(version);
        series.min(alarms)
    }

    fn then(&self, version: u64) -> (u64, u64) {
        let series = if self.with_series { version } else { self.series };
        (series, if self.with_alarms { version } else { self.alarms })
    }
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextStep {
    Wait,
    Beat,
    State(UpdateRequest),
    Close(Refusal),
}

/// What a client's frame asks for at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameRequest {
    Hello,
    Other,
}

/// Why a client is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the first frame is the hello, within 10 s")]
    NoHello,
    #[error("hello is said once")]
    HelloAgain,
    #[error("this feed speaks version 1")]
    OtherVersion,
    #[error("a frame is a JSON object with hello, ack or want, as docs/live-feed.md has it")]
    NotUnderstood,
    #[error("at most 20 frames a second")]
    TooManyFrames,
}

/// A state that is on its way.
#[derive(Debug)]
struct InFlight {
    seq: u64,
    sent_at: Duration,
    then: Positions,
}

/// The feed of one client.
#[derive(Debug)]
pub(super) struct Feed {
    began: Duration,
    is_greeted: bool,
    /// Whether what the client has is void, or nothing.
    is_fresh: bool,
    want: ClientInterest,
    has: Positions,
    in_flight: Option<InFlight>,
    last_sent: Duration,
    /// Tick of the last state with series.
    last_series: u64,
    /// Begin of the present second of counting, and frames in it.
    second: (Duration, u32),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientFrame {
    hello: Option<u8>,
    epoch: Option<String>,
    seq: Option<u64>,
    ack: Option<u64>,
    want: Option<ClientWant>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct ClientWant {
    series: f64,
    alarms: bool,
    system: bool,
    broker: bool,
}

impl ClientWant {
    fn understood(&self) -> Result<ClientInterest, Refusal> {
        if !(0.0..=TICKS).contains(&self.series) {
            return Err(Refusal::NotUnderstood);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 240")]
        let period = (self.series > 0.0)
            .then(|| (TICKS / self.series).round().clamp(1.0, LONGEST_PERIOD) as u64);
        Ok(ClientInterest { period, alarms: self.alarms, system: self.system, broker: self.broker })
    }
}

impl Feed {
    /// A client that has just connected.
    pub fn new(now: Duration) -> Self {
        Self {
            began: now,
            is_greeted: false,
            is_fresh: true,
            want: ClientInterest::default(),
            has: Positions::default(),
            in_flight: None,
            last_sent: now,
            last_series: 0,
            second: (now, 0),
        }
    }

    /// What the client wants.
    pub const fn want(&self) -> ClientInterest {
        self.want
    }

    /// A frame of the client. `epoch` is the table's, and `version` its present one.
    ///
    /// # Errors
    /// If the client is to be cut off.
    pub fn hear(
        &mut self,
        text: &str,
        now: Duration,
        (epoch, version): (&str, u64),
    ) -> Result<FrameRequest, Refusal> {
        self.count(now)?;
        let frame: ClientFrame = serde_json::from_str(text).map_err(|_| Refusal::NotUnderstood)?;
        if !self.is_greeted {
            self.greet(&frame, (epoch, version))?;
            return Ok(FrameRequest::Hello);
        }
        match frame {
            ClientFrame { hello: Some(_), .. } => Err(Refusal::HelloAgain),
            ClientFrame { epoch: None, seq: None, ack: Some(seq), want: None, .. } => {
                self.acknowledge(seq);
                Ok(FrameRequest::Other)
            }
            ClientFrame { epoch: None, seq: None, ack: None, want: Some(want), .. } => {
                self.want = want.understood()?;
                Ok(FrameRequest::Other)
            }
            _ => Err(Refusal::NotUnderstood),
        }
    }

    fn count(&mut self, now: Duration) -> Result<(), Refusal> {
        let (since, frames) = &mut self.second;
        if now.saturating_sub(*since) >= Duration::from_secs(1) {
            (*since, *frames) = (now, 0);
        }
        *frames += 1;
        if *frames > MOST_FRAMES { Err(Refusal::TooManyFrames) } else { Ok(()) }
    }

    fn greet(&mut self, frame: &ClientFrame, (epoch, version): (&str, u64)) -> Result<(), Refusal> {
        match frame.hello {
            Some(VERSION) => {}
            Some(_) => return Err(Refusal::OtherVersion),
            None => return Err(Refusal::NoHello),
        }
        if frame.ack.is_some() {
            return Err(Refusal::NotUnderstood);
        }
        self.want =
            frame.want.as_ref().map(ClientWant::understood).transpose()?.unwrap_or_default();
        let seq = frame.seq.unwrap_or_default();
        // A version from the future is of another epoch, whatever it is called.
        if frame.epoch.as_deref() == Some(epoch) && (1..=version).contains(&seq) {
            self.has = Positions { series: seq, alarms: seq, ..Positions::default() };
            self.is_fresh = false;
        }
        self.is_greeted = true;
        Ok(())
    }

    fn acknowledge(&mut self, seq: u64) {
        // Another's is of a state that was acknowledged already.
        if let Some(InFlight { then, .. }) = self.in_flight.take_if(|flight| flight.seq == seq) {
            self.has = then;
        }
    }

    /// What to send now, if anything. `figures` has the versions of the system's and the broker's figures.
    pub fn next(&mut self, now: Duration, heads: LiveHeads, figures: (u64, u64)) -> NextStep {
        if !self.is_greeted {
            let is_late = now.saturating_sub(self.began) >= HELLO_WITHIN;
            return if is_late { NextStep::Close(Refusal::NoHello) } else { NextStep::Wait };
        }
        let since = |at: Duration| now.saturating_sub(at);
        match &self.in_flight {
            Some(flight) if since(flight.sent_at) >= SLEEPS_AFTER => return NextStep::Wait,
            None => {
                if let Some(ask) = self.ask(now, heads, figures) {
                    return NextStep::State(ask);
                }
            }
            Some(_) => {}
        }
        if since(self.last_sent) >= BEAT_AFTER { NextStep::Beat } else { NextStep::Wait }
    }

    fn ask(
        &self,
        now: Duration,
        heads: LiveHeads,
        (system, broker): (u64, u64),
    ) -> Option<UpdateRequest> {
        let Self { want, has, is_fresh, .. } = *self;
        let has_series = heads.series <= has.series;
        let series = want.period.is_some() && (is_fresh || !has_series && self.is_turn(now));
        let alarms = want.alarms && (is_fresh || heads.alarms > has.alarms);
        let system = (want.system && system > has.system).then_some(system);
        let broker = (want.broker && broker > has.broker).then_some(broker);
        let is_any = series || alarms || system.is_some() || broker.is_some();
        is_any.then_some(UpdateRequest {
            series: if is_fresh { 0 } else { has.series },
            alarms: if is_fresh { 0 } else { has.alarms },
            // Kinds that did not change go along: then the client resumes from this state, not from one before.
            with_series: series || want.period.is_some() && has_series,
            with_alarms: want.alarms,
            system,
            broker,
            is_full: is_fresh,
        })
    }

    /// Whether series are due: in step with all other feeds of this rate, which then share a frame, or at once where
    /// the last is as long ago.
    fn is_turn(&self, now: Duration) -> bool {
        let tick = tick(now);
        let period = self.want.period.unwrap_or(u64::MAX);
        tick.is_multiple_of(period) || tick.saturating_sub(self.last_series) >= period
    }

    /// The client is being sent a state of a version.
    pub fn sending(&mut self, ask: &UpdateRequest, version: u64, now: Duration) {
        let (series, alarms) = ask.then(version);
        let then = Positions {
            series,
            alarms,
            system: ask.system.unwrap_or(self.has.system),
            broker: ask.broker.unwrap_or(self.has.broker),
        };
        if ask.with_series {
            self.last_series = tick(now);
        }
        self.is_fresh = false;
        self.last_sent = now;
        self.in_flight = Some(InFlight { seq: ask.seq_after(version), sent_at: now, then });
    }

    /// What the client has turned out to be void: it begins anew with the next state.
    pub const fn renew(&mut self) {
        self.is_fresh = true;
    }

    /// A beat is being sent.
    pub const fn beating(&mut self, now: Duration) {
        self.last_sent = now;
    }
}

fn tick(now: Duration) -> u64 {
    u64::try_from(now.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
