// What is heard and not read: topics that no table takes with the lines of configuration that would, and what tables did
// not understand, each with its reason. A part of the page Devices and of the first run.
//
// Always: cards keep their place under the pointer, and the focus; a few of many, the rest when asked for. Never: a
// listener on an element that is patched; clicks of the copy buttons are handled by the section.

import { othersOf, cardsOf, faultyOf } from "../data/heard.js";
import { instant } from "../data/spans.js";
import { copyText } from "../page/copy.js";
import { attribute, h, text } from "../page/dom.js";
import { patch } from "../page/patch.js";

/** @typedef {import("../app.js").Context} Context */
/** @typedef {import("../data/heard.js").Card} Card */
/** @typedef {import("../data/heard.js").Heard} Heard */
/** @typedef {import("../data/heard.js").Rejected} Rejected */
/** @typedef {import("../data/heard.js").Rule} Rule */

const FEW = { cards: 6, shapes: 3, rejected: 8 };
const COPIED_MS = 2000;
const LISTEN = "vigie decode --listen 30s";
const STILL_MS = 10_000; // a pointer that has not moved for so long reads nothing

export class NotRead {
  /** @type {Heard | null} */ #heard = null;
  /** @type {Rejected | null} */ #rejected = null;
  /** @type {Card[]} */ #cards = [];
  /** Elements of the cards, by key. @type {Map<string, HTMLElement>} */ #made = new Map();
  #isAll = false;
  #copied = ""; // lines whose button says so
  #pointed = 0;

  /** @param {Context} context */
  constructor(context) {
    const { devices: w } = context.words;
    this.context = context;
    this.cards = h("div");
    this.help = h("p", { class: "muted" }, w.unclaimedHelp);
    this.all = h("button", { type: "button", onclick: () => this.#showAll() });
    this.rest = h("div");
    this.faults = h("div");
    const listeners = {
      onclick: (/** @type {MouseEvent} */ event) => void this.#copy(event), onpointermove: () => void (this.#pointed = Date.now()), onpointerleave: () => void (this.#pointed = 0),
    };
    this.element = h("section", { class: "notread", hidden: true, ...listeners }, h("h2", null, w.unclaimed), this.help, this.cards, this.all, this.rest, h("h2", null, w.faults), this.faults);
  }

  /** @param {Heard} heard @param {Rejected | null} rejected `null`: unknown */
  show(heard, rejected) {
    this.#heard = heard;
    this.#rejected = rejected;
    this.element.hidden = false;
    this.tick();
  }

  /** Ages go on. */
  tick() {
    const { context } = this;
    const heard = this.#heard;
    if (!heard) return;
    this.#arrange(cardsOf(heard.unclaimed));
    patch(this.rest, rest(heard, context, this.#copied));
    patch(this.faults, [...faults(heard.rules, context), ...(this.#rejected ? rejections(this.#rejected, heard.rules, context) : [])]);
  }

  #showAll() {
    this.#isAll = !this.#isAll;
    this.#pointed = 0;
    this.tick();
  }

  /** @param {Card[]} found */
  #arrange(found) {
    const { devices: w } = this.context.words;
    const isSame = found.length === this.#cards.length && found.every(({ key }, k) => key === this.#cards[k]?.key);
    // Nothing comes under a pointer that is about to copy.
    if (isSame || Date.now() - this.#pointed >= STILL_MS) this.#cards = found;
    const cards = this.#cards;
    const shown = this.#isAll ? cards : cards.slice(0, FEW.cards);
    for (const card of shown) {
      const made = this.#made.get(card.key) ?? h("article", { class: "panel card" });
      this.#made.set(card.key, made);
      patch(made, cardParts(card, this.context, { isAll: this.#isAll, copied: this.#copied }));
    }
    this.#place(shown.map(({ key }) => key));
    const isMore = cards.length > FEW.cards || cards.some(({ shapes }) => shapes.length > FEW.shapes);
    this.all.hidden = !isMore;
    text(this.all, this.#isAll ? w.showFew : w.showAll(this.#heard?.unclaimed.length ?? 0));
    attribute(this.all, "aria-expanded", this.#isAll);
    this.help.hidden = !cards.some(({ config }) => config);
  }

  /** Puts cards in order; those that are in it already are not moved, so that the focus stays. @param {string[]} keys */
  #place(keys) {
    for (const [key, made] of this.#made) {
      if (keys.includes(key)) continue;
      made.remove();
      this.#made.delete(key);
    }
    let next = this.cards.firstChild;
    for (const key of keys) {
      const made = /** @type {HTMLElement} */ (this.#made.get(key));
      if (made === next) next = made.nextSibling;
      else this.cards.insertBefore(made, next);
    }
  }

  /** @param {MouseEvent} event */
  async #copy(event) {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    const lines = button?.parentElement?.querySelector(":scope > pre");
    if (!lines || !(await copyText(lines))) return;
    this.#copied = lines.textContent ?? "";
    this.tick();
    setTimeout(() => {
      this.#copied = "";
      this.tick();
    }, COPIED_MS);
  }
}

/** @param {Card} card @param {Context} context @param {{ isAll: boolean, copied: string }} given */
function cardParts({ config, note, shapes }, context, { isAll, copied }) {
  const { devices: w } = context.words;
  const shown = isAll ? shapes : shapes.slice(0, FEW.shapes);
  const name = shapes[0]?.shape ?? "";
  return [
    h("ul", { class: "shapes" }, shown.map((shape) => shapeItem(shape, context))),
    ...(shapes.length > shown.length ? [h("p", { class: "muted" }, w.more(shapes.length - shown.length))] : []),
    ...(note ? [h("p", { lang: "en" }, note)] : []),
    ...(config ? [toCopy(config.trim(), w.lines(name), context, copied)] : []),
  ];
}

/** Lines with a button that copies them. @param {string} lines @param {string} name @param {Context} context @param {string} copied */
function toCopy(lines, name, { words: { common } }, copied) {
  const label = lines === copied ? common.copied : common.copy;
  return h("div", { class: "lines" }, h("pre", { tabIndex: 0, role: "region", "aria-label": name }, lines), h("button", { type: "button", "aria-label": `${label}: ${name}` }, label));
}

/** @param {import("../data/heard.js").Unclaimed} shape @param {Context} context */
function shapeItem({ shape, messages, last_seen: last, topic, payload, is_cut: isCut }, { words, format, state }) {
  const { devices: w, broker } = words;
  const age = format.age(state.link.now() - (instant(last) ?? 0));
  return h("li", null,
    h("strong", null, h("code", null, shape)), h("span", { class: "muted" }, w.heard(messages, age)),
    h("div", { class: "example muted" }, topic !== shape && h("code", null, `${topic} `), payload === "" ? broker.empty : h("code", null, isCut ? `${payload}…` : payload)));
}

/** What is not among the cards. @param {Heard} heard @param {Context} context @param {string} copied */
function rest({ unclaimed, unlisted_messages: unlisted, broker }, context, copied) {
  const { devices: w } = context.words;
  const parts = [];
  if (unlisted > 0) parts.push(h("p", { class: "muted" }, w.unlisted(unlisted)));
  if (broker === null) parts.push(h("p", null, w.elsewhere), toCopy(LISTEN, LISTEN, context, copied));
  else if (unclaimed.length === 0) parts.push(h("p", { class: "muted" }, w.unclaimedNone));
  return parts;
}

/** A time of the daemon's as a person reads it. @param {string} at @param {Context} context */
const when = (at, { format, state }) => format.when(instant(at) ?? 0, state.link.now());

/** A message that could not be used. @param {string} topic @param {string} why @param {string} at @param {Context} context */
const refusal = (topic, why, at, context) =>
  h("div", { class: "topic" }, h("code", null, topic), h("span", { lang: "en" }, why), h("span", { class: "muted" }, when(at, context)));

/** @param {Rule[]} rules @param {Context} context */
const faults = (rules, context) => faultyOf(rules).map((rule) => h("article", { class: "panel card" }, ruleParts(rule, context)));

/** @param {Rejected} rejected @param {Rule[]} rules @param {Context} context */
function rejections({ total, rejected }, rules, context) {
  const { devices: w } = context.words;
  const newest = othersOf(rejected, rules).slice(0, FEW.rejected);
  return [
    h("p", { class: total > 0 ? "" : "muted" }, total > 0 ? w.rejectedCount(total) : w.rejectedNone),
    ...newest.map(({ at, topic, reason }) => refusal(topic, reason, at, context)),
    ...(total > newest.length ? [h("p", { class: "muted" }, w.rejectedWhere, " ", h("code", null, "SELECT received_at, topic, reason FROM rejected_messages ORDER BY id DESC LIMIT 10"))] : []),
  ];
}

/** @param {Rule} rule @param {Context} context */
function ruleParts({ rule, messages, rejected, rejected_parts: parts, last_fault: fault, never_there: never }, context) {
  const { devices: w } = context.words;
  const counts = [rejected > 0 && w.rejectedOf(rejected, messages), parts > 0 && w.parts(parts)].filter(Boolean).join(" · ");
  return [
    h("strong", null, h("code", null, rule)), counts !== "" && h("span", { class: "muted" }, counts),
    fault && refusal(fault.topic, fault.why, fault.at, context),
    never.length > 0 && h("p", { class: "muted" }, w.neverThere),
    never.length > 0 && h("ul", { lang: "en" }, never.map((line) => h("li", null, line))),
  ];
}
