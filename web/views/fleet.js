// The Fleet page: every sensor by location, what is abnormal first to be seen; search, filter and order are in the address.
//
// Always: as many elements as rows in view; rows do not change places under the pointer. Never: a value shown as live
// that is not.

import { attribute, fill, h, text } from "../page/dom.js";
import { fleetList, readQuery, SHOWS, SORTS, writeQuery } from "../data/fleetlist.js";
import { sign } from "../page/icons.js";
import { headCell, VirtualList } from "../page/list.js";
import { searchBox } from "../page/searchbox.js";
import { sparklines } from "../data/sparklines.js";
import { alarmsBySeries } from "../data/state.js";
import { fleetRow, paintGroup, paintSensor } from "./fleetrow.js";

/** @typedef {import("../app.js").Context} Context */
/** @typedef {import("../data/feed.js").Changes} Changes */
/** @typedef {import("../data/fleetlist.js").Row} Row */
/** @typedef {ReturnType<typeof readQuery>} Query */

const EMPTY_MS = 1000; // without any series, after which there are none
const STILL_MS = 10_000; // a pointer that has not moved for so long reads nothing

/** @param {Context} context @returns {import("../app.js").View} */
export function open(context) {
  const page = new FleetPage(context);
  queueMicrotask(() => page.list.attach());
  return page;
}

class FleetPage {
  /** @type {Set<string>} */ #toggled = new Set();
  /** @type {Row[]} */ #rows = [];
  #alarms = alarmsBySeries([]);
  #showsQuantity = false;
  #wasLive = false;
  #pointed = 0;
  /** @type {import("../app.js").View | null} */ #first = null;
  #isClosed = false;
  #opened = performance.now();

  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    this.w = context.words.fleet;
    this.table = fleetList(context.format.language);
    this.query = readQuery(context.route.query);
    this.sparks = sparklines({
      get: context.api.get,
      series: (i) => context.state.series[i],
      arrived: (indexes) => this.list.repaint((row) => indexes.has(this.#rows[row]?.i ?? -1)),
    });
    this.list = this.#makeList();
    this.parts = this.#makeParts();
    this.content = this.#layOut();
    const moved = () => void (this.#pointed = Date.now());
    this.element = h("div", { class: "view", onpointermove: moved, onpointerleave: () => void (this.#pointed = 0) }, this.content);
  }

  #makeList() {
    const { w, context } = this;
    return new VirtualList({
      label: w.list,
      name: "fleet",
      columns: [headCell("state", w.columns.state, true), headCell("name", w.columns.sensor), headCell("range", w.columns.range), headCell("now n", w.columns.now),
        headCell("spark", w.columns.hour), headCell("age n", w.columns.age), headCell("words", w.columns.words, true)],
      create: () => fleetRow(context, (location) => this.#toggle(location)),
      paint: (made, row) => this.#paint(made, row),
      moved: (from, end) => this.sparks.want(this.#rows.slice(from, end).flatMap(({ i }) => (i < 0 ? [] : [i]))),
    });
  }

  #makeParts() {
    const { w, query } = this;
    const sorted = () => this.#ask({ sort: /** @type {Query["sort"]} */ (sort.value) });
    const sort = h("select", { "aria-label": w.sort, onchange: sorted }, SORTS.map((name) => h("option", { value: name }, w.sorts[name])));
    const folded = () => {
      this.#toggled.clear();
      this.#ask({ fold: !this.query.fold });
    };
    return {
      sort,
      box: searchBox({ label: w.search, help: w.searchKey, value: query.search, search: (search) => this.#ask({ search }), down: () => this.list.focusRow(0) }),
      chips: SHOWS.map((show) => h("button", { type: "button", class: "chip", onclick: () => this.#ask({ show }) }, show === "silent" && sign("silent"), h("span"))),
      fold: h("button", { type: "button", class: "chip", onclick: folded }, w.fold),
      shown: h("span", { class: "muted", role: "status" }),
      none: h("div", { class: "nothing", hidden: true }),
    };
  }

  #layOut() {
    const { w, list, parts: { box, chips, shown, fold, sort, none } } = this;
    return h("div", null,
      h("h1", { class: "unseen" }, w.title),
      h("div", { class: "tools" }, box.input, h("div", { class: "chips", role: "group", "aria-label": w.show }, chips), h("span", { class: "grow" }), shown, fold, sort),
      list.element, none);
  }

  /** @param {Partial<Query>} change */
  #ask(change) {
    this.query = { ...this.query, ...change };
    this.context.navigate(writeQuery(this.query), { replace: true });
    this.#arrange(true);
  }

  /** @param {string} location */
  #toggle(location) {
    if (!this.#toggled.delete(location)) this.#toggled.add(location);
    this.#arrange(true);
  }

  /** @param {import("./fleetrow.js").FleetRow} made @param {number} row */
  #paint(made, row) {
    const { context, query } = this;
    const { i = -1, group } = this.#rows[row] ?? {};
    const series = context.state.series[i];
    if (group) paintGroup(made, group, context);
    else if (series) paintSensor(made, series, context, { alarms: this.#alarms, hour: this.sparks.of(i), showsQuantity: this.#showsQuantity, showsLocation: query.sort !== "location" });
  }

  /** Finds the rows anew. @param {boolean} isAsked somebody waits for it, so they may change places */
  #arrange(isAsked) {
    const { state } = this.context;
    const found = this.table.rows(state.series, this.query, state.link.now(), { toggled: this.#toggled, isLinkDead: state.link.is !== "live" });
    const rows = this.#rows;
    const isSame = found.rows.length === rows.length && found.rows.every(({ i, group }, k) => i === rows[k]?.i && group?.location === rows[k]?.group?.location);
    if (isAsked || isSame || Date.now() - this.#pointed > STILL_MS) {
      this.#rows = found.rows;
      this.list.setCount(found.rows.length);
    }
    this.#showTools(found);
  }

  /** @param {ReturnType<ReturnType<typeof fleetList>["rows"]>} found */
  #showTools({ counts, shown: num }) {
    const { w, context, query, list, parts: { chips, sort, fold, shown } } = this;
    for (const [k, show] of SHOWS.entries()) {
      const chip = /** @type {HTMLElement} */ (chips[k]);
      text(/** @type {Element} */ (chip.lastElementChild), `${w[show]} ${context.format.number(counts[show])}`);
      chip.classList.toggle("silence", show === "silent" && counts.silent > 0);
      attribute(chip, "aria-pressed", show === query.show);
    }
    sort.value = query.sort;
    fold.hidden = query.sort !== "location";
    attribute(fold, "aria-pressed", query.fold);
    text(shown, query.search ? w.shown(num, context.state.series.filter(Boolean).length) : "");
    list.element.hidden = num === 0;
    this.#showNone(num);
  }

  /** Why there is no row, if there is none. @param {number} num */
  #showNone(num) {
    const { w, query, parts: { none } } = this;
    none.hidden = num > 0;
    if (num > 0 || none.dataset["of"] === query.show + query.search) return;
    none.dataset["of"] = query.show + query.search;
    const why = query.search || query.show === "all" ? w.noMatch : w.noMatchShow[query.show];
    fill(none, h("p", null, why), h("button", { type: "button", onclick: () => this.#clear() }, w.clear));
  }

  #clear() {
    this.parts.box.input.value = "";
    this.#ask({ search: "", show: "all" });
  }

  /** Nothing was ever heard: what makes a first reading appear, in place of an empty table. */
  async #showFirst() {
    const module = await import("./first.js");
    if (this.#first || this.#isClosed || this.context.state.series.length > 0) return;
    this.#first = module.open(this.context);
    this.element.replaceChildren(this.#first.element);
  }

  #endFirst() {
    this.#first?.close();
    this.#first = null;
    this.element.replaceChildren(this.content);
    this.list.attach();
  }

  /** @param {Changes} changes */
  update(changes) {
    const { context, sparks, list } = this;
    const { state } = context;
    const isLive = state.link.is === "live";
    if (state.series.length === 0) {
      if (this.#first) this.#first.update(changes);
      else if (context.welcome && isLive && performance.now() - this.#opened > EMPTY_MS) void this.#showFirst();
      return;
    }
    if (this.#first) this.#endFirst();
    if (changes.named || changes.full) this.#renamed();
    if (changes.full || (isLive && !this.#wasLive)) sparks.forget();
    if (changes.alarms) this.#alarms = alarmsBySeries(state.alarms.values());
    for (const i of changes.series) sparks.heard(i);
    if (changes.tick || changes.named || changes.full || isLive !== this.#wasLive) this.#arrange(changes.full);
    else if (changes.alarms) list.repaint();
    else list.repaint((row) => changes.series.has(this.#rows[row]?.i ?? -1));
    this.#wasLive = isLive;
  }

  #renamed() {
    this.table.forget();
    this.#showsQuantity = new Set(this.context.state.series.map((s) => s?.quantity)).size > 1;
  }

  /** @param {import("../app.js").Route} route */
  routed(route) {
    this.query = readQuery(route.query);
    this.parts.box.input.value = this.query.search;
    if (this.#rows.length > 0) this.#arrange(true);
  }

  close() {
    this.#isClosed = true;
    this.parts.box.close();
    this.#first?.close();
    this.sparks.close();
    this.list.close();
  }
}
