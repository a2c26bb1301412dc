// "Why isn't my device there?": what is heard and not read, with its reason and the lines of configuration, and what is read.
//
// A daemon of this file's own, started from VIGIE_BIN, for what becomes of messages; a played one for looks and numbers.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axe, launch, openPage, publish, shoot, URL_BASE } from "./support/browser.js";
import { hasProgram, startDaemon } from "./support/daemon.js";
import { EMPTY, HEARD, json, play, unclaimed } from "./support/play.js";

assert.ok(URL_BASE.endsWith("/"), "VIGIE_URL is missing: the address of the window, with a slash at its end");
assert.ok(hasProgram, "VIGIE_BIN is missing: the program to start");

const CONFIG = `
language = "en"
[broker]
listen = "127.0.0.1:0"
[web]
listen = "127.0.0.1:0"
[[devices]]
preset = "zigbee2mqtt"
[[devices]]
topic = "site/{sensor}/state"
values = { temperature = { at = "/t", unit = "°C" }, humidity = "/h" }
`;

const LOOKS = /** @type {const} */ ([["light", 1280, "en"], ["dark", 1280, "fr"], ["forced", 1280, "en"], ["light", 390, "fr"], ["dark", 390, "en"], ["forced", 390, "fr"]]);

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

test("what no table takes is shown with its lines, what is rejected with its reason, what is read with its units", async () => {
  const daemon = await startDaemon(CONFIG);
  try {
    const seen = await openPage(browser, "#/devices", { base: daemon.url });
    const { page } = seen;
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.getByText("No device yet.").waitFor();
    await page.getByText("No such topic has been received.").waitFor();
    await page.getByText("No message was rejected.").waitFor();
    await shoot(page, "devices-empty");

    await publish("plant/attic/data", { temp: 21.5, hum: 48 }, daemon.mqtt);
    await publish("door/front", /** @type {any} */ ("open"), daemon.mqtt);
    await publish("site/cellar/state", /** @type {any} */ ({ t: "warm" }), daemon.mqtt);
    await publish("zigbee2mqtt/porch", { temperature: 3.5, humidity: 61 }, daemon.mqtt);
    await publish("zigbee2mqtt/porch/availability", { state: "offline" }, daemon.mqtt);

    const card = page.locator(".card", { hasText: "plant/attic/data" });
    const lines = (await card.locator("pre").textContent()) ?? "";
    assert.match(lines, /^\[\[devices\]\]\ntopic = "plant\/\{sensor\}\/data"\n/);
    assert.ok(daemon.say("devices").includes(lines), "vigie devices has other lines");
    await page.locator(".card", { hasText: "door/front" }).getByText("no number in it").waitFor();
    assert.equal(await page.locator(".card", { hasText: "door/front" }).getByRole("button").count(), 0);
    const fault = page.locator(".card", { hasText: "site/{sensor}/state" });
    assert.match((await fault.textContent()) ?? "", /1 of 1 message rejected.*site\/cellar\/state.*warm/s);
    const row = page.locator(".row.device", { hasText: "porch" });
    await row.filter({ hasText: "offline" }).waitFor();
    assert.match((await row.textContent()) ?? "", /humidity %, temperature °C.*zigbee2mqtt.*offline/);
    assert.equal(await row.getByRole("link").getAttribute("href"), "#/sensor/porch/humidity");
    await page.getByRole("row", { name: /zigbee2mqtt 2/ }).waitFor();

    await card.getByRole("button").click();
    await card.getByRole("button", { name: /^Copied/ }).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), lines);
    assert.deepEqual(await axe(page), []);
    await shoot(page, "devices-real");
    assert.deepEqual([...seen.errors, ...seen.strange], []);
    await seen.close();
  } finally {
    await daemon.stop();
  }
});

const AT = new Date().toISOString();
/** @param {number} k */
const device = (k, more = {}) => ({
  sensor_id: `hall-${k % 40}/sensor-${k}`, rule: k % 3 ? "zigbee2mqtt" : "site/{sensor}/state", last_seen: k % 50 ? AT : null, availability: [null, "online", "offline"][k % 3],
  quantities: ["temperature celsius", "humidity percent"].map((it) => ({ quantity: it.split(" ")[0], unit: it.split(" ")[1], readings: 9, last_seen: AT })), ...more,
});
const table = (/** @type {string} */ rule, more = {}) => ({ rule, messages: 41_250, ignored: 12, rejected: 0, rejected_parts: 0, last_seen: AT, last_fault: null, never_there: [], ...more });
const PLANT = {
  ...HEARD,
  devices: Array.from({ length: 10_000 }, (_, k) => device(k)),
  rules: [table("vigie", { messages: 0, last_seen: null }), table("zigbee2mqtt"), table("site/{sensor}/state", {
    rejected: 3, rejected_parts: 2, last_fault: { topic: "site/cellar/state", why: 't: "warm" is no number', at: AT }, never_there: ["values.humidity: nothing at /h in 412 messages; keys here: t, battery, linkquality"],
  })],
  unclaimed: [
    unclaimed("plant/+/data"),
    ...Array.from({ length: 5 }, (_, k) => unclaimed(`tele/plug-${k}/SENSOR`, { config: '[[devices]]\npreset = "tasmota"\n', payload: '{"Time":"2026-11-29T12:00:00","ENERGY":{"Power":12,"Voltage":231,"Current":0.052,"Total":12.4}}' })),
    unclaimed("door/front", { config: null, payload: "open", note: "no number in it: nothing to read, or bytes of a protocol of its own; a table of the topic with ignore = [\"*\"] leaves it out" }),
    ...Array.from({ length: 6 }, (_, k) => unclaimed(`line-${k}/a-very-long-level-of-a-topic/with-another-level/${"x".repeat(30)}/value`, { payload: "21.5" })),
  ],
  unlisted_messages: 17,
};

/** @param {import("playwright-core").Page} page @param {object} heard */
async function playHeard(page, heard) {
  await play(page, [EMPTY]);
  await page.route("**/api/v1/devices", (route) => route.fulfill(json(heard)));
}

test("a plant of 10,000 devices is shown in every look, with few elements, and searched by the keyboard alone", async () => {
  for (const [look, width, language] of LOOKS) {
    const seen = await openPage(browser, "#/devices", { look, width, language, prepare: (page) => playHeard(page, PLANT) });
    const { page } = seen;
    const name = `${look}-${width}-${language}`;
    await page.locator(".row.device", { hasText: "hall-0/sensor-0" }).first().waitFor();
    assert.equal(await page.locator(".list.devices").getAttribute("aria-rowcount"), "10001");
    assert.ok((await page.locator(".slot").count()) < 70 && (await page.locator(".card").count()) <= 7);
    assert.deepEqual(await axe(page), [], name);
    await shoot(page, `devices-${name}`);
    await page.keyboard.press("/");
    await page.keyboard.type("SENSOR-4711 zigbee");
    await page.waitForFunction(() => document.querySelector(".list.devices")?.getAttribute("aria-rowcount") === "2");
    await page.waitForFunction(() => location.hash === "#/devices?q=SENSOR-4711+zigbee");
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => document.querySelector(".list.devices")?.getAttribute("aria-rowcount") === "10001");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("End");
    await page.waitForFunction(() => document.activeElement?.textContent === "hall-39/sensor-9999");
    await shoot(page, `devices-list-${name}`);
    await page.getByRole("button", { name: language === "fr" ? /^Tout afficher/ : /^Show all/ }).click();
    assert.equal(await page.locator(".card").count(), 10);
    const isWide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth || (document.querySelector("main")?.scrollWidth ?? 0) > innerWidth);
    assert.equal(isWide, false, `${name}: wider than the window`);
    await page.keyboard.press("Enter");
    assert.deepEqual([...seen.errors, ...seen.strange], []);
    await seen.close();
  }
});

test("of a broker elsewhere the page says that only its tables' topics are heard, and how to hear the rest", async () => {
  const seen = await openPage(browser, "#/devices", { prepare: (page) => playHeard(page, { ...HEARD, broker: null, unclaimed: [] }) });
  await seen.page.locator(".lines", { hasText: "vigie decode --listen 30s" }).getByRole("button").waitFor();
  assert.deepEqual(await axe(seen.page), []);
  await shoot(seen.page, "devices-elsewhere");
  assert.deepEqual([...seen.errors, ...seen.strange], []);
  await seen.close();
});

test("nothing comes under a pointer that is about to copy; it comes once the pointer is gone", async () => {
  let heard = HEARD;
  const prepare = async (/** @type {import("playwright-core").Page} */ page) => {
    await play(page, [EMPTY]);
    await page.route("**/api/v1/devices", (route) => route.fulfill(json(heard)));
  };
  const seen = await openPage(browser, "#/devices", { prepare });
  const { page } = seen;
  await page.locator(".card", { hasText: "shed/+/data" }).getByRole("button").hover();
  heard = { ...HEARD, unclaimed: [unclaimed("barn/+/data", { first_seen: AT }), ...HEARD.unclaimed] };
  await page.waitForResponse((answer) => answer.url().endsWith("/api/v1/devices"));
  await page.waitForTimeout(200);
  assert.equal(await page.locator(".card").count(), 1);
  await page.mouse.move(5, 5);
  await page.waitForFunction(() => document.querySelector(".card")?.textContent?.includes("barn/+/data"));
  assert.deepEqual([...seen.errors, ...seen.strange], []);
  await seen.close();
});
