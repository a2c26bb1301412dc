import assert from "node:assert/strict";
import { test } from "node:test";
import { append, extremes, hourOf, sparklines } from "../../../web/data/sparklines.js";

const column = (/** @type {number | null} */ value) => Array(60).fill(value);

test("a reading goes on in its minute", () => {
  const hour = hourOf({ min: column(4), max: column(6), mean: column(5) }, 0, 60, 3);
  append(hour, 59 * 60_000 + 30_000, 9);
  assert.deepEqual([hour.min[59], hour.max[59], hour.mean[59], hour.count], [4, 9, 6, 4]);
  append(hour, 1000, 1); // late
  assert.deepEqual([hour.min[0], hour.mean[0], hour.count], [1, 3, 4]);
  append(hour, -1000, 99); // before the hour
  assert.equal(extremes(hour)?.most, 9);
});

test("minutes that passed without a reading are gaps, and the hour moves on", () => {
  const hour = hourOf({ min: column(4), max: column(4), mean: column(4) }, 0, 60, 1);
  append(hour, 62 * 60_000, 7);
  assert.deepEqual(hour.mean.slice(-4), [4, null, null, 7]);
  assert.deepEqual([hour.t0, hour.count, hour.mean.length], [180_000, 1, 60]);
  append(hour, 500 * 60_000, 8);
  assert.deepEqual(extremes(hour), { least: 8, most: 8 });
});

test("a short or empty answer is filled up in front", () => {
  const hour = hourOf({ min: [1], max: [2], mean: [1.5] }, 59 * 60_000, 60, 1);
  assert.deepEqual([hour.t0, hour.min.length, hour.min[59], hour.min[58]], [0, 60, 1, null]);
  assert.equal(extremes(hourOf(undefined, 0, 60, 0)), null);
});

/** A clock that goes on when it is asked to. @param {import("node:test").TestContext} t */
function fakeTimers(t) {
  const [set, clear] = [globalThis.setTimeout, globalThis.clearTimeout];
  /** @type {{ at: number, run: () => void }[]} */
  let timers = [];
  let now = 0;
  Object.assign(globalThis, {
    setTimeout: (/** @type {() => void} */ run, /** @type {number} */ ms) => {
      const timer = { at: now + ms, run };
      timers.push(timer);
      return timer;
    },
    clearTimeout: (/** @type {unknown} */ timer) => { timers = timers.filter((one) => one !== timer); },
  });
  t.after(() => Object.assign(globalThis, { setTimeout: set, clearTimeout: clear }));
  return async (/** @type {number} */ ms) => {
    now += ms;
    const due = timers.filter((timer) => timer.at <= now);
    timers = timers.filter((timer) => timer.at > now);
    for (const timer of due) timer.run();
    for (let k = 0; k < 10; k += 1) await Promise.resolve();
  };
}

test("only what is in view and missing is fetched, at most 200 at a time, and a failure is tried again later", async (t) => {
  const pass = fakeTimers(t);
  /** @type {string[]} */
  const asked = [];
  let fails = true;
  const get = async (/** @type {string} */ path) => {
    asked.push(path);
    if (fails) throw new Error("down");
    const series = Object.fromEntries((path.split("=")[1] ?? "").split(",").map((i) => [i, { min: column(1), max: column(1), mean: column(1) }]));
    return { t0: 0, step: 60, series };
  };
  const sparks = sparklines({ get, series: () => undefined, arrived: () => {} });
  sparks.want(Array.from({ length: 250 }, (_, i) => i));
  await pass(119);
  assert.equal(asked.length, 0);
  await pass(1);
  assert.deepEqual([asked.length, asked[0]?.split(",").length], [1, 200]);
  fails = false;
  await pass(9_000);
  assert.equal(asked.length, 1);
  await pass(1_000);
  await pass(0);
  assert.deepEqual([asked.length, asked[2]?.split(",").length], [3, 50]);
  sparks.want([3, 4]);
  await pass(1000);
  assert.equal(asked.length, 3);
  sparks.close();
});
