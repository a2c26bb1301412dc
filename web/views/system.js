// The System page: what is wrong and since when, the supervision tree, queues and lag, the database, receivers.
//
// Always: what is abnormal stands first, in inverse with a sign and words; everything else is calm.
// Never: judges readings; it shows how the daemon says it is.

import { h } from "../page/dom.js";
import { problemsOf, restartsOf } from "../data/health.js";
import { sign } from "../page/icons.js";
import { patch } from "../page/patch.js";
import { instant } from "../data/spans.js";
import { countSilent } from "../data/state.js";

const FEW_DAYS = 30; // until the disk is full, below which that is told as wrong
const FAILED = new Set(["backing_off", "quarantined", "gave_up"]);
const RESTARTS_NAMED = 5;
const TEN_YEARS = 3650; // days, beyond which an estimate says nothing

/** @typedef {import("../app.js").Context} Context */

/** @param {Context} context @returns {import("../app.js").View} */
export function open(context) {
  const { words, state } = context;
  const w = words.system;
  const nothing = h("p", { class: "muted" }, w.none);
  const heading = h("h1", { class: "unseen" }, w.title);
  const [wrong, tree, figures, receivers] = [h("section"), h("section"), h("div", { class: "figures" }), h("section")];
  const body = h("div", { hidden: true }, wrong, h("div", { class: "system-grid" }, h("div", null, tree, receivers), figures));
  let drawn = "";

  function draw() {
    const system = state.system;
    nothing.hidden = Boolean(system);
    body.hidden = !system;
    if (!system) return;
    const now = state.link.now();
    const parts = [[wrong, problems(system, context, now)], [tree, treeTable(system.tree, context, now)],
      [figures, figurePanels(system, context, now)], [receivers, receiverTable(system.receivers, context, now)]];
    for (const [element, children] of /** @type {[HTMLElement, HTMLElement[]][]} */ (parts)) patch(element, children);
  }

  return {
    element: h("div", { class: "system-page" }, heading, nothing, body),
    update(changes) {
      // Ages go on by the second; the rest changes with the daemon's word.
      const key = `${Math.floor(state.link.now() / 1000)} ${state.link.is}`;
      if (!changes.system && !changes.full && key === drawn) return;
      drawn = key;
      draw();
    },
    close() {},
  };
}

/** What is wrong with Vigie, or that nothing is; and how many sensors say nothing, which Vigie can't know the cause of.
 * @param {any} system @param {Context} context @param {number} now */
function problems(system, context, now) {
  const { state, words: { system: w } } = context;
  const { silent, all } = countSilent(state.series, now, state.link.is !== "live");
  const silence = h("p", { class: "panel silence" }, sign("silent"), h("strong", null, w.silent(silent, all)), h("a", { href: "#/fleet?show=silent" }, w.silentShow));
  return [...ownProblems(system, context, now), ...(silent > 0 ? [silence] : [])];
}

/** @param {any} system @param {Context} context @param {number} now */
function ownProblems(system, { words, format }, now) {
  const w = words.system;
  const found = problemsOf(system, w, FEW_DAYS);
  if (found.length === 0) {
    const restarts = restartsOf(system.tree, now);
    const names = restarts.slice(0, RESTARTS_NAMED).map(({ name, at }) => w.restartedAt(name, format.when(at, now)));
    const more = restarts.length > RESTARTS_NAMED ? ` ${w.restartedMore(restarts.length - RESTARTS_NAMED)}` : "";
    return [h("p", { class: "panel fine", role: "status" }, w.fine, restarts.length > 0 && h("span", { class: "restarts" }, w.restarted(names.join(", ") + more)))];
  }
  const rows = found.map(({ what, since }) => {
    const at = instant(since);
    return h("li", null, h("strong", null, what), at === null ? null : h("span", null, ` ${w.since(format.when(at, now), format.age(now - at))}`));
  });
  return [h("div", { class: "wrong-panel" }, h("h2", null, `! ${w.problems(found.length)}`), h("ul", null, rows))];
}

/** @param {string[]} columns @param {number[]} numbers Indexes of the columns that are numbers. */
function head(columns, numbers) {
  return h("thead", null, h("tr", null, columns.map((name, i) => h("th", { scope: "col", class: numbers.includes(i) ? "n" : "" }, name))));
}

/** @param {any} tree @param {Context} context @param {number} now */
function treeTable(tree, context, now) {
  const w = context.words.system;
  if (!tree) return [h("h2", null, w.tree), h("p", { class: "muted" }, w.states.starting)];
  const rows = tree.children.filter((/** @type {any} */ child) => !tree.groups.some((/** @type {any} */ group) => group.name === child.name));
  const body = rows.map((/** @type {any} */ child) => childRow(child, context, now));
  const groups = tree.groups.flatMap((/** @type {any} */ group) => groupRows(group, context, now));
  return [
    h("h2", null, w.tree),
    scroll(w.tree, h("table", { class: "tree" }, head(w.treeColumns, [2, 3, 4]), h("tbody", null, body, groups))),
  ];
}

/** @param {string} label @param {HTMLElement} content */
function scroll(label, content) {
  return h("div", { class: "scroll panel", role: "region", tabIndex: 0, "aria-label": label }, content);
}

/** @param {any} child @param {Context} context @param {number} now @param {boolean} [isInGroup] */
function childRow(child, { words, format }, now, isInGroup = false) {
  const w = words.system;
  const isWrong = FAILED.has(child.state);
  const [since, until] = [instant(child.since), instant(child.until)];
  const said = /** @type {Record<string, string>} */ (w.states)[child.state] ?? child.state;
  const tells = /** @type {Record<string, (left: string) => string>} */ (w.until)[child.state];
  const left = tells && until !== null && until > now ? tells(format.age(until - now)) : said;
  const exit = child.last_exit;
  const ended = instant(exit?.at);
  return h(
    "tr", { class: isWrong ? "bad" : child.restarts_in_window > 0 ? "restarted" : "" },
    h("th", { scope: "row", class: isInGroup ? "in-group" : "" }, child.name),
    h("td", null, h("span", { class: isWrong ? "flag" : "" }, isWrong ? `! ${left}` : left)),
    h("td", { class: "n", "data-label": w.treeColumns[2] }, since === null ? "–" : format.when(since, now)),
    h("td", { class: "n", "data-label": w.treeColumns[3] }, format.number(child.incarnation)),
    h("td", { class: child.restarts_in_window > 0 ? "n" : "n empty", "data-label": w.treeColumns[4] }, child.restarts_in_window > 0 ? h("strong", null, format.number(child.restarts_in_window)) : "0"),
    h("td", { class: `wrap muted${exit ? "" : " empty"}`, "data-label": w.treeColumns[5] }, exit ? `${exit.what}${ended === null ? "" : ` (${format.when(ended, now)})`}` : "–"),
  );
}

/** A group in a line, then its children that are in trouble.
 * @param {any} group @param {Context} context @param {number} now @returns {HTMLElement[]} */
function groupRows(group, context, now) {
  const { words, format } = context;
  const w = words.system;
  const states = Object.entries(group.states).filter(([, count]) => /** @type {number} */ (count) > 0);
  const isBad = states.some(([name]) => FAILED.has(name));
  const counts = states.map(([name, n]) => {
    const said = `${format.number(/** @type {number} */ (n))} ${/** @type {Record<string, string>} */ (w.stateCounts)[name] ?? name}`;
    return h("span", { class: FAILED.has(name) ? "flag" : "" }, FAILED.has(name) ? `! ${said}` : said);
  });
  const summary = h(
    "tr", { class: isBad ? "bad" : "" },
    h("th", { scope: "row" }, group.name, " ", h("span", { class: "muted" }, w.group(group.children))),
    h("td", { colSpan: 3 }, h("span", { class: "counted" }, counts)),
    h("td", { class: "n", "data-label": w.treeColumns[4] }, format.number(group.restarts_in_window)),
    h("td", { class: `muted${group.troubled_not_named > 0 ? "" : " empty"}` }, group.troubled_not_named > 0 ? w.notNamed(group.troubled_not_named) : "–"),
  );
  return [summary, ...group.troubled.map((/** @type {any} */ child) => childRow(child, context, now, true))];
}

/** @param {any} system @param {Context} context @param {number} now */
function figurePanels(system, { words, format }, now) {
  const w = words.system;
  const { series, lag, queues, database, broker } = system;
  const [newest, started] = [instant(series.newest), instant(system.started_at)];
  const readings = system.readings_per_s;
  const flow = panel(w.flow, [
    [w.readings, typeof readings === "number" ? w.perSecond(format.number(Number(readings.toPrecision(4)))) : "–"],
    [w.series, `${format.number(series.known)}, ${w.inAlarm(format.number(series.in_alarm))}`],
    [w.newest, newest === null ? "–" : format.when(newest, now)],
    [w.uncommitted, format.number(lag.uncommitted)],
    [w.unpublished, format.number(lag.unpublished)],
    ...Object.entries(queues).map(([name, queue]) => queueRow(name, /** @type {any} */ (queue), w, format)),
  ]);
  const daemon = panel(w.daemon, [
    [w.version, system.version],
    [w.started, started === null ? "–" : w.startedAt(format.when(started, now), format.age(now - started))],
    [w.pid, String(system.pid)],
    [words.common.pages.broker, h("a", { href: "#/broker" }, broker.name)],
  ]);
  return [flow, ...(database ? [databasePanel(database, w, format)] : []), daemon];
}

/** @param {string} name @param {{ depth: number, capacity: number }} queue @param {any} w @param {import("../page/format.js").Format} format
 * @returns {[string, HTMLElement]} */
function queueRow(name, { depth, capacity }, w, format) {
  const isFull = capacity > 0 && depth / capacity >= 0.8;
  const meter = h("progress", { max: Math.max(1, capacity), value: Math.min(depth, capacity), "aria-label": w.queues[name] ?? name });
  return [w.queues[name] ?? name, h("span", { class: `queue${isFull ? " flag" : ""}` }, meter, `${isFull ? "! " : ""}${w.queueFill(format.number(depth), format.number(capacity))}`)];
}

/** @param {any} database @param {any} w @param {import("../page/format.js").Format} format */
function databasePanel({ path, bytes, grows_bytes_a_day: growth, disk_free_bytes: free, days_left: days }, w, format) {
  const isShort = typeof days === "number" && days < FEW_DAYS;
  const lasts = typeof days !== "number" ? "–" : days > TEN_YEARS ? w.longer : w.days(Math.floor(days));
  return panel(w.database, [
    [w.size, typeof bytes === "number" ? format.bytes(bytes) : "–"],
    [w.growth, typeof growth !== "number" ? "–" : growth > 0 ? w.aDay(format.bytes(growth)) : w.notGrowing],
    [w.free, typeof free === "number" ? format.bytes(free) : "–"],
    [w.lasts, h("span", { class: isShort ? "flag" : "" }, isShort ? `! ${lasts}` : lasts)],
    [w.path, h("code", null, path ?? "–")],
  ]);
}

/** @param {string} title @param {[string, string|HTMLElement][]} rows */
function panel(title, rows) {
  return h("section", { class: "panel" }, h("h2", null, title), h("dl", { class: "kv" }, rows.flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value)])));
}

/** @param {any[]} receivers @param {Context} context @param {number} now */
function receiverTable(receivers, { words, format }, now) {
  const w = words.system;
  if (receivers.length === 0) return [h("h2", null, w.receivers), h("p", { class: "muted" }, w.noReceivers)];
  const rows = receivers.map((receiver) => {
    const isFailing = receiver.state === "failing";
    const [success, error] = [instant(receiver.last_success), receiver.last_error];
    const at = instant(error?.at);
    const state = /** @type {Record<string, string>} */ (w.receiverStates)[receiver.state] ?? receiver.state;
    return h(
      "tr", { class: isFailing ? "bad" : "" },
      h("th", { scope: "row" }, receiver.name),
      h("td", null, h("span", { class: isFailing ? "flag" : "" }, isFailing ? `! ${state}` : state)),
      ...[receiver.waiting, receiver.delivered, receiver.given_up + receiver.dropped].map((n, i) =>
        h("td", { class: "n", "data-label": w.receiverColumns[2 + i] }, format.number(n))),
      h("td", { class: "n", "data-label": w.receiverColumns[5] }, success === null ? w.never : format.when(success, now)),
      h("td", { class: `wrap muted${error ? "" : " empty"}`, "data-label": w.receiverColumns[6] }, error ? `${error.why}${at === null ? "" : ` (${format.when(at, now)})`}` : "–"),
    );
  });
  return [h("h2", null, w.receivers), scroll(w.receivers, h("table", null, head(w.receiverColumns, [2, 3, 4, 5]), h("tbody", null, rows)))];
}
