// Rows keep their places, and none is out of reach: whatever appears or goes while somebody aims at one. The feed is played
// as in first.test.js.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, openPage, shoot, URL_BASE } from "./support/browser.js";
import { alarm, EMPTY, play } from "./support/play.js";

assert.ok(URL_BASE.endsWith("/"), "VIGIE_URL is missing: the address of the window, with a slash at its end");

/** @typedef {import("playwright-core").Page} Page */

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const SIZES = /** @type {const} */ ([[1280, 800], [390, 844]]);
const MANY = Array.from({ length: 40 }, (_, k) => alarm(k, { since: new Date(Date.now() - 3_600_000 - k * 1000).toISOString() }));

/** A row's box and the selection bar's, once scrolling rests. @param {Page} page @param {number} index */
const edges = (page, index) => page.evaluate((row) => {
  const box = (/** @type {string} */ selector) => /** @type {Element} */ (document.querySelector(selector)).getBoundingClientRect();
  return { row: box(`.row.alarm[aria-rowindex='${row}']`).bottom, bar: box(".bulk").top };
}, index);

test("the bar of a selection covers no row that has the focus, and the last row can be scrolled clear of it", async () => {
  for (const [width, height] of SIZES) {
    const seen = await openPage(browser, "#/alarms", { width, height, prepare: (page) => play(page, [{ ...EMPTY, alarms: MANY }]) });
    const { page } = seen;
    const focusIn = (/** @type {number} */ row) => page.waitForFunction((one) => document.activeElement?.closest(`.row[aria-rowindex='${one}']`), row);
    // The last row in view, by the keyboard: the bar that its selection brings would be over it.
    await page.locator(".row.alarm[aria-rowindex='2'] input").focus();
    await page.keyboard.press("PageDown");
    await page.waitForFunction(() => document.activeElement?.closest(".row[aria-rowindex]:not([aria-rowindex='2'])"));
    const at = Number(await page.evaluate(() => document.activeElement?.closest(".row")?.getAttribute("aria-rowindex")));
    for (let row = at; row < at + 3; row += 1) {
      await page.keyboard.press("ArrowDown");
      await focusIn(row + 1);
    }
    await page.keyboard.press("Space");
    await page.locator(".bulk", { hasText: "1 selected" }).locator(".chosen", { hasText: /^S\d+$/ }).waitFor(); // it says which
    await page.waitForFunction(() => Number.parseFloat(getComputedStyle(/** @type {Element} */ (document.querySelector("main"))).scrollPaddingBottom) > 40);
    const own = await edges(page, at + 3);
    assert.ok(own.row <= own.bar + 1, `${width}: the bar is over the row that was selected: ${JSON.stringify(own)}`);
    await page.keyboard.press("End");
    await focusIn(MANY.length + 1);
    const last = await edges(page, MANY.length + 1);
    assert.ok(last.row <= last.bar + 1, `${width}: the bar is over the last row: ${JSON.stringify(last)}`);
    await shoot(page, `rows-selected-${width}`);
    await page.evaluate(() => document.querySelector("main")?.scrollTo(0, 1e6));
    await page.locator(`.row.alarm[aria-rowindex='${MANY.length + 1}']`).waitFor();
    const end = await edges(page, MANY.length + 1);
    assert.ok(end.row < end.bar, `${width}: ${JSON.stringify(end)}`);
    assert.deepEqual([...seen.errors, ...seen.strange], []);
    await seen.close();
  }
});

test("a long rule's name is whole in its row at common widths, a shorter one beside an old value too", async () => {
  const alarms = [alarm(1, { rule: "compressor-discharge-temperature-high", runbook: "https://wiki.example/1" }), alarm(2, { rule: "too-warm-for-the-cold-store" })];
  const series = [1, 2].map((i) => ({ i, id: `S${i}`, location: "Hall", quantity: "temperature", unit: "celsius", low: 2, high: 8, every: 2 }));
  const frame = { ...EMPTY, alarms, series, values: [[1, 9.5, Date.now(), 0], [2, 9.5, Date.now() - 600_000, 0]] };
  for (const [width, height] of [[1280, 800], [1100, 800], [1024, 768], [390, 844]]) {
    const seen = await openPage(browser, "#/alarms", { width, height, prepare: (page) => play(page, [frame]) });
    const { page } = seen;
    await page.locator(".row.alarm.aged").waitFor();
    const cut = await page.evaluate(() => [...document.querySelectorAll(".row.alarm:not([hidden])")].filter((row) => {
      const rule = /** @type {HTMLElement} */ (row.querySelector(".rule"));
      const cell = /** @type {HTMLElement} */ (row.querySelector(".what"));
      return rule.scrollWidth > rule.clientWidth || rule.scrollHeight > rule.clientHeight + 1 || cell.scrollHeight > cell.clientHeight + 1;
    }).map((row) => row.textContent));
    assert.deepEqual(cut, [], `at ${width} px`);
    await seen.close();
  }
});

test("a search says how many alarms it leaves out", async () => {
  const seen = await openPage(browser, "#/alarms", { prepare: (page) => play(page, [{ ...EMPTY, alarms: [alarm(1), alarm(2), alarm(7)] }]) });
  const { page } = seen;
  await page.getByRole("searchbox").fill("silent");
  await page.getByText("1 of 3 alarms shown").waitFor();
  await page.getByRole("searchbox").fill("");
  await page.getByText("1 of 3 alarms shown").waitFor({ state: "detached" });
  await seen.close();
});

/** Where each row in view is, by its sensor. @param {Page} page */
const places = (page) => page.evaluate(() => Object.fromEntries([...document.querySelectorAll(".row.alarm:not([hidden])")].map((row) => {
  const { top, bottom } = row.getBoundingClientRect();
  return [row.querySelector("a")?.textContent ?? "", bottom > 0 && top < innerHeight ? Math.round(top) : null];
}).filter(([, top]) => top !== null)));

/** The rows of both are where they were. @param {Record<string, number>} before @param {Record<string, number>} after @param {string} when */
function assertKept(before, after, when) {
  const common = Object.keys(before).filter((id) => id in after);
  assert.ok(common.length >= 2, `${when}: ${common.length} rows are left`);
  assert.deepEqual(common.map((id) => [id, after[id]]), common.map((id) => [id, before[id]]), when);
}

test("no row moves when a flood, something wrong or a dead link is said, or no longer: at the top of a list, within, at its end", async () => {
  const fresh = Array.from({ length: 12 }, (_, k) => alarm(100 + k));
  for (const [width, height] of SIZES) {
    for (const where of [0, 300, 1e6]) {
      /** @type {Awaited<ReturnType<typeof play>> | undefined} */
      let feed;
      let seq = 1;
      const seen = await openPage(browser, "#/alarms", { width, height, prepare: async (page) => { feed = await play(page, [{ ...EMPTY, alarms: MANY }]); } });
      const { page } = seen;
      const send = (/** @type {object} */ more) => feed?.send({ type: "state", seq: (seq += 1), now: Date.now(), ...more });
      await page.locator(".row.alarm:not([hidden])").nth(2).waitFor();
      await page.locator(".row.alarm[aria-rowindex='2'] input").click(); // somebody chooses: the order stands still
      await page.evaluate((to) => document.querySelector("main")?.scrollTo(0, to), where);
      await page.waitForFunction((to) => to < 1e6 || document.querySelector(".row.alarm[aria-rowindex='41']:not([hidden])"), where);
      const [flood, wrong, lost] = [page.locator(".flood"), page.locator(".banner.wrong"), page.locator(".banner.lost")];
      const check = async (/** @type {string} */ what, /** @type {() => Promise<unknown>} */ change) => {
        if (where === 1e6) await page.evaluate(() => document.querySelector("main")?.scrollTo(0, 1e6)); // what came before has made room
        const before = await places(page);
        await change();
        assertKept(before, await places(page), `${what}, ${width} px, scrolled to ${where}`);
      };
      await check("a flood comes", async () => (send({ alarms: fresh }), flood.waitFor()));
      await check("something is wrong", async () => (send({ system: { version: "1", problems: [{ what: "the disk is nearly full" }] } }), wrong.waitFor()));
      await check("nothing is wrong", async () => (send({ system: { version: "1", problems: [] } }), wrong.waitFor({ state: "hidden" })));
      await check("the link is dead", async () => (feed?.silence(true), lost.waitFor({ timeout: 15_000 })));
      assert.ok(await page.locator(".row.alarm button:not(.quiet):visible, .bulk button.main:visible").evaluateAll((all) => all.length > 2 && all.every((one) => /** @type {HTMLButtonElement} */ (one).disabled)),
        "one can act on what was so before the link was lost");
      await check("the link is live, the flood over", async () => {
        feed?.silence(false);
        send({ gone: fresh.map(({ rule, sensor_id: id }) => `${rule}/${id}`) });
        await lost.waitFor({ state: "hidden" });
        await flood.waitFor({ state: "hidden" });
      });
      assert.deepEqual([...seen.errors, ...seen.strange], []);
      await seen.close();
    }
  }
});
