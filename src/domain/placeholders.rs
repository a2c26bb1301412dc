//! Texts with placeholders in braces. Pure.

/// Template with its placeholders filled in, in one pass: placeholders in inserted values are not expanded. `value_of`
/// gets the text from a brace on, and returns the value of the placeholder it starts with, and the length of its name in
/// bytes; `None` leaves the brace as it is.
pub fn fill<V: AsRef<str>>(
    template: &str,
    value_of: impl Fn(&str) -> Option<(V, usize)>,
) -> String {
    let mut text = String::with_capacity(template.len() + 256);
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let length = if let Some((value, length)) = value_of(from) {
            text.push_str(value.as_ref());
            length
        } else {
            text.push('{');
            1
        };
        rest = &from[length..];
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_expanded_and_unknown_braces_stay() {
        let value_of = |from: &str| from.starts_with("{a}").then_some(("{a}!", 3));
        assert_eq!(fill("{a} {b} {", value_of), "{a}! {b} {");
    }
}
