// One page on the Fleet of many sensors, for a long time: its memory stays as it is. Then its renderer is stopped, as a
// laptop that sleeps: after two minutes the daemon sends it nothing any more, and when it goes on it catches up.
//
// Whoever runs this plays the readings: VIGIE_URL is the daemon's page, VIGIE_SENSORS how many there are,
// VIGIE_MINUTES how long the page is watched.

import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { launch, URL_BASE } from "../browser/support/browser.js";

const MINUTES = Number(process.env["VIGIE_MINUTES"] ?? 30);
const SENSORS = Number(process.env["VIGIE_SENSORS"]);
assert.ok(URL_BASE && SENSORS > 0 && MINUTES > 2, "VIGIE_URL, VIGIE_SENSORS or VIGIE_MINUTES is missing");

const MINUTE_MS = 60_000;
const SETTLED = 2; // minute from which memory is compared
const EACH = 4; // minutes between two looks
const GROWTH = 1.1; // at most this factor …
const GROWTH_BYTES = 2 * 1024 * 1024; // … and so much more
const FILLED_MS = 5 * MINUTE_MS; // until every sensor has spoken
const SILENT_AFTER_MS = 2 * MINUTE_MS; // without an acknowledgement the daemon sends nothing
const SILENT_MS = MINUTE_MS; // time for which it is seen to
const SILENT_BYTES = 32; // pings, of 2 bytes each 20 s

const sleep = (/** @type {number} */ ms) => new Promise((resolve) => void setTimeout(resolve, ms));

/**
 * Passes everything between browser and daemon, and counts the bytes that the daemon sends on WebSockets.
 * @returns {Promise<{ url: string, fed: () => number, close: () => void }>}
 */
async function startRelay() {
  const { hostname, port } = new URL(URL_BASE);
  let fed = 0;
  const server = createServer((browser) => {
    const daemon = connect(Number(port), hostname);
    let isFeed = false;
    browser.on("data", (bytes) => void (isFeed ||= bytes.includes("Upgrade: websocket")));
    daemon.on("data", (bytes) => void (fed += isFeed ? bytes.length : 0));
    for (const [from, to] of [[browser, daemon], [daemon, browser]]) {
      from?.on("error", () => to?.destroy());
      from?.on("close", () => to?.destroy());
      if (to) from?.pipe(to);
    }
  });
  await new Promise((resolve) => void server.listen(0, "127.0.0.1", () => resolve(null)));
  const address = server.address();
  assert.ok(address && typeof address === "object");
  return { url: `http://127.0.0.1:${address.port}/`, fed: () => fed, close: () => void server.close() };
}

/** What the page holds once its garbage is gone, in bytes. @param {import("playwright-core").CDPSession} session */
async function heap(session) {
  for (let k = 0; k < 3; k += 1) await session.send("HeapProfiler.collectGarbage");
  return (await session.send("Runtime.getHeapUsage")).usedSize;
}

/** Values that the page shows. @param {import("playwright-core").Page} page */
const values = (page) => page.evaluate(() => [...document.querySelectorAll(".row.sensor .v")].map((v) => v.textContent).join(" "));

/** The page shows values of now. @param {import("playwright-core").Page} page */
async function assertLive(page) {
  const before = await values(page);
  await page.waitForFunction((shown) => !document.documentElement.classList.contains("dead")
    && [...document.querySelectorAll(".row.sensor .v")].map((v) => v.textContent).join(" ") !== shown, before, { timeout: 120_000, polling: 500 });
}

/** Process ids of the browser's renderers. @param {import("playwright-core").Browser} browser */
async function renderers(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  return processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
}

/** @param {number} bytes */
const mib = (bytes) => (bytes / 1024 / 1024).toFixed(2);

const relay = await startRelay();
const browser = await launch();
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  /** @type {string[]} */
  const errors = [];
  page.on("pageerror", (error) => void errors.push(String(error.stack)));
  await page.goto(`${relay.url}#/fleet`);
  const session = await page.context().newCDPSession(page);
  const from = Date.now();
  for (let known = 0; known < SENSORS; ) {
    assert.ok(Date.now() - from < FILLED_MS, `only ${known} sensors have spoken`);
    await sleep(1000);
    known = (await (await fetch(`${URL_BASE}api/v1/system`)).json()).series.known;
  }
  console.log(`${SENSORS} sensors after ${Math.round((Date.now() - from) / 1000)} s`);
  await watch(page, session);
  await stop(page);
  assert.deepEqual(errors, []);
} finally {
  await browser.close();
  relay.close();
}

/** @param {import("playwright-core").Page} page @param {import("playwright-core").CDPSession} session */
async function watch(page, session) {
  const from = Date.now();
  let first = 0;
  for (let minute = SETTLED; ; minute = Math.min(minute + EACH, MINUTES)) {
    const fed = relay.fed();
    const since = Date.now();
    await sleep(from + minute * MINUTE_MS - Date.now());
    const rate = (relay.fed() - fed) / ((Date.now() - since) / 1000);
    await assertLive(page);
    const size = await heap(session);
    first ||= size;
    console.log(`minute ${minute}: ${mib(size)} MiB after collection; ${Math.round(rate / 1024)} KiB a second were received`);
    assert.ok(size <= first * GROWTH + GROWTH_BYTES, `it grew from ${mib(first)} to ${mib(size)} MiB`);
    if (minute >= MINUTES) return;
  }
}

/** @param {import("playwright-core").Page} page */
async function stop(page) {
  const pids = await renderers(browser);
  assert.ok(pids.length > 0, "no renderer");
  const before = await values(page);
  for (const pid of pids) process.kill(pid, "SIGSTOP");
  try {
    await sleep(SILENT_AFTER_MS + 15_000);
    const fed = relay.fed();
    await sleep(SILENT_MS);
    const more = relay.fed() - fed;
    console.log(`stopped for ${(SILENT_AFTER_MS + 15_000 + SILENT_MS) / 1000} s: ${more} bytes in the last ${SILENT_MS / 1000} s`);
    assert.ok(more <= SILENT_BYTES, `${more} bytes for a stopped browser`);
  } finally {
    for (const pid of pids) process.kill(pid, "SIGCONT");
  }
  const from = Date.now();
  await page.waitForFunction((shown) => !document.documentElement.classList.contains("dead")
    && [...document.querySelectorAll(".row.sensor .v")].map((v) => v.textContent).join(" ") !== shown, before, { timeout: 30_000, polling: 100 });
  console.log(`it caught up ${Date.now() - from} ms after it went on`);
}
