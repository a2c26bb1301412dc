import assert from "node:assert/strict";
import { test } from "node:test";
import * as state from "../../../web/data/state.js";

const NOW = Date.UTC(2026, 10, 29, 12, 0, 0);

/** @param {Partial<import("../../../web/data/state.js").Alarm>} [more] @returns {import("../../../web/data/state.js").Alarm} */
export function alarm(more = {}) {
  return {
    id: "0123456789abcdef", rule: "hot", sensor_id: "A", location: "Hall", quantity: "temperature", value: 9, unit: "celsius", threshold: 8,
    alert_type: "HIGH_TEMPERATURE", severity: "HIGH", state: "unacknowledged", since: new Date(NOW - 60_000).toISOString(), withheld: null,
    acknowledged: null, shelved: null, suppressed_by: null, out_of_service: null, ...more,
  };
}

/** @param {Partial<import("../../../web/data/state.js").Series>} [more] */
const series = (more = {}) => ({
  i: 0, id: "A", location: "Hall", quantity: "temperature", unit: "celsius", low: 2, high: 8, every: 5, value: 4, at: NOW - 1000, state: 0, digits: 1, ...more,
});

test("a value is old after three of its intervals and some slack, and 30 s at least", () => {
  const isOld = (/** @type {number} */ age, /** @type {number | null} */ every) => state.isOld(series({ at: NOW - age, every }), NOW, false);
  assert.deepEqual([isOld(30_000, 5), isOld(30_001, 5)], [false, true]);
  assert.deepEqual([isOld(190_000, 60), isOld(190_001, 60)], [false, true]);
  assert.deepEqual([isOld(30_000, null), isOld(30_001, null)], [false, true]);
});

test("a dead link, a silence alarm, or no value at all make it old at any age", () => {
  assert.equal(state.isOld(series(), NOW, false), false);
  assert.equal(state.isOld(series(), NOW, true), true);
  assert.equal(state.isOld(series({ state: 16 | 4 }), NOW, false), true);
  assert.equal(state.isOld(series({ at: null, value: null }), NOW, false), true);
});

test("sensors that say nothing are counted among all; behind a dead link nothing is known of them", () => {
  const out = series({ at: NOW - 40_000 });
  /** @type {any[]} */
  const table = [series(), out, series({ state: 16 | 2 | 8 }), series({ at: null, value: null })];
  table[6] = series();
  assert.deepEqual(state.countSilent(table, NOW, false), { silent: 3, all: 5 });
  assert.deepEqual(state.countSilent(table, NOW, true), { silent: 0, all: 5 });
  assert.deepEqual([state.isOut(out, NOW, false), state.isOut(out, NOW, true)], [true, false]);
});

test("the bits of a state", () => {
  assert.deepEqual([0, 1, 4, 9, 16, 32].map(state.priorityOf), [0, 1, 4, 1, 0, 0]);
  assert.deepEqual([0, 3, 8, 16, 32].map(state.isAbnormal), [false, true, true, true, false]);
});

test("unacknowledged first, then priority, then newest; a name decides what is left", () => {
  const at = (/** @type {number} */ minutes) => new Date(NOW - minutes * 60_000).toISOString();
  const list = [
    alarm({ rule: "acked-critical", severity: "CRITICAL", state: "acknowledged" }),
    alarm({ rule: "low", severity: "LOW" }),
    alarm({ rule: "older", severity: "HIGH", since: at(9) }),
    alarm({ rule: "newer", severity: "HIGH", since: at(2) }),
    alarm({ rule: "returned", severity: "CRITICAL", state: "returned-unacknowledged" }),
    alarm({ rule: "b", severity: "MEDIUM", since: at(3) }),
    alarm({ rule: "a", severity: "MEDIUM", since: at(3) }),
    alarm({ rule: "shelved", withheld: "shelved" }),
    alarm({ rule: "rest", state: "normal" }),
  ];
  assert.deepEqual(state.alarmList(list, "active").map(({ rule }) => rule), ["returned", "newer", "older", "a", "b", "low", "acked-critical"]);
  assert.deepEqual(state.alarmList(list, "shelved").map(({ rule }) => rule), ["shelved"]);
  assert.deepEqual(state.alarmList(list, "active", ({ rule }) => rule === "a").length, 1);
});

test("counts: what is withheld waits for nobody", () => {
  const counts = state.countAlarms([
    alarm(), alarm({ severity: "CRITICAL", state: "returned-unacknowledged" }), alarm({ state: "acknowledged" }), alarm({ withheld: "suppressed" }),
    alarm({ withheld: "out-of-service", state: "normal" }), alarm({ state: "normal" }),
  ]);
  assert.deepEqual([counts.active, counts.shelved, counts.suppressed, counts["out-of-service"]], [3, 0, 1, 1]);
  assert.deepEqual(counts.waiting, [2, 1, 1, 0, 0]);
  assert.deepEqual(counts.standing, [3, 1, 2, 0, 0]);
});

test("an operator is offered what the daemon will take", () => {
  const shelved = { until: "2026-11-29T14:00:00Z", one_shot: false };
  assert.deepEqual(state.verbsOf(alarm()), ["ack", "shelve", "out-of-service"]);
  assert.deepEqual(state.verbsOf(alarm({ state: "acknowledged" })), ["shelve", "out-of-service"]);
  assert.deepEqual(state.verbsOf(alarm({ state: "latched-unacknowledged" })), ["ack", "reset", "shelve", "out-of-service"]);
  assert.deepEqual(state.verbsOf(alarm({ state: "normal", withheld: "shelved", shelved })), ["unshelve", "out-of-service"]);
  assert.deepEqual(state.verbsOf(alarm({ state: "normal", withheld: "out-of-service", shelved })), ["return-to-service"]);
});

test("a flood begins with more than ten alarms in ten minutes and ends with fewer than five", () => {
  const some = (/** @type {number} */ n, /** @type {object} */ more = {}) => Array.from({ length: n }, (_, k) => alarm({ sensor_id: `S${k}`, ...more }));
  assert.equal(state.flood(some(10), NOW, false), null);
  assert.equal(state.flood(some(11), NOW, false)?.count, 11);
  assert.equal(state.flood(some(5), NOW, true)?.count, 5);
  assert.equal(state.flood(some(4), NOW, true), null);
  assert.equal(state.flood(some(50, { since: new Date(NOW - 11 * 60_000).toISOString() }), NOW, false), null);
  assert.equal(state.flood(some(50, { withheld: "suppressed" }), NOW, false), null);
});

test("a flood is counted by rule and location, the gravest group first, with the gravest and the first alarm by name", () => {
  const list = [
    ...Array.from({ length: 9 }, (_, k) => alarm({ rule: "silent", severity: "LOW", sensor_id: `S${k}` })),
    alarm({ rule: "silent", severity: "LOW", location: "Attic", sensor_id: "first", since: new Date(NOW - 300_000).toISOString(), state: "acknowledged" }),
    alarm({ rule: "hot", severity: "CRITICAL", sensor_id: "grave" }),
  ];
  const found = state.flood(list, NOW, false);
  assert.deepEqual(found?.groups.map(({ rule, location, count, waiting, priority }) => [rule, location, count, waiting, priority]),
    [["hot", "Hall", 1, 1, 1], ["silent", "Hall", 9, 9, 4], ["silent", "Attic", 1, 0, 4]]);
  assert.deepEqual([found?.first.sensor_id, found?.gravest.sensor_id], ["first", "grave"]);
});

test("alarms are found by sensor and quantity, the gravest first", () => {
  const index = state.alarmsBySeries([alarm({ severity: "LOW" }), alarm({ rule: "hotter", severity: "CRITICAL" }), alarm({ quantity: "humidity" })]);
  assert.deepEqual(index.get(state.seriesKey("A", "temperature"))?.map(({ severity }) => severity), ["CRITICAL", "LOW"]);
  assert.equal(index.get(state.seriesKey("A", "humidity"))?.length, 1);
});

test("ten thousand alarms are counted, arranged and searched for a flood in a part of a second", () => {
  const at = (/** @type {number} */ k) => new Date(NOW - k * 100).toISOString();
  const list = Array.from({ length: 10_000 }, (_, k) => alarm({ sensor_id: `S${k}`, location: `Hall ${k % 50}`, since: at(k) }));
  const start = performance.now();
  state.countAlarms(list);
  assert.equal(state.alarmList(list, "active").length, 10_000);
  assert.equal(state.flood(list, NOW, false)?.count, 6000);
  state.alarmsBySeries(list);
  const took = performance.now() - start;
  assert.ok(took < 2000, `${took} ms`);
});
