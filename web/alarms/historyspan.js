// Time range of the alarm history: a length up to now, or calendar days of the shown zone. Pure.
//
// Always: days begin at the zone's midnight, also those of 23 or 25 hours; the last day is included.
// Never: reads a clock.

import { rfc3339, reached } from "../chart/ticks.js";

const DAY = 86_400_000;

/** Lengths in milliseconds, by name. */
export const LENGTHS = Object.freeze({ "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY });

/** @typedef {keyof typeof LENGTHS | "all" | "days"} Kind */
/** @typedef {{ kind: Kind, from: string, to: string }} HistorySpan `from`, `to`: days as `2026-11-29`, of kind `days` only; empty: open */

/** @type {HistorySpan} */
export const ALL = Object.freeze({ kind: "all", from: "", to: "" });

/** The range from one day to another, in either order; an invalid day counts as open. @param {string} from @param {string} to @returns {HistorySpan} */
export function days(from, to) {
  const [first, last] = [dayOf(from), dayOf(to)];
  if (!first && !last) return ALL;
  return first && last && first > last ? { kind: "days", from: last, to: first } : { kind: "days", from: first, to: last };
}

/** The day, or empty if the text is none. @param {string} text */
function dayOf(text) {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)) ? text : "";
}

/** Range of an address's query. @param {{ get(name: string): string | null }} query @returns {HistorySpan} */
export function readSpan(query) {
  const asked = query.get("span") ?? "";
  if (asked in LENGTHS) return { kind: /** @type {Kind} */ (asked), from: "", to: "" };
  return days(query.get("from") ?? "", query.get("to") ?? "");
}

/** Parameters of the address; none for `all`. @param {HistorySpan} span @returns {Record<string, string>} */
export function writeSpan({ kind, from, to }) {
  if (kind === "all") return {};
  return kind === "days" ? { ...(from && { from }), ...(to && { to }) } : { span: kind };
}

/**
 * Ends in milliseconds, `until` exclusive; null: open.
 * @param {HistorySpan} span @param {number} now @param {string} zone @returns {{ since: number | null, until: number | null }}
 */
export function endsOf({ kind, from, to }, now, zone) {
  if (kind === "all") return { since: null, until: null };
  if (kind !== "days") return { since: now - LENGTHS[kind], until: null };
  return { since: from ? reached(Date.parse(from), zone) : null, until: to ? reached(Date.parse(to) + DAY, zone) : null };
}

/** First and last day of a range, as values of date fields. @param {HistorySpan} span @param {number} now @param {string} zone */
export function daysOf(span, now, zone) {
  const day = (/** @type {number} */ at) => rfc3339(at, zone).slice(0, 10);
  if (span.kind === "all" || span.kind === "days") return { from: span.from, to: span.to };
  return { from: day(now - LENGTHS[span.kind]), to: day(now) };
}
