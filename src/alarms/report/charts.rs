//! Charts as inline SVG: bars only, which scale to any width. Pure.
//!
//! Texts and numbers are outside the drawing, in HTML, so that a phone does not shrink them. Never: a script, or
//! anything loaded from elsewhere.

/// Height of the drawings, in their own units.
const HEIGHT: f64 = 100.0;

/// Share of a bar's slot that it fills.
const FILL: f64 = 0.8;

/// Minimum height of a drawing relative to its limit, so that the line is not at its edge.
const ABOVE_LIMIT: f64 = 1.15;

/// Vertical bars; those above `limit` have the other colour, and the limit is drawn as a line.
#[allow(clippy::cast_precision_loss)] // counts of alarms and places of bars
pub(super) fn bars(values: &[u64], limit: Option<u64>, label: &str) -> String {
    let highest = values.iter().copied().max().unwrap_or(0).max(1) as f64;
    let most = limit.map_or(highest, |limit| highest.max(limit as f64 * ABOVE_LIMIT));
    let mut svg = format!(
        "<svg class=\"bars\" role=\"img\" aria-label=\"{label}\" viewBox=\"0 0 {} {HEIGHT}\" \
         preserveAspectRatio=\"none\">",
        values.len().max(1)
    );
    for (place, value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
        let height = *value as f64 / most * HEIGHT;
        let class = if limit.is_some_and(|limit| *value > limit) { "over" } else { "bar" };
        svg += &format!(
            "<rect class=\"{class}\" x=\"{:.2}\" y=\"{:.2}\" width=\"{FILL}\" \
             height=\"{height:.2}\" />",
            place as f64 + (1.0 - FILL) / 2.0,
            HEIGHT - height,
        );
    }
    if let Some(limit) = limit {
        let y = HEIGHT - limit as f64 / most * HEIGHT;
        svg += &format!(
            "<line class=\"limit\" x1=\"0\" y1=\"{y:.2}\" x2=\"{}\" y2=\"{y:.2}\" />",
            values.len().max(1)
        );
    }
    svg + "</svg>"
}

/// One horizontal bar: a share, 0 to 1.
pub(super) fn share(share: f64) -> String {
    format!(
        "<svg class=\"share\" aria-hidden=\"true\" viewBox=\"0 0 100 10\" \
         preserveAspectRatio=\"none\"><rect class=\"room\" width=\"100\" height=\"10\" />\
         <rect class=\"bar\" width=\"{:.2}\" height=\"10\" /></svg>",
        share * 100.0
    )
}
