// The history of alarms by time, and as a file. The feed and the history are played, so that there is more of it than the
// page keeps; one test asks the daemon itself.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { axe, launch, openPage, shoot, URL_BASE } from "./support/browser.js";
import { EMPTY, json, play } from "./support/play.js";

assert.ok(URL_BASE.endsWith("/"), "VIGIE_URL is missing: the address of the window, with a slash at its end");

/** @typedef {import("playwright-core").Page} Page */

const HOUR = 3_600_000;
const ALL = 6000; // events, one an hour

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const event = (/** @type {number} */ number, /** @type {number} */ at) => ({
  number, alert_id: String(number), rule: "too-warm", sensor_id: `S${number % 20}`, location: "Hall 1", quantity: "temperature", temperature: 9.25, unit: "celsius", threshold: 8,
  severity: "HIGH", alert_type: "HIGH_TEMPERATURE", state: "active", message: "High temperature detected: 9.25°C", timestamp: new Date(at).toISOString(),
  transition: number % 2 ? "raised" : "returned", by: null, why: null,
});

/** Answers as the daemon does, but for the names of the fields in what is wrong. @param {Page} page @param {number} newest when the last event was */
async function playHistory(page, newest) {
  await play(page, [EMPTY]);
  await page.route("**/api/v1/alerts*", (route) => {
    const query = new URL(route.request().url()).searchParams;
    const [since, until] = [Date.parse(query.get("since") ?? "1970-01-01"), Date.parse(query.get("until") ?? "2200-01-01")];
    const [limit, before_] = [Number(query.get("limit")), Number(query.get("before") ?? ALL + 1)];
    const found = Array.from({ length: ALL }, (_, k) => event(k + 1, newest - (ALL - 1 - k) * HOUR)).filter(({ number, timestamp }) => number < before_ && Date.parse(timestamp) >= since && Date.parse(timestamp) < until);
    const alerts = found.slice(-limit);
    return route.fulfill(json({ alerts, next: found.length > limit ? alerts[0]?.number : null }));
  });
}

/** @param {Page} page */
const rows = (page) => page.locator(".list.history").getAttribute("aria-rowcount").then((rowcount) => Number(rowcount) - 1);
/** @param {Page} page @param {string} words */
const says = (page, words) => page.locator(".period", { hasText: words }).waitFor();
/** @param {Page} page @param {string} name */
async function saved(page, name) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name }).click()]);
  return { name: download.suggestedFilename(), lines: readFileSync(await download.path(), "utf8").replace("\ufeff", "").trimEnd().split("\r\n") };
}

test("a time is chosen by its length or by days of the plant's zone, all of it is loaded, and the address has it", async () => {
  const seen = await openPage(browser, "#/alarms/history", { prepare: (page) => playHistory(page, Date.now() - 60_000) });
  const { page } = seen;
  await says(page, "200 events · the newest ones loaded");
  await page.locator("input[type=date][title*='Europe/Paris']").first().waitFor(); // the page is made anew once the zone is known
  await page.getByRole("button", { name: "7 days" }).click();
  await says(page, "168 events · since ");
  assert.equal(await rows(page), 168);
  assert.equal(await page.evaluate(() => location.hash), "#/alarms/history?span=7d");
  await page.getByRole("button", { name: "Only raised" }).click();
  await says(page, "84 of 168 events · since ");
  const [from, to] = [page.getByLabel("From"), page.getByLabel("to", { exact: true })];
  assert.match(await from.inputValue(), /^\d{4}-\d\d-\d\d$/, "the days of the length are not shown");
  await from.fill("2026-01-02");
  await to.fill("2026-01-03");
  await page.waitForFunction(() => location.hash === "#/alarms/history?from=2026-01-02&to=2026-01-03");
  const asked = new URL(seen.requests.filter((url) => url.includes("/api/v1/alerts?")).at(-1) ?? "").searchParams;
  assert.deepEqual([asked.get("since"), asked.get("until")], ["2026-01-01T23:00:00.000Z", "2026-01-03T23:00:00.000Z"], "not the days of Paris");
  await page.getByRole("button", { name: "30 days" }).click();
  await page.reload();
  await says(page, "720 events · since ");
  await page.locator("button[aria-pressed=true]", { hasText: "30 days" }).waitFor();
  await page.getByRole("button", { name: "All" }).click();
  await page.getByRole("button", { name: "Load older" }).waitFor();
  assert.deepEqual([...seen.errors, ...seen.strange], []);
  await seen.close();
});

test("a time with more events than the page keeps is loaded to the bound, and the page says so", async () => {
  const seen = await openPage(browser, "#/alarms/history?from=2020-01-01", { prepare: (page) => playHistory(page, Date.now() - 60_000) });
  await says(seen.page, "5,000 events · since 1 Jan 2020, Europe/Paris · Only the newest 5,000 of this time are loaded");
  assert.equal(seen.requests.filter((url) => url.includes("/api/v1/alerts?")).length, 5);
  assert.deepEqual([...seen.errors, ...seen.strange], []);
  await seen.close();
});

test("what is shown is exported as CSV, with the offset of its times", async () => {
  const seen = await openPage(browser, "#/alarms/history?from=2026-10-25&to=2026-10-25&q=too-warm", { prepare: (page) => playHistory(page, Date.UTC(2026, 9, 26, 12)) });
  const { page } = seen;
  await says(page, "25 events · 25 Oct 2026 to 25 Oct 2026, Europe/Paris");
  const { name, lines } = await saved(page, "Export CSV");
  assert.equal(name, "alarms-2026-10-25.csv");
  assert.equal(lines.length, 26, "a day of 25 hours has 25 events");
  assert.match(lines[1] ?? "", /^2026-10-25T23:00:00\+01:00,high,S\d+,Hall 1,temperature,too-warm,(raised|returned),9.25,8,°C,,,/);
  assert.match(lines[25] ?? "", /^2026-10-25T00:00:00\+02:00,/);
  await page.getByRole("searchbox").fill("nothing like that");
  await page.getByText("No alarm matches.").waitFor();
  assert.ok(await page.getByRole("button", { name: "Export CSV" }).isDisabled());
  assert.deepEqual([...seen.errors, ...seen.strange], []);
  await seen.close();
});

test("the daemon takes the times that the page asks for", async () => {
  const seen = await openPage(browser, "#/alarms/history?from=2020-01-01&to=2020-01-02");
  await says(seen.page, "0 events");
  await seen.page.getByText("No alarm event in this time.").waitFor();
  for (const chip of ["24 h", "7 days", "30 days"]) {
    const answered = seen.page.waitForResponse((answer) => answer.url().includes("/api/v1/alerts?since="));
    await seen.page.getByRole("button", { name: chip }).click();
    assert.equal((await answered).status(), 200, chip);
  }
  assert.deepEqual([...seen.errors, ...seen.strange], []);
  await seen.close();
});

test("the history is right in every look, width and language", async () => {
  for (const [look, width, language] of /** @type {const} */ ([["light", 1280, "en"], ["dark", 390, "fr"], ["forced", 1280, "fr"], ["light", 390, "en"]])) {
    const seen = await openPage(browser, "#/alarms/history?span=30d", { look, width, language, prepare: (page) => playHistory(page, Date.now() - 60_000) });
    await says(seen.page, "720");
    assert.deepEqual(await axe(seen.page), [], `${look} ${width} ${language}`);
    assert.ok(await seen.page.evaluate(() => (document.querySelector("main")?.scrollWidth ?? 0) <= innerWidth), `${look} ${width} ${language}: wider than the window`);
    await shoot(seen.page, `history-${look}-${width}-${language}`);
    assert.deepEqual([...seen.errors, ...seen.strange], []);
    await seen.close();
  }
});
