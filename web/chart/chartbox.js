// A chart as a part of the page: canvas, cursor, gestures, its words for screen readers, the handle of a tried limit.
//
// Always: drawn at most once an animation frame, and not while it is out of sight; what a pointer can do, keys can do.
// Never: asks the daemon for anything; what is shown of time belongs to its owner, who is asked to change it.

import { chart, valueRoom } from "./chart.js";
import { attribute, fill, h, text } from "../page/dom.js";
import { gestures } from "./gestures.js";
import { bucket, nearest, neighbour, table, within } from "../data/history.js";
import { limitHandle, placeHandle } from "./limithandle.js";
import { decimals, range, scale } from "./scale.js";
import { marksWithin } from "../data/marks.js";
import { isTwice } from "./ticks.js";
import * as view from "./viewport.js";

/** Rows of the table behind the chart: what one listens to in a minute. */
const ROWS = 50;

/** Marks that are read at once. */
const MOST_READ = 3;

/** The part of the time shown, as a divisor, within which a mark is under the cursor. */
const NEAR = 200;

/** Pause in ms after which a screen reader is told where the cursor stands: it must not read every step. */
const SAY_AFTER = 350;

/** Of the chart's width, in pixels, what its axis takes: buckets need not be counted more exactly. */
const AXIS_WIDTH = 48;

/** A change of width, as a part of it, after which other buckets fit. */
const RESIZED = 0.25;

/**
 * @typedef {import("./viewport.js").Viewport} Viewport
 * @typedef {import("../data/history.js").History} History
 * @typedef {import("../page/format.js").Format} Format
 *
 * @typedef {object} Model What is drawn; its owner changes it, then calls `redraw`.
 * @property {Viewport} viewport @property {History|null} history @property {import("./chart.js").Gap[]} gaps
 * @property {import("./chart.js").AlarmMark[]} alarms @property {import("./chartmarks.js").ShownMark[]} marks
 * @property {[number, number|null][]} trials
 * @property {import("./chart.js").Limit[]} limits @property {import("./chart.js").Limit|null} trial
 * @property {boolean} showsLimits Whether the value axis reaches to the limits. @property {boolean} isOld
 * @property {string} unit @property {string} label What the chart is of, for screen readers.
 *
 * @typedef {object} Owner
 * @property {() => number} now The server's clock. @property {(viewport: Viewport) => void} show
 * @property {(limit: number) => void} drag The tried limit has been moved.
 * @property {() => void} resized It has become so much wider or narrower that another number of buckets fits.
 * @property {Format} format @property {any} words The section `sensor`.
 */

/** Elements of a page have one id each: pages come and go. */
let made = 0;

export class ChartBox {
  /** The instant that the cursor was put on. @type {number|null} */ #cursor = null;
  /** @type {[number, number]|null} */ #selection = null;
  /** What was shown when the gesture began. @type {Viewport} */ #origin;
  #frame = 0;
  #isSeen = true;
  #saying = 0;
  #asked = 0;
  /** @type {(() => void)[]} */ #undo = [];

  /** @param {Model} model @param {Owner} owner */
  constructor(model, owner) {
    made += 1;
    this.model = model;
    this.owner = owner;
    this.#origin = model.viewport;
    const { words } = owner;
    const [tableId, hintId] = [`chart-table-${made}`, `chart-hint-${made}`];
    this.hint = matchMedia("(pointer: coarse)").matches ? words.hintTouch : words.hint;
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.drawing = chart(this.canvas);
    this.readout = h("p", { class: "readout" });
    this.marked = h("p", { class: "marked", hidden: true });
    this.said = h("p", { class: "unseen", role: "status" });
    this.table = h("table");
    this.marks = h("table");
    this.handle = limitHandle(words.trial.limit, { current: () => model.trial?.value ?? null, valueAt: (y) => this.drawing.value(y), drag: owner.drag });
    const described = { "aria-roledescription": words.chart, "aria-details": tableId, "aria-describedby": hintId };
    this.root = h("div", { class: "chart", tabIndex: 0, role: "application", ...described }, this.canvas, this.handle);
    // A table is as wide as its words, whatever it is told: a box cuts it.
    const details = h("div", { class: "unseen", id: tableId }, this.table, this.marks);
    const keys = h("p", { class: "unseen", id: hintId }, words.keys);
    this.element = h("div", { class: "chart-box" }, this.readout, this.marked, this.root, this.said, keys, details);
    this.#listen();
  }

  #listen() {
    const redraw = () => this.redraw();
    const sized = new ResizeObserver(() => {
      redraw();
      if (this.#asked > 0 && Math.abs(this.#width() - this.#asked) > this.#asked * RESIZED) this.owner.resized();
    });
    sized.observe(this.canvas);
    const seen = new IntersectionObserver(([entry]) => {
      this.#isSeen = entry?.isIntersecting ?? true;
      redraw();
    });
    seen.observe(this.canvas);
    document.addEventListener("visibilitychange", redraw);
    this.#undo = [
      gestures(this.root, this.#answers()),
      () => sized.disconnect(),
      () => seen.disconnect(),
      () => document.removeEventListener("visibilitychange", redraw),
    ];
  }

  #width() {
    return Math.max(2, Math.min(2000, this.canvas.clientWidth - AXIS_WIDTH));
  }

  /** How many buckets fit, a pixel each. */
  width() {
    this.#asked = this.#width();
    return this.#asked;
  }

  redraw() {
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    this.#frame = 0;
    if (!this.#isSeen || document.hidden) return;
    const { model, owner } = this;
    const picture = pictureOf(model, this.canvas.clientHeight, owner, this.#cursorIndex(), this.#selection);
    this.drawing.draw(picture);
    text(this.readout, readingAt(model, picture, owner.format, owner.words) ?? this.hint);
    // A line of its own while there are marks: the chart must not move under the cursor.
    this.marked.hidden = marksWithin(model.marks, model.viewport.from, model.viewport.to).length === 0;
    text(this.marked, marksAt(model, picture, this.#cursor).join(" · "));
    attribute(this.marked, "title", this.marked.textContent || null);
    attribute(this.root, "aria-label", model.label);
    placeHandle(this.handle, model, this.drawing, owner.format);
  }

  /** Fills the table for who can't see the chart. */
  tabulate() {
    fillTable(this.table, this.model, this.owner);
    fillMarks(this.marks, this.model, this.owner);
  }

  #cursorIndex() {
    const { history, viewport } = this.model;
    return history && this.#cursor !== null ? nearest(history, this.#cursor, viewport) : -1;
  }

  /** The instant at a place, of what is shown now or was shown once. @param {number} x @param {Viewport} [viewport] */
  #at(x, viewport = this.model.viewport) {
    return viewport.from + this.#share(x) * (viewport.to - viewport.from);
  }

  /** @param {number} x */
  #share(x) {
    const { left, right } = this.drawing.box();
    return (x - left) / (right - left);
  }

  /** @param {number} by Buckets; ±Infinity: to the end. */
  #step(by) {
    const { history, viewport } = this.model;
    if (!history) return;
    const i = this.#cursorIndex();
    const isJump = i < 0 || !Number.isFinite(by);
    const found = isJump ? nearest(history, by === -Infinity ? viewport.from : viewport.to, viewport) : neighbour(history, i, by, viewport);
    if (found >= 0) this.#cursor = history.t0 + (found + 0.5) * history.step;
    this.redraw();
    clearTimeout(this.#saying);
    this.#saying = window.setTimeout(() => text(this.said, [this.readout, this.marked].map((line) => line.textContent).filter(Boolean).join(" · ")), SAY_AFTER);
  }

  /** @param {[number, number]|null} selection */
  #select(selection) {
    this.#selection = selection;
    this.redraw();
  }

  /** @returns {import("./gestures.js").Asked} */
  #answers() {
    const { now, show } = this.owner;
    const shown = () => this.model.viewport;
    const length = () => this.#origin.to - this.#origin.from;
    return {
      begin: () => show((this.#origin = view.mark(shown()))),
      selecting: (from, to) => this.#select([this.#at(from), this.#at(to)]),
      unselect: () => this.#select(null),
      select: (from, to) => show(view.show(shown(), this.#at(from), this.#at(to), now())),
      pan: (by) => show(view.pan(this.#origin, (this.#share(0) - this.#share(by)) * length(), now())),
      zoom: (about, factor) => show(view.zoom(shown(), about === null ? this.#cursor ?? shown().to : this.#at(about), factor, now())),
      pinch: ([a, b], [x, y]) =>
        show(view.pinch(this.#origin, [[this.#at(a, this.#origin), this.#share(x)], [this.#at(b, this.#origin), this.#share(y)]], now())),
      point: (x) => {
        this.#cursor = x === null ? null : this.#at(x);
        this.redraw();
      },
      step: (by) => this.#step(by),
      page: (part) => show(view.pan(this.#origin, part * length(), now())),
      back: () => show(view.back(shown(), now())),
    };
  }

  close() {
    this.#undo.forEach((undo) => undo());
    clearTimeout(this.#saying);
    cancelAnimationFrame(this.#frame);
  }
}

/**
 * @param {Model} model @param {number} height @param {Owner} owner @param {number} cursor
 * @param {[number, number]|null} selection @returns {import("./chart.js").Picture}
 */
function pictureOf(model, height, { now, format }, cursor, selection) {
  const { viewport, history, limits, trial, showsLimits } = model;
  const drawn = [...(showsLimits ? limits : []), ...(trial ? [trial] : [])].map(({ value }) => value);
  const [first, end] = history ? within(history, viewport) : [0, 0];
  const shown = range(history ?? { t0: 0, step: 1, min: [], max: [] }, first, end, drawn);
  const [lowest, highest] = shown ?? [0, 1];
  // Some air, so that no limit lies on the frame.
  const [low, high] = [lowest - (highest - lowest) * 0.03, highest + (highest - lowest) * 0.03];
  return {
    ...model,
    shown: viewport,
    now: now(),
    scale: scale(low, high, valueRoom(height)),
    cursor,
    selection,
    zone: format.zone,
    language: format.language,
    // An axis without anything on it has no values.
    number: shown ? format.number : () => "",
  };
}

/** What the cursor stands on, in a line; `null` without one.
 * @param {Model} model @param {import("./chart.js").Picture} picture @param {Format} format
 * @param {any} words @returns {string|null} */
function readingAt({ history, unit }, { cursor, scale: { min, max } }, format, words) {
  if (!history || cursor < 0) return null;
  const { at, min: low, max: high, mean, n } = bucket(history, cursor);
  const digits = decimals(min, max);
  const value = (/** @type {number|null} */ number) => format.value(number === null ? null : Number(number.toFixed(digits)), unit);
  const isExact = n === 1 || low === high;
  const when = history.step >= 60_000
    ? `${format.day(at)}, ${format.minute(at)}${zoned(at, format)} – ${ending(at, at + history.step, format)}`
    : `${format.dateTime(at)}${zoned(at, format)}`;
  return isExact ? words.readOne(when, value(mean), n) : words.read(when, value(low), value(mean), value(high), n);
}

/** Marks under the cursor, in words. @param {Model} model @param {import("./chart.js").Picture} picture @param {number|null} at @returns {string[]} */
function marksAt({ marks, history, viewport: { from, to } }, { cursor }, at) {
  if (at === null) return [];
  const near = (to - from) / NEAR;
  const [start, end] = history && cursor >= 0 ? [history.t0 + cursor * history.step, history.t0 + (cursor + 1) * history.step] : [at, at];
  const found = marksWithin(marks, start - near, end + near).map(({ line }) => line);
  return found.length > MOST_READ ? [...found.slice(0, MOST_READ), "…"] : found;
}

/** @param {number} from @param {number} to @param {Format} format @returns {string} */
function ending(from, to, format) {
  const [first, last] = [format.day(from), format.day(to)];
  return `${first === last ? "" : `${last}, `}${format.minute(to)}${zoned(to, format)}`;
}

/** The zone's name at a time that the wall clock shows twice. @param {number} at @param {Format} format */
function zoned(at, format) {
  return isTwice(at, format.zone) ? ` ${format.zoneName(at)}` : "";
}

/** @param {HTMLTableElement} element @param {Model} model @param {Owner} owner */
function fillTable(element, { history, viewport, unit, label }, { format, words }) {
  const rows = history ? table(history, viewport, ROWS) : [];
  const column = (/** @type {string} */ name) => h("th", { scope: "col" }, name);
  const value = (/** @type {number|null} */ number) => h("td", null, format.value(number === null ? null : Number(number.toPrecision(6)), unit));
  fill(
    element,
    h("caption", null, label),
    h("thead", null, h("tr", null, words.columns.map(column))),
    h("tbody", null, rows.map(({ at, min, mean, max, n }) =>
      h("tr", null, h("th", { scope: "row" }, format.dateTime(at) + zoned(at, format)), value(min), value(mean), value(max), h("td", null, format.number(n))))),
  );
}

/** What was done with the alarms, for who can't see the marks. @param {HTMLTableElement} element @param {Model} model @param {Owner} owner */
function fillMarks(element, { marks, viewport, label }, { format, words: { marks: w } }) {
  const shown = marksWithin(marks, viewport.from, viewport.to);
  const time = (/** @type {number|null} */ at) => h("td", null, at === null ? "–" : format.dateTime(at));
  element.hidden = shown.length === 0;
  fill(
    element,
    h("caption", null, w.caption(label)),
    h("thead", null, h("tr", null, w.columns.map((/** @type {string} */ name) => h("th", { scope: "col" }, name)))),
    h("tbody", null, shown.slice(0, ROWS).map(({ label: what, rule, from, to, by, why }) =>
      h("tr", null, h("th", { scope: "row" }, what), h("td", null, rule), time(from), time(to), h("td", null, [by, why].filter(Boolean).join(": "))))),
  );
}
