import assert from "node:assert/strict";
import { test } from "node:test";
import { askAgainAfter, cardsOf, deviceList, faultyOf, othersOf, searched } from "../../../web/data/heard.js";

/** @typedef {import("../../../web/data/heard.js").Unclaimed} Unclaimed */
/** @typedef {import("../../../web/data/heard.js").Rule} Rule */
/** @typedef {import("../../../web/data/heard.js").Device} Device */

/** @param {string} shape @param {number} minute @param {string | null} config @param {string | null} [note] @returns {Unclaimed} */
const unclaimed = (shape, minute, config, note = null) => ({
  shape, messages: 1, first_seen: `2026-11-29T12:${String(minute).padStart(2, "0")}:00Z`, last_seen: "2026-11-29T13:00:00Z", topic: shape, payload: "1", is_cut: false, keys: [], config, note,
});

/** @param {string} rule @param {Partial<Rule>} more @returns {Rule} */
const table = (rule, more = {}) => ({ rule, messages: 1, ignored: 0, rejected: 0, rejected_parts: 0, last_seen: null, last_fault: null, never_there: [], ...more });

/** @param {string} id @param {Partial<Device>} more @returns {Device} */
const device = (id, more = {}) => ({ sensor_id: id, rule: "zigbee2mqtt", last_seen: null, availability: null, quantities: [], ...more });

test("shapes that the same lines take are one card; cards with lines first, then the newest", () => {
  const z2m = '[[devices]]\npreset = "zigbee2mqtt"\n';
  const cards = cardsOf([
    unclaimed("door/front", 9, null, "no number in it"), unclaimed("zigbee2mqtt/a", 1, z2m), unclaimed("plant/+/data", 5, "[[devices]]\n"), unclaimed("zigbee2mqtt/b", 2, z2m),
    unclaimed("door/back", 3, null, "no number in it"),
  ]);
  assert.deepEqual(cards.map(({ shapes }) => shapes.map(({ shape }) => shape)), [["plant/+/data"], ["zigbee2mqtt/b", "zigbee2mqtt/a"], ["door/front", "door/back"]]);
  assert.deepEqual(cards.map(({ config, note }) => [config, note]), [["[[devices]]\n", null], [z2m, null], [null, "no number in it"]]);
  assert.equal(new Set(cards.map(({ key }) => key)).size, 3);
});

test("a table is faulty by what it did not understand, and by what never came", () => {
  const fault = { topic: "t", why: "w", at: "2026-11-29T12:00:00Z" };
  const rules = [table("vigie"), table("a", { last_fault: fault }), table("b", { never_there: ["values.h: nothing at /h"] })];
  assert.deepEqual(faultyOf(rules).map(({ rule }) => rule), ["a", "b"]);
});

test("a rejected message is shown once, and not where its table says it", () => {
  const at = "2026-11-29T12:00:00Z";
  const rules = [table("a", { last_fault: { topic: "site/1", why: "t is no number", at } })];
  const rejected = [
    { at, topic: "site/1", reason: "1 of its values can't be used: t is no number" }, { at, topic: "site/2", reason: "t is no number" },
    { at, topic: "site/2", reason: "t is no number" }, { at, topic: "site/1", reason: "not JSON" },
  ];
  assert.deepEqual(othersOf(rejected, rules), [rejected[1], rejected[3]]);
});

test("devices are by name, numbers in their order, and stay so while they are the same", () => {
  const list = deviceList("fr");
  const names = (/** @type {Device[]} */ devices) => list.ordered(devices).map(({ sensor_id: id }) => id);
  assert.deepEqual(names([device("T10"), device("T9"), device("été")]), ["été", "T9", "T10"]);
  const newer = list.ordered([device("T10", { rule: "x" }), device("T9"), device("été")]);
  assert.equal(newer[2]?.rule, "x");
  assert.deepEqual(names([device("T10"), device("T9")]), ["T9", "T10"]);
});

test("a search wants each of its words in what the row shows, whatever their accents and case", () => {
  const devices = [device("Porch"), device("Entrepôt", { rule: "tasmota" })];
  const shown = (/** @type {Device} */ { sensor_id: id, rule }) => `${id} ${rule}`;
  assert.deepEqual(searched(devices, "TASMOTA entrepot", shown), [devices[1]]);
  assert.deepEqual(searched(devices, " ", shown), devices);
});

test("ten thousand devices are ordered in a part of a second, again in less, and asked for less often", () => {
  const devices = Array.from({ length: 10_000 }, (_, k) => device(`Hall ${k % 100}/sensor ${k}`, { quantities: [{ quantity: "temperature", unit: "celsius", readings: 1, last_seen: null }] }));
  const list = deviceList("fr");
  const start = performance.now();
  list.ordered(devices);
  const first = performance.now();
  for (let k = 0; k < 10; k += 1) searched(list.ordered(devices), "hall 7", ({ sensor_id: id }) => id);
  const again = (performance.now() - first) / 10;
  assert.ok(first - start < 2000 && again < 200, `${first - start} ms, then ${again} ms`);
  assert.ok(askAgainAfter(0) < 5000 && askAgainAfter(10_000) > 20_000);
});
