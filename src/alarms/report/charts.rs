//! Charts as inline SVG: bars only, which scale to any width. Pure.
//!
//! Texts and numbers are outside the drawing, in HTML, so that a phone does not shrink them. Never: a script, or
//! anything loaded from elsewhere.

use maud::{Markup, html};

/// Height of the drawings, in their own units.
const HEIGHT: f64 = 100.0;

/// Share of a bar's slot that it fills.
const FILL: f64 = 0.8;

/// Minimum height of a drawing relative to its limit, so that the line is not at its edge.
const ABOVE_LIMIT: f64 = 1.15;

/// Vertical bars; those above `limit` have the other colour, and the limit is drawn as a line.
#[allow(clippy::cast_precision_loss)] // counts of alarms and places of bars
pub(super) fn bars(values: &[u64], limit: Option<u64>, label: &str) -> Markup {
    let highest = values.iter().copied().max().unwrap_or(0).max(1) as f64;
    let most = limit.map_or(highest, |limit| highest.max(limit as f64 * ABOVE_LIMIT));
    let width = values.len().max(1);
    let height = |value: u64| value as f64 / most * HEIGHT;
    let is_over = |value: u64| limit.is_some_and(|limit| value > limit);
    html! {
        svg.bars role="img" aria-label=(label) viewBox=(format!("0 0 {width} {HEIGHT}"))
            preserveAspectRatio="none" {
            @for (place, value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
                rect class=(if is_over(*value) { "over" } else { "bar" })
                    x=(format!("{:.2}", place as f64 + (1.0 - FILL) / 2.0))
                    y=(format!("{:.2}", HEIGHT - height(*value)))
                    width=(FILL) height=(format!("{:.2}", height(*value))) {}
            }
            @if let Some(limit) = limit {
                @let y = format!("{:.2}", HEIGHT - height(limit));
                line.limit x1="0" y1=(y) x2=(width) y2=(y) {}
            }
        }
    }
}

/// One horizontal bar: a share, 0 to 1.
pub(super) fn share(share: f64) -> Markup {
    html! {
        svg.share aria-hidden="true" viewBox="0 0 100 10" preserveAspectRatio="none" {
            rect.room width="100" height="10" {}
            rect.bar width=(format!("{:.2}", share * 100.0)) height="10" {}
        }
    }
}
