//! Whether the database that is open is the one at its path, decided by what looks at the files found. Pure.
//!
//! Always: a look that found anything amiss verifies nothing; a fault ends with the first look that finds all as it was.
//! Never: a fault from a single look at something that a busy disk may show for a moment.

use std::time::{Duration, Instant};

use crate::domain::DatabaseFault;

/// Time for which a path may be inaccessible before that is a fault: a network file system recovers.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Interval after which a suspicion must be confirmed: a page under write may be read half.
const SEEN_AGAIN: Duration = Duration::from_millis(500);

/// Identity of a file or folder, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId {
    pub device: u64,
    pub inode: u64,
}

/// Result of a check of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PathCheck {
    There(FileId),
    Missing,
    /// It can't be looked at, for a reason.
    Failed(String),
}

/// The open file itself, whatever its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Content {
    /// Number of names of the file; 0 after its removal.
    pub links: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Change counter in the file, which grows with each connection that writes.
    pub changes: u32,
}

impl Content {
    /// True if no database made this content from the earlier one: it is older, or shorter without a change.
    const fn is_not_of(self, before: Self) -> bool {
        self.changes < before.changes || self.bytes < before.bytes && self.changes == before.changes
    }
}

/// The files that were opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opened {
    pub database: FileId,
    pub write_ahead_log: Option<FileId>,
    /// Folder of the log.
    pub journal: Option<FileId>,
}

/// Result of a check of all paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdentityCheck {
    pub database: PathCheck,
    pub write_ahead_log: PathCheck,
    pub journal: PathCheck,
    pub content: Result<Content, String>,
}

impl IdentityCheck {
    /// Result of a check without an answer.
    pub fn unanswered() -> Self {
        let failed = || PathCheck::Failed("the file system does not answer".into());
        Self {
            database: failed(),
            write_ahead_log: failed(),
            journal: failed(),
            content: Err(String::new()),
        }
    }
}

/// Consequence of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum IdentityChange {
    /// All files are at their paths: what was committed before the check is in a file that is there.
    Verified,
    /// A fault, or a suspicion.
    Unverified,
    /// A fault begins.
    Begins(DatabaseFault),
    /// The fault is over, after this time.
    Ends(Duration),
}

/// State over the checks so far.
#[derive(Debug, Default)]
pub(super) struct Identity {
    /// Content as of the last look that found nothing amiss.
    content: Option<Content>,
    /// Suspected fault, with the time of the check that found it first.
    suspected: Option<(DatabaseFault, Instant)>,
    /// Present fault, and its beginning.
    standing: Option<(DatabaseFault, Instant)>,
}

impl Identity {
    /// Present fault.
    pub fn fault(&self) -> Option<&DatabaseFault> {
        self.standing.as_ref().map(|(fault, _)| fault)
    }

    /// Applies a check.
    pub fn judge(&mut self, opened: &Opened, look: &IdentityCheck, now: Instant) -> IdentityChange {
        if self.fault().is_some_and(DatabaseFault::lasts) {
            return IdentityChange::Unverified;
        }
        let Some(fault) = self.amiss(opened, look) else {
            self.content = look.content.as_ref().ok().copied().or(self.content);
            self.suspected = None;
            return match self.standing.take() {
                Some((_, since)) => IdentityChange::Ends(now.saturating_duration_since(since)),
                None => IdentityChange::Verified,
            };
        };
        let since = match self.suspected.take() {
            Some((before, since)) if is_alike(&before, &fault) => since,
            _ => now,
        };
        self.suspected = Some((fault.clone(), since));
        if now.saturating_duration_since(since) < patience(&fault) {
            return IdentityChange::Unverified;
        }
        match &mut self.standing {
            // The file at the path may change while the fault lasts; its beginning stays.
            Some((standing, _)) => {
                *standing = fault;
                IdentityChange::Unverified
            }
            None => {
                self.standing = Some((fault.clone(), since));
                IdentityChange::Begins(fault)
            }
        }
    }

    fn amiss(&self, opened: &Opened, look: &IdentityCheck) -> Option<DatabaseFault> {
        let is_removed = look.content.as_ref().is_ok_and(|content| content.links == 0);
        match &look.database {
            PathCheck::Missing if is_removed => return Some(DatabaseFault::Removed),
            PathCheck::Missing => return Some(DatabaseFault::MovedAway),
            PathCheck::There(found) if *found != opened.database => {
                return Some(DatabaseFault::Replaced);
            }
            PathCheck::Failed(why) => return Some(DatabaseFault::Unreachable(why.clone())),
            PathCheck::There(_) => {}
        }
        let content = match &look.content {
            Ok(content) => *content,
            Err(why) => return Some(DatabaseFault::Unreachable(why.clone())),
        };
        if self.content.is_some_and(|before| content.is_not_of(before)) {
            return Some(DatabaseFault::Overwritten);
        }
        beside(opened.write_ahead_log, &look.write_ahead_log, DatabaseFault::WriteAheadLogGone)
            .or_else(|| beside(opened.journal, &look.journal, DatabaseFault::JournalGone))
    }
}

/// Fault of something beside the database, if it is watched.
fn beside(opened: Option<FileId>, seen: &PathCheck, gone: DatabaseFault) -> Option<DatabaseFault> {
    let opened = opened?;
    match seen {
        PathCheck::There(found) if *found == opened => None,
        PathCheck::There(_) | PathCheck::Missing => Some(gone),
        PathCheck::Failed(why) => Some(DatabaseFault::Unreachable(why.clone())),
    }
}

/// True for the same kind of fault.
fn is_alike(one: &DatabaseFault, other: &DatabaseFault) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

const fn patience(fault: &DatabaseFault) -> Duration {
    match fault {
        DatabaseFault::Removed | DatabaseFault::MovedAway | DatabaseFault::Replaced => {
            Duration::ZERO
        }
        DatabaseFault::Overwritten
        | DatabaseFault::WriteAheadLogGone
        | DatabaseFault::JournalGone => SEEN_AGAIN,
        DatabaseFault::Unreachable(_) => PATIENCE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATABASE: FileId = FileId { device: 1, inode: 10 };
    const LOG: FileId = FileId { device: 1, inode: 11 };
    const JOURNAL: FileId = FileId { device: 1, inode: 12 };
    const OTHER: PathCheck = PathCheck::There(FileId { device: 1, inode: 99 });
    const OPENED: Opened =
        Opened { database: DATABASE, write_ahead_log: Some(LOG), journal: Some(JOURNAL) };
    const CONTENT: Content = Content { links: 1, bytes: 8192, changes: 5 };

    fn fine() -> IdentityCheck {
        IdentityCheck {
            database: PathCheck::There(DATABASE),
            write_ahead_log: PathCheck::There(LOG),
            journal: PathCheck::There(JOURNAL),
            content: Ok(CONTENT),
        }
    }

    fn failed() -> PathCheck {
        PathCheck::Failed("stale handle".into())
    }

    /// What looks a second apart bring, after one that was fine.
    fn turns(looks: &[IdentityCheck]) -> Vec<IdentityChange> {
        let (mut identity, begin) = (Identity::default(), Instant::now());
        assert_eq!(identity.judge(&OPENED, &fine(), begin), IdentityChange::Verified);
        let times = (1..).map(|second| begin + Duration::from_secs(second));
        looks.iter().zip(times).map(|(look, at)| identity.judge(&OPENED, look, at)).collect()
    }

    #[test]
    fn what_is_amiss_at_the_path_is_seen_at_once_and_over_when_the_file_is_back() {
        let gone = IdentityCheck { database: PathCheck::Missing, ..fine() };
        let content = Ok(Content { links: 0, ..CONTENT });
        for (look, fault) in [
            (gone.clone(), DatabaseFault::MovedAway),
            (IdentityCheck { content: content.clone(), ..gone }, DatabaseFault::Removed),
            (IdentityCheck { database: OTHER, ..fine() }, DatabaseFault::Replaced),
            (IdentityCheck { database: OTHER, content, ..fine() }, DatabaseFault::Replaced),
        ] {
            let expected = [
                IdentityChange::Begins(fault),
                IdentityChange::Unverified,
                IdentityChange::Ends(Duration::from_secs(2)),
                IdentityChange::Verified,
            ];
            assert_eq!(turns(&[look.clone(), look, fine(), fine()]), expected);
        }
    }

    #[test]
    fn what_lies_beside_it_must_be_seen_twice() {
        for (look, fault) in [
            (IdentityCheck { write_ahead_log: OTHER, ..fine() }, DatabaseFault::WriteAheadLogGone),
            (
                IdentityCheck { write_ahead_log: PathCheck::Missing, ..fine() },
                DatabaseFault::WriteAheadLogGone,
            ),
            (IdentityCheck { journal: OTHER, ..fine() }, DatabaseFault::JournalGone),
            (IdentityCheck { journal: PathCheck::Missing, ..fine() }, DatabaseFault::JournalGone),
        ] {
            let seen = turns(&[look.clone(), fine(), look.clone(), look]);
            let begins = IdentityChange::Begins(fault);
            assert_eq!(
                seen,
                [
                    IdentityChange::Unverified,
                    IdentityChange::Verified,
                    IdentityChange::Unverified,
                    begins
                ]
            );
        }
    }

    #[test]
    fn an_older_or_a_shorter_content_is_none_of_the_database() {
        let with = |bytes, changes| IdentityCheck {
            content: Ok(Content { bytes, changes, ..CONTENT }),
            ..fine()
        };
        for (bytes, changes) in [(8192, 4), (9000, 4), (8000, 5), (0, 0)] {
            let over = with(bytes, changes);
            let seen = turns(&[over.clone(), over, fine()]);
            let begins = IdentityChange::Begins(DatabaseFault::Overwritten);
            assert_eq!(
                seen,
                [IdentityChange::Unverified, begins, IdentityChange::Unverified],
                "it lasts"
            );
        }
        // Growth, a VACUUM of another program, and nothing.
        for (bytes, changes) in [(9000, 5), (9000, 6), (4096, 6), (8192, 5)] {
            let later = with(bytes, changes);
            assert_eq!(
                turns(&[later.clone(), later]),
                [IdentityChange::Verified, IdentityChange::Verified]
            );
        }
    }

    #[test]
    fn a_file_system_may_be_away_for_a_moment_and_nothing_is_verified_meanwhile() {
        for look in [
            IdentityCheck { database: failed(), ..fine() },
            IdentityCheck { content: Err("stale handle".into()), ..fine() },
            IdentityCheck { journal: failed(), ..fine() },
            IdentityCheck::unanswered(),
        ] {
            let mut looks = vec![look.clone(); 10];
            assert!(turns(&looks).iter().all(|turn| *turn == IdentityChange::Unverified));
            looks.extend([look, fine()]);
            let seen = turns(&looks);
            let [
                ..,
                IdentityChange::Begins(DatabaseFault::Unreachable(_)),
                IdentityChange::Ends(_),
            ] = &seen[..]
            else {
                panic!("{seen:?}");
            };
        }
        // One that comes and goes is none.
        let away = IdentityCheck { database: failed(), ..fine() };
        let flickers: Vec<_> =
            (0..30).map(|n| if n % 8 == 7 { fine() } else { away.clone() }).collect();
        assert!(!turns(&flickers).iter().any(|turn| matches!(turn, IdentityChange::Begins(_))));
    }

    #[test]
    fn a_fault_that_becomes_another_has_one_beginning_and_one_end() {
        let moved = IdentityCheck { database: PathCheck::Missing, ..fine() };
        let replaced = IdentityCheck { database: OTHER, ..fine() };
        let seen = turns(&[moved, replaced, fine()]);
        let (begins, ends) = (
            IdentityChange::Begins(DatabaseFault::MovedAway),
            IdentityChange::Ends(Duration::from_secs(2)),
        );
        assert_eq!(seen, [begins, IdentityChange::Unverified, ends]);
    }

    #[test]
    fn what_is_not_watched_is_not_missed() {
        let opened = Opened { write_ahead_log: None, journal: None, ..OPENED };
        let look = IdentityCheck {
            write_ahead_log: PathCheck::Missing,
            journal: PathCheck::Missing,
            ..fine()
        };
        let mut identity = Identity::default();
        assert_eq!(identity.judge(&opened, &look, Instant::now()), IdentityChange::Verified);
    }
}
