// The marks of a chart: acknowledgements, and the spans in which alarms were withheld, in rows between alarms and plot.
//
// Always: each kind has its shape, and a span its word where there is room; muted, so that alarms stand out.
// Never: a row for a kind that is not in view; a sign on the edge of its bar, cut, or over another.

import { colour } from "../page/dom.js";
import { WITHHELD } from "../page/icons.js";
import { marksWithin } from "../data/marks.js";

/** @typedef {import("../data/marks.js").Mark & { label: string, line: string }} ShownMark `line`: all of it, in words. */

/** Height of a row in pixels. */
export const MARK_ROW = 15;

/** Width that a sign takes, with its air. */
const SIGN = 16;

const ROWS = /** @type {const} */ (["acknowledged", "shelved", "suppressed", "maintenance", "out-of-service"]);

/** Lines of each sign, about its middle. */
const SIGNS = { acknowledged: "M-4.500 0-1.500 3.500 4.500-4", ...WITHHELD };

/** Rows that are needed, from top to bottom. @param {ShownMark[]} marks @param {{ from: number, to: number }} shown */
export function markRows(marks, { from, to }) {
  const kinds = new Set(marksWithin(marks, from, to).map(({ kind }) => kind));
  return ROWS.filter((row) => kinds.has(row));
}

/**
 * Where the signs of a row's bars stand, and which bars have their word: a sign is in its bar, else left of it, else right
 * of it, else it is left out.
 * @param {{ left: number, right: number, word: number }[]} bars In pixels, from left to right; `word`: its width.
 * @param {{ left: number, right: number }} box
 * @returns {{ middle: number | null, hasWord: boolean }[]}
 */
export function placeSigns(bars, box) {
  let free = box.left;
  return bars.map(({ left, right, word }) => {
    const isInside = right - left >= SIGN;
    const starts = isInside ? [left] : [left - SIGN, right];
    const start = starts.find((at) => at >= free && at + SIGN <= box.right);
    const hasWord = isInside && start !== undefined && word + SIGN + 4 <= right - left;
    if (start !== undefined) free = Math.max(start + SIGN + (hasWord ? word : 0), isInside ? 0 : right);
    return { middle: start === undefined ? null : start + SIGN / 2, hasWord };
  });
}

/** @param {import("./chart.js").Pen} pen @param {number} top Of the first row. */
export function drawMarks(pen, top) {
  const { c, picture: { marks, shown }, box } = pen;
  c.textAlign = "left";
  c.textBaseline = "middle";
  for (const [k, row] of markRows(marks, shown).entries()) {
    const found = marksWithin(marks, shown.from, shown.to).filter(({ kind }) => kind === row);
    const middle = top + (k + 0.5) * MARK_ROW;
    if (row === "acknowledged") drawTicks(pen, found, middle);
    else drawBars(pen, found, middle, box);
  }
}

/** @param {import("./chart.js").Pen} pen @param {ShownMark[]} found @param {number} middle */
function drawTicks({ c, picture: { shown }, box, x }, found, middle) {
  let free = -Infinity;
  for (const { kind, from } of found) {
    const at = Math.min(Math.max(x(from ?? shown.from), box.left + 6), box.right - 6);
    if (at < free) continue;
    sign(c, kind, at, middle);
    free = at + SIGN;
  }
}

/** @param {import("./chart.js").Pen} pen @param {ShownMark[]} found @param {number} middle @param {{ left: number, right: number }} box */
function drawBars({ c, picture: { shown, now }, x }, found, middle, box) {
  const bars = found.map(({ from, to, label }) => {
    const left = Math.min(Math.max(box.left, x(from ?? shown.from)), box.right - 2);
    const right = Math.max(left + 2, Math.min(box.right - 1, x(to ?? Math.max(now, shown.from))));
    return { left, right, word: c.measureText(label).width };
  });
  const places = placeSigns(bars, box);
  for (const { left, right } of bars) bar(c, left, right, middle);
  for (const [k, { kind, label }] of found.entries()) {
    const [{ left } = { left: 0 }, place] = [bars[k], places[k]];
    if (place?.middle) sign(c, kind, place.middle, middle);
    c.fillStyle = colour("muted");
    if (place?.hasWord) c.fillText(label, left + SIGN, middle + 0.5);
  }
}

/** @param {CanvasRenderingContext2D} c @param {number} left @param {number} right @param {number} middle */
function bar(c, left, right, middle) {
  const top = Math.round(middle - MARK_ROW / 2) + 1.5;
  c.strokeStyle = c.fillStyle = colour("muted");
  c.globalAlpha = 0.16;
  c.fillRect(left, top, right - left, MARK_ROW - 3);
  c.globalAlpha = 1;
  c.lineWidth = 1;
  c.strokeRect(Math.round(left) + 0.5, top, Math.round(right - left), MARK_ROW - 3);
}

/** @param {CanvasRenderingContext2D} c @param {import("../data/marks.js").MarkKind} kind @param {number} x @param {number} y */
function sign(c, kind, x, y) {
  const path = new Path2D(SIGNS[kind]);
  c.save();
  c.translate(x, y);
  // Within the frame of its bar.
  if (kind !== "acknowledged") c.scale(0.85, 0.85);
  c.strokeStyle = colour("text");
  c.lineWidth = 1.7;
  c.lineCap = "round";
  c.stroke(path);
  c.restore();
}
