// Time range control of the alarm history: lengths by name, or days of the shown zone; and a line on what is loaded.
//
// Always: the date fields show the days of the chosen length. Never: applies a date that is incomplete.

import { attribute, h, text } from "../page/dom.js";
import { ALL, days, daysOf, endsOf, LENGTHS } from "../alarms/historyspan.js";

/** @typedef {import("../alarms/historyspan.js").HistorySpan} HistorySpan */
/** @typedef {import("../alarms/historyspan.js").Kind} Kind */

const FIRST_DAY = "1970-01-01"; // rejects the years of a date that is being typed, as 0002

/**
 * @param {import("../app.js").Context} context @param {(span: HistorySpan) => void} chosen @param {...HTMLElement} others At the end of its row.
 */
export function historyRange({ words: { alarms: { past: w } }, format, state }, chosen, ...others) {
  const kinds = /** @type {(Exclude<Kind, "days">)[]} */ ([...Object.keys(LENGTHS), "all"]);
  const chips = kinds.map((kind) =>
    h("button", { type: "button", class: "chip", title: w.spanNames[kind], onclick: () => chosen(kind === "all" ? ALL : { kind, from: "", to: "" }) }, w.spans[kind]));
  const [from, to] = [w.from, w.to].map((name) => h("input", { type: "date", min: FIRST_DAY, "aria-label": name, title: w.days(format.zone), onchange: typed }));
  const said = h("span", { class: "muted", role: "status" });
  const fields = h("span", { class: "days" }, h("label", null, w.from, " ", from), h("label", null, w.to, " ", to));
  const element = h("div", { class: "range" },
    h("div", { class: "tools" }, h("div", { class: "chips", role: "group", "aria-label": w.span }, chips), fields, h("span", { class: "grow" }), others),
    h("p", { class: "period" }, said));

  function typed() {
    if (from?.validity.valid && to?.validity.valid) chosen(days(from.value, to.value));
  }

  return {
    element,
    /** @param {HistorySpan} span */
    show(span) {
      for (const [k, kind] of kinds.entries()) attribute(/** @type {Element} */ (chips[k]), "aria-pressed", kind === span.kind);
      const shown = daysOf(span, state.link.now(), format.zone);
      if (from) from.value = shown.from;
      if (to) to.value = shown.to;
    },
    /** @param {string} words On what is loaded. */
    say: (words) => text(said, words),
  };
}

/** The range in words, with its zone. @param {HistorySpan} span @param {number} now @param {import("../app.js").Context} context */
export function spanInWords(span, now, { words: { alarms: { past: w } }, format }) {
  const { since, until } = endsOf(span, now, format.zone);
  const last = until === null ? null : format.date(until - 1);
  if (since === null) return last === null ? w.newest(format.zone) : w.until(last, format.zone);
  if (span.kind !== "days") return w.since(`${format.date(since)}, ${format.minute(since)}`, format.zone);
  return last === null ? w.since(format.date(since), format.zone) : w.between(format.date(since), last, format.zone);
}
