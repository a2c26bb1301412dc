import assert from "node:assert/strict";
import { test } from "node:test";

import { gestures, keyAction } from "../../../web/chart/gestures.js";

/** An element that listens, 1,000 pixels wide, and what a chart's owner was asked. */
function chart() {
  /** @type {any} */
  const element = new EventTarget();
  element.getBoundingClientRect = () => ({ left: 100 });
  element.setPointerCapture = () => {};
  /** @type {any[]} */
  const asked = [];
  const names = ["begin", "selecting", "unselect", "select", "pan", "zoom", "pinch", "point", "step", "page", "back"];
  /** @type {any} */
  const ask = Object.fromEntries(names.map((name) => [name, (/** @type {any[]} */ ...args) => asked.push([name, ...args])]));
  globalThis.WheelEvent ??= /** @type {any} */ ({ DOM_DELTA_PIXEL: 0 });
  const off = gestures(element, ask);
  /** @param {string} type @param {object} fields */
  const send = (type, fields) => element.dispatchEvent(Object.assign(new Event(type, { cancelable: true }), fields));
  /** @param {string} type @param {number} x @param {object} [more] */
  const pointer = (type, x, more) => send(type, { pointerId: 1, pointerType: "mouse", button: 0, clientX: 100 + x, ...more });
  return { asked, ask, send, pointer, off, take: () => asked.splice(0) };
}

test("a drag of the mouse selects, and zooms when it ends", () => {
  const { pointer, take } = chart();
  pointer("pointerdown", 200);
  pointer("pointermove", 203);
  assert.deepEqual(take(), [], "a hand that trembles drags nothing");
  pointer("pointermove", 300);
  pointer("pointerup", 320);
  assert.deepEqual(take(), [["point", null], ["selecting", 200, 300], ["unselect"], ["select", 200, 320]]);
});

test("a cancelled drag zooms nothing", () => {
  const { pointer, take } = chart();
  pointer("pointerdown", 200);
  pointer("pointermove", 300);
  take();
  pointer("pointercancel", 300);
  assert.deepEqual(take(), [["unselect"]]);
});

test("with Shift or the middle button a drag pans, from where it began", () => {
  for (const more of [{ shiftKey: true }, { button: 1 }]) {
    const { pointer, take } = chart();
    pointer("pointerdown", 200, more);
    pointer("pointermove", 250, more);
    pointer("pointermove", 260, more);
    pointer("pointerup", 260, more);
    assert.deepEqual(take(), [["begin"], ["point", null], ["pan", 50], ["pan", 60]]);
  }
});

test("a finger pans, a touch reads, and a mouse that only moves reads", () => {
  const touch = { pointerType: "touch" };
  const { pointer, take } = chart();
  pointer("pointerdown", 200, touch);
  pointer("pointerup", 201, touch);
  pointer("pointerdown", 200, touch);
  pointer("pointermove", 150, touch);
  pointer("pointerup", 150, touch);
  pointer("pointermove", 77);
  assert.deepEqual(take(), [["point", 201], ["begin"], ["point", null], ["pan", -50], ["point", 77]]);
});

test("two fingers pinch, and the one that stays does nothing more", () => {
  const { pointer, take } = chart();
  const [one, two] = [{ pointerType: "touch" }, { pointerType: "touch", pointerId: 2 }];
  pointer("pointerdown", 200, one);
  pointer("pointerdown", 400, two);
  pointer("pointermove", 500, two);
  pointer("pointerup", 500, two);
  pointer("pointermove", 100, one);
  pointer("pointerup", 100, one);
  assert.deepEqual(take(), [["begin"], ["pinch", [200, 400], [200, 500]]]);
  pointer("pointerdown", 200, one);
  pointer("pointermove", 260, one);
  assert.deepEqual(take(), [["begin"], ["point", null], ["pan", 60]], "the next gesture is one again");
});

test("the wheel zooms about the pointer, one gesture until it rests; across it pans", () => {
  const { send, take } = chart();
  const turn = (/** @type {object} */ fields) => send("wheel", { deltaX: 0, deltaY: 0, deltaMode: 0, shiftKey: false, clientX: 350, ...fields });
  turn({ deltaY: -400 });
  turn({ deltaY: -400_000 });
  assert.deepEqual(take(), [["begin"], ["zoom", 250, 0.5], ["zoom", 250, 0.5]]);
  turn({ deltaX: 30 });
  turn({ deltaX: 12 });
  assert.deepEqual(take(), [["begin"], ["pan", -30], ["pan", -42]]);
});

test("keys do what pointers do", () => {
  const { ask, take } = chart();
  const press = (/** @type {string} */ key, isShifted = false) => keyAction(key, isShifted, ask)?.();
  press("ArrowRight");
  press("ArrowLeft", true);
  press("End");
  press("Escape");
  assert.deepEqual(take(), [["step", 1], ["step", -10], ["step", Infinity], ["back"]]);
  press("+");
  press("PageUp");
  assert.deepEqual(take(), [["begin"], ["zoom", null, 0.5], ["begin"], ["page", -0.5]]);
  assert.equal(keyAction("x", false, ask), null);
  assert.equal(keyAction("toString", false, ask), null);
});

test("nothing is listened to any more once it is over", () => {
  const { pointer, take, off } = chart();
  off();
  pointer("pointerdown", 200);
  pointer("pointermove", 300);
  assert.deepEqual(take(), []);
});
