import assert from "node:assert/strict";
import { test } from "node:test";
import en from "../../../web/words/en.js";
import fr from "../../../web/words/fr.js";

/** Every key with the kind of what stands there. @param {unknown} value @param {string} path @returns {string[]} */
function keys(value, path = "") {
  if (Array.isArray(value)) return [`${path}[${value.length}]`];
  if (value && typeof value === "object") return Object.entries(value).flatMap(([key, inner]) => keys(inner, `${path}.${key}`));
  return [`${path}: ${typeof value}${typeof value === "function" ? ` of ${value.length}` : ""}`];
}

test("both languages have the same keys, of the same kinds", () => {
  assert.deepEqual(keys(fr).sort(), keys(en).sort());
});

/** All texts; functions are called with numbers. @param {unknown} value @returns {string[]} */
function texts(value) {
  if (typeof value === "string") return [value];
  if (typeof value === "function") return [1, 2].map((n) => String(value(...Array(value.length).fill(n))));
  return value && typeof value === "object" ? Object.values(value).flatMap(texts) : [];
}

test("no text is empty or has a hole", () => {
  for (const text of [...texts(en), ...texts(fr)]) assert.doesNotMatch(text, /undefined|null|NaN|\[object|^\s|\s$/, text);
});

test("French marks stand apart from their word by a space that does not break", () => {
  const wrong = texts(fr).filter((text) => / [:;!?»]|« /.test(text));
  assert.deepEqual(wrong, []);
});

test("French counts in the singular up to one", () => {
  assert.equal(fr.common.unacknowledged(1), "1 alarme non acquittée");
  assert.equal(fr.common.unacknowledged(2), "2 alarmes non acquittées");
  assert.equal(fr.alarms.done.shelve(0), "0 alarme mise de côté.");
  assert.equal(en.common.unacknowledged(0), "0 alarms unacknowledged");
});
