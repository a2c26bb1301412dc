// The window in a real browser against the real daemon: what an operator relies on.
//
// The daemon is started by whoever runs this: an embedded broker that listens on VIGIE_MQTT, `[alerts.temperature]`
// with high = 35.0, no [[web.users]].

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axe, launch, MQTT, openPage, publish, quickest, reading, shoot, URL_BASE } from "./support/browser.js";

assert.ok(URL_BASE.endsWith("/"), "VIGIE_URL is missing: the address of the window, with a slash at its end");
assert.ok(MQTT, "VIGIE_MQTT is missing: host:port of the daemon's broker");

/** Sensors of this run alone: what an earlier one shelved stays shelved. */
const RUN = Date.now() % 1_000_000;

const PAGES = ["#/fleet", "#/alarms", "#/alarms/shelved", "#/alarms/history", "#/alarms/report", "#/sensor/WEB_1/temperature", "#/devices", "#/system", "#/broker"];

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
  await reading("WEB_1", 21.5);
  await reading("WEB_2", 22.5);
  await reading("WEB_HOT", 20);
  await reading("WEB_HOT", 41.5); // beyond the limit: one alarm for the pages to show
  await publish("factory/sensors/temperature", { sensor_id: "WEB_ODD" }); // rejected
  await publish("web/odd/data", { temp: 21.5, hum: 48 }); // of no table
});
after(() => browser?.close());

/** Nothing went wrong behind the page's back. @param {import("./support/browser.js").Seen} seen */
function assertCalm({ errors, strange }) {
  assert.deepEqual(errors, []);
  assert.deepEqual(strange, []);
}

/** The row of a sensor. @param {import("playwright-core").Page} page @param {string} id */
const row = (page, id) => page.locator(".row.sensor", { has: page.getByText(id, { exact: true }) });

test("the first value is there within a second, and a published one moves within a second", async () => {
  // Measured in the page, from the navigation's beginning: neither the tab's start nor this test's polling counts.
  const prepare = (/** @type {import("playwright-core").Page} */ page) => page.addInitScript(() => {
    const look = () => {
      const value = [...document.querySelectorAll(".row.sensor .v")].find((v) => v.textContent);
      if (value) Object.assign(window, { firstValue: performance.now() });
      else requestAnimationFrame(look);
    };
    look();
  });
  let seen = await openPage(browser, "#/fleet?q=WEB_1", { prepare });
  const first = await quickest(1000, async () => {
    await seen.close();
    seen = await openPage(browser, "#/fleet?q=WEB_1", { prepare });
    await row(seen.page, "WEB_1").locator(".v").waitFor();
    return seen.page.evaluate(() => Number(/** @type {any} */ (window).firstValue));
  });
  assert.ok(first < 1000, `the first value took ${first} ms`);
  const moved = await quickest(1000, async (k) => {
    const sent = Date.now();
    await reading("WEB_1", 23.4 + k);
    await seen.page.waitForFunction((text) => [...document.querySelectorAll(".row.sensor .v")].some((v) => v.textContent === text), (23.4 + k).toFixed(1), { polling: 20 });
    return Date.now() - sent;
  });
  assert.ok(moved < 1000, `a published value took ${moved} ms`);
  assertCalm(seen);
  await seen.close();
});

test("a dead link is said within 5 s and greys every value; the feed resumes without a full state", async () => {
  /** @type {any[]} */
  const sent = [];
  /** @type {any[]} */
  const received = [];
  let isCut = false;
  /** @type {import("playwright-core").WebSocketRoute[]} */
  const sockets = [];
  const prepare = async (/** @type {import("playwright-core").Page} */ page) => {
    await page.route("**/api/v1/live*", (route) => (isCut ? route.abort() : route.continue()));
    await page.routeWebSocket("**/api/v1/live", (socket) => {
      if (isCut) return void socket.close();
      const server = socket.connectToServer();
      sockets.push(socket);
      socket.onMessage((message) => {
        sent.push(JSON.parse(String(message)));
        server.send(message);
      });
      server.onMessage((message) => {
        if (isCut) return;
        received.push(JSON.parse(String(message)));
        socket.send(message);
      });
    });
  };
  const seen = await openPage(browser, "#/fleet?q=WEB", { prepare });
  const { page } = seen;
  await row(page, "WEB_2").locator(".v").waitFor();
  await page.waitForFunction(() => !document.documentElement.classList.contains("dead"));
  const banner = page.locator(".banner.lost");
  const took = await quickest(5500, async (k) => {
    if (k > 0) {
      isCut = false;
      await page.getByRole("button", { name: "Try now" }).click();
      await banner.waitFor({ state: "hidden" });
    }
    isCut = true;
    const cut = Date.now();
    await sockets.at(-1)?.close();
    await banner.waitFor({ state: "visible" });
    return Date.now() - cut;
  });
  assert.ok(took < 5500, `the banner took ${took} ms`);
  assert.match((await page.locator(".banner.lost").textContent()) ?? "", /No connection to Vigie since \d\d:\d\d:\d\d/);
  await page.waitForFunction(() => [...document.querySelectorAll(".row.sensor")].filter((one) => one.getClientRects().length > 0).every((one) => one.classList.contains("old")));
  await shoot(page, "fleet-dead");
  assert.deepEqual(await axe(page), []);
  await reading("WEB_2", 25.25);
  isCut = false;
  const before = [received.length, sent.length];
  await page.getByRole("button", { name: "Try now" }).click();
  await banner.waitFor({ state: "hidden" });
  await page.waitForFunction(() => [...document.querySelectorAll(".row.sensor .v")].some((v) => v.textContent === "25.25"));
  const hello = sent.slice(before[1]).find((frame) => frame.hello);
  assert.ok(hello.epoch && hello.seq > 0, JSON.stringify(hello));
  assert.ok(received.slice(before[0]).every((frame) => !frame.full), "a full state came after the cut");
  await seen.close();
});

test("a link that is silent counts as dead within 5 s more", async () => {
  let isSilent = false;
  const prepare = (/** @type {import("playwright-core").Page} */ page) => page.routeWebSocket("**/api/v1/live", (socket) => {
    const server = socket.connectToServer();
    server.onMessage((message) => void (isSilent || socket.send(message)));
  });
  const took = await quickest(6500, async () => {
    isSilent = false;
    const seen = await openPage(browser, "#/fleet?q=WEB", { prepare });
    await row(seen.page, "WEB_1").locator(".v").waitFor();
    isSilent = true;
    const from = Date.now();
    await seen.page.locator(".banner.lost").waitFor({ state: "visible" });
    await seen.close();
    return Date.now() - from;
  });
  assert.ok(took < 6500, `${took} ms`);
});

test("where a proxy lets no WebSocket through, values are polled, and the page says so", async () => {
  const prepare = (/** @type {import("playwright-core").Page} */ page) => page.routeWebSocket("**/api/v1/live", (socket) => void socket.close());
  const seen = await openPage(browser, "#/fleet?q=WEB_1", { prepare });
  await row(seen.page, "WEB_1").locator(".v").waitFor();
  await seen.page.getByText("live, every 5 s").waitFor();
  await reading("WEB_1", 26.75);
  await seen.page.waitForFunction(() => [...document.querySelectorAll(".row.sensor .v")].some((v) => v.textContent === "26.75"));
  await seen.close();
});

test("an alarm shows in title, icon and list; it is acknowledged with a name, by the keyboard alone", async () => {
  await reading(`WEB_KEY_${RUN}`, 20);
  await reading(`WEB_KEY_${RUN}`, 40.25);
  const seen = await openPage(browser, `#/alarms?q=WEB_KEY_${RUN}`, { name: null });
  const { page } = seen;
  const button = page.getByRole("button", { name: `Acknowledge: high-temperature of WEB_KEY_${RUN}` });
  await button.waitFor();
  await page.waitForFunction(() => /^\(\d+\) Alarms · Vigie$/.test(document.title));
  assert.match((await page.locator("link[rel=icon]").getAttribute("href")) ?? "", /^data:image\/svg/);
  await shoot(page, "alarm-unacknowledged");
  for (let k = 0; k < 40 && !(await button.evaluate((one) => one === document.activeElement)); k += 1) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").getByLabel("Your name").waitFor();
  await page.keyboard.type("anne");
  await page.keyboard.press("Enter");
  await page.getByRole("status").filter({ hasText: "1 alarm acknowledged." }).waitFor();
  await page.locator(".row.alarm", { hasText: "anne" }).waitFor();
  assert.equal(await page.evaluate(() => localStorage.getItem("vigie.name")), "anne");
  assertCalm(seen);
  await seen.close();
});

test("alarms are shelved by selection, with a reason that must be given, and unshelved", async () => {
  const place = `Shelf${RUN}`;
  for (const id of ["WEB_A", "WEB_B", "WEB_C"]) {
    await reading(`${id}_${RUN}`, 20, place);
    await reading(`${id}_${RUN}`, 39.5, place);
  }
  const seen = await openPage(browser, `#/alarms?q=${place}`);
  const { page } = seen;
  const boxes = page.getByRole("checkbox");
  await page.waitForFunction(() => document.querySelectorAll(".row.alarm:not([hidden])").length === 3);
  assert.equal(await page.locator(".row.head input").count(), 0, "there is a box that selects all");
  const places = () => page.evaluate(() => [...document.querySelectorAll(".row.alarm:not([hidden])")].map((one) => one.getBoundingClientRect().top));
  const before = await places();
  await boxes.nth(0).click();
  await boxes.nth(2).click({ modifiers: ["Shift"] });
  await page.getByText("3 selected").waitFor();
  assert.deepEqual(await places(), before, "rows moved under the pointer");
  await page.getByRole("button", { name: "Shelve… (3)" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Shelve", exact: true }).click();
  assert.ok(await dialog.isVisible(), "it was shelved without a reason");
  await dialog.getByLabel("Reason").fill("cleaning");
  await dialog.getByLabel("1 hour").check();
  await dialog.getByRole("button", { name: "Shelve", exact: true }).click();
  await page.getByRole("status").filter({ hasText: "3 alarms shelved." }).waitFor();
  await page.goto(`${URL_BASE}#/alarms/shelved?q=${place}`);
  await page.locator(".row.alarm", { hasText: "cleaning" }).nth(2).waitFor();
  await shoot(page, "alarms-shelved");
  await page.getByRole("button", { name: `Unshelve: high-temperature of WEB_A_${RUN}` }).click();
  await page.getByRole("status").filter({ hasText: "1 alarm unshelved." }).waitFor();
  assertCalm(seen);
  await seen.close();
});

test("the order stands still while something is selected", async () => {
  const place = `Frozen${RUN}`;
  await reading(`WEB_OLD_${RUN}`, 20, place);
  await reading(`WEB_OLD_${RUN}`, 39, place);
  const seen = await openPage(browser, `#/alarms?q=${place}`);
  const { page } = seen;
  await page.getByRole("checkbox").first().check();
  await reading(`WEB_NEW_${RUN}`, 20, place);
  await reading(`WEB_NEW_${RUN}`, 39, place);
  await page.getByText("Order frozen · 1 change since").waitFor();
  assert.equal(await page.locator(".row.alarm:not([hidden])").count(), 1);
  await page.getByRole("button", { name: "Sort now" }).click();
  await page.waitForFunction(() => document.querySelectorAll(".row.alarm:not([hidden])").length === 2);
  assert.match((await page.locator(".row.alarm[aria-rowindex='2']").textContent()) ?? "", /WEB_NEW/);
  await seen.close();
});

test("search, filter and order are in the address, and the slash key searches", async () => {
  const seen = await openPage(browser, "#/fleet");
  const { page } = seen;
  await row(page, "WEB_1").locator(".v").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("web_h");
  await page.waitForFunction(() => location.hash === "#/fleet?q=web_h");
  await page.getByRole("button", { name: /^Abnormal/ }).click();
  await page.getByLabel("Sort").selectOption("worst");
  await page.waitForFunction(() => location.hash === "#/fleet?q=web_h&show=abnormal&sort=worst");
  await page.reload();
  await row(page, "WEB_HOT").waitFor();
  assert.equal(await page.locator(".row.sensor").filter({ visible: true }).count(), 1);
  // Down to the row by the arrow, and into the sensor's page by Enter.
  await page.getByRole("searchbox").press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => location.hash === "#/sensor/WEB_HOT/temperature");
  assertCalm(seen);
  await seen.close();
});

test("nothing that axe-core knows is wrong, no error, no request elsewhere: every page, look, width and language", async () => {
  /** @type {string[]} */
  const wrong = [];
  for (const look of /** @type {const} */ (["light", "dark", "forced"])) {
    for (const width of [1280, 390]) {
      for (const language of /** @type {const} */ (["fr", "en"])) {
        const seen = await openPage(browser, "#/fleet", { look, width, language });
        for (const hash of PAGES) {
          await seen.page.goto(URL_BASE + hash);
          await seen.page.locator("main h1").first().waitFor({ state: "attached" });
          await seen.page.waitForTimeout(700); // first values and pictures of the page
          const name = `${hash.replace(/[^a-z]+/gi, "-").replace(/^-/, "")}-${look}-${width}-${language}`;
          await shoot(seen.page, name);
          wrong.push(...(await axe(seen.page)).map((/** @type {string} */ line) => `${name}: ${line}`));
          const isWide = await seen.page.evaluate(() => document.documentElement.scrollWidth > innerWidth || (document.querySelector("main")?.scrollWidth ?? 0) > innerWidth);
          if (isWide) wrong.push(`${name}: wider than the window`);
        }
        wrong.push(...seen.errors.map((line) => `${look} ${width} ${language}: ${line}`), ...seen.strange);
        await seen.close();
      }
    }
  }
  assert.equal(wrong.join("\n"), "");
});

test("an unacknowledged alarm flashes by a halo, its sign always filled; nothing does under prefers-reduced-motion", async () => {
  const seen = await openPage(browser, "#/fleet?q=WEB_HOT");
  const { page } = seen;
  await row(page, "WEB_HOT").waitFor();
  for (const isLit of [true, false, true]) {
    await page.waitForFunction((wanted) => {
      const [icon, shape] = [...document.querySelectorAll(".row.sensor .icon.flashes, .row.sensor .icon.flashes path")].map((one) => getComputedStyle(one));
      return icon && shape && shape.fill === shape.stroke && (icon.outlineColor === shape.stroke) === wanted;
    }, isLit);
  }
  await page.emulateMedia({ reducedMotion: "reduce" });
  const looks = await page.evaluate(() => [true, false].map((isOn) => {
    document.documentElement.classList.toggle("flash", isOn);
    return [...document.querySelectorAll(".icon.flashes, .icon.flashes *")].map((one) => [getComputedStyle(one).fill, getComputedStyle(one).outlineColor].join()).join();
  }));
  assert.notEqual(looks[0], "");
  assert.equal(looks[0], looks[1]);
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
  await seen.close();
});
