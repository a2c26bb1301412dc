// The Fleet page: every sensor by location, what is abnormal first to be seen; search, filter and order are in the address.
//
// Always: as many elements as rows in view; rows do not change places under the pointer. Never: a value shown as live
// that is not.

import { attribute, fill, h, text } from "../dom.js";
import { fleetList, readQuery, SHOWS, SORTS, writeQuery } from "../fleetlist.js";
import { headCell, virtualList } from "../list.js";
import { sparklines } from "../sparklines.js";
import { alarmsBySeries } from "../state.js";
import { fleetRow, measureHours, paintGroup, paintSensor } from "./fleetrow.js";

/** @typedef {import("../app.js").Context} Context */
/** @typedef {import("../feed.js").Changes} Changes */
/** @typedef {import("../fleetlist.js").Row} Row */

const EMPTY_MS = 1000; // without any series, after which there are none
const STILL_MS = 10_000; // a pointer that has not moved for so long reads nothing

/** @param {Context} context @returns {import("../app.js").View} */
export function open(context) {
  const { state, words } = context;
  const w = words.fleet;
  const table = fleetList(context.format.language);
  let query = readQuery(context.route.query);
  /** @type {Set<string>} */
  const toggled = new Set();
  /** @type {Row[]} */
  let rows = [];
  let alarms = alarmsBySeries([]);
  let showsQuantity = false;
  let wasLive = false;
  let pointed = 0;
  /** @type {import("../app.js").View | null} */
  let first = null;
  let isClosed = false;
  const opened = performance.now();

  const sparks = sparklines({ get: context.api.get, series: (i) => state.series[i], arrived: (indexes) => list.repaint((row) => indexes.has(rows[row]?.i ?? -1)) });
  const list = virtualList({
    label: w.list,
    name: "fleet",
    columns: [headCell("state", w.columns.state, true), headCell("name", w.columns.sensor), headCell("range", w.columns.range), headCell("now n", w.columns.now),
      headCell("spark", w.columns.hour), headCell("age n", w.columns.age), headCell("words", w.columns.words, true)],
    create: () => fleetRow(context, toggle),
    paint,
    resized: () => {
      measureHours(list.element);
      list.repaint();
    },
    moved: (from, end) => sparks.want(rows.slice(from, end).flatMap(({ i }) => (i < 0 ? [] : [i]))),
  });

  const search = h("input", { type: "search", placeholder: `${w.search}  /`, "aria-label": w.search, title: w.searchKey, value: query.search, oninput: searched });
  const chips = SHOWS.map((show) => h("button", { type: "button", class: "chip", onclick: () => ask({ show }) }));
  const sort = h("select", { "aria-label": w.sort, onchange: () => ask({ sort: /** @type {typeof query.sort} */ (sort.value) }) },
    SORTS.map((name) => h("option", { value: name }, w.sorts[name])));
  const fold = h("button", { type: "button", class: "chip", onclick: () => (toggled.clear(), ask({ fold: !query.fold })) }, w.fold);
  const shown = h("span", { class: "muted", role: "status" });
  const none = h("div", { class: "nothing", hidden: true });
  const content = h("div", null,
    h("h1", { class: "unseen" }, w.title),
    h("div", { class: "tools" }, search, h("div", { class: "chips", role: "group", "aria-label": w.show }, chips), h("span", { class: "grow" }), shown, fold, sort),
    list.element, none);
  const element = h("div", { class: "view", onpointermove: moved, onpointerleave: left }, content);

  function moved() { pointed = Date.now(); }
  function left() { pointed = 0; }

  let searching = 0;
  function searched() {
    clearTimeout(searching);
    searching = window.setTimeout(() => ask({ search: search.value.trim() }), 120);
  }

  /** @param {Partial<typeof query>} change */
  function ask(change) {
    query = { ...query, ...change };
    context.navigate(writeQuery(query), { replace: true });
    arrange(true);
  }

  /** @param {string} location */
  function toggle(location) {
    if (!toggled.delete(location)) toggled.add(location);
    arrange(true);
  }

  /** @param {import("./fleetrow.js").FleetRow} made @param {number} row */
  function paint(made, row) {
    const { i = -1, group } = rows[row] ?? {};
    const series = state.series[i];
    if (group) paintGroup(made, group, context);
    else if (series) paintSensor(made, series, context, { alarms, hour: sparks.of(i), showsQuantity, showsLocation: query.sort !== "location" });
  }

  /** Finds the rows anew. @param {boolean} isAsked somebody waits for it, so they may change places */
  function arrange(isAsked) {
    const found = table.rows(state.series, query, state.link.now(), { toggled, isLinkDead: state.link.is !== "live" });
    const isSame = found.rows.length === rows.length && found.rows.every(({ i, group }, k) => i === rows[k]?.i && group?.location === rows[k]?.group?.location);
    if (isAsked || isSame || Date.now() - pointed > STILL_MS) {
      rows = found.rows;
      list.setCount(rows.length);
    }
    showTools(found);
  }

  /** @param {ReturnType<typeof table.rows>} found */
  function showTools({ counts, shown: num }) {
    for (const [k, show] of SHOWS.entries()) {
      const chip = /** @type {HTMLElement} */ (chips[k]);
      text(chip, `${w[show]} ${context.format.number(counts[show])}`);
      attribute(chip, "aria-pressed", show === query.show);
    }
    sort.value = query.sort;
    fold.hidden = query.sort !== "location";
    attribute(fold, "aria-pressed", query.fold);
    text(shown, query.search ? w.shown(num, state.series.filter(Boolean).length) : "");
    list.element.hidden = num === 0;
    none.hidden = num > 0;
    if (num > 0 || none.dataset["of"] === query.show + query.search) return;
    none.dataset["of"] = query.show + query.search;
    const why = query.search || query.show === "all" ? w.noMatch : w.noMatchShow[query.show];
    fill(none, h("p", null, why), h("button", { type: "button", onclick: clear }, w.clear));
  }

  function clear() {
    search.value = "";
    ask({ search: "", show: "all" });
  }

  /** Nothing was ever heard: what makes a first reading appear, in place of an empty table. */
  async function showFirst() {
    const module = await import("./first.js");
    if (first || isClosed || state.series.length > 0) return;
    const page = module.open(context);
    first = page;
    element.replaceChildren(page.element);
  }

  function endFirst() {
    first?.close();
    first = null;
    element.replaceChildren(content);
    list.attach();
  }

  /** @param {KeyboardEvent} event */
  function key(event) {
    const isTyping = event.target instanceof Element && event.target.closest("input, textarea, select, dialog");
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "Escape" && event.target === search && search.value) {
      search.value = "";
      ask({ search: "" });
    } else if (event.key === "ArrowDown" && event.target === search && rows.length > 0) {
      event.preventDefault();
      list.focusRow(0);
    }
  }

  /** @param {Changes} changes */
  function update(changes) {
    const isLive = state.link.is === "live";
    if (state.series.length === 0) {
      if (first) first.update(changes);
      else if (context.welcome && isLive && performance.now() - opened > EMPTY_MS) void showFirst();
      return;
    }
    if (first) endFirst();
    if (changes.named || changes.full) renamed();
    if (changes.full || (isLive && !wasLive)) sparks.forget();
    if (changes.alarms) alarms = alarmsBySeries(state.alarms.values());
    for (const i of changes.series) sparks.heard(i);
    if (changes.tick || changes.named || changes.full || isLive !== wasLive) arrange(changes.full);
    else if (changes.alarms) list.repaint();
    else list.repaint((row) => changes.series.has(rows[row]?.i ?? -1));
    wasLive = isLive;
  }

  function renamed() {
    table.forget();
    showsQuantity = new Set(state.series.map((s) => s?.quantity)).size > 1;
  }

  document.addEventListener("keydown", key);
  queueMicrotask(() => list.attach());
  return {
    element,
    update,
    routed(route) {
      query = readQuery(route.query);
      search.value = query.search;
      if (rows.length > 0) arrange(true);
    },
    close() {
      isClosed = true;
      clearTimeout(searching);
      document.removeEventListener("keydown", key);
      first?.close();
      sparks.close();
      list.close();
    },
  };
}
