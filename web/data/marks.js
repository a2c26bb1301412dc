// What people and plans did to the alarms of one series, as marks on its time axis: acknowledgements, the spans in which an
// alarm was shelved, suppressed or out of service, and planned maintenance. Pure.
//
// Always: from the events of the history, completed by what stands now; maintenance as it is planned; in order of time.
// Never: reads a clock or the page.

import { instant } from "./spans.js";

/**
 * @typedef {"acknowledged"|"shelved"|"suppressed"|"maintenance"|"out-of-service"} MarkKind
 *
 * @typedef {object} Mark
 * @property {MarkKind} kind @property {string} rule
 * @property {number|null} from `null`: before what is known.
 * @property {number|null} to `null`: it goes on. An acknowledgement is an instant: `from`.
 * @property {number|null} until When a shelf that goes on will end. @property {string} by Empty: nobody, such as a rule.
 * @property {string} why Of a suppression that goes on: its cause, as the API names it. Of
 *   planned maintenance: its name.
 *
 * @typedef {{ name: string, rules: string[], from: string, to: string }} Window Of planned maintenance, as the API gives it.
 */

/** @type {Record<string, MarkKind>} What begins with a transition. */
const BEGINS = { shelved: "shelved", suppressed: "suppressed", "taken-out-of-service": "out-of-service" };

/** @type {Record<string, MarkKind>} What ends with one. */
const ENDS = { unshelved: "shelved", unsuppressed: "suppressed", "returned-to-service": "out-of-service" };

/**
 * @param {import("./spans.js").Alert[]} alerts Oldest first. @param {import("./state.js").Alarm[]} alarms Those of the
 *   series that are not at rest. @param {string} quantity @param {Window[]} [planned] @returns {Mark[]}
 */
export function marksOf(alerts, alarms, quantity, planned = []) {
  const marks = planned.map(plannedMark);
  /** @type {Map<string, Mark>} Spans without an end so far, by rule and kind. */
  const open = new Map();
  for (const alert of alerts) if (alert.quantity === quantity) take(marks, open, alert);
  for (const alarm of alarms) if (alarm.quantity === quantity) stand(marks, open, alarm);
  return marks.sort((a, b) => (a.from ?? -Infinity) - (b.from ?? -Infinity) || 0);
}

/** @param {Mark[]} marks @param {Map<string, Mark>} open @param {import("./spans.js").Alert} alert */
function take(marks, open, { rule, transition, timestamp, by, why }) {
  const at = instant(timestamp);
  if (at === null || transition === null) return;
  const said = { rule, until: null, by: by ?? "", why: why ?? "" };
  if (transition === "acknowledged") marks.push({ kind: "acknowledged", from: at, to: at, ...said });
  const begins = BEGINS[transition];
  const ended = ENDS[transition];
  // A rule that is no more withholds nothing; a shelf that is set anew is another one.
  for (const kind of transition === "closed" ? Object.values(BEGINS) : [begins ?? ended ?? null]) {
    if (kind) end(marks, open, { kind, rule, at, isKnown: kind === ended });
  }
  if (!begins) return;
  const mark = { kind: begins, from: at, to: null, ...said };
  marks.push(mark);
  open.set(`${begins} ${rule}`, mark);
}

/** @param {Mark[]} marks @param {Map<string, Mark>} open @param {{ kind: MarkKind, rule: string, at: number, isKnown: boolean }} of */
function end(marks, open, { kind, rule, at, isKnown }) {
  const key = `${kind} ${rule}`;
  const mark = open.get(key);
  open.delete(key);
  if (mark) mark.to = at;
  else if (isKnown) marks.push({ kind, rule, from: null, to: at, until: null, by: "", why: "" });
}

/** @param {Mark[]} marks @param {Map<string, Mark>} open @param {import("./state.js").Alarm} alarm */
function stand(marks, open, { rule, shelved, suppressed_by: cause, out_of_service: service }) {
  /** @param {MarkKind} kind @param {{ by?: string, why?: string|null, at?: string }} said @returns {Mark} */
  const mark = (kind, { by = "", why, at }) => {
    const known = open.get(`${kind} ${rule}`);
    if (known) return known;
    const found = { kind, rule, from: instant(at), to: null, until: null, by, why: why ?? "" };
    marks.push(found);
    return found;
  };
  if (shelved) mark("shelved", shelved).until = instant(shelved.until);
  if (service) mark("out-of-service", service);
  if (!cause) return;
  mark("suppressed", {}).why = cause;
}

/** @param {Window} window @returns {Mark} */
function plannedMark({ name, rules, from, to }) {
  return { kind: "maintenance", rule: rules.join(", "), from: instant(from), to: instant(to), until: null, by: "", why: name };
}

/**
 * Marks that are seen in a time.
 * @template {Mark} M
 * @param {M[]} marks @param {number} from @param {number} to @returns {M[]}
 */
export function marksWithin(marks, from, to) {
  return marks.filter((mark) => (mark.from ?? -Infinity) <= to && (mark.to ?? Infinity) >= from);
}
