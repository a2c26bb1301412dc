// Events of alarms as CSV, as the history shows them. Pure.
//
// Always: one row per event, in the order given; times with the zone's offset, numbers with a decimal point, units in a
// column of their own. Never: a formula, whatever a sensor or an operator sent.

import { csvOf, safe } from "../page/csv.js";
import { alarmPriority } from "../data/state.js";
import { rfc3339 } from "../chart/ticks.js";

/** @typedef {any} Alert as the API has it */

/** @param {Alert[]} alerts @param {{ words: import("../words.js").Words, format: import("../page/format.js").Format }} given */
export function alertsCsv(alerts, { words: { common, alarms: w }, format }) {
  const number = (/** @type {unknown} */ value) => (typeof value === "number" ? String(value) : "");
  const rows = alerts.map((alert) => [
    rfc3339(Date.parse(alert.timestamp), format.zone),
    common.priorities[alarmPriority(alert)] ?? "",
    ...[alert.sensor_id, alert.location, common.quantities[alert.quantity] ?? alert.quantity, alert.rule].map((text) => safe(text ?? "")),
    w.changes[alert.transition] ?? alert.transition ?? alert.state ?? "",
    number(alert[alert.quantity]), number(alert.threshold), safe(format.unitSymbol(alert.unit)),
    ...[alert.by, alert.why, alert.message].map((text) => safe(text ?? "")),
  ]);
  return csvOf([w.past.csv, ...rows]);
}

/** File name with the days of the oldest and the newest event. @param {Alert[]} alerts Newest first, one at least. @param {string} zone @param {string} name */
export function csvName(alerts, zone, name) {
  const days = [alerts.at(-1), alerts[0]].map((alert) => rfc3339(Date.parse(alert.timestamp), zone).slice(0, 10));
  return `${[name, ...new Set(days)].join("-")}.csv`;
}
