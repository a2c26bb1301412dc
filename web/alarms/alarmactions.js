// What operators do with alarms: the requests, and the dialogs that ask for a duration and a reason.
//
// Always: an alarm is named by the alert that was seen, so one raised meanwhile is not acknowledged with it; each
// refusal is said. Never: acts on an alarm that nobody chose.

import { ApiError } from "../data/api.js";
import { whatOf } from "./alarmtext.js";
import { h } from "../page/dom.js";
import { formatter } from "../page/format.js";
import { alarmIcon } from "../page/icons.js";
import { alarmKey, alarmPriority, compareAlarms, needsAcknowledgement, verbsOf } from "../data/state.js";

/** @typedef {import("../data/state.js").Alarm} Alarm */
/** @typedef {import("../data/state.js").Verb} Verb */
/** @typedef {{ why?: string, for?: string, one_shot?: boolean }} Details */
/** @typedef {{ done: number, refused: string[] }} Outcome */

const AT_ONCE = 4; // requests; each waits for its commit

/** Those of the alarms that the action is for. @param {Alarm[]} alarms @param {Verb} verb */
export const applicable = (alarms, verb) => alarms.filter((alarm) => verbsOf(alarm).includes(verb));

/**
 * @param {import("../app.js").Context} context @param {Verb} verb @param {Alarm[]} alarms @param {Details & { by: string }} body
 * @param {(done: number) => void} progress
 * @returns {Promise<Outcome>}
 */
export async function perform({ api, words }, verb, alarms, body, progress) {
  const left = [...alarms];
  /** @type {Outcome} */
  const outcome = { done: 0, refused: [] };
  async function work() {
    for (let alarm = left.shift(); alarm; alarm = left.shift()) {
      const name = verb === "ack" && alarm.id ? alarm.id : alarmKey(alarm);
      try {
        await api.post(`api/v1/alarms/${encodeURIComponent(name)}/${verb}`, body);
        outcome.done += 1;
      } catch (error) {
        const { status, detail } = error instanceof ApiError ? error : { status: 0, detail: String(error) };
        outcome.refused.push(`${alarmKey(alarm)}: ${status === 0 ? words.common.noAnswer : detail}`);
      }
      progress(outcome.done + outcome.refused.length);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return outcome;
}

/** The outcome in words. @param {import("../words.js").Words} words @param {Verb} verb @param {Outcome} outcome */
export function outcomeInWords({ alarms: w }, verb, { done, refused }) {
  const parts = [];
  if (done > 0 || refused.length === 0) parts.push(w.done[verb](done));
  if (refused.length > 0) parts.push(w.refused(refused.length, refused.slice(0, 3).join("; ")));
  return parts.join(" ");
}

const DURATIONS = /** @type {const} */ (["30m", "1h", "2h", "4h", "8h", "24h"]);
const USUAL = "2h";
const NAMED = 5; // of the alarms that are asked about

/** How long alarms are shelved unless somebody chooses: the shortest if one of them is critical. @param {Alarm[]} alarms */
export const usualLength = (alarms) => (alarms.some((alarm) => alarmPriority(alarm) === 1) ? DURATIONS[0] : USUAL);

/** Those that a dialog names, the gravest first, and how many more there are. @param {Alarm[]} alarms */
export function named(alarms) {
  const shown = [...alarms].sort(compareAlarms).slice(0, NAMED);
  return { shown, more: alarms.length - shown.length };
}

/**
 * Asks for what an action needs; null: somebody thought better of it.
 * @param {import("../words.js").Words} words @param {Verb} verb @param {Alarm[]} alarms
 * @returns {Promise<Details | null>}
 */
export function askDetails(words, verb, alarms) {
  if (verb === "shelve") return askShelf(words, alarms);
  return verb === "out-of-service" ? askService(words, alarms) : Promise.resolve({});
}

/** @param {import("../words.js").Words} words @param {Alarm[]} alarms */
function askShelf(words, alarms) {
  const w = words.alarms;
  const usual = usualLength(alarms);
  const lengths = DURATIONS.map((value) =>
    h("label", { class: "choice" }, h("input", { type: "radio", name: "for", value, checked: value === usual }), h("span", null, w.durations[value])));
  const oneShot = h("input", { type: "checkbox", name: "one_shot" });
  const form = [
    h("fieldset", { class: "choices" }, h("legend", null, w.duration), lengths),
    h("label", { class: "choice" }, oneShot, h("span", null, w.oneShot)),
  ];
  return ask(words, alarms, { title: w.shelveTitle(alarms.length), help: w.shelveHelp, go: w.shelve }, form, (data) => ({
    for: String(data.get("for") ?? usual), one_shot: data.has("one_shot"),
  }));
}

/** @param {import("../words.js").Words} words @param {Alarm[]} alarms */
function askService(words, alarms) {
  const w = words.alarms;
  return ask(words, alarms, { title: w.serviceTitle(alarms.length), help: w.serviceHelp, go: w.takeOut }, [], () => ({}));
}

/** Asks why a sensor is forgotten; null: somebody thought better of it. @param {import("../words.js").Words} words @param {string} id */
export function askForget(words, id) {
  const w = words.sensor;
  return ask(words, [], { title: w.forgetTitle(id), help: w.forgetHelp, go: w.forget }, [], () => ({}));
}

/**
 * @param {import("../words.js").Words} words @param {Alarm[]} alarms @param {{ title: string, help: string, go: string }} said
 * @param {HTMLElement[]} fields @param {(data: FormData) => Details} read
 * @returns {Promise<Details | null>}
 */
function ask(words, alarms, { title, help, go }, fields, read) {
  const { common, alarms: w } = words;
  const why = h("textarea", { name: "why", required: true, maxLength: 400, rows: 3, "aria-describedby": "why-help" });
  const form = h("form", { method: "dialog" },
    h("h2", { id: "ask-title" }, title),
    alarms.length > 0 && which(words, alarms),
    fields,
    h("label", null, h("span", null, w.reason), why, h("small", { id: "why-help" }, w.reasonHelp)),
    h("p", null, help),
    h("div", { class: "buttons" },
      h("button", { type: "button", onclick: () => dialog.close("") }, common.cancel),
      h("button", { value: "go", class: "main" }, go)));
  const dialog = h("dialog", { "aria-labelledby": "ask-title" }, form);
  why.addEventListener("input", () => why.setCustomValidity(why.value.trim() ? "" : w.reasonHelp));
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const isMeant = dialog.returnValue === "go" && why.value.trim() !== "";
      resolve(isMeant ? { ...read(new FormData(form)), why: why.value.trim() } : null);
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** What it is about: each with its priority, what is wrong and where. @param {import("../words.js").Words} words @param {Alarm[]} alarms */
function which(words, alarms) {
  const { shown, more } = named(alarms);
  const given = { words, format: formatter(document.documentElement.lang, "UTC"), now: 0 }; // no time is said
  const rows = shown.map((alarm) => {
    const priority = alarmPriority(alarm);
    const icon = alarmIcon(priority, { isHollow: !needsAcknowledgement(alarm), label: words.common.priorities[priority] });
    const place = [alarm.sensor_id, alarm.location].filter(Boolean).join(", ");
    return h("li", null, icon, h("span", null, h("strong", null, whatOf(alarm, undefined, given)), ` ${alarm.rule}`, h("br"), place));
  });
  return h("ul", { class: "which" }, rows, more > 0 && h("li", null, words.alarms.andMore(more)));
}
