import assert from "node:assert/strict";
import { test } from "node:test";

import * as module from "../../../web/data/history.js";

/** Loosely typed: the tests look into what may be null. @type {any} */
const history = module;

const T0 = Date.parse("2026-02-05T10:00:00Z");
const MINUTE = 60_000;

/** Minute buckets by count: 0 is empty, each other bucket has the mean i and reaches from i − 1 to i + 1.
 * @param {number[]} n */
function minutes(n) {
  const of = (/** @type {(i: number) => number} */ value) => n.map((count, i) => (count > 0 ? value(i) : null));
  return history.fromAnswer({ t0: T0, step: 60, min: of((i) => i - 1), max: of((i) => i + 1), mean: of((i) => i), n });
}

/** @param {number} from @param {number} to */
const span = (from, to) => ({ from: T0 + from * MINUTE, to: T0 + to * MINUTE });
/** @param {{ n: number[] }} known */
const end = (known) => T0 + known.n.length * MINUTE;

test("merging weighs means by count and keeps extremes", () => {
  const merged = history.merge([
    { at: 0, min: 1, max: 3, mean: 2, n: 1 },
    { at: 1, min: null, max: null, mean: null, n: 0 },
    { at: 2, min: -5, max: 99, mean: 10, n: 3 },
  ]);
  assert.deepEqual(merged, { at: 0, min: -5, max: 99, mean: 8, n: 4 });
});

test("merging in any grouping gives the same", () => {
  let seed = 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const buckets = Array.from({ length: 500 }, (_, at) => {
    const mean = 20 + random();
    return { at, min: mean - random(), max: mean + random(), mean, n: 1 + Math.floor(random() * 60) };
  });
  const whole = history.merge(buckets);
  const halves = history.merge([history.merge(buckets.slice(0, 123)), history.merge(buckets.slice(123))]);
  assert.deepEqual([whole.min, whole.max, whole.n], [halves.min, halves.max, halves.n]);
  const exact = buckets.reduce((sum, { mean, n }) => sum + mean * n, 0) / whole.n;
  assert.ok(Math.abs(whole.mean - exact) < 1e-11 && Math.abs(halves.mean - exact) < 1e-11);
});

test("the live tail goes into its buckets, and time goes on without readings", () => {
  const base = minutes([1, 1]);
  const live = history.withTail(base, [[T0 + 1.5 * MINUTE, 9], [T0 + 4.1 * MINUTE, 7]], T0 + 4.5 * MINUTE);
  assert.deepEqual(live.n, [1, 2, 0, 0, 1]);
  assert.deepEqual([live.min[1], live.mean[1], live.max[1]], [0, 5, 9]);
  assert.deepEqual([live.min[4], live.mean[4], live.max[4]], [7, 7, 7]);
  assert.deepEqual(base.n, [1, 1], "what was given is as it was");
});

test("a tail before the first bucket, or nothing, changes nothing", () => {
  const base = minutes([1, 1]);
  assert.equal(history.withTail(base, [], T0), base);
  assert.deepEqual(history.withTail(base, [[T0 - 1, 9]], T0).n, [1, 1]);
});

test("what a live view adds is bounded", () => {
  assert.equal(history.withTail(minutes([1]), [], T0 + 1e12).n.length, 2001);
});

test("a gap is a silence of more than a few intervals", () => {
  const known = minutes([1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1]);
  const options = { every: MINUTE, now: end(known) };
  assert.deepEqual(history.gaps(known, span(0, 12), options), [
    { from: T0 + 4 * MINUTE, to: T0 + 10 * MINUTE, kind: "none", missing: 6 * MINUTE },
  ]);
});

test("buckets narrower than the interval of the readings are no gaps", () => {
  const n = Array.from({ length: 60 }, (_, i) => (i % 5 === 0 ? 1 : 0));
  assert.deepEqual(history.gaps(minutes(n), span(0, 60), { every: null, now: end({ n }) }), []);
  n.fill(0, 20, 50);
  const [gap, ...more] = history.gaps(minutes(n), span(0, 60), { every: null, now: end({ n }) });
  assert.deepEqual([gap.from, gap.to, more.length], [T0 + 16 * MINUTE, T0 + 50 * MINUTE, 0]);
});

test("a gap ends now, not in the future, and within the span", () => {
  const known = minutes([1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  const options = { every: 10_000, now: T0 + 8 * MINUTE };
  assert.deepEqual(history.gaps(known, span(0, 12), options)[0].to, T0 + 8 * MINUTE);
  assert.deepEqual(history.gaps(known, span(5, 12), options)[0].from, T0 + 5 * MINUTE);
});

test("a bucket with under half of the usual readings is incomplete", () => {
  const known = minutes([60, 60, 60, 15, 60, 60, 31, 60, 3]);
  const found = history.gaps(known, span(0, 9), { every: 1000, now: end(known) });
  assert.deepEqual(found, [{ from: T0 + 3 * MINUTE, to: T0 + 4 * MINUTE, kind: "few", missing: 45_000 }]);
});

test("statistics are those of the readings in the span", () => {
  const known = minutes([1, 3, 0, 0, 0, 0, 0, 0, 2]);
  const found = history.statistics(known, span(0, 9), { every: MINUTE, now: end(known) });
  assert.deepEqual(found, { min: -1, max: 9, mean: 19 / 6, n: 6, missing: 6 * MINUTE });
  assert.deepEqual(history.statistics(known, span(0, 2), { every: MINUTE, now: end(known) }).n, 4);
  assert.deepEqual(history.statistics(known, span(3, 5), { every: MINUTE, now: end(known) }).mean, null);
  assert.deepEqual(history.statistics(known, span(50, 60), { every: null, now: end(known) }).n, 0);
});

test("a history covers a span but for a bucket at its edges", () => {
  const known = minutes([1, 1, 1, 1, 1, 1]);
  const now = end(known);
  assert.equal(history.covers(known, span(0, 6), now), true);
  assert.equal(history.covers(known, span(-0.9, 6.9), now + 5 * MINUTE), true);
  assert.equal(history.covers(known, span(-2, 6), now), false);
  assert.equal(history.covers(known, span(0, 9), now + 5 * MINUTE), false);
  assert.equal(history.covers(known, span(0, 9), now), true, "nothing can be known of the future");
});

test("the cursor finds buckets with readings", () => {
  const known = minutes([1, 0, 0, 1, 1, 0]);
  assert.equal(history.nearest(known, T0 + 1.9 * MINUTE, span(0, 6)), 0);
  assert.equal(history.nearest(known, T0 + 2.1 * MINUTE, span(0, 6)), 3);
  assert.equal(history.nearest(known, T0 + 99 * MINUTE, span(0, 6)), 4);
  assert.equal(history.nearest(known, T0 - 99 * MINUTE, span(0, 6)), 0);
  assert.equal(history.nearest(known, T0, span(1, 3)), -1);
  assert.equal(history.neighbour(known, 0, 1, span(0, 6)), 3);
  assert.equal(history.neighbour(known, 4, 1, span(0, 6)), 4);
  assert.equal(history.neighbour(known, 4, -2, span(0, 6)), 0);
});

test("the table has at most so many rows and loses no extreme", () => {
  const known = minutes(Array.from({ length: 777 }, () => 1));
  known.max[500] = 1234;
  const rows = history.table(known, span(0, 777), 50);
  assert.ok(rows.length <= 50);
  assert.equal(rows.reduce((/** @type {number} */ sum, /** @type {any} */ row) => sum + row.n, 0), 777);
  assert.ok(rows.some((/** @type {any} */ row) => row.max === 1234));
  assert.deepEqual(history.table(minutes([]), span(0, 1), 50), []);
});

test("a trend is told only where it stands out", () => {
  const points = (/** @type {(i: number) => number} */ value) => Array.from({ length: 15 }, (_, i) => [T0 + i * MINUTE, value(i)]);
  assert.ok(Math.abs(history.trend(points((i) => 20 + 0.6 * i + 0.1 * (i % 2))) - 0.6) < 0.02);
  assert.ok(history.trend(points((i) => 20 - 0.6 * i)) < -0.59);
  assert.equal(history.trend(points((i) => 20 + (i % 2))), null);
  assert.equal(history.trend(points(() => 20)), null);
  assert.equal(history.trend(points((i) => i).slice(0, 3)), null);
});

test("CSV as RFC 4180 has it, with the offset of each time and the unit", () => {
  const header = ['time', 'lowest, "band"', 'mean', 'highest', 'readings'];
  const text = history.csv(minutes([3, 0]), span(0, 2), { zone: "Europe/Paris", unit: "°C", header });
  assert.equal(
    text,
    'time,"lowest, ""band"" (°C)",mean (°C),highest (°C),readings\r\n' +
      "2026-02-05T11:00:00+01:00,-1,0,1,3\r\n" +
      "2026-02-05T11:01:00+01:00,,,,0\r\n",
  );
});

test("CSV over the hour that comes twice says which one", () => {
  const t0 = Date.parse("2026-10-25T00:00:00Z");
  const known = history.fromAnswer({ t0, step: 3600, min: [1, 2], max: [1, 2], mean: [1, 2], n: [1, 1] });
  const header = ["t", "a", "b", "c", "n"];
  const text = history.csv(known, { from: t0, to: t0 + 7_200_000 }, { zone: "Europe/Paris", unit: "", header });
  assert.deepEqual(text.split("\r\n").slice(1, 3), ["2026-10-25T02:00:00+02:00,1,1,1,1", "2026-10-25T02:00:00+01:00,2,2,2,1"]);
});
