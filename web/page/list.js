// A table of any length in the page: a few dozen row elements, moved by transform to where the view is.
//
// Always: rows are equally high (`--list-row`); element order is the rows' order once scrolling rests, for screen readers
// and the Tab key; arrows, Page and Home/End keys move from row to row, and a row with the focus is clear of what covers
// the scroller's edges (its `scroll-padding`). Never: an element a row of the table.

import { attribute, h } from "./dom.js";
import { poolSize, scrollFor, slotOf, visible } from "./window.js";

const SETTLED_MS = 150;

/**
 * @template S
 * @typedef {{ element: HTMLElement, row: number, made: S }} Slot an element of the pool, and the row it shows; −1: none
 */
/**
 * @template S
 * @typedef {object} Options
 * @property {string} label
 * @property {string} name class of the table
 * @property {HTMLElement[]} columns cells of the heading
 * @property {() => { element: HTMLElement, made: S }} create makes an element of the pool
 * @property {(made: S, row: number) => void} paint shows a row in it
 * @property {(first: number, end: number) => void} [moved] other rows are in view
 */

/** @template S */
export class VirtualList {
  /** @type {Slot<S>[]} */ #pool = [];
  #count = 0;
  #rowHeight = 32;
  #isWaiting = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #settling;
  /** @type {HTMLElement | null} */ #scroller = null;
  #observer = new ResizeObserver(() => this.#measure());

  /** @param {Options<S>} options */
  constructor(options) {
    this.options = options;
    const { label, name, columns } = options;
    this.body = h("div", { class: "rows", role: "rowgroup", onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event) });
    this.head = h("div", { class: "row head", role: "row", "aria-rowindex": 1 }, columns);
    this.element = h("div", { class: `list ${name}`, role: "table", "aria-label": label }, h("div", { role: "rowgroup", class: "heading" }, this.head), this.body);
  }

  /** To be called once the element is in the page. */
  attach() {
    this.#scroller = this.element.closest("main");
    this.#scroller?.addEventListener("scroll", this.#scrolled, { passive: true });
    if (this.#scroller) this.#observer.observe(this.#scroller);
    this.#observer.observe(this.element);
    this.#measure();
  }

  /** Other rows: all are painted again. @param {number} rows */
  setCount(rows) {
    attribute(this.element, "aria-rowcount", rows + 1);
    if (rows === this.#count && this.#pool.length > 0) {
      this.repaint();
      return;
    }
    this.#count = rows;
    this.#measure();
  }

  /** What stands above the list is of another height: other rows are in view. */
  shifted() {
    if (this.#pool.length > 0) this.#render();
  }

  /** Paints rows in view again: all, or those that are asked for. @param {(row: number) => boolean} [isAsked] */
  repaint(isAsked) {
    for (const { row, made } of this.#pool) if (row !== -1 && (!isAsked || isAsked(row))) this.options.paint(made, row);
  }

  close() {
    clearTimeout(this.#settling);
    this.#scroller?.removeEventListener("scroll", this.#scrolled);
    this.#observer.disconnect();
  }

  #view() {
    const [rowHeight, count] = [this.#rowHeight, this.#count];
    if (!this.#scroller) return { top: 0, height: 0, rowHeight, count };
    return { top: this.#scroller.scrollTop - this.body.offsetTop, height: this.#scroller.clientHeight, rowHeight, count };
  }

  #measure() {
    const pool = this.#pool;
    this.#scroller ??= this.element.closest("main");
    if (!this.#scroller) return;
    this.#rowHeight = Number.parseFloat(getComputedStyle(this.element).getPropertyValue("--list-row")) || 32;
    this.body.style.height = `${this.#count * this.#rowHeight}px`;
    const wanted = Math.min(this.#count, poolSize(this.#scroller.clientHeight, this.#rowHeight));
    while (pool.length < wanted) {
      const { element: made, ...rest } = this.options.create();
      made.classList.add("slot");
      pool.push({ element: made, row: -1, ...rest });
      this.body.append(made);
    }
    for (const slot of pool.splice(wanted)) this.#drop(slot);
    for (const slot of pool) slot.row = -1; // another size of pool gives rows to other elements
    this.#render();
  }

  /** @param {Slot<S>} slot */
  #drop(slot) {
    this.#leave(slot);
    slot.element.remove();
  }

  /** The focus must not stay in an element that comes to show another row. @param {Slot<S>} slot */
  #leave(slot) {
    if (slot.element.contains(document.activeElement)) this.#scroller?.focus({ preventScroll: true });
  }

  #render() {
    const pool = this.#pool;
    this.#isWaiting = false;
    const { first, end } = visible(this.#view());
    const used = new Set();
    for (let row = first; row < Math.min(end, first + pool.length); row += 1) {
      const slot = pool[slotOf(row, pool.length)];
      if (!slot) continue;
      used.add(slot);
      if (slot.row !== row) this.#show(slot, row);
    }
    for (const slot of pool) if (!used.has(slot)) this.#hide(slot);
    this.options.moved?.(first, end);
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#settle(), SETTLED_MS);
  }

  /** @param {Slot<S>} slot @param {number} row */
  #show(slot, row) {
    if (slot.row !== -1) this.#leave(slot);
    slot.row = row;
    slot.element.hidden = false;
    slot.element.style.transform = `translateY(${row * this.#rowHeight}px)`;
    attribute(slot.element, "aria-rowindex", row + 2);
    this.options.paint(slot.made, row);
  }

  /** @param {Slot<S>} slot */
  #hide(slot) {
    if (slot.row !== -1) this.#leave(slot);
    slot.row = -1;
    slot.element.hidden = true;
  }

  /** Puts the elements in the order of their rows; the one with the focus stays, the others move round it. */
  #settle() {
    const { body } = this;
    const ordered = [...this.#pool].sort((a, b) => a.row - b.row).map((slot) => slot.element);
    if (ordered.every((made, k) => body.children[k] === made)) return;
    const focused = ordered.find((made) => made.contains(document.activeElement));
    let isBefore = focused !== undefined;
    for (const made of ordered) {
      if (made === focused) isBefore = false;
      else if (isBefore) focused?.before(made);
      else body.append(made);
    }
  }

  #scrolled = () => {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    requestAnimationFrame(() => this.#render());
  };

  /** @param {KeyboardEvent} event */
  #key(event) {
    const [target, count] = [event.target, this.#count];
    if (!(target instanceof HTMLElement) || event.altKey || event.ctrlKey || event.metaKey) return;
    const slot = this.#pool.find(({ element: made }) => made.contains(target));
    const page = Math.max(1, Math.floor(this.#view().height / this.#rowHeight) - 2);
    /** @type {Record<string, number>} */
    const ways = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -count, End: count };
    const way = ways[event.key];
    if (!slot || way === undefined) return;
    event.preventDefault();
    this.focusRow(Math.min(count - 1, Math.max(0, slot.row + way)), target.dataset["col"]);
  }

  /** @param {number} row @param {string} [column] the control in it; the first without one */
  focusRow(row, column) {
    this.#reveal(row);
    const slot = this.#pool.find((one) => one.row === row);
    const same = column && slot?.element.querySelector(`[data-col="${column}"]`);
    const found = [same, ...(slot?.element.querySelectorAll("[data-col]") ?? [])].find(isFocusable);
    found?.focus({ preventScroll: true });
  }

  /** Scrolls as little as is needed to show a row. @param {number} row */
  #reveal(row) {
    if (!this.#scroller) return;
    const seen = this.#view();
    const covered = this.head.offsetHeight;
    const below = Number.parseFloat(getComputedStyle(this.#scroller).scrollPaddingBottom) || 0;
    const to = scrollFor(row, { ...seen, top: seen.top + covered, height: seen.height - covered - below });
    if (to !== null) this.#scroller.scrollTop += to - (seen.top + covered);
    this.#render();
  }
}

/** @param {unknown} found @returns {found is HTMLElement} */
function isFocusable(found) {
  return found instanceof HTMLElement && !found.hidden && !found.matches(":disabled") && found.getClientRects().length > 0;
}

/** A cell. @param {string} name class @param {...import("./dom.js").Child} children */
export const cell = (name, ...children) => h("div", { class: `cell ${name}`, role: "cell" }, ...children);

/** A heading's cell. @param {string} name class @param {string} label @param {boolean} [isUnseen] its words are for screen readers */
export const headCell = (name, label, isUnseen = false) =>
  h("div", { class: `cell ${name}`, role: "columnheader" }, h("span", { class: isUnseen ? "unseen" : "" }, label));
