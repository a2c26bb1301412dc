// Mouse, pen, fingers, wheel and keys on a chart, as what they ask for.
//
// Always: a gesture of many events begins with one `begin`; dragging zooms, with Shift or the middle button it pans, one
// finger pans, two zoom, up and down scroll the page. Keys do all that pointers do.
// Never: knows what is drawn; asks in pixels of the chart's element.

/**
 * @typedef {object} Asked What a chart's owner does; places are pixels from the element's left.
 * @property {() => void} begin A gesture begins: what is shown now can be gone back to.
 * @property {(from: number, to: number) => void} selecting A selection grows. @property {() => void} unselect
 * @property {(from: number, to: number) => void} select
 * @property {(by: number) => void} pan So far to the right since `begin`.
 * @property {(about: number|null, factor: number) => void} zoom About a place, or about the cursor.
 * @property {(start: [number, number], now: [number, number]) => void} pinch Places of both fingers at `begin` and now.
 * @property {(x: number|null) => void} point The cursor goes to a place, or away.
 * @property {(by: number) => void} step The cursor goes on by so many buckets; ±Infinity: to the end.
 * @property {(share: number) => void} page Pans by a share of what is shown.
 * @property {() => void} back
 */

/** Movement in pixels below which a press is a click, as fingers tremble. */
const STILL = 6;

/** Pause in ms after which the next turn of the wheel is another gesture. */
const WHEEL_PAUSE = 600;

/**
 * @param {HTMLElement} element @param {Asked} ask
 * @returns {() => void} Takes the listeners off again.
 */
export function gestures(element, ask) {
  const off = new AbortController();
  const options = { signal: off.signal };
  pointers(element, ask, options);
  wheel(element, ask, options);
  element.addEventListener("keydown", (event) => press(event, ask), options);
  return () => off.abort();
}

/** What the fingers, or a mouse or pen, are about. */
class Pointers {
  /** @type {Map<number, { start: number, now: number }>} */ #held = new Map();
  /** @type {"none"|"press"|"select"|"pan"|"pinch"} */ #gesture = "none";
  #pans = false;

  /** @param {HTMLElement} element @param {Asked} ask */
  constructor(element, ask) {
    this.element = element;
    this.ask = ask;
  }

  /** @param {PointerEvent} event */
  #place(event) {
    return event.clientX - this.element.getBoundingClientRect().left;
  }

  /** @param {PointerEvent} event */
  down(event) {
    const isFinger = event.pointerType === "touch";
    if (this.#held.size >= 2 || (!isFinger && event.button > 1)) return;
    if (event.button === 1) event.preventDefault();
    this.element.setPointerCapture(event.pointerId);
    this.#held.set(event.pointerId, { start: this.#place(event), now: this.#place(event) });
    if (this.#held.size === 2) this.#pinch();
    else {
      this.#gesture = "press";
      this.#pans = isFinger || event.shiftKey || event.button === 1;
    }
  }

  #pinch() {
    this.#held.forEach((finger) => (finger.start = finger.now));
    if (this.#gesture === "press") this.ask.begin();
    if (this.#gesture === "select") this.ask.unselect();
    this.#gesture = "pinch";
  }

  /** @param {PointerEvent} event */
  move(event) {
    const finger = this.#held.get(event.pointerId);
    if (!finger) {
      if (event.pointerType !== "touch") this.ask.point(this.#place(event));
      return;
    }
    finger.now = this.#place(event);
    const [a, b] = [...this.#held.values()];
    if (this.#gesture === "press" && Math.abs(finger.now - finger.start) >= STILL) {
      this.#gesture = this.#pans ? "pan" : "select";
      if (this.#pans) this.ask.begin();
      this.ask.point(null);
    }
    if (this.#gesture === "pinch" && a && b) this.ask.pinch([a.start, b.start], [a.now, b.now]);
    if (this.#gesture === "pan") this.ask.pan(finger.now - finger.start);
    if (this.#gesture === "select") this.ask.selecting(finger.start, finger.now);
  }

  /** @param {PointerEvent} event */
  up(event) {
    const finger = this.#held.get(event.pointerId);
    this.#held.delete(event.pointerId);
    if (!finger) return;
    const isDone = event.type === "pointerup";
    if (this.#gesture === "select") {
      this.ask.unselect();
      if (isDone) this.ask.select(finger.start, this.#place(event));
    }
    if (this.#gesture === "press" && isDone) this.ask.point(this.#place(event));
    // The finger that stays after a pinch does nothing more: a lifted hand must not pan.
    if (this.#held.size === 0 || this.#gesture !== "pinch") this.#gesture = "none";
  }
}

/** @param {HTMLElement} element @param {Asked} ask @param {AddEventListenerOptions} options */
function pointers(element, ask, options) {
  const state = new Pointers(element, ask);
  element.addEventListener("pointerdown", (event) => state.down(event), options);
  element.addEventListener("pointermove", (event) => state.move(event), options);
  element.addEventListener("pointerup", (event) => state.up(event), options);
  element.addEventListener("pointercancel", (event) => state.up(event), options);
  element.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && ask.point(null), options);
  element.addEventListener("dblclick", () => ask.back(), options);
}

/** @param {HTMLElement} element @param {Asked} ask @param {AddEventListenerOptions} options */
function wheel(element, ask, options) {
  let [last, across] = [-Infinity, 0];
  /** @type {"pan"|"zoom"|null} */
  let kind = null;
  const turn = (/** @type {WheelEvent} */ event) => {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : 30;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    const isAcross = event.shiftKey || Math.abs(dx) > Math.abs(dy);
    const wanted = isAcross ? "pan" : "zoom";
    if (event.timeStamp - last > WHEEL_PAUSE || kind !== wanted) {
      ask.begin();
      across = 0;
    }
    [last, kind] = [event.timeStamp, wanted];
    if (isAcross) {
      across -= Math.abs(dx) > Math.abs(dy) ? dx : dy;
      ask.pan(across);
    } else {
      // A notch of 100 px is a fifth; at most twice at once, whatever a mouse sends.
      ask.zoom(event.clientX - element.getBoundingClientRect().left, 2 ** Math.max(-1, Math.min(1, dy / 400)));
    }
  };
  element.addEventListener("wheel", turn, { ...options, passive: false });
}

/** @param {KeyboardEvent} event @param {Asked} ask */
function press(event, ask) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target !== event.currentTarget) return;
  const action = keyAction(event.key, event.shiftKey, ask);
  if (!action) return;
  event.preventDefault();
  action();
}

/** @param {string} key @param {boolean} isShifted @param {Asked} ask @returns {(() => void)|null} */
export function keyAction(key, isShifted, ask) {
  const stride = isShifted ? 10 : 1;
  const zoomed = (/** @type {number} */ factor) => () => {
    ask.begin();
    ask.zoom(null, factor);
  };
  const paged = (/** @type {number} */ share) => () => {
    ask.begin();
    ask.page(share);
  };
  /** @type {Record<string, () => void>} */
  const actions = {
    ArrowLeft: () => ask.step(-stride),
    ArrowRight: () => ask.step(stride),
    Home: () => ask.step(-Infinity),
    End: () => ask.step(Infinity),
    "+": zoomed(0.5),
    "=": zoomed(0.5),
    "-": zoomed(2),
    PageUp: paged(-0.5),
    PageDown: paged(0.5),
    Escape: () => ask.back(),
  };
  return Object.hasOwn(actions, key) ? actions[key] ?? null : null;
}
