//! Messages on their way in, from the client's callback to the evaluator.
//!
//! [`Intake::accept`] runs inside the MQTT client's callback, and the message is acknowledged to the
//! broker when it returns. So it never drops one: when the queue is full it blocks until there is
//! room, and the broker keeps the rest. All clients of the process stand still meanwhile, pings
//! included: blocked for longer than the keep-alive time, they are disconnected, and come back.
//!
//! Always: what was accepted is handed to the evaluator in order, by [`drain`], unless the gateway
//! dies with it in its hands; the queue outlives each incarnation. Never: a panic in `accept` (its
//! caller is C), or more than the bounds in memory, a stop excepted.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use crate::domain::Rejected;
use crate::intake::codec::{Codec, Decoded, Message};
use crate::logging::LineLimit;
use crate::messages::{Evaluate, IntakeBatch};
use crate::supervisor::{Route, SendError};

/// Messages that may wait: a tenth of a second's worth at full speed, so that a slow moment of
/// storage is not felt, and a restart finds little to do.
const CAPACITY: usize = 4096;
/// Bytes that may wait, whatever their number: messages are small, but need not be.
const CAPACITY_BYTES: usize = 16 << 20;
/// How much of a payload that can't be used is kept to be looked at.
const KEPT_BYTES: usize = 4096;
/// Messages in one batch: enough to spread the cost of a hand-over, few enough not to hold the
/// arbiter for more than a millisecond or so.
const BATCH: usize = 256;
/// How long a blocked callback sleeps before it looks again, should a wake-up be missed.
const STEP: Duration = Duration::from_millis(250);
/// Blocked for longer than this is worth a line.
const TELL_AFTER: Duration = Duration::from_secs(1);
/// How long one offer to the evaluator may take before it is said that it takes long.
const OFFER: Duration = Duration::from_secs(5);
/// Lines on rejected messages: 5 every 10 seconds.
const REJECTED_LINES: (u64, Duration) = (5, Duration::from_secs(10));

/// A message as it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    pub topic: String,
    /// Cut short if it is over the limit.
    pub payload: Vec<u8>,
    /// The payload's true length.
    pub payload_bytes: usize,
    /// Published before, and kept by the broker for new subscribers.
    pub retained: bool,
    pub received_at: DateTime<Utc>,
}

/// The queue between the callback and the evaluator.
#[derive(Debug)]
pub struct Intake {
    capacity: usize,
    /// A payload of more bytes is rejected.
    max_payload_bytes: usize,
    state: Mutex<State>,
    room: Condvar,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Arrival>,
    bytes: usize,
    /// Taken from the queue and not yet with the evaluator.
    in_hand: usize,
    blocked_since: Option<Instant>,
    blocked_told: bool,
    /// The daemon stops: nobody may be kept waiting any more.
    open_wide: bool,
}

impl Intake {
    #[must_use]
    pub fn new(max_payload_bytes: usize) -> Self {
        Self::with_capacity(CAPACITY, max_payload_bytes)
    }

    fn with_capacity(capacity: usize, max_payload_bytes: usize) -> Self {
        Self {
            capacity,
            max_payload_bytes,
            state: Mutex::default(),
            room: Condvar::new(),
            arrived: Notify::new(),
        }
    }

    /// Takes a message in, waiting for room as long as it takes. Once this returns the message
    /// counts as received.
    pub fn accept(&self, topic: &str, payload: &[u8], retained: bool) {
        let kept = if payload.len() > self.max_payload_bytes {
            &payload[..KEPT_BYTES.min(payload.len())]
        } else {
            payload
        };
        let arrival = Arrival {
            topic: topic.to_owned(),
            payload: kept.to_vec(),
            payload_bytes: payload.len(),
            retained,
            received_at: Utc::now(),
        };
        let mut state = self.lock();
        while !state.has_room(self.capacity) {
            state.note_blocked(Instant::now());
            state = self
                .room
                .wait_timeout(state, STEP)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
        }
        state.bytes += arrival.size();
        state.queue.push_back(arrival);
        drop(state);
        self.arrived.notify_one();
    }

    /// Lets everybody in from now on: the daemon stops, and a callback that waits would hold it up.
    /// What still comes is bounded by what the broker has in flight.
    pub fn open_wide(&self) {
        self.lock().open_wide = true;
        self.room.notify_all();
    }

    /// Whether everything accepted is with the evaluator.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.waiting() == 0
    }

    /// How many accepted messages are not with the evaluator yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let state = self.lock();
        state.queue.len() + state.in_hand
    }

    /// A new incarnation begins: what its predecessor had in hand went with it.
    pub fn begin(&self) {
        let mut state = self.lock();
        state.in_hand = 0;
        state.open_wide = false;
    }

    async fn arrived(&self) {
        while self.lock().queue.is_empty() {
            self.arrived.notified().await;
        }
    }

    fn take(&self, at_most: usize) -> Vec<Arrival> {
        let mut state = self.lock();
        let count = at_most.min(state.queue.len());
        let batch: Vec<Arrival> = state.queue.drain(..count).collect();
        state.bytes -= batch.iter().map(Arrival::size).sum::<usize>();
        state.in_hand = count;
        state.note_room(self.capacity, Instant::now());
        drop(state);
        self.room.notify_all();
        batch
    }

    fn handed_over(&self) {
        self.lock().in_hand = 0;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and the state is whole between any two steps.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arrival {
    fn size(&self) -> usize {
        self.topic.len() + self.payload.len()
    }
}

impl State {
    fn has_room(&self, capacity: usize) -> bool {
        self.open_wide || (self.queue.len() < capacity && self.bytes < CAPACITY_BYTES)
    }

    fn note_blocked(&mut self, now: Instant) {
        let since = *self.blocked_since.get_or_insert(now);
        if !self.blocked_told && now.saturating_duration_since(since) >= TELL_AFTER {
            self.blocked_told = true;
            log::warn!(
                target: "vigie::gateway",
                "intake blocked: {} messages wait for storage; the broker keeps the rest",
                self.queue.len()
            );
        }
    }

    /// The end of a blockade is when the queue is half empty: it would flutter at the brim.
    fn note_room(&mut self, capacity: usize, now: Instant) {
        if self.queue.len() > capacity / 2 {
            return;
        }
        if let Some(since) = self.blocked_since.take()
            && std::mem::take(&mut self.blocked_told)
        {
            let seconds = now.saturating_duration_since(since).as_secs_f64();
            log::info!(target: "vigie::gateway", "intake goes on after {seconds:.1} s");
        }
    }
}

/// Hands what arrives to the evaluator, batch by batch, until that one is gone for good.
pub async fn drain(intake: Arc<Intake>, codec: Arc<dyn Codec>, evaluate: Route<Evaluate>) {
    let (burst, window) = REJECTED_LINES;
    let mut lines = LineLimit::new(burst, window);
    loop {
        intake.arrived().await;
        let batch = sort(intake.take(BATCH), codec.as_ref(), intake.max_payload_bytes);
        for rejected in &batch.rejected {
            log_rejected(rejected, &mut lines);
        }
        let is_empty = batch.readings.is_empty() && batch.rejected.is_empty();
        if !is_empty && !hand_over(batch, &evaluate).await {
            return;
        }
        intake.handed_over();
        // A full queue must not keep the arbiter from everything else.
        tokio::task::yield_now().await;
    }
}

/// False when the evaluator is gone for good.
async fn hand_over(batch: IntakeBatch, evaluate: &Route<Evaluate>) -> bool {
    let mut offer = Evaluate(batch);
    let mut told = false;
    loop {
        offer = match evaluate.send(offer, OFFER).await {
            Ok(()) => return true,
            Err(SendError::Full(offer)) => offer,
            Err(SendError::Closed(_)) => return false,
        };
        if !std::mem::replace(&mut told, true) {
            log::warn!(target: "vigie::gateway", "evaluation has had no room for {} s; intake waits", OFFER.as_secs());
        }
    }
}

/// What the messages mean, in order.
fn sort(arrivals: Vec<Arrival>, codec: &dyn Codec, max_payload_bytes: usize) -> IntakeBatch {
    let mut batch = IntakeBatch::default();
    for arrival in arrivals {
        match decode(&arrival, codec, max_payload_bytes) {
            Ok(Decoded::Readings(mut readings)) => batch.readings.append(&mut readings),
            Ok(Decoded::Ignored) => {}
            Err(reason) => batch.rejected.push(reject(arrival, reason)),
        }
    }
    batch
}

fn decode(
    arrival: &Arrival,
    codec: &dyn Codec,
    max_payload_bytes: usize,
) -> Result<Decoded, String> {
    let message = Message {
        topic: &arrival.topic,
        payload: &arrival.payload,
        received_at: arrival.received_at,
    };
    if arrival.payload_bytes <= max_payload_bytes {
        return codec.decode(&message);
    }
    Err(format!(
        "the payload has {} bytes, more than the {max_payload_bytes} that are taken",
        arrival.payload_bytes
    ))
}

fn reject(arrival: Arrival, reason: String) -> Rejected {
    let mut payload = arrival.payload;
    payload.truncate(KEPT_BYTES);
    Rejected {
        topic: arrival.topic,
        payload,
        payload_bytes: arrival.payload_bytes,
        reason,
        received_at: arrival.received_at,
    }
}

fn log_rejected(rejected: &Rejected, lines: &mut LineLimit) {
    if let Some(suppressed_before) = lines.admit(Instant::now()) {
        if suppressed_before > 0 {
            log::warn!(target: "vigie::gateway", "rejected {suppressed_before} more messages; they are kept for inspection");
        }
        // Quoted, so that a topic can't forge a line of the log.
        log::warn!(target: "vigie::gateway", "rejected a message on {:?}: {}", rejected.topic, rejected.reason);
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::config::ReadingTopic;
    use crate::intake::codec::OriginJson;
    use crate::wire::Topics;

    const TOPIC: &str = "factory/sensors/temperature";

    fn codec() -> OriginJson {
        OriginJson::new(Topics::new("factory", ReadingTopic::Shared), Tz::UTC)
    }

    #[test]
    fn a_batch_is_sorted_in_order() {
        let intake = Intake::with_capacity(16, 100);
        for payload in [
            r#"{"sensor_id":"A","temperature":1}"#,
            "online",
            r#"{"sensor_id":"B","temperature":2}"#,
        ] {
            intake.accept(TOPIC, payload.as_bytes(), false);
        }
        intake.accept("factory/sensors/status", b"online", true);
        intake.accept(TOPIC, &[b' '; 101], false);
        let batch = sort(intake.take(16), &codec(), intake.max_payload_bytes);
        let ids: Vec<_> = batch.readings.iter().map(|r| r.sensor_id.as_str()).collect();
        assert_eq!(ids, ["A", "B"]);
        assert_eq!(batch.rejected.len(), 2);
        assert_eq!(batch.rejected[0].payload, b"online");
        assert_eq!(batch.rejected[1].payload_bytes, 101);
        assert!(batch.rejected[1].reason.contains("101 bytes, more than the 100"));
    }

    #[test]
    fn a_payload_at_the_limit_is_taken_and_one_over_it_is_cut() {
        let intake = Intake::with_capacity(16, 10_000);
        let mut payload = br#"{"sensor_id":"A","temperature":1}"#.to_vec();
        payload.resize(10_000, b' ');
        intake.accept(TOPIC, &payload, false);
        payload.push(b' ');
        intake.accept(TOPIC, &payload, false);
        let arrivals = intake.take(2);
        assert_eq!(arrivals[1].payload.len(), KEPT_BYTES, "no memory for what is refused anyway");
        let batch = sort(arrivals, &codec(), intake.max_payload_bytes);
        assert_eq!((batch.readings.len(), batch.rejected.len()), (1, 1));
        assert_eq!(batch.rejected[0].payload_bytes, 10_001);
    }

    #[test]
    fn a_full_queue_blocks_until_there_is_room_and_drops_nothing() {
        let intake = Arc::new(Intake::with_capacity(4, 100));
        let callback = std::thread::spawn({
            let intake = intake.clone();
            move || {
                for number in 0..100 {
                    intake.accept(TOPIC, number.to_string().as_bytes(), false);
                    assert!(intake.lock().queue.len() <= 4);
                }
            }
        });
        let mut taken = Vec::new();
        while taken.len() < 100 {
            taken.extend(intake.take(3).into_iter().map(|arrival| arrival.payload));
            std::thread::yield_now();
        }
        callback.join().unwrap();
        let expected: Vec<_> = (0..100).map(|number| number.to_string().into_bytes()).collect();
        assert_eq!(taken, expected);
    }

    #[test]
    fn a_blocked_callback_is_let_in_at_a_stop_with_its_message() {
        let intake = Arc::new(Intake::with_capacity(1, 100));
        intake.accept(TOPIC, b"1", false);
        let callback = std::thread::spawn({
            let intake = intake.clone();
            move || intake.accept(TOPIC, b"2", false)
        });
        while intake.lock().blocked_since.is_none() {
            std::thread::yield_now();
        }
        intake.open_wide();
        callback.join().unwrap();
        assert_eq!(intake.waiting(), 2);
        intake.take(2);
        assert!(!intake.is_idle(), "still in hand");
        intake.handed_over();
        assert!(intake.is_idle());
    }

    #[test]
    fn bytes_are_bounded_too() {
        let intake = Intake::with_capacity(usize::MAX, usize::MAX);
        intake.accept(TOPIC, &vec![0; CAPACITY_BYTES], false);
        assert!(!intake.lock().has_room(intake.capacity));
        intake.take(1);
        assert!(intake.lock().has_room(intake.capacity));
    }
}
