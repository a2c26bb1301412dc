// What a series' row says of it: its gravest alarm in words, its silence, what is withheld; nothing when all is well. Pure.

import { alarmPriority, isOld, isSilent, isUnacknowledged, needsAcknowledgement, priorityOf } from "./state.js";

/** @typedef {import("./state.js").Series} Series */
/** @typedef {import("./state.js").Alarm} Alarm */
/** @typedef {import("./state.js").Priority} Priority */
/** @typedef {"silent" | "shelved" | "suppressed" | "out-of-service"} Sign */
/**
 * @typedef {object} Situation
 * @property {string} words empty: nothing is wrong @property {Priority} priority of the sign; 0: none
 * @property {boolean} waits nobody has acknowledged it @property {Sign | null} sign where no alarm shows
 */

/**
 * @param {Series} series @param {Alarm[]} alarms of it, in order
 * @param {{ words: import("./words.js").Words, format: import("./format.js").Format, now: number, isLinkDead: boolean }} given
 * @returns {Situation}
 */
export function situationOf(series, alarms, { words, format, now, isLinkDead }) {
  const shown = alarms.filter((alarm) => alarm.withheld === null && alarm.state !== "normal");
  const silence = silenceOf(series, { words, format, now, isLinkDead });
  const [top] = shown;
  if (top) {
    const more = shown.length > 1 ? words.fleet.more(shown.length - 1) : "";
    const said = [isSilent(series.state) ? silence : "", words.fleet.alarm(top.rule, stateInWords(top, words)), more];
    return { words: said.filter(Boolean).join(" · "), priority: alarmPriority(top), waits: needsAcknowledgement(top), sign: null };
  }
  // The list of alarms and the state come together; should one lack, the other still shows.
  const [priority, waits] = [priorityOf(series.state), isUnacknowledged(series.state)];
  if (priority) return { words: silence, priority, waits, sign: null };
  if (silence) return { words: silence, priority: 0, waits: false, sign: "silent" };
  const [held] = alarms.filter((alarm) => alarm.withheld !== null);
  if (!held?.withheld) return { words: "", priority: 0, waits: false, sign: null };
  return { words: words.fleet.alarm(held.rule, words.alarms.states[held.withheld]), priority: 0, waits: false, sign: held.withheld };
}

/** @param {Series} series @param {{ words: import("./words.js").Words, format: import("./format.js").Format, now: number, isLinkDead: boolean }} given */
function silenceOf(series, { words, format, now, isLinkDead }) {
  if (series.at === null) return words.fleet.neverHeard;
  // Behind a dead link nothing is known of a sensor's silence: the banner says so once for all.
  const isOut = isSilent(series.state) || (!isLinkDead && isOld(series, now, false));
  return isOut ? words.fleet.noReading(format.age(now - series.at)) : "";
}

/** @param {Alarm} alarm @param {import("./words.js").Words} words */
export function stateInWords(alarm, { alarms }) {
  const by = alarm.acknowledged?.by;
  return alarm.state === "acknowledged" && by ? alarms.acknowledgedBy(by) : alarms.states[alarm.state] ?? alarm.state;
}
