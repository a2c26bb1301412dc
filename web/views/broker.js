// The Broker page: the connection, what this broker can't do, traffic, the busiest topics, client sessions.
//
// Always: a cut payload says so, and so does one that the broker replayed; figures that can't be had are a dash.
// Never: keeps more than the last minutes of traffic, or subscribes to anything.

import { colour, fit, h, text } from "../page/dom.js";
import { patch } from "../page/patch.js";
import { table } from "../page/table.js";
import { instant } from "../data/spans.js";

const SAMPLES = 600; // of traffic, one a second: ten minutes, 10 kB

/** @typedef {import("../app.js").Context} Context */
/** @typedef {{ at: number, incoming: number, outgoing: number }} Sample */

/** Traffic as this page has seen it; it stays while other pages are shown. @type {Sample[]} */
let samples = [];

/** @param {Context} context @returns {import("../app.js").View} */
export function open(context) {
  const { words, state } = context;
  const w = words.broker;
  const nothing = h("p", { class: "muted" }, w.none);
  const link = h("section", { class: "panel" });
  const limits = h("section", { class: "panel" });
  const [incoming, outgoing] = [traffic(w.incoming, context), traffic(w.outgoing, context)];
  const [topics, sessions, sys] = [h("section"), h("section"), h("section")];
  const body = h("div", { hidden: true },
    h("div", { class: "broker-grid" }, link, incoming.element, outgoing.element, limits), topics, sessions, sys);

  function draw() {
    const broker = state.broker;
    nothing.hidden = Boolean(broker);
    body.hidden = !broker;
    if (!broker) return;
    const now = state.link.now();
    patch(link, connection(broker, context, now));
    patch(limits, [h("h2", null, w.limits), broker.limits.length === 0 ? h("p", { class: "muted" }, w.noLimits) : h("ul", null, broker.limits.map((/** @type {string} */ it) => h("li", null, it)))]);
    incoming.update(broker.in_per_s, samples.map((it) => [it.at, it.incoming]));
    outgoing.update(broker.out_per_s, samples.map((it) => [it.at, it.outgoing]));
    patch(topics, [h("h2", null, w.topics), topicTable(broker.topics, context, now)]);
    patch(sessions, [h("h2", null, w.sessions), sessionTable(broker.sessions, context, now)]);
    patch(sys, broker.sys ? [h("h2", null, w.sys), sysTable(broker.sys)] : []);
  }

  return {
    element: h("div", { class: "broker-page" }, h("h1", { class: "unseen" }, w.title), nothing, body),
    update(changes) {
      if ((changes.broker || changes.full) && state.broker) sample(state.broker, state.link.now());
      if (changes.broker || changes.full || changes.tick) draw();
    },
    close() {},
  };
}

/** A rate and its last minutes. @param {string} name @param {Context} context */
function traffic(name, { words: { broker: w }, format }) {
  const rate = h("span", { class: "big" });
  const canvas = h("canvas", { class: "traffic", role: "img" });
  const note = h("p", { class: "caption" });
  return {
    element: h("section", { class: "panel" }, h("h2", null, name), h("div", { class: "v" }, rate), canvas, note),
    /** @param {number|null} now @param {[number, number][]} points */
    update(now, points) {
      text(rate, typeof now === "number" ? w.perSecond(rateText(now, format)) : "–");
      const values = points.map(([, value]) => value);
      const said = points.length < 2 ? "" : w.sparkline(rateText(Math.min(...values), format), rateText(Math.max(...values), format));
      canvas.setAttribute("aria-label", `${name}: ${said || "–"}`);
      text(note, said);
      sparkline(canvas, points);
    },
  };
}

/** @param {number} rate @param {import("../page/format.js").Format} format */
const rateText = (rate, format) => format.number(Number(rate.toPrecision(3)));

/** @param {any} broker @param {number} now */
function sample({ in_per_s: incoming, out_per_s: outgoing }, now) {
  if (typeof incoming !== "number" || typeof outgoing !== "number") return;
  if (samples.length > 0 && now - (samples.at(-1)?.at ?? 0) < 900) return;
  samples = [...samples, { at: now, incoming, outgoing }].slice(-SAMPLES);
}

/** Rates over time; parted where the page did not look. @param {HTMLCanvasElement} canvas @param {[number, number][]} points */
function sparkline(canvas, points) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const c = width > 0 ? fit(canvas, width, height) : null;
  const [first, last] = [points[0], points.at(-1)];
  if (!c || !first || !last) return;
  const most = Math.max(1e-9, ...points.map(([, value]) => value)) * 1.05;
  const start = Math.min(first[0], last[0] - 60_000);
  const x = (/** @type {number} */ at) => ((at - start) / (last[0] - start)) * (width - 2) + 1;
  const y = (/** @type {number} */ value) => height - 1.5 - (value / most) * (height - 4);
  c.strokeStyle = colour("line");
  c.strokeRect(0, height - 0.5, width, 0);
  c.strokeStyle = colour("accent");
  c.lineWidth = 1.5;
  c.beginPath();
  points.forEach(([at, value], i) => {
    const isParted = i === 0 || at - (points[i - 1]?.[0] ?? 0) > 5000;
    if (isParted) c.moveTo(x(at), y(value));
    else c.lineTo(x(at), y(value));
  });
  c.stroke();
}

/** @param {any} broker @param {Context} context @param {number} now */
function connection({ name, embedded, connected, since }, { words: { broker: w }, format }, now) {
  const at = instant(since);
  return [
    h("h2", null, embedded ? w.embedded : w.external),
    h("div", { class: "broker-name" }, name),
    h("div", null, h("span", { class: connected ? "" : "flag" }, connected ? w.connected : `! ${w.notConnected}`)),
    h("div", { class: "muted" }, at === null ? "" : w.since(format.when(at, now), format.age(now - at))),
  ];
}

/** @param {any[]} topics @param {Context} context @param {number} now */
function topicTable(topics, { words: { broker: w }, format }, now) {
  if (topics.length === 0) return h("p", { class: "muted" }, w.noTopics);
  const rows = topics.map(({ topic, per_s: rate, last_at: last, payload, is_cut: isCut, retained }) => {
    const at = instant(last);
    return h(
      "tr", null,
      h("th", { scope: "row" }, h("code", null, topic)),
      h("td", { class: "n" }, w.perSecond(rateText(rate, format))),
      h("td", { class: "n muted", "data-label": w.topicColumns[2] }, at === null ? "–" : format.age(now - at)),
      h("td", { class: "payload" },
        payload === "" || payload === null ? h("span", { class: "muted" }, w.empty) : h("code", null, payload),
        isCut ? h("span", { class: "tag", title: w.cutHelp }, `… ${w.cut}`) : null,
        retained ? h("span", { class: "tag", title: w.retainedHelp }, w.retained) : null),
    );
  });
  return table(w.topics, w.topicColumns, [1, 2], rows);
}

/** @param {any[]|null} sessions @param {Context} context @param {number} now */
function sessionTable(sessions, { words: { broker: w }, format }, now) {
  if (sessions === null) return h("p", { class: "muted" }, w.noSessions);
  if (sessions.length === 0) return h("p", { class: "muted" }, w.emptySessions);
  const rows = sessions.map(({ client_id: client, address, since, connected, queued, subscriptions }) => {
    const at = instant(since);
    const age = at === null ? "–" : format.age(now - at);
    const number = (/** @type {unknown} */ n) => (typeof n === "number" ? format.number(n) : "–");
    return h(
      "tr", null,
      h("th", { scope: "row" }, h("code", null, client)),
      h("td", null, address ?? "–"),
      h("td", { class: "n", "data-label": w.sessionColumns[2] }, connected ? age : w.sessionAway(age)),
      h("td", { class: "n", "data-label": w.sessionColumns[3] }, number(queued)),
      h("td", { class: "n", "data-label": w.sessionColumns[4] }, number(Array.isArray(subscriptions) ? subscriptions.length : subscriptions)),
    );
  });
  return table(w.sessions, w.sessionColumns, [2, 3, 4], rows);
}

/** @param {Record<string, unknown>} sys */
function sysTable(sys) {
  return h("dl", { class: "kv panel" }, Object.entries(sys).flatMap(([name, value]) => [h("dt", null, h("code", null, name)), h("dd", null, String(value))]));
}
