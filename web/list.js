// A table of any length in the page: a few dozen row elements, moved by transform to where the view is.
//
// Always: rows are equally high (`--list-row`); element order is the rows' order once scrolling rests, for screen readers
// and the Tab key; arrows, Page and Home/End keys move from row to row. Never: an element a row of the table.

import { attribute, h } from "./dom.js";
import { poolSize, scrollFor, slotOf, visible } from "./window.js";

const SETTLED_MS = 150;

/**
 * @template S
 * @typedef {{ element: HTMLElement, row: number, made: S }} Slot an element of the pool, and the row it shows; −1: none
 */
/**
 * @template S
 * @param {object} options
 * @param {string} options.label
 * @param {string} options.name class of the table
 * @param {HTMLElement[]} options.columns cells of the heading
 * @param {() => { element: HTMLElement, made: S }} options.create makes an element of the pool
 * @param {(made: S, row: number) => void} options.paint shows a row in it
 * @param {(first: number, end: number) => void} [options.moved] other rows are in view
 * @param {() => void} [options.resized] the window has another size
 */
export function virtualList({ label, name, columns, create, paint, moved, resized }) {
  const body = h("div", { class: "rows", role: "rowgroup" });
  const head = h("div", { class: "row head", role: "row", "aria-rowindex": 1 }, columns);
  const element = h("div", { class: `list ${name}`, role: "table", "aria-label": label }, h("div", { role: "rowgroup", class: "heading" }, head), body);
  /** @type {Slot<S>[]} */
  const pool = [];
  let count = 0;
  let rowHeight = 32;
  let isWaiting = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let settling;
  /** @type {HTMLElement | null} */
  let scroller = null;
  const observer = new ResizeObserver(() => {
    measure();
    resized?.();
  });

  const view = () => {
    if (!scroller) return { top: 0, height: 0, rowHeight, count };
    return { top: scroller.scrollTop - body.offsetTop, height: scroller.clientHeight, rowHeight, count };
  };

  function measure() {
    scroller ??= element.closest("main");
    if (!scroller) return;
    rowHeight = Number.parseFloat(getComputedStyle(element).getPropertyValue("--list-row")) || 32;
    body.style.height = `${count * rowHeight}px`;
    const wanted = Math.min(count, poolSize(scroller.clientHeight, rowHeight));
    while (pool.length < wanted) {
      const { element: made, ...rest } = create();
      made.classList.add("slot");
      pool.push({ element: made, row: -1, ...rest });
      body.append(made);
    }
    for (const slot of pool.splice(wanted)) drop(slot);
    for (const slot of pool) slot.row = -1; // another size of pool gives rows to other elements
    render();
  }

  /** @param {Slot<S>} slot */
  function drop(slot) {
    leave(slot);
    slot.element.remove();
  }

  /** The focus must not stay in an element that comes to show another row. @param {Slot<S>} slot */
  function leave(slot) {
    if (slot.element.contains(document.activeElement)) scroller?.focus({ preventScroll: true });
  }

  function render() {
    isWaiting = false;
    const { first, end } = visible(view());
    const used = new Set();
    for (let row = first; row < Math.min(end, first + pool.length); row += 1) {
      const slot = pool[slotOf(row, pool.length)];
      if (!slot) continue;
      used.add(slot);
      if (slot.row === row) continue;
      if (slot.row !== -1) leave(slot);
      slot.row = row;
      slot.element.hidden = false;
      slot.element.style.transform = `translateY(${row * rowHeight}px)`;
      attribute(slot.element, "aria-rowindex", row + 2);
      paint(slot.made, row);
    }
    for (const slot of pool) if (!used.has(slot)) hide(slot);
    moved?.(first, end);
    clearTimeout(settling);
    settling = setTimeout(settle, SETTLED_MS);
  }

  /** @param {Slot<S>} slot */
  function hide(slot) {
    if (slot.row !== -1) leave(slot);
    slot.row = -1;
    slot.element.hidden = true;
  }

  /** Puts the elements in the order of their rows; the one with the focus stays, the others move round it. */
  function settle() {
    const ordered = [...pool].sort((a, b) => a.row - b.row).map((slot) => slot.element);
    if (ordered.every((made, k) => body.children[k] === made)) return;
    const focused = ordered.find((made) => made.contains(document.activeElement));
    let isBefore = focused !== undefined;
    for (const made of ordered) {
      if (made === focused) isBefore = false;
      else if (isBefore) focused?.before(made);
      else body.append(made);
    }
  }

  function scrolled() {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(render);
  }

  /** @param {KeyboardEvent} event */
  function key(event) {
    const target = event.target;
    if (!(target instanceof HTMLElement) || event.altKey || event.ctrlKey || event.metaKey) return;
    const slot = pool.find(({ element: made }) => made.contains(target));
    const page = Math.max(1, Math.floor(view().height / rowHeight) - 2);
    /** @type {Record<string, number>} */
    const ways = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -count, End: count };
    const way = ways[event.key];
    if (!slot || way === undefined) return;
    event.preventDefault();
    focusRow(Math.min(count - 1, Math.max(0, slot.row + way)), target.dataset["col"]);
  }

  /** @param {number} row @param {string} [column] the control in it; the first without one */
  function focusRow(row, column) {
    reveal(row);
    const slot = pool.find((one) => one.row === row);
    const same = column && slot?.element.querySelector(`[data-col="${column}"]`);
    const found = [same, ...(slot?.element.querySelectorAll("[data-col]") ?? [])].find(isFocusable);
    found?.focus({ preventScroll: true });
  }

  /** Scrolls as little as is needed to show a row. @param {number} row */
  function reveal(row) {
    if (!scroller) return;
    const seen = view();
    const covered = head.offsetHeight;
    const to = scrollFor(row, { ...seen, top: seen.top + covered, height: seen.height - covered });
    if (to !== null) scroller.scrollTop += to - (seen.top + covered);
    render();
  }

  body.addEventListener("keydown", key);

  return {
    element,
    /** To be called once the element is in the page. */
    attach() {
      scroller = element.closest("main");
      scroller?.addEventListener("scroll", scrolled, { passive: true });
      if (scroller) observer.observe(scroller);
      observer.observe(element);
      measure();
    },
    /** Other rows: all are painted again. @param {number} rows */
    setCount(rows) {
      attribute(element, "aria-rowcount", rows + 1);
      if (rows === count && pool.length > 0) {
        this.repaint();
        return;
      }
      count = rows;
      measure();
    },
    /** Paints rows in view again: all, or those that are asked for. @param {(row: number) => boolean} [isAsked] */
    repaint(isAsked) {
      for (const { row, made } of pool) if (row !== -1 && (!isAsked || isAsked(row))) paint(made, row);
    },
    focusRow,
    close() {
      clearTimeout(settling);
      scroller?.removeEventListener("scroll", scrolled);
      observer.disconnect();
    },
  };
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
