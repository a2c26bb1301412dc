// A chart as a part of the page: canvas, cursor, gestures, its words for screen readers, the handle of a tried limit.
//
// Always: drawn at most once an animation frame, and not while it is out of sight; what a pointer can do, keys can do.
// Never: asks the daemon for anything; what is shown of time belongs to its owner, who is asked to change it.

import { chart, valueRoom } from "./chart.js";
import { attribute, fill, h, text } from "./dom.js";
import { gestures } from "./gestures.js";
import { bucket, nearest, neighbour, table, within } from "./history.js";
import { decimals, range, scale } from "./scale.js";
import { isTwice } from "./ticks.js";
import * as view from "./viewport.js";

/** Rows of the table behind the chart: what one listens to in a minute. */
const ROWS = 50;

/** Pause in ms after which a screen reader is told where the cursor stands: it must not read every step. */
const SAY_AFTER = 350;

/**
 * @typedef {import("./viewport.js").Viewport} Viewport
 * @typedef {import("./history.js").History} History
 *
 * @typedef {object} Model What is drawn; its owner changes it, then calls `redraw`.
 * @property {Viewport} viewport @property {History|null} history @property {import("./chart.js").Gap[]} gaps
 * @property {import("./chart.js").AlarmMark[]} alarms @property {[number, number|null][]} trials
 * @property {import("./chart.js").Limit[]} limits @property {import("./chart.js").Limit|null} trial
 * @property {boolean} showsLimits Whether the value axis reaches to the limits. @property {boolean} isOld
 * @property {string} unit @property {string} label What the chart is of, for screen readers.
 *
 * @typedef {object} Owner
 * @property {() => number} now The server's clock. @property {(viewport: Viewport) => void} show
 * @property {(limit: number) => void} drag The tried limit has been moved.
 * @property {() => void} resized It has become so much wider or narrower that another number of buckets fits.
 * @property {import("./format.js").Format} format @property {any} words The section `sensor`.
 */

/** Of the chart's width, in pixels, what its axis takes: buckets need not be counted more exactly. */
const AXIS_WIDTH = 48;

/** A change of width after which it is asked for again. */
const RESIZED = 0.25;

/** Elements of a page have one id each: pages come and go. */
let made = 0;

/**
 * @param {Model} model @param {Owner} owner
 * @returns {{ element: HTMLElement, redraw(): void, tabulate(): void, width(): number, close(): void }}
 */
export function chartBox(model, owner) {
  made += 1;
  const { words, format } = owner;
  const hintText = matchMedia("(pointer: coarse)").matches ? words.hintTouch : words.hint;
  const canvas = h("canvas", { "aria-hidden": "true" });
  const readout = h("p", { class: "readout" });
  const said = h("p", { class: "unseen", role: "status" });
  const rows = h("table");
  // A table is as wide as its words, whatever it is told: a box cuts it.
  const details = h("div", { class: "unseen", id: `chart-table-${made}` }, rows);
  const hint = h("p", { class: "unseen", id: `chart-hint-${made}` }, words.keys);
  const handle = limitHandle(words, () => model.trial?.value ?? null, (y) => drawing.value(y), owner.drag);
  const root = h(
    "div",
    {
      class: "chart",
      tabIndex: 0,
      role: "application",
      "aria-roledescription": words.chart,
      "aria-details": details.id,
      "aria-describedby": hint.id,
    },
    canvas,
    handle,
  );
  const drawing = chart(canvas);
  /** @type {{ cursor: number|null, selection: [number, number]|null, frame: number, isSeen: boolean, says: number }} */
  const state = { cursor: null, selection: null, frame: 0, isSeen: true, says: 0 };

  const cursorIndex = () =>
    model.history && state.cursor !== null ? nearest(model.history, state.cursor, model.viewport) : -1;

  function paint() {
    state.frame = 0;
    if (!state.isSeen || document.hidden) return;
    const picture = pictureOf(model, canvas.clientHeight, owner, cursorIndex(), state.selection);
    drawing.draw(picture);
    text(readout, read(model, picture, format, words) ?? hintText);
    attribute(root, "aria-label", model.label);
    placeHandle(handle, model, drawing, format);
  }

  function redraw() {
    if (state.frame === 0) state.frame = requestAnimationFrame(paint);
  }

  function say() {
    clearTimeout(state.says);
    state.says = window.setTimeout(() => text(said, readout.textContent ?? ""), SAY_AFTER);
  }

  const off = gestures(root, answers({ model, owner, drawing, state, cursorIndex, redraw, say }));
  let asked = 0;
  const width = () => Math.max(2, Math.min(2000, canvas.clientWidth - AXIS_WIDTH));
  const sized = new ResizeObserver(() => {
    redraw();
    if (asked > 0 && Math.abs(width() - asked) > asked * RESIZED) owner.resized();
  });
  sized.observe(canvas);
  const seen = new IntersectionObserver(([entry]) => {
    state.isSeen = entry?.isIntersecting ?? true;
    redraw();
  });
  seen.observe(canvas);
  document.addEventListener("visibilitychange", redraw);

  return {
    element: h("div", { class: "chart-box" }, readout, root, said, hint, details),
    redraw,
    tabulate: () => fillTable(rows, model, owner),
    width: () => (asked = width()),
    close() {
      off();
      sized.disconnect();
      seen.disconnect();
      document.removeEventListener("visibilitychange", redraw);
      clearTimeout(state.says);
      cancelAnimationFrame(state.frame);
    },
  };
}

/**
 * @param {{ model: Model, owner: Owner, drawing: ReturnType<typeof chart>,
 *   state: { cursor: number|null, selection: [number, number]|null }, cursorIndex(): number, redraw(): void,
 *   say(): void }} of
 * @returns {import("./gestures.js").Asked}
 */
function answers({ model, owner, drawing, state, cursorIndex, redraw, say }) {
  /** What was shown when the gesture began. @type {Viewport} */
  let origin = model.viewport;
  const { now, show } = owner;
  const perPixel = ({ from, to } = origin) => (to - from) / (drawing.box().right - drawing.box().left);
  const at = (/** @type {number} */ x, { from, to } = origin) => from + (x - drawing.box().left) * perPixel({ ...origin, from, to });
  const share = (/** @type {number} */ x) => (x - drawing.box().left) / (drawing.box().right - drawing.box().left);
  const cursorAt = (/** @type {number} */ i) => {
    if (model.history && i >= 0) state.cursor = model.history.t0 + (i + 0.5) * model.history.step;
    redraw();
    say();
  };
  return {
    begin() {
      origin = view.mark(model.viewport);
      show(origin);
    },
    selecting(from, to) {
      state.selection = [at(from, model.viewport), at(to, model.viewport)];
      redraw();
    },
    unselect() {
      state.selection = null;
      redraw();
    },
    select: (from, to) => show(view.show(model.viewport, at(from, model.viewport), at(to, model.viewport), now())),
    pan: (by) => show(view.pan(origin, -by * perPixel(), now())),
    zoom(about, factor) {
      const middle = about === null ? state.cursor ?? model.viewport.to : at(about, model.viewport);
      show(view.zoom(model.viewport, middle, factor, now()));
    },
    pinch: ([a, b], [x, y]) => show(view.pinch(origin, [[at(a), share(x)], [at(b), share(y)]], now())),
    point(x) {
      state.cursor = x === null ? null : at(x, model.viewport);
      redraw();
    },
    step(by) {
      if (!model.history) return;
      const i = cursorIndex();
      const edge = by === Infinity || i < 0 ? model.viewport.to : model.viewport.from;
      const start = i < 0 || !Number.isFinite(by) ? nearest(model.history, edge, model.viewport) : neighbour(model.history, i, by, model.viewport);
      cursorAt(by === -Infinity ? nearest(model.history, model.viewport.from, model.viewport) : start);
    },
    page: (part) => show(view.pan(origin, part * (origin.to - origin.from), now())),
    back: () => show(view.back(model.viewport, now())),
  };
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
 * @param {Model} model @param {import("./chart.js").Picture} picture @param {import("./format.js").Format} format
 * @param {any} words @returns {string|null} */
function read({ history, unit }, { cursor, scale: { min, max } }, format, words) {
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

/** @param {number} from @param {number} to @param {import("./format.js").Format} format @returns {string} */
function ending(from, to, format) {
  const [first, last] = [format.day(from), format.day(to)];
  return `${first === last ? "" : `${last}, `}${format.minute(to)}${zoned(to, format)}`;
}

/** The zone's name at a time that the wall clock shows twice. @param {number} at @param {import("./format.js").Format} format */
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

/**
 * The line of a tried limit as a slider: dragged up and down, or moved by the arrow keys.
 * @param {any} words @param {() => number|null} current @param {(y: number) => number} valueAt
 * @param {(limit: number) => void} drag @returns {HTMLElement}
 */
function limitHandle(words, current, valueAt, drag) {
  const element = h("div", { class: "limit-handle", role: "slider", tabIndex: 0, hidden: true, "aria-label": words.trial.limit, "aria-orientation": "vertical" });
  element.addEventListener("pointerdown", (event) => {
    event.stopPropagation();
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    if (!element.hasPointerCapture(event.pointerId)) return;
    event.stopPropagation();
    const { top } = /** @type {HTMLElement} */ (element.parentElement).getBoundingClientRect();
    drag(valueAt(event.clientY - top));
  });
  element.addEventListener("keydown", (event) => {
    const direction = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
    const limit = current();
    if (direction === undefined || limit === null) return;
    event.preventDefault();
    event.stopPropagation();
    drag(limit + direction * Math.abs(valueAt(0) - valueAt(2)));
  });
  return element;
}

/** @param {HTMLElement} handle @param {Model} model @param {ReturnType<typeof chart>} drawing
 * @param {import("./format.js").Format} format */
function placeHandle(handle, { trial, unit }, drawing, format) {
  handle.hidden = trial === null;
  if (!trial) return;
  const { left, top, bottom } = drawing.box();
  const y = Math.min(bottom, Math.max(top, drawing.y(trial.value)));
  handle.style.transform = `translateY(${Math.round(y)}px)`;
  handle.style.left = `${left}px`;
  attribute(handle, "aria-valuemin", Math.min(trial.value, drawing.value(bottom)));
  attribute(handle, "aria-valuemax", Math.max(trial.value, drawing.value(top)));
  attribute(handle, "aria-valuenow", trial.value);
  attribute(handle, "aria-valuetext", format.value(trial.value, unit));
}
