import assert from "node:assert/strict";
import { test } from "node:test";
import { alertsCsv, csvName } from "../../../web/alarms/alarmcsv.js";
import { csvOf, safe } from "../../../web/page/csv.js";
import { formatter } from "../../../web/page/format.js";
import { ALL, days, daysOf, endsOf, readSpan, writeSpan } from "../../../web/alarms/historyspan.js";
import en from "../../../web/words/en.js";
import fr from "../../../web/words/fr.js";

const NOW = Date.UTC(2026, 10, 29, 12, 0, 0);
const iso = (/** @type {number | null} */ at) => (at === null ? null : new Date(at).toISOString());
const asked = (/** @type {string} */ query) => readSpan(new URLSearchParams(query));
const ends = (/** @type {string} */ query, zone = "Europe/Paris") => {
  const { since, until } = endsOf(asked(query), NOW, zone);
  return [iso(since), iso(until)];
};

test("a span is read from the address and written to it", () => {
  for (const query of ["", "span=24h", "span=7d", "span=30d", "from=2026-11-01", "to=2026-11-03", "from=2026-11-01&to=2026-11-03"]) {
    assert.equal(new URLSearchParams(writeSpan(asked(query))).toString(), query);
  }
  for (const query of ["span=9y", "span=days", "span=all", "from=yesterday", "from=2026-13-01", "to=11/03/2026"]) assert.deepEqual(asked(query), ALL, query);
});

test("days are the zone's, the last one included, also where clocks change", () => {
  assert.deepEqual(ends("from=2026-11-01&to=2026-11-03"), ["2026-10-31T23:00:00.000Z", "2026-11-03T23:00:00.000Z"]);
  assert.deepEqual(ends("from=2026-11-01&to=2026-11-01", "UTC"), ["2026-11-01T00:00:00.000Z", "2026-11-02T00:00:00.000Z"]);
  assert.deepEqual(ends("from=2026-10-25&to=2026-10-25"), ["2026-10-24T22:00:00.000Z", "2026-10-25T23:00:00.000Z"], "a day of 25 hours");
  assert.deepEqual(ends("from=2026-03-29&to=2026-03-29"), ["2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"], "a day of 23 hours");
  assert.deepEqual(ends("from=2026-11-05&to=2026-11-02"), ends("from=2026-11-02&to=2026-11-05"), "the wrong way round");
});

test("a span may be open at an end, and a length ends now", () => {
  assert.deepEqual(ends(""), [null, null]);
  assert.deepEqual(ends("from=2026-11-01", "UTC"), ["2026-11-01T00:00:00.000Z", null]);
  assert.deepEqual(ends("to=2026-11-01", "UTC"), [null, "2026-11-02T00:00:00.000Z"]);
  assert.deepEqual(ends("span=24h"), ["2026-11-28T12:00:00.000Z", null]);
  assert.deepEqual(days("", ""), ALL);
});

test("the fields for days show those of a length", () => {
  assert.deepEqual(daysOf(asked("span=7d"), NOW, "Europe/Paris"), { from: "2026-11-22", to: "2026-11-29" });
  assert.deepEqual(daysOf(asked("span=24h"), Date.UTC(2026, 10, 29, 23, 30), "Europe/Paris"), { from: "2026-11-29", to: "2026-11-30" });
  assert.deepEqual(daysOf(ALL, NOW, "UTC"), { from: "", to: "" });
  assert.deepEqual(daysOf(asked("from=2026-11-05"), NOW, "UTC"), { from: "2026-11-05", to: "" });
});

const alert = (more = {}) => ({
  rule: "too-warm", sensor_id: "S7", location: "Hall 1, north", quantity: "temperature", temperature: 9.25, unit: "celsius", threshold: 8, severity: "CRITICAL", state: "active",
  message: "High temperature detected: 9.25°C", timestamp: "2026-10-25T00:30:00Z", transition: "raised", by: null, why: null, ...more,
});

test("events as CSV: in the zone's time with its offset, numbers with a point, words of the page's language", () => {
  const lines = alertsCsv([alert({ timestamp: "2026-10-25T01:30:00Z", transition: "acknowledged", by: "anne", why: 'door "A", open' }), alert()], { words: en, format: formatter("en", "Europe/Paris") }).split("\r\n");
  assert.equal(lines.length, 4);
  assert.equal(lines[0], "time,priority,sensor,location,quantity,alarm,what happened,value,limit,unit,who,why,message");
  assert.equal(lines[1], '2026-10-25T02:30:00+01:00,critical,S7,"Hall 1, north",temperature,too-warm,acknowledged,9.25,8,°C,anne,"door ""A"", open",High temperature detected: 9.25°C');
  assert.equal(lines[2], '2026-10-25T02:30:00+02:00,critical,S7,"Hall 1, north",temperature,too-warm,raised,9.25,8,°C,,,High temperature detected: 9.25°C');
  const [header, row] = alertsCsv([alert({ temperature: undefined, threshold: null, transition: null, state: "resolved" })], { words: fr, format: formatter("fr", "UTC") }).split("\r\n");
  assert.equal(header?.split(",").length, en.alarms.past.csv.length);
  assert.match(row ?? "", /^2026-10-25T00:30:00\+00:00,critique,S7,"Hall 1, north",température,too-warm,resolved,,,°C,,,/);
});

test("what came from outside is no formula in a spreadsheet; a file is named by its days", () => {
  for (const text of ["=1+1", "+1", "-1", "@SUM(A1)", "＝1"]) assert.equal(safe(text), `'${text}`);
  assert.equal(safe("\tx\n\u202ey"), "'\\u{9}x\\u{a}\\u{202e}y");
  assert.equal(safe("door = open"), "door = open");
  assert.equal(csvOf([["a", "b,c"], ['d"e', "f\ng"]]), 'a,"b,c"\r\n"d""e","f\ng"\r\n');
  const late = alert({ timestamp: "2026-10-25T23:30:00Z" });
  assert.equal(csvName([late, alert()], "Europe/Paris", "alarms"), "alarms-2026-10-25-2026-10-26.csv");
  assert.equal(csvName([alert(), alert()], "UTC", "alarms"), "alarms-2026-10-25.csv");
});
