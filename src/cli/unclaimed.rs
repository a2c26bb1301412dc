//! Display of unclaimed topics, and of the configuration proposed for them.

use crate::ingest::inventory::UnclaimedReport;
use crate::logging::one_line;

/// Characters of a payload that are shown.
const SHOWN: usize = 100;

/// Beginning of an example payload, safe for a terminal.
pub(super) fn example(payload: &str, is_cut: bool) -> String {
    let shown: String = payload.chars().take(SHOWN).collect();
    let is_cut = is_cut || shown.len() < payload.len();
    let shown = one_line(&shown);
    if is_cut { format!("{shown}…") } else { shown.into_owned() }
}

/// Proposed lines, each once, with the shapes they are for; empty if there are none.
pub(super) fn lines_to_paste(unclaimed: &[UnclaimedReport]) -> String {
    let mut tables: Vec<(&str, Vec<&str>)> = Vec::new();
    for it in unclaimed {
        let Some(config) = &it.config else { continue };
        match tables.iter_mut().find(|(known, _)| known == config) {
            Some((_, shapes)) => shapes.push(&it.shape),
            None => tables.push((config, vec![&it.shape])),
        }
    }
    let table = |(config, shapes): (&str, Vec<&str>)| {
        let shapes = shapes.into_iter().map(|shape| format!("\n# {}", one_line(shape)));
        format!("{}\n{config}", shapes.collect::<String>())
    };
    let tables: String = tables.into_iter().map(table).collect();
    if tables.is_empty() {
        return String::new();
    }
    format!(
        "\nTO READ THEM, PASTE INTO THE CONFIGURATION WHAT YOU WANT, AND CORRECT NAMES AND UNITS:\n{tables}"
    )
}
