//! Truncation of a text to a service's limit. Pure.

/// Text with `size` of at most `limit`: the lines that fit, then `cut` if some don't. `size` is the
/// sum over its characters.
pub(super) fn fit(text: &str, limit: usize, size: impl Fn(&str) -> usize, cut: &str) -> String {
    if size(text) <= limit {
        return text.to_owned();
    }
    let room = limit.saturating_sub(size("\n") + size(cut));
    let mut fitting = String::new();
    let mut used = 0;
    for line in text.split_inclusive('\n') {
        used += size(line);
        if used > room {
            break;
        }
        fitting += line;
    }
    if fitting.is_empty() {
        fitting = beginning(text, room, &size);
    }
    let fitting = fitting.trim_end();
    if fitting.is_empty() { cut.to_owned() } else { format!("{fitting}\n{cut}") }
}

/// Longest prefix that fits.
fn beginning(text: &str, room: usize, size: impl Fn(&str) -> usize) -> String {
    let mut used = 0;
    let fits = |c: &char| {
        used += size(c.encode_utf8(&mut [0; 4]));
        used <= room
    };
    text.chars().take_while(fits).collect()
}

/// Length in UTF-16 code units, the measure of several services.
pub(super) fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_not_cut() {
        assert_eq!(fit("a\nb\n", 4, str::len, "…"), "a\nb\n");
    }

    #[test]
    fn it_is_cut_at_a_line_and_says_so() {
        assert_eq!(fit("aaa\nbbb\nccc\n", 10, str::len, "+"), "aaa\nbbb\n+");
        assert_eq!(fit("aaa\nbbb\nccc\n", 9, str::len, "+"), "aaa\n+");
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_at_a_character() {
        let text = "🚨".repeat(100);
        for limit in [0, 1, 5, 6, 7, 8, 50, 199] {
            let cut = fit(&text, limit, utf16, "+");
            assert!(utf16(&cut) <= limit.max(1), "{limit}: {cut}");
            assert!(cut.ends_with('+'));
        }
        assert_eq!(fit(&text, 6, utf16, "+"), "🚨🚨\n+");
        assert_eq!(fit(&text, 200, utf16, "+"), text);
    }
}
