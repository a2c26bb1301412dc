// What is seen before there is anything to see: the first run, the login, dialogs. The feed is played here, frame by
// frame, so nothing of the daemon but its files is needed; VIGIE_URL names it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axe, launch, openPage, shoot, URL_BASE } from "./support/browser.js";
import { alarm, BROKER, EMPTY, json, play, series, welcome } from "./support/play.js";

assert.ok(URL_BASE.endsWith("/"), "VIGIE_URL is missing: the address of the window, with a slash at its end");

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const LOOKS = /** @type {const} */ ([["light", 1280, "fr"], ["dark", 390, "en"], ["forced", 1280, "en"], ["light", 390, "fr"]]);

test("before the first reading the page says what came and is not read, and how to make one, and gives way to it", async () => {
  for (const [look, width, language] of LOOKS) {
    /** @type {{ send(frame: object): void } | undefined} */
    let feed;
    const seen = await openPage(browser, "#/fleet", { look, width, language, prepare: async (page) => { feed = await play(page, [EMPTY]); } });
    const { page } = seen;
    await page.getByText("mosquitto_pub").waitFor();
    await page.getByText("plant/7").waitFor();
    await page.getByText(language === "fr" ? "2 messages ont été rejetés" : "2 messages were rejected").waitFor();
    await page.getByText("the field temperature is missing").waitFor();
    await page.locator(".card", { hasText: "shed/+/data" }).locator("pre", { hasText: 'topic = "shed/{sensor}/data"' }).waitFor();
    assert.deepEqual(await axe(page), []);
    await shoot(page, `first-${look}-${width}-${language}`);
    feed?.send({ type: "state", seq: 2, now: Date.now(), series: [series(0)], values: [[0, 21.5, Date.now(), 0]] });
    await page.locator(".row.sensor .v").filter({ hasText: /21[.,]5/ }).waitFor();
    await page.getByText("mosquitto_pub").waitFor({ state: "detached" });
    assert.deepEqual([...seen.errors, ...seen.strange], []);
    await seen.close();
  }
});

test("who must log in sees the login and nothing else; a wrong password is said, a right one begins anew", async () => {
  for (const [look, width, language] of LOOKS) {
    let isIn = false;
    const prepare = async (/** @type {import("playwright-core").Page} */ page) => {
      await page.routeWebSocket("**/api/v1/live", (socket) => (isIn ? void socket.onMessage(() => [welcome({ open: false, user: "anne" }), EMPTY].forEach((frame) => socket.send(JSON.stringify(frame)))) : void socket.close()));
      await page.route("**/api/v1/live*", (route) => route.fulfill(json({ title: "Unauthorized", status: 401 }, 401)));
      await page.route("**/api/v1/broker", (route) => route.fulfill(json(BROKER)));
      await page.route("**/api/v1/system", (route) => route.fulfill(json({})));
      await page.route("**/api/v1/session", (route) => {
        if (route.request().method() === "GET") return route.fulfill(json({ user: null, role: null, open: false, language, zone: "UTC" }));
        isIn = route.request().postDataJSON().password === "right";
        return isIn ? route.fulfill({ status: 204 }) : route.fulfill(json({ title: "Unauthorized", status: 401 }, 401));
      });
    };
    const seen = await openPage(browser, "#/fleet", { look, width, language, prepare });
    const { page } = seen;
    const password = page.getByLabel(language === "fr" ? "Mot de passe" : "Password");
    await page.getByLabel(language === "fr" ? "Nom" : "Name").fill("anne");
    await password.fill("wrong");
    await password.press("Enter");
    await page.getByRole("alert").filter({ hasText: language === "fr" ? "incorrect" : "wrong" }).waitFor();
    assert.deepEqual(await axe(page), []);
    assert.equal(await page.locator("header").count(), 0);
    await shoot(page, `login-${look}-${width}-${language}`);
    await password.fill("right");
    await password.press("Enter");
    await page.locator("header .user", { hasText: "anne" }).waitFor({ state: "attached" });
    await seen.close();
  }
});

test("a flood is one banner: the gravest by name, the rest by rule and location, each a filter away", async () => {
  for (const [look, width, language] of LOOKS) {
    const alarms = Array.from({ length: 60 }, (_, k) => alarm(k));
    const seen = await openPage(browser, "#/alarms", { look, width, language, prepare: (page) => play(page, [{ ...EMPTY, alarms }]) });
    const { page } = seen;
    await page.getByText(language === "fr" ? "Avalanche : 60 alarmes en 10 minutes" : "Flood: 60 alarms in the last 10 minutes").waitFor();
    assert.match((await page.locator(".flood .pinned").first().textContent()) ?? "", /S7/);
    assert.ok(await page.locator("header nav").evaluate((nav) => nav.scrollWidth <= nav.clientWidth), "the pages and the alarms' counts do not fit");
    assert.deepEqual(await axe(page), []);
    await shoot(page, `flood-${look}-${width}-${language}`);
    if (width < 760) await page.getByRole("button", { name: language === "fr" ? "Par règle et par lieu" : "By rule and location" }).click();
    await page.getByRole("button", { name: /10 × silent, Hall 0/ }).click();
    await page.waitForFunction(() => document.querySelector(".list.alarms")?.getAttribute("aria-rowcount") === "11");
    assert.ok((await page.locator(".slot").count()) < 70);
    assert.deepEqual([...seen.errors, ...seen.strange], []);
    await seen.close();
  }
});

test("dialogs are right for axe-core, in every look: settings, name, shelf, details", async () => {
  for (const [look, width, language] of LOOKS) {
    const seen = await openPage(browser, "#/alarms", { look, width, language, name: null, prepare: (page) => play(page, [{ ...EMPTY, alarms: [alarm(7, { runbook: "https://wiki.example/7" }), alarm(2)] }]) });
    const { page } = seen;
    const check = async (/** @type {string} */ name) => {
      await page.getByRole("dialog").waitFor();
      assert.deepEqual(await axe(page), [], name);
      await shoot(page, `${name}-${look}-${width}-${language}`);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    };
    await page.locator("header button").last().click();
    await check("settings");
    const row = page.locator(".row.alarm", { hasText: "S7" });
    await row.getByRole("button").last().click();
    await check("details");
    await row.getByRole("button").first().click();
    await check("who");
    await row.getByRole("checkbox").check();
    await page.getByRole("button", { name: language === "fr" ? /^Mettre de côté… \(1\)/ : /^Shelve… \(1\)/ }).click();
    await check("shelf");
    assert.deepEqual([...seen.errors, ...seen.strange], []);
    await seen.close();
  }
});

test("rows do not change places under the pointer; they do once it is gone", async () => {
  /** @type {{ send(frame: object): void } | undefined} */
  let feed;
  const seen = await openPage(browser, "#/alarms", { prepare: async (page) => { feed = await play(page, [{ ...EMPTY, alarms: [alarm(1), alarm(2)] }]); } });
  const { page } = seen;
  const first = () => page.locator(".row.alarm[aria-rowindex='2'] a").first().textContent();
  await page.locator(".row.alarm", { hasText: "S2" }).hover();
  feed?.send({ type: "state", seq: 2, now: Date.now(), alarms: [alarm(7)], gone: ["silent/S2"] });
  await page.getByText("Order frozen · 2 changes since").waitFor();
  assert.equal(await first(), "S1");
  const over = page.locator(".row.alarm.gone", { hasText: "S2" });
  await over.waitFor();
  assert.ok(await over.getByRole("checkbox").isDisabled(), "an alarm that is over can be chosen");
  await page.mouse.move(5, 5);
  await page.waitForFunction(() => document.querySelector(".row.alarm[aria-rowindex='2'] a")?.textContent === "S7");
  await seen.close();
});

test("a viewer sees no action, and is told why", async () => {
  const seen = await openPage(browser, "#/alarms", { prepare: (page) => play(page, [{ ...EMPTY, alarms: [alarm(7)] }], { open: false, user: "vera", role: "viewer" }) });
  const { page } = seen;
  await page.getByText("You may read, not act").waitFor();
  assert.equal(await page.getByRole("button", { name: /^Acknowledge/ }).count(), 0);
  assert.ok(await page.getByRole("checkbox").isDisabled());
  await page.locator(".user", { hasText: "vera · viewer" }).waitFor();
  await seen.close();
});

test("settings change language, appearance and zone at once, and last", async () => {
  const seen = await openPage(browser, "#/fleet", { prepare: (page) => play(page, [{ ...EMPTY, series: [series(0)], values: [[0, 5, Date.now(), 0]] }]) });
  const { page } = seen;
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByLabel("Times in").selectOption("utc");
  await page.getByLabel("Appearance").selectOption("dark");
  await page.getByLabel("Language").selectOption("fr");
  await page.getByRole("dialog", { name: "Réglages" }).waitFor();
  await page.getByRole("button", { name: "Fermer" }).click();
  await page.getByRole("link", { name: "Parc" }).waitFor();
  assert.equal(await page.evaluate(() => [document.documentElement.lang, document.documentElement.dataset["theme"]].join()), "fr,dark");
  await page.waitForFunction(() => /UTC$/.test(document.querySelector(".clock")?.textContent ?? ""));
  await seen.close();
});

test("new alarms are read out, together and not too often", async () => {
  /** @type {{ send(frame: object): void } | undefined} */
  let feed;
  const seen = await openPage(browser, "#/fleet", { prepare: async (page) => { feed = await play(page, [{ ...EMPTY, alarms: [alarm(1)] }]); } });
  const { page } = seen;
  const region = page.locator(".top > .unseen[role=alert]");
  await page.locator(".counts .count").first().waitFor();
  assert.equal(await region.textContent(), "", "what stood before the page was opened is no news");
  feed?.send({ type: "state", seq: 2, now: Date.now(), alarms: [alarm(7)] });
  await page.waitForFunction(() => document.querySelector(".top > .unseen[role=alert]")?.textContent === "New alarm, critical: too-warm, S7, Hall 1");
  feed?.send({ type: "state", seq: 3, now: Date.now(), alarms: [alarm(9), alarm(11)] });
  await page.waitForTimeout(1500);
  assert.match((await region.textContent()) ?? "", /S7/, "the next was read out within 10 s");
  await page.waitForFunction(() => document.querySelector(".top > .unseen[role=alert]")?.textContent === "2 new alarms, the gravest low");
  await seen.close();
});

test("a row keeps the focus by arrow keys through a list of thousands, and elements stay few", async () => {
  const all = Array.from({ length: 3000 }, (_, i) => ({ ...series(i), id: `S${String(i).padStart(4, "0")}` }));
  const frame = { ...EMPTY, series: all, values: all.map(({ i }) => [i, 5, Date.now(), 0]) };
  const seen = await openPage(browser, "#/fleet?sort=name", { prepare: (page) => play(page, [frame]) });
  const { page } = seen;
  const focuses = (/** @type {string} */ pattern) => page.waitForFunction((one) => new RegExp(one).test(document.activeElement?.textContent ?? ""), pattern);
  await page.getByRole("searchbox").press("ArrowDown");
  await focuses("^S0000$");
  await page.keyboard.press("ArrowDown");
  await focuses("^S0001$");
  await page.keyboard.press("End");
  await focuses("^S2999$");
  await page.keyboard.press("PageUp");
  await focuses("^S29[67]\\d$");
  await page.waitForFunction(() => {
    // The order of elements follows once the list rests.
    const order = [...document.querySelectorAll(".slot:not([hidden])")].map((slot) => Number(slot.getAttribute("aria-rowindex")));
    return order.every((row, k) => k === 0 || row > Number(order[k - 1]));
  });
  assert.ok((await page.locator(".slot:not([hidden])").count()) < 60 && (await page.locator(".list").getAttribute("aria-rowcount")) === "3001");
  // Scrolled away by the wheel, the focus does not come to another sensor.
  await page.mouse.move(600, 500);
  await page.mouse.wheel(0, -60_000);
  await page.waitForFunction(() => document.activeElement?.tagName === "MAIN");
  await seen.close();
});

test("the history offers to load again where there is something newer, and only there", async () => {
  const event = (/** @type {number} */ number, more = {}) => ({
    number, alert_id: "0000000000000007", rule: "too-warm", sensor_id: "S7", location: "Hall 1", quantity: "temperature", temperature: 9.25, unit: "celsius", threshold: 8, severity: "CRITICAL",
    alert_type: "HIGH_TEMPERATURE", state: "active", message: "High temperature detected: 9.25°C", timestamp: new Date().toISOString(), transition: "raised", by: null, why: null, ...more,
  });
  let alerts = [event(1)];
  /** @type {{ send(frame: object): void } | undefined} */
  let feed;
  const prepare = async (/** @type {import("playwright-core").Page} */ page) => {
    feed = await play(page, []); // the feed's first state comes after the history's page
    await page.route("**/api/v1/alerts*", (route) => route.fulfill(json({ alerts, next: null })));
  };
  const seen = await openPage(browser, "#/alarms/history", { language: "fr", prepare });
  const { page } = seen;
  await page.locator(".row.event", { hasText: "S7" }).waitFor();
  const button = page.getByRole("button", { name: "Il y a du nouveau" });
  const asked = () => seen.requests.filter((url) => url.includes("/api/v1/alerts?")).length;
  feed?.send({ ...EMPTY, series: [series(7)], values: [[7, 9.25, Date.now(), 0]], alarms: [alarm(7)] });
  await page.getByText("Actives 1").waitFor();
  const looked = page.waitForResponse((answer) => answer.url().endsWith("limit=1"));
  feed?.send({ type: "state", seq: 2, now: Date.now(), alarms: [alarm(7, { value: 9.5 })] });
  feed?.send({ type: "state", seq: 3, now: Date.now(), alarms: [alarm(7, { value: 9.75 }), alarm(2)] });
  await page.getByText("Actives 2").waitFor();
  await looked;
  await page.waitForTimeout(100); // the answer is in the page
  assert.ok(await button.isHidden(), "something newer was offered where there was nothing");
  assert.equal(asked(), 2, "every change of a value asked for the newest event");
  alerts = [...alerts, event(2, { transition: "acknowledged", by: "anne", message: "Temperature: alarm acknowledged by anne: 9.25°C" })];
  feed?.send({ type: "state", seq: 4, now: Date.now(), alarms: [alarm(7, { state: "acknowledged" })] });
  await button.waitFor();
  await button.click();
  await page.locator(".row.event", { hasText: "anne" }).waitFor();
  assert.ok(await button.isHidden());
  await page.locator(".row.event", { hasText: "9,25\u00a0°C, seuil 8\u00a0°C" }).first().waitFor();
  assert.deepEqual([...seen.errors, ...seen.strange], []);
  await seen.close();
});
