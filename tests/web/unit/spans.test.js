import assert from "node:assert/strict";
import { test } from "node:test";

import * as spans from "../../../web/data/spans.js";

/** Loosely typed: the tests look into what may be undefined. @type {any} */
const { alarmSpans, instant, overlapping } = spans;

/** @param {number} minute */
const at = (minute) => `2026-02-05T10:${String(minute).padStart(2, "0")}:00+00:00`;
/** @param {number} minute */
const ms = (minute) => Date.parse(at(minute));

/** @param {string} id @param {string|null} transition @param {number} minute */
function alert(id, transition, minute, more = {}) {
  return {
    alert_id: id,
    rule: "warm",
    severity: "HIGH",
    state: transition === "returned" ? "resolved" : "active",
    quantity: "temperature",
    threshold: 8,
    unit: "celsius",
    message: `${transition} ${id}`,
    timestamp: at(minute),
    transition,
    by: null,
    why: null,
    ...more,
  };
}

/** @param {string} id @param {string} state @param {number} minute */
function alarm(id, state, minute, more = {}) {
  return { id, rule: "warm", sensor_id: "T", quantity: "temperature", severity: "CRITICAL", state, since: at(minute), ...more };
}

test("an alarm is a span from its raise to its return, with who did what", () => {
  const [span, ...more] = alarmSpans(
    [
      alert("a", "raised", 1),
      alert("a", "still-active", 2),
      alert("a", "acknowledged", 3, { by: "marc", why: "defrost" }),
      alert("a", "returned", 4),
    ],
    [],
    "temperature",
  );
  assert.equal(more.length, 0);
  assert.deepEqual([span.from, span.to, span.priority, span.isAcknowledged], [ms(1), ms(4), 2, true]);
  assert.equal(span.event.message, "raised a");
  assert.deepEqual(span.said, [{ transition: "acknowledged", by: "marc", why: "defrost", at: ms(3) }]);
});

test("an alarm raised before what is known has an open beginning", () => {
  const [span] = alarmSpans([alert("a", "returned", 4)], [], "temperature");
  assert.deepEqual([span.from, span.to], [null, ms(4)]);
});

test("a return after a latch does not prolong the span", () => {
  const [span] = alarmSpans([alert("a", "raised", 1), alert("a", "latched", 2), alert("a", "returned", 9)], [], "temperature");
  assert.equal(span.to, ms(2));
});

test("what stands now is a span without an end, also without its event", () => {
  const [known] = alarmSpans([alert("a", "raised", 1)], [alarm("a", "unacknowledged", 1)], "temperature");
  assert.deepEqual([known.from, known.to, known.stands, known.condition], [ms(1), null, true, "unacknowledged"]);
  const [other] = alarmSpans([], [alarm("b", "acknowledged", 7, { acknowledged: { by: "anne", why: null, at: at(8) } })], "temperature");
  assert.deepEqual([other.from, other.to, other.stands, other.priority], [ms(7), null, true, 1]);
  assert.deepEqual(other.said, [{ transition: "acknowledged", by: "anne", why: null, at: ms(8) }]);
  assert.equal(other.isAcknowledged, true);
});

test("a returned alarm that nobody acknowledged has its end", () => {
  const [span] = alarmSpans([alert("a", "raised", 1)], [alarm("a", "returned-unacknowledged", 5)], "temperature");
  assert.deepEqual([span.from, span.to, span.stands, span.isAcknowledged], [ms(1), ms(5), false, false]);
});

test("other quantities and alarms at rest are left out", () => {
  const alerts = [alert("a", "raised", 1, { quantity: "humidity" })];
  assert.deepEqual(alarmSpans(alerts, [alarm("b", "normal", 1), alarm("c", "unacknowledged", 1, { quantity: "x" })], "temperature"), []);
});

test("events without a transition go by their state", () => {
  const events = [alert("a", null, 1, { state: "active" }), alert("a", null, 3, { state: "resolved" })];
  const [span] = alarmSpans(events, [], "temperature");
  assert.deepEqual([span.from, span.to], [ms(1), ms(3)]);
});

test("spans that overlap a time", () => {
  const known = alarmSpans(
    [alert("a", "returned", 2), alert("b", "raised", 3), alert("b", "returned", 5), alert("c", "raised", 8)],
    [],
    "temperature",
  );
  const ids = (/** @type {number} */ from, /** @type {number} */ to) =>
    overlapping(known, ms(from), ms(to)).map((/** @type {any} */ span) => span.id);
  assert.deepEqual(ids(0, 1), ["a"]);
  assert.deepEqual(ids(4, 4), ["b"]);
  assert.deepEqual(ids(6, 7), []);
  assert.deepEqual(ids(9, 10), ["c"]);
});

test("times without an offset are UTC", () => {
  assert.equal(instant("2026-02-05T10:01:00.123456"), ms(1) + 123);
  assert.equal(instant("2026-02-05T10:01:00+00:00"), ms(1));
  assert.equal(instant("2026-02-05T11:01:00+01:00"), ms(1));
  assert.equal(instant("nonsense"), null);
  assert.equal(instant(null), null);
});
