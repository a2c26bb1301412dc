// The handle of a tried limit: a slider on the chart's value axis, dragged up and down or moved by the arrow keys.
//
// Always: says its value in words with its unit. Never: knows the chart's time.

import { attribute, h } from "../page/dom.js";

/** Pixels that an arrow key moves it by: more than the digits to which a limit is rounded. */
const STRIDE = 4;

/**
 * @param {string} label
 * @param {{ current(): number|null, valueAt(y: number): number, drag(limit: number): void }} owner `valueAt`: the value
 *   at a place of the chart.
 * @returns {HTMLElement}
 */
export function limitHandle(label, { current, valueAt, drag }) {
  const element = h("div", { class: "limit-handle", role: "slider", tabIndex: 0, hidden: true, "aria-label": label, "aria-orientation": "vertical" });
  element.addEventListener("pointerdown", (event) => {
    event.stopPropagation();
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    if (!element.hasPointerCapture(event.pointerId)) return;
    event.stopPropagation();
    const top = element.parentElement?.getBoundingClientRect().top ?? 0;
    drag(valueAt(event.clientY - top));
  });
  element.addEventListener("keydown", (event) => {
    const strides = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
    const limit = current();
    if (strides === undefined || limit === null) return;
    event.preventDefault();
    event.stopPropagation();
    drag(limit + strides * Math.abs(valueAt(0) - valueAt(STRIDE)));
  });
  return element;
}

/**
 * Puts the handle where its limit is drawn.
 * @param {HTMLElement} handle @param {{ trial: { value: number }|null, unit: string }} model
 * @param {ReturnType<typeof import("./chart.js").chart>} drawing @param {import("../page/format.js").Format} format
 */
export function placeHandle(handle, { trial, unit }, drawing, format) {
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
