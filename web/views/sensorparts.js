// Parts of the Sensor page beside its chart: the value now, statistics, tabs of quantities, the table of alarms.
//
// Always: each part makes its elements once and writes what changed. Never: asks the daemon for anything.

import { eventWhat, safeLink } from "../alarms/alarmtext.js";
import { attribute, fill, h, text } from "../page/dom.js";
import { decimals } from "../chart/scale.js";
import { overlapping } from "../data/spans.js";
import { alarmIcon, priorityName } from "../page/icons.js";
import { trend } from "../data/history.js";

const MAX_ROWS = 100; // of alarms: what somebody reads before zooming in
const TREND_POINTS = 15; // minutes with readings that a trend is told from

/** @typedef {import("../app.js").Context} Context */
/** @typedef {import("../data/spans.js").AlarmSpan} AlarmSpan */

/** The value now, its age, its trend, and the alarms that stand. @param {Context} context */
export function nowPanel({ words, format, state }) {
  const w = words.sensor;
  const number = h("span", { class: "big" });
  const unit = h("span", { class: "u" });
  const label = h("h2", null, w.now);
  const age = h("div", { class: "muted" });
  const direction = h("div", { class: "muted" });
  const standing = h("ul", { class: "standing" });
  const value = h("div", { class: "v" }, number, unit);
  const element = h("section", { class: "panel now" }, label, value, age, direction, standing);
  /** @type {string|null} */
  let symbol = null;
  return {
    element,
    /** @param {import("../data/state.js").Series|null} series @param {boolean} isOld */
    update(series, isOld) {
      element.classList.toggle("old", isOld);
      symbol = series ? series.unit : null;
      text(label, isOld ? w.lastHeard : w.now);
      text(number, series?.value === null || !series ? "–" : format.number(series.value));
      text(unit, series ? format.unitSymbol(series.unit) : "");
      text(age, ageWords(series, w, state.link.now(), format));
      direction.hidden = isOld;
    },
    /** @param {[number, number|null][]} minutes Means of the last hour. */
    trend(minutes) {
      const known = minutes.filter(([, mean]) => mean !== null).slice(-TREND_POINTS);
      text(direction, trendWords(/** @type {[number, number][]} */ (known), { w, format, symbol }));
    },
    /** @param {import("../data/state.js").Alarm[]} alarms */
    stand(alarms) {
      const shown = alarms.filter((alarm) => alarm.state !== "normal" || alarm.withheld);
      fill(standing, shown.map((alarm) => standingRow(alarm, words)));
      standing.hidden = shown.length === 0;
    },
  };
}

/** A value without a time is one that a broker retained. @param {import("../data/state.js").Series|null} series @param {any} w @param {number} now
 * @param {import("../page/format.js").Format} format */
function ageWords(series, w, now, format) {
  if (series?.at) return w.ago(format.age(now - series.at));
  return series && series.value !== null ? w.onlyRetained : w.neverHeard;
}

/** @param {[number, number][]} known @param {{ w: any, format: import("../page/format.js").Format, symbol: string|null }} by */
function trendWords(known, { w, format, symbol }) {
  if (known.length < 4) return "";
  const slope = trend(known);
  if (slope === null) return w.steady;
  // As a change an hour where a minute's would have nothing before the point.
  const isSlow = Math.abs(slope) < 0.1;
  const rate = Math.abs(isSlow ? slope * 60 : slope);
  const said = format.value(Number(rate.toPrecision(2)), symbol);
  return (slope > 0 ? w.rising : w.falling)((isSlow ? w.anHour : w.aMinute)(said));
}

/** @param {import("../data/state.js").Alarm} alarm @param {import("../words.js").Words} words */
function standingRow({ severity, state, rule, withheld, runbook }, words) {
  const priority = /** @type {1|2|3|4} */ ({ CRITICAL: 1, HIGH: 2, MEDIUM: 3, LOW: 4 }[severity] ?? 2);
  const isNew = state.includes("unacknowledged");
  const icon = alarmIcon(priority, { isHollow: !isNew, withheld, flashes: isNew && !withheld, label: words.common.priorities[priority] });
  const states = /** @type {Record<string, string>} */ (words.alarms.states);
  const advice = safeLink(runbook);
  return h(
    "li", null, icon,
    h("span", null, h("a", { href: "#/alarms" }, rule), " ", h("span", { class: "muted" }, states[withheld ?? state]),
      advice && [" ", h("a", { href: advice, target: "_blank", rel: "noopener noreferrer" }, words.alarms.runbook)]),
  );
}

/** Lowest, mean, highest, how many, how much is missing; the limits. @param {Context} context */
export function statisticsPanel({ words, format }) {
  const w = words.sensor;
  const names = /** @type {const} */ (["lowest", "mean", "highest", "readings", "missing", "limits"]);
  const cells = Object.fromEntries(names.map((name) => [name, h("dd", null, "–")]));
  const element = h("section", { class: "panel" }, h("h2", null, w.statistics),
    h("dl", { class: "kv" }, names.flatMap((name) => [h("dt", null, w[name]), cells[name] ?? null])));
  return {
    element,
    /** @param {ReturnType<typeof import("../data/history.js").statistics>|null} known @param {string} unit */
    update(known, unit) {
      const { min, max, mean, n, missing } = known ?? { min: null, max: null, mean: null, n: 0, missing: 0 };
      const digits = decimals(min ?? 0, max ?? 0);
      const put = (/** @type {string} */ name, /** @type {string} */ value) => cells[name] && text(cells[name], value);
      put("lowest", format.value(min, unit));
      put("mean", format.value(mean === null ? null : Number(mean.toFixed(digits)), unit));
      put("highest", format.value(max, unit));
      put("readings", known ? format.number(n) : "–");
      put("missing", !known ? "–" : missing < 1000 ? w.nothingMissing : format.duration(missing));
    },
    /** @param {number|null} low @param {number|null} high @param {string} unit */
    limits(low, high, unit) {
      const cell = cells["limits"];
      if (!cell) return;
      if (low !== null && high !== null) text(cell, `${format.number(low)} … ${format.value(high, unit)}`);
      else if (low !== null) text(cell, w.low(format.value(low, unit)));
      else text(cell, high === null ? w.none : w.high(format.value(high, unit)));
    },
  };
}

/** The quantities of a sensor that has several. @param {Context} context @param {string} id @param {string} quantity */
export function quantityTabs({ words, format }, id, quantity) {
  const element = h("div", { class: "chips quantities", role: "navigation", "aria-label": words.sensor.quantities, hidden: true });
  let shown = "";
  return {
    element,
    /** @param {import("../data/state.js").Series[]} series */
    update(series) {
      const mine = series.filter((it) => it?.id === id).sort((a, b) => a.quantity.localeCompare(b.quantity));
      const names = mine.map((it) => it.quantity).join("\n");
      if (names === shown) return;
      shown = names;
      element.hidden = mine.length < 2;
      fill(element, mine.map((it) => h("a", {
        class: "chip", href: `#/sensor/${encodeURIComponent(id)}/${encodeURIComponent(it.quantity)}`,
        "aria-current": it.quantity === quantity ? "true" : null,
      }, words.common.quantities[it.quantity] ?? it.quantity, it.unit ? ` (${format.unitSymbol(it.unit)})` : "")));
    },
  };
}

/**
 * The sensor's alarms in the span, the newest first.
 * @param {Context} context @param {(from: number, to: number) => void} show
 */
export function alarmTable(context, show) {
  const w = context.words.sensor;
  const count = h("span", { class: "count-words muted" });
  const body = h("tbody");
  const table = h("table", { class: "sensor-alarms" },
    h("thead", null, h("tr", null, w.alarmColumns.map((/** @type {string} */ name, /** @type {number} */ i) =>
      h("th", { scope: "col", class: i === 3 || i === 4 ? "n" : "" }, i === 0 ? h("span", { class: "unseen" }, name) : name)))),
    body);
  const note = h("p", { class: "muted" });
  const element = h("section", null, h("h2", null, w.alarmsTitle, " ", count), h("div", { class: "scroll", tabIndex: -1 }, table), note);
  let drawn = { key: "", minute: 0 };
  return {
    element,
    /** @param {AlarmSpan[]} spans @param {{ from: number, to: number }} shown @param {boolean} isCut */
    update(spans, { from, to }, isCut) {
      const found = overlapping(spans, from, to).reverse();
      // Those that stand go on by the minute; not under somebody's fingers.
      const minute = body.contains(document.activeElement) ? drawn.minute : Math.floor(context.state.link.now() / 60_000);
      const key = JSON.stringify([found, isCut]);
      if (key === drawn.key && minute === drawn.minute) return;
      drawn = { key, minute };
      text(count, found.length > 0 ? w.alarmsShown(found.length) : "");
      table.hidden = found.length === 0;
      fill(body, found.slice(0, MAX_ROWS).map((span) => alarmRow(span, context, show)));
      const more = found.length > MAX_ROWS ? w.alarmsMore(found.length - MAX_ROWS) : "";
      text(note, [found.length === 0 ? w.alarmsNone : "", more, isCut ? w.alarmsCut : ""].filter(Boolean).join(" "));
    },
    /** @param {string} why */
    failed(why) {
      drawn.key = "";
      text(note, context.words.common.failed(why));
    },
  };
}

/** @param {AlarmSpan} span @param {Context} context @param {(from: number, to: number) => void} show */
function alarmRow(span, { words, format, state }, show) {
  const w = words.sensor;
  const now = state.link.now();
  const { from, to, priority, rule, event, said } = span;
  const isNew = span.condition?.includes("unacknowledged") ?? false;
  const isOver = !span.stands && span.condition === null;
  const icon = alarmIcon(priority, { isHollow: span.isAcknowledged, isOver, flashes: isNew, label: words.common.priorities[priority] });
  const what = event ? eventWhat(event, { words, format, now }) : "";
  const raised = from === null ? "–" : format.when(from, now);
  const around = () => {
    const [start, end] = [from ?? (to ?? now) - 3_600_000, to ?? now];
    const margin = Math.max(end - start, 600_000);
    show(start - margin, end + margin);
  };
  const length = (to ?? now) - (from ?? now);
  const stood = from === null ? "–" : to === null ? w.stands(format.duration(length)) : format.duration(length);
  const row = h(
    "tr", { class: priorityName(priority) },
    h("td", { class: "sign-cell" }, icon),
    h("td", { class: "wrap", title: event?.message }, what || rule, " ", h("span", { class: "muted" }, what ? rule : "")),
    h("td", null, spanState(span, words)),
    h("td", { class: "n" }, h("button", { type: "button", class: "quiet link", onclick: around, "aria-label": w.alarmShow(rule, raised) }, raised)),
    h("td", { class: "n" }, stood),
    h("td", { class: "wrap muted" }, said.map((one) => h("div", null, saidWords(one, { words, format, now })))),
  );
  attribute(row, "data-stands", to === null);
  return row;
}

/** @param {AlarmSpan} span @param {import("../words.js").Words} words */
function spanState({ condition, stands, isAcknowledged }, words) {
  const states = /** @type {Record<string, string>} */ (words.alarms.states);
  if (condition) return states[condition] ?? condition;
  const w = words.sensor;
  return stands ? "" : isAcknowledged ? `${w.returned}, ${w.acknowledged}` : w.returned;
}

/** @param {import("../data/spans.js").Said} said
 * @param {{ words: import("../words.js").Words, format: import("../page/format.js").Format, now: number }} by */
function saidWords({ transition, by, why, at }, { words, format, now }) {
  const changes = /** @type {Record<string, string>} */ (words.alarms.changes);
  const what = transition === "acknowledged" ? "" : `${changes[transition] ?? transition}, `;
  return `${what}${by} ${format.when(at, now)}${why ? `, ${why}` : ""}`;
}
