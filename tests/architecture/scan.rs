//! The code of `src/` for the architecture tests: without comments, literals and test modules.

use std::fs;
use std::path::{Path, PathBuf};

pub struct Source {
    /// Path relative to the repository.
    pub path: PathBuf,
    /// Code with comments and literals blanked, without unit tests.
    pub code: String,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Sources that are compiled outside of tests.
pub fn sources() -> Vec<Source> {
    let mut folders = vec![root().join("src")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    assert!(files.len() > 20, "the scan found only {} files", files.len());
    let mut tests = Vec::new();
    let mut sources = Vec::new();
    for (path, text) in files {
        let (code, test_files) = without_tests(&text);
        tests.extend(test_files.into_iter().map(|file| beside(&path, &file)));
        sources.push(Source { path, code });
    }
    sources.retain(|source| {
        !tests.iter().any(|test: &PathBuf| {
            source.path == test.with_extension("rs") || source.path.starts_with(test)
        })
    });
    sources
}

/// Path, without extension, of a module in its own file that the source `path` declares.
pub fn beside(path: &Path, module: &str) -> PathBuf {
    let folder = path.parent().unwrap();
    if let Some(file) = module.strip_suffix(".rs") {
        return folder.join(file); // by #[path]
    }
    match path.file_stem().unwrap().to_str().unwrap() {
        "mod" | "lib" | "main" => folder.join(module),
        stem => folder.join(stem).join(module),
    }
}

/// Code without its test modules, and the names (or `#[path]`s) of test modules in other files.
pub fn without_tests(text: &str) -> (String, Vec<String>) {
    const ATTRIBUTE: &str = "#[cfg(test)]";
    let bare = bare(text);
    assert_eq!(bare.len(), text.len());
    let (mut code, mut files, mut from) = (String::new(), Vec::new(), 0);
    for (at, _) in bare.match_indices(ATTRIBUTE) {
        let item = &bare[at + ATTRIBUTE.len()..];
        // Other attributes may follow; of them only `path` matters.
        let attributes = item.len() - after_attributes(item).len();
        let (begin, item) = (at + ATTRIBUTE.len() + attributes, &item[attributes..]);
        let Some(module) = after_visibility(item).strip_prefix("mod ") else { continue };
        let head = module.find(['{', ';']).expect("a module's head");
        let start = begin + (item.len() - module.len()) + head;
        let end = if bare[start..].starts_with('{') { closing(&bare, start) } else { start };
        if end == start {
            // `text`, not `bare`, since the path is a string literal.
            let path = text[at..start].split_once("path = \"").map(|(_, rest)| rest);
            let path = path.and_then(|rest| rest.split('"').next());
            files.push(path.unwrap_or(module[..head].trim()).to_owned());
        }
        if at >= from {
            code += &bare[from..at];
            from = end + 1;
        }
    }
    code += &bare[from..];
    (code, files)
}

fn after_attributes(mut item: &str) -> &str {
    loop {
        item = item.trim_start();
        if !item.starts_with("#[") {
            return item;
        }
        item = &item[item.find(']').expect("an attribute's end") + 1..];
    }
}

fn after_visibility(item: &str) -> &str {
    let Some(rest) = item.strip_prefix("pub") else { return item };
    let rest = rest.trim_start();
    if rest.starts_with('(') { rest[rest.find(')').unwrap() + 1..].trim_start() } else { rest }
}

/// End of the block that opens at `open`.
fn closing(bare: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in bare.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    panic!("a block that does not close: {:.60}", &bare[open..]);
}

/// The text with comments and quoted text replaced by blanks, of the same length in bytes.
fn bare(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut bare = Vec::with_capacity(bytes.len());
    while bare.len() < bytes.len() {
        let at = bare.len();
        let previous = at.checked_sub(1).map_or(b' ', |before| bare[before]);
        let hidden = hidden(&text[at..], is_word(previous));
        if hidden == 0 {
            // Multi-byte characters are never code.
            let width = text[at..].chars().next().unwrap().len_utf8();
            bare.extend_from_slice(&bytes[at..at + width]);
        }
        bare.extend(
            bytes[at..at + hidden].iter().map(|&byte| if byte == b'\n' { byte } else { b' ' }),
        );
    }
    String::from_utf8(bare).unwrap()
}

pub const fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

/// Length in bytes of the comment or literal that begins here.
fn hidden(rest: &str, in_word: bool) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return rest.find("*/").expect("a comment's end") + 2;
    }
    if let Some(text) = rest.strip_prefix('"') {
        return 1 + quoted(text, '"');
    }
    if !in_word && let Some(raw) = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r')) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let begin = rest.len() - raw.len() + hashes + 1;
            return begin + rest[begin..].find(&end).expect("a raw text's end") + end.len();
        }
    }
    if let Some(letter) = rest.strip_prefix('\'') {
        // A character, not a lifetime.
        let mut next = letter.chars();
        let (first, second) = (next.next(), next.next());
        if first == Some('\\') || second == Some('\'') {
            return 1 + quoted(letter, '\'');
        }
    }
    0
}

/// Length of quoted text, closing quote included.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices() {
        if letter == quote && !escaped {
            return at + 1;
        }
        escaped = letter == '\\' && !escaped;
    }
    panic!("a text that does not end: {rest:.60}");
}
