// The page of one sensor's quantity: its history and its present on one time axis, statistics, alarms, limits tried.
//
// Always: what the chart shows, the address says; requests are for what is shown, the overtaken ones aborted; a live
// chart is drawn at most 4 times a second, and not at all while the page is hidden.
// Never: shows a value as live that is not, or a silence of the link as one of the sensor.

import { ChartBox } from "../chart/chartbox.js";
import { fill, h, saveCsv, text } from "../page/dom.js";
import { forgetSensor } from "./forgetsensor.js";
import * as buckets from "../data/history.js";
import { decimals, range } from "../chart/scale.js";
import { markLabel, markLine } from "../alarms/alarmtext.js";
import { marksOf } from "../data/marks.js";
import { alarmSpans } from "../data/spans.js";
import { isOld } from "../data/state.js";
import * as view from "../chart/viewport.js";
import { MAX_EVENTS, SensorData } from "./sensordata.js";
import { alarmTable, nowPanel, quantityTabs, statisticsPanel } from "./sensorparts.js";
import { captionOf, spanControls } from "./spancontrols.js";
import { Trial } from "./trial.js";

/** @typedef {import("../app.js").Context} Context */
/** @typedef {import("../app.js").Route} Route */
/** @typedef {import("../data/feed.js").Changes} Changes */
/** @typedef {import("../chart/viewport.js").Viewport} Viewport */

const REDRAW_MS = 250; // a live chart, at most

/** @param {Context} context @returns {import("../app.js").View} */
export function open(context) {
  let page = new SensorPage(context);
  const element = h("div", { class: "sensor-page" }, page.element);
  return {
    element,
    update: (changes) => page.update(changes),
    close: () => page.close(),
    routed(route) {
      if (page.isOf(route)) return page.go(route.query);
      page.close();
      page = new SensorPage(context);
      fill(element, page.element);
      page.update({ series: new Set(), alarms: true, system: false, broker: false, tick: true, full: true, named: true });
    },
  };
}

class SensorPage {
  /** @type {import("../data/state.js").Series|null} */ #series = null;
  #drawn = -Infinity;
  #timer = 0;
  #standing = "";
  #hasAsked = false;
  /** Whether the span was asked for, rather than the usual one. */ #isAsked = true;

  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    const { words, state, route, format, api } = context;
    const [id = "", asked] = route.args;
    this.id = id;
    this.#isAsked = ["span", "from", "at"].some((name) => route.query.has(name));
    this.quantity = asked || (state.series.find((it) => it?.id === id)?.quantity ?? "temperature");
    this.named = words.common.quantities[this.quantity] ?? this.quantity;
    /** @type {import("../chart/chartbox.js").Model} */
    this.model = {
      viewport: view.fromQuery(route.query, this.now()), history: null, gaps: [], alarms: [], marks: [], trials: [], limits: [],
      trial: null, showsLimits: true, isOld: false, unit: "", label: "",
    };
    this.data = new SensorData(api, { id, quantity: this.quantity });
    const show = (/** @type {Viewport} */ viewport) => this.show(viewport);
    const now = () => this.now();
    this.box = new ChartBox(this.model, {
      now, show, format, words: words.sensor, drag: (limit) => this.trial.set(this.rounded(limit)), resized: () => this.load(true),
    });
    this.parts = this.#makeParts(show, now);
    this.trial = new Trial(context, {
      id, quantity: this.quantity, model: this.model, tried: () => this.box.redraw(), suggest: (kind) => this.suggest(kind),
    });
    this.element = this.#layOut();
  }

  /** @param {(viewport: Viewport) => void} show @param {() => number} now */
  #makeParts(show, now) {
    const { context, model } = this;
    const w = context.words.sensor;
    const limitsBox = h("input", { type: "checkbox", checked: true, onchange: () => this.#showLimits(limitsBox.checked) });
    return {
      present: nowPanel(context),
      statistics: statisticsPanel(context),
      alarms: alarmTable(context, (from, to) => show(view.show(model.viewport, from, to, now()))),
      tabs: quantityTabs(context, this.id, this.quantity),
      forget: forgetSensor(context, this.id),
      controls: spanControls({ words: w, show, now, current: () => model.viewport }),
      caption: h("p", { class: "caption" }),
      failure: h("p", { class: "failure", hidden: true, role: "alert" }),
      place: h("span", { class: "muted" }, this.named),
      unknown: h("p", { class: "panel", hidden: true, role: "status" }, w.noSensor(this.id, this.named), " ", h("a", { href: "#/fleet" }, w.toFleet)),
      limits: h("label", { class: "check", hidden: true }, limitsBox, w.showLimits),
      exported: h("button", { type: "button", disabled: true, onclick: () => this.exportCsv() }, w.exportCsv),
    };
  }

  #layOut() {
    const { parts, trial } = this;
    return h(
      "div", { class: "sensor" },
      h("div", { class: "tools" }, h("h1", null, this.id), parts.place, h("span", { class: "grow" }), parts.controls.element),
      parts.tabs.element,
      parts.unknown,
      parts.failure,
      h(
        "div", { class: "sensor-grid" },
        h(
          "div", { class: "panel chart-panel" }, this.box.element, parts.caption,
          h("div", { class: "tools chart-tools" }, parts.limits, trial.button, h("span", { class: "grow" }), parts.exported),
          trial.element,
        ),
        h("div", { class: "sensor-side" }, parts.present.element, parts.statistics.element),
      ),
      parts.alarms.element,
      parts.forget.element,
    );
  }

  /** The server's clock; a dead link stops it, as nothing is known of what came since. */
  now() {
    const { link } = this.context.state;
    return link.is === "live" ? link.now() : Math.min(link.since, link.now());
  }

  /** Whether an address is of this page. @param {Route} route */
  isOf({ args }) {
    return args[0] === this.id && (args[1] || this.quantity) === this.quantity;
  }

  /** Shows what an address asks for. @param {URLSearchParams} query */
  go(query) {
    this.show({ ...view.fromQuery(query, this.now()), back: view.mark(this.model.viewport).back });
  }

  /** @param {Viewport} viewport */
  show(viewport) {
    this.#isAsked = true;
    this.model.viewport = viewport;
    this.refresh();
    this.load();
  }

  /** Derives everything from what is known, and draws it. */
  refresh() {
    const { context, model, parts } = this;
    const { format, state, words } = context;
    clearTimeout(this.#timer);
    this.#drawn = performance.now();
    const now = this.now();
    model.viewport = view.follow(model.viewport, now);
    const { viewport } = model;
    const options = { every: this.#series?.every ? this.#series.every * 1000 : null, now };
    model.history = this.data.history(Math.min(viewport.to, now));
    model.gaps = model.history ? buckets.gaps(model.history, viewport, options) : [];
    model.isOld = !this.#series || isOld(this.#series, state.link.now(), state.link.is !== "live");
    model.label = words.sensor.chartOf(this.named, this.id, format.dateTime(viewport.from), format.dateTime(viewport.to));
    parts.controls.update();
    parts.present.update(this.#series, model.isOld);
    const isWhole = model.history !== null && buckets.covers(model.history, viewport, now);
    parts.exported.disabled = !isWhole; // a file must not lack what is still on its way
    parts.statistics.update(isWhole && model.history ? buckets.statistics(model.history, viewport, options) : null, model.unit);
    text(parts.caption, captionOf(context, model));
    this.#showAlarms();
    this.box.redraw();
  }

  /** Draws soon, at most so many times a second. */
  #refreshSoon() {
    const wait = this.#drawn + REDRAW_MS - performance.now();
    clearTimeout(this.#timer);
    if (wait <= 0) this.refresh();
    else this.#timer = window.setTimeout(() => this.refresh(), wait);
  }

  /** Asks for what is shown. */
  load(atOnce = false) {
    const { viewport } = this.model;
    this.#hasAsked = true;
    const done = () => {
      this.model.unit = this.data.unit || this.model.unit;
      this.parts.failure.hidden = true;
      if (this.#trim()) return;
      this.#address();
      this.refresh();
      this.box.tabulate();
      this.trial.moved();
    };
    this.data.load(viewport, this.box.width(), { atOnce, done, failed: (why) => this.#fail(why) });
    this.#loadAlarms();
  }

  /** Fills the chart of a sensor that is minutes old, once, unless the address asked for a span. */
  #trim() {
    const { model } = this;
    if (this.#isAsked) return false;
    this.#isAsked = true;
    const history = this.data.history(this.now());
    const first = history?.n.findIndex((n) => n > 0) ?? -1;
    const viewport = view.trimmed(model.viewport, history && first >= 0 ? history.t0 + first * history.step : -Infinity, this.now());
    if (viewport === model.viewport) return false;
    this.show(viewport);
    return true;
  }

  /** Puts what is shown into the address. */
  #address() {
    this.context.navigate(`${location.hash.split("?")[0]}?${view.toQuery(this.model.viewport)}`, { replace: true });
  }

  /** @param {string} why */
  #fail(why) {
    this.#address();
    const w = this.context.words.sensor;
    const { failure } = this.parts;
    failure.hidden = false;
    fill(failure, w.failed(why), " ", h("button", { type: "button", onclick: () => this.load(true) }, w.retry));
  }

  #loadAlarms() {
    this.data.loadAlarms(this.model.viewport, this.#series?.location ?? "", this.now(), (why) => {
      if (why !== null) this.parts.alarms.failed(why);
      this.#showAlarms();
      this.box.redraw();
      this.box.tabulate();
    });
  }

  /** Alarms of this series that are not at rest. */
  #alarmsNow() {
    return [...this.context.state.alarms.values()].filter((it) => it.sensor_id === this.id && it.quantity === this.quantity);
  }

  #showAlarms() {
    const { events } = this.data;
    const spans = alarmSpans(events, this.#alarmsNow(), this.quantity);
    // The gravest is drawn last, above the others.
    this.model.alarms = [...spans].sort((a, b) => b.priority - a.priority);
    const given = { words: this.context.words, format: this.context.format, now: this.now() };
    const marks = marksOf(events, this.#alarmsNow(), this.quantity, this.data.planned);
    this.model.marks = marks.map((mark) => ({ ...mark, label: markLabel(mark, given.words), line: markLine(mark, given) }));
    this.parts.alarms.update(spans, this.model.viewport, events.length >= MAX_EVENTS);
  }

  /** Looks the series up: by name, since an index is another's after a restart. */
  #find() {
    const { model, parts, context } = this;
    const { series } = context.state;
    this.#series = series.find((it) => it?.id === this.id && it.quantity === this.quantity) ?? null;
    parts.tabs.update(series);
    parts.forget.update(this.#series !== null);
    // Before the feed's first state nothing is known of any sensor.
    parts.unknown.hidden = this.#series !== null || context.state.link.is !== "live" || series.length === 0;
    if (!this.#series) return;
    const { unit, low, high, location } = this.#series;
    const w = context.words.sensor;
    model.unit = unit;
    text(parts.place, [location, this.named].filter(Boolean).join(" · "));
    model.limits = [
      ...(high === null ? [] : [{ value: high, label: w.high(context.format.number(high)) }]),
      ...(low === null ? [] : [{ value: low, label: w.low(context.format.number(low)) }]),
    ];
    parts.limits.hidden = model.limits.length === 0;
    parts.statistics.limits(low, high, unit);
  }

  /** @param {Changes} changes */
  update(changes) {
    const { state } = this.context;
    if (changes.full || changes.named || !this.#series) this.#find();
    if (this.#series) this.#series = state.series[this.#series.i] ?? this.#series;
    const isNew = this.data.take(this.#series);
    if (this.#series) this.data.loadTrend(this.#series.i, (minutes) => this.parts.present.trend(minutes));
    const standing = this.#alarmsNow().map((it) => `${it.rule} ${it.id} ${it.state} ${it.withheld}`).join();
    const isOther = standing !== this.#standing;
    this.#standing = standing;
    if (isOther || changes.full) this.parts.present.stand(this.#alarmsNow());
    // The first time, the chart is in the page and has its width.
    const isDue = this.model.viewport.live && state.link.is === "live" && this.data.isDue();
    if (!this.#hasAsked || isDue) this.load(true);
    else if (isOther) this.#loadAlarms();
    if (isNew || isOther || changes.tick || changes.full) this.#refreshSoon();
  }

  /** @param {boolean} isWanted */
  #showLimits(isWanted) {
    this.model.showsLimits = isWanted;
    this.box.redraw();
  }

  /** Lowest and highest of what is shown and of the limits. @returns {[number, number]|null} */
  #range() {
    const { history, viewport, limits } = this.model;
    if (!history) return null;
    const [first, end] = buckets.within(history, viewport);
    return range(history, first, end, limits.map(({ value }) => value));
  }

  /** A limit with the digits that make a difference in the chart. @param {number} limit */
  rounded(limit) {
    const [low, high] = this.#range() ?? [limit, limit];
    return Number(limit.toFixed(decimals(low, high)));
  }

  /** A limit to begin with: the sensor's own, or the edge of what was measured. @param {"high"|"low"} kind */
  suggest(kind) {
    const own = kind === "high" ? this.#series?.high : this.#series?.low;
    const [low, high] = this.#range() ?? [0, 1];
    return own ?? this.rounded(kind === "high" ? high : low);
  }

  exportCsv() {
    const { model, context } = this;
    if (!model.history) return;
    const { time, lowest, mean, highest, readings } = context.words.sensor.csv;
    const { zone, unitSymbol } = context.format;
    const header = /** @type {[string, string, string, string, string]} */ ([time, lowest, mean, highest, readings]);
    const file = buckets.csv(model.history, model.viewport, { zone, unit: unitSymbol(model.unit), header });
    saveCsv(`${this.id}-${this.quantity}-${new Date(model.viewport.from).toISOString().slice(0, 10)}.csv`, file);
  }

  close() {
    clearTimeout(this.#timer);
    this.data.close();
    this.trial.close();
    this.box.close();
  }
}
