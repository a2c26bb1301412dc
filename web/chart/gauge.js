// Where a value stands, and where it is going: the bar with its normal band, and the sparkline of the hour.
//
// Always: readable without colour (the pointer lies beyond the band's marks); a pointer has a colour beyond a limit alone, as
// an alarm may be about something else. Never: a number; that stands beside it.

import { colour, fit, svg } from "../page/dom.js";
import { placeOn, scaleOf } from "../data/fleetlist.js";
import { priorityName } from "../page/icons.js";
import { extremes } from "../data/sparklines.js";
import { oldAfter } from "../data/state.js";

/** @typedef {import("../data/state.js").Series} Series */
/** @typedef {import("../data/sparklines.js").Hour} Hour */
/** @typedef {{ isOld: boolean, priority: import("../data/state.js").Priority }} Look */

const WIDTH = 150;
const LEFT = 6;
const LONG = WIDTH - 2 * LEFT;

/** Makes a bar; `show` moves its parts. */
export function bar() {
  const track = svg("rect", { class: "track", x: LEFT, y: 9, width: LONG, height: 4 });
  const band = svg("rect", { class: "band", y: 6, height: 10 });
  const limits = svg("path", { class: "limits" });
  const pointer = svg("path", { class: "pointer", d: "M0 11l-5.5-9h11z" });
  const element = svg("svg", { class: "bar", viewBox: `0 0 ${WIDTH} 20`, "aria-hidden": "true" }, track, band, limits, pointer);
  let drawn = "";

  /** @param {Series} series @param {Hour | undefined} hour @param {Look} look */
  function show(series, hour, { isOld, priority }) {
    const scale = scaleOf(series, extremes(hour));
    const x = (/** @type {number} */ value) => (scale ? LEFT + LONG * placeOn(scale, value) : LEFT);
    const at = series.value === null || !scale ? null : Math.round(x(series.value) * 10) / 10;
    const { value, low: least, high: most } = series;
    const isBeyond = value !== null && ((most !== null && value > most) || (least !== null && value < least));
    const look = [at, scale?.from, scale?.to, scale?.low, scale?.high, isOld, isBeyond, priority].join();
    if (look === drawn) return;
    drawn = look;
    element.setAttribute("class", `bar${isOld ? " old" : ""}${scale?.isMeasured ? " measured" : ""}`);
    const [low, high] = scale ? [x(scale.low), x(scale.high)] : [LEFT, LEFT];
    band.setAttribute("x", low.toFixed(1));
    band.setAttribute("width", Math.max(0, high - low).toFixed(1));
    const mark = (/** @type {number | null} */ limit) => (limit === null || !scale ? "" : `M${x(limit).toFixed(1)} 4v14`);
    limits.setAttribute("d", mark(series.low) + mark(series.high));
    pointer.setAttribute("class", at === null ? "pointer none" : `pointer ${priority && isBeyond && !isOld ? priorityName(priority) : ""}`);
    if (at !== null) pointer.setAttribute("transform", `translate(${at})`);
  }

  return { element, show };
}

/**
 * Draws an hour: the normal band, lowest to highest, and the line of means; nothing where nothing was heard.
 * @param {HTMLCanvasElement} canvas @param {{ width: number, height: number }} size
 * @param {Series} series @param {Hour | undefined} hour @param {Look} look
 */
export function drawHour(canvas, { width, height }, series, hour, { isOld, priority }) {
  const context = fit(canvas, width, height);
  const range = extremes(hour);
  if (!context || !hour || !range) return;
  const low = Math.min(range.least, series.low ?? Infinity);
  const high = Math.max(range.most, series.high ?? -Infinity);
  const room = Math.max((high - low) * 0.06, Math.abs(high) * 0.001, 0.01);
  const y = (/** @type {number} */ value) => 1 + (height - 2) * ((high + room - value) / (high - low + 2 * room));
  const step = width / hour.mean.length;
  if (series.low !== null || series.high !== null) {
    context.fillStyle = colour("band");
    const [top, bottom] = [series.high === null ? 0 : y(series.high), series.low === null ? height : y(series.low)];
    context.globalAlpha = 0.6;
    context.fillRect(0, top, width, bottom - top);
    context.globalAlpha = 1;
    context.fillStyle = colour("faint");
    if (series.high !== null) context.fillRect(0, Math.round(top), width, 0.75);
    if (series.low !== null) context.fillRect(0, Math.round(bottom), width, 0.75);
  }
  const ink = isOld ? colour("faint") : priority ? colour(priorityName(priority)) : colour("mark");
  context.strokeStyle = context.fillStyle = ink;
  envelope(context, hour, step, y);
  line(context, hour, step, y, oldAfter(series) / (hour.step * 1000));
}

/** @param {CanvasRenderingContext2D} context @param {Hour} hour @param {number} step @param {(value: number) => number} y */
function envelope(context, hour, step, y) {
  context.globalAlpha = 0.3;
  for (let k = 0; k < hour.min.length; k += 1) {
    const [least, most] = [hour.min[k], hour.max[k]];
    if (least === null || least === undefined || most === null || most === undefined) continue;
    const top = y(most);
    context.fillRect(k * step, top, step, Math.max(0, y(least) - top));
  }
}

/**
 * @param {CanvasRenderingContext2D} context @param {Hour} hour @param {number} step @param {(value: number) => number} y
 * @param {number} gap buckets without a reading that are no gap, as the sensor speaks seldom
 */
function line(context, hour, step, y, gap) {
  context.globalAlpha = 1;
  context.lineWidth = 1.4;
  context.lineJoin = "round";
  context.beginPath();
  let last = -Infinity;
  for (const [k, value] of hour.mean.entries()) {
    if (value === null) continue;
    const [x, at] = [(k + 0.5) * step, y(value)];
    if (k - last - 1 <= gap) context.lineTo(x, at);
    else {
      context.moveTo(x - 0.7, at); // a lone bucket is a dot
      context.lineTo(x + 0.7, at);
    }
    last = k;
  }
  context.stroke();
}
