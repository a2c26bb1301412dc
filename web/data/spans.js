// Alarms of one series as spans of time: the events of the history, with what stands now.
//
// Always: one span an alarm, from when it was raised to when its value returned; the oldest first.
// Never: reads a clock or the page.

/**
 * @typedef {AlertFields & Record<string, unknown>} Alert An event of `GET api/v1/alerts`.
 *
 * @typedef {object} AlertFields
 * @property {string} alert_id @property {string} rule @property {string} severity @property {"active"|"resolved"} state
 * @property {string} quantity @property {number|null} threshold @property {string} unit @property {string} message
 * @property {string} timestamp @property {string|null} transition @property {string|null} by @property {string|null} why
 * @property {string} [alert_type] The value stands under the quantity's name.
 *
 * @typedef {object} Alarm An alarm that is not at rest, as `GET api/v1/alarms` gives it (the fields used here).
 * @property {string|null} id @property {string} rule @property {string} sensor_id @property {string} quantity
 * @property {string} severity @property {string} state @property {string|null} since @property {number} threshold
 * @property {string|null} [withheld] @property {{ by: string, why: string|null, at: string }|null} [acknowledged]
 *
 * @typedef {{ transition: string, by: string, why: string|null, at: number }} Said What an operator did.
 *
 * @typedef {object} AlarmSpan
 * @property {string} id @property {string} rule @property {1|2|3|4} priority
 * @property {Alert|null} event That raised it, or the first that is known.
 * @property {number|null} from `null`: raised before what is known.
 * @property {number|null} to `null`: it stands, or its end is not known.
 * @property {boolean} stands @property {string|null} condition Its state, while it is not at rest.
 * @property {boolean} isAcknowledged @property {Said[]} said
 */

/** @type {Record<string, 1|2|3|4>} */
const PRIORITIES = { CRITICAL: 1, HIGH: 2, MEDIUM: 3, LOW: 4 };

const ENDS = new Set(["returned", "latched", "closed"]);

/**
 * A time of the API in milliseconds; one without an offset is UTC.
 * @param {string|null|undefined} text @returns {number|null}
 */
export function instant(text) {
  if (!text) return null;
  const at = Date.parse(/(Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`);
  return Number.isNaN(at) ? null : at;
}

/**
 * @param {Alert[]} alerts Oldest first. @param {Alarm[]} alarms Those of the series that are not at rest.
 * @param {string} quantity @returns {AlarmSpan[]}
 */
export function alarmSpans(alerts, alarms, quantity) {
  /** @type {Map<string, AlarmSpan>} */
  const spans = new Map();
  for (const alert of alerts) {
    if (alert.quantity !== quantity) continue;
    const span = spans.get(alert.alert_id) ?? begin(alert);
    spans.set(alert.alert_id, span);
    take(span, alert);
  }
  for (const alarm of alarms) {
    if (alarm.quantity === quantity && alarm.id !== null && alarm.state !== "normal") stand(spans, alarm.id, alarm);
  }
  return [...spans.values()].sort((a, b) => (a.from ?? -Infinity) - (b.from ?? -Infinity) || 0);
}

/** @param {Alert} alert @returns {AlarmSpan} */
function begin(alert) {
  const { alert_id: id, rule, severity } = alert;
  return {
    id,
    rule,
    priority: PRIORITIES[severity] ?? 2,
    event: alert === blank ? null : alert,
    from: null,
    to: null,
    stands: false,
    condition: null,
    isAcknowledged: false,
    said: [],
  };
}

/** @param {AlarmSpan} span @param {Alert} alert */
function take(span, alert) {
  const at = instant(alert.timestamp);
  // Events of older versions have no transition: their state says as much.
  const transition = alert.transition ?? (alert.state === "resolved" ? "returned" : "raised");
  if (at === null) return;
  if (transition === "raised") {
    span.from ??= at;
    span.event = alert;
  }
  if (ENDS.has(transition)) span.to ??= at;
  if (transition === "acknowledged") span.isAcknowledged = true;
  if (alert.by) span.said.push({ transition, by: alert.by, why: alert.why, at });
}

/** @param {Map<string, AlarmSpan>} spans @param {string} id @param {Alarm} alarm */
function stand(spans, id, alarm) {
  const stands = alarm.state === "unacknowledged" || alarm.state === "acknowledged";
  const span = spans.get(id) ?? { ...begin(blank), id, rule: alarm.rule, priority: PRIORITIES[alarm.severity] ?? 2 };
  spans.set(id, span);
  span.condition = alarm.state;
  span.isAcknowledged ||= alarm.state.endsWith("acknowledged") && !alarm.state.includes("unacknowledged");
  // An alarm's `since` is its raise while it stands, and its return afterwards.
  if (stands) {
    span.from ??= instant(alarm.since);
    span.to = null;
    span.stands = true;
  } else {
    span.to ??= instant(alarm.since);
  }
  const { acknowledged } = alarm;
  const at = instant(acknowledged?.at);
  if (acknowledged && at !== null && !span.said.some((said) => said.transition === "acknowledged")) {
    span.said.push({ transition: "acknowledged", by: acknowledged.by, why: acknowledged.why, at });
  }
}

/** @type {Alert} */
const blank = {
  alert_id: "",
  rule: "",
  severity: "",
  state: "active",
  quantity: "",
  threshold: null,
  unit: "",
  message: "",
  timestamp: "",
  transition: null,
  by: null,
  why: null,
};

/**
 * Spans that overlap a time.
 * @param {AlarmSpan[]} spans @param {number} from @param {number} to @returns {AlarmSpan[]}
 */
export function overlapping(spans, from, to) {
  return spans.filter((span) => (span.from ?? -Infinity) <= to && (span.to ?? Infinity) >= from);
}
