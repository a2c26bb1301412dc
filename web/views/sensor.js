// The page of one sensor's quantity: its history and its present on one time axis, statistics, alarms, limits tried.
//
// Always: what the chart shows, the address says; requests are for what is shown, the overtaken ones aborted; a live
// chart is drawn at most 4 times a second, and not at all while the page is hidden.
// Never: shows a value as live that is not, or a silence of the link as one of the sensor.

import { chartBox } from "../chartbox.js";
import { attribute, fill, h, text } from "../dom.js";
import * as buckets from "../history.js";
import { latest } from "../latest.js";
import { decimals, range } from "../scale.js";
import { alarmSpans, overlapping } from "../spans.js";
import { isOld } from "../state.js";
import * as view from "../viewport.js";
import { alarmTable, nowPanel, quantityTabs, statisticsPanel } from "./sensorparts.js";
import { trialPanel } from "./trial.js";

/** @typedef {import("../app.js").Context} Context */
/** @typedef {import("../viewport.js").Viewport} Viewport */

const REDRAW_MS = 250; // a live chart, at most
const SETTLE_MS = 150; // a gesture rests before its span is asked for
const [SOONEST_MS, LATEST_MS] = [15_000, 300_000]; // between two requests of a live chart: its tail is a preview
const MAX_TAIL = 2000; // live values since the last answer: 4 a second for longer than LATEST_MS
const MAX_EVENTS = 1000; // of alarms, in one request
const TREND_MS = 60_000; // between two requests of the last hour's trend

/** @param {Context} context @returns {import("../app.js").View} */
export function open(context) {
  const element = h("div", { class: "sensor-page" });
  let page = sensorPage(context);
  element.append(page.element);
  return {
    element,
    update: (changes) => page.update(changes),
    close: () => page.close(),
    routed(route) {
      if (page.isOf(route)) return page.go(route.query);
      page.close();
      page = sensorPage(context);
      fill(element, page.element);
      page.update({ series: new Set(), alarms: true, system: false, broker: false, tick: true, full: true, named: true });
    },
  };
}

/** @param {Context} context */
function sensorPage(context) {
  const { words, format, state, api, route } = context;
  const w = words.sensor;
  const [id = "", asked] = route.args;
  const quantity = asked ?? state.series.find((it) => it?.id === id)?.quantity ?? "temperature";
  const named = words.common.quantities[quantity] ?? quantity;
  /** The server's clock; a dead link stops it, as nothing is known of what came since. */
  const now = () => (state.link.is === "live" ? state.link.now() : Math.min(state.link.since, state.link.now()));

  /** @type {import("../chartbox.js").Model} */
  const model = {
    viewport: view.fromQuery(route.query, now()),
    history: null, gaps: [], alarms: [], trials: [], limits: [], trial: null, showsLimits: true, isOld: false, unit: "", label: "",
  };
  /** @type {import("../state.js").Series|null} */
  let series = null;
  /** @type {buckets.History|null} */
  let base = null;
  /** @type {[number, number][]} */
  let tail = [];
  /** @type {import("../spans.js").Alert[]} */
  let events = [];
  let [newest, answered, drawn, timer, trendAt] = [-Infinity, -Infinity, -Infinity, 0, -Infinity];
  let standing = "";

  const loads = { history: latest(SETTLE_MS), alarms: latest(SETTLE_MS), trend: latest(0) };
  const box = chartBox(model, { now, show, drag: (limit) => trial.set(rounded(limit)), format, words: w });
  const present = nowPanel(context);
  const statistics = statisticsPanel(context);
  const alarms = alarmTable(context, (from, to) => show(view.show(model.viewport, from, to, now())));
  const trial = trialPanel(context, { id, quantity, model, tried: () => box.redraw(), suggest });
  const tabs = quantityTabs(context, id, quantity);
  const controls = spanControls({ w, show, current: () => model.viewport, now });
  const caption = h("p", { class: "caption" });
  const failure = h("p", { class: "failure", hidden: true, role: "alert" });
  const title = { heading: h("h1", null, id), place: h("span", { class: "muted" }, named) };
  const limitsBox = h("input", { type: "checkbox", checked: true, onchange: toggleLimits });
  const limitsChoice = h("label", { class: "check" }, limitsBox, w.showLimits);
  const element = h(
    "div", { class: "sensor" },
    h("div", { class: "tools" }, title.heading, title.place, h("span", { class: "grow" }), controls.element),
    tabs.element,
    failure,
    h("div", { class: "sensor-grid" },
      h("div", { class: "panel chart-panel" }, box.element, caption,
        h("div", { class: "tools chart-tools" }, limitsChoice, trial.button, h("span", { class: "grow" }),
          h("button", { type: "button", onclick: exportCsv }, w.exportCsv)),
        trial.element),
      h("div", { class: "sensor-side" }, present.element, statistics.element)),
    alarms.element,
  );

  /** @param {Viewport} viewport */
  function show(viewport) {
    model.viewport = viewport;
    refresh();
    load();
  }

  function refresh() {
    drawn = performance.now();
    model.viewport = view.follow(model.viewport, now());
    const { viewport } = model;
    const options = { every: series?.every ? series.every * 1000 : null, now: now() };
    model.history = base && buckets.withTail(base, tail, Math.min(viewport.to, now()));
    model.gaps = model.history ? buckets.gaps(model.history, viewport, options) : [];
    model.isOld = !series || isOld(series, state.link.now(), state.link.is !== "live");
    model.label = w.chartOf(named, id, format.dateTime(viewport.from), format.dateTime(viewport.to));
    controls.update();
    present.update(series, model.isOld);
    statistics.update(model.history && buckets.statistics(model.history, viewport, options), model.unit);
    text(caption, captionOf(context, model));
    box.redraw();
  }

  /** Draws soon, at most so many times a second. */
  function refreshSoon() {
    const wait = drawn + REDRAW_MS - performance.now();
    clearTimeout(timer);
    if (wait <= 0) refresh();
    else timer = window.setTimeout(refresh, wait);
  }

  function load({ atOnce = false } = {}) {
    const { from, to } = model.viewport;
    const path = `api/v1/readings?${query({ sensor: id, quantity, from: iso(from), to: iso(to), px: String(box.width()) })}`;
    loads.history.ask((signal) => api.get(path, { signal }), (answer) => {
      base = buckets.fromAnswer(answer);
      answered = performance.now();
      // What the page knows now, the answer has as well, but for a reading on its way: the next answer has that too.
      tail = tail.filter(([at]) => at > newest);
      model.unit = answer.unit ?? model.unit;
      failure.hidden = true;
      if (model.viewport.from === from) context.navigate(`${location.hash.split("?")[0]}?${view.toQuery(model.viewport)}`, { replace: true });
      refresh();
      box.tabulate();
      trial.again();
    }, (error) => {
      answered = performance.now();
      failure.hidden = false;
      fill(failure, w.failed(error.detail ?? String(error)), " ", h("button", { type: "button", onclick: () => load({ atOnce: true }) }, w.retry));
    }, { atOnce });
    loadAlarms({ from, to });
  }

  /** Alarms that were raised well before the span, and ended well after it, are found too. @param {{ from: number, to: number }} span */
  function loadAlarms({ from, to }) {
    const around = Math.max(to - from, 7 * view.DAY);
    const path = `api/v1/alerts?${query({ sensor: id, since: iso(from - around), until: iso(Math.min(to + around, now() + view.MINUTE)), limit: String(MAX_EVENTS) })}`;
    loads.alarms.ask((signal) => api.get(path, { signal }), (answer) => {
      events = answer.alerts;
      showAlarms();
    }, (error) => alarms.failed(error.detail ?? String(error)));
  }

  function showAlarms() {
    const mine = [...state.alarms.values()].filter((alarm) => alarm.sensor_id === id && alarm.quantity === quantity);
    const spans = alarmSpans(events, mine, quantity);
    // The gravest is drawn last, above the others.
    model.alarms = [...spans].sort((a, b) => b.priority - a.priority);
    present.stand(mine);
    alarms.update(spans, model.viewport, events.length >= MAX_EVENTS);
    box.redraw();
  }

  function find() {
    series = state.series.find((it) => it?.id === id && it.quantity === quantity) ?? null;
    tabs.update(state.series);
    if (!series) return;
    const { unit, low, high, location } = series;
    model.unit = unit;
    text(title.place, [location, named].filter(Boolean).join(" · "));
    model.limits = [
      ...(high === null ? [] : [{ value: high, label: w.high(format.number(high)) }]),
      ...(low === null ? [] : [{ value: low, label: w.low(format.number(low)) }]),
    ];
    limitsChoice.hidden = model.limits.length === 0;
    statistics.limits(low, high, unit);
  }

  /** Puts a live value to the tail. */
  function take() {
    if (!series || series.value === null || series.at === null || series.at <= newest) return false;
    newest = series.at;
    tail = [...tail, /** @type {[number, number]} */ ([series.at, series.value])].slice(-MAX_TAIL);
    return true;
  }

  function loadTrend() {
    if (!series || performance.now() - trendAt < TREND_MS) return;
    trendAt = performance.now();
    const { i } = series;
    loads.trend.ask((signal) => api.get(`api/v1/sparklines?series=${i}`, { signal }), ({ t0, step, series: found }) => {
      present.trend(/** @type {(number|null)[]} */ (found[i]?.mean ?? []).map((mean, k) => [t0 + k * step * 1000, mean]));
    }, () => present.trend([]));
  }

  /** @param {import("../feed.js").Changes} changes */
  function update(changes) {
    if (changes.full || changes.named || !series) find();
    if (series) series = state.series[series.i] ?? series;
    const isNew = take();
    loadTrend();
    const mine = [...state.alarms.values()].filter((alarm) => alarm.sensor_id === id);
    const now = mine.map((alarm) => `${alarm.id} ${alarm.state} ${alarm.withheld}`).join();
    if (changes.full || (changes.alarms && now !== standing)) {
      standing = now;
      showAlarms();
      loadAlarms(model.viewport);
    }
    const wait = Math.min(LATEST_MS, Math.max(SOONEST_MS, base ? base.step : 0));
    if (model.viewport.live && state.link.is === "live" && !loads.history.isWaiting() && performance.now() - answered > wait) load({ atOnce: true });
    if (isNew || changes.tick || changes.full) refreshSoon();
  }

  function toggleLimits() {
    model.showsLimits = limitsBox.checked;
    box.redraw();
  }

  /** A limit with the digits that make a difference in the chart. @param {number} limit */
  function rounded(limit) {
    const [low, high] = shownRange() ?? [limit, limit];
    return Number(limit.toFixed(Math.max(0, decimals(low, high) - 1)));
  }

  function shownRange() {
    if (!model.history) return null;
    const [first, end] = buckets.within(model.history, model.viewport);
    return range(model.history, first, end, model.limits.map(({ value }) => value));
  }

  /** A limit to begin with: the sensor's own, or the edge of what was measured. @param {"high"|"low"} kind */
  function suggest(kind) {
    const own = kind === "high" ? series?.high : series?.low;
    const [low, high] = shownRange() ?? [0, 1];
    return own ?? rounded(kind === "high" ? high : low);
  }

  function exportCsv() {
    if (!model.history) return;
    const { time, lowest, mean, highest, readings } = w.csv;
    const file = buckets.csv(model.history, model.viewport, {
      zone: format.zone, unit: format.unitSymbol(model.unit), header: [time, lowest, mean, highest, readings],
    });
    const url = URL.createObjectURL(new Blob(["\ufeff", file], { type: "text/csv" }));
    h("a", { href: url, download: `${id}-${quantity}-${iso(model.viewport.from).slice(0, 10)}.csv`.replace(/[^\w.-]+/g, "_") }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  find();
  load({ atOnce: true });
  refresh();
  return {
    element,
    update,
    /** @param {import("../app.js").Route} route */
    isOf: ({ args }) => args[0] === id && (args[1] ?? quantity) === quantity,
    /** @param {URLSearchParams} to */
    go: (to) => show({ ...view.fromQuery(to, now()), back: view.mark(model.viewport).back }),
    close() {
      clearTimeout(timer);
      Object.values(loads).forEach((one) => one.cancel());
      trial.close();
      box.close();
    },
  };
}

/** @param {number} at */
const iso = (at) => new Date(at).toISOString();
/** @param {Record<string, string>} fields */
const query = (fields) => new URLSearchParams(fields).toString();

/** What is shown, in which zone, and how it is drawn. @param {Context} context @param {import("../chartbox.js").Model} model */
function captionOf({ words: { sensor: w }, format }, { viewport: { from, to }, history, gaps }) {
  const isLong = to - from > 2 * view.DAY;
  const edge = (/** @type {number} */ at) => (isLong ? format.date(at) : `${format.day(at)}, ${format.minute(at)}`);
  const parts = [w.caption(edge(from), edge(to), format.zone)];
  if (history) parts.push(history.n.some((n) => n > 0) ? w.bucket(format.duration(history.step)) : w.noHistory);
  if (gaps.length > 0) parts.push(w.hatched);
  return parts.join(" · ");
}

/** Presets, zoom, back and the live pin.
 * @param {{ w: any, show(viewport: Viewport): void, current(): Viewport, now(): number }} of */
function spanControls({ w, show, current, now }) {
  const button = (/** @type {string} */ label, /** @type {string} */ help, /** @type {() => Viewport} */ next) =>
    h("button", { type: "button", class: "chip", title: help, onclick: () => show(next()) }, label);
  const signed = (/** @type {string} */ sign, /** @type {string} */ name, /** @type {number} */ factor) => {
    const element = button(sign, name, () => view.zoom(view.mark(current()), about(), factor, now()));
    attribute(element, "aria-label", name);
    return element;
  };
  const presets = Object.entries(view.PRESETS).map(([name, length]) => ({
    name, element: button(w.presets[name], w.presetNames[name], () => view.latest(current(), length, now())),
  }));
  const about = () => (current().live ? current().to : (current().from + current().to) / 2);
  const live = button(w.live, w.liveHelp, () => view.pin(current(), !current().live, now()));
  const back = button(`↶ ${w.back}`, w.backHelp, () => view.back(current(), now()));
  const element = h("div", { class: "chips", role: "group", "aria-label": w.spans },
    presets.map((preset) => preset.element),
    signed("+", w.zoomIn, 0.5), signed("−", w.zoomOut, 2), back, live);
  return {
    element,
    update() {
      const shown = view.presetOf(current());
      for (const preset of presets) attribute(preset.element, "aria-pressed", preset.name === shown);
      attribute(live, "aria-pressed", current().live);
      back.disabled = current().back.length === 0;
    },
  };
}
