import assert from "node:assert/strict";
import { test } from "node:test";
import { formatter, unitSymbol } from "../../../web/page/format.js";

const en = formatter("en", "Europe/Paris");
const fr = formatter("fr", "Europe/Paris");
const AT = Date.UTC(2026, 10, 29, 13, 18, 22);

test("numbers are as the reading carried them, or of the digits asked for", () => {
  assert.equal(en.number(38.2), "38.2");
  assert.equal(fr.number(38.2), "38,2");
  assert.equal(en.number(-4), "−4");
  assert.equal(en.number(4, 1), "4.0");
  assert.equal(en.number(Number.NaN), "–");
  assert.equal(en.value(38.2, "celsius"), "38.2\u00a0°C");
  assert.equal(en.value(38, "celsius", 1), "38.0\u00a0°C");
  assert.equal(en.value(null, "celsius"), "–");
  assert.equal(en.value(3, ""), "3");
  assert.deepEqual(["celsius", "percent", "hpa", "hectopascal", "mm/s", "", null].map(unitSymbol), ["°C", "%", "hPa", "hPa", "mm/s", "", ""]);
});

test("ages have one unit, durations two", () => {
  const [s, min, h] = [1000, 60_000, 3_600_000];
  assert.deepEqual([-5, 0, 4.9 * s, 59.9 * s, min, 12 * min, 3 * h, 47 * h, 48 * h].map((ms) => en.age(ms).replace("\u00a0", " ")),
    ["0 s", "0 s", "4 s", "59 s", "1 min", "12 min", "3 h", "47 h", "2 d"]);
  assert.equal(fr.age(48 * h), "2\u00a0j");
  assert.deepEqual([0, 45 * s, 60 * s, 90 * s, 410 * min, 46 * h].map((ms) => en.duration(ms).replaceAll("\u00a0", " ")),
    ["0 s", "45 s", "1 min", "1 min 30 s", "6 h 50 min", "1 d 22 h"]);
});

test("times are in the zone, on a summer and on a winter day", () => {
  assert.equal(en.time(AT), "14:18:22");
  assert.equal(formatter("en", "UTC").time(AT), "13:18:22");
  assert.equal(en.time(Date.UTC(2026, 6, 1, 13, 0, 0)), "15:00:00");
  assert.equal(en.zoneName(AT), "CET");
  assert.equal(fr.time(Date.UTC(2026, 0, 1, 23, 0, 5)), "00:00:05");
  assert.match(en.dateTime(AT), /^29 Nov 2026, 14:18:22$/);
  assert.match(fr.dateTime(AT), /^29 nov. 2026, 14:18:22$/);
});

test("a time is as short as it can be without doubt", () => {
  const now = AT + 3_600_000;
  assert.equal(en.when(AT, now), "14:18:22");
  assert.equal(en.when(AT - 86_400_000, now), "28 Nov, 14:18");
  assert.equal(en.when(AT - 400 * 86_400_000, now), "25 Oct 2025, 15:18:22");
  // Midnight in Paris lies between these two, not in UTC.
  assert.equal(en.when(Date.UTC(2026, 10, 28, 22, 59, 59), Date.UTC(2026, 10, 28, 23, 0, 1)), "28 Nov, 23:59");
});

test("a zone that the browser lacks is UTC, and is said to be", () => {
  const odd = formatter("en", "Mars/Olympus");
  assert.equal(odd.zone, "UTC");
  assert.equal(odd.time(AT), "13:18:22");
});

test("bytes in decimal units", () => {
  assert.equal(en.bytes(1_240_000_000), "1.2\u00a0GB");
  assert.equal(fr.bytes(310_000_000), "310\u00a0Mo");
  assert.equal(en.bytes(0), "0\u00a0B");
});
