// The Devices page: what has been heard and is not read, with the reason and the lines of configuration; the tables; then
// every device that is read: what it measures, which table takes it, whether it is there, and its age.
//
// Always: as many elements as rows in view; rows do not change places under the pointer. Never: a device that is not read
// below those that are.

import { deviceList, searched } from "../data/heard.js";
import { askHeard } from "../data/heardask.js";
import { instant } from "../data/spans.js";
import { attribute, h, text } from "../page/dom.js";
import { sign } from "../page/icons.js";
import { cell, headCell, VirtualList } from "../page/list.js";
import { patch } from "../page/patch.js";
import { searchBox } from "../page/searchbox.js";
import { table } from "../page/table.js";
import { NotRead } from "./notread.js";

/** @typedef {import("../app.js").Context} Context */
/** @typedef {import("../data/heard.js").Device} Device */
/** @typedef {import("../data/heard.js").Heard} Heard */

const OWN = "vigie"; // the table of Vigie's own topics
const STILL_MS = 10_000; // a pointer that has not moved for so long reads nothing

/** @param {Context} context @returns {import("../app.js").View} */
export function open(context) {
  const page = new DevicesPage(context);
  queueMicrotask(() => page.list.attach());
  return page;
}

class DevicesPage {
  /** @type {Heard | null} */ #heard = null;
  /** All devices in order, and those of the search. @type {Device[]} */ #devices = [];
  /** @type {Device[]} */ #rows = [];
  #search = "";
  #pointed = 0;
  /** Rows that were found and not yet shown. */
  #isWaiting = false;

  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    this.w = context.words.devices;
    this.#search = context.route.query.get("q") ?? "";
    this.order = deviceList(context.format.language);
    this.notRead = new NotRead(context);
    this.list = this.#makeList();
    this.parts = this.#makeParts();
    this.element = this.#layOut();
    this.observer = new ResizeObserver(() => this.list.shifted());
    this.observer.observe(this.parts.above);
    this.asked = askHeard(context.api, (heard, rejected) => this.#answered(heard, rejected), (error) => this.#failed(error));
  }

  #makeList() {
    const { columns, read } = this.w;
    return new VirtualList({
      label: read,
      name: "devices",
      columns: [headCell("name", columns.name), headCell("measures", columns.measures), headCell("table", columns.table), headCell("state", columns.state), headCell("age n", columns.age)],
      create: deviceRow,
      paint: (made, row) => this.#paint(made, row),
    });
  }

  #makeParts() {
    const { w, context: { words } } = this;
    return {
      said: h("p", { class: "muted" }, words.common.loading),
      failed: h("p", { class: "failure", role: "alert", hidden: true }),
      above: h("div"),
      tables: h("section"),
      toRead: h("button", { type: "button", class: "chip", hidden: true, onclick: () => this.parts.box.input.focus() }),
      box: searchBox({ label: w.search, help: words.fleet.searchKey, value: this.#search, search: (search) => this.#ask(search), down: () => this.list.focusRow(0) }),
      shown: h("span", { class: "muted", role: "status" }),
      none: h("p", { class: "nothing", hidden: true }),
      unlisted: h("p", { class: "muted", hidden: true }),
    };
  }

  #layOut() {
    const { w, list, parts: { said, failed, above, tables, toRead, box, shown, none, unlisted }, notRead } = this;
    above.append(h("div", { class: "tools" }, said, toRead), failed, notRead.element, tables);
    const pointed = () => void (this.#pointed = Date.now());
    const left = () => void (this.#pointed = 0);
    return h("div", { class: "devices-page" },
      h("h1", { class: "unseen" }, w.title), above,
      h("section", { onpointermove: pointed, onpointerleave: left },
        h("h2", null, w.read), h("div", { class: "tools" }, box.input, h("span", { class: "grow" }), shown), list.element, unlisted, none));
  }

  /** @param {Heard} heard @param {import("../data/heard.js").Rejected | null} rejected */
  #answered(heard, rejected) {
    const { w, order, notRead, context: { format, state }, parts: { said, failed } } = this;
    this.#heard = heard;
    failed.hidden = true;
    text(said, w.since(format.when(instant(heard.since) ?? 0, state.link.now())));
    notRead.show(heard, rejected);
    this.#devices = order.ordered(heard.devices);
    this.#arrange(false);
    this.#tick();
  }

  /** @param {any} error */
  #failed(error) {
    const { failed } = this.parts;
    text(failed, this.context.words.common.failed(error.detail ?? String(error)));
    failed.hidden = false;
  }

  /** @param {string} search */
  #ask(search) {
    this.#search = search;
    this.context.navigate(search ? `#/devices?${new URLSearchParams({ q: search })}` : "#/devices", { replace: true });
    this.#arrange(true);
  }

  /** Finds the rows anew. @param {boolean} isAsked somebody waits for it, so they may change places */
  #arrange(isAsked) {
    const { list } = this;
    const rows = this.#rows;
    const found = searched(this.#devices, this.#search, (device) => Object.values(this.#texts(device)).join(" "));
    const isSame = found.length === rows.length && found.every(({ sensor_id: id }, k) => id === rows[k]?.sensor_id);
    this.#isWaiting = !isAsked && !isSame && Date.now() - this.#pointed < STILL_MS;
    if (this.#isWaiting) return;
    this.#rows = found;
    list.element.hidden = found.length === 0;
    list.setCount(found.length);
    this.#showTools();
  }

  #showTools() {
    const { w, parts: { toRead, box, shown, none, unlisted } } = this;
    const heard = this.#heard;
    if (!heard) return;
    const [num, all] = [this.#rows.length, this.#devices.length];
    toRead.hidden = box.input.hidden = all === 0;
    text(toRead, w.toRead(all));
    text(shown, all > 0 ? w.shown(num, all) : "");
    none.hidden = num > 0;
    text(none, all > 0 ? w.noMatch : w.none);
    unlisted.hidden = heard.unlisted_readings === 0;
    text(unlisted, w.unlistedReadings(heard.unlisted_readings));
  }

  /** What goes on by the second: ages, and rows that wait for the pointer to rest. */
  #tick() {
    const { list, notRead, parts: { tables } } = this;
    notRead.tick();
    if (this.#heard) patch(tables, tableOf(this.#heard.rules, this.context));
    if (this.#isWaiting) this.#arrange(false);
    else list.repaint();
  }

  /** What a row says, as it is searched. @param {Device} device */
  #texts({ sensor_id: id, rule, availability, quantities }) {
    const { w, context: { words: { common }, format } } = this;
    const measures = quantities.map(({ quantity, unit }) => [common.quantities[quantity] ?? quantity, format.unitSymbol(unit)].filter(Boolean).join(" "));
    return { name: id, measures: measures.join(", "), table: rule, state: availability ? w.states[availability] : "" };
  }

  /** @param {ReturnType<typeof deviceRow>["made"]} made @param {number} row */
  #paint(made, row) {
    const { w, context: { format, state } } = this;
    const device = this.#rows[row];
    if (!device) return;
    const texts = this.#texts(device);
    const [first] = device.quantities;
    text(made.link, texts.name);
    attribute(made.link, "href", `#/sensor/${[device.sensor_id, first?.quantity].flatMap((part) => (part ? encodeURIComponent(part) : [])).join("/")}`);
    attribute(made.link, "title", texts.name);
    for (const part of /** @type {const} */ (["measures", "table"])) {
      text(made[part], texts[part]);
      attribute(made[part], "title", texts[part]);
    }
    text(made.state, texts.state || "–");
    made.gone.style.display = device.availability === "offline" ? "" : "none";
    made.state.classList.toggle("offline", device.availability === "offline");
    const at = instant(device.last_seen);
    text(made.age, at === null ? w.retained : format.age(state.link.now() - at));
    attribute(made.age, "title", at === null ? w.retainedHelp : null);
  }

  /** @param {import("../data/feed.js").Changes} changes */
  update(changes) {
    if (changes.tick || changes.full) this.#tick();
  }

  /** @param {import("../app.js").Route} route */
  routed(route) {
    this.#search = route.query.get("q") ?? "";
    this.parts.box.input.value = this.#search;
    this.#arrange(true);
  }

  close() {
    this.asked.close();
    this.observer.disconnect();
    this.parts.box.close();
    this.list.close();
  }
}

/** Makes an element that shows a device. */
function deviceRow() {
  const link = h("a", { "data-col": "main" });
  const gone = sign("silent");
  const state = h("span");
  const [measures, of, age] = [cell("measures"), cell("table muted"), cell("age n")];
  const element = h("div", { role: "row" }, h("div", { class: "row device" }, cell("name", link), measures, of, cell("state", gone, state), age));
  return { element, made: { link, measures, table: of, gone, state, age } };
}

/** @param {import("../data/heard.js").Rule[]} rules @param {Context} context */
function tableOf(rules, { words: { devices: w }, format, state }) {
  const now = state.link.now();
  const number = (/** @type {number} */ column, /** @type {number} */ n) => h("td", { class: "n", "data-label": w.tableColumns[column] }, format.number(n));
  const rows = rules.map(({ rule, messages, ignored, rejected, rejected_parts: parts, last_seen: last }) => {
    const at = instant(last);
    return h("tr", null,
      h("th", { scope: "row", class: "wrap" }, h("code", null, rule), rule === OWN && h("span", { class: "muted" }, ` ${w.own}`)),
      number(1, messages), number(2, ignored), number(3, rejected), number(4, parts),
      h("td", { class: "n muted", "data-label": w.tableColumns[5] }, at === null ? "–" : format.age(now - at)));
  });
  return [h("h2", null, w.tables), table(w.tables, w.tableColumns, [1, 2, 3, 4, 5], rows)];
}
