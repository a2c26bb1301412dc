// The page below a path of a reverse proxy, one that lets WebSockets through and one that does not.
//
// Whoever runs this starts both: VIGIE_PROXY and VIGIE_PROXY_POLLED are the pages' addresses there. Without them there
// is nothing to test.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, reading, shoot } from "./support/browser.js";

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

for (const [name, base] of [["VIGIE_PROXY", process.env["VIGIE_PROXY"]], ["VIGIE_PROXY_POLLED", process.env["VIGIE_PROXY_POLLED"]]]) {
  const isPolled = name === "VIGIE_PROXY_POLLED";
  test(`values move on a page behind a proxy ${isPolled ? "without" : "with"} WebSockets`, { skip: !base }, async () => {
    const sensor = isPolled ? "PROXY_2" : "PROXY_1";
    await reading(sensor, 21.5);
    const context = await browser.newContext();
    const page = await context.newPage();
    /** @type {string[]} */
    const addresses = [];
    let frames = 0;
    let polls = 0;
    page.on("request", (request) => {
      addresses.push(request.url());
      polls += Number(request.url().includes("/api/v1/live"));
    });
    page.on("websocket", (socket) => {
      addresses.push(socket.url().replace("ws:", "http:"));
      socket.on("framereceived", () => void (frames += 1));
    });
    /** @type {string[]} */
    const errors = [];
    page.on("pageerror", (error) => void errors.push(String(error.stack)));
    await page.goto(`${base}#/fleet?q=${sensor}`);
    const shows = (/** @type {string} */ value) =>
      page.locator(".row.sensor .v", { hasText: value }).first().waitFor({ timeout: 15_000 }); // three polls
    await shows("21.5");
    await reading(sensor, 24.7);
    await shows("24.7");
    assert.equal(await page.evaluate(() => document.documentElement.classList.contains("dead")), false);
    await shoot(page, isPolled ? "proxy-polled" : "proxy");
    assert.deepEqual(addresses.filter((address) => !address.startsWith(String(base)) && !address.startsWith("data:")), []);
    assert.deepEqual(errors, []);
    if (isPolled) assert.ok(polls >= 2 && frames === 0, `${polls} polls, ${frames} frames`);
    else assert.ok(polls === 0 && frames >= 2, `${polls} polls, ${frames} frames`);
    await context.close();
  });
}
