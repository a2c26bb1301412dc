//! Record of table keys that a message lacks, for diagnosis by the author of the table.

/// Missing keys of one message. A key is missing if it was found in no element.
#[derive(Debug, Default)]
pub struct Misses {
    notes: Vec<Note>,
}

#[derive(Debug)]
struct Note {
    key: String,
    /// First reason for the key to be missing; `None` if it was never missing.
    line: Option<String>,
    is_found: bool,
}

impl Misses {
    /// Records that a key was found.
    pub fn found(&mut self, key: &str) {
        self.note(key).is_found = true;
    }

    /// Records that a key was missing.
    pub fn missing(&mut self, key: &str, why: String) {
        self.note(key).line.get_or_insert(why);
    }

    /// One line per missing key, in the order of first access.
    #[must_use]
    pub fn into_lines(self) -> Vec<String> {
        let unfound = self.notes.into_iter().filter(|note| !note.is_found);
        unfound.filter_map(|note| Some(format!("{}: {}", note.key, note.line?))).collect()
    }

    fn note(&mut self, key: &str) -> &mut Note {
        let at = self.notes.iter().position(|note| note.key == key).unwrap_or_else(|| {
            self.notes.push(Note { key: key.to_owned(), line: None, is_found: false });
            self.notes.len() - 1
        });
        &mut self.notes[at]
    }
}
