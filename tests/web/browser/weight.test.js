// What a page costs a visitor who opens it directly, with nothing in the cache: requests, and bytes over the wire.
//
// The daemon is started as for window.test.js, and serves what is embedded: from VIGIE_WEB_DIR, modules come one by one.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, MQTT, reading, URL_BASE } from "./support/browser.js";

assert.ok(URL_BASE.endsWith("/"), "VIGIE_URL is missing: the address of the window, with a slash at its end");
assert.ok(MQTT, "VIGIE_MQTT is missing: host:port of the daemon's broker");

const MOST_REQUESTS = 25;
const MOST_BYTES = 120 * 1024;

/** What shows that a page has come up, by its address. */
const PAGES = /** @type {const} */ ([
  ["#/fleet", ".row.sensor .v"],
  ["#/sensor/OWN_1/temperature", ".sensor .big"],
  ["#/alarms", ".tabs .tab"],
  ["#/alarms/history", ".list.history"],
  ["#/alarms/report", ".report .cards"],
  ["#/devices", ".devices-page tbody th"],
  ["#/system", "main h1"],
  ["#/broker", "main h1"],
]);

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
  await reading("WEB_1", 21.5);
});
after(() => browser?.close());

for (const [hash, shown] of PAGES) {
  test(`${hash} opened directly takes at most ${MOST_REQUESTS} requests and ${MOST_BYTES / 1024} kB`, async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const session = await context.newCDPSession(page);
    let bytes = 0;
    /** @type {string[]} */
    const requests = [];
    session.on("Network.loadingFinished", ({ encodedDataLength }) => void (bytes += encodedDataLength));
    session.on("Network.requestWillBeSent", ({ request }) => void (request.url.startsWith("data:") || requests.push(request.url)));
    session.on("Network.webSocketCreated", ({ url }) => void requests.push(url));
    await session.send("Network.enable");
    await page.goto(URL_BASE + hash);
    await page.locator(shown).first().waitFor({ state: "attached" });
    await page.waitForTimeout(1500); // the first pictures, histories and figures are of it
    console.log(`# ${hash}: ${bytes} bytes, ${requests.length} requests`);
    assert.ok(bytes > 20_000 && bytes <= MOST_BYTES, `${bytes} bytes`);
    assert.ok(requests.length >= 5 && requests.length <= MOST_REQUESTS, `${requests.length} requests:\n${requests.join("\n")}`);
    await context.close();
  });
}
