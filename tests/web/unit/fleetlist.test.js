import assert from "node:assert/strict";
import { test } from "node:test";
import { deviation, fleetList, limitsOf, placeOn, readQuery, scaleOf, writeQuery } from "../../../web/data/fleetlist.js";
import { formatter } from "../../../web/page/format.js";
import en from "../../../web/words/en.js";
import fr from "../../../web/words/fr.js";

const NOW = 1_000_000_000;
/** @typedef {import("../../../web/data/state.js").Series} Series */

/** @param {number} i @param {Partial<Series>} more @returns {Series} */
const one = (i, more) => ({
  i, id: `S${i}`, location: "Hall", quantity: "temperature", unit: "celsius", low: 2, high: 8, every: 5, value: 5, at: NOW, state: 0, digits: 0, ...more,
});
const USUAL = readQuery(new URLSearchParams());

/** @param {Series[]} series @param {Partial<import("../../../web/data/fleetlist.js").Query>} query @param {object} [options] */
function names(series, query, options) {
  const { rows } = fleetList("fr").rows(series, { ...USUAL, ...query }, NOW, options);
  return rows.map(({ group, i }) => (group ? `[${group.location}]` : series.find((s) => s?.i === i)?.id));
}

test("rows are by location and name, numbers in their order, holes left out", () => {
  const series = [one(0, { id: "T10" }), one(1, { id: "T9" }), one(2, { id: "A", location: "École" }), one(3, { id: "B", location: "Dock" })];
  delete series[3];
  assert.deepEqual(names(series, {}), ["[École]", "A", "[Hall]", "T9", "T10"]);
  assert.deepEqual(names(series, { sort: "name" }), ["A", "T9", "T10"]);
});

test("a location's heading has the worst state and the counts of what is below it, folded too", () => {
  const series = [one(0, { state: 3 }), one(1, { state: 2 | 8 }), one(2, { at: NOW - 60_000 }), one(3, {})];
  const list = fleetList("en");
  const [row] = list.rows(series, USUAL, NOW).rows;
  assert.deepEqual(row?.group, { location: "Hall", count: 4, abnormal: 2, silent: 1, worst: 2, waits: true, isOpen: true });
  const folded = list.rows(series, { ...USUAL, fold: true }, NOW).rows;
  assert.deepEqual([folded.length, folded[0]?.group?.worst, folded[0]?.group?.isOpen], [1, 2, false]);
  assert.equal(list.rows(series, { ...USUAL, fold: true }, NOW, { toggled: new Set(["Hall"]) }).rows.length, 5);
  assert.equal(list.rows(series, USUAL, NOW, { toggled: new Set(["Hall"]) }).rows.length, 1);
});

test("a search wants each of its words, whatever their accents and case", () => {
  const series = [one(0, { id: "ENT_1", location: "Entrepôt" }), one(1, { id: "ENT_2", location: "Bureau" }), one(2, { id: "X", quantity: "humidity" })];
  assert.deepEqual(names(series, { search: "entrepot ENT" }), ["[Entrepôt]", "ENT_1"]);
  assert.deepEqual(names(series, { search: "humid", sort: "name" }), ["X"]);
  assert.deepEqual(names(series, { search: "nowhere" }), []);
});

test("chips count within the search; filters keep what they say", () => {
  const series = [one(0, { state: 1 | 8 }), one(1, { at: NOW - 60_000 }), one(2, {}), one(3, { state: 32 })];
  const list = fleetList("en");
  assert.deepEqual(list.rows(series, USUAL, NOW).counts, { all: 4, abnormal: 1, silent: 1 });
  assert.deepEqual(names(series, { show: "abnormal", sort: "name" }), ["S0"]);
  assert.deepEqual(names(series, { show: "silent", sort: "name" }), ["S1"]);
  // Behind a dead link nothing is known of anybody's silence.
  assert.equal(list.rows(series, USUAL, NOW + 3_600_000, { isLinkDead: true }).counts.silent, 0);
});

test("worst first: the graver alarm, then the one that waits; names decide what is left", () => {
  const series = [one(0, {}), one(1, { state: 4 }), one(2, { state: 2 }), one(3, { state: 2 | 8 }), one(4, { state: 1 })];
  assert.deepEqual(names(series, { sort: "worst" }), ["S4", "S3", "S2", "S1", "S0"]);
});

test("a renamed series is found again once it is forgotten", () => {
  const series = [one(0, { id: "OLD" })];
  const list = fleetList("en");
  assert.equal(list.rows(series, { ...USUAL, search: "old" }, NOW).shown, 1);
  Object.assign(/** @type {Series} */ (series[0]), { id: "NEW" });
  list.forget();
  assert.equal(list.rows(series, { ...USUAL, search: "old" }, NOW).shown, 0);
  assert.equal(list.rows(series, { ...USUAL, search: "new" }, NOW).shown, 1);
});

test("ten thousand series are arranged in a part of a second, and again in less", () => {
  const series = Array.from({ length: 10_000 }, (_, i) => one(i, { location: `Hall ${i % 100}` }));
  const list = fleetList("fr");
  const start = performance.now();
  list.rows(series, USUAL, NOW);
  const first = performance.now();
  for (let k = 0; k < 10; k += 1) list.rows(series, { ...USUAL, search: "hall 7" }, NOW);
  const again = (performance.now() - first) / 10;
  assert.ok(first - start < 2000 && again < 200, `${first - start} ms, then ${again} ms`);
});

test("the address keeps the query, and no more than it must", () => {
  assert.equal(writeQuery(USUAL), "#/fleet");
  const query = /** @type {const} */ ({ search: "hall é", show: "abnormal", sort: "worst", fold: true });
  const address = writeQuery(query);
  assert.deepEqual(readQuery(new URLSearchParams(address.split("?")[1])), query);
  assert.deepEqual(readQuery(new URLSearchParams("show=odd&sort=odd&fold=2")), USUAL);
});

test("how far off: 0 amid the limits, 1 at one, more beyond; nothing to say without limit or value", () => {
  const of = (/** @type {Partial<Series>} */ more) => deviation(one(0, more));
  assert.deepEqual([of({ value: 5 }), of({ value: 8 }), of({ value: 2 }), of({ value: 11 })], [0, 1, 1, 2]);
  assert.equal(of({ low: null, value: 8 }), 1);
  assert.ok(of({ low: null, value: 16 }) > 1 && of({ low: null, value: 4 }) < 1);
  assert.deepEqual([of({ value: null }), of({ low: null, high: null })], [-1, -1]);
});

test("a scale shows both limits with room beyond them; a value far beyond is held at its end", () => {
  const scale = scaleOf(one(0, {}), null);
  assert.deepEqual(scale && [scale.low, scale.high, scale.isMeasured], [2, 8, false]);
  assert.ok(scale && scale.from < 2 && scale.to > 8);
  assert.equal(scale && placeOn(scale, 5), 0.5);
  assert.deepEqual(scale && [placeOn(scale, -99), placeOn(scale, 99)], [0, 1]);
});

test("one limit has its range from the hour; without limits the hour is the band", () => {
  const high = scaleOf(one(0, { low: null }), { least: 4, most: 6 });
  assert.ok(high && high.from < 4 && high.to > 8 && high.high === 8);
  const low = scaleOf(one(0, { high: null }), { least: 4, most: 6 });
  assert.ok(low && low.from < 2 && low.to > 6 && low.low === 2);
  const none = scaleOf(one(0, { low: null, high: null }), { least: 4, most: 6 });
  assert.deepEqual(none && [none.low, none.high, none.isMeasured], [4, 6, true]);
  assert.equal(scaleOf(one(0, { low: null, high: null, value: null }), null), null);
  const alone = scaleOf(one(0, { low: null, high: null, value: 5 }), null);
  assert.ok(alone && alone.from < 5 && alone.to > 5);
});

test("limits are beside the bar where they fit, and whole in words", () => {
  const given = { words: en, format: formatter("en", "UTC") };
  const of = (/** @type {Partial<Series>} */ more, g = given) => Object.values(limitsOf(one(0, more), g)).map((text) => text.replaceAll("\u00a0", " "));
  assert.deepEqual(of({}), ["2 … 8", "limits 2 to 8 °C"]);
  assert.deepEqual(of({ low: -20.5, high: null }), ["≥ −20.5", "low limit −20.5 °C"]);
  assert.deepEqual(of({ low: null, high: 0 }), ["≤ 0", "high limit 0 °C"]);
  assert.deepEqual(of({ low: null, high: null }), ["no limits", ""]);
  assert.deepEqual(of({ low: 990, high: 101_325.25, unit: "pascal" }), ["", "limits 990 to 101,325.25 Pa"]);
  assert.deepEqual(of({ low: 2.5 }, { words: fr, format: formatter("fr", "UTC") }), ["2,5 … 8", "seuils 2,5 à 8 °C"]);
});
