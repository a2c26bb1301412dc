// A row of the alarm lists, and the dialog with everything of one alarm.

import { chartLink, lastsOf, oldOf, safeLink, stateOf, whatOf, whoOf } from "../alarms/alarmtext.js";
import { attribute, h, text } from "../page/dom.js";
import { alarmIcon, setAlarmIcon } from "../page/icons.js";
import { cell } from "../page/list.js";
import { alarmKey, alarmPriority, needsAcknowledgement, sinceOf, verbsOf } from "../data/state.js";

/** @typedef {import("../data/state.js").Alarm} Alarm */
/** @typedef {import("../data/state.js").Verb} Verb */
/** @typedef {ReturnType<typeof alarmRow>["made"]} AlarmRow */
/** @typedef {{ select(key: string, isOn: boolean, isRange: boolean): void, act(verb: Verb, alarms: Alarm[]): void, more(key: string): void }} Actions */

/** The action a row offers first; null for a suppressed alarm, whose cause is to be acted on. @param {Alarm} alarm @returns {Verb | null} */
export function mainVerb(alarm) {
  if (alarm.withheld === "suppressed") return null;
  const verbs = verbsOf(alarm);
  const order = /** @type {const} */ (["return-to-service", "unshelve", "ack", "reset", "shelve"]);
  const wanted = alarm.withheld === null ? order.slice(2) : order;
  return wanted.find((verb) => verbs.includes(verb)) ?? null;
}

/** @param {import("../app.js").Context} context @param {Actions} actions */
export function alarmRow({ words }, actions) {
  const w = words.alarms;
  const check = h("input", { type: "checkbox", "data-col": "check" });
  const icon = alarmIcon(0);
  const link = h("a", { "data-col": "main" });
  const place = h("span", { class: "place muted" });
  const what = h("span", { class: "said" });
  const old = h("span", { class: "muted" });
  const rule = h("span", { class: "rule muted" });
  const runbook = h("a", { class: "runbook", target: "_blank", rel: "noopener noreferrer", "data-col": "runbook" }, w.runbook);
  const state = h("span", { class: "stands" });
  const who = h("span", { class: "who muted" });
  const since = h("span");
  const lasts = h("span", { class: "muted" });
  const button = h("button", { type: "button", "data-col": "act" });
  const more = h("button", { type: "button", class: "quiet", "data-col": "more" }, "⋯");
  const made = { row: h("div"), check, icon, link, place, what, old, rule, runbook, state, since, lasts, who, button, more, key: "", alarm: /** @type {Alarm | null} */ (null) };
  // A checkbox is clicked by the key too; shift counts for both.
  check.addEventListener("click", (event) => actions.select(made.key, check.checked, event.shiftKey));
  button.addEventListener("click", () => {
    const verb = made.alarm && mainVerb(made.alarm);
    if (made.alarm && verb) actions.act(verb, [made.alarm]);
  });
  more.addEventListener("click", () => actions.more(made.key));
  const element = h("div", { class: "row alarm", role: "row" },
    h("div", { class: "cell select", role: "cell" }, h("label", null, check)), cell("icons", icon), cell("name", link, place),
    cell("what", h("span", { class: "above" }, what, old), h("span", { class: "under" }, rule, runbook)), cell("state", state, who), cell("since n", since, lasts), h("div", { class: "cell act", role: "cell" }, button, more));
  made.row = element;
  return { element, made };
}

/**
 * @param {AlarmRow} made @param {Alarm} alarm as it was last @param {import("../app.js").Context} context
 * @param {{ series: import("../data/state.js").Series | undefined, isSelected: boolean, isPending: boolean, isThere: boolean }} given
 *   `isThere`: it is still in this list
 */
export function paintAlarm(made, alarm, { words, format, state, canAct }, { series, isSelected, isPending, isThere }) {
  const w = words.alarms;
  const now = state.link.now();
  const given = { words, format, now };
  const waits = isThere && needsAcknowledgement(alarm);
  Object.assign(made, { key: alarmKey(alarm), alarm });
  for (const [name, isOn] of /** @type {const} */ ([["waits", waits], ["selected", isSelected], ["gone", !isThere]])) made.row.classList.toggle(name, isOn);
  made.check.checked = isSelected;
  made.check.disabled = !canAct() || !isThere;
  attribute(made.check, "aria-label", w.select(alarm.rule, alarm.sensor_id));
  const priority = alarmPriority(alarm);
  const label = words.common.priorities[priority];
  const { withheld } = alarm;
  setAlarmIcon(made.icon, priority, { isHollow: !waits, withheld, flashes: waits && state.link.is === "live", label: withheld ? w.states[withheld] : label });
  text(made.link, alarm.sensor_id);
  attribute(made.link, "href", chartLink(alarm, sinceOf(alarm)));
  attribute(made.link, "title", w.toSensor);
  text(made.place, alarm.location);
  text(made.what, whatOf(alarm, series, given));
  const old = oldOf(alarm, series, given);
  text(made.old, old);
  made.old.hidden = old === "";
  made.what.classList.toggle("old", old !== "");
  made.row.classList.toggle("aged", old !== ""); // a line more, so the rule's name has one less
  // What is withheld has its cause as its sign: the priority is a word.
  text(made.rule, withheld ? `${label}, ${alarm.rule}` : alarm.rule);
  attribute(made.rule, "title", made.rule.textContent);
  const runbook = safeLink(alarm.runbook);
  made.runbook.hidden = runbook === null;
  attribute(made.runbook, "href", runbook);
  text(made.state, isThere ? stateOf(alarm, given) : w.states.gone);
  attribute(made.state, "title", made.state.textContent);
  const since = sinceOf(alarm);
  text(made.since, since ? format.when(since, now) : "–");
  text(made.lasts, lastsOf(alarm, given));
  text(made.who, whoOf(alarm, given));
  attribute(made.who, "title", made.who.textContent || null);
  const verb = mainVerb(alarm);
  const name = verb ? w.verbs[verb] : "";
  text(made.button, isPending ? "…" : name);
  attribute(made.button, "aria-label", w.verbOf(name.replace("…", ""), alarm.rule, alarm.sensor_id));
  made.button.disabled = isPending || !isThere || state.link.is !== "live";
  made.button.hidden = !verb || !canAct();
  attribute(made.more, "aria-label", w.moreOf(alarm.rule, alarm.sensor_id));
  attribute(made.more, "title", w.more);
}

/**
 * Everything of one alarm, and all that may be done with it.
 * @param {Alarm} alarm @param {import("../app.js").Context} context
 * @param {import("../data/state.js").Series | undefined} series @param {Actions} actions
 */
export function openDetails(alarm, { words, format, state, canAct }, series, actions) {
  const w = words.alarms;
  const given = { words, format, now: state.link.now() };
  const since = sinceOf(alarm);
  const runbook = safeLink(alarm.runbook);
  const facts = /** @type {[string, string][]} */ ([
    [w.columns.sensor, [alarm.sensor_id, alarm.location].filter(Boolean).join(", ")],
    [w.columns.what, [whatOf(alarm, series, given), oldOf(alarm, series, given)].filter(Boolean).join(", ")],
    [w.columns.state, [words.common.priorities[alarmPriority(alarm)], w.states[alarm.state], alarm.withheld && w.states[alarm.withheld]].filter(Boolean).join(", ")],
    [w.columns.raised, since ? `${format.dateTime(since)} ${format.zoneName(since)} (${lastsOf(alarm, given)})` : ""],
    [w.columns.until, alarm.withheld === "shelved" ? stateOf(alarm, given) : ""],
    [w.columns.cause, alarm.withheld === "suppressed" ? stateOf(alarm, given) : ""],
    [w.columns.who, whoOf(alarm, given)],
  ]).filter(([, said]) => said);
  const go = (/** @type {Verb} */ verb) => () => {
    dialog.close();
    actions.act(verb, [alarm]);
  };
  const dialog = h("dialog", { class: "details", "aria-labelledby": "details-title", onclose: () => dialog.remove() },
    h("h2", { id: "details-title" }, alarmIcon(alarmPriority(alarm), { isHollow: !needsAcknowledgement(alarm), withheld: alarm.withheld }), ` ${alarm.rule}`),
    h("dl", null, facts.flatMap(([name, said]) => [h("dt", null, name), h("dd", null, said)])),
    h("p", { class: "links" },
      h("a", { href: chartLink(alarm, since), onclick: () => dialog.close() }, w.toSensor),
      runbook && h("a", { href: runbook, target: "_blank", rel: "noopener noreferrer" }, w.runbook)),
    h("div", { class: "buttons" },
      canAct() && verbsOf(alarm).map((verb) => h("button", { type: "button", disabled: state.link.is !== "live", onclick: go(verb) }, w.verbs[verb])),
      h("button", { type: "button", class: "main", onclick: () => dialog.close() }, words.common.close)));
  document.body.append(dialog);
  dialog.showModal();
}
