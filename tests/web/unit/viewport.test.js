import assert from "node:assert/strict";
import { test } from "node:test";

import * as viewport from "../../../web/chart/viewport.js";

const { DAY, HOUR, MINUTE } = viewport;
const NOW = Date.parse("2026-02-05T12:00:00Z");

test("a preset ends now and goes on with the clock", () => {
  const hour = viewport.ending(HOUR, NOW);
  assert.deepEqual(hour, { from: NOW - HOUR, to: NOW, live: true, back: [] });
  assert.deepEqual(viewport.follow(hour, NOW + 250), { ...hour, from: NOW - HOUR + 250, to: NOW + 250 });
});

test("what is not live stays where it is", () => {
  const past = viewport.between(NOW - 3 * DAY, NOW - 2 * DAY, NOW);
  assert.equal(past.live, false);
  assert.deepEqual(viewport.follow(past, NOW + HOUR), past);
});

test("nothing beyond now is shown; what reaches it goes on", () => {
  const later = viewport.between(NOW - HOUR, NOW + DAY, NOW);
  assert.equal(later.to, NOW);
  assert.equal(later.live, true);
  const panned = viewport.pan(viewport.between(NOW - 2 * HOUR, NOW - HOUR, NOW), 10 * HOUR, NOW);
  assert.deepEqual([panned.from, panned.to, panned.live], [NOW - HOUR, NOW, true]);
});

test("zooming keeps the instant under the pointer at its place", () => {
  const day = viewport.between(NOW - 3 * DAY, NOW - 2 * DAY, NOW);
  const about = day.from + 0.25 * DAY;
  const closer = viewport.zoom(day, about, 0.5, NOW);
  assert.equal(closer.to - closer.from, DAY / 2);
  assert.equal((about - closer.from) / (closer.to - closer.from), 0.25);
});

test("a live end stays live when zoomed near it", () => {
  const closer = viewport.zoom(viewport.ending(HOUR, NOW), NOW - MINUTE, 0.5, NOW);
  assert.deepEqual([closer.from, closer.to, closer.live], [NOW - HOUR / 2, NOW, true]);
});

test("zoom has bounds", () => {
  let at = viewport.ending(HOUR, NOW);
  for (let i = 0; i < 60; i += 1) at = viewport.zoom(at, NOW - HOUR, 0.5, NOW);
  assert.equal(at.to - at.from, 10_000);
  for (let i = 0; i < 60; i += 1) at = viewport.zoom(at, at.from, 2, NOW);
  assert.equal(at.to - at.from, 20 * 365 * DAY);
  assert.ok(at.to <= NOW);
});

test("back goes through the zooms, and a live span is live again", () => {
  const first = viewport.ending(HOUR, NOW);
  const second = viewport.show(first, NOW - 40 * MINUTE, NOW - 30 * MINUTE, NOW);
  const third = viewport.show(second, NOW - 38 * MINUTE, NOW - 36 * MINUTE, NOW);
  const later = NOW + 5 * MINUTE;
  const again = viewport.back(third, later);
  assert.deepEqual([again.from, again.to, again.live], [second.from, second.to, false]);
  const start = viewport.back(again, later);
  assert.deepEqual([start.from, start.to, start.live], [later - HOUR, later, true]);
  assert.deepEqual(viewport.back(start, later).back, []);
});

test("a gesture is one step back, and one that moved nothing is none", () => {
  const first = viewport.between(NOW - 3 * DAY, NOW - 2 * DAY, NOW);
  let at = viewport.mark(first);
  for (let i = 0; i < 10; i += 1) at = viewport.pan(at, -HOUR, NOW);
  assert.equal(at.back.length, 1);
  assert.equal(viewport.back(at, NOW).from, first.from);
  const still = viewport.back(viewport.mark(at), NOW);
  assert.equal(still.from, first.from);
});

test("the way back is bounded", () => {
  let at = viewport.ending(HOUR, NOW);
  for (let i = 0; i < 200; i += 1) at = viewport.show(at, NOW - (i + 2) * HOUR, NOW - (i + 1) * HOUR, NOW);
  assert.equal(at.back.length, 50);
});

test("both fingers of a pinch keep what they hold", () => {
  const day = viewport.between(NOW - 3 * DAY, NOW - 2 * DAY, NOW);
  const [a, b] = [day.from + 0.4 * DAY, day.from + 0.6 * DAY];
  const pinched = viewport.pinch(day, [[a, 0.2], [b, 0.8]], NOW);
  const place = (/** @type {number} */ at) => (at - pinched.from) / (pinched.to - pinched.from);
  assert.ok(Math.abs(place(a) - 0.2) < 1e-6 && Math.abs(place(b) - 0.8) < 1e-6);
  assert.equal(viewport.pinch(day, [[a, 0.5], [b, 0.5]], NOW), day);
});

test("the live pin lets go and takes up again", () => {
  const loose = viewport.pin(viewport.ending(HOUR, NOW), false, NOW);
  assert.deepEqual(viewport.follow(loose, NOW + DAY), loose);
  const again = viewport.pin(loose, true, NOW + DAY);
  assert.deepEqual([again.to, again.live, again.to - again.from], [NOW + DAY, true, HOUR]);
});

test("a young sensor fills its chart", () => {
  const hour = viewport.ending(HOUR, NOW);
  assert.equal(viewport.trimmed(hour, NOW - 50 * MINUTE, NOW), hour);
  const young = viewport.trimmed(hour, NOW - 20 * MINUTE, NOW);
  assert.deepEqual([young.from, young.to, young.live], [NOW - 22 * MINUTE, NOW, true]);
  assert.equal(viewport.trimmed(hour, NOW - 1000, NOW).from, NOW - 5 * MINUTE);
  const past = viewport.between(NOW - 3 * DAY, NOW - 2 * DAY, NOW);
  assert.equal(viewport.trimmed(past, NOW - 2 * DAY, NOW), past);
});

test("addresses carry absolute times, and come back as they were", () => {
  const query = (/** @type {string} */ text) => viewport.fromQuery(new URLSearchParams(text), NOW);
  assert.equal(viewport.toQuery(query("")), "span=1h");
  assert.equal(viewport.toQuery(query("span=1y")), "span=1y");
  assert.equal(viewport.toQuery(query("span=300s")), "span=5m");
  assert.equal(viewport.toQuery(query("span=nonsense")), "span=1h");
  assert.equal(viewport.toQuery(query("span=600s")), "span=600s");
  assert.equal(query("span=600s").live, true);
  const text = "from=2026-01-31T23:00:00.000Z&to=2026-02-01T23:00:00.000Z";
  assert.equal(viewport.toQuery(query(text)), text);
  const alarm = query("at=2026-01-31T23:00:00Z");
  assert.equal(alarm.from, Date.parse("2026-01-31T20:00:00Z"));
  assert.equal(alarm.to - alarm.from, 6 * HOUR);
  assert.deepEqual(query(`at=${Date.parse("2026-01-31T23:00:00Z")}`), alarm);
  assert.equal(query("from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z").live, true);
});
