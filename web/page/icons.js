// Signs of alarms: each priority has a shape, a digit and a colour, so none depends on its colour alone.
//
// Square 1 critical, triangle 2 high, circle 3 medium, bar 4 low. Filled: nobody has acknowledged it; hollow: somebody has.
// Grey: over, or withheld; what withholds it has the same sign in lists and charts.

import { svg } from "./dom.js";

/** @typedef {import("../data/state.js").Priority} Priority */

const SHAPES = ["", "M2 2h14v14H2z", "M9 1 17.4 16.5H.6z", "M9 1.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15z", "M1 3.5h16v11H1z"];
const NAMES = ["none", "critical", "high", "medium", "low"];

/** Name of a priority's colour and words. @param {Priority} priority */
export const priorityName = (priority) => NAMES[priority] ?? "none";

/** @typedef {"shelved" | "suppressed" | "maintenance" | "out-of-service"} Withheld */
/** @typedef {{ isHollow?: boolean, isOver?: boolean, withheld?: Withheld | null, flashes?: boolean, label?: string }} Look */

/** What keeps an alarm quiet: lines about their middle, 9 wide and high. @type {Record<Withheld, string>} */
export const WITHHELD = {
  shelved: "M-2.500-4v8M2.500-4v8",
  suppressed: "M0-4.500v8.500M-3.500.500 0 4 3.500.500",
  maintenance: "M0-4.500 4.500 0 0 4.500-4.500 0z",
  "out-of-service": "M-3.200-3.200 3.200 3.200M4.500 0a4.500 4.500 0 1 1-9 0 4.500 4.500 0 0 1 9 0z",
};

const [BOX, WITHHELD_BOX] = ["0 0 18 18", "-5.500 -5.500 11 11"];

/**
 * An alarm's sign. It has no words: those stand beside it, or in `label`, which a resting pointer shows too.
 * @param {Priority} priority @param {Look} [look]
 */
export function alarmIcon(priority, look = {}) {
  const icon = svg("svg", { class: "icon" }, svg("path", {}), svg("title", {}), svg("text", { x: 9, "text-anchor": "middle" }));
  setAlarmIcon(icon, priority, look);
  return icon;
}

/**
 * Makes a sign another one, in place.
 * @param {SVGSVGElement} icon @param {Priority} priority @param {Look} [look]
 */
export function setAlarmIcon(icon, priority, { isHollow = false, isOver = false, withheld = null, flashes = false, label } = {}) {
  const kind = withheld ? `sign withheld ${withheld}` : `${priorityName(priority)}${isOver ? " over" : isHollow ? " hollow" : ""}`;
  const look = `icon ${kind}${flashes ? " flashes" : ""}`;
  if (icon.getAttribute("class") !== look) {
    icon.setAttribute("class", look);
    icon.setAttribute("viewBox", withheld ? WITHHELD_BOX : BOX);
    icon.firstElementChild?.setAttribute("d", withheld ? WITHHELD[withheld] : SHAPES[priority] ?? "");
    const digit = /** @type {SVGTextElement} */ (icon.lastElementChild);
    digit.textContent = priority && !withheld ? String(priority) : "";
    digit.setAttribute("y", priority === 2 ? "14.5" : "12.6");
  }
  if ((icon.getAttribute("aria-label") ?? "") === (label ?? "") && icon.hasAttribute(label ? "role" : "aria-hidden")) return;
  const title = icon.querySelector("title");
  if (title) title.textContent = label ?? "";
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
  silent: "M1.500 9h3l2-5 4 10 2-5h1M15 9h1.500",
  gear: "M9 6a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM9 1v3m0 10v3M1 9h3m10 0h3M3.300 3.300l2.100 2.100m7.200 7.200 2.100 2.100M3.300 14.700l2.100-2.100m7.200-7.200 2.100-2.100",
};

/**
 * A sign that is no alarm's: grey, of lines. @param {keyof typeof SIGNS | Withheld} name
 */
export function sign(name) {
  if (name !== "silent" && name !== "gear") return alarmIcon(0, { withheld: name });
  return svg("svg", { class: "icon sign", viewBox: "0 0 18 18", "aria-hidden": "true" }, svg("path", { d: SIGNS[name] }));
}
