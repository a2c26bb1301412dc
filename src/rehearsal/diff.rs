//! Difference of two sequences, in order. Pure.

/// One line of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<E, G> {
    Same(G),
    /// Expected, and not there.
    Missing(E),
    /// There, and not expected.
    Unexpected(G),
}

/// Limit of comparisons, seconds of work. Beyond it, everything is reported as missing and unexpected.
const MOST_COMPARISONS: usize = 4_000_000;

/// Shortest difference from `expected` to `got`; missing items come before those in their place.
pub(super) fn diff<'a, E, G>(
    expected: &'a [E],
    got: &'a [G],
    is_same: impl Fn(&E, &G) -> bool,
) -> Vec<Line<&'a E, &'a G>> {
    let pairs = |(e, g): &(&E, &G)| is_same(e, g);
    let before = expected.iter().zip(got).take_while(pairs).count();
    let (expected, rest) = (&expected[before..], &got[before..]);
    let after = expected.iter().rev().zip(rest.iter().rev()).take_while(pairs).count();
    let (expected, middle) = (&expected[..expected.len() - after], &rest[..rest.len() - after]);
    let mut lines: Vec<_> = got[..before].iter().map(Line::Same).collect();
    lines.extend(between(expected, middle, is_same));
    lines.extend(got[got.len() - after..].iter().map(Line::Same));
    lines
}

/// By the longest common subsequence.
fn between<'a, E, G>(
    expected: &'a [E],
    got: &'a [G],
    is_same: impl Fn(&E, &G) -> bool,
) -> Vec<Line<&'a E, &'a G>> {
    let (rows, columns) = (expected.len(), got.len());
    if rows.saturating_mul(columns) > MOST_COMPARISONS {
        let missing = expected.iter().map(Line::Missing);
        return missing.chain(got.iter().map(Line::Unexpected)).collect();
    }
    // Length of the common subsequence of the remaining items.
    let mut common = vec![vec![0_u32; columns + 1]; rows + 1];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            common[row][column] = if is_same(&expected[row], &got[column]) {
                common[row + 1][column + 1] + 1
            } else {
                common[row + 1][column].max(common[row][column + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut lines = Vec::new();
    while row < rows || column < columns {
        if row < rows && column < columns && is_same(&expected[row], &got[column]) {
            lines.push(Line::Same(&got[column]));
            (row, column) = (row + 1, column + 1);
        } else if row < rows
            && (column == columns || common[row + 1][column] >= common[row][column + 1])
        {
            lines.push(Line::Missing(&expected[row]));
            row += 1;
        } else {
            lines.push(Line::Unexpected(&got[column]));
            column += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(expected: &str, got: &str) -> String {
        let (expected, got): (Vec<_>, Vec<_>) = (expected.chars().collect(), got.chars().collect());
        let lines = diff(&expected, &got, |e, g| e == g);
        let said = lines.into_iter().map(|line| match line {
            Line::Same(c) => c.to_string(),
            Line::Missing(c) => format!("-{c}"),
            Line::Unexpected(c) => format!("+{c}"),
        });
        said.collect()
    }

    #[test]
    fn what_is_missing_comes_before_what_is_there_instead() {
        for (expected, got, lines) in [
            ("", "", ""),
            ("abc", "abc", "abc"),
            ("abc", "axc", "a-b+xc"),
            ("abc", "ac", "a-bc"),
            ("ac", "abc", "a+bc"),
            ("aaa", "a", "a-a-a"),
            ("", "ab", "+a+b"),
        ] {
            assert_eq!(said(expected, got), lines);
        }
    }

    proptest! {
        #[test]
        fn both_sides_can_be_read_off(expected in "[abc]{0,12}", got in "[abc]{0,12}") {
            let (e, g): (Vec<_>, Vec<_>) = (expected.chars().collect(), got.chars().collect());
            let lines = diff(&e, &g, |e, g| e == g);
            let left = lines.iter().filter_map(|line| match line {
                Line::Same(c) | Line::Missing(c) => Some(**c),
                Line::Unexpected(_) => None,
            });
            let right = lines.iter().filter_map(|line| match line {
                Line::Same(c) | Line::Unexpected(c) => Some(**c),
                Line::Missing(_) => None,
            });
            prop_assert_eq!(left.collect::<String>(), expected);
            prop_assert_eq!(right.collect::<String>(), got);
        }
    }
}
