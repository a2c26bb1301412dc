// The marks of a chart: acknowledgements, and the spans in which alarms were withheld, in rows between alarms and plot.
//
// Always: each kind has its shape, and a span its word where there is room; muted, so that alarms stand out.
// Never: a row for a kind that is not in view.

import { colour } from "./dom.js";
import { marksWithin } from "./marks.js";

/** @typedef {import("./marks.js").Mark & { label: string, line: string }} ShownMark `line`: all of it, in words. */

/** Height of a row in pixels. */
export const MARK_ROW = 15;

/** Marks of a kind in pixels from one another, at the least. */
const NEAR = 16;

const ROWS = /** @type {const} */ (["acknowledged", "shelved", "suppressed", "maintenance", "out-of-service"]);

/** Lines of each sign, about its middle. */
const SIGNS = {
  acknowledged: "M-4.500 0-1.500 3.500 4.500-4",
  shelved: "M-2.500-4v8M2.500-4v8",
  suppressed: "M0-4.500v8.500M-3.500.500 0 4 3.500.500",
  maintenance: "M0-4.500 4.500 0 0 4.500-4.500 0z",
  "out-of-service": "M-3.200-3.200 3.200 3.200M4.500 0a4.500 4.500 0 1 1-9 0 4.500 4.500 0 0 1 9 0z",
};

/** Rows that are needed, from top to bottom. @param {ShownMark[]} marks @param {{ from: number, to: number }} shown */
export function markRows(marks, { from, to }) {
  const kinds = new Set(marksWithin(marks, from, to).map(({ kind }) => kind));
  return ROWS.filter((row) => kinds.has(row));
}

/** @param {import("./chart.js").Pen} pen @param {number} top Of the first row. */
export function drawMarks({ c, picture: { marks, shown, now }, box, x }, top) {
  c.strokeStyle = c.fillStyle = colour("muted");
  c.textAlign = "left";
  c.textBaseline = "middle";
  for (const [k, row] of markRows(marks, shown).entries()) {
    let free = -Infinity;
    for (const mark of marksWithin(marks, shown.from, shown.to).filter(({ kind }) => kind === row)) {
      const left = Math.max(box.left, x(mark.from ?? shown.from));
      const right = Math.max(left + 2, Math.min(box.right, x(mark.to ?? Math.max(now, shown.from))));
      const middle = top + (k + 0.5) * MARK_ROW;
      if (row !== "acknowledged") bar(c, left, right, middle);
      if (left < free) continue;
      sign(c, mark.kind, Math.min(Math.max(left, box.left + 2), box.right - (row === "acknowledged" ? 6 : 13)), middle);
      free = left + NEAR;
      if (row !== "acknowledged" && c.measureText(mark.label).width + NEAR + 4 < right - left) c.fillText(mark.label, left + NEAR, middle + 0.5);
    }
  }
}

/** @param {CanvasRenderingContext2D} c @param {number} left @param {number} right @param {number} middle */
function bar(c, left, right, middle) {
  const top = Math.round(middle - MARK_ROW / 2) + 1.5;
  c.globalAlpha = 0.16;
  c.fillRect(left, top, right - left, MARK_ROW - 3);
  c.globalAlpha = 1;
  c.lineWidth = 1;
  c.strokeRect(Math.round(left) + 0.5, top, Math.round(right - left), MARK_ROW - 3);
}

/** @param {CanvasRenderingContext2D} c @param {import("./marks.js").MarkKind} kind @param {number} x @param {number} y */
function sign(c, kind, x, y) {
  const path = new Path2D(SIGNS[kind]);
  c.save();
  c.translate(kind === "acknowledged" ? x : x + 7, y);
  // A rim in the panel's colour: it stays readable on the edge of its bar.
  c.strokeStyle = colour("panel");
  c.lineWidth = 4.5;
  c.stroke(path);
  c.strokeStyle = colour("text");
  c.lineWidth = 1.6;
  c.lineCap = "round";
  c.stroke(path);
  c.restore();
}
