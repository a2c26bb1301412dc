// DOM helpers: elements made in one expression, and writes that touch the page only where something changed.
//
// Always: text goes in as text. Never: HTML from strings, inline style attributes (the page's policy forbids both).

const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {Node | string | number | null | undefined | false} Child
 * @typedef {Record<string, unknown>} Attributes `class`, `on…` listeners, `aria-…`, properties, or attributes;
 *   null, undefined and false leave one out (`aria-…` is written for false too).
 */

/**
 * Makes an element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes | null} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes ?? {})) put(element, key, value);
  append(element, children);
  return element;
}

/**
 * Makes an SVG element.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number | null>} [attributes]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value !== null) element.setAttribute(key, String(value));
  }
  append(element, children);
  return element;
}

/** @param {Element} element @param {(Child | Child[])[]} children */
function append(element, children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** @param {HTMLElement} element @param {string} key @param {unknown} value */
function put(element, key, value) {
  if (value === null || value === undefined) return;
  if (key.startsWith("on") && typeof value === "function") {
    element.addEventListener(key.slice(2), /** @type {EventListener} */ (value));
  } else if (key === "class") {
    element.className = String(value);
  } else if (key.startsWith("aria-") || key.startsWith("data-") || key === "role" || key === "for") {
    element.setAttribute(key, String(value));
  } else if (key in element) {
    Object.assign(element, { [key]: value });
  } else if (value !== false) {
    element.setAttribute(key, value === true ? "" : String(value));
  }
}

/**
 * Sets the text of an element, if it is another one.
 * @param {Element} element @param {string} string
 */
export function text(element, string) {
  if (element.textContent !== string) element.textContent = string;
}

/**
 * Sets an attribute, if it is another one; null removes it.
 * @param {Element} element @param {string} name @param {string | number | boolean | null} value
 */
export function attribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

/**
 * Replaces all children.
 * @param {Element} element @param {...(Child | Child[])} children
 */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/** @type {Map<string, string>} */
const colours = new Map();

/**
 * A colour of the present theme as canvas understands it, by the name of its token: `colour("mark")`.
 * @param {string} token
 */
export function colour(token) {
  let found = colours.get(token);
  if (found === undefined) {
    const probe = h("span", { hidden: true });
    probe.style.color = `var(--${token})`;
    document.body.append(probe);
    found = getComputedStyle(probe).color;
    probe.remove();
    colours.set(token, found);
  }
  return found;
}

/** Forgets the colours: the theme has changed. */
export function forgetColours() {
  colours.clear();
}

/**
 * Fits a canvas to its box at the screen's resolution; gives its context, in CSS pixels and cleared.
 * @param {HTMLCanvasElement} canvas @param {number} width @param {number} height
 */
export function fit(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, tall] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== tall) Object.assign(canvas, { width: w, height: tall });
  const context = canvas.getContext("2d");
  if (!context) return null;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/**
 * Saves a table as a file of the person's; the mark in front lets spreadsheets read the degree sign.
 * @param {string} name @param {string} csv
 */
export function saveCsv(name, csv) {
  const url = URL.createObjectURL(new Blob(["\ufeff", csv], { type: "text/csv" }));
  h("a", { href: url, download: name.replace(/[^\p{L}\d._-]+/gu, "_") }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
