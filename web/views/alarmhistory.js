// The alarms' history: every transition, newest first, fetched by pages as far back as somebody looks.
//
// Always: bounded; what is newer is offered, not pushed in under the eyes.

import { chartLink, eventWhat } from "../alarmtext.js";
import { attribute, h, text } from "../dom.js";
import { plain } from "../fleetlist.js";
import { alarmIcon, setAlarmIcon } from "../icons.js";
import { cell, headCell, VirtualList } from "../list.js";
import { alarmPriority } from "../state.js";

const PAGE = 200;
const MOST = 5000; // events kept in the page: a day of a bad week
const LOOK_MS = [1000, 5000, 20_000]; // after an alarm changed: its event is stored a moment later, more on a busy disk

const OVER = new Set(["returned", "reset", "closed"]);

/** @type {Record<string, NonNullable<import("../state.js").Alarm["withheld"]>>} */
const WITHHOLDS = { shelved: "shelved", suppressed: "suppressed", "taken-out-of-service": "out-of-service" };

/** @typedef {any} Alert as the API has it */

/** @param {import("../app.js").Context} context @param {(alert: Alert) => boolean} match */
export function alarmHistory(context, match) {
  const { words, api } = context;
  const w = words.alarms;
  /** @type {Alert[]} newest first */
  let alerts = [];
  /** @type {Alert[]} */
  let shown = [];
  /** @type {number | null} */
  let next = null;
  let isLoading = false;
  let known = "";
  let looks = LOOK_MS.length;
  let looking = 0;
  const abort = new AbortController();

  const list = new VirtualList({
    label: w.tabs.history,
    name: "history",
    columns: [headCell("since n", w.columns.time), headCell("icons", w.columns.priority, true), headCell("name", w.columns.sensor), headCell("change", w.columns.change),
      headCell("message", w.columns.what)],
    create: historyRow,
    paint: (made, row) => paintEvent(made, shown[row], context),
  });
  const newer = h("button", { type: "button", class: "newer", hidden: true, onclick: () => void load(true) }, w.newer);
  const older = h("button", { type: "button", hidden: true, onclick: () => void load(false) }, w.older);
  const said = h("p", { class: "muted", role: "status" });
  const element = h("div", null, newer, list.element, h("div", { class: "foot" }, older, said));

  /** The state of all alarms, to be compared: another one may have left an event. */
  const states = () => JSON.stringify([...context.state.alarms].map(([key, { id, state, withheld }]) => [key, id, state, withheld]));

  /** @param {boolean} isAnew from the newest on */
  async function load(isAnew) {
    if (isLoading) return;
    isLoading = true;
    if (isAnew) known = states();
    text(said, words.common.loading);
    try {
      const before = isAnew || next === null ? "" : `&before=${next}`;
      const answer = await api.get(`api/v1/alerts?limit=${PAGE}${before}`, { signal: abort.signal });
      const page = [...answer.alerts].reverse();
      alerts = (isAnew ? page : [...alerts, ...page]).slice(0, MOST);
      next = answer.next ?? null;
      newer.hidden ||= isAnew;
      text(said, "");
      filter();
    } catch (error) {
      if (!abort.signal.aborted) text(said, words.common.failed(error instanceof Error ? error.message : String(error)));
    }
    isLoading = false;
  }

  /** Some more times, unless there is nothing to look for any more. */
  function lookSoon() {
    clearTimeout(looking);
    const wait = LOOK_MS[looks];
    if (wait !== undefined && newer.hidden) looking = window.setTimeout(() => void look(), wait);
  }

  /** Offers to load again if there is a newer event: that an alarm changed is no proof, what is loaded may have it. */
  async function look() {
    looks += 1;
    try {
      const answer = await api.get("api/v1/alerts?limit=1", { signal: abort.signal });
      const newest = answer.alerts.at(-1)?.number ?? 0;
      if (!isLoading) newer.hidden = newest <= (alerts[0]?.number ?? 0);
    } catch {
      // The next look may be answered.
    }
    if (!abort.signal.aborted) lookSoon();
  }

  function filter() {
    shown = alerts.filter(match);
    list.setCount(shown.length);
    list.element.hidden = shown.length === 0;
    older.hidden = next === null || alerts.length >= MOST;
    if (shown.length === 0) text(said, alerts.length === 0 ? w.none.history : w.none.search);
    else text(said, alerts.length >= MOST ? w.kept(MOST) : next === null ? w.oldest : "");
  }

  void load(true);
  queueMicrotask(() => list.attach());
  return {
    element,
    filter,
    /** Alarms may have changed since the newest page was loaded. */
    changed() {
      const now = states();
      if (now === known) return;
      known = now;
      if (looks === 0) return;
      looks = 0;
      lookSoon();
    },
    close() {
      clearTimeout(looking);
      abort.abort();
      list.close();
    },
  };
}

/** Whether an event has all these words. @param {Alert} alert @param {string[]} needles */
export function matchesAlert(alert, needles) {
  const hay = plain(`${alert.rule} ${alert.sensor_id} ${alert.location} ${alert.by ?? ""} ${alert.why ?? ""} ${alert.message}`);
  return needles.every((needle) => hay.includes(needle));
}

function historyRow() {
  const [time, day, change, who, message, rule] = ["", "muted", "stands", "who muted", "", "rule muted under"].map((name) => h("span", { class: name }));
  const icon = alarmIcon(0);
  const link = h("a", { "data-col": "main" });
  const place = h("span", { class: "place muted" });
  const element = h("div", { class: "row event", role: "row" },
    cell("since n", time, day), cell("icons", icon), cell("name", link, place), cell("change", change, who), cell("message", message, rule));
  return { element, made: /** @type {Record<"time" | "day" | "change" | "who" | "message" | "rule" | "place", HTMLElement> & { icon: SVGSVGElement, link: HTMLAnchorElement }} */ ({ time, day, icon, link, place, change, who, message, rule }) };
}

/** @param {ReturnType<typeof historyRow>["made"]} made @param {Alert | undefined} alert @param {import("../app.js").Context} context */
function paintEvent(made, alert, { words, format }) {
  if (!alert) return;
  const at = Date.parse(alert.timestamp);
  text(made.time, format.time(at));
  text(made.day, format.day(at));
  attribute(made.time, "title", `${format.dateTime(at)} ${format.zoneName(at)}`);
  const priority = alarmPriority(alert);
  const withheld = WITHHOLDS[alert.transition] ?? null;
  const label = [words.common.priorities[priority], withheld && words.alarms.states[withheld]].filter(Boolean).join(", ");
  setAlarmIcon(made.icon, priority, { isHollow: alert.transition !== "raised", isOver: OVER.has(alert.transition), withheld, label });
  text(made.link, alert.sensor_id);
  attribute(made.link, "href", alert.sensor_id === "*" ? null : chartLink(alert, at));
  text(made.place, alert.location);
  text(made.change, words.alarms.changes[alert.transition] ?? alert.transition ?? alert.state);
  text(made.message, eventWhat(alert, { words, format, now: at }));
  text(made.rule, alert.rule);
  attribute(made.message, "title", alert.message);
  text(made.who, [alert.by, alert.why].filter(Boolean).join(": "));
  attribute(made.who, "title", made.who.textContent || null);
}
