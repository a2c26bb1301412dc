// Where a value stands, and where it is going: the bar with its normal band, and the sparkline of the hour.
//
// Always: readable without colour (the pointer lies beyond the band's marks); a pointer has a colour beyond a limit alone, as
// an alarm may be about something else. Never: a number; that stands beside it.

import { svg } from "../page/dom.js";
import { placeOn, scaleOf } from "../data/fleetlist.js";
import { priorityName } from "../page/icons.js";
import { BUCKETS, extremes } from "../data/sparklines.js";
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

const HIGH = 24;

/**
 * Makes a sparkline, stretched to its box; `show` draws an hour: the normal band, lowest to highest, and the line of means;
 * nothing where nothing was heard.
 */
export function hourLine() {
  const band = svg("path", { class: "band" });
  const limits = svg("path", { class: "limits" });
  const spread = svg("path", { class: "spread" });
  const means = svg("path", { class: "means" });
  const element = svg("svg", { class: "hour", viewBox: `0 0 ${BUCKETS} ${HIGH}`, preserveAspectRatio: "none", "aria-hidden": "true" }, band, limits, spread, means);
  let drawn = "";

  /** @param {Series} series @param {Hour | undefined} hour @param {Look} look */
  function show(series, hour, { isOld, priority }) {
    const { low, high } = series;
    const look = [series.i, low, high, isOld, priority, hour?.t0, hour?.count, hour?.mean.at(-1)].join();
    if (look === drawn) return;
    drawn = look;
    const range = extremes(hour);
    const y = range && heightOn(Math.min(range.least, low ?? Infinity), Math.max(range.most, high ?? -Infinity));
    element.setAttribute("class", `hour ${isOld ? "old" : priorityName(priority)}`);
    const [top, bottom] = [high === null || !y ? 0 : y(high), low === null || !y ? HIGH : y(low)];
    band.setAttribute("d", y && (low !== null || high !== null) ? `M0 ${top}H${BUCKETS}V${bottom}H0z` : "");
    const at = (/** @type {number | null} */ limit) => (limit === null || !y ? "" : `M0 ${y(limit)}H${BUCKETS}`);
    limits.setAttribute("d", at(low) + at(high));
    spread.setAttribute("d", hour && y ? envelope(hour, y) : "");
    means.setAttribute("d", hour && y ? line(hour, y, oldAfter(series) / (hour.step * 1000)) : "");
  }

  return { element, show };
}

/** Heights of values between two, with some room beyond them. @param {number} low @param {number} high */
function heightOn(low, high) {
  const room = Math.max((high - low) * 0.06, Math.abs(high) * 0.001, 0.01);
  return (/** @type {number} */ value) => Math.round(10 + (HIGH - 2) * 10 * ((high + room - value) / (high - low + 2 * room))) / 10;
}

/** @param {Hour} hour @param {(value: number) => number} y */
function envelope(hour, y) {
  return hour.min.map((least, k) => {
    const most = hour.max[k];
    return least === null || most === null || most === undefined ? "" : `M${k} ${y(most)}h1V${y(least)}h-1z`;
  }).join("");
}

/**
 * @param {Hour} hour @param {(value: number) => number} y
 * @param {number} gap buckets without a reading that are no gap, as the sensor speaks seldom
 */
function line(hour, y, gap) {
  let [path, last] = ["", -Infinity];
  for (const [k, value] of hour.mean.entries()) {
    if (value === null) continue;
    path += k - last - 1 <= gap ? `L${k + 0.5} ${y(value)}` : `M${k + 0.25} ${y(value)}h.5`; // a lone bucket is a dot
    last = k;
  }
  return path;
}
