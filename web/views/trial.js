// A limit tried on the history that is shown: how often it would have alarmed, and the lines of configuration for it.
//
// Always: the daemon judges, by the code that judges live readings; the last question's answer is the one shown.
// Never: changes a rule.

import { fill, h, text } from "../dom.js";
import { latest } from "../latest.js";

const SETTLE_MS = 350; // a dragged line rests before it is tried

/**
 * @param {import("../app.js").Context} context
 * @param {{ id: string, quantity: string, model: import("../chartbox.js").Model, tried(): void,
 *   suggest(kind: "high"|"low"): number }} of `tried`: what is to be drawn has changed.
 */
export function trialPanel({ words, format, api, state }, { id, quantity, model, tried, suggest }) {
  const w = words.sensor.trial;
  const load = latest(SETTLE_MS);
  const kind = h("select", { onchange: suggested }, ["high", "low"].map((it) => h("option", { value: it }, w.kinds[/** @type {"high"|"low"} */ (it)])));
  const limit = h("input", { type: "text", inputMode: "decimal", size: 7, oninput: typed });
  const deadband = h("input", { type: "text", inputMode: "decimal", size: 6, value: "0", oninput: again });
  const delay = h("input", { type: "text", size: 6, value: "0s", oninput: again });
  const outcome = h("p", { role: "status" });
  const lines = h("pre", { tabIndex: 0, hidden: true, "aria-label": w.config });
  const copy = h("button", { type: "button", hidden: true, onclick: copyLines }, w.copy);
  const button = h("button", { type: "button", "aria-expanded": "false", onclick: toggle }, w.open);
  const element = h(
    "section", { class: "trial", hidden: true },
    h("h2", null, w.title),
    h("p", { class: "muted" }, w.help),
    h("div", { class: "trial-fields" },
      field(w.kind, kind), field(w.limit, limit), field(w.deadband, deadband, w.deadbandHelp), field(w.delay, delay, w.delayHelp)),
    outcome, lines, copy,
  );

  /** The span that was tried. @type {{ from: number, to: number }|null} */
  let asked = null;

  const chosen = () => /** @type {"high"|"low"} */ (kind.value);

  function toggle() {
    element.hidden = !element.hidden;
    button.setAttribute("aria-expanded", String(!element.hidden));
    text(button, element.hidden ? w.open : w.close);
    if (element.hidden) clear();
    else suggested();
  }

  function clear() {
    load.cancel();
    model.trial = null;
    model.trials = [];
    text(outcome, "");
    lines.hidden = copy.hidden = true;
    tried();
  }

  function suggested() {
    set(suggest(chosen()));
  }

  /** @param {number} value */
  function set(value) {
    limit.value = String(value);
    typed();
  }

  function typed() {
    const value = read(limit);
    if (value !== null) model.trial = { value, label: `${w.kinds[chosen()]} ${format.value(value, model.unit)}` };
    tried();
    again();
  }

  /** Tries it again: another limit, or another span. */
  function again() {
    if (element.hidden) return;
    const [value, band, wait] = [read(limit), read(deadband), delay.value.trim() || "0s"];
    limit.setAttribute("aria-invalid", String(value === null));
    deadband.setAttribute("aria-invalid", String(band === null));
    delay.setAttribute("aria-invalid", String(!/^(\d+(ms|s|m|h|d))+$/.test(wait)));
    if (value === null || band === null) return refuse(w.badNumber);
    if (!/^(\d+(ms|s|m|h|d))+$/.test(wait)) return refuse(w.badDelay);
    const { from, to } = model.viewport;
    asked = { from, to };
    const body = {
      sensor: id, quantity, kind: kind.value, limit: value, deadband: band, on_delay: wait,
      from: new Date(from).toISOString(), to: new Date(to).toISOString(),
    };
    if (outcome.textContent === "") text(outcome, w.waiting);
    load.ask((signal) => api.post("api/v1/rules/try", body, { signal }), answered, (error) => refuse(w.failed(error.detail ?? String(error))));
  }

  /** @param {{ count: number, spans: [number, number|null][], config: string }} answer */
  function answered({ count, spans, config }) {
    model.trials = spans;
    const now = state.link.now();
    const lengths = spans.map(([from, to]) => (to ?? now) - from);
    const all = lengths.reduce((sum, one) => sum + one, 0);
    const more = count > 0 ? ` ${w.longest(format.duration(Math.max(...lengths)), format.duration(all))}` : "";
    text(outcome, w.count(count) + more);
    text(lines, config.trim());
    lines.hidden = copy.hidden = false;
    text(copy, w.copy);
    tried();
  }

  /** @param {string} why */
  function refuse(why) {
    load.cancel();
    model.trials = [];
    text(outcome, why);
    lines.hidden = copy.hidden = true;
    tried();
  }

  async function copyLines() {
    const all = document.createRange();
    all.selectNodeContents(lines);
    // Without TLS there is no clipboard: then the lines are selected, for Ctrl+C.
    const isDone = await navigator.clipboard?.writeText(lines.textContent ?? "").then(() => true, () => false);
    getSelection()?.removeAllRanges();
    if (!isDone) getSelection()?.addRange(all);
    text(copy, isDone ? w.copied : w.copy);
  }

  /** Tries it again where another span is shown; a live one that went on a little is not worth it. */
  function moved() {
    const { from, to } = model.viewport;
    const isSame = asked && to - from === asked.to - asked.from && Math.abs(to - asked.to) < (to - from) * 0.02;
    if (!isSame) again();
  }

  return { element, button, set, moved, close: () => load.cancel() };
}

/** @param {string} name @param {HTMLElement} control @param {string} [help] */
function field(name, control, help) {
  const label = h("label", null, h("span", null, name), control);
  if (help) fill(label, h("span", null, name), control, h("small", { class: "muted" }, help));
  return label;
}

/** A number, with a point or a comma. @param {HTMLInputElement} input @returns {number|null} */
function read(input) {
  const written = input.value.trim().replace("−", "-").replace(",", ".");
  const value = written === "" ? NaN : Number(written);
  return Number.isFinite(value) ? value : null;
}
