// The pages Sensor, System and Broker in a real browser against the real daemon.
//
// The daemon is started as for window.test.js: its broker listens on VIGIE_MQTT, `[alerts.temperature]` has high = 35.0,
// no [[web.users]].

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { launch, MQTT, openPage, publish, quickest, reading, URL_BASE } from "./support/browser.js";

assert.ok(URL_BASE.endsWith("/"), "VIGIE_URL is missing: the address of the window, with a slash at its end");
assert.ok(MQTT, "VIGIE_MQTT is missing: host:port of the daemon's broker");

/** @typedef {import("playwright-core").Page} Page */

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
  for (const value of [20, 41.5, 21, 22]) await reading("CHART_1", value);
});
after(() => browser?.close());

/** @param {string} [query] @param {import("./support/browser.js").Mode} [mode] */
async function openSensor(query = "", mode = {}) {
  const seen = await openPage(browser, `#/sensor/CHART_1/temperature${query}`, mode);
  await seen.page.locator(".now .big", { hasText: /\d/ }).waitFor();
  await shows(seen.page, "Readings", /[1-9]/);
  return seen;
}

/** Waits until a statistic reads like that. @param {Page} page @param {string} name @param {RegExp} pattern */
const shows = (page, name, pattern) => page.locator("dt", { hasText: name }).locator("+ dd").filter({ hasText: pattern }).waitFor();

/** Both ends of what is shown, as the address has them; null while it has a name. @param {Page} page */
async function span(page) {
  const query = new URL((await page.evaluate(() => location.hash)).slice(1), "http://x").searchParams;
  const [from, to] = [Date.parse(query.get("from") ?? ""), Date.parse(query.get("to") ?? "")];
  return from > 0 ? { from, to, length: to - from } : null;
}

/** Waits until the address has another span than before, and rests: a slow gesture is asked for on its way. @param {Page} page @param {() => Promise<unknown>} act */
async function changes(page, act) {
  const before = await page.evaluate(() => location.hash);
  await act();
  await page.waitForFunction((old) => location.hash !== old, before);
  for (let last = ""; last !== (last = await page.evaluate(() => location.hash)); ) await page.waitForTimeout(400);
  return span(page);
}

/** @param {Page} page @param {number} from @param {number} to Parts of the chart's width. @param {string} [key] */
async function drag(page, from, to, key) {
  const box = await page.locator(".chart").boundingBox();
  assert.ok(box);
  const y = box.y + box.height / 2;
  if (key) await page.keyboard.down(key);
  await page.mouse.move(box.x + box.width * from, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * (from + to) / 2, y, { steps: 5 });
  await page.mouse.move(box.x + box.width * to, y, { steps: 5 });
  await page.mouse.up();
  if (key) await page.keyboard.up(key);
}

test("a value that is published is the one now within a second, and counts", async () => {
  const seen = await openSensor();
  const took = await quickest(1000, async (k) => {
    const sent = Date.now();
    await reading("CHART_1", 23.25 + k);
    await seen.page.locator(".now .big", { hasText: String(23.25 + k) }).waitFor();
    return Date.now() - sent;
  });
  assert.ok(took < 1000, `it took ${took} ms`);
  await shows(seen.page, "Highest", /41\.5/);
  assert.deepEqual([seen.errors, seen.strange], [[], []]);
  await seen.close();
});

test("drag, wheel and keys zoom and pan; Escape goes back through all of it", async () => {
  const seen = await openSensor("?span=1d");
  const { page } = seen;
  const dragged = await changes(page, () => drag(page, 0.3, 0.6));
  assert.ok(dragged && dragged.length > 5 * 3_600_000 && dragged.length < 10 * 3_600_000, JSON.stringify(dragged));
  const panned = await changes(page, () => drag(page, 0.3, 0.6, "Shift"));
  assert.ok(panned && panned.from < dragged.from && Math.abs(panned.length - dragged.length) < 1000, JSON.stringify(panned));
  const wheeled = await changes(page, () => page.mouse.wheel(0, -200));
  assert.ok(wheeled && wheeled.length < panned.length);
  await page.locator(".chart").focus();
  const zoomed = await changes(page, () => page.keyboard.press("+"));
  assert.ok(zoomed && Math.abs(zoomed.length - wheeled.length / 2) < 1000);
  const paged = await changes(page, () => page.keyboard.press("PageUp"));
  assert.ok(paged && paged.from < zoomed.from);
  for (const expected of [zoomed, wheeled, panned, dragged]) {
    const back = await changes(page, () => page.keyboard.press("Escape"));
    assert.deepEqual(back, expected);
  }
  assert.equal(await changes(page, () => page.keyboard.press("Escape")), null, "the span by its name again");
  assert.equal(await page.getByRole("button", { name: "Back" }).isDisabled(), true);
  assert.deepEqual(seen.errors, []);
  await seen.close();
});

test("two fingers zoom, one pans, on a phone", async () => {
  const seen = await openSensor("?span=1d", { width: 390, height: 800 });
  const { page } = seen;
  const session = await page.context().newCDPSession(page);
  await page.locator(".chart").scrollIntoViewIfNeeded();
  const box = await page.locator(".chart").boundingBox();
  assert.ok(box);
  const y = box.y + 120;
  /** @param {"touchStart"|"touchMove"|"touchEnd"} type @param {...number} xs */
  const touch = (type, ...xs) => session.send("Input.dispatchTouchEvent", { type, touchPoints: xs.map((x, id) => ({ x: box.x + x, y, id })) });
  const pinched = await changes(page, async () => {
    await touch("touchStart", 150, 210);
    for (const by of [10, 20, 30, 40, 50]) await touch("touchMove", 150 - by, 210 + by);
    await touch("touchEnd");
  });
  assert.ok(pinched && pinched.length < 16 * 3_600_000 && pinched.length > 4 * 3_600_000, JSON.stringify(pinched));
  const slid = await changes(page, async () => {
    await touch("touchStart", 100);
    for (const by of [20, 40, 60, 80]) await touch("touchMove", 100 + by);
    await touch("touchEnd");
  });
  assert.ok(slid && slid.from < pinched.from && Math.abs(slid.length - pinched.length) < 1000, JSON.stringify(slid));
  assert.deepEqual(seen.errors, []);
  await seen.close();
});

test("arrow keys read the chart, and a polite region says it; a table stands behind it", async () => {
  const seen = await openSensor();
  const { page } = seen;
  await page.locator(".chart").focus();
  await page.keyboard.press("End");
  const said = page.locator(".chart-box [role=status]");
  await said.filter({ hasText: /°C · \d+ reading/ }).waitFor();
  assert.equal(await said.textContent(), await page.locator(".readout").textContent());
  const table = await page.locator(".chart").getAttribute("aria-details");
  const rows = await page.locator(`#${table} tbody tr`).count();
  assert.ok(rows > 1 && rows <= 50, `${rows} rows`);
  await seen.close();
});

test("a gesture of many steps asks once it rests, and what is overtaken is aborted", async () => {
  const seen = await openSensor("?span=1d");
  const { page } = seen;
  await page.locator(".chart").hover();
  const before = seen.requests.length;
  await changes(page, () => page.locator(".chart").evaluate((chart) => {
    // All at once: steps that come slowly, on a busy machine, would rightly be asked for one by one.
    const { left, width, top } = chart.getBoundingClientRect();
    const step = { deltaY: -40, clientX: left + width / 2, clientY: top + 50, bubbles: true, cancelable: true };
    for (let i = 0; i < 20; i += 1) chart.dispatchEvent(new WheelEvent("wheel", step));
  }));
  const asked = seen.requests.slice(before).filter((url) => url.includes("api/v1/readings"));
  assert.ok(asked.length >= 1 && asked.length <= 4, asked.join("\n"));
  await seen.close();
});

test("a live chart is drawn 4 times a second at most, and not while the page is hidden", async () => {
  const prepare = async (/** @type {Page} */ page) => void await page.addInitScript(() => {
    const proto = CanvasRenderingContext2D.prototype;
    const { clearRect } = proto;
    /** @type {any} */ (window).drawn = 0;
    proto.clearRect = function count(...args) {
      /** @type {any} */ (window).drawn += 1;
      clearRect.apply(this, args);
    };
  });
  const seen = await openSensor("", { prepare });
  const { page } = seen;
  const drawn = () => page.evaluate(() => ({ times: Number(/** @type {any} */ (window).drawn), at: performance.now() }));
  const during = async (/** @type {number} */ ms) => {
    const start = await drawn();
    const end = Date.now() + ms;
    for (let i = 0; Date.now() < end; i += 1) await reading("CHART_1", 20 + (i % 100) / 100);
    const last = await drawn();
    return { times: last.times - start.times, seconds: (last.at - start.at) / 1000 };
  };
  const shown = await during(3000);
  assert.ok(shown.times >= 1 && shown.times <= 4 * shown.seconds + 2, JSON.stringify(shown));
  await page.evaluate(() => {
    Object.defineProperty(document, "visibilityState", { get: () => "hidden" });
    Object.defineProperty(document, "hidden", { get: () => true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await page.waitForTimeout(500);
  assert.equal((await during(2000)).times, 0);
  await seen.close();
});

test("times are right on the days when clocks change: axis, words and CSV", async () => {
  const days = [["Europe/Paris", "2026-10-24T22:00:00Z", 25, "02:00 +2", "02:00 +1"], ["America/New_York", "2026-11-01T04:00:00Z", 25, "01:00 −4", "01:00 −5"],
    ["Europe/Paris", "2026-03-28T23:00:00Z", 23, "01:00", "03:00"], ["America/New_York", "2026-03-08T05:00:00Z", 23, "01:00", "03:00"]];
  for (const [zone, from, hours, ...labels] of /** @type {[string, string, number, string, string][]} */ (days)) {
    const context = await browser.newContext({ timezoneId: zone, viewport: { width: 2600, height: 900 } });
    const page = await context.newPage();
    await page.addInitScript(() => {
      localStorage.setItem("vigie.zone", "browser");
      localStorage.setItem("vigie.language", "en");
      /** @type {any} */ (window).written = new Set();
      const { fillText } = CanvasRenderingContext2D.prototype;
      CanvasRenderingContext2D.prototype.fillText = function note(/** @type {[string, number, number]} */ ...args) {
        /** @type {any} */ (window).written.add(args[0]);
        fillText.apply(this, args);
      };
    });
    const to = new Date(Date.parse(from) + hours * 3_600_000 - 1000).toISOString();
    await page.goto(`${URL_BASE}#/sensor/CHART_1/temperature?from=${from}&to=${to}`);
    await page.locator(".caption", { hasText: zone }).waitFor();
    await page.waitForFunction((count) => [.../** @type {any} */ (window).written].filter((text) => /^\d\d:00/.test(text)).length >= count, hours - 1);
    const times = await page.evaluate(() => [.../** @type {any} */ (window).written].filter((text) => /^\d\d:00/.test(text)));
    assert.equal(times.length, hours - 1, `${zone} ${from}: ${times}`); // midnight has the day's name
    for (const label of labels) assert.ok(times.includes(label), `${label} of ${zone} is not among ${times}`);
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export CSV" }).click();
    const lines = readFileSync(await (await download).path(), "utf8").split("\r\n").slice(0, -1);
    assert.match(String(lines[0]), /^\ufefftime,lowest \(°C\),mean \(°C\),highest \(°C\),readings$/);
    assert.ok(lines.slice(1).every((line) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:00,/.test(line)), lines[1]);
    await context.close();
  }
});

test("alarms of the sensor stand below with the chart, and lead to their time", async () => {
  const seen = await openSensor();
  const { page } = seen;
  const row = page.locator(".sensor-alarms tbody tr").first();
  await row.waitFor();
  assert.match((await row.textContent()) ?? "", /41\.5/);
  await changes(page, () => row.getByRole("button").click());
  assert.match(await page.evaluate(() => location.hash), /from=.*&to=|span=\d+s/);
  await seen.close();
});

test("a limit is tried on the history, by the keyboard too, and gives its lines of configuration", async () => {
  const seen = await openSensor();
  const { page } = seen;
  await page.getByRole("button", { name: "Try a limit" }).click();
  await page.locator(".trial-fields input").first().fill("30");
  const outcome = page.locator(".trial [role=status]");
  await outcome.filter({ hasText: /It would have alarmed \d+ time/ }).waitFor();
  const lines = (await page.locator(".trial pre").textContent()) ?? "";
  for (const part of ["[[rules]]", "CHART_1", "limit = 30"]) assert.ok(lines.includes(part), lines);
  await page.locator(".trial-fields input").first().fill("50");
  await outcome.filter({ hasText: "It would not have alarmed" }).waitFor();
  await page.getByRole("slider").focus();
  await page.keyboard.press("PageDown");
  await page.waitForFunction(() => Number(document.querySelector("[role=slider]")?.getAttribute("aria-valuenow")) < 50);
  assert.deepEqual(seen.errors, []);
  await seen.close();
});

test("the System page shows the tree, the queues and what is wrong", async () => {
  const seen = await openPage(browser, "#/system");
  const { page } = seen;
  await page.locator(".tree tbody tr", { hasText: "storage" }).filter({ hasText: "up" }).waitFor();
  assert.ok((await page.locator(".queue progress").count()) >= 2);
  assert.ok((await page.locator(".fine, .wrong-panel").count()) === 1);
  // Ages go on by the second under the keyboard's focus, which stays.
  await page.getByRole("region", { name: "Supervision" }).focus();
  await page.waitForTimeout(2500);
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("aria-label")), "Supervision");
  assert.deepEqual([seen.errors, seen.strange], [[], []]);
  await seen.close();
});

test("the Broker page shows the connection and the busiest topics with their last payload", async () => {
  const seen = await openPage(browser, "#/broker");
  const { page } = seen;
  // A topic of its own: on the shared one, another sensor's reading may be the last.
  const [topic, payload] = ["factory/sensors/temperature/CHART_9", { sensor_id: "CHART_9", location: "Browser", temperature: 24.125, unit: "celsius" }];
  await publish(topic, payload);
  await page.locator("tr", { hasText: topic }).filter({ hasText: "24.125" }).waitFor();
  await page.getByText("connected", { exact: true }).waitFor();
  assert.deepEqual([seen.errors, seen.strange], [[], []]);
  await seen.close();
});
