//! Topics and filters that a config may announce. Pure.

/// Bytes of a topic.
const LONGEST: usize = 512;

/// Checks that a topic or filter may be subscribed to.
///
/// # Errors
/// The reason why not.
pub fn check(filter: &str) -> Result<(), String> {
    if filter.len() > LONGEST {
        return Err(format!("the topic is longer than {LONGEST} bytes"));
    }
    if filter.starts_with('$') || filter.contains(char::is_control) {
        return Err(format!("{filter:?} is no topic of a device"));
    }
    let mut levels = filter.split('/').peekable();
    let mut has_name = false;
    while let Some(level) = levels.next() {
        match level {
            "#" if levels.peek().is_some() => {
                return Err(format!("`{filter}`: `#` must be its end"));
            }
            "#" | "+" => {}
            _ if level.contains(['#', '+']) => {
                return Err(format!("`{filter}`: a wildcard must be a whole level"));
            }
            _ => has_name |= !level.is_empty(),
        }
    }
    if has_name { Ok(()) } else { Err(format!("`{filter}` would take every topic")) }
}
