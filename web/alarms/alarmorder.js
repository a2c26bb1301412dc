// The order of an alarm list that does not move while somebody chooses from it. Pure.
//
// Always: a frozen list keeps its rows in their places, those that are over too. Never: an alarm under the pointer that
// was another one a moment before.

import { alarmKey, alarmList } from "../data/state.js";

/** @typedef {import("../data/state.js").Alarm} Alarm */
/** @typedef {{ keys: string[], last: Map<string, Alarm>, changes: number }} Order `last`: as each row was when it was last
 *   there; `changes`: rows that came, or went, since it was frozen */

/** @returns {Order} */
export const emptyOrder = () => ({ keys: [], last: new Map(), changes: 0 });

/**
 * @param {Order} order @param {Map<string, Alarm>} alarms @param {import("../data/state.js").List} list
 * @param {(alarm: Alarm) => boolean} match @param {boolean} isFrozen
 * @returns {Order}
 */
export function arrange(order, alarms, list, match, isFrozen) {
  const fresh = alarmList(alarms.values(), list, match);
  const last = new Map(fresh.map((alarm) => [alarmKey(alarm), alarm]));
  if (!isFrozen) return { keys: [...last.keys()], last, changes: 0 };
  const known = new Set(order.keys);
  const came = fresh.filter((alarm) => !known.has(alarmKey(alarm))).length;
  const went = order.keys.filter((key) => !last.has(key)).length;
  for (const key of order.keys) {
    const alarm = last.get(key) ?? order.last.get(key);
    if (alarm) last.set(key, alarm);
  }
  return { keys: order.keys, last, changes: came + went };
}

/**
 * Rows from one to another, both among them: what shift and a click choose.
 * @param {string[]} keys @param {string | null} from @param {string} to
 */
export function range(keys, from, to) {
  const [a, b] = [from === null ? -1 : keys.indexOf(from), keys.indexOf(to)];
  if (a < 0 || b < 0) return [to];
  return keys.slice(Math.min(a, b), Math.max(a, b) + 1);
}
