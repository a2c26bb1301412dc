// The feed's reducer against a small model of the daemon: whatever is cut, lost or comes again, both agree in the end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createFeed, hello, mergeChanges, noChanges, receive, tune } from "../../../web/data/feed.js";

const WANT = { series: 1, alarms: true, system: false, broker: false };

/** Pseudo-random numbers, the same for the same seed. @param {number} seed */
function random(seed) {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}

/** A daemon as the feed sees it: versioned items, tombstones, frames in parts. @param {string} epoch */
function daemon(epoch) {
  /** @type {{ description: any, value: [number | null, number | null, number], version: number, described: number }[]} */
  const series = [];
  /** @type {Map<string, { alarm: any, version: number }>} */
  const alarms = new Map();
  /** @type {Map<string, number>} */
  const gone = new Map();
  let seq = 0;
  return {
    epoch,
    series,
    alarms,
    /** @param {string} id */
    add(id) {
      seq += 1;
      const i = series.length;
      series.push({ description: { i, id, location: "L", quantity: "temperature", unit: "celsius", low: 1, high: 9, every: 2 }, value: [null, null, 0], version: seq, described: seq });
    },
    /** @param {number} i @param {number} value */
    say(i, value) {
      seq += 1;
      const one = series[i];
      if (one) Object.assign(one, { value: [value, seq * 1000, value > 9 ? 9 : 0], version: seq });
    },
    /** @param {string} sensor @param {string} state */
    raise(sensor, state) {
      seq += 1;
      alarms.set(`hot/${sensor}`, { alarm: { rule: "hot", sensor_id: sensor, state, severity: "HIGH", withheld: null }, version: seq });
      gone.delete(`hot/${sensor}`);
    },
    /** @param {string} sensor */
    end(sensor) {
      seq += 1;
      if (alarms.delete(`hot/${sensor}`)) gone.set(`hot/${sensor}`, seq);
    },
    welcome: () => ({ type: "welcome", version: 1, epoch, build: "b", zone: "UTC", language: "en", now: seq * 1000, user: null, role: "operator", open: true }),
    /** The frames that bring a client from a sequence to now. @param {string | null} known @param {number} from @param {number} size */
    frames(known, from, size) {
      const full = known !== epoch;
      const since = full ? 0 : from;
      const parts = [];
      for (let k = 0; k < series.length; k += size) {
        const some = series.slice(k, k + size);
        parts.push({
          series: some.filter((one) => one.described > since).map((one) => one.description),
          values: some.filter((one) => one.version > since).map((one) => [one.description.i, ...one.value]),
        });
      }
      parts.push({
        alarms: [...alarms.values()].filter((one) => one.version > since).map((one) => one.alarm),
        gone: full ? [] : [...gone].filter(([, version]) => version > since).map(([key]) => key),
      });
      return parts.map((part, k) => ({ type: "state", seq, now: seq * 1000, full: full && k === 0, more: k < parts.length - 1, ...part }));
    },
  };
}

/** @param {import("../../../web/data/feed.js").Feed} feed @param {ReturnType<typeof daemon>} server */
function assertSame(feed, server) {
  assert.deepEqual(
    feed.tables.series.map(({ id, value, at, state }) => ({ id, value, at, state })),
    server.series.map(({ description, value: [value, at, state] }) => ({ id: description.id, value, at, state })),
  );
  assert.deepEqual([...feed.tables.alarms].sort(), [...server.alarms].map(([key, one]) => [key, one.alarm]).sort());
}

test("a first hello has no epoch, and a full state in parts replaces the tables with its last part", () => {
  const [feed, server] = [createFeed(), daemon("e1")];
  for (const id of ["A", "B", "C"]) server.add(id);
  server.say(0, 4);
  server.raise("A", "unacknowledged");
  assert.deepEqual(hello(feed, WANT), { hello: 1, epoch: null, seq: 0, want: WANT });
  assert.equal(receive(feed, server.welcome()).welcome?.epoch, "e1");
  const frames = server.frames(null, 0, 2);
  const answers = frames.map((frame) => receive(feed, frame));
  assert.deepEqual(answers.map(({ ack }) => ack), [null, null, 5]);
  assert.equal(answers[0]?.changes, null);
  assert.equal(answers[2]?.changes?.full, true);
  assert.deepEqual([...(answers[2]?.changes?.series ?? [])], [0, 1, 2]);
  assertSame(feed, server);
});

test("a full state cut in the middle leaves the tables as they were, and they resume from there", () => {
  const [feed, server] = [createFeed(), daemon("e1")];
  for (const id of ["A", "B", "C"]) server.add(id);
  receive(feed, server.welcome());
  for (const frame of server.frames(null, 0, 9)) receive(feed, frame);
  const restarted = daemon("e2");
  for (const id of ["X", "A"]) restarted.add(id);
  hello(feed, WANT);
  receive(feed, restarted.welcome());
  receive(feed, /** @type {any} */ (restarted.frames("e1", 3, 1)[0]));
  assertSame(feed, server);
  assert.deepEqual(hello(feed, WANT), { hello: 1, epoch: "e1", seq: 3, want: WANT });
  receive(feed, restarted.welcome());
  for (const frame of restarted.frames("e1", 3, 1)) receive(feed, frame);
  assertSame(feed, restarted);
  assert.equal(feed.epoch, "e2");
});

test("the parts of a full state that a cut interrupted are not mixed with what comes after it", () => {
  const [feed, server] = [createFeed(), daemon("e1")];
  for (const id of ["A", "B", "C"]) server.add(id);
  receive(feed, server.welcome());
  for (const frame of server.frames(null, 0, 9)) receive(feed, frame);
  // A daemon may send all of the same epoch again, as when its memory of ended alarms was overrun.
  receive(feed, /** @type {any} */ (server.frames(null, 0, 1)[0]));
  hello(feed, WANT);
  receive(feed, server.welcome());
  server.say(1, 5);
  for (const frame of server.frames("e1", 3, 9)) receive(feed, frame);
  assertSame(feed, server);
});

test("whatever is lost, cut and resumed, the tables equal the daemon's", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const next = random(seed);
    const pick = (/** @type {number} */ n) => Math.floor(next() * n);
    let server = daemon("e0");
    const feed = createFeed();
    let acked = 0;
    let isOpen = false;
    const connect = () => {
      const first = hello(feed, WANT);
      acked = first.epoch === server.epoch ? first.seq : 0;
      receive(feed, server.welcome());
      isOpen = true;
      return first.epoch;
    };
    for (let step = 0; step < 60; step += 1) {
      const what = next();
      if (what < 0.02) {
        server = daemon(`e${step}`);
        isOpen = false;
      }
      if (what < 0.1) server.add(`S${seed}_${step}`);
      else if (what < 0.5 && server.series.length) server.say(pick(server.series.length), pick(14));
      else if (what < 0.6) server.raise(`S${pick(4)}`, "unacknowledged");
      else if (what < 0.7) server.end(`S${pick(4)}`);
      else if (what < 0.78) isOpen = false;
      else {
        const known = isOpen ? feed.epoch : connect();
        const frames = server.frames(known, acked, 1 + pick(3));
        const cut = next() < 0.3 ? pick(frames.length + 1) : frames.length;
        for (const frame of frames.slice(0, cut)) acked = receive(feed, JSON.parse(JSON.stringify(frame))).ack ?? acked;
        if (cut < frames.length) isOpen = false;
      }
    }
    const known = connect();
    for (const frame of server.frames(known, acked, 2)) receive(feed, frame);
    assertSame(feed, server);
  }
});

test("a state of another epoch is full, though it does not say so", () => {
  const [feed, server] = [createFeed(), daemon("e1")];
  server.add("A");
  receive(feed, server.welcome());
  for (const frame of server.frames(null, 0, 1)) receive(feed, { ...frame, full: undefined });
  const other = daemon("e2");
  other.add("B");
  receive(feed, other.welcome());
  for (const frame of other.frames(null, 0, 1)) receive(feed, { ...frame, full: undefined });
  assertSame(feed, other);
});

test("what is unknown changes nothing: beats, later kinds of frames, values without a description", () => {
  const feed = createFeed();
  for (const frame of [null, 7, {}, { type: "beat", now: 5 }, { type: "tomorrow", now: 6 }]) {
    const { changes, ack } = receive(feed, frame);
    assert.deepEqual([changes, ack], [null, null]);
  }
  assert.equal(receive(feed, { type: "beat", now: 5 }).now, 5);
  const { changes } = receive(feed, { type: "state", seq: 1, now: 1, values: [[3, 1, 1, 0]] });
  assert.equal(changes?.series.size, 0);
});

test("a value that comes again keeps its decimals, and an unchanged description renames nothing", () => {
  const [feed, server] = [createFeed(), daemon("e1")];
  server.add("A");
  receive(feed, server.welcome());
  for (const frame of server.frames(null, 0, 1)) receive(feed, frame);
  const description = { ...server.series[0]?.description, every: 7 };
  const { changes } = receive(feed, { type: "state", seq: 9, now: 1, series: [description], values: [[0, 38.25, 1, 0]] });
  assert.equal(changes?.named, false);
  assert.deepEqual([feed.tables.series[0]?.digits, feed.tables.series[0]?.every], [2, 7]);
  receive(feed, { type: "state", seq: 10, now: 1, values: [[0, 38, 1, 0]] });
  assert.equal(feed.tables.series[0]?.digits, 2);
  const renamed = receive(feed, { type: "state", seq: 11, now: 1, series: [{ ...description, location: "M" }] });
  assert.equal(renamed.changes?.named, true);
  assert.equal(feed.tables.series[0]?.value, 38);
});

test("changes add up, and a full one voids the indexes before it", () => {
  const into = noChanges();
  mergeChanges(into, { ...noChanges(), series: new Set([1]), alarms: true });
  mergeChanges(into, { ...noChanges(), series: new Set([2]), full: true });
  assert.deepEqual([[...into.series], into.alarms, into.full, into.tick], [[2], true, true, false]);
});

test("the server's clock follows the quickest frame, and a jump at once", () => {
  let offset = tune(null, 1000, 0);
  assert.equal(offset, 1000);
  offset = tune(offset, 2000, 1400); // 400 ms late
  assert.ok(offset > 950 && offset < 1000);
  offset = tune(offset, 3000, 1950);
  assert.equal(offset, 1050);
  assert.equal(tune(offset, 3000, 900_000), -897_000);
});
