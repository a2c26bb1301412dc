import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange, emptyOrder, range } from "../../../web/alarms/alarmorder.js";
import { named, usualLength } from "../../../web/alarms/alarmactions.js";
import { causeOf, chartLink, eventWhat, oldOf, safeLink, stateOf, whatOf, whoOf } from "../../../web/alarms/alarmtext.js";
import { formatter } from "../../../web/page/format.js";
import { alarmKey, situationOf } from "../../../web/data/state.js";
import words from "../../../web/words/en.js";
import fr from "../../../web/words/fr.js";

const NOW = Date.UTC(2026, 10, 29, 12, 0, 0);
const format = formatter("en", "UTC");
const given = { words, format, now: NOW };
/** @typedef {import("../../../web/data/state.js").Alarm} Alarm */

/** @param {Partial<Alarm>} [more] @returns {Alarm} */
const alarm = (more = {}) => ({
  id: "0123456789abcdef", rule: "hot", sensor_id: "A", location: "Hall", quantity: "temperature", value: 9.5, unit: "celsius", threshold: 8,
  alert_type: "HIGH_TEMPERATURE", severity: "HIGH", state: "unacknowledged", since: new Date(NOW - 60_000).toISOString(), withheld: null,
  acknowledged: null, shelved: null, suppressed_by: null, out_of_service: null, ...more,
});
/** @param {Partial<import("../../../web/data/state.js").Series>} [more] */
const series = (more = {}) => ({
  i: 0, id: "A", location: "Hall", quantity: "temperature", unit: "celsius", low: 2, high: 8, every: 5, value: 11, at: NOW - 1000, state: 10, digits: 1, ...more,
});
const plain = (/** @type {string} */ text) => text.replaceAll("\u00a0", " ");
const table = (/** @type {Alarm[]} */ list) => new Map(list.map((one) => [alarmKey(one), one]));
const all = () => true;

test("a frozen order keeps its rows where they are: one that came waits, one that went is shown as it was", () => {
  const [a, b] = [alarm({ rule: "a" }), alarm({ rule: "b", severity: "LOW" })];
  let order = arrange(emptyOrder(), table([a, b]), "active", all, false);
  assert.deepEqual(order.keys, ["a/A", "b/A"]);
  const grave = alarm({ rule: "z", severity: "CRITICAL" });
  order = arrange(order, table([{ ...b, state: "acknowledged" }, grave]), "active", all, true);
  assert.deepEqual([order.keys, order.changes], [["a/A", "b/A"], 2]);
  assert.equal(order.last.get("a/A")?.rule, "a");
  assert.equal(order.last.get("b/A")?.state, "acknowledged");
  order = arrange(order, table([grave]), "active", all, true);
  assert.deepEqual([order.keys, order.changes, order.last.has("a/A")], [["a/A", "b/A"], 3, true]);
  order = arrange(order, table([grave]), "active", all, false);
  assert.deepEqual([order.keys, order.changes], [["z/A"], 0]);
});

test("shift chooses from the last choice to this one, either way, and this one alone without it", () => {
  const keys = ["a", "b", "c", "d"];
  assert.deepEqual(range(keys, "b", "d"), ["b", "c", "d"]);
  assert.deepEqual(range(keys, "d", "b"), ["b", "c", "d"]);
  assert.deepEqual(range(keys, null, "c"), ["c"]);
  assert.deepEqual(range(keys, "gone", "c"), ["c"]);
});

test("what is wrong, with the value that was heard last", () => {
  assert.equal(plain(whatOf(alarm(), series(), given)), "11.0 °C, limit 8 °C");
  assert.equal(plain(whatOf(alarm(), series({ at: NOW - 600_000 }), given)), "11.0 °C, limit 8 °C");
  assert.equal(plain(whatOf(alarm(), undefined, given)), "9.5 °C, limit 8 °C");
  assert.equal(plain(whatOf(alarm({ unit: "fahrenheit" }), series(), given)), "9.5 °F, limit 8 °F");
  assert.equal(plain(whatOf(alarm({ alert_type: "STALE_TEMPERATURE" }), series({ at: NOW - 720_000 }), given)), "no reading for 12 min");
  assert.equal(whatOf(alarm({ alert_type: "STALE_TEMPERATURE", value: null }), series({ at: null, value: null }), given), "never heard");
  assert.equal(plain(whatOf(alarm({ alert_type: "RATE_TEMPERATURE", threshold: 0.5 }), undefined, given)), "changes too fast, limit 0.5 °C/min, 9.5 °C");
  assert.match(whatOf(alarm({ alert_type: "NOVEL_TEMPERATURE" }), undefined, given), /^novel, 9.5/);
});

test("a value that is no live one says how old it is", () => {
  const old = series({ at: NOW - 125_000 });
  assert.equal(plain(oldOf(alarm(), old, given)), "last value, 2 min ago");
  assert.equal(plain(oldOf(alarm(), old, { ...given, words: fr, format: formatter("fr", "UTC") })), "valeur d'il y a 2 min");
  assert.equal(oldOf(alarm(), series(), given), "");
  assert.equal(plain(oldOf(alarm(), series({ state: 16, at: NOW - 15_000 }), given)), "last value, 15 s ago", "a silence alarm came before");
  assert.equal(oldOf(alarm({ alert_type: "STALE_TEMPERATURE" }), old, given), "", "it says so itself");
  assert.equal(oldOf(alarm(), undefined, given), "");
});

test("an event of the history is said in the page's language, from its fields", () => {
  /** @param {object} [more] @returns {any} */
  const event = (more = {}) => ({
    alert_id: "a", rule: "hot", severity: "HIGH", state: "active", quantity: "temperature", temperature: 39.5, threshold: 35, unit: "celsius", alert_type: "HIGH_TEMPERATURE",
    message: "High temperature detected: 39.5°C", timestamp: "2026-11-29T11:00:00Z", transition: "raised", by: null, why: null, ...more,
  });
  const french = { ...given, words: fr, format: formatter("fr", "UTC") };
  const said = (/** @type {object} */ more, by = french) => plain(eventWhat(event(more), by));
  assert.equal(said({}), "39,5 °C, seuil 35 °C");
  assert.equal(said({}, given), "39.5 °C, limit 35 °C");
  assert.equal(said({ transition: "shelved", by: "anne", message: "Temperature: alarm shelved by anne: 39.5°C" }), "39,5 °C, seuil 35 °C");
  assert.equal(said({ transition: "returned", state: "resolved", temperature: 21 }), "21 °C, seuil 35 °C");
  assert.equal(said({ alert_type: "STALE_TEMPERATURE", temperature: 21 }), "aucune mesure, dernière valeur 21 °C");
  assert.equal(said({ alert_type: "STALE_TEMPERATURE", temperature: null }), "aucune mesure");
  assert.equal(said({ alert_type: "STALE_TEMPERATURE", state: "resolved", temperature: 21 }), "21 °C");
  assert.equal(said({ alert_type: "RATE_TEMPERATURE", threshold: 0.5 }), "varie trop vite, seuil 0,5 °C/min, 39,5 °C");
  assert.equal(said({ temperature: null }), "seuil 35 °C");
  assert.equal(said({ alert_type: "FLOOD", message: "12 alarms in 10 minutes" }), "12 alarms in 10 minutes", "its numbers are in its words alone");
  assert.equal(said({ alert_type: undefined }), "High temperature detected: 39.5°C", "of an older version");
});

test("a dialog names the gravest five, and shelves critical alarms for the shortest time unless told otherwise", () => {
  const many = Array.from({ length: 7 }, (_, k) => alarm({ rule: `r${k}`, severity: k === 6 ? "CRITICAL" : "LOW" }));
  const { shown, more } = named(many);
  assert.deepEqual([shown.length, shown[0]?.rule, more], [5, "r6", 2]);
  assert.deepEqual([usualLength(many), usualLength(many.slice(0, 6))], ["30m", "2h"]);
  assert.equal(named(many.slice(0, 5)).more, 0);
});

test("until when, by what, in which state, by whom and why", () => {
  const said = { by: "anne", why: "door", at: "2026-11-29T11:00:00Z" };
  const shelved = alarm({ withheld: "shelved", shelved: { ...said, until: "2026-11-29T13:20:00Z", one_shot: true } });
  assert.equal(plain(stateOf(shelved, given)), "13:20:00, 1 h 20 min left, until it returns");
  assert.equal(whoOf(shelved, given), "anne, 11:00:00: door");
  assert.equal(stateOf(alarm({ withheld: "suppressed", suppressed_by: "wait:gateway" }), given), "waiting whether gateway explains it");
  assert.deepEqual(["gateway", "maintenance:night", "chattering", "settle:gateway"].map((by) => causeOf(by, words)),
    ["gateway", "maintenance: night", "it chatters", "gateway, which has just returned"]);
  assert.equal(stateOf(alarm({ state: "acknowledged", acknowledged: said }), given), "acknowledged");
  assert.equal(stateOf(undefined, given), "over");
  assert.equal(whoOf(alarm(), given), "");
});

test("a runbook leads only where a browser may go", () => {
  assert.equal(safeLink("https://wiki.example/cold"), "https://wiki.example/cold");
  for (const url of ["javascript:alert(1)", "data:text/html,x", "wiki", "", null, undefined]) assert.equal(safeLink(url), null);
});

test("a chart's address has its names escaped", () => {
  assert.equal(chartLink({ sensor_id: "a/b ?", quantity: "co2" }, 12), "#/sensor/a%2Fb%20%3F/co2?at=12");
});

test("a row says its silence, then its gravest alarm, then what is withheld; all well is no word", () => {
  const of = (/** @type {Alarm[]} */ alarms, /** @type {object} */ more = {}, isLinkDead = false) => {
    const { words: said, priority, waits, sign } = situationOf(series({ state: 0, value: 4, ...more }), alarms, { ...given, isLinkDead });
    return [plain(said), priority, waits, sign];
  };
  assert.deepEqual(of([]), ["", 0, false, null]);
  assert.deepEqual(of([alarm(), alarm({ rule: "b" })]), ["unacknowledged: hot · and 1 more", 2, true, null]);
  assert.deepEqual(of([alarm({ state: "acknowledged", acknowledged: { by: "marc", why: null, at: "" } })]), ["acknowledged by marc: hot", 2, false, null]);
  assert.deepEqual(of([], { at: NOW - 720_000 }), ["silent", 0, false, "silent"]);
  assert.deepEqual(of([], { at: null, value: null }), ["never heard", 0, false, "silent"]);
  assert.deepEqual(of([], { at: null, value: 3 }), ["retained by the broker, time unknown", 0, false, "silent"]);
  assert.deepEqual(of([alarm({ rule: "silent", severity: "LOW" })], { at: NOW - 720_000, state: 16 | 4 | 8 }), ["silent · unacknowledged: silent", 4, true, null]);
  // No alarm tells of the silence, but the count of silent sensors has it: so does the row.
  assert.deepEqual(of([alarm()], { at: NOW - 720_000, state: 2 | 8 }), ["silent · unacknowledged: hot", 2, true, null]);
  assert.deepEqual(of([alarm({ withheld: "shelved" })]), ["shelved: hot", 0, false, "shelved"]);
  assert.deepEqual(of([alarm({ withheld: "shelved" })], { at: NOW - 720_000 }), ["silent · shelved: hot", 0, false, "silent"]);
  // A state that came without its alarm still shows.
  assert.deepEqual(of([], { state: 1 | 8 }), ["", 1, true, null]);
  assert.deepEqual(of([], { at: NOW - 720_000 }, true), ["", 0, false, null]);
  assert.deepEqual(of([alarm()], { at: NOW - 720_000, state: 16 | 2 | 8 }, true), ["unacknowledged: hot", 2, true, null]);
});
