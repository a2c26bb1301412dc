// The banner of a flood: how many alarms, the gravest and the first by name, the rest counted by rule and location.
//
// Always: one banner, however many alarms; each group is a filter; the focus survives updates.
// Never: a message per alarm; above the rows, which it would move.

import { chartLink } from "../alarms/alarmtext.js";
import { attribute, fill, h, text } from "../page/dom.js";
import { alarmIcon } from "../page/icons.js";
import { alarmPriority, flood, needsAcknowledgement, sinceOf } from "../data/state.js";

const SHOWN = 6; // groups, until somebody asks for all

/** @param {import("../app.js").Context} context @param {(group: { rule: string, location: string }) => void} narrow shows a group alone */
export function floodBanner({ words, format, state }, narrow) {
  const w = words.alarms;
  const element = h("section", { class: "flood", hidden: true, "aria-label": w.floodGroups });
  let isFlood = false;
  let [showsAll, isOpen] = [false, !matchMedia("(max-width: 760px)").matches]; // a phone has not the room, until it is asked
  let drawn = "";
  const title = h("span", { role: "status" });
  const fold = h("button", { type: "button", class: "quiet fold", onclick: () => ((isOpen = !isOpen), show()) });
  const [pins, chips] = [h("div", { class: "pins" }), h("div", { class: "chips" })];
  element.append(h("div", { class: "headline" }, h("h2", null, title), pins, fold), chips);

  /** @param {string} name @param {import("../data/state.js").Alarm} alarm */
  const pinned = (name, alarm) => h("p", { class: "pinned" },
    h("strong", null, `${name} `), alarmIcon(alarmPriority(alarm), { isHollow: !needsAcknowledgement(alarm), label: words.common.priorities[alarmPriority(alarm)] }),
    h("a", { href: chartLink(alarm, sinceOf(alarm)) }, alarm.sensor_id), ` ${alarm.location} `, h("span", { class: "muted" }, alarm.rule),
    ` ${format.when(sinceOf(alarm), state.link.now())}`);

  function show() {
    const found = flood(state.alarms.values(), state.link.now(), isFlood);
    isFlood = found !== null;
    element.hidden = !isFlood;
    if (!found) return;
    text(title, w.flood(found.count));
    const look = JSON.stringify([found.groups, found.first, found.gravest, showsAll, isOpen]);
    if (look === drawn) return;
    drawn = look;
    const focused = document.activeElement instanceof HTMLElement && element.contains(document.activeElement) ? document.activeElement : null;
    attribute(fold, "aria-expanded", isOpen);
    fill(pins, pinned(w.floodGravest, found.gravest), found.first !== found.gravest && pinned(w.floodFirst, found.first));
    showGroups(found.groups);
    const same = focused?.isConnected ? focused : [...chips.children].find((chip) => chip instanceof HTMLElement && chip.dataset["of"] === focused?.dataset["of"]);
    if (focused && same instanceof HTMLElement) same.focus({ preventScroll: true });
  }

  /** @param {import("../data/state.js").Flood["groups"]} all */
  function showGroups(all) {
    text(fold, w.floodFold(all.length));
    chips.hidden = !isOpen;
    element.classList.toggle("folded", !isOpen);
    chips.classList.toggle("all", showsAll);
    const groups = all.slice(0, showsAll ? undefined : SHOWN);
    const hidden = all.length - groups.length;
    fill(chips,
      groups.map((group) => h("button", { type: "button", class: "chip", "data-of": `${group.rule} ${group.location}`, onclick: () => narrow(group) },
        alarmIcon(group.priority, { isHollow: group.waiting === 0, label: words.common.priorities[group.priority] }), ` ${w.floodGroup(group.count, group.rule, group.location)}`)),
      hidden > 0 && h("button", { type: "button", class: "chip", onclick: () => ((showsAll = true), show()) }, w.floodMore(hidden)));
  }

  return { element, show };
}
