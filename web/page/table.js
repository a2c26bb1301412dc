// The one look of a table of a few rows: a panel that scrolls sideways, and on a phone a card a row.

import { h } from "./dom.js";

/**
 * @param {string} label @param {string[]} columns @param {number[]} numbers indexes of the columns that are numbers @param {HTMLElement[]} rows
 */
export function table(label, columns, numbers, rows) {
  const head = columns.map((name, k) => h("th", { scope: "col", class: numbers.includes(k) ? "n" : "" }, name));
  return h("div", { class: "scroll panel", role: "region", tabIndex: 0, "aria-label": label }, h("table", null, h("thead", null, h("tr", null, head)), h("tbody", null, rows)));
}
