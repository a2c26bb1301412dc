import assert from "node:assert/strict";
import { test } from "node:test";

import { latest } from "../../../web/data/latest.js";

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** @param {unknown} error */
const fail = (error) => assert.fail(String(error));

test("of many requests in a moment, the last is sent", async () => {
  const asked = latest(5);
  /** @type {number[]} */
  const sent = [];
  const answer = await new Promise((resolve) => {
    for (let i = 0; i < 10; i += 1) asked.ask(async () => sent.push(i) && i, resolve, fail);
  });
  assert.deepEqual([answer, sent], [9, [9]]);
});

test("an overtaken request is aborted, and its answer is not used", async () => {
  const asked = latest(0);
  /** @type {string[]} */
  const used = [];
  /** @type {any} */
  let signalOfFirst;
  /** @type {any} */
  let answerFirst;
  asked.ask((signal) => ((signalOfFirst = signal), new Promise((resolve) => (answerFirst = resolve))), (it) => used.push(it), fail);
  await pause(5);
  const second = new Promise((resolve) => asked.ask(async () => "second", (it) => resolve(used.push(it)), fail));
  assert.equal(signalOfFirst.aborted, true);
  answerFirst("first");
  await second;
  await pause(5);
  assert.deepEqual(used, ["second"]);
  assert.equal(asked.isWaiting(), false);
});

test("the failure of an overtaken request is nobody's", async () => {
  const asked = latest(0);
  asked.ask((signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted")))), fail, fail);
  await pause(5);
  asked.cancel();
  await pause(5);
  const failure = await new Promise((resolve) => asked.ask(async () => Promise.reject(new Error("no")), fail, resolve));
  assert.equal(failure.message, "no");
});
