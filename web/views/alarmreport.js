// The report on the alarms: how well the alarm system itself does, measure by measure beside its published target.
//
// Always: what it shows is of one time, which it names; a missed target is said in a word, not by colour alone.
// Never: measured by itself again: it is a look back.

import { attribute, fill, h, text } from "../page/dom.js";
import { table } from "../page/table.js";
import { latest } from "../data/latest.js";
import { instant } from "../data/spans.js";

/** @typedef {import("../app.js").Context} Context */
/** @typedef {{ id: string, measure: string, value: number, scale: "alarms"|"share", target: string, is_met: boolean|null }} Target */
/** @typedef {any} Report as `GET api/v1/report` gives it */

const DAYS = { day: 1, week: 7, month: 30 };
const TARGET_DAYS = 30; // the least that the targets are meant for

/** @typedef {keyof typeof DAYS} Span */

/** @param {string|null} asked @returns {Span} */
export const spanOf = (asked) => (asked !== null && asked in DAYS ? /** @type {Span} */ (asked) : "week");

/**
 * @param {Context} context @param {Span} asked @param {(span: Span) => void} chosen Another time was chosen.
 */
export function alarmReport(context, asked, chosen) {
  const { words: { report: w, common }, api } = context;
  const load = latest(0);
  const chips = Object.keys(DAYS).map((name) => {
    const span = spanOf(name);
    return h("button", { type: "button", class: "chip", title: w.spanNames[span], "aria-pressed": span === asked, onclick: () => choose(span) }, w.spans[span]);
  });
  const said = h("p", { class: "muted", role: "status" });
  const body = h("div");
  const element = h("div", { class: "report" }, h("h2", null, w.title), h("div", { class: "tools" }, h("div", { class: "chips", role: "group", "aria-label": w.spansLabel }, chips), said), body);

  /** @param {Span} span */
  function choose(span) {
    for (const [k, name] of Object.keys(DAYS).entries()) attribute(/** @type {Element} */ (chips[k]), "aria-pressed", name === span);
    text(said, common.loading);
    const failed = (/** @type {any} */ error) => text(said, common.failed(error.detail ?? String(error)));
    load.ask((signal) => api.get(`api/v1/report?since=${DAYS[span]}d`, { signal }), (/** @type {Report} */ report) => {
      text(said, periodOf(report, context));
      fill(body, sections(report, context, DAYS[span]));
    }, failed, { atOnce: true });
    chosen(span);
  }

  choose(asked);
  return { element, close: load.cancel };
}

/** @param {Report} report @param {Context} context */
function periodOf({ period: { from, to } }, { words: { report: w }, format }) {
  const edge = (/** @type {string} */ at) => `${format.date(instant(at) ?? 0)}, ${format.minute(instant(at) ?? 0)}`;
  return w.period(edge(from), edge(to), format.zone);
}

/** @param {Report} report @param {Context} context @param {number} days */
function sections(report, context, days) {
  const { words: { report: w } } = context;
  const notes = [w.note, days < TARGET_DAYS && w.short, report.unreadable > 0 && w.unreadable(report.unreadable), report.left_out > 0 && w.leftOut(report.left_out)];
  return [
    cards(report, context),
    h("div", { class: "report-grid" },
      h("section", null, h("h2", null, w.measures), targetTable(report.targets, context)),
      h("div", null,
        h("section", null, h("h2", null, w.top), topTable(report.top, context)),
        h("section", null, h("h2", null, w.facts), factList(report, context)),
        h("section", null, h("h2", null, w.priorities), priorityTable(report.priorities, context), h("p", { class: "caption" }, w.split)))),
    h("p", { class: "caption" }, notes.filter(Boolean).join(" ")),
  ];
}

/** @param {Report} report @param {Context} context */
function cards({ raised, targets, floods, standing }, { words: { report: w }, format }) {
  const judged = /** @type {Target[]} */ (targets).filter(({ is_met: isMet }) => isMet !== null);
  const met = judged.filter(({ is_met: isMet }) => isMet).length;
  const card = (/** @type {string} */ name, /** @type {string} */ value) => h("div", { class: "panel" }, h("dt", null, name), h("dd", null, value));
  return h("dl", { class: "cards" }, card(w.raised, format.number(raised)), card(w.met, w.metOf(met, judged.length)), card(w.floods, format.number(floods.count)),
    card(w.standing, format.number(standing)));
}

/** @param {number} share @param {import("../page/format.js").Format} format */
const percent = (share, format) => `${format.number(share * 100, 1)}\u00a0%`;

/** @param {Target[]} targets @param {Context} context */
function targetTable(targets, { words: { report: w }, format }) {
  const rows = targets.map(({ id, measure, value, scale, target, is_met: isMet }) => {
    const [name, wanted] = w.targets[id] ?? [measure, target];
    const measured = scale === "share" ? percent(value, format) : format.number(value, Number.isInteger(value) ? 0 : 2);
    const result = isMet === null ? w.results.none : isMet ? w.results.met : h("strong", { class: "flag" }, `! ${w.results.missed}`);
    return h("tr", null, h("th", { scope: "row", class: "wrap" }, name), h("td", { class: "n", "data-label": w.columns[1] }, measured),
      h("td", { class: "muted", "data-label": w.columns[2] }, wanted), h("td", { class: isMet === null ? "muted" : "", "data-label": w.columns[3] }, result));
  });
  return table(w.measures, w.columns, [1], rows);
}

/** @param {{ rule: string, sensor_id: string, location: string, raised: number, share: number }[]} top @param {Context} context */
function topTable(top, { words: { report: w }, format }) {
  if (top.length === 0) return h("p", { class: "panel" }, w.noTop);
  return table(w.top, w.topColumns, [2, 3], top.map(({ rule, sensor_id: id, location, raised, share }) => h("tr", null,
    h("th", { scope: "row", class: "wrap" }, h("a", { href: `#/sensor/${encodeURIComponent(id)}` }, id), location && h("div", { class: "muted" }, location)),
    h("td", { class: "wrap" }, rule), h("td", { class: "n", "data-label": w.topColumns[2] }, format.number(raised)),
    h("td", { class: "n", "data-label": w.topColumns[3] }, percent(share, format)))));
}

/** @param {Report} report @param {Context} context */
function factList({ chattering, fleeting, stale, floods }, { words: { report: w }, format, state }) {
  const { largest } = floods;
  const first = largest && w.first(largest.first.rule, largest.first.sensor_id, format.when(instant(largest.first.at) ?? 0, state.link.now()));
  const facts = [
    [w.chattering, chattering.raised > 0 ? w.chatteringOf(chattering.raised, chattering.pairs) : "0"],
    [w.fleeting, format.number(fleeting)],
    [w.stale, format.number(stale.alarms)],
    ...(largest ? [[w.longestFlood, format.duration(floods.longest_minutes * 60_000)], [w.largestFlood, w.largestOf(largest.raised, largest.peak_in_10_minutes)], [w.firstAlarm, first]] : []),
  ];
  return h("dl", { class: "kv panel" }, facts.flatMap(([name = "", value = ""]) => [h("dt", null, name), h("dd", null, value)]));
}

/** @param {{ priority: string, raised: number, share: number }[]} priorities @param {Context} context */
function priorityTable(priorities, { words: { report: w, common }, format }) {
  const names = /** @type {Record<string, string | undefined>} */ ({ CRITICAL: common.priorities[1], HIGH: common.priorities[2], MEDIUM: common.priorities[3], LOW: common.priorities[4] });
  const shown = priorities.filter(({ priority, raised }) => priority !== "OTHER" || raised > 0).sort((a, b) => Number(a.priority === "OTHER") - Number(b.priority === "OTHER"));
  return table(w.priorities, w.priorityColumns, [1, 2], shown.map(({ priority, raised, share }) => h("tr", null, h("th", { scope: "row" }, names[priority] ?? w.otherPriority),
    h("td", { class: "n", "data-label": w.priorityColumns[1] }, format.number(raised)), h("td", { class: "n", "data-label": w.priorityColumns[2] }, percent(share, format)))));
}
