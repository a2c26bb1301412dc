// What the pages show, derived from the feed's tables: states of series, lists of alarms, counts, floods, and what a
// series' row says in words. Pure.
//
// Always: time is given, in ms of the server's clock. Never: changes the tables.

/**
 * @typedef {object} Series one sensor and quantity
 * @property {number} i index within the feed's epoch
 * @property {string} id @property {string} location @property {string} quantity @property {string} unit
 * @property {number | null} low @property {number | null} high innermost limits of level rules
 * @property {number | null} every smoothed seconds between readings
 * @property {number | null} value @property {number | null} at ms @property {number} state bits, below
 * @property {number} digits decimals its values have had: a column of them stands still
 *
 * @typedef {{ by: string, why: string | null, at: string }} Said
 *
 * @typedef {object} Alarm
 * @property {string | null} id @property {string} rule @property {string} sensor_id @property {string} location
 * @property {string} quantity @property {number | null} value @property {string} unit @property {number} threshold
 * @property {string} alert_type @property {"LOW" | "MEDIUM" | "HIGH" | "CRITICAL"} severity
 * @property {"normal" | "unacknowledged" | "acknowledged" | "returned-unacknowledged" | "latched-unacknowledged" |
 *   "latched-acknowledged"} state
 * @property {string | null} since @property {"shelved" | "suppressed" | "out-of-service" | null} withheld
 * @property {Said | null} acknowledged
 * @property {{ by?: string, why?: string | null, at?: string, until: string, one_shot: boolean } | null} shelved
 * @property {string | null} suppressed_by @property {Said | null} out_of_service @property {string | null} [runbook]
 *
 * @typedef {0 | 1 | 2 | 3 | 4} Priority 1 critical, 2 high, 3 medium, 4 low, 0 none
 * @typedef {{ is: "live" | "stale" | "down", since: number, now(): number }} LinkState
 */

const UNACKNOWLEDGED = 8;
const SILENT = 16;
const WITHHELD = 32;

/** @param {number} state @returns {Priority} priority of the gravest standing alarm */
export const priorityOf = (state) => /** @type {Priority} */ (Math.min(4, state & 7));
/** @param {number} state */
export const isUnacknowledged = (state) => (state & UNACKNOWLEDGED) !== 0;
/** @param {number} state */
export const isSilent = (state) => (state & SILENT) !== 0;
/** @param {number} state */
export const isWithheld = (state) => (state & WITHHELD) !== 0;
/** Whether something stands, or waits to be acknowledged. @param {number} state */
export const isAbnormal = (state) => (state & (7 | UNACKNOWLEDGED | SILENT)) !== 0;

/**
 * Age at which a value counts as old: three times its usual interval and some slack, and 30 s at least.
 * @param {{ every: number | null }} series
 */
export const oldAfter = ({ every }) => Math.max(30_000, 3 * (every ?? 0) * 1000 + 10_000);

/**
 * Whether a value must not be shown as a live one: its age, a silence alarm, or a dead link.
 * @param {Series} series @param {number} now @param {boolean} isLinkDead
 */
export function isOld(series, now, isLinkDead) {
  return isLinkDead || series.at === null || isSilent(series.state) || now - series.at > oldAfter(series);
}

/**
 * Whether a sensor says nothing when it should. Behind a dead link nothing is known of that: the banner says so for all.
 * @param {Series} series @param {number} now @param {boolean} isLinkDead
 */
export const isOut = (series, now, isLinkDead) => !isLinkDead && isOld(series, now, false);

/**
 * How many sensors say nothing, of how many.
 * @param {Series[]} series there may be holes @param {number} now @param {boolean} isLinkDead
 */
export function countSilent(series, now, isLinkDead) {
  const known = series.filter(Boolean);
  return { silent: known.filter((s) => isOut(s, now, isLinkDead)).length, all: known.length };
}

/** @type {Record<Alarm["severity"], Priority>} */
const PRIORITIES = { CRITICAL: 1, HIGH: 2, MEDIUM: 3, LOW: 4 };

/** @param {Alarm} alarm @returns {Priority} */
export const alarmPriority = (alarm) => PRIORITIES[alarm.severity] ?? 4;
/** @param {{ rule: string, sensor_id: string }} alarm */
export const alarmKey = (alarm) => `${alarm.rule}/${alarm.sensor_id}`;
/** Times already parsed: a list of thousands compares each some dozen times. @type {WeakMap<Alarm, number>} */
const parsed = new WeakMap();

/** When it was last raised or returned: ms, or 0. @param {Alarm} alarm an object of the feed, which never changes */
export function sinceOf(alarm) {
  let since = parsed.get(alarm);
  if (since === undefined) parsed.set(alarm, (since = alarm.since ? Date.parse(alarm.since) || 0 : 0));
  return since;
}

const WAITING = new Set(["unacknowledged", "returned-unacknowledged", "latched-unacknowledged"]);

/** Whether it is announced and nobody has acknowledged it. @param {Alarm} alarm */
export const needsAcknowledgement = (alarm) => alarm.withheld === null && WAITING.has(alarm.state);
/** Whether its condition holds, announced or not. @param {Alarm} alarm */
export const stands = (alarm) => alarm.state === "unacknowledged" || alarm.state === "acknowledged";
/** @param {Alarm} alarm */
export const isLatched = (alarm) => alarm.state.startsWith("latched");

/** @typedef {"active" | "shelved" | "suppressed" | "out-of-service"} List */
/** @param {Alarm} alarm @returns {List | null} the list it belongs to */
export const listOf = (alarm) => alarm.withheld ?? (alarm.state === "normal" ? null : "active");

/** @typedef {"ack" | "shelve" | "unshelve" | "out-of-service" | "return-to-service" | "reset"} Verb */
/**
 * What an operator may do with an alarm as it is.
 * @param {Alarm} alarm @returns {Verb[]}
 */
export function verbsOf(alarm) {
  /** @type {Verb[]} */
  const verbs = [];
  if (WAITING.has(alarm.state)) verbs.push("ack");
  if (isLatched(alarm)) verbs.push("reset");
  if (alarm.withheld === "out-of-service") return [...verbs, "return-to-service"];
  verbs.push(alarm.shelved ? "unshelve" : "shelve", "out-of-service");
  return verbs;
}

/**
 * Order of an alarm list: unacknowledged first, then priority, then newest.
 * @param {Alarm} a @param {Alarm} b
 */
export function compareAlarms(a, b) {
  const rank = Number(needsAcknowledgement(b)) - Number(needsAcknowledgement(a));
  return rank || alarmPriority(a) - alarmPriority(b) || sinceOf(b) - sinceOf(a) || compareText(alarmKey(a), alarmKey(b));
}

/** @param {string} a @param {string} b */
const compareText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The alarms of a list in order; `match` narrows it.
 * @param {Iterable<Alarm>} alarms @param {List} list @param {(alarm: Alarm) => boolean} [match]
 */
export function alarmList(alarms, list, match) {
  const found = [];
  for (const alarm of alarms) if (listOf(alarm) === list && (!match || match(alarm))) found.push(alarm);
  return found.sort(compareAlarms);
}

/**
 * Counts for tabs, header and title. `waiting[p]`: unacknowledged of priority p; `waiting[0]`: all of them.
 * @param {Iterable<Alarm>} alarms
 */
export function countAlarms(alarms) {
  /** @typedef {[number, number, number, number, number]} ByPriority */
  const [waiting, standing] = /** @type {[ByPriority, ByPriority]} */ ([[0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]);
  const counts = { active: 0, shelved: 0, suppressed: 0, "out-of-service": 0, waiting, standing };
  for (const alarm of alarms) {
    const list = listOf(alarm);
    if (list) counts[list] += 1;
    if (list !== "active") continue;
    const p = alarmPriority(alarm);
    counts.standing[0] += 1;
    counts.standing[p] += 1;
    if (!needsAcknowledgement(alarm)) continue;
    counts.waiting[0] += 1;
    counts.waiting[p] += 1;
  }
  return counts;
}

const FLOOD_SPAN_MS = 10 * 60_000; // ISA-18.2: a flood begins with more than 10 alarms in 10 minutes for one operator,
const FLOOD_BEGINS = 10; // and ends
const FLOOD_ENDS = 5; // with fewer than 5

/**
 * @typedef {{ rule: string, location: string, count: number, priority: Priority, waiting: number }} FloodGroup
 * @typedef {{ count: number, groups: FloodGroup[], first: Alarm, gravest: Alarm }} Flood
 */
/**
 * The flood that there is now, by rule and location, the gravest group first; null without one.
 * @param {Iterable<Alarm>} alarms @param {number} now @param {boolean} wasFlood
 * @returns {Flood | null}
 */
export function flood(alarms, now, wasFlood) {
  const recent = [];
  for (const alarm of alarms) {
    const isRecent = now - sinceOf(alarm) < FLOOD_SPAN_MS;
    if (isRecent && listOf(alarm) === "active" && alarm.state !== "returned-unacknowledged") recent.push(alarm);
  }
  const [first] = recent.sort((a, b) => sinceOf(a) - sinceOf(b));
  if (!first || recent.length < FLOOD_ENDS || (!wasFlood && recent.length <= FLOOD_BEGINS)) return null;
  const [gravest = first] = [...recent].sort(compareAlarms);
  return { count: recent.length, groups: floodGroups(recent), first, gravest };
}

/** @param {Alarm[]} alarms */
function floodGroups(alarms) {
  /** @type {Map<string, FloodGroup>} */
  const groups = new Map();
  for (const alarm of alarms) {
    const { rule, location } = alarm;
    const key = JSON.stringify([rule, location]);
    const group = groups.get(key) ?? { rule, location, count: 0, priority: /** @type {Priority} */ (4), waiting: 0 };
    group.count += 1;
    group.waiting += Number(needsAcknowledgement(alarm));
    group.priority = /** @type {Priority} */ (Math.min(group.priority, alarmPriority(alarm)));
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => a.priority - b.priority || b.count - a.count);
}

/**
 * Alarms by sensor and quantity, each list in order; for the state in words of a row.
 * @param {Iterable<Alarm>} alarms @returns {Map<string, Alarm[]>}
 */
export function alarmsBySeries(alarms) {
  /** @type {Map<string, Alarm[]>} */
  const index = new Map();
  for (const alarm of alarms) {
    const key = seriesKey(alarm.sensor_id, alarm.quantity);
    const list = index.get(key);
    if (list) list.push(alarm);
    else index.set(key, [alarm]);
  }
  for (const list of index.values()) list.sort(compareAlarms);
  return index;
}

/** @param {string} id @param {string} quantity */
export const seriesKey = (id, quantity) => `${quantity}/${id}`;

/** @typedef {"silent" | "shelved" | "suppressed" | "out-of-service"} Sign */
/**
 * @typedef {object} Situation
 * @property {string} words empty: nothing is wrong @property {Priority} priority of the sign; 0: none
 * @property {boolean} waits nobody has acknowledged it @property {Sign | null} sign where no alarm shows
 */

/**
 * What a row of the Fleet page says: that its sensor is silent, then the gravest alarm, its state first.
 * @param {Series} series @param {Alarm[]} alarms of it, in order
 * @param {{ words: import("../words.js").Words, now: number, isLinkDead: boolean }} given
 * @returns {Situation}
 */
export function situationOf(series, alarms, { words, now, isLinkDead }) {
  const shown = alarms.filter((alarm) => alarm.withheld === null && alarm.state !== "normal");
  const silence = silenceOf(series, { words, now, isLinkDead });
  const [top] = shown;
  if (top) {
    const more = shown.length > 1 ? words.fleet.more(shown.length - 1) : "";
    const said = [silence, words.fleet.alarm(top.rule, stateInWords(top, words)), more];
    return { words: said.filter(Boolean).join(" · "), priority: alarmPriority(top), waits: needsAcknowledgement(top), sign: null };
  }
  // The list of alarms and the state come together; should one lack, the other still shows.
  const [priority, waits] = [priorityOf(series.state), isUnacknowledged(series.state)];
  if (priority) return { words: silence, priority, waits, sign: null };
  const [held] = alarms.filter((alarm) => alarm.withheld !== null);
  const withheld = held?.withheld ? words.fleet.alarm(held.rule, words.alarms.states[held.withheld]) : "";
  const sign = silence ? "silent" : held?.withheld ?? null;
  return { words: [silence, withheld].filter(Boolean).join(" · "), priority: 0, waits: false, sign };
}

/** For how long is the row's age. @param {Series} series @param {{ words: import("../words.js").Words, now: number, isLinkDead: boolean }} given */
function silenceOf(series, { words, now, isLinkDead }) {
  if (series.at === null) return series.value === null ? words.fleet.neverHeard : words.fleet.onlyRetained;
  return isOut(series, now, isLinkDead) ? words.fleet.isSilent : "";
}

/** @param {Alarm} alarm @param {import("../words.js").Words} words */
export function stateInWords(alarm, { alarms }) {
  const by = alarm.acknowledged?.by;
  return alarm.state === "acknowledged" && by ? alarms.acknowledgedBy(by) : alarms.states[alarm.state] ?? alarm.state;
}
