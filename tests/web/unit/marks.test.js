import assert from "node:assert/strict";
import { test } from "node:test";
import { placeSigns } from "../../../web/chart/chartmarks.js";
import { marksOf, marksWithin } from "../../../web/data/marks.js";

/** @param {number} minute */
const at = (minute) => `2026-02-05T10:${String(minute).padStart(2, "0")}:00+00:00`;
/** @param {number} minute */
const ms = (minute) => Date.parse(at(minute));

/** @param {string} transition @param {number} minute @returns {any} */
const alert = (transition, minute, more = {}) => ({
  alert_id: "a", rule: "warm", quantity: "temperature", timestamp: at(minute), transition, by: null, why: null, ...more,
});
/** @returns {any} */
const alarm = (more = {}) => ({
  id: "a", rule: "warm", quantity: "temperature", state: "unacknowledged", shelved: null, suppressed_by: null, out_of_service: null, ...more,
});
/** @param {any[]} alerts @param {any[]} alarms */
const brief = (alerts, alarms = []) =>
  marksOf(alerts, alarms, "temperature").map(({ kind, from, to }) => [kind, from && (from - ms(0)) / 60_000, to && (to - ms(0)) / 60_000]);

test("acknowledgements are instants with who and why", () => {
  const [mark] = marksOf([alert("raised", 1), alert("acknowledged", 2, { by: "anne", why: "seen" })], [], "temperature");
  assert.deepEqual(mark, { kind: "acknowledged", rule: "warm", from: ms(2), to: ms(2), until: null, by: "anne", why: "seen" });
});

test("what an alarm was withheld by is a span from its beginning to its end", () => {
  const events = [
    alert("shelved", 1, { by: "anne", why: "cleaning" }), alert("taken-out-of-service", 2, { by: "bo" }), alert("unshelved", 3),
    alert("suppressed", 4), alert("unsuppressed", 5), alert("returned-to-service", 6, { by: "bo" }), alert("shelved", 7), alert("returned", 8),
  ];
  assert.deepEqual(brief(events), [["shelved", 1, 3], ["out-of-service", 2, 6], ["suppressed", 4, 5], ["shelved", 7, null]]);
});

test("a shelf that is set anew ends the one before, rules have their own, and a rule that is no more has none", () => {
  const events = [alert("shelved", 1), alert("shelved", 2, { rule: "cold" }), alert("shelved", 3), alert("closed", 4)];
  assert.deepEqual(brief(events), [["shelved", 1, 3], ["shelved", 2, null], ["shelved", 3, 4]]);
});

test("an end without a beginning began before what is known", () => {
  assert.deepEqual(brief([alert("unshelved", 3), alert("closed", 4)]), [["shelved", null, 3]]);
});

test("what stands now tells what the events do not: until when, and why", () => {
  const standing = alarm({ shelved: { by: "anne", why: "cleaning", at: at(1), until: at(30), one_shot: false }, suppressed_by: "maintenance:defrost" });
  const marks = marksOf([alert("suppressed", 5)], [standing], "temperature");
  assert.deepEqual(marks.map(({ kind, from, until, by, why }) => [kind, from, until, by, why]), [
    ["shelved", ms(1), ms(30), "anne", "cleaning"],
    ["suppressed", ms(5), null, "", "maintenance:defrost"],
  ]);
  assert.equal(marksOf([], [alarm({ quantity: "humidity", shelved: standing.shelved })], "temperature").length, 0);
});

test("planned maintenance is a span of its own, whether it kept an alarm quiet or not", () => {
  const planned = [{ name: "defrost", rules: ["cold-*", "warm"], from: at(2), to: at(12) }, { name: "cleaning", rules: [], from: at(30), to: at(40) }];
  const marks = marksOf([alert("acknowledged", 5)], [], "temperature", planned);
  assert.deepEqual(marks.map(({ kind, rule, from, why }) => [kind, rule, from, why]), [
    ["maintenance", "cold-*, warm", ms(2), "defrost"], ["acknowledged", "warm", ms(5), ""], ["maintenance", "", ms(30), "cleaning"],
  ]);
});

test("marks that are seen in a time", () => {
  const marks = marksOf([alert("unshelved", 2), alert("acknowledged", 5), alert("shelved", 8)], [], "temperature");
  const kinds = (/** @type {number} */ from, /** @type {number} */ to) => marksWithin(marks, ms(from), ms(to)).map(({ kind }) => kind);
  assert.deepEqual([kinds(0, 1), kinds(3, 4), kinds(4, 6), kinds(9, 10)], [["shelved"], [], ["acknowledged"], ["shelved"]]);
});

test("a sign is in its bar or beside it, whole, and over no other", () => {
  const box = { left: 50, right: 950 };
  const bar = (/** @type {number} */ left, /** @type {number} */ right, word = 40) => ({ left, right, word });
  const middles = (/** @type {any[]} */ ...bars) => placeSigns(bars, box).map(({ middle }) => middle);
  assert.deepEqual(placeSigns([bar(100, 300), bar(400, 440)], box), [{ middle: 108, hasWord: true }, { middle: 408, hasWord: false }]);
  assert.deepEqual(middles(bar(940, 949)), [932], "left of a short one at the right edge");
  assert.deepEqual(middles(bar(50, 53)), [61], "right of a short one at the left edge");
  assert.deepEqual(middles(bar(100, 103), bar(105, 108), bar(110, 113)), [92, 116, null], "no sign rather than one over another");
  assert.deepEqual(middles(bar(100, 300), bar(140, 400), bar(900, 949)), [108, null, 908], "nor over a word");
});
