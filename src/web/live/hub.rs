//! What all feeds share: the table they read, how many there are, and frames for those that are in step.
//!
//! Always: frames are written from the table as it is; a shared one is a moment old at most. Never: a lock that is held
//! over an await.

#![expect(clippy::disallowed_methods, reason = "the feeds' clock, and the time that frames bear")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::MOST_FEEDS;
use super::frames::{Parts, State, Welcome};
use super::protocol::{ClientInterest, UpdateRequest};
use crate::domain::LiveHeads;
use crate::web::guard::Principal;
use crate::web::{Settings, assets};

/// Frames that are kept for clients in step: of a few rates and wants.
const FRAMES_KEPT: usize = 4;

/// How old a shared frame may be: less than a tick, in which all clients in step ask for it.
const SHARED_FOR: Duration = Duration::from_millis(100);

/// How often the figures of the system and of the broker are read.
const FIGURES_EACH: Duration = Duration::from_secs(1);

/// Shared by the sessions of all doors.
pub(in crate::web) struct Hub {
    settings: Settings,
    began: Instant,
    room: Arc<Semaphore>,
    stopping: watch::Sender<bool>,
    frames: Mutex<VecDeque<SharedFrame>>,
    system: Mutex<Figures>,
    broker: Mutex<Figures>,
}

/// A state that is one part, as it was written for a client.
struct SharedFrame {
    ask: UpdateRequest,
    version: u64,
    frame: Arc<str>,
    written_at: Duration,
}

/// Figures as JSON, with a version that grows when they change.
struct Figures {
    read: Box<dyn Fn() -> String + Send + Sync>,
    read_at: Option<Duration>,
    version: u64,
    json: Arc<str>,
}

/// A state for a client.
pub(super) enum Built {
    /// What the client has is void.
    Void,
    /// In one part.
    One { version: u64, frame: Arc<str> },
    /// The first part, and those that follow.
    Many { version: u64, first: String, rest: Box<Parts> },
}

impl Figures {
    fn new<T: Serialize + 'static>(read: Arc<dyn Fn() -> T + Send + Sync>) -> Mutex<Self> {
        // What it reads is JSON by its type.
        let read = Box::new(move || serde_json::to_string(&read()).unwrap_or_default());
        Mutex::new(Self { read, read_at: None, version: 0, json: "null".into() })
    }

    fn refresh(&mut self, now: Duration) -> u64 {
        if self.read_at.is_some_and(|at| now.saturating_sub(at) < FIGURES_EACH) {
            return self.version;
        }
        self.read_at = Some(now);
        let json = (self.read)();
        if *json != *self.json {
            self.version += 1;
            self.json = json.into();
        }
        self.version
    }
}

impl Hub {
    pub fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            room: Arc::new(Semaphore::new(MOST_FEEDS)),
            stopping: watch::Sender::new(false),
            frames: Mutex::default(),
            system: Figures::new(settings.system.clone()),
            broker: Figures::new(settings.broker.clone()),
            settings,
        })
    }

    /// Ends all feeds, those to come among them.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Becomes true when the feeds end.
    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Feeds that are open.
    pub(in crate::web) fn num_feeds(&self) -> usize {
        MOST_FEEDS.saturating_sub(self.room.available_permits())
    }

    /// A place for one feed; `None` when all are taken.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.room.clone().try_acquire_owned().ok()
    }

    /// Time since the feeds began.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Milliseconds since 1970.
    pub(super) fn wall() -> i64 {
        Utc::now().timestamp_millis()
    }

    pub(super) fn epoch(&self) -> Arc<str> {
        self.settings.live.epoch()
    }

    /// Versions of the last changes.
    pub(super) fn heads(&self) -> LiveHeads {
        self.settings.live.heads()
    }

    /// Versions of the system's and the broker's figures, as far as they are wanted.
    pub(super) fn figures(&self, want: ClientInterest, now: Duration) -> (u64, u64) {
        let version = |is_wanted: bool, figures: &Mutex<Figures>| {
            if is_wanted { lock(figures).refresh(now) } else { 0 }
        };
        (version(want.system, &self.system), version(want.broker, &self.broker))
    }

    /// The first frame.
    pub(super) fn welcome(&self, visitor: &Principal) -> serde_json::Value {
        let Settings { times, language, .. } = &self.settings;
        let welcome = Welcome {
            epoch: &self.epoch(),
            build: assets::build(),
            zone: times.zone.name(),
            language,
            user: visitor.user.as_deref(),
            role: visitor.role.as_str(),
            is_open: visitor.is_open,
        };
        welcome.json(Self::wall())
    }

    /// Writes what a client is to be sent, or shares what another was sent a moment ago.
    pub(super) fn build(&self, ask: &UpdateRequest, now: Duration) -> Built {
        let mut frames = lock(&self.frames);
        frames.retain(|shared| now.saturating_sub(shared.written_at) < SHARED_FOR);
        if let Some(SharedFrame { version, frame, .. }) =
            frames.iter().find(|shared| shared.ask == *ask)
        {
            return Built::One { version: *version, frame: frame.clone() };
        }
        let Some((version, state)) = self.state(ask) else { return Built::Void };
        let mut rest = state.parts();
        let first = rest.next_part(Self::wall()).unwrap_or_default();
        if !rest.is_at_end() {
            return Built::Many { version, first, rest: Box::new(rest) };
        }
        let frame: Arc<str> = first.into();
        frames.truncate(FRAMES_KEPT - 1);
        frames.push_front(SharedFrame {
            ask: *ask,
            version,
            frame: frame.clone(),
            written_at: now,
        });
        Built::One { version, frame }
    }

    /// One complete state for who polls, with everything, from where it resumes.
    pub(super) fn poll(
        &self,
        visitor: &Principal,
        epoch: Option<&str>,
        seq: Option<u64>,
    ) -> String {
        let is_ours = epoch == Some(&*self.epoch());
        let seq = seq.filter(|seq| is_ours && *seq <= self.version()).unwrap_or_default();
        let now = self.now();
        let (system, broker) = (lock(&self.system).refresh(now), lock(&self.broker).refresh(now));
        let ask = |seq| {
            let mut ask = UpdateRequest::everything(seq);
            (ask.system, ask.broker) = (Some(system), Some(broker));
            ask
        };
        let state = self.state(&ask(seq)).or_else(|| self.state(&ask(0)));
        let state = state.map(|(_, state)| state.whole(Self::wall())).unwrap_or_default();
        format!("{{\"welcome\":{},\"state\":{state}}}", self.welcome(visitor))
    }

    /// The present version of the table.
    pub(super) fn version(&self) -> u64 {
        self.settings.live.since(None, None).version
    }

    /// `None` when what the client has is void.
    fn state(&self, ask: &UpdateRequest) -> Option<(u64, State)> {
        let (series, alarms) = ask.since();
        let changes = self.settings.live.since(series, alarms);
        let (version, mut state) = State::of(ask, changes, self.settings.times)?;
        state.system = ask.system.map(|_| lock(&self.system).json.clone());
        state.broker = ask.broker.map(|_| lock(&self.broker).json.clone());
        Some((version, state))
    }
}

// Updates are atomic, so a poisoned lock is still consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
