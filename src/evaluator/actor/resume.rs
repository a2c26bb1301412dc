//! Restore of the evaluator's state from the last commit.
//!
//! Always: runs on a blocking thread; for a large fleet it takes seconds. Never: the use of a state whose
//! restoration failed or was interrupted.

use std::sync::Weak;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use super::super::clock::Deadline;
use super::super::fold::{Effects, Fold, Start};
use super::EvaluatorSettings;
use crate::domain::{DecoderChange, Position};
use crate::messages::{LoadResumePoint, ReadingStream, ResumePoint, Store};
use crate::supervisor::Route;

/// Timeout for storage to return the resume point: it may have a backlog to commit first.
const RESUME_PATIENCE: Duration = Duration::from_secs(60);

/// Interval between two requests.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Restored state, and its differences to the stored one.
pub(super) struct Restored {
    pub position: Position,
    pub number: u64,
    pub decoders: Vec<DecoderChange>,
    pub fold: Fold,
    pub batch: Store,
    pub effects: Effects,
}

/// Loads the resume point from storage and restores the state. Its thread ends early if the result is no longer
/// needed.
pub(super) async fn restored(
    settings: EvaluatorSettings,
    is_wanted: Weak<Notify>,
) -> Result<Restored, String> {
    let deadline = Deadline::after(RESUME_PATIENCE);
    loop {
        let (settings, is_wanted) = (settings.clone(), is_wanted.clone());
        match restored_once(settings, is_wanted).await {
            // The database may be readable a moment later.
            Err(_) if !deadline.is_over() => tokio::time::sleep(ASK_AGAIN).await,
            answer => return answer,
        }
    }
}

async fn restored_once(
    settings: EvaluatorSettings,
    is_wanted: Weak<Notify>,
) -> Result<Restored, String> {
    let mut point = resume_point(&settings.resume).await?;
    let restore = move || {
        let EvaluatorSettings { log, ruling, words, default_ingress, times, .. } = settings;
        let (position, number) = (point.position, point.number);
        let decoders = std::mem::take(&mut point.decoders);
        let since = std::mem::take(&mut point.since);
        point.since = ReadingStream::new(since.take_while(move |_| is_wanted.strong_count() > 0));
        let mut fold = Fold::new(words, default_ingress);
        let (mut batch, mut effects) = (Store::default(), Effects::default());
        let start = Start { zone: times.zone, at: log.now().wall, built_at: built_at() };
        fold.restore(point, ruling.get(), start, &mut batch, &mut effects)?;
        Ok(Restored { position, number, decoders, fold, batch, effects })
    };
    tokio::task::spawn_blocking(restore).await.map_err(|error| error.to_string())?
}

/// Requests until storage answers: it may be restarted meanwhile.
async fn resume_point(resume: &Route<LoadResumePoint>) -> Result<ResumePoint, String> {
    let deadline = Deadline::after(RESUME_PATIENCE);
    loop {
        let why = match resume.request(LoadResumePoint, RESUME_PATIENCE).await {
            Ok(Ok(point)) => return Ok(point),
            Ok(Err(why)) => why,
            Err(error) => error.to_string(),
        };
        if deadline.is_over() {
            return Err(why);
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

fn built_at() -> DateTime<Utc> {
    let seconds = env!("VIGIE_BUILT_UNIX_S").parse().unwrap_or_default();
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}
