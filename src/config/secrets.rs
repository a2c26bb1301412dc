//! Secrets: a text in the configuration itself, or the environment variable or file that holds it.

use std::path::PathBuf;

use super::inspector::At;
use super::model::SecretSource;
use super::reader::TableReader;

/// Text of the first key, or source of a secret: at most one of the three keys `called`, `called_env` and `called_file`
/// may be given. A second one is reported.
pub(super) fn plain_or_secret<'a>(
    table: &mut TableReader<'a>,
    keys: [&'static str; 3],
    called: &str,
) -> (Option<At<&'a str>>, Option<SecretSource>) {
    let [plain, env, file] = keys;
    let (plain, env, file) = (table.text(plain), table.text(env), table.path(file));
    let given: Vec<usize> = keys.iter().filter_map(|key| table.place_of(key)).collect();
    if let [_, second, ..] = given[..] {
        let [a, b, c] = keys;
        let what = format!("the {called} is given twice");
        table.wrong(second, what, format!("keep one of {a}, {b} and {c}"));
    }
    match plain {
        Some(plain) => (Some(plain), None),
        None => (None, source(table, env, file.map(|file| file.value))),
    }
}

/// Source of a secret: variable or file.
pub(super) fn source(
    table: &TableReader<'_>,
    env: Option<At<&str>>,
    file: Option<PathBuf>,
) -> Option<SecretSource> {
    let Some(At { at, value: name }) = env else { return file.map(SecretSource::File) };
    let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(is_fit) {
        // Not quoted: it may be the secret itself.
        let hint = "name the variable that holds it, such as VIGIE_WEBHOOK_URL";
        table.wrong(at, "this is no name of an environment variable", hint);
        return None;
    }
    Some(SecretSource::Env(name.to_owned()))
}
