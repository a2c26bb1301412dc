// The report on the alarms, a tab of the Alarms page.
//
// The daemon is started as for window.test.js; one report is played, with more in it than a test has time to alarm.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axe, launch, MQTT, openPage, reading, shoot, URL_BASE } from "./support/browser.js";

assert.ok(URL_BASE.endsWith("/"), "VIGIE_URL is missing: the address of the window, with a slash at its end");
assert.ok(MQTT, "VIGIE_MQTT is missing: host:port of the daemon's broker");

const SENSOR = `WEB_WORST_${Date.now() % 1_000_000}`;

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

test("the report names its time, each measure beside its target, and leads to the worst offenders", async () => {
  // More often than anything else in these tests, so that it is among the ten.
  for (let k = 0; k < 12; k += 1) for (const value of [20, 40]) await reading(SENSOR, value);
  const seen = await openPage(browser, "#/alarms");
  const { page } = seen;
  await page.getByRole("link", { name: "Report" }).click();
  await page.waitForFunction(() => location.hash === "#/alarms/report?span=week");
  await page.getByText("Average a day").waitFor();
  assert.equal(await page.getByRole("searchbox").isVisible(), false);
  const row = page.locator("tr", { hasText: "Chattering (3 or more" });
  assert.match((await row.textContent()) ?? "", /none! not met$/);
  assert.match((await page.locator("tr", { hasText: SENSOR }).textContent()) ?? "", /Browserhigh-temperature12/);
  await page.getByRole("button", { name: "Day" }).click();
  await page.waitForFunction(() => location.hash === "#/alarms/report?span=day");
  await page.reload();
  await page.locator("button[aria-pressed=true]", { hasText: "Day" }).waitFor();
  await page.getByRole("link", { name: SENSOR }).click();
  await page.waitForFunction((id) => location.hash.startsWith(`#/sensor/${id}`), SENSOR);
  await page.locator(".sensor h1", { hasText: SENSOR }).waitFor();
  await page.goBack();
  await page.getByText("Average a day").waitFor();
  await page.getByRole("link", { name: /^Active/ }).click();
  await page.locator(".row.alarm").first().waitFor();
  assert.deepEqual([...seen.errors, ...seen.strange], []);
  await seen.close();
});

const share = (/** @type {string} */ id, /** @type {number} */ value, /** @type {boolean | null} */ isMet) => ({ id, measure: id, value, scale: "share", target: "", is_met: isMet });
const count = (/** @type {string} */ id, /** @type {number} */ value, /** @type {boolean} */ isMet) => ({ id, measure: id, value, scale: "alarms", target: "", is_met: isMet });
const REPORT = {
  unreadable: 3, left_out: 0, raised: 1319, standing: 4, fleeting: 12, chattering: { pairs: 2, raised: 87 }, stale: { alarms: 3, most_on_one_day: 2 },
  period: { from: "2026-11-22T10:00:00Z", to: "2026-11-29T10:00:00Z" },
  floods: { count: 2, share_of_time: 0.0123, longest_minutes: 84, largest: { raised: 141, peak_in_10_minutes: 38, first: { rule: "gateway-silent", sensor_id: "GW_HALL_3", at: "2026-11-25T03:12:00Z" } } },
  top: Array.from({ length: 10 }, (_, k) => ({ rule: k % 2 ? "too-warm-for-the-cold-store" : "low-temperature", sensor_id: `COLD_STORE_${k}`, location: k === 3 ? "" : "Hall 3, north side", raised: 300 - k * 20, share: 0.23 - k * 0.015 })),
  priorities: [["LOW", 0.71], ["MEDIUM", 0.2], ["HIGH", 0.08], ["CRITICAL", 0.01], ["OTHER", 0]].map(([priority, part]) => ({ priority, raised: Math.round(1319 * Number(part)), share: part })),
  targets: [
    count("per_day", 188.43, false), count("per_hour", 7.85, false), count("per_10_minutes", 1.31, false), count("most_in_10_minutes", 38, false), share("busy_share", 0.004, true),
    share("flood_share", 0.0123, false), count("chattering", 87, false), count("fleeting", 12, false), count("stale", 2, true), share("top_share", 0.61, false), share("critical_share", 0.01, true),
    share("high_share", 0.08, false), share("medium_share", 0, null), count("unknown_to_this_page", 1, true),
  ],
};

test("the report is right in every look, width and language", async () => {
  for (const look of /** @type {const} */ (["light", "dark", "forced"])) {
    for (const [width, language] of /** @type {const} */ ([[1280, "en"], [390, "fr"], [1280, "fr"], [390, "en"]])) {
      const prepare = (/** @type {import("playwright-core").Page} */ page) => page.route("**/api/v1/report*", (route) => route.fulfill({ json: REPORT }));
      const seen = await openPage(browser, "#/alarms/report", { look, width, language, prepare });
      const { page } = seen;
      await page.locator(".report .cards").waitFor();
      await shoot(page, `report-${look}-${width}-${language}`);
      assert.deepEqual(await axe(page), [], `${look} ${width} ${language}`);
      assert.ok(await page.evaluate(() => (document.querySelector("main")?.scrollWidth ?? 0) <= innerWidth), `${look} ${width} ${language}: wider than the window`);
      assert.deepEqual([...seen.errors, ...seen.strange], []);
      await seen.close();
    }
  }
});
