// A row of the Fleet page: a sensor with its bar, value, hour and state, or the heading of a location.

import { attribute, h, text } from "../page/dom.js";
import { bar, hourLine } from "../chart/gauge.js";
import { limitsOf } from "../data/fleetlist.js";
import { setAlarmIcon, alarmIcon, sign } from "../page/icons.js";
import { cell } from "../page/list.js";
import { isOld, seriesKey, situationOf } from "../data/state.js";

/** @typedef {ReturnType<typeof fleetRow>["made"]} FleetRow */
/** @typedef {import("../data/state.js").Series} Series */

/**
 * Makes an element that shows either.
 * @param {import("../app.js").Context} context @param {(location: string) => void} toggle
 */
export function fleetRow({ words }, toggle) {
  const icon = alarmIcon(0);
  const mark = h("span", { class: "mark" });
  const link = h("a", { "data-col": "main" });
  const note = h("span", { class: "note muted" });
  const value = h("span", { class: "v" });
  const unit = h("span", { class: "u" });
  const gauge = bar();
  const limit = h("span", { class: "limit", "aria-hidden": "true" }); // in words beside the value
  const limits = h("span", { class: "unseen" });
  const range = cell("range", gauge.element, limit);
  const reading = cell("now n", value, unit, limits);
  const spark = hourLine();
  const age = cell("age n");
  const state = cell("words");
  const row = h("div", { class: "row sensor" },
    cell("state", icon, mark), cell("name", link, note), range, reading, cell("spark", spark.element), age, state);
  const groupIcon = alarmIcon(0);
  const button = h("button", { type: "button", class: "quiet fold", "data-col": "main" });
  const counts = h("span", { class: "muted" });
  const silent = h("strong", { class: "silent" });
  const silence = h("span", { class: "silence", hidden: true }, sign("silent"), silent);
  const group = h("div", { class: "row group", hidden: true }, h("div", { class: "cell", role: "cell", "aria-colspan": 7 }, button, groupIcon, counts, silence));
  const element = h("div", { role: "row" }, row, group);
  row.addEventListener("click", (event) => {
    if (!(event.target instanceof HTMLAnchorElement) && !getSelection()?.toString()) link.click();
  });
  const made = { row, group, icon, mark, link, note, value, unit, gauge, range, reading, limits, limit, spark, age, state, groupIcon, button, counts, silence, silent, location: "", sign: "" };
  button.addEventListener("click", () => toggle(made.location));
  attribute(button, "title", words.fleet.columns.sensor);
  return { element, made };
}

/**
 * @param {FleetRow} made @param {import("../data/fleetlist.js").Group} group @param {import("../app.js").Context} context
 */
export function paintGroup(made, group, { words, state }) {
  made.row.hidden = true;
  made.group.hidden = false;
  made.location = group.location;
  const name = group.location || words.fleet.noLocation;
  text(made.button, name);
  attribute(made.button, "aria-expanded", group.isOpen);
  attribute(made.button, "title", words.fleet.open(name));
  const label = group.worst ? words.common.priorities[group.worst] : undefined;
  made.groupIcon.style.display = group.worst ? "" : "none";
  setAlarmIcon(made.groupIcon, group.worst, { isHollow: !group.waits, flashes: group.waits && state.link.is === "live", label });
  text(made.counts, words.fleet.group(group.count, group.abnormal));
  made.silence.hidden = group.silent === 0;
  text(made.silent, words.fleet.silentOf(group.silent));
}

/**
 * @param {FleetRow} made @param {Series} series @param {import("../app.js").Context} context
 * @param {{ alarms: Map<string, import("../data/state.js").Alarm[]>, hour: import("../data/sparklines.js").Hour | undefined, showsQuantity: boolean,
 *   showsLocation: boolean }} given
 */
export function paintSensor(made, series, context, { alarms, hour, showsQuantity, showsLocation }) {
  const { words, format, state } = context;
  const now = state.link.now();
  const isLinkDead = state.link.is !== "live";
  made.row.hidden = false;
  made.group.hidden = true;
  const old = isOld(series, now, isLinkDead);
  const found = situationOf(series, alarms.get(seriesKey(series.id, series.quantity)) ?? [], { words, now, isLinkDead });
  made.row.classList.toggle("old", old);
  made.row.classList.toggle("waits", found.waits);
  text(made.link, series.id);
  attribute(made.link, "href", `#/sensor/${encodeURIComponent(series.id)}/${encodeURIComponent(series.quantity)}`);
  const quantity = words.common.quantities[series.quantity] ?? series.quantity;
  text(made.note, [showsLocation && series.location, showsQuantity && quantity].filter(Boolean).join(" · "));
  text(made.value, series.value === null ? "–" : format.number(series.value, series.digits));
  text(made.unit, series.value === null ? "" : format.unitSymbol(series.unit));
  text(made.age, series.at === null ? "–" : format.age(now - series.at));
  text(made.state, found.words);
  attribute(made.state, "title", found.words || null);
  showSign(made, found, context);
  showLimits(made, series, context);
  const look = { isOld: old, priority: found.priority };
  made.gauge.show(series, hour, look);
  made.spark.show(series, hour, look);
}

/** @param {FleetRow} made @param {Series} series @param {import("../app.js").Context} context */
function showLimits(made, series, context) {
  const { shown, said } = limitsOf(series, context);
  text(made.limit, shown);
  text(made.limits, said && `, ${said}`);
  for (const one of [made.range, made.reading]) attribute(one, "title", said || null);
}

/** @param {FleetRow} made @param {import("../data/state.js").Situation} found @param {import("../app.js").Context} context */
function showSign(made, { priority, waits, sign: other }, { words, state }) {
  const label = priority ? `${words.common.priorities[priority]}, ${words.alarms.states[waits ? "unacknowledged" : "acknowledged"]}` : undefined;
  made.icon.style.display = priority || !other ? "" : "none";
  setAlarmIcon(made.icon, priority, { isHollow: !waits, flashes: waits && state.link.is === "live", label });
  const wanted = priority ? "" : other ?? "";
  if (wanted === made.sign) return;
  made.sign = wanted;
  made.mark.replaceChildren(...(other && wanted ? [sign(other)] : []));
}
