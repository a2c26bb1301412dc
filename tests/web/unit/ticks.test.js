import assert from "node:assert/strict";
import { test } from "node:test";

import { instants, isTwice, offset, reached, rfc3339, ticks } from "../../../web/chart/ticks.js";

const HOUR = 3_600_000;
const PARIS = "Europe/Paris";
const NEW_YORK = "America/New_York";

/** The browser's own zone must make no difference: every test runs in three of them.
 * @param {string} name @param {() => void} body */
function everywhere(name, body) {
  for (const home of [PARIS, NEW_YORK, "UTC"]) {
    test(`${name} (browser in ${home})`, () => {
      process.env.TZ = home;
      body();
    });
  }
}

/** @param {string} from @param {string} to @param {string} zone @param {number} room */
function between(from, to, zone, room, language = "en") {
  return ticks(Date.parse(from), Date.parse(to), { zone, language, room });
}

/** @typedef {import("../../../web/chart/ticks.js").Tick} Tick */
/** @param {Tick[]} found */
const labels = (found) => found.map(({ label }) => label);

/** @param {Tick[]} found */
function assertAscending(found) {
  found.slice(1).forEach((tick, i) => assert.ok(tick.at > (found[i]?.at ?? NaN), `${tick.label} comes after ${found[i]?.label}`));
  assert.equal(new Set(labels(found)).size, found.length, `a label comes twice: ${labels(found)}`);
}

everywhere("the day that skips an hour in Paris has 23 hours, each labelled once", () => {
  const found = between("2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", PARIS, 30);
  assert.equal(found.length, 23);
  assertAscending(found);
  assert.deepEqual(labels(found).slice(0, 4), ["29 Mar", "01:00", "03:00", "04:00"]);
  assert.equal(labels(found).at(-1), "23:00");
});

everywhere("the day that repeats an hour in Paris has 25 hours, the repeated one with its offsets", () => {
  const found = between("2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", PARIS, 30);
  assert.equal(found.length, 25);
  assertAscending(found);
  assert.deepEqual(labels(found).slice(0, 5), ["25 Oct", "01:00", "02:00 +2", "02:00 +1", "03:00"]);
});

everywhere("the days of change in New York", () => {
  const spring = between("2026-03-08T05:00:00Z", "2026-03-09T03:59:59Z", NEW_YORK, 30);
  assert.equal(spring.length, 23);
  assertAscending(spring);
  assert.deepEqual(labels(spring).slice(0, 3), ["8 Mar", "01:00", "03:00"]);
  const autumn = between("2026-11-01T04:00:00Z", "2026-11-02T04:59:59Z", NEW_YORK, 30);
  assert.equal(autumn.length, 25);
  assertAscending(autumn);
  assert.deepEqual(labels(autumn).slice(0, 4), ["1 Nov", "01:00 −4", "01:00 −5", "02:00"]);
});

everywhere("coarse hours of a day of change are the wall clock’s, none twice", () => {
  const autumn = between("2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", PARIS, 13);
  assertAscending(autumn);
  assert.deepEqual(labels(autumn).slice(0, 4), ["25 Oct", "02:00 +2", "04:00", "06:00"]);
  const spring = between("2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", PARIS, 12);
  assertAscending(spring);
  assert.deepEqual(labels(spring).slice(0, 3), ["29 Mar", "04:00", "06:00"]);
  const coarse = between("2026-10-24T22:00:00Z", "2026-10-26T22:59:59Z", PARIS, 9);
  assert.deepEqual(
    coarse.map(({ at }) => rfc3339(at, PARIS).slice(0, 16)),
    ["25T00", "25T06", "25T12", "25T18", "26T00", "26T06", "26T12", "26T18"].map((t) => `2026-10-${t}:00`),
  );
});

everywhere("days stand at local midnight over a change", () => {
  const found = between("2026-10-23T00:00:00Z", "2026-10-28T00:00:00Z", PARIS, 8);
  assertAscending(found);
  assert.deepEqual(labels(found), ["24 Oct", "25 Oct", "26 Oct", "27 Oct", "28 Oct"].slice(0, found.length));
  assert.deepEqual(found.map(({ at }) => rfc3339(at, PARIS).slice(11, 19)), found.map(() => "00:00:00"));
  assert.equal(Number(found[2]?.at) - Number(found[1]?.at), 25 * HOUR);
});

everywhere("every span has round ticks, as many as fit at the most", () => {
  const from = Date.parse("2025-11-29T13:17:42.123Z");
  for (const zone of [PARIS, NEW_YORK, "UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana"]) {
    for (let span = 2_000; span < 40 * 365 * 24 * HOUR; span *= 1.7) {
      for (const room of [3, 8]) {
        const found = ticks(from, from + span, { zone, language: "fr", room });
        assert.ok(found.length >= 1 || room === 3, `${zone} ${span}`);
        assert.ok(found.length <= room + 2, `${zone} ${span}: ${found.length} ticks for ${room}`);
        found.forEach(({ at }) => assert.ok(at >= from && at <= from + span));
        assert.equal(new Set(found.map(({ at }) => at)).size, found.length);
      }
    }
  }
});

everywhere("from seconds to years, in both languages", () => {
  assert.deepEqual(labels(between("2026-02-05T09:59:58Z", "2026-02-05T10:00:02Z", "UTC", 5)), [
    "09:59:58",
    "09:59:59",
    "10:00:00",
    "10:00:01",
    "10:00:02",
  ]);
  assert.deepEqual(labels(between("2026-02-05T22:40:00Z", "2026-02-05T23:20:00Z", PARIS, 4, "fr")), [
    "23:40",
    "23:50",
    "6 févr.",
    "00:10",
    "00:20",
  ]);
  assert.deepEqual(labels(between("2026-01-30T12:00:00Z", "2026-02-02T12:00:00Z", PARIS, 4, "fr")), [
    "31 janv.",
    "1 févr.",
    "2 févr.",
  ]);
  assert.deepEqual(labels(between("2025-11-15T00:00:00Z", "2026-03-15T00:00:00Z", PARIS, 5)), [
    "Dec",
    "2026",
    "Feb",
    "Mar",
  ]);
  assert.deepEqual(labels(between("2019-05-01T00:00:00Z", "2026-03-15T00:00:00Z", PARIS, 4)), ["2020", "2022", "2024", "2026"]);
});

everywhere("the first of a larger unit is marked", () => {
  const found = between("2026-02-27T12:00:00Z", "2026-03-02T12:00:00Z", "UTC", 4);
  assert.deepEqual(found.map(({ label, major }) => [label, major]), [
    ["28 Feb", false],
    ["1 Mar", true],
    ["2 Mar", false],
  ]);
});

everywhere("weeks begin on Monday", () => {
  const found = between("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", PARIS, 5);
  assert.deepEqual(labels(found), ["5 Jan", "12 Jan", "19 Jan", "26 Jan"]);
});

everywhere("a zone whose midnight is skipped starts its day at one", () => {
  const found = between("2026-04-23T18:00:00Z", "2026-04-24T06:00:00Z", "Africa/Cairo", 24);
  assertAscending(found);
  assert.ok(labels(found).includes("24 Apr"));
  const start = found.find(({ label }) => label === "24 Apr");
  assert.equal(rfc3339(Number(start?.at), "Africa/Cairo"), "2026-04-24T01:00:00+03:00");
});

everywhere("wall-clock times and instants", () => {
  assert.equal(offset(Date.parse("2026-07-01T00:00:00Z"), PARIS), 2 * HOUR);
  assert.equal(offset(Date.parse("2026-07-01T00:00:00.999Z"), NEW_YORK), -4 * HOUR);
  assert.equal(instants(Date.parse("2026-03-29T02:30:00Z"), PARIS).length, 0);
  assert.equal(instants(Date.parse("2026-10-25T02:30:00Z"), PARIS).length, 2);
  assert.equal(isTwice(Date.parse("2026-10-25T00:59:59.999Z"), PARIS), true);
  assert.equal(isTwice(Date.parse("2026-10-25T01:00:00Z"), PARIS), true);
  assert.equal(isTwice(Date.parse("2026-10-25T02:00:00Z"), PARIS), false);
  assert.equal(isTwice(Date.parse("2026-11-01T06:30:00Z"), NEW_YORK), true);
  assert.equal(reached(Date.parse("2026-03-29T02:30:00Z"), PARIS), Date.parse("2026-03-29T01:30:00Z"));
  assert.equal(reached(Date.parse("2026-10-25T02:30:00Z"), PARIS), Date.parse("2026-10-25T00:30:00Z"));
});

everywhere("times in RFC 3339 carry the offset of their day", () => {
  assert.equal(rfc3339(Date.parse("2026-10-25T00:30:00Z"), PARIS), "2026-10-25T02:30:00+02:00");
  assert.equal(rfc3339(Date.parse("2026-10-25T01:30:00Z"), PARIS), "2026-10-25T02:30:00+01:00");
  assert.equal(rfc3339(Date.parse("2026-01-01T00:00:00.250Z"), "America/St_Johns"), "2025-12-31T20:30:00.250-03:30");
  assert.equal(rfc3339(Date.parse("2026-01-01T00:00:00Z"), "UTC"), "2026-01-01T00:00:00+00:00");
});

everywhere("a span that is none has no ticks", () => {
  assert.deepEqual(ticks(5, 5, { zone: "UTC", language: "en", room: 8 }), []);
  assert.deepEqual(ticks(0, Infinity, { zone: "UTC", language: "en", room: 8 }), []);
});
