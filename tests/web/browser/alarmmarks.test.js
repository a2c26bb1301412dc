// What operators did with alarms, in the Sensor page's chart: marks with a shape, words under the cursor, and a table.
//
// The daemon is started as for window.test.js.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axe, launch, MQTT, openPage, reading, shoot, URL_BASE } from "./support/browser.js";
import { startDaemon } from "./support/daemon.js";

assert.ok(URL_BASE.endsWith("/"), "VIGIE_URL is missing: the address of the window, with a slash at its end");
assert.ok(MQTT, "VIGIE_MQTT is missing: host:port of the daemon's broker");

const SENSOR = `WEB_MARKS_${Date.now() % 1_000_000}`;
const HOUR = 3_600_000;

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** @param {string} verb @param {object} body */
async function act(verb, body) {
  const alarm = encodeURIComponent(`high-temperature/${SENSOR}`);
  const answer = await fetch(`${URL_BASE}api/v1/alarms/${alarm}/${verb}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  assert.equal(answer.status, 200, `${verb}: ${await answer.text()}`);
}

/** Rows of the table behind the chart, as texts. @param {import("playwright-core").Page} page */
const rows = (page) => page.evaluate(() => [...document.querySelectorAll(".chart-box .unseen table:last-child tbody tr")].map((row) => [...row.children].map((cell) => cell.textContent)));

test("an acknowledgement, a shelf and an end of service are in the table behind the chart and under the cursor", async () => {
  await reading(SENSOR, 20);
  await reading(SENSOR, 41);
  const { alarms } = await fetch(`${URL_BASE}api/v1/alarms`).then((answer) => answer.json());
  assert.ok(alarms.some((/** @type {any} */ alarm) => alarm.sensor_id === SENSOR), "no alarm was raised");
  await act("ack", { by: "anne", why: "seen it" });
  await act("shelve", { by: "bo", why: "door repaired", for: "1h" });
  await act("out-of-service", { by: "cy", why: "sensor replaced" });
  await act("return-to-service", { by: "cy" });
  const seen = await openPage(browser, `#/sensor/${SENSOR}/temperature`);
  const { page } = seen;
  await page.waitForFunction(() => document.querySelectorAll(".chart-box .unseen table:last-child tbody tr").length === 3, undefined, { timeout: 5000 });
  const found = await rows(page);
  assert.deepEqual(found.map(([what, rule, , , who]) => [what, rule, who]), [
    ["acknowledged", "high-temperature", "anne: seen it"],
    ["shelved", "high-temperature", "bo: door repaired"],
    ["out of service", "high-temperature", "cy: sensor replaced"],
  ]);
  assert.deepEqual([found[1]?.[3], found[2]?.[3] === "–"], ["–", false], "the shelf goes on, the end of service is over");
  await page.getByText("✓\u00a0acknowledged, ‖\u00a0shelved, ↓\u00a0suppressed").waitFor();
  await page.locator(".chart").focus();
  await page.keyboard.press("End");
  await page.locator(".marked", { hasText: "acknowledged by anne" }).waitFor();
  assert.match((await page.locator(".marked").textContent()) ?? "", /shelved by bo, since .*, until .*: door repaired/);
  assert.deepEqual([...seen.errors, ...seen.strange], []);
  await seen.close();
});

test("marks are right in every look, width and language", async () => {
  const now = Date.now();
  const event = (/** @type {string} */ transition, /** @type {number} */ hours, more = {}) => ({
    alert_id: "0000000000000001", rule: "high-temperature", quantity: "temperature", severity: "HIGH", state: "active", temperature: 38.2, threshold: 35, unit: "celsius", location: "Hall 1",
    sensor_id: "OWN_1", alert_type: "HIGH_TEMPERATURE", message: "High temperature detected: 38.2°C", timestamp: new Date(now - hours * HOUR).toISOString(), transition, by: null, why: null, ...more,
  });
  const alerts = [
    event("raised", 22), event("acknowledged", 21.5, { by: "anne" }), event("shelved", 21, { by: "anne", why: "cleaning" }), event("returned", 19, { state: "resolved" }), event("unshelved", 13),
    event("suppressed", 12, { rule: "low-temperature" }), event("unsuppressed", 9, { rule: "low-temperature" }), event("taken-out-of-service", 8, { by: "bo", why: "sensor replaced" }),
    event("acknowledged", 7.9, { by: "bo" }), event("acknowledged", 7.8, { by: "bo" }), event("returned-to-service", 2, { by: "bo" }), event("shelved", 0.2, { by: "anne" }),
  ];
  for (const look of /** @type {const} */ (["light", "dark", "forced"])) {
    for (const [width, language] of /** @type {const} */ ([[1280, "en"], [390, "fr"]])) {
      const prepare = async (/** @type {import("playwright-core").Page} */ page) => {
        await page.route("**/api/v1/alerts*", (route) => route.fulfill({ json: { alerts, next: null } }));
        await page.route("**/api/v1/maintenance*", (route) => route.fulfill({ json: { windows: [{ name: "defrost", rules: [], from: new Date(now - 6 * HOUR).toISOString(), to: new Date(now - HOUR).toISOString() }] } }));
      };
      const seen = await openPage(browser, "#/sensor/OWN_1/temperature?span=1d", { look, width, language, prepare });
      const { page } = seen;
      await page.waitForFunction(() => document.querySelectorAll(".chart-box .unseen table:last-child tbody tr").length === 8, undefined, { timeout: 5000 });
      await page.locator(".chart").focus();
      await page.keyboard.press("End");
      await page.waitForTimeout(300);
      await shoot(page, `marks-${look}-${width}-${language}`);
      assert.deepEqual(await axe(page), [], `${look} ${width} ${language}`);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "wider than the window");
      await seen.close();
    }
  }
});

test("planned maintenance of the configuration stands in the chart, in the table and under the cursor", async () => {
  const daemon = await startDaemon(`
language = "en"
[broker]
listen = "127.0.0.1:0"
[web]
listen = "127.0.0.1:0"
[[maintenance]]
name = "defrost"
locations = ["Hall *"]
schedule = "* * * * *"
lasting = "1m"
[[sensors]]
id = "COLD_1"
location = "Hall 1"
interval = "1s"
source = { type = "simulated", mean = 4.0, spread = 0.0, noise = 0.1, seed = 7 }
`);
  try {
    const seen = await openPage(browser, "#/sensor/COLD_1/temperature?span=1h", { base: daemon.url });
    const { page } = seen;
    await page.waitForFunction(() => document.querySelectorAll(".chart-box .unseen table:last-child tbody tr").length > 5, undefined, { timeout: 5000 });
    assert.equal((await rows(page))[0]?.[0], "maintenance defrost");
    await page.locator(".big", { hasText: /\d/ }).waitFor();
    await page.locator(".chart").focus();
    await page.keyboard.press("End");
    await page.locator(".marked", { hasText: "maintenance defrost" }).waitFor();
    await shoot(page, "marks-maintenance");
    assert.deepEqual(seen.errors, []);
    await seen.close();
  } finally {
    await daemon.stop();
  }
});
