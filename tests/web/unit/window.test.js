import assert from "node:assert/strict";
import { test } from "node:test";
import { poolSize, scrollFor, slotOf, visible } from "../../../web/page/window.js";

test("rows in view are shown, with some above and below, and never more than there are", () => {
  assert.deepEqual(visible({ top: 0, height: 320, rowHeight: 32, count: 10_000 }), { first: 0, end: 18 });
  assert.deepEqual(visible({ top: 3200, height: 320, rowHeight: 32, count: 10_000 }), { first: 92, end: 118 });
  assert.deepEqual(visible({ top: 319_680, height: 320, rowHeight: 32, count: 10_000 }), { first: 9982, end: 10_000 });
  assert.deepEqual(visible({ top: -500, height: 320, rowHeight: 32, count: 3 }), { first: 0, end: 3 });
  assert.deepEqual(visible({ top: 9_999_999, height: 320, rowHeight: 32, count: 3 }), { first: 3, end: 3 });
  assert.deepEqual(visible({ top: 0, height: 0, rowHeight: 32, count: 0 }), { first: 0, end: 0 });
});

test("no two rows in view share an element, wherever the list is scrolled to", () => {
  for (const rowHeight of [32, 46, 56.5]) {
    for (const height of [0, 1, 319, 320, 777]) {
      const pool = poolSize(height, rowHeight);
      for (let top = -100; top < 5000; top += 13) {
        const { first, end } = visible({ top, height, rowHeight, count: 500 });
        const used = new Set();
        for (let row = first; row < end; row += 1) used.add(slotOf(row, pool));
        assert.equal(used.size, end - first, `${rowHeight} ${height} ${top}`);
      }
    }
  }
});

test("a row is scrolled to by the least way", () => {
  const view = { top: 320, height: 320, rowHeight: 32 };
  assert.equal(scrollFor(10, view), null);
  assert.equal(scrollFor(19, view), null);
  assert.equal(scrollFor(9, view), 288);
  assert.equal(scrollFor(20, view), 352);
});
