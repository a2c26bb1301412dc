// The chart of one series on a canvas: band from lowest to highest, line of the mean, limits, alarms and what was done
// with them, gaps, axes.
//
// Always: a drawing is a function of a `Picture` and the size of its box, sharp at any pixel ratio; nothing is told by
// colour alone (alarms have their shapes, gaps are hatched, limits are dashed and labelled); where the screen has few
// colours, the curve is the strongest line, then limits, then the grid.
// Never: reads a clock, asks for data, or keeps any.

import { drawMarks, MARK_ROW, markRows } from "./chartmarks.js";
import { colour, fit } from "../page/dom.js";
import { bucket, within } from "../data/history.js";
import { ticks } from "./ticks.js";

/**
 * @typedef {import("../data/history.js").History} History
 * @typedef {import("./scale.js").Scale} Scale
 * @typedef {{ from: number, to: number, kind: "none"|"few" }} Gap
 * @typedef {{ from: number|null, to: number|null, priority: number, isAcknowledged: boolean }} AlarmMark
 * @typedef {{ value: number, label: string }} Limit
 *
 * @typedef {object} Picture
 * @property {{ from: number, to: number }} shown @property {number} now
 * @property {History|null} history @property {Gap[]} gaps
 * @property {AlarmMark[]} alarms The gravest last. @property {import("./chartmarks.js").ShownMark[]} marks @property {[from: number, to: number|null][]} trials
 * @property {Limit[]} limits @property {Limit|null} trial
 * @property {Scale} scale @property {number} cursor Index of a bucket; -1: none.
 * @property {[number, number]|null} selection @property {boolean} isOld Whether the newest value is out of date.
 * @property {string} zone @property {string} language @property {(value: number, digits: number) => string} number
 *
 * @typedef {{ left: number, right: number, top: number, bottom: number }} Box
 * @typedef {[x: number, low: number, high: number, mean: number]} Place Of a bucket, in pixels.
 */

const FONT = "12px system-ui, 'Segoe UI', Roboto, sans-serif";
const LANE = 18; // px, of the alarms above the plot
const TRIAL_LANE = 8; // px, of the tried rule's alarms
const AXIS = 26; // px, of the times below
const LABEL_ROOM = 78; // px that a time takes, "31 janv." with air
const VALUE_ROOM = 44; // px between two values
const SHAPES = ["", "M-6-6h12v12h-12z", "M0-7 7 6H-7z", "M6.500 0a6.500 6.500 0 1 1-13 0 6.500 6.500 0 0 1 13 0z", "M-7-4H7v8H-7z"];
const COLOURS = ["muted", "critical", "high", "medium", "low"];

/** Strengths of lines: where colours are forced, few tell them apart. */
function strengths() {
  const isForced = matchMedia("(forced-colors: active)").matches;
  return isForced ? { grid: 0.25, gap: 0.35, limit: 2.25, curve: 3 } : { grid: 1, gap: 1, limit: 1.25, curve: 1.5 };
}

/** Values that fit a height. @param {number} height */
export const valueRoom = (height) => Math.max(3, Math.floor((height - LANE - AXIS) / VALUE_ROOM));

/**
 * @param {HTMLCanvasElement} canvas
 * @returns {{ draw(picture: Picture): void, box(): Box, at(x: number): number, y(value: number): number,
 *   value(y: number): number }} Places are CSS pixels of the canvas, as they were drawn last.
 */
export function chart(canvas) {
  /** @type {Box} */
  let box = { left: 0, right: 1, top: 0, bottom: 1 };
  let shown = { from: 0, to: 1 };
  let range = { min: 0, max: 1 };
  const y = (/** @type {number} */ value) =>
    box.bottom - ((value - range.min) / (range.max - range.min)) * (box.bottom - box.top);
  return {
    draw(picture) {
      const { clientWidth: width, clientHeight: height } = canvas;
      const c = width > 0 && height > 0 ? fit(canvas, width, height) : null;
      if (!c) return;
      c.font = FONT;
      [shown, range] = [picture.shown, picture.scale];
      box = layout(c, picture, width, height);
      const x = (/** @type {number} */ at) =>
        box.left + ((at - shown.from) / (shown.to - shown.from)) * (box.right - box.left);
      paint({ c, picture, box, x, y, strong: strengths() });
    },
    box: () => box,
    at: (x) => shown.from + ((x - box.left) / (box.right - box.left)) * (shown.to - shown.from),
    y,
    value: (px) => range.min + ((box.bottom - px) / (box.bottom - box.top)) * (range.max - range.min),
  };
}

/**
 * @typedef {{ c: CanvasRenderingContext2D, picture: Picture, box: Box, x(at: number): number, y(value: number): number,
 *   strong: ReturnType<typeof strengths> }} Pen
 */

/** @param {CanvasRenderingContext2D} c @param {Picture} picture @param {number} width @param {number} height @returns {Box} */
function layout(c, { scale, number, marks, shown }, width, height) {
  const widest = Math.max(...scale.ticks.map((value) => c.measureText(number(value, scale.digits)).width));
  return { left: Math.ceil(widest) + 12, right: width - 8, top: LANE + TRIAL_LANE + markRows(marks, shown).length * MARK_ROW, bottom: height - AXIS };
}

/** @param {Pen} pen */
function paint(pen) {
  const { c, box } = pen;
  valueAxis(pen);
  timeAxis(pen);
  c.save();
  c.beginPath();
  c.rect(box.left, 0, box.right - box.left, box.bottom + 1);
  c.clip();
  gaps(pen);
  alarms(pen);
  trials(pen);
  drawMarks(pen, LANE + TRIAL_LANE);
  series(pen);
  c.restore();
  limits(pen);
  selection(pen);
  cursor(pen);
}

/** A line on whole pixels. @param {CanvasRenderingContext2D} c @param {number} x1 @param {number} y1 @param {number} x2
 * @param {number} y2 */
function line(c, x1, y1, x2, y2) {
  const crisp = (/** @type {number} */ n) => Math.round(n) + 0.5;
  c.beginPath();
  c.moveTo(x1 === x2 ? crisp(x1) : x1, y1 === y2 ? crisp(y1) : y1);
  c.lineTo(x1 === x2 ? crisp(x2) : x2, y1 === y2 ? crisp(y2) : y2);
  c.stroke();
}

/** @param {Pen} pen */
function valueAxis({ c, picture: { scale, number }, box, y, strong }) {
  c.textAlign = "right";
  c.textBaseline = "middle";
  c.lineWidth = 1;
  for (const value of scale.ticks) {
    c.strokeStyle = colour("line");
    c.globalAlpha = strong.grid;
    line(c, box.left, y(value), box.right, y(value));
    c.globalAlpha = 1;
    c.fillStyle = colour("muted");
    c.fillText(number(value, scale.digits), box.left - 6, y(value));
  }
}

/** @param {Pen} pen */
function timeAxis({ c, picture: { shown, zone, language }, box, x, strong }) {
  const room = Math.floor((box.right - box.left) / LABEL_ROOM);
  let free = 0;
  c.textBaseline = "top";
  c.textAlign = "center";
  for (const { at, label, major } of ticks(shown.from, shown.to, { zone, language, room })) {
    c.font = major ? `600 ${FONT}` : FONT;
    const half = c.measureText(label).width / 2;
    // At the edges a label moves inwards rather than being cut.
    const middle = Math.min(Math.max(x(at), half + 2), box.right + 6 - half);
    c.strokeStyle = colour(major ? "faint" : "line");
    c.globalAlpha = strong.grid;
    line(c, x(at), box.top, x(at), box.bottom + 5);
    c.globalAlpha = 1;
    if (middle - half < free) continue;
    c.fillStyle = colour(major ? "text" : "muted");
    c.fillText(label, middle, box.bottom + 9);
    free = middle + half + 8;
  }
  c.font = FONT;
}

/** @param {Pen} pen */
function gaps({ c, picture: { gaps: found }, box, x, strong }) {
  c.strokeStyle = colour("faint");
  c.lineWidth = 1;
  for (const { from, to, kind } of found) {
    const [left, right] = [Math.max(box.left, x(from)), Math.min(box.right, x(to))];
    if (right - left < 0.5) continue;
    c.save();
    c.globalAlpha = (kind === "none" ? 0.8 : 0.45) * strong.gap;
    c.beginPath();
    c.rect(left, box.top, right - left, box.bottom - box.top);
    c.clip();
    hatch(c, left, right, box, kind === "none" ? 7 : 14);
    c.restore();
  }
}

/** Lines at 45°, at the same places whatever the gap: neighbours join. @param {CanvasRenderingContext2D} c
 * @param {number} left @param {number} right @param {Box} box @param {number} distance */
function hatch(c, left, right, { top, bottom }, distance) {
  const height = bottom - top;
  c.beginPath();
  for (let x = Math.floor(left / distance) * distance; x < right + height; x += distance) {
    c.moveTo(x, top);
    c.lineTo(x - height, bottom);
  }
  c.stroke();
}

/** @param {Pen} pen */
function alarms(pen) {
  const { c, picture: { alarms: found, now, shown }, box, x } = pen;
  const starts = found.map(({ from }) => x(Math.max(from ?? shown.from, shown.from)));
  found.forEach(({ from, to, priority }, i) => {
    if ((to ?? now) < shown.from || (from ?? shown.from) > shown.to) return;
    const left = starts[i] ?? box.left;
    const width = Math.max(3, x(Math.min(to ?? now, shown.to)) - left);
    c.fillStyle = colour(COLOURS[priority] ?? "high");
    c.globalAlpha = 0.1;
    c.fillRect(left, box.top, width, box.bottom - box.top);
    c.globalAlpha = 1;
    c.fillRect(left, LANE - 3, width, 3);
  });
  shapes(pen, starts);
}

/** The signs of alarms where they began; where they stand too close, the gravest. @param {Pen} pen @param {number[]} starts */
function shapes({ c, picture: { alarms: found, now, shown }, box }, starts) {
  /** @type {number[]} */
  const taken = [];
  for (let i = found.length - 1; i >= 0; i -= 1) {
    const [alarm, start] = [found[i], starts[i]];
    if (!alarm || start === undefined || (alarm.to ?? now) < shown.from || (alarm.from ?? 0) > shown.to) continue;
    const middle = Math.min(Math.max(start, box.left + 8), box.right - 8);
    if (taken.some((other) => Math.abs(other - middle) < 17)) continue;
    taken.push(middle);
    shape(c, middle, alarm.priority, alarm.isAcknowledged);
  }
}

/** @param {CanvasRenderingContext2D} c @param {number} x @param {number} priority @param {boolean} isHollow */
function shape(c, x, priority, isHollow) {
  const path = new Path2D(SHAPES[priority] ?? "");
  c.save();
  c.translate(x, 7.5);
  c.lineWidth = 1.5;
  c.strokeStyle = colour(COLOURS[priority] ?? "high");
  c.fillStyle = colour(isHollow ? "panel" : COLOURS[priority] ?? "high");
  c.fill(path);
  c.stroke(path);
  c.fillStyle = colour(isHollow ? COLOURS[priority] ?? "high" : "on");
  c.font = "700 9px system-ui, sans-serif";
  c.textAlign = "center";
  c.textBaseline = "middle";
  c.fillText(String(priority), 0, priority === 2 ? 1.5 : 0.5);
  c.restore();
}

/** What the tried rule would have raised: outlined, so that it is taken for no alarm. @param {Pen} pen */
function trials({ c, picture: { trials: found, now }, box, x }) {
  c.fillStyle = c.strokeStyle = colour("accent");
  c.lineWidth = 1;
  for (const [from, to] of found) {
    const [left, right] = [Math.max(box.left, x(from)), Math.min(box.right, x(to ?? now))];
    if (right < box.left || left > box.right) continue;
    const width = Math.max(3, right - left);
    c.globalAlpha = 0.14;
    c.fillRect(left, box.top, width, box.bottom - box.top);
    c.globalAlpha = 1;
    c.strokeRect(Math.round(left) + 0.5, LANE + 1.5, Math.round(width), TRIAL_LANE - 3);
  }
}

/**
 * Runs of buckets with readings, parted where nothing was heard: places of the middle, the lowest, the highest, the mean.
 * @param {Pen} pen @returns {Place[][]}
 */
function runs({ picture: { history, gaps: found, shown, now }, x, y }) {
  if (!history) return [];
  const { t0, step } = history;
  const [first, end] = within(history, shown);
  const silent = found.filter(({ kind }) => kind === "none");
  /** @type {Place[][]} */
  const all = [];
  let [last, gap] = [-Infinity, 0];
  // One bucket more at each side, so that lines go on to the edges.
  for (let i = Math.max(0, first - 1); i < Math.min(history.n.length, end + 1); i += 1) {
    const { n, min: low, max: high, mean: middle } = bucket(history, i);
    if (n === 0 || low === null || high === null || middle === null) continue;
    const at = Math.min(t0 + (i + 0.5) * step, Math.max(now, t0 + i * step));
    while ((silent[gap]?.to ?? Infinity) <= last) gap += 1;
    const next = silent[gap];
    if (all.length === 0 || (next && next.from < at && next.to > last)) all.push([]);
    all.at(-1)?.push([x(at), y(low), y(high), y(middle)]);
    last = at;
  }
  return all;
}

/** @param {Pen} pen */
function series(pen) {
  const { c, picture } = pen;
  const width = picture.history ? Math.max(2, pen.x(picture.history.step) - pen.x(0)) : 2;
  c.lineJoin = "round";
  for (const run of runs(pen)) {
    c.fillStyle = c.strokeStyle = colour(picture.isOld ? "faint" : "accent");
    const [only, ...others] = run;
    if (only && others.length === 0) {
      lonely(c, only, width);
      continue;
    }
    c.globalAlpha = 0.25;
    c.lineWidth = 1;
    c.beginPath();
    run.forEach(([x, low]) => c.lineTo(x, low));
    [...run].reverse().forEach(([x, , high]) => c.lineTo(x, high));
    c.fill();
    // Its outline too: a peak of one bucket would be a hair of a quarter's strength.
    c.globalAlpha = 0.5;
    c.stroke();
    c.globalAlpha = 1;
    c.lineWidth = pen.strong.curve;
    c.beginPath();
    run.forEach(([x, , , mean]) => c.lineTo(x, mean));
    c.stroke();
  }
}

/** A bucket between gaps: its band as a bar, its mean as a dot. @param {CanvasRenderingContext2D} c
 * @param {Place} place @param {number} width */
function lonely(c, [x, low, high, mean], width) {
  c.globalAlpha = 0.25;
  c.fillRect(x - width / 2, high, width, Math.max(1, low - high));
  c.globalAlpha = 1;
  c.beginPath();
  c.arc(x, mean, 2, 0, 2 * Math.PI);
  c.fill();
}

/** @param {Pen} pen */
function limits(pen) {
  const { c, picture: { limits: found, trial }, box, strong } = pen;
  c.setLineDash([6, 4]);
  for (const limit of found) limitLine(pen, limit, { token: "mark", width: strong.limit, x: box.right - 5, align: "right" });
  c.setLineDash([]);
  // Beside the handle, at the other end than the limits' words.
  if (trial) limitLine(pen, trial, { token: "accent", width: 2, x: box.left + 38, align: "left" });
}

/**
 * A limit and its label: above its line, or below where there is no room; out of the picture, it says on which side.
 * @param {Pen} pen @param {Limit} limit
 * @param {{ token: string, width: number, x: number, align: "left"|"right" }} look
 */
function limitLine({ c, box, y }, { value, label }, { token, width, x, align }) {
  const [place, isAbove, isBelow] = [y(value), y(value) < box.top - 1, y(value) > box.bottom + 1];
  const edge = isAbove ? box.top : isBelow ? box.bottom : place;
  c.strokeStyle = colour(token);
  c.lineWidth = width;
  if (!isAbove && !isBelow) line(c, box.left, place, box.right, place);
  const isUnder = isAbove || edge - 18 < box.top;
  const text = `${isAbove ? "↑ " : isBelow ? "↓ " : ""}${label}`;
  const size = c.measureText(text).width;
  c.globalAlpha = 0.8;
  c.fillStyle = colour("panel");
  c.fillRect(align === "right" ? x - size - 3 : x - 3, isUnder ? edge + 3 : edge - 18, size + 6, 15);
  c.globalAlpha = 1;
  c.fillStyle = colour(token);
  c.textAlign = align;
  c.textBaseline = "middle";
  c.fillText(text, x, isUnder ? edge + 11 : edge - 10);
}

/** @param {Pen} pen */
function selection({ c, picture: { selection: selected }, box, x }) {
  if (!selected) return;
  const [left, right] = [Math.min(x(selected[0]), x(selected[1])), Math.max(x(selected[0]), x(selected[1]))];
  c.fillStyle = c.strokeStyle = colour("mark");
  c.globalAlpha = 0.12;
  c.fillRect(left, box.top, right - left, box.bottom - box.top);
  c.globalAlpha = 1;
  c.lineWidth = 1;
  line(c, left, box.top, left, box.bottom);
  line(c, right, box.top, right, box.bottom);
}

/** @param {Pen} pen */
function cursor({ c, picture: { history, cursor: i, now }, box, x, y }) {
  if (!history || i < 0) return;
  const { at: start, mean, min: low, max: high } = bucket(history, i);
  if (mean === null || low === null || high === null) return;
  const place = x(Math.min(start + history.step / 2, Math.max(now, start)));
  if (place < box.left - 1 || place > box.right + 1) return;
  c.strokeStyle = c.fillStyle = colour("text");
  c.lineWidth = 1;
  line(c, place, box.top, place, box.bottom);
  c.lineWidth = 3;
  line(c, place, y(low), place, y(high));
  c.beginPath();
  c.arc(place, y(mean), 4, 0, 2 * Math.PI);
  c.fill();
  c.lineWidth = 2;
  c.strokeStyle = colour("panel");
  c.stroke();
}
