import assert from "node:assert/strict";
import { test } from "node:test";

import { decimals, range, scale } from "../../../web/chart/scale.js";

test("ticks are round, hold the values, and end the range", () => {
  const found = scale(-3.2, 38.9, 6);
  assert.deepEqual([found.min, found.max, found.step], [-10, 40, 10]);
  assert.deepEqual(found.ticks, [-10, 0, 10, 20, 30, 40]);
});

test("labels have the decimals that their step needs", () => {
  assert.deepEqual(scale(0, 1, 6).ticks, [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.equal(scale(0, 1, 6).digits, 1);
  assert.equal(scale(21.13, 21.19, 5).digits, 2);
  assert.equal(scale(0, 5000, 5).digits, 0);
});

test("any range has some ticks, and never many", () => {
  for (let size = 1e-6; size < 1e9; size *= 3.3) {
    for (const from of [-size / 3, 0, 1000, -1013.25]) {
      for (const room of [2, 5, 9]) {
        const { ticks, min, max } = scale(from, from + size, room);
        assert.ok(min <= from + size * 1e-6 && max >= from + size - size * 1e-6, `${from} ${size} ${room}`);
        assert.ok(ticks.length >= 2 && ticks.length <= room + 2, `${ticks.length} for ${room}`);
      }
    }
  }
});

test("a value that doesn't move has a range about it", () => {
  const { min, max } = scale(21, 21, 5);
  assert.ok(min < 21 && max > 21);
  assert.ok(scale(0, 0, 5).max > 0);
});

test("a scale stays as it is while values move within it", () => {
  assert.deepEqual(scale(18.3, 27.1, 6), scale(18.9, 26.2, 6));
});

test("the range is that of the buckets shown, and of the limits", () => {
  const history = { t0: 0, step: 1, min: [1, null, 3, -100], max: [2, null, 9, 100] };
  assert.deepEqual(range(history, 0, 3, []), [1, 9]);
  assert.deepEqual(range(history, 0, 3, [35, 0]), [0, 35]);
  assert.equal(range(history, 1, 2, []), null);
  assert.deepEqual(range(history, 1, 2, [10, 35]), [10, 35]);
});

test("means are told with the decimals that make a difference", () => {
  assert.equal(decimals(18, 26), 2);
  assert.equal(decimals(21.1, 21.3), 3);
  assert.equal(decimals(-3, 38.9), 1);
  assert.equal(decimals(950, 1050), 0);
});
