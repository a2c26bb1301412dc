// The buttons over a chart: spans by name, zoom, the way back, the live pin; and in words, what is shown.
//
// Always: whatever a pointer or a key does on the chart, a button does too. Never: keeps what is shown; asks its owner.

import { attribute, h } from "../page/dom.js";
import { marksWithin } from "../data/marks.js";
import * as view from "../chart/viewport.js";

/** @typedef {import("../chart/viewport.js").Viewport} Viewport */

/**
 * @param {{ words: any, show(viewport: Viewport): void, current(): Viewport, now(): number }} owner `words`: the section
 *   `sensor`.
 */
export function spanControls({ words: w, show, current, now }) {
  const button = (/** @type {string} */ label, /** @type {string} */ help, /** @type {() => Viewport} */ next) =>
    h("button", { type: "button", class: "chip", title: help, onclick: () => show(next()) }, label);
  const about = () => (current().live ? current().to : (current().from + current().to) / 2);
  const signed = (/** @type {string} */ sign, /** @type {string} */ name, /** @type {number} */ factor) => {
    const element = button(sign, name, () => view.zoom(view.mark(current()), about(), factor, now()));
    attribute(element, "aria-label", name);
    return element;
  };
  const presets = Object.entries(view.PRESETS).map(([name, length]) => ({
    name,
    element: button(w.presets[name], w.presetNames[name], () => view.latest(current(), length, now())),
  }));
  const live = button(w.live, w.liveHelp, () => view.pin(current(), !current().live, now()));
  const back = button(`↶ ${w.back}`, w.backHelp, () => view.back(current(), now()));
  const element = h(
    "div", { class: "chips", role: "group", "aria-label": w.spans },
    presets.map((preset) => preset.element), signed("+", w.zoomIn, 0.5), signed("−", w.zoomOut, 2), back, live,
  );
  return {
    element,
    update() {
      const shown = view.presetOf(current());
      for (const preset of presets) attribute(preset.element, "aria-pressed", preset.name === shown);
      attribute(live, "aria-pressed", current().live);
      back.disabled = current().back.length === 0;
    },
  };
}

/**
 * What is shown, in which zone, and how it is drawn.
 * @param {import("../app.js").Context} context @param {import("../chart/chartbox.js").Model} model @returns {string}
 */
export function captionOf({ words: { sensor: w }, format }, { viewport: { from, to }, history, gaps, marks }) {
  const isLong = to - from > 3 * view.DAY;
  const edge = (/** @type {number} */ at) => (isLong ? format.date(at) : `${format.day(at)}, ${format.minute(at)}`);
  const isOneDay = format.date(from) === format.date(to);
  const span = w.caption(edge(from), isOneDay ? format.minute(to) : edge(to), format.zone);
  const parts = [span];
  if (history) parts.push(history.n.some((n) => n > 0) ? w.bucket(format.duration(history.step)) : w.noHistory);
  if (gaps.length > 0) parts.push(w.hatched);
  if (marksWithin(marks, from, to).length > 0) parts.push(w.marks.legend);
  return parts.join(" · ");
}
