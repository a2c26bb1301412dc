// The banner of a flood: how many alarms, the gravest and the first by name, the rest counted by rule and location.
//
// Always: one banner, whatever comes; a group is a filter away. Never: a message an alarm.

import { chartLink } from "../alarmtext.js";
import { fill, h } from "../dom.js";
import { alarmIcon } from "../icons.js";
import { alarmPriority, flood, needsAcknowledgement, sinceOf } from "../state.js";

const SHOWN = 6; // groups, until somebody asks for all

/** @param {import("../app.js").Context} context @param {(group: { rule: string, location: string }) => void} narrow shows a group alone */
export function floodBanner({ words, format, state }, narrow) {
  const w = words.alarms;
  const element = h("section", { class: "flood", hidden: true, "aria-label": w.floodGroups });
  let isFlood = false;
  let showsAll = false;
  let drawn = "";

  /** @param {string} name @param {import("../state.js").Alarm} alarm */
  const pinned = (name, alarm) => h("p", { class: "pinned" },
    h("strong", null, `${name} `), alarmIcon(alarmPriority(alarm), { isHollow: !needsAcknowledgement(alarm), label: words.common.priorities[alarmPriority(alarm)] }),
    h("a", { href: chartLink(alarm, sinceOf(alarm)) }, alarm.sensor_id), ` ${alarm.location} `, h("span", { class: "muted" }, alarm.rule),
    ` ${format.when(sinceOf(alarm), state.link.now())}`);

  function show() {
    const found = flood(state.alarms.values(), state.link.now(), isFlood);
    isFlood = found !== null;
    element.hidden = !isFlood;
    if (!found) return;
    const look = JSON.stringify([found.count, found.groups, found.first, found.gravest, showsAll]);
    if (look === drawn) return;
    drawn = look;
    const groups = found.groups.slice(0, showsAll ? undefined : SHOWN);
    const hidden = found.groups.length - groups.length;
    fill(element,
      h("h2", null, h("span", { role: "status" }, w.flood(found.count))),
      pinned(w.floodGravest, found.gravest),
      found.first !== found.gravest && pinned(w.floodFirst, found.first),
      h("div", { class: "chips" },
        groups.map((group) => h("button", { type: "button", class: "chip", onclick: () => narrow(group) },
          alarmIcon(group.priority, { isHollow: group.waiting === 0, label: words.common.priorities[group.priority] }), ` ${w.floodGroup(group.count, group.rule, group.location)}`)),
        hidden > 0 && h("button", { type: "button", onclick: () => ((showsAll = true), show()) }, w.floodMore(hidden))));
  }

  return { element, show };
}
