// The time that the history of alarms is asked for: a length up to now, or days of the shown zone. Pure.
//
// Always: a day is the zone's, of 23 or 25 hours too; the last day is part of the span. Never: reads a clock.

import { rfc3339, reached } from "../chart/ticks.js";

const DAY = 86_400_000;

/** Lengths by name; the rest is `all`, and days. */
export const LENGTHS = Object.freeze({ "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY });

/** @typedef {keyof typeof LENGTHS | "all" | "days"} Kind */
/** @typedef {{ kind: Kind, from: string, to: string }} HistorySpan `from`, `to`: days, `2026-11-29`; empty: open, or of no account */

/** @type {HistorySpan} */
export const ALL = Object.freeze({ kind: "all", from: "", to: "" });

/** @param {string} from @param {string} to @returns {HistorySpan} */
export function days(from, to) {
  const [first, last] = [dayOf(from), dayOf(to)];
  if (!first && !last) return ALL;
  return first && last && first > last ? { kind: "days", from: last, to: first } : { kind: "days", from: first, to: last };
}

/** @param {string} text a day; empty if it is none */
function dayOf(text) {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)) ? text : "";
}

/** What an address asks for. @param {{ get(name: string): string | null }} query @returns {HistorySpan} */
export function readSpan(query) {
  const asked = query.get("span") ?? "";
  if (asked in LENGTHS) return { kind: /** @type {Kind} */ (asked), from: "", to: "" };
  return days(query.get("from") ?? "", query.get("to") ?? "");
}

/** The address's part; what is as usual is left out. @param {HistorySpan} span @returns {Record<string, string>} */
export function writeSpan({ kind, from, to }) {
  if (kind === "all") return {};
  return kind === "days" ? { ...(from && { from }), ...(to && { to }) } : { span: kind };
}

/**
 * Its ends; null where it is open. The end itself is no part of it.
 * @param {HistorySpan} span @param {number} now @param {string} zone @returns {{ since: number | null, until: number | null }}
 */
export function endsOf({ kind, from, to }, now, zone) {
  if (kind === "all") return { since: null, until: null };
  if (kind !== "days") return { since: now - LENGTHS[kind], until: null };
  return { since: from ? reached(Date.parse(from), zone) : null, until: to ? reached(Date.parse(to) + DAY, zone) : null };
}

/** The days that a span touches, as a field for days has them. @param {HistorySpan} span @param {number} now @param {string} zone */
export function daysOf(span, now, zone) {
  const day = (/** @type {number} */ at) => rfc3339(at, zone).slice(0, 10);
  if (span.kind === "all" || span.kind === "days") return { from: span.from, to: span.to };
  return { from: day(now - LENGTHS[span.kind]), to: day(now) };
}
