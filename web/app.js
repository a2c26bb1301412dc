// The page: joins feed, state, words and views; the router.
//
// Always: a view is drawn at most once an animation frame, and once a second for its ages. Never: depends on the contents of a view.

import * as api from "./data/api.js";
import { forgetColours, h } from "./page/dom.js";
import { createFeed, everything, mergeChanges, noChanges } from "./data/feed.js";
import { foot } from "./page/foot.js";
import { formatter } from "./page/format.js";
import { header } from "./page/header.js";
import { openLink } from "./data/link.js";
import { browserZone, keep, openSettings, setting, whoActs } from "./page/settings.js";
import { words as loadWords } from "./words.js";

/** @typedef {import("./data/feed.js").Changes} Changes */
/** @typedef {{ page: string, args: string[], query: URLSearchParams }} Route `#/sensor/ID/QUANTITY?at=…` */
/** @typedef {{ element: HTMLElement, update(changes: Changes): void, close(): void, routed?(route: Route): void }} View */
/**
 * @typedef {object} State
 * @property {import("./data/state.js").Series[]} series by index; there may be holes
 * @property {Map<string, import("./data/state.js").Alarm>} alarms
 * @property {any} system @property {any} broker
 * @property {import("./data/state.js").LinkState} link
 * @property {import("./page/format.js").Format} format the present formatter
 */
/**
 * What a view is given.
 * @typedef {object} Context
 * @property {State} state @property {import("./words.js").Words} words @property {import("./page/format.js").Format} format
 * @property {typeof api} api
 * @property {(hash: string, options?: { replace?: boolean }) => void} navigate `replace`: the address alone changes
 * @property {Route} route @property {() => boolean} canAct @property {() => string} zone
 * @property {import("./data/feed.js").Welcome | null} welcome
 * @property {() => string | null} name of who acts, if it is known @property {() => Promise<string | null>} who asks for it
 */

const WELCOME_MS = 700;
const REST_MS = 400; // between two drawings, but for values, which come twice a second: alarms come four times a second
const FLASH_MS = 500; // each half of a sign's flash
const SYSTEM_MS = 30_000; // how often a page that does not show the system looks whether something is wrong with it

const SELDOM = 0.1; // states a second where no series is shown: the other pages have something to begin with

/** @type {Record<string, { load(): Promise<{ open(context: Context): View }>, styles?: string[], want: Partial<import("./data/feed.js").Want> }>} */
const PAGES = {
  fleet: { load: () => import("./views/fleet.js"), want: { series: 2 } },
  sensor: { load: () => import("./views/sensor.js"), styles: ["css/sensor.css"], want: { series: 4 } },
  alarms: { load: () => import("./views/alarms.js"), styles: ["css/system.css"], want: { series: 1 } },
  devices: { load: () => import("./views/devices.js"), styles: ["css/system.css"], want: { series: SELDOM } },
  system: { load: () => import("./views/system.js"), styles: ["css/system.css"], want: { series: SELDOM, system: true } },
  broker: { load: () => import("./views/broker.js"), styles: ["css/system.css"], want: { series: SELDOM, broker: true } },
};

const BUILD = /\/a\/([^/]+)\//.exec(import.meta.url)?.[1] ?? null;

const feed = createFeed();
/** @type {View | null} */
let view = null;
/** @type {ReturnType<typeof header> | null} */
let top = null;
/** @type {ReturnType<typeof foot> | null} */
let bottom = null;
let pending = noChanges();
let isDrawing = false;
let drawnAt = -Infinity;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let resting;
let opening = 0;
let dressing = 0;
let greeted = () => {};
const main = h("main", { id: "main", tabIndex: -1 });

const link = openLink({ feed, want: want(readRoute(location.hash)), received, changed: () => note({ tick: true }) });

/** @type {State} */
const state = {
  get series() { return feed.tables.series; },
  get alarms() { return feed.tables.alarms; },
  get system() { return feed.tables.system; },
  get broker() { return feed.tables.broker; },
  link: link.state,
  format: formatter("en", "UTC"),
};

/** @type {Context} */
const context = {
  state,
  words: /** @type {any} */ (null), // loaded before a view is made
  format: state.format,
  api,
  route: readRoute(location.hash),
  navigate,
  canAct: () => context.welcome?.role === "operator",
  zone: () => state.format.zone,
  welcome: null,
  name: () => context.welcome?.user ?? setting("name"),
  who: () => whoActs(context),
};

/** @param {string} hash @returns {Route} */
function readRoute(hash) {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [page = "", ...args] = path.split("/").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return { page: page in PAGES ? page : "fleet", args, query: new URLSearchParams(query) };
}

/** @param {string} hash @param {{ replace?: boolean }} [options] */
function navigate(hash, { replace = false } = {}) {
  if (!replace) {
    location.hash = hash;
    return;
  }
  history.replaceState(null, "", hash);
  context.route = readRoute(hash);
}

/** @param {Route} route @returns {import("./data/feed.js").Want} */
function want(route) {
  const usual = { series: 0, alarms: true, system: false, broker: false };
  return document.visibilityState === "hidden" ? usual : { ...usual, ...PAGES[route.page]?.want };
}

function language() {
  const known = setting("language") ?? feed.welcome?.language ?? setting("server-language") ?? navigator.language;
  return known.startsWith("fr") ? "fr" : "en";
}

function zone() {
  const choice = setting("zone");
  return choice === "browser" ? browserZone() : choice === "utc" ? "UTC" : feed.welcome?.zone ?? setting("server-zone") ?? "UTC";
}

/** @param {import("./data/feed.js").Received} received */
function received({ changes, welcome }) {
  if (welcome) greet(welcome);
  if (changes) note(changes);
}

/** @param {import("./data/feed.js").Welcome} welcome */
function greet(welcome) {
  context.welcome = welcome;
  keep("server-language", welcome.language);
  keep("server-zone", welcome.zone);
  greeted();
  // A page of another build may misread the feed: it reloads, once for each build.
  if (BUILD && welcome.build && welcome.build !== BUILD && sessionStorage.getItem("vigie.build") !== welcome.build) {
    sessionStorage.setItem("vigie.build", welcome.build);
    location.reload();
    return;
  }
  if (!top) return; // the first dressing has it all
  if (language() !== document.documentElement.lang || zone() !== state.format.zone) void restyle();
  else note({ tick: true });
}

/** @param {Partial<Changes>} changes */
function note(changes) {
  mergeChanges(pending, { ...noChanges(), ...changes });
  if (isDrawing) return;
  const rest = pending.full || pending.series.size ? 0 : drawnAt + REST_MS - performance.now();
  if (rest > 0) resting ??= setTimeout(drawSoon, rest);
  else drawSoon();
}

function drawSoon() {
  clearTimeout(resting);
  resting = undefined;
  isDrawing = true;
  // A hidden page has no animation frames: its title and icon are kept true by a timer.
  if (document.visibilityState === "hidden") setTimeout(draw, 200);
  else requestAnimationFrame(draw);
}

function draw() {
  isDrawing = false;
  drawnAt = performance.now();
  const changes = pending;
  pending = noChanges();
  top?.update(changes);
  bottom?.update(changes);
  if (document.visibilityState === "visible") view?.update(changes);
}

/** Sets language, zone and appearance as they are chosen; false: overtaken by another choice. @returns {Promise<boolean>} */
async function dress() {
  const mine = ++dressing;
  const lang = language();
  const theme = setting("theme") ?? "auto";
  const isDark = theme === "dark" || (theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.lang = lang;
  document.documentElement.dataset["theme"] = isDark ? "dark" : "light";
  const words = await loadWords(lang);
  if (mine !== dressing) return false;
  if (lang !== language()) return dress(); // the daemon has said its language meanwhile
  forgetColours();
  context.words = words;
  context.format = state.format = formatter(lang, zone());
  return true;
}

/** Makes the frame and the view anew, as language, zone and appearance are. */
async function restyle() {
  if (!(await dress()) || main.className === "login") return;
  const former = [top?.element, bottom?.element];
  top = header(context, { settings: () => openSettings(context, restyle), link });
  bottom = foot(context, { retry: () => link.hurry(), link, main });
  if (!former[0]) document.body.replaceChildren(top.element, main, bottom.element);
  else for (const [k, { element }] of [top, bottom].entries()) former[k]?.replaceWith(element); // an open dialog stays
  await show();
}

/** Shows the page of the route. */
async function show() {
  const mine = ++opening;
  const { page } = context.route;
  const { load, styles = [] } = PAGES[page] ?? /** @type {never} */ ({});
  try {
    const [module] = await Promise.all([load(), ...styles.map(style)]);
    if (mine === opening) place(module);
  } catch (error) {
    if (mine !== opening) return;
    const why = error instanceof Error ? error.message : String(error);
    place({ open: () => ({ element: h("p", { class: "failure", role: "alert" }, context.words.common.pageFailed(why)), update() {}, close() {} }) });
  }
}

/** @param {{ open(context: Context): View }} module */
function place(module) {
  view?.close();
  view = null; // should the next one fail to open, the last is not drawn on
  const opened = module.open(context);
  view = opened;
  main.className = context.route.page;
  main.replaceChildren(opened.element);
  main.scrollTop = 0;
  top?.routed();
  bottom?.routed();
  const changes = { ...everything(feed.tables), full: true };
  top?.update(changes);
  bottom?.update(changes);
  opened.update(changes);
}

/** Loads a stylesheet once. @param {string} path below this module's folder */
function style(path) {
  const href = new URL(path, import.meta.url).href;
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  return new Promise((resolve) => {
    document.head.append(h("link", { rel: "stylesheet", href, onload: resolve, onerror: resolve }));
  });
}

async function login() {
  if (main.className === "login") return;
  main.className = "login";
  opening += 1;
  link.close();
  const [module, session] = await Promise.all([import("./views/login.js"), api.get("api/v1/session").catch(() => null)]);
  if (session?.language) keep("server-language", session.language);
  while (!(await dress())); // overtaken by the first dressing: the words are to be there
  view?.close();
  view = module.open(context);
  top = bottom = null;
  document.body.replaceChildren(main);
  main.replaceChildren(view.element);
}

async function lookForProblems() {
  if (document.visibilityState === "hidden" || main.className === "login" || context.route.page === "system") return;
  const system = await api.get("api/v1/system").catch(() => null);
  if (!system || context.route.page === "system") return;
  feed.tables.system = system;
  note({ system: true });
}

api.whenUnauthorized(() => void login());
window.addEventListener("hashchange", () => {
  const before = context.route;
  context.route = readRoute(location.hash);
  link.want(want(context.route));
  if (main.className === "login" || !context.words) return; // without words yet, the first page is the one asked for last
  if (view?.routed && before.page === context.route.page) view.routed(context.route);
  else void show().then(() => main.focus({ preventScroll: true }));
});
document.addEventListener("visibilitychange", () => {
  link.want(want(context.route));
  if (document.visibilityState === "visible") note({ ...everything(feed.tables), full: true });
});
for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
  matchMedia(query).addEventListener("change", () => void restyle());
}
setInterval(() => note({ tick: true }), 1000);
setInterval(() => void document.documentElement.classList.toggle("flash"), FLASH_MS);
setInterval(lookForProblems, SYSTEM_MS);
setTimeout(lookForProblems, 5000); // the first values come first

async function start() {
  // At the first visit the daemon's language and zone are unknown: its welcome is worth a moment, a page made twice is not.
  if (!setting("server-zone")) {
    await Promise.race([new Promise((resolve) => (greeted = () => resolve(null))), new Promise((resolve) => setTimeout(resolve, WELCOME_MS))]);
  }
  await restyle();
}

// Not awaited: a page's module waits for this one, which stands in the same file as what both use.
void start();
