// People and parts that the other tests play: an operator and a viewer who log in, and parts that crash, each on a daemon
// of this file's own, started from VIGIE_BIN.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axe, launch, publish, shoot } from "./support/browser.js";
import { hasProgram, startDaemon, user } from "./support/daemon.js";

assert.ok(hasProgram, "VIGIE_BIN is missing: the program to start");

/** @typedef {import("playwright-core").Page} Page */

const PASSWORD = "correct horse";
const BASE = `
language = "en"
[broker]
listen = "127.0.0.1:0"
[alerts.temperature]
high = 35.0
[[sensors]]
id = "HOT_1"
location = "Hall 1"
interval = "500ms"
source = { type = "simulated", mean = 50.0, spread = 0.0, noise = 0.1, seed = 7 }
`;

/** @type {import("playwright-core").Browser} */
let browser;
/** @type {Awaited<ReturnType<typeof startDaemon>> | undefined} */
let plant;
before(async () => {
  browser = await launch();
  plant = await startDaemon(`${BASE}[web]\nlisten = "127.0.0.1:0"\n${user("anne", "operator", PASSWORD)}${user("vera", "viewer", PASSWORD)}`);
});
after(async () => {
  await browser?.close();
  await plant?.stop();
});

/**
 * A page of a new visitor. `errors`: what the console or a script complained of, but for the refusals asked for.
 * @param {string} url @param {string} hash
 */
async function visit(url, hash) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  /** @type {string[]} */
  const errors = [];
  page.on("console", (message) => void (message.type() === "error" && !/40[13]|no valid credentials/.test(message.text()) && errors.push(message.text())));
  page.on("pageerror", (error) => void errors.push(String(error.stack)));
  await page.addInitScript(() => localStorage.setItem("vigie.language", "en"));
  await page.goto(url + hash);
  return { page, errors, close: () => context.close() };
}

/** @param {Page} page @param {string} name @param {string} role */
async function logIn(page, name, role) {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.locator("header .user", { hasText: `${name} · ${role}` }).waitFor({ timeout: 10_000 });
}

/** The alarm of HOT_1, as the API has it. @param {Page} page */
const alarm = (page) => page.evaluate(() => fetch("api/v1/alarms").then((answer) => answer.json()).then(({ alarms }) => alarms[0]));

test("a viewer is offered no action, and one that the page sends all the same is refused", async () => {
  assert.ok(plant);
  const { page, errors, close } = await visit(plant.url, "#/alarms");
  await logIn(page, "vera", "viewer");
  await page.locator(".row.alarm", { hasText: "HOT_1" }).waitFor();
  await page.getByText("You may read, not act").waitFor();
  assert.equal(await page.getByRole("button", { name: /^Acknowledge/ }).count(), 0);
  assert.ok(await page.getByRole("checkbox").isDisabled());
  await page.getByRole("button", { name: "More for high-temperature of HOT_1" }).click();
  const offered = await page.getByRole("dialog").getByRole("button").allTextContents();
  assert.deepEqual(offered, ["Close"]);
  await shoot(page, "acting-viewer");
  await page.keyboard.press("Escape");
  const { id } = await alarm(page);
  for (const [verb, body] of /** @type {const} */ ([["ack", {}], ["shelve", { why: "x", for: "1h" }], ["out-of-service", { why: "x" }]])) {
    const status = await page.evaluate(([path, json]) =>
      fetch(String(path), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(json) }).then((answer) => answer.status), [`api/v1/alarms/${id}/${verb}`, body]);
    assert.equal(status, 403, verb);
  }
  assert.deepEqual([(await alarm(page)).acknowledged, (await alarm(page)).withheld], [null, null]);
  assert.deepEqual(errors, []);
  await close();
});

test("a viewer reads what has been heard of devices", async () => {
  assert.ok(plant);
  await publish("plant/attic/data", { temp: 21.5 }, plant.mqtt);
  const { page, errors, close } = await visit(plant.url, "#/devices");
  await logIn(page, "vera", "viewer");
  await page.locator(".card", { hasText: "plant/attic/data" }).getByRole("button", { name: /^Copy/ }).waitFor();
  assert.deepEqual(errors, []);
  await close();
});

test("an operator logs in and acknowledges; the page shows the name, to others too", async () => {
  assert.ok(plant);
  const other = await visit(plant.url, "#/alarms");
  await logIn(other.page, "vera", "viewer");
  const { page, errors, close } = await visit(plant.url, "#/alarms");
  await logIn(page, "anne", "operator");
  const row = page.locator(".row.alarm", { hasText: "HOT_1" });
  assert.doesNotMatch((await row.textContent()) ?? "", /anne/);
  await page.getByRole("button", { name: "Acknowledge: high-temperature of HOT_1" }).click();
  await page.getByRole("status").filter({ hasText: "1 alarm acknowledged." }).waitFor({ timeout: 10_000 });
  assert.equal(await page.getByRole("dialog").count(), 0, "it was asked who acts, of somebody who is logged in");
  for (const one of [page, other.page]) await one.locator(".row.alarm", { hasText: /HOT_1.*acknowledged.*anne/ }).waitFor({ timeout: 5000 });
  assert.equal((await alarm(page)).acknowledged.by, "anne");
  await shoot(page, "acting-operator");
  assert.deepEqual([...errors, ...other.errors], []);
  await other.close();
  await close();
});

test("a part that crashes and is started again is seen on the System page, with its restarts and its last failure", async () => {
  const crashing = `
[[sensors]]
id = "CRASH_1"
location = "Hall 2"
interval = "1s"
source = { type = "simulated", mean = 20.0, spread = 1.0, noise = 0.1, seed = 3, crash = 0.5 }
`;
  const faulty = await startDaemon(`${BASE}[web]\nlisten = "127.0.0.1:0"\n${crashing}`, { VIGIE_FAULTS: "panic:alerts=4s" });
  try {
    const { page, errors, close } = await visit(faulty.url, "#/system");
    for (const [part, why] of /** @type {const} */ ([["alerts", /panic/i], ["CRASH_1", /panic/i]])) {
      const row = page.locator(".tree tr", { has: page.getByRole("rowheader", { name: part, exact: true }) });
      await row.locator("td[data-label='Restarts'] strong").waitFor({ timeout: 20_000 });
      assert.ok(Number(await row.locator("td[data-label='Restarts']").textContent()) >= 1, part);
      assert.ok(Number(await row.locator("td[data-label='Incarnation']").textContent()) >= 2, part);
      assert.match((await row.locator("td[data-label='Last failure']").textContent()) ?? "", why, part);
    }
    await shoot(page, "acting-restarts");
    assert.deepEqual(await axe(page), []);
    assert.deepEqual(errors, []);
    await close();
  } finally {
    await faulty.stop();
  }
});
