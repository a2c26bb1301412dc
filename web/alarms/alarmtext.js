// An alarm in words: what is wrong, in which state it is, who did what and why, until when. Pure.

import { isOld, sinceOf, stands, stateInWords } from "../data/state.js";

/** @typedef {import("../data/spans.js").Alert} Alert */

/** @typedef {import("../data/state.js").Alarm} Alarm */
/** @typedef {import("../data/state.js").Series} Series */
/** @typedef {{ words: import("../words.js").Words, format: import("../page/format.js").Format, now: number }} Given */

/** Kind of a rule, of its alert's type: `HIGH_TEMPERATURE` → `HIGH`. @param {string} type */
export const kindOf = (type) => type.split("_", 1)[0] ?? type;

/**
 * What is wrong, with the value that was heard last: `11.8 °C, limit 8 °C`.
 * @param {Alarm} alarm @param {Series | undefined} series @param {Given} given
 */
export function whatOf(alarm, series, { words: { alarms: w, fleet }, format, now }) {
  const kind = kindOf(alarm.alert_type);
  if (kind === "STALE") {
    if (!series || series.at === null) return alarm.value === null ? fleet.neverHeard : w.noReading;
    return stands(alarm) ? fleet.noReading(format.age(now - series.at)) : w.kinds.STALE;
  }
  const isKnown = series && series.unit === alarm.unit && series.value !== null;
  const value = isKnown ? format.value(series.value, series.unit, series.digits) : format.value(alarm.value, alarm.unit);
  return measured(kind, value, format.value(alarm.threshold, alarm.unit), w);
}

/** @param {string} kind @param {string} value @param {string} limit @param {import("../words.js").Words["alarms"]} w */
function measured(kind, value, limit, w) {
  if (kind === "HIGH" || kind === "LOW") return `${value}, ${w.limit(limit)}`;
  const named = kindWords(kind, w);
  if (kind === "RATE") return `${named}, ${w.limit(`${limit}/min`)}, ${value}`;
  if (kind === "DIFFERENCE" || kind === "DEVIATION") return `${named}, ${w.limit(limit)}, ${value}`;
  return `${named}, ${value}`;
}

/** @param {string} kind @param {import("../words.js").Words["alarms"]} w */
const kindWords = (kind, { kinds }) => /** @type {Record<string, string>} */ (kinds)[kind] ?? kind.toLowerCase();

/**
 * How old the value is, where it is no live one: `last value, 2 min ago`; empty otherwise, and where the alarm says it itself.
 * @param {Alarm} alarm @param {Series | undefined} series @param {Given} given
 */
export function oldOf(alarm, series, { words: { alarms: w }, format, now }) {
  const isTold = kindOf(alarm.alert_type) === "STALE" || !series || series.at === null || series.unit !== alarm.unit;
  return isTold || !isOld(series, now, false) ? "" : w.lastValue(format.age(now - /** @type {number} */ (series.at)));
}

/**
 * What an event of the history is about, as the list says it of an alarm; an event of many alarms has the daemon's words.
 * @param {Alert} alert @param {Given} given
 */
export function eventWhat(alert, { words: { alarms: w }, format }) {
  const kind = kindOf(alert.alert_type ?? "");
  if (kind === "" || kind === "FLOOD" || kind === "CHATTERING") return alert.message || alert.rule;
  const number = alert[alert.quantity];
  const value = typeof number === "number" ? format.value(number, alert.unit) : "";
  const isLevel = kind === "HIGH" || kind === "LOW";
  if (alert.state === "resolved" && !isLevel) return value || kindWords(kind, w);
  if (kind === "STALE") return value ? `${w.kinds.STALE}, ${w.lastWas(value)}` : w.kinds.STALE;
  const limit = format.value(alert.threshold, alert.unit);
  return value ? measured(kind, value, limit, w) : isLevel ? w.limit(limit) : kindWords(kind, w);
}

/** What suppresses it, in words. @param {string | null} by @param {import("../words.js").Words} words */
export function causeOf(by, { alarms: w }) {
  if (!by) return "";
  const [how = "", name = ""] = by.split(/:(.*)/s);
  if (by === "chattering") return w.causes.chattering;
  if (how === "wait") return w.causes.wait(name);
  if (how === "settle") return w.causes.settle(name);
  return how === "maintenance" ? w.causes.maintenance(name) : by;
}

/** Its state, or what its list is about. @param {Alarm | undefined} alarm @param {Given} given */
export function stateOf(alarm, { words, format, now }) {
  const w = words.alarms;
  if (!alarm) return w.states.gone;
  if (alarm.withheld === "suppressed") return causeOf(alarm.suppressed_by, words);
  if (alarm.withheld === "shelved" && alarm.shelved) {
    const until = Date.parse(alarm.shelved.until);
    const said = w.until(format.when(until, now), format.duration(Math.max(0, until - now)));
    return alarm.shelved.one_shot ? `${said}, ${w.untilOver}` : said;
  }
  return alarm.withheld === "out-of-service" ? w.states[alarm.state] : stateInWords({ ...alarm, acknowledged: null }, words);
}

/** Who did what it is in, when and why. @param {Alarm | undefined} alarm @param {Given} given */
export function whoOf(alarm, { words: { alarms: w }, format, now }) {
  const said = alarm?.out_of_service ?? alarm?.shelved ?? alarm?.acknowledged;
  if (!said?.by || !said.at) return "";
  const who = w.by(said.by, format.when(Date.parse(said.at), now));
  return said.why ? `${who}: ${said.why}` : who;
}

/** A mark of a chart by its kind, and a maintenance by its name. @param {import("../data/marks.js").Mark} mark @param {import("../words.js").Words} words */
export function markLabel({ kind, why }, words) {
  const named = words.sensor.marks.kinds[kind];
  return kind === "maintenance" ? `${named} ${why}` : named;
}

/** All of a mark, in a line: what, by whom, from when until when, why. @param {import("../data/marks.js").Mark} mark @param {Given} given */
export function markLine(mark, { words, format, now }) {
  const { kind, rule, from, to, until, by, why } = mark;
  const w = words.sensor.marks;
  const when = (/** @type {number|null} */ at) => (at === null ? "…" : format.when(at, now));
  const span = kind === "acknowledged" ? when(from) : to !== null ? w.span(when(from), when(to)) : until !== null ? w.until(when(from), when(until)) : w.since(when(from));
  const cause = kind === "suppressed" ? causeOf(why, words) : kind === "maintenance" ? "" : why;
  return `${rule ? `${rule}, ` : ""}${markLabel(mark, words)}${by ? ` ${w.by(by)}` : ""}, ${span}${cause ? `: ${cause}` : ""}`;
}

/** How long it stands, or is over. @param {Alarm} alarm @param {Given} given */
export function lastsOf(alarm, { format, now }) {
  const since = sinceOf(alarm);
  return since ? format.age(now - since) : "–";
}

/** A link only to where a browser may go. @param {string | null | undefined} url */
export function safeLink(url) {
  return url && /^https?:\/\//i.test(url) ? url : null;
}

/** The chart of its sensor about the time it was raised. @param {{ sensor_id: string, quantity: string }} alarm @param {number} at ms; 0: now */
export function chartLink({ sensor_id: id, quantity }, at) {
  return `#/sensor/${encodeURIComponent(id)}/${encodeURIComponent(quantity)}${at ? `?at=${at}` : ""}`;
}
