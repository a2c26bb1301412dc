// The Alarms page: what waits for somebody, what is shelved, suppressed or out of service, the history and the report.
//
// Always: unacknowledged first, then priority, then newest; the order stands still while somebody chooses.
// Never: an action on all: only on what was selected; a row that moves for what is said of another.

import { AlarmHistory, matchesAlert } from "./alarmhistory.js";
import { alarmReport, spanOf } from "./alarmreport.js";
import { alarmRow, openDetails, paintAlarm } from "./alarmrow.js";
import { applicable, askDetails, outcomeInWords, perform } from "../alarms/alarmactions.js";
import { arrange, emptyOrder, range } from "../alarms/alarmorder.js";
import { attribute, fill, h, text } from "../page/dom.js";
import { floodBanner } from "./flood.js";
import { footStrip } from "./footstrip.js";
import { plain } from "../data/fleetlist.js";
import { readSpan, writeSpan } from "../alarms/historyspan.js";
import { headCell, VirtualList } from "../page/list.js";
import { alarmKey, countAlarms, listOf, seriesKey } from "../data/state.js";

/** @typedef {import("../data/state.js").Alarm} Alarm */
/** @typedef {import("../data/state.js").Verb} Verb */
/** @typedef {import("../data/state.js").List} List */
/** @typedef {import("../app.js").Context} Context */
/** @typedef {import("../app.js").Route} Route */

const STILL_MS = 10_000; // a pointer that has not moved for so long chooses nothing
const SAID_MS = 10_000; // an outcome that is as wanted is shown
const NAMED = 3; // of a selection, which may be scrolled away
const LISTS = /** @type {const} */ (["active", "shelved", "suppressed", "out-of-service"]);
const TABS = /** @type {const} */ ([...LISTS, "history", "report"]);
const VERBS = /** @type {Verb[]} */ (["ack", "reset", "shelve", "unshelve", "out-of-service", "return-to-service"]);

/** @param {Context} context @returns {import("../app.js").View} */
export function open(context) {
  const page = new AlarmsPage(context);
  queueMicrotask(() => page.show());
  return page;
}

class AlarmsPage {
  #onlyRaised = false;
  #order = emptyOrder();
  /** @type {Set<string>} */ #selected = new Set();
  /** @type {Set<string>} */ #pending = new Set();
  /** @type {string | null} */ #anchor = null;
  #pointed = 0;
  #saidAt = 0;
  /** @type {Map<string, import("../data/state.js").Series>} */ #bySeries = new Map();
  /** @type {AlarmHistory | null} */ #past = null;
  /** @type {ReturnType<typeof alarmReport> | null} */ #report = null;

  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    this.w = context.words.alarms;
    this.tab = tabOf(context.route);
    this.needles = needlesOf(context.route.query.get("q") ?? "");
    this.group = groupOf(context.route);
    this.span = readSpan(context.route.query);
    /** @type {import("./alarmrow.js").Actions} */
    this.actions = {
      select: (key, isOn, isRange) => this.#select(key, isOn, isRange),
      act: (verb, alarms) => void this.#act(verb, alarms),
      more: (key) => this.#more(key),
    };
    this.stateHead = headCell("state", this.w.columns.state);
    this.list = this.#makeList();
    this.parts = this.#makeParts();
    this.element = this.#layOut();
  }

  #makeList() {
    const { w, context, actions } = this;
    const { columns } = w;
    return new VirtualList({
      label: w.list,
      name: "alarms",
      columns: [headCell("select", columns.select, true), headCell("icons", columns.priority, true), headCell("name", columns.sensor), headCell("what", columns.what),
        this.stateHead, headCell("since n", columns.raised), headCell("act", columns.act, true)],
      create: () => alarmRow(context, actions),
      paint: (made, row) => this.#paint(made, row),
    });
  }

  #makeParts() {
    const { w, context } = this;
    const point = () => void (this.#pointed = Date.now());
    const thawed = () => {
      this.#selected.clear();
      this.#pointed = 0;
      this.#sort();
    };
    const onlyRaised = () => {
      this.#onlyRaised = !this.#onlyRaised;
      this.show();
    };
    const query = context.route.query.get("q") ?? "";
    const said = h("p", { class: "said", role: "status" });
    const bulk = h("div", { class: "bulk", role: "group", "aria-label": w.columns.act });
    const banner = floodBanner(context, (of) => this.#narrow(of));
    return {
      said, bulk, banner,
      strip: footStrip(said, bulk, banner.element),
      tabs: TABS.map((name) => h("a", { class: "tab", href: name === "active" ? "#/alarms" : `#/alarms/${name}` })),
      tools: h("div", { class: "tools" }),
      search: h("input", { type: "search", placeholder: w.searchHint, "aria-label": w.searchHint, value: query, oninput: () => this.#narrowed() }),
      only: h("button", { type: "button", class: "chip", onclick: () => this.#narrow(null), title: w.showAll }),
      raised: h("button", { type: "button", class: "chip", onclick: onlyRaised }, w.onlyRaised),
      found: h("strong", { class: "found", role: "status" }),
      frozen: h("span", { class: "frozen muted" }),
      thaw: h("button", { type: "button", hidden: true, onclick: thawed }, w.thaw),
      viewer: h("p", { class: "viewer muted", hidden: true }, w.viewer),
      none: h("p", { class: "nothing" }),
      body: h("div", { onpointermove: point, onpointerdown: point, onkeydown: point, onpointerleave: () => void (this.#pointed = 0) }, this.list.element),
    };
  }

  #layOut() {
    const { w, parts } = this;
    const { search, only, raised, found, frozen, thaw } = parts;
    parts.tools.append(search, only, raised, found, h("span", { class: "grow" }), h("span", { class: "still" }, frozen, thaw));
    return h("div", { class: "view" },
      h("h1", { class: "unseen" }, w.title),
      h("nav", { class: "tabs", "aria-label": w.lists }, parts.tabs),
      parts.viewer, parts.tools, parts.body, parts.none, parts.strip.element);
  }

  /** @param {{ rule: string, location: string } | null} of a group of a flood, or all */
  #narrow(of) {
    this.group = of && { rule: of.rule, location: of.location };
    this.#narrowed();
  }

  #narrowed() {
    this.needles = needlesOf(this.parts.search.value);
    this.#address();
    this.#selected.clear();
    this.show();
  }

  /** Puts what is shown into the address. */
  #address() {
    const search = this.parts.search.value.trim();
    const query = new URLSearchParams({ ...(search && { q: search }), ...this.group, ...(this.tab === "history" && writeSpan(this.span)) }).toString();
    this.context.navigate(`#/alarms${this.tab === "active" ? "" : `/${this.tab}`}${query && `?${query}`}`, { replace: true });
  }

  /** @param {Alarm} alarm */
  #matches(alarm) {
    const { group, needles } = this;
    if (group && (alarm.rule !== group.rule || alarm.location !== group.location)) return false;
    if (needles.length === 0) return true;
    const hay = plain(`${alarm.rule} ${alarm.sensor_id} ${alarm.location} ${alarm.acknowledged?.by ?? ""}`);
    return needles.every((needle) => hay.includes(needle));
  }

  #isFrozen() {
    return this.#selected.size > 0 || Date.now() - this.#pointed < STILL_MS;
  }

  /** The tab, if it is a list of alarms. */
  #listed() {
    return LISTS.find((name) => name === this.tab) ?? null;
  }

  /** @param {string} key whether it is still in the shown list */
  #isThere(key) {
    const alarm = this.context.state.alarms.get(key);
    return alarm !== undefined && listOf(alarm) === this.tab;
  }

  /** The alarm as it is or was last. @param {string} key */
  #alarm(key) {
    return this.context.state.alarms.get(key) ?? this.#order.last.get(key);
  }

  /** @param {Alarm} alarm */
  #seriesOf(alarm) {
    return this.#bySeries.get(seriesKey(alarm.sensor_id, alarm.quantity));
  }

  /** @param {import("./alarmrow.js").AlarmRow} made @param {number} row */
  #paint(made, row) {
    const key = this.#order.keys[row] ?? "";
    const alarm = this.#alarm(key);
    if (!alarm) return;
    paintAlarm(made, alarm, this.context, {
      series: this.#seriesOf(alarm), isSelected: this.#selected.has(key), isPending: this.#pending.has(key), isThere: this.#isThere(key),
    });
  }

  /** @param {string} key @param {boolean} isOn @param {boolean} isRange */
  #select(key, isOn, isRange) {
    for (const one of isRange ? range(this.#order.keys, this.#anchor, key) : [key]) {
      if (isOn && this.#isThere(one)) this.#selected.add(one);
      else this.#selected.delete(one);
    }
    this.#anchor = key;
    this.list.repaint();
    this.#showBulk();
  }

  /** @param {string} key */
  #more(key) {
    const alarm = this.#alarm(key);
    if (alarm) openDetails(alarm, this.context, this.#seriesOf(alarm), this.actions);
  }

  /** @param {Verb} verb @param {Alarm[]} chosen */
  async #act(verb, chosen) {
    const { context, w, list, parts: { said } } = this;
    const alarms = applicable(chosen, verb);
    const details = alarms.length > 0 ? await askDetails(context.words, verb, alarms) : null;
    const by = details && (await context.who());
    if (!details || !by) return;
    for (const alarm of alarms) this.#pending.add(alarmKey(alarm));
    list.repaint();
    const outcome = await perform(context, verb, alarms, { by, ...details }, (done) => {
      if (alarms.length > 8) text(said, w.working(done, alarms.length));
      this.#saidAt = Date.now();
    });
    for (const alarm of alarms) {
      this.#pending.delete(alarmKey(alarm));
      this.#selected.delete(alarmKey(alarm));
    }
    text(said, outcomeInWords(context.words, verb, outcome));
    this.#saidAt = Date.now();
    said.classList.toggle("bad", outcome.refused.length > 0);
    list.repaint();
    this.#showBulk();
  }

  /** The selected alarms, as they are now. */
  #chosen() {
    return [...this.#selected].flatMap((key) => this.context.state.alarms.get(key) ?? []);
  }

  /** What may be done with the selection: an action for each that fits some of it, with their number. */
  #showBulk() {
    const { w, parts: { bulk } } = this;
    for (const key of this.#selected) if (!this.#isThere(key)) this.#selected.delete(key);
    const chosen = this.#chosen();
    const verbs = VERBS.map((verb) => /** @type {const} */ ([verb, applicable(chosen, verb)])).filter(([, fitting]) => fitting.length > 0);
    const named = chosen.slice(0, NAMED).map((alarm) => alarm.sensor_id).join(", ");
    const names = chosen.length > NAMED ? w.selectedMore(named, chosen.length - NAMED) : named;
    const isLive = this.context.state.link.is === "live";
    const look = JSON.stringify([names, isLive, verbs.map(([verb, fitting]) => [verb, fitting.length])]);
    this.#showFrozen();
    bulk.hidden = chosen.length === 0;
    if (bulk.dataset["look"] === look) return;
    bulk.dataset["look"] = look;
    fill(bulk,
      h("strong", { role: "status" }, chosen.length > 0 ? w.selected(chosen.length) : ""), h("span", { class: "chosen" }, names),
      verbs.map(([verb, fitting]) => h("button", { type: "button", class: verb === "ack" ? "main" : "", disabled: !isLive, onclick: () => void this.#act(verb, this.#chosen()) }, w.verbN(w.verbs[verb], fitting.length))),
      h("button", { type: "button", class: "quiet", onclick: () => this.#unselect() }, w.unselect));
  }

  #unselect() {
    this.#selected.clear();
    this.#sort();
    this.list.repaint();
  }

  #showFrozen() {
    const { frozen, thaw } = this.parts;
    const { changes } = this.#order;
    const isStill = this.#listed() !== null && this.#isFrozen() && (this.#selected.size > 0 || changes > 0);
    text(frozen, isStill ? this.w.frozen(changes) : "");
    thaw.hidden = !isStill || changes === 0;
  }

  #sort() {
    const { w, list, needles, group, parts: { found, none } } = this;
    const listed = this.#listed();
    if (listed === null) return;
    this.#order = arrange(this.#order, this.context.state.alarms, listed, (alarm) => this.#matches(alarm), this.#isFrozen());
    const { keys } = this.#order;
    list.setCount(keys.length);
    list.element.hidden = keys.length === 0;
    none.hidden = keys.length > 0;
    const isNarrowed = needles.length > 0 || group !== null;
    text(none, isNarrowed ? w.none.search : w.none[listed]);
    text(found, isNarrowed ? w.shown(keys.length, countAlarms(this.context.state.alarms.values())[listed]) : "");
    this.#showBulk();
  }

  #showTabs() {
    const { context, parts } = this;
    const counts = countAlarms(context.state.alarms.values());
    const named = { history: this.w.tabs.history, report: context.words.report.tab };
    for (const [k, name] of TABS.entries()) {
      const link = /** @type {HTMLElement} */ (parts.tabs[k]);
      text(link, name === "history" || name === "report" ? named[name] : `${this.w.tabs[name]} ${context.format.number(counts[name])}`);
      attribute(link, "aria-current", name === this.tab ? "page" : null);
    }
    parts.banner.show();
  }

  /** What the tab has in place of a list of alarms. */
  #showBody() {
    const { context, tab, list, parts: { body } } = this;
    const isKept = tab === "history" && this.#past !== null;
    if (!isKept) this.#past?.close();
    this.#report?.close();
    const match = (/** @type {any} */ alert) => (!this.#onlyRaised || alert.transition === "raised") && matchesAlert(alert, this.needles);
    const spanned = (/** @type {import("../alarms/historyspan.js").HistorySpan} */ span) => {
      this.span = span;
      this.#address();
      this.#past?.show(span);
    };
    this.#past = tab !== "history" ? null : this.#past ?? new AlarmHistory(context, { match, span: this.span, chosen: spanned });
    this.#past?.show(this.span);
    const chosen = (/** @type {string} */ span) => context.navigate(`#/alarms/report?span=${span}`, { replace: true });
    this.#report = tab !== "report" ? null : alarmReport(context, spanOf(context.route.query.get("span")), chosen);
    body.replaceChildren((this.#past ?? this.#report ?? list).element);
  }

  /** Shows the list of the tab, in order. */
  show() {
    const { tab, group, w, parts: { raised, only, found, bulk, none, tools, strip } } = this;
    this.#showBody();
    strip.reset();
    strip.element.classList.toggle("listed", this.#listed() !== null);
    tools.hidden = tab === "report";
    raised.hidden = tab !== "history";
    only.hidden = group === null || tab === "history";
    text(found, "");
    text(only, group ? `${w.onlyGroup(group.rule, group.location)}  ✕` : "");
    attribute(raised, "aria-pressed", this.#onlyRaised);
    bulk.hidden = none.hidden = true;
    text(/** @type {Element} */ (this.stateHead.firstElementChild), tab === "shelved" ? w.columns.until : tab === "suppressed" ? w.columns.cause : w.columns.state);
    this.#order = emptyOrder();
    this.#pointed = 0;
    this.#past?.filter();
    this.#sort();
    if (this.#listed()) this.list.attach();
    this.#showTabs();
  }

  /** @param {import("../data/feed.js").Changes} changes */
  update(changes) {
    const { context, list, parts } = this;
    if (changes.named || changes.full) this.#bySeries = new Map(context.state.series.filter(Boolean).map((s) => [seriesKey(s.id, s.quantity), s]));
    if (changes.alarms) {
      this.#showTabs();
      if (!changes.full) this.#past?.changed();
    }
    if (changes.alarms || (changes.tick && !this.#isFrozen() && this.#order.changes > 0)) this.#sort();
    else if (this.#listed() && (changes.tick || changes.series.size > 0)) list.repaint();
    parts.viewer.hidden = !context.welcome || context.canAct();
    if (!changes.tick) return;
    parts.banner.show();
    this.#showBulk(); // the link may be dead
    if (!parts.said.classList.contains("bad") && Date.now() - this.#saidAt > SAID_MS) text(parts.said, "");
  }

  /** @param {Route} route */
  routed(route) {
    this.tab = tabOf(route);
    this.needles = needlesOf(route.query.get("q") ?? "");
    this.group = groupOf(route);
    this.span = readSpan(route.query);
    this.parts.search.value = route.query.get("q") ?? "";
    this.#selected.clear();
    text(this.parts.said, "");
    this.show();
  }

  close() {
    this.#past?.close();
    this.#report?.close();
    this.parts.strip.close();
    this.list.close();
  }
}

/** @param {Route} route @returns {List | "history" | "report"} */
const tabOf = ({ args }) => TABS.find((name) => name === args[0]) ?? "active";
/** @param {Route} route */
function groupOf({ query }) {
  const rule = query.get("rule");
  return rule === null ? null : { rule, location: query.get("location") ?? "" };
}
/** @param {string} text */
const needlesOf = (text) => plain(text).split(/\s+/).filter(Boolean);
