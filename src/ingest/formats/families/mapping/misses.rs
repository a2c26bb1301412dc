//! Notes on what a table points to and a message doesn't have, for a person who writes the table.

/// Notes of one message: a line for each key of the table that found nothing in any element.
#[derive(Debug, Default)]
pub struct Misses {
    notes: Vec<Note>,
}

#[derive(Debug)]
struct Note {
    key: String,
    /// What was missing first; `None` where nothing was.
    line: Option<String>,
    is_found: bool,
}

impl Misses {
    /// Notes that a key found something.
    pub fn found(&mut self, key: &str) {
        self.note(key).is_found = true;
    }

    /// Notes that a key found nothing.
    pub fn missing(&mut self, key: &str, why: String) {
        self.note(key).line.get_or_insert(why);
    }

    /// A line for each key that found nothing, in the order in which they were asked for.
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
