// The alarm history: every transition, newest first. A chosen time range is loaded whole; without one, page by page on demand.
//
// Always: bounded, with a note where the bound cuts a range; newer events are offered, never inserted unasked.

import { alertsCsv, csvName } from "../alarms/alarmcsv.js";
import { chartLink, eventWhat } from "../alarms/alarmtext.js";
import { attribute, h, saveCsv, text } from "../page/dom.js";
import { plain } from "../data/fleetlist.js";
import { endsOf } from "../alarms/historyspan.js";
import { alarmIcon, setAlarmIcon } from "../page/icons.js";
import { cell, headCell, VirtualList } from "../page/list.js";
import { alarmPriority } from "../data/state.js";
import { historyRange, spanInWords } from "./historyrange.js";

const PAGE = 200; // events per request without a time range
const LARGE = 1000; // and with one
const MOST = 5000; // events kept in the page: a day of a bad week
const LOOK_MS = [1000, 5000, 20_000]; // after an alarm changed: its event is stored a moment later, more on a busy disk

const OVER = new Set(["returned", "reset", "closed"]);

/** @type {Record<string, NonNullable<import("../data/state.js").Alarm["withheld"]>>} */
const WITHHOLDS = { shelved: "shelved", suppressed: "suppressed", "taken-out-of-service": "out-of-service" };

/** @typedef {any} Alert as the API has it */

/** @typedef {import("../alarms/historyspan.js").HistorySpan} HistorySpan */
/** @typedef {{ match: (alert: Alert) => boolean, span: HistorySpan, chosen: (span: HistorySpan) => void }} Given `chosen`: called with another time range */

export class AlarmHistory {
  /** @type {Alert[]} newest first */ #alerts = [];
  /** @type {Alert[]} */ #shown = [];
  /** @type {number | null} */ #next = null;
  #isLoading = false;
  #asked = 0; // daemon's time of the newest request: the end of a length
  #known = "";
  #looks = LOOK_MS.length;
  #looking = 0;
  #abort = new AbortController();

  /** @param {import("../app.js").Context} context @param {Given} given */
  constructor(context, { match, span, chosen }) {
    this.context = context;
    this.w = context.words.alarms;
    this.match = match;
    this.span = span;
    const { w } = this;
    this.list = new VirtualList({
      label: w.tabs.history,
      name: "history",
      columns: [headCell("since n", w.columns.time), headCell("icons", w.columns.priority, true), headCell("name", w.columns.sensor), headCell("change", w.columns.change),
        headCell("message", w.columns.what)],
      create: historyRow,
      paint: (made, row) => paintEvent(made, this.#shown[row], context),
    });
    this.newer = h("button", { type: "button", class: "newer", hidden: true, onclick: () => void this.#load() }, w.newer);
    this.older = h("button", { type: "button", hidden: true, onclick: () => void this.#loadOlder() }, w.older);
    this.exported = h("button", { type: "button", onclick: () => this.#export() }, context.words.sensor.exportCsv);
    this.range = historyRange(context, chosen, this.newer, this.exported);
    this.said = h("p", { class: "muted", role: "status" });
    this.element = h("div", null, this.range.element, this.list.element, h("div", { class: "foot" }, this.older, this.said));
    void this.#load();
    queueMicrotask(() => this.list.attach());
  }

  /** Loads another time range; the same one is left alone. @param {HistorySpan} span */
  show(span) {
    const { kind, from, to } = this.span;
    if (kind === span.kind && from === span.from && to === span.to) return;
    this.span = span;
    [this.#alerts, this.#next] = [[], null]; // of the former range
    void this.#load();
  }

  /** The state of all alarms, to be compared: another one may have left an event. */
  #states() {
    return JSON.stringify([...this.context.state.alarms].map(([key, { id, state, withheld }]) => [key, id, state, withheld]));
  }

  /** @param {number} limit @param {number | null} before @param {AbortSignal} signal */
  #ask(limit, before, signal) {
    const { format, api } = this.context;
    const ends = Object.entries(endsOf(this.span, this.#asked, format.zone)).flatMap(([name, at]) => (at === null ? [] : [`${name}=${new Date(at).toISOString()}&`]));
    return api.get(`api/v1/alerts?${ends.join("")}${before === null ? "" : `before=${before}&`}limit=${limit}`, { signal });
  }

  /** Loads from the newest event on; aborts requests in flight. */
  async #load() {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#known = this.#states();
    this.#asked = this.context.state.link.now();
    this.range.show(this.span);
    this.newer.hidden = true;
    const isAll = this.span.kind === "all";
    await this.#fetch({ known: [], next: null, limit: isAll ? PAGE : LARGE, upTo: isAll ? PAGE : MOST });
    this.#lookSoon();
  }

  async #loadOlder() {
    const known = this.#alerts;
    if (!this.#isLoading) await this.#fetch({ known, next: this.#next, limit: PAGE, upTo: known.length + PAGE });
  }

  /**
   * Loads pages up to the end of the range or a number of events.
   * @param {{ known: Alert[], next: number | null, limit: number, upTo: number }} from `known`: events already loaded; `limit`: events per request
   */
  async #fetch({ known, next, limit, upTo }) {
    const { signal } = this.#abort;
    this.#isLoading = true;
    this.filter();
    try {
      while (this.#isLoading) {
        const answer = await this.#ask(limit, next, signal);
        if (signal.aborted) return;
        known = [...known, ...[...answer.alerts].reverse()].slice(0, MOST);
        next = answer.next ?? null;
        [this.#alerts, this.#next] = [known, next];
        this.#isLoading = next !== null && known.length < Math.min(upTo, MOST);
        this.filter();
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#isLoading = false;
      this.filter();
      text(this.said, this.context.words.common.failed(error instanceof Error ? error.message : String(error)));
    }
  }

  /** Some more times, unless there is nothing to look for any more. */
  #lookSoon() {
    clearTimeout(this.#looking);
    const wait = LOOK_MS[this.#looks];
    if (wait !== undefined && this.newer.hidden) this.#looking = window.setTimeout(() => void this.#look(), wait);
  }

  /** Offers to load again if there is a newer event: that an alarm changed is no proof, what is loaded may have it. */
  async #look() {
    const { signal } = this.#abort;
    this.#looks += 1;
    try {
      const answer = await this.#ask(1, null, signal);
      const newest = answer.alerts.at(-1)?.number ?? 0;
      if (!this.#isLoading && !signal.aborted) this.newer.hidden = newest <= (this.#alerts[0]?.number ?? 0);
    } catch {
      // The next look may be answered.
    }
    if (!signal.aborted) this.#lookSoon();
  }

  /** Shows what is loaded and matches. */
  filter() {
    const { list, older, exported } = this;
    this.#shown = this.#alerts.filter((alert) => this.match(alert));
    list.setCount(this.#shown.length);
    list.element.hidden = this.#shown.length === 0;
    older.hidden = this.span.kind !== "all" || this.#isLoading || this.#next === null || this.#alerts.length >= MOST;
    exported.disabled = this.#isLoading || this.#shown.length === 0;
    this.#say();
  }

  /** Shows what is loaded, of which range, and whether there is more. */
  #say() {
    const { w, context, span, said } = this;
    const [num, all] = [this.#shown.length, this.#alerts.length];
    const isCut = all >= MOST && this.#next !== null;
    const period = spanInWords(span, this.#asked, context);
    this.range.say(this.#isLoading ? w.past.loading(all) : `${num === all ? w.past.events(all) : w.past.ofAll(num, all)} · ${period}${isCut && span.kind !== "all" ? ` · ${w.past.cut(MOST)}` : ""}`);
    if (this.#isLoading) text(said, context.words.common.loading);
    else if (num === 0) text(said, all > 0 ? w.none.search : span.kind === "all" ? w.none.history : w.none.time);
    else text(said, isCut ? (span.kind === "all" ? w.kept : w.past.cut)(MOST) : this.#next === null && span.kind === "all" ? w.oldest : "");
  }

  #export() {
    const { words, format } = this.context;
    saveCsv(csvName(this.#shown, format.zone, words.alarms.past.file), alertsCsv(this.#shown, { words, format }));
  }

  /** Alarms may have changed since the newest page was loaded. */
  changed() {
    const now = this.#states();
    if (now === this.#known) return;
    this.#known = now;
    if (this.#looks === 0) return;
    this.#looks = 0;
    this.#lookSoon();
  }

  close() {
    clearTimeout(this.#looking);
    this.#abort.abort();
    this.list.close();
  }
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
