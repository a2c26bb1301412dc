// Signs of alarms: each priority has a shape, a digit and a colour, so none depends on its colour alone.
//
// Square 1 critical, triangle 2 high, circle 3 medium, bar 4 low. Filled: nobody has acknowledged it; hollow: somebody has.

import { svg } from "./dom.js";

/** @typedef {import("./state.js").Priority} Priority */

const SHAPES = ["", "M2 2h14v14H2z", "M9 1 17.4 16.5H.6z", "M9 1.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15z", "M1 3.5h16v11H1z"];
const NAMES = ["none", "critical", "high", "medium", "low"];

/** Name of a priority's colour and words. @param {Priority} priority */
export const priorityName = (priority) => NAMES[priority] ?? "none";

/**
 * An alarm's sign. It has no words: those stand beside it, or in `label`.
 * @param {Priority} priority @param {{ isHollow?: boolean, flashes?: boolean, label?: string }} [options]
 */
export function alarmIcon(priority, { isHollow = false, flashes = false, label } = {}) {
  const icon = svg("svg", { class: "icon", viewBox: "0 0 18 18" }, svg("path", {}), svg("text", { x: 9, "text-anchor": "middle" }));
  setAlarmIcon(icon, priority, { isHollow, flashes, label });
  return icon;
}

/**
 * Makes a sign another one, in place.
 * @param {SVGSVGElement} icon @param {Priority} priority
 * @param {{ isHollow?: boolean, flashes?: boolean, label?: string }} [options]
 */
export function setAlarmIcon(icon, priority, { isHollow = false, flashes = false, label } = {}) {
  const look = `icon ${priorityName(priority)}${isHollow ? " hollow" : ""}${flashes ? " flashes" : ""}`;
  if (icon.getAttribute("class") !== look) {
    icon.setAttribute("class", look);
    icon.firstElementChild?.setAttribute("d", SHAPES[priority] ?? "");
    const digit = /** @type {SVGTextElement} */ (icon.lastElementChild);
    digit.textContent = priority ? String(priority) : "";
    digit.setAttribute("y", priority === 2 ? "14.5" : "12.6");
  }
  if (label) {
    icon.setAttribute("role", "img");
    icon.setAttribute("aria-label", label);
    icon.removeAttribute("aria-hidden");
  } else {
    icon.removeAttribute("role");
    icon.removeAttribute("aria-label");
    icon.setAttribute("aria-hidden", "true");
  }
}

const SIGNS = {
  // Withheld: shelved, suppressed, out of service. Grey, for nobody has to act.
  shelved: "M3 3.5h12M3 9h12M3 14.5h12M5 3.5V9m5 0v5.5",
  suppressed: "M2.5 9a6.5 6.5 0 0 1 11-4.7M15.500 9a6.500 6.500 0 0 1-11 4.700M3 15 15 3",
  "out-of-service": "M9 1.500a7.500 7.500 0 1 0 0 15 7.500 7.500 0 0 0 0-15zM4 14 14 4",
  silent: "M1.500 9h3l2-5 4 10 2-5h1M15 9h1.500",
  gear: "M9 6a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM9 1v3m0 10v3M1 9h3m10 0h3M3.300 3.300l2.100 2.100m7.200 7.200 2.100 2.100M3.300 14.700l2.100-2.100m7.200-7.200 2.100-2.100",
};

/**
 * A sign that is no alarm's: grey, of lines. @param {keyof typeof SIGNS} name
 */
export function sign(name) {
  return svg("svg", { class: "icon sign", viewBox: "0 0 18 18", "aria-hidden": "true" }, svg("path", { d: SIGNS[name] }));
}
