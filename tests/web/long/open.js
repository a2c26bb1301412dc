// Three browsers on one daemon, on three pages, until this process is ended: what they cost it is measured elsewhere.
//
// VIGIE_URL is the daemon's page, VIGIE_SENSOR the sensor that one of them shows. Says OPEN once each shows values.

import { launch, URL_BASE } from "../browser/support/browser.js";

const PAGES = ["#/fleet", `#/sensor/${process.env["VIGIE_SENSOR"]}/temperature`, "#/alarms"];

const browsers = await Promise.all(PAGES.map(() => launch()));
await Promise.all(browsers.map(async (browser, k) => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(URL_BASE + PAGES[k]);
  await page.waitForFunction(() => /\d/.test(document.querySelector("main")?.textContent ?? ""), undefined, { timeout: 120_000 });
}));
console.log("OPEN");
process.on("SIGTERM", () => void Promise.all(browsers.map((browser) => browser.close())).then(() => process.exit(0)));
