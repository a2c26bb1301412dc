//! What the gateway does with its outbox on disk: keeps readings there, says how far they are done,
//! and tells people when the disk can't do its part.

use std::path::Path;

use log::{error, info, warn};

use super::actor::{Gateway, now};
use super::outbox::Taken;
use super::outbox::disk::{Left, News};
use crate::domain::Reading;
use crate::locale::Words;

/// While readings flow, how many may be acknowledged before it is written down: as many as are in
/// flight at a time, so that a kill at most doubles what is sent again.
const MARK_EVERY: usize = 100;

impl Gateway {
    /// Puts readings on disk, as far as it takes them.
    pub(super) fn keep(&mut self, readings: Vec<Reading>) -> Vec<Taken> {
        let (taken, news) = self.kept.disk().keep(readings);
        self.tell_of_disk(news);
        taken
    }

    /// One more is done with: writes it down when it is worth a record.
    pub(super) fn count_done(&mut self) {
        self.unmarked += 1;
        if self.unmarked >= MARK_EVERY {
            self.mark_done();
        }
    }

    /// Writes down how far the readings are done with.
    pub(super) fn mark_done(&mut self) {
        self.unmarked = 0;
        let oldest = self.kept.outbox().oldest_place();
        let news = self.kept.disk().mark(oldest);
        self.tell_of_disk(news);
    }

    fn tell_of_disk(&mut self, news: Option<News>) {
        match news {
            Some(News::Trouble(trouble)) => {
                if self.lines.disk.admit(now()).is_some() {
                    self.disk_trouble_told = true;
                    let words = (self.settings.words.outbox_unwritable)(&trouble.to_string());
                    error!(target: "vigie::gateway", "{words}");
                }
            }
            // Only after a line on the trouble, so that a disk that comes and goes is limited too.
            Some(News::Over) if std::mem::take(&mut self.disk_trouble_told) => {
                info!(target: "vigie::gateway", "{}", self.settings.words.outbox_writable);
            }
            Some(News::Over) | None => {}
        }
    }

    /// At the stop: what becomes of the readings that the broker does not have.
    pub(super) fn tell_unpublished(&self) {
        let words = self.settings.words;
        let (all, lost) = {
            let outbox = self.kept.outbox();
            (outbox.len(), outbox.in_memory_only())
        };
        if all > lost {
            let folder = self.kept.disk().folder().display().to_string();
            warn!(target: "vigie::gateway", "{}", (words.readings_left)(all - lost, &folder));
        }
        if lost > 0 {
            error!(target: "vigie::gateway", "{}", (words.readings_lost)(lost));
        }
    }
}

/// Says what an earlier run left on disk.
pub(super) fn tell_of_left(left: &Left, folder: &Path, words: &Words) {
    if !left.readings.is_empty() {
        info!(target: "vigie::gateway", "{}", (words.outbox_recovered)(left.readings.len()));
    }
    for (file, damage) in &left.recovery.damages {
        let file = file.display().to_string();
        if damage.is_tail {
            warn!(target: "vigie::gateway", "{}", (words.outbox_torn)(&file, damage.bytes));
        } else {
            let line = (words.outbox_damaged)(&file, damage.offset, damage.bytes);
            error!(target: "vigie::gateway", "{line}");
        }
    }
    let folder = folder.display().to_string();
    for (first, last) in &left.recovery.missing {
        error!(target: "vigie::gateway", "{}", (words.outbox_missing)(&folder, *first, *last));
    }
    if left.strange > 0 {
        error!(target: "vigie::gateway", "{}", (words.outbox_strange)(&folder, left.strange));
    }
}
