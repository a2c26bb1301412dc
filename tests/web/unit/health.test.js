import assert from "node:assert/strict";
import { test } from "node:test";

import { problemsOf, restartsOf } from "../../../web/data/health.js";
import en from "../../../web/words/en.js";
import fr from "../../../web/words/fr.js";

/** @param {object} [more] @returns {any} */
function system(more) {
  return {
    broker: { name: "HiveMQ Cloud", connected: true },
    queues: { measured: { depth: 3, capacity: 1024 }, store: { depth: 0, capacity: 0 } },
    receivers: [{ name: "mail", state: "ok", last_error: { at: "2026-02-05T10:00:00+00:00", why: "once" } }],
    tree: { children: [{ name: "storage", state: "up" }], groups: [{ name: "fleet", troubled: [{ name: "T1", state: "up" }] }] },
    database: { days_left: 400 },
    problems: [],
    ...more,
  };
}

/** @param {object} [more] */
const problems = (more) => problemsOf(system(more), en.system, 30);

test("nothing is wrong with a daemon that is well", () => {
  assert.deepEqual(problems(), []);
  assert.deepEqual(problems({ tree: null, receivers: undefined, database: null, queues: undefined }), []);
});

test("what the daemon says is wrong is told as it said it", () => {
  const said = [{ what: "disk full", since: "2026-02-05T10:00:00+00:00" }];
  assert.deepEqual(problems({ problems: said, broker: { name: "b", connected: false } }), said);
});

test("each thing that is wrong is told, with its beginning where that is known", () => {
  const since = "2026-02-05T10:00:00+00:00";
  const found = problems({
    broker: { name: "HiveMQ Cloud", connected: false, since },
    queues: { measured: { depth: 900, capacity: 1024 } },
    receivers: [{ name: "mail", state: "failing", last_error: { at: since, why: "refused" } }],
    tree: {
      children: [{ name: "web", state: "quarantined", since }],
      groups: [{ name: "fleet", troubled: [{ name: "T1", state: "backing_off", since }, { name: "T2", state: "up", since }] }],
    },
    database: { days_left: 6.7 },
  });
  assert.deepEqual(found, [
    { what: "web: quarantined", since },
    { what: "T1: failed, waits for its restart", since },
    { what: "not connected to HiveMQ Cloud", since },
    { what: "the queue Sensors to intake is nearly full", since: null },
    { what: "mail can't be notified: deliveries fail", since },
    { what: "the disk will be full in 6 days", since: null },
  ]);
});

test("parts that run again within the hour are named, the last one first, each once", () => {
  const now = Date.UTC(2026, 1, 5, 12, 0, 0);
  const part = (/** @type {string} */ name, /** @type {number|null} */ minutes, more = {}) => ({
    name, state: "up", incarnation: minutes === null ? 1 : 2, last_exit: minutes === null ? null : { at: new Date(now - minutes * 60_000).toISOString(), what: "panicked" }, ...more,
  });
  const tree = {
    children: [part("web", null), part("alerts", 50), part("storage", 61), part("intake", 1, { state: "backing_off" })],
    groups: [{ name: "fleet", newest: [part("T1", 3), part("T3", null)], troubled: [part("T1", 3), part("T2", 10)] }, { name: "own" }],
  };
  assert.deepEqual(restartsOf(tree, now).map(({ name }) => name), ["T1", "T2", "alerts"]);
  assert.deepEqual(restartsOf(null, now), []);
});

test("in French too", () => {
  const [found] = problemsOf(system({ database: { days_left: 1.2 } }), fr.system, 30);
  assert.equal(found?.what, "le disque sera plein dans 1 jour");
});
