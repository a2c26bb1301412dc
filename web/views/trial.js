// A limit tried on the history that is shown: how often it would have alarmed, and the lines of configuration for it.
//
// Always: the daemon judges, by the code that judges live readings; the last question's answer is the one shown.
// Never: changes a rule.

import { copyText } from "../page/copy.js";
import { h, text } from "../page/dom.js";
import { latest } from "../data/latest.js";

const SETTLE_MS = 350; // a dragged line rests before it is tried
const DURATION = /^(\d+(ms|s|m|h|d))+$/; // as the configuration writes them

/** @typedef {"high"|"low"} Kind */
/**
 * @typedef {object} Owner
 * @property {string} id @property {string} quantity @property {import("../chart/chartbox.js").Model} model
 * @property {() => void} tried What is to be drawn has changed.
 * @property {(kind: Kind) => number} suggest A limit to begin with.
 */

export class Trial {
  #load = latest(SETTLE_MS);
  /** The span that was tried. @type {{ from: number, to: number }|null} */ #asked = null;

  /** @param {import("../app.js").Context} context @param {Owner} owner */
  constructor(context, owner) {
    this.context = context;
    this.owner = owner;
    const w = (this.words = context.words.sensor.trial);
    const again = () => this.again();
    const kinds = /** @type {const} */ (["high", "low"]);
    this.kind = h("select", { onchange: () => this.#suggested() }, kinds.map((kind) => h("option", { value: kind }, w.kinds[kind])));
    this.limit = h("input", { type: "text", inputMode: "decimal", size: 7, oninput: () => this.#typed() });
    this.deadband = h("input", { type: "text", inputMode: "decimal", size: 6, value: "0", oninput: again });
    this.delay = h("input", { type: "text", size: 6, value: "0s", oninput: again });
    this.outcome = h("p", { role: "status" });
    this.lines = h("pre", { tabIndex: 0, hidden: true, role: "region", "aria-label": w.config });
    this.copy = h("button", { type: "button", hidden: true, onclick: () => this.#copyLines() }, context.words.common.copy);
    this.button = h("button", { type: "button", "aria-expanded": "false", onclick: () => this.#toggle() }, w.open);
    this.element = h(
      "section", { class: "trial", hidden: true },
      h("h2", null, w.title),
      h("p", { class: "muted" }, w.help),
      h(
        "div", { class: "trial-fields" }, field(w.kind, this.kind), field(w.limit, this.limit),
        field(w.deadband, this.deadband, w.deadbandHelp), field(w.delay, this.delay, w.delayHelp),
      ),
      this.outcome, this.lines, this.copy,
    );
  }

  #toggle() {
    this.element.hidden = !this.element.hidden;
    this.button.setAttribute("aria-expanded", String(!this.element.hidden));
    text(this.button, this.element.hidden ? this.words.open : this.words.close);
    if (!this.element.hidden) return this.#suggested();
    this.owner.model.trial = null;
    this.#empty("");
  }

  /** No answer, and why. @param {string} why */
  #empty(why) {
    this.#load.cancel();
    this.owner.model.trials = [];
    text(this.outcome, why);
    this.lines.hidden = this.copy.hidden = true;
    this.owner.tried();
  }

  #chosen() {
    return /** @type {Kind} */ (this.kind.value);
  }

  #suggested() {
    this.set(this.owner.suggest(this.#chosen()));
  }

  /** @param {number} value */
  set(value) {
    this.limit.value = String(value);
    this.#typed();
  }

  #typed() {
    const { model, tried } = this.owner;
    const value = read(this.limit);
    if (value !== null) {
      model.trial = { value, label: `${this.words.kinds[this.#chosen()]} ${this.context.format.value(value, model.unit)}` };
    }
    tried();
    this.again();
  }

  /** What is written in the fields, or what is wrong with it. */
  #fields() {
    const [limit, deadband, delay] = [read(this.limit), read(this.deadband), this.delay.value.trim() || "0s"];
    this.limit.setAttribute("aria-invalid", String(limit === null));
    this.deadband.setAttribute("aria-invalid", String(deadband === null));
    this.delay.setAttribute("aria-invalid", String(!DURATION.test(delay)));
    if (limit === null || deadband === null) return this.words.badNumber;
    return DURATION.test(delay) ? { limit, deadband, delay } : this.words.badDelay;
  }

  /** Tries it: another limit, or another span. */
  again() {
    if (this.element.hidden) return;
    const fields = this.#fields();
    if (typeof fields === "string") return this.#empty(fields);
    const { id, quantity, model } = this.owner;
    const { from, to } = model.viewport;
    this.#asked = { from, to };
    const body = {
      sensor: id, quantity, kind: this.#chosen(), limit: fields.limit, deadband: fields.deadband,
      unit: model.unit || null, on_delay: fields.delay,
      from: new Date(from).toISOString(), to: new Date(to).toISOString(),
    };
    if (this.outcome.textContent === "") text(this.outcome, this.words.waiting);
    this.#load.ask(
      (signal) => this.context.api.post("api/v1/rules/try", body, { signal }),
      (answer) => this.#answered(answer),
      (error) => this.#empty(this.words.failed(error.detail ?? String(error))),
    );
  }

  /** Tries it again where another span is shown; a live one that went on a little is not worth it. */
  moved() {
    const { from, to } = this.owner.model.viewport;
    const asked = this.#asked;
    const isSame = asked && to - from === asked.to - asked.from && Math.abs(to - asked.to) < (to - from) * 0.02;
    if (!isSame) this.again();
  }

  /** @param {{ count: number, spans: [number, number|null][], config: string }} answer */
  #answered({ count, spans, config }) {
    const { state, format } = this.context;
    this.owner.model.trials = spans;
    const now = state.link.now();
    const lengths = spans.map(([from, to]) => (to ?? now) - from);
    const all = lengths.reduce((sum, one) => sum + one, 0);
    const more = count > 0 ? ` ${this.words.longest(format.duration(Math.max(...lengths)), format.duration(all))}` : "";
    text(this.outcome, this.words.count(count) + more);
    text(this.lines, config.trim());
    this.lines.hidden = this.copy.hidden = false;
    text(this.copy, this.context.words.common.copy);
    this.owner.tried();
  }

  async #copyLines() {
    const { common } = this.context.words;
    text(this.copy, (await copyText(this.lines)) ? common.copied : common.copy);
  }

  close() {
    this.#load.cancel();
  }
}

/** @param {string} name @param {HTMLElement} control @param {string} [help] */
function field(name, control, help) {
  return h("label", null, h("span", null, name), control, help ? h("small", { class: "muted" }, help) : null);
}

/** A number, with a point or a comma. @param {HTMLInputElement} input @returns {number|null} */
function read(input) {
  const written = input.value.trim().replace("−", "-").replace(",", ".");
  const value = written === "" ? NaN : Number(written);
  return Number.isFinite(value) ? value : null;
}
