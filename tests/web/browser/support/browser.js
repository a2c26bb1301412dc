// What the browser's tests share: a browser, pages that note every error and every request, MQTT by hand.
//
// VIGIE_URL: the daemon's page (with its slash). VIGIE_MQTT: host:port of its broker, for what is published.
// VIGIE_SHOTS: a folder for pictures. VIGIE_CHROMIUM: the browser, /usr/bin/chromium otherwise.

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const URL_BASE = process.env["VIGIE_URL"] ?? "";
export const MQTT = process.env["VIGIE_MQTT"] ?? "";
const SHOTS = process.env["VIGIE_SHOTS"] ?? "";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const launch = () =>
  chromium.launch({ executablePath: process.env["VIGIE_CHROMIUM"] ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });

/**
 * @typedef {{ language?: "fr" | "en", look?: "light" | "dark" | "forced", width?: number, height?: number, name?: string | null, base?: string,
 *   prepare?: (page: import("playwright-core").Page) => Promise<unknown> }} Mode
 * @typedef {{ page: import("playwright-core").Page, errors: string[], strange: string[], requests: string[], close(): Promise<void> }} Seen
 */
/**
 * Opens a page, of another daemon by its `base`. `errors`: what the console or a script complained of; `strange`: requests to elsewhere.
 * @param {import("playwright-core").Browser} browser @param {string} hash @param {Mode} [mode] @returns {Promise<Seen>}
 */
export async function openPage(browser, hash, { language = "en", look = "light", width = 1280, height = 800, name = "test", base = URL_BASE, prepare } = {}) {
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme: look === "dark" ? "dark" : "light", forcedColors: look === "forced" ? "active" : "none", reducedMotion: "no-preference",
  });
  const page = await context.newPage();
  /** @type {Seen} */
  const seen = { page, errors: [], strange: [], requests: [], close: () => context.close() };
  page.on("console", (message) => void (message.type() === "error" && seen.errors.push(message.text())));
  page.on("pageerror", (error) => void seen.errors.push(String(error.stack)));
  page.on("request", (request) => {
    seen.requests.push(request.url());
    if (!request.url().startsWith(base) && !request.url().startsWith("data:")) seen.strange.push(request.url());
  });
  page.on("websocket", (socket) => {
    seen.requests.push(socket.url());
    if (new URL(socket.url()).host !== new URL(base).host) seen.strange.push(socket.url());
  });
  await page.addInitScript(([lang, who]) => {
    localStorage.setItem("vigie.language", String(lang));
    if (who) localStorage.setItem("vigie.name", who);
  }, [language, name]);
  await prepare?.(page);
  await page.goto(base + hash);
  return seen;
}

/**
 * The quickest of three tries at most, in ms: what else the machine does is no property of the page.
 * @param {number} limit No more tries once one was below it. @param {(try_: number) => Promise<number>} measure
 */
export async function quickest(limit, measure) {
  let best = Infinity;
  for (let k = 0; k < 3 && best >= limit; k += 1) best = Math.min(best, await measure(k));
  return best;
}

/** What axe-core finds wrong, one line each. @param {import("playwright-core").Page} page */
export async function axe(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => /** @type {any} */ (window).axe.run(document, { resultTypes: ["violations"] }));
  return violations.flatMap((/** @type {any} */ violation) =>
    violation.nodes.map((/** @type {any} */ node) => `${violation.id}: ${node.target.join(" ")}: ${node.failureSummary?.split("\n")[1]?.trim() ?? ""} ${node.html.slice(0, 120)}`));
}

/** @param {import("playwright-core").Page} page @param {string} name */
export async function shoot(page, name) {
  if (!SHOTS) return;
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}

/** A text with its length, as MQTT writes them. @param {string} text */
function field(text) {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
}

/** @param {number} kind @param {Buffer} rest */
function packet(kind, rest) {
  const length = [];
  let left = rest.length;
  do {
    length.push((left & 127) | (left > 127 ? 128 : 0));
    left >>= 7;
  } while (left > 0);
  return Buffer.concat([Buffer.from([kind, ...length]), rest]);
}

/**
 * Publishes by MQTT 3.1.1, QoS 1; resolves with the broker's acknowledgement.
 * @param {string} topic @param {object} payload @param {string} [broker] host:port @returns {Promise<void>}
 */
export function publish(topic, payload, broker = MQTT) {
  const [host = "127.0.0.1", port = "1883"] = broker.split(":");
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host);
    socket.setTimeout(5000, () => socket.destroy(new Error(`no answer from the broker at ${broker} within 5 s`)));
    socket.on("error", reject);
    socket.on("connect", () => socket.write(packet(0x10, Buffer.concat([field("MQTT"), Buffer.from([4, 2, 0, 30]), field(`browser-${process.pid}-${Math.random()}`)]))));
    socket.on("data", (data) => {
      if (data[0] === 0x20) socket.write(packet(0x32, Buffer.concat([field(topic), Buffer.from([0, 1]), Buffer.from(JSON.stringify(payload))])));
      if (data[0] !== 0x40) return;
      socket.end(packet(0xe0, Buffer.alloc(0)));
      resolve();
    });
  });
}

/** A reading of now, as the daemon's own sensors publish them. @param {string} sensor @param {number} value @param {string} [location] */
export const reading = (sensor, value, location = "Browser") =>
  publish("factory/sensors/temperature", { sensor_id: sensor, location, temperature: value, unit: "celsius", timestamp: new Date().toISOString() });
