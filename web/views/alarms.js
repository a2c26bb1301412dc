// The Alarms page: what waits for somebody, what is shelved, suppressed or out of service, and the history.
//
// Always: unacknowledged first, then priority, then newest; the order stands still while somebody chooses.
// Never: an action on all: only on what was selected.

import { alarmHistory, matchesAlert } from "./alarmhistory.js";
import { alarmRow, openDetails, paintAlarm } from "./alarmrow.js";
import { applicable, askDetails, outcomeInWords, perform } from "../alarmactions.js";
import { arrange, emptyOrder, range } from "../alarmorder.js";
import { attribute, fill, h, text } from "../dom.js";
import { floodBanner } from "./flood.js";
import { plain } from "../fleetlist.js";
import { headCell, virtualList } from "../list.js";
import { alarmKey, countAlarms, listOf, seriesKey } from "../state.js";

/** @typedef {import("../state.js").Alarm} Alarm */
/** @typedef {import("../state.js").Verb} Verb */
/** @typedef {import("../state.js").List} List */

const STILL_MS = 10_000; // a pointer that has not moved for so long chooses nothing
const TABS = /** @type {const} */ (["active", "shelved", "suppressed", "out-of-service", "history"]);
const VERBS = /** @type {Verb[]} */ (["ack", "reset", "shelve", "unshelve", "out-of-service", "return-to-service"]);

/** @param {import("../app.js").Context} context @returns {import("../app.js").View} */
export function open(context) {
  const { state, words } = context;
  const w = words.alarms;
  let tab = tabOf(context.route);
  let needles = needlesOf(context.route.query.get("q") ?? "");
  let group = groupOf(context.route);
  let onlyRaised = false;
  let order = emptyOrder();
  /** @type {Set<string>} */
  const selected = new Set();
  /** @type {Set<string>} */
  const pending = new Set();
  /** @type {string | null} */
  let anchor = null;
  let pointed = 0;
  /** @type {Map<string, import("../state.js").Series>} */
  let bySeries = new Map();
  /** @type {ReturnType<typeof alarmHistory> | null} */
  let past = null;

  const actions = { select, act, more };
  const stateHead = headCell("state", w.columns.state);
  const list = virtualList({
    label: w.list,
    name: "alarms",
    columns: [headCell("select", w.columns.select, true), headCell("icons", w.columns.priority, true), headCell("name", w.columns.sensor), headCell("what", w.columns.what),
      stateHead, headCell("since n", w.columns.raised), headCell("act", w.columns.act, true)],
    create: () => alarmRow(context, actions),
    paint,
  });
  const banner = floodBanner(context, (of) => narrow(of));
  const tabs = TABS.map((name) => h("a", { class: "tab", href: name === "active" ? "#/alarms" : `#/alarms/${name}` }));
  const search = h("input", { type: "search", placeholder: w.searchHint, "aria-label": w.searchHint, value: context.route.query.get("q") ?? "", oninput: narrowed });
  const only = h("button", { type: "button", class: "chip", onclick: () => narrow(null), title: w.showAll });
  const raised = h("button", { type: "button", class: "chip", onclick: () => ((onlyRaised = !onlyRaised), show()) }, w.onlyRaised);
  const bulk = h("div", { class: "bulk", role: "group", "aria-label": w.columns.act });
  const frozen = h("span", { class: "frozen muted" });
  const thaw = h("button", { type: "button", hidden: true, onclick: () => (selected.clear(), (pointed = 0), sort()) }, w.thaw);
  const said = h("p", { class: "said", role: "status" });
  const none = h("p", { class: "nothing" });
  const body = h("div", { onpointermove: point, onpointerdown: point, onkeydown: point, onpointerleave: () => (pointed = 0) }, list.element);
  const element = h("div", { class: "view" },
    h("h1", { class: "unseen" }, w.title), banner.element,
    h("nav", { class: "tabs", "aria-label": w.lists }, tabs),
    h("div", { class: "tools" }, search, only, raised, h("span", { class: "grow" }), frozen, thaw),
    bulk, said, body, none);

  function point() { pointed = Date.now(); }

  /** @param {{ rule: string, location: string } | null} of a group of a flood, or all */
  function narrow(of) {
    group = of && { rule: of.rule, location: of.location };
    narrowed();
  }

  function narrowed() {
    needles = needlesOf(search.value);
    const query = new URLSearchParams({ ...(search.value.trim() && { q: search.value.trim() }), ...group }).toString();
    context.navigate(`#/alarms${tab === "active" ? "" : `/${tab}`}${query && `?${query}`}`, { replace: true });
    selected.clear();
    show();
  }

  /** @param {Alarm} alarm */
  const matches = (alarm) => {
    if (group && (alarm.rule !== group.rule || alarm.location !== group.location)) return false;
    if (needles.length === 0) return true;
    const hay = plain(`${alarm.rule} ${alarm.sensor_id} ${alarm.location} ${alarm.acknowledged?.by ?? ""}`);
    return needles.every((needle) => hay.includes(needle));
  };

  const isFrozen = () => selected.size > 0 || Date.now() - pointed < STILL_MS;
  /** @param {string} key whether it is still in the shown list */
  const isThere = (key) => {
    const alarm = state.alarms.get(key);
    return alarm !== undefined && listOf(alarm) === tab;
  };

  /** @param {import("./alarmrow.js").AlarmRow} made @param {number} row */
  function paint(made, row) {
    const key = order.keys[row] ?? "";
    const alarm = state.alarms.get(key) ?? order.last.get(key);
    if (!alarm) return;
    const series = bySeries.get(seriesKey(alarm.sensor_id, alarm.quantity));
    paintAlarm(made, alarm, context, { series, isSelected: selected.has(key), isPending: pending.has(key), isThere: isThere(key) });
  }

  /** @param {string} key @param {boolean} isOn @param {boolean} isRange */
  function select(key, isOn, isRange) {
    for (const one of isRange ? range(order.keys, anchor, key) : [key]) {
      if (isOn && isThere(one)) selected.add(one);
      else selected.delete(one);
    }
    anchor = key;
    list.repaint();
    showBulk();
  }

  /** @param {string} key */
  function more(key) {
    const alarm = state.alarms.get(key) ?? order.last.get(key);
    if (alarm) openDetails(alarm, context, bySeries.get(seriesKey(alarm.sensor_id, alarm.quantity)), actions);
  }

  /** @param {Verb} verb @param {Alarm[]} chosen */
  async function act(verb, chosen) {
    const alarms = applicable(chosen, verb);
    const details = alarms.length > 0 ? await askDetails(words, verb, alarms) : null;
    const by = details && (await context.who());
    if (!details || !by) return;
    for (const alarm of alarms) pending.add(alarmKey(alarm));
    list.repaint();
    const outcome = await perform(context, verb, alarms, { by, ...details }, (done) => {
      if (alarms.length > 8) text(said, w.working(done, alarms.length));
    });
    for (const alarm of alarms) {
      pending.delete(alarmKey(alarm));
      selected.delete(alarmKey(alarm));
    }
    text(said, outcomeInWords(words, verb, outcome));
    said.classList.toggle("bad", outcome.refused.length > 0);
    list.repaint();
    showBulk();
  }

  /** What may be done with the selection: an action for each that fits some of it, with their number. */
  function showBulk() {
    for (const key of selected) if (!isThere(key)) selected.delete(key);
    const chosen = [...selected].flatMap((key) => state.alarms.get(key) ?? []);
    const verbs = VERBS.map((verb) => /** @type {const} */ ([verb, applicable(chosen, verb)])).filter(([, fitting]) => fitting.length > 0);
    const look = JSON.stringify([chosen.length, verbs.map(([verb, fitting]) => [verb, fitting.length])]);
    showFrozen();
    bulk.hidden = chosen.length === 0;
    if (bulk.dataset["look"] === look) return;
    bulk.dataset["look"] = look;
    const current = () => [...selected].flatMap((key) => state.alarms.get(key) ?? []);
    fill(bulk,
      h("strong", { role: "status" }, chosen.length > 0 ? w.selected(chosen.length) : ""),
      verbs.map(([verb, fitting]) => h("button", { type: "button", class: verb === "ack" ? "main" : "", onclick: () => void act(verb, current()) }, w.verbN(w.verbs[verb], fitting.length))),
      h("button", { type: "button", class: "quiet", onclick: unselect }, w.unselect));
  }

  function unselect() {
    selected.clear();
    sort();
    list.repaint();
  }

  function showFrozen() {
    const still = tab !== "history" && isFrozen() && (selected.size > 0 || order.changes > 0);
    text(frozen, still ? w.frozen(order.changes) : "");
    thaw.hidden = !still || order.changes === 0;
  }

  function sort() {
    if (tab === "history") return;
    order = arrange(order, state.alarms, tab, matches, isFrozen());
    list.setCount(order.keys.length);
    list.element.hidden = order.keys.length === 0;
    none.hidden = order.keys.length > 0;
    text(none, needles.length > 0 || group ? w.none.search : w.none[tab]);
    showBulk();
  }

  function showTabs() {
    const counts = countAlarms(state.alarms.values());
    for (const [k, name] of TABS.entries()) {
      const link = /** @type {HTMLElement} */ (tabs[k]);
      text(link, name === "history" ? w.tabs.history : `${w.tabs[name]} ${context.format.number(counts[name])}`);
      attribute(link, "aria-current", name === tab ? "page" : null);
    }
    banner.show();
  }

  /** Shows the list of the tab, in order. */
  function show() {
    const isHistory = tab === "history";
    if (isHistory && !past) past = alarmHistory(context, (alert) => (!onlyRaised || alert.transition === "raised") && matchesAlert(alert, needles));
    if (!isHistory) past?.close();
    past = isHistory ? past : null;
    body.replaceChildren(past ? past.element : list.element);
    raised.hidden = !isHistory;
    only.hidden = group === null || isHistory;
    text(only, group ? `${w.onlyGroup(group.rule, group.location)}  ✕` : "");
    attribute(raised, "aria-pressed", onlyRaised);
    bulk.hidden = none.hidden = true;
    text(/** @type {Element} */ (stateHead.firstElementChild), tab === "shelved" ? w.columns.until : tab === "suppressed" ? w.columns.cause : w.columns.state);
    order = emptyOrder();
    pointed = 0;
    past?.filter();
    sort();
    if (!past) list.attach();
    showTabs();
  }

  /** @param {import("../feed.js").Changes} changes */
  function update(changes) {
    if (changes.named || changes.full) bySeries = new Map(state.series.filter(Boolean).map((s) => [seriesKey(s.id, s.quantity), s]));
    if (changes.alarms) {
      showTabs();
      if (!changes.full) past?.changed();
    }
    if (changes.alarms || (changes.tick && !isFrozen() && order.changes > 0)) sort();
    else if (!past && (changes.tick || changes.series.size > 0)) list.repaint();
    if (changes.tick) {
      banner.show();
      showFrozen();
      if (context.welcome && !context.canAct() && !said.textContent) text(said, w.viewer);
    }
  }

  queueMicrotask(show);
  return {
    element,
    update,
    routed(route) {
      tab = tabOf(route);
      needles = needlesOf(route.query.get("q") ?? "");
      group = groupOf(route);
      search.value = route.query.get("q") ?? "";
      selected.clear();
      text(said, "");
      show();
    },
    close() {
      past?.close();
      list.close();
    },
  };
}

/** @param {import("../app.js").Route} route @returns {List | "history"} */
const tabOf = ({ args }) => TABS.find((name) => name === args[0]) ?? "active";
/** @param {import("../app.js").Route} route */
function groupOf({ query }) {
  const rule = query.get("rule");
  return rule === null ? null : { rule, location: query.get("location") ?? "" };
}
/** @param {string} text */
const needlesOf = (text) => plain(text).split(/\s+/).filter(Boolean);
