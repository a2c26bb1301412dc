//! What was acknowledged against what is in the table. Counted, not guessed.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::scale;
use super::support::numbered::Published;
use super::support::{Daemon, Db, let_run};

/// When the table has not grown for this long, nothing more is coming. Longer than the daemon
/// waits between two tries to connect.
const QUIET: Duration = Duration::from_secs(15);

/// A look into the table reads all of it.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// How a scenario came out.
#[derive(Debug)]
pub struct Outcome {
    pub lost: usize,
    pub duplicates: usize,
    summary: String,
}

impl Outcome {
    /// # Panics
    /// When a reading is missing or doubled.
    pub fn assert_exact(&self) {
        assert_eq!((self.lost, self.duplicates), (0, 0), "lost, duplicates: {}", self.summary);
    }
}

/// What happened beside what was published.
pub struct Deeds<'a> {
    pub name: &'a str,
    /// Of its random moments, if it has any.
    pub seed: Option<u64>,
    /// What was done, and how often: `40 kills`.
    pub done: String,
}

/// Waits until all that was acknowledged is stored, or nothing more comes.
pub fn settle(db: &Db, published: &Published, daemon: &mut Daemon) {
    settle_for(db, published, daemon, QUIET);
}

/// The same where something else may take a while to bring them.
pub fn settle_for(db: &Db, published: &Published, daemon: &mut Daemon, quiet: Duration) {
    let mut last = (0, Instant::now());
    while last.1.elapsed() < quiet {
        let rows = db.numbers();
        if count(&rows, published).0 == 0 {
            return;
        }
        if rows.len() != last.0 {
            last = (rows.len(), Instant::now());
        }
        assert!(
            daemon.is_running(),
            "the daemon ended while readings were to come:\n{}",
            daemon.log()
        );
        let_run(LOOK_AGAIN);
    }
}

/// Numbers that were acknowledged and are not there.
pub fn missing(rows: &[usize], published: &Published) -> Vec<usize> {
    let mut is_there = vec![false; published.acknowledged.len()];
    rows.iter().for_each(|number| is_there[*number] = true);
    let missing = |number: &usize| published.acknowledged[*number] && !is_there[*number];
    (0..is_there.len()).filter(missing).collect()
}

/// Lost and doubled.
pub fn count(rows: &[usize], published: &Published) -> (usize, usize) {
    let distinct = rows.iter().collect::<HashSet<_>>().len();
    (missing(rows, published).len(), rows.len() - distinct)
}

/// Counts, and prints one line.
pub fn conclude(db: &Db, published: &Published, deeds: &Deeds<'_>) -> Outcome {
    let rows = db.numbers();
    let (lost, duplicates) = count(&rows, published);
    let rejected = db.number("SELECT count(*) FROM rejected_messages");
    assert_eq!(rejected, 0, "rejected messages");
    let Deeds { name, seed, done } = deeds;
    let seed = seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
    let gone = missing(&rows, published);
    let gone = gone
        .first()
        .zip(gone.last())
        .map_or_else(String::new, |(first, last)| format!(" (of {first} to {last})"));
    let summary = format!(
        "CHAOS {name}: lost {lost}{gone}, duplicates {duplicates} of {} acknowledged ({} rows), {done}, \
         {} sent again, {:.1} s, {:.0}/s{seed}{}",
        published.count(),
        rows.len(),
        published.resent,
        published.took.as_secs_f64(),
        published.rate(),
        if scale::is_full() { ", full" } else { "" },
    );
    println!("{summary}");
    Outcome { lost, duplicates, summary }
}
