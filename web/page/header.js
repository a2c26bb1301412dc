// What every page has at its head: the bar with pages, alarm counts, link, clock and user; title and favicon; new alarms
// in words for screen readers.
//
// Always: new alarms are announced at most once in 10 s, together. Never: a banner, which would push the rows of a page.

import { attribute, fill, h, text } from "./dom.js";
import { alarmIcon, priorityName, sign } from "./icons.js";
import { alarmPriority, countAlarms, countSilent, needsAcknowledgement } from "../data/state.js";

/** @typedef {import("../data/state.js").Priority} Priority */
/** @typedef {import("../app.js").Context} Context */

const ANNOUNCE_MS = 10_000;
const MARK_MS = 900; // between two changes of title and favicon, for each of which the browser draws its own frame: a tick, and no more
const PAGES = /** @type {const} */ (["fleet", "alarms", "devices", "system", "broker"]);

/**
 * @param {Context} context
 * @param {{ settings(): void, link: { isPolling(): boolean, state: { frameAge(): number, offsetKnown(): boolean } } }} actions
 */
export function header(context, { settings, link }) {
  const { words } = context;
  const w = words.common;
  const badge = h("span", { class: "counts" });
  const silent = h("span");
  const silence = h("span", { class: "silence", hidden: true }, sign("silent"), silent);
  const links = PAGES.map((page) => h("a", { href: `#/${page}`, "data-page": page }, w.pages[page], page === "alarms" && badge, page === "fleet" && silence));
  const live = h("span", { class: "live" });
  const clock = h("span", { class: "clock" });
  const [initials, named, plays] = [h("span", { class: "initials", "aria-hidden": "true" }), h("span", { class: "named" }), h("span", { class: "plays" })];
  const user = h("span", { class: "user" }, initials, named, plays);
  const gear = h("button", { type: "button", class: "quiet", "aria-label": w.settings, title: w.settings, onclick: settings }, sign("gear"));
  const skip = (/** @type {Event} */ event) => {
    event.preventDefault();
    document.querySelector("main")?.focus();
  };
  const bar = h(
    "header", null,
    h("a", { class: "skip", href: "#main", onclick: skip }, w.skip),
    h("a", { class: "brand", href: "#/fleet" }, "Vigie"),
    h("nav", { "aria-label": w.navigation }, links),
    h("div", { class: "right" }, live, clock, user, gear),
  );
  const urgent = h("div", { class: "unseen", role: "alert" });
  const element = h("div", { class: "top" }, bar, urgent);
  const announce = announcer(context, urgent);
  let waiting = 0; // unacknowledged alarms
  let gravest = /** @type {Priority} */ (0); // of them
  let marked = 0; // when title and favicon were last set

  function showLink() {
    const { link: state, format } = context.state;
    const now = state.now();
    const isLive = state.is === "live";
    text(live, isLive ? (link.isPolling() ? w.polling : `${w.live} · ${format.number(link.state.frameAge() / 1000, 1)}\u00a0s`) : w.stale);
    attribute(live, "title", isLive && link.isPolling() ? w.pollingHelp : null);
    live.classList.toggle("bad", !isLive);
    text(clock, link.state.offsetKnown() ? `${format.time(now)} ${format.zoneName(now)}` : "");
    document.documentElement.classList.toggle("dead", !isLive && link.state.offsetKnown());
  }

  function showAlarms() {
    const counts = countAlarms(context.state.alarms.values());
    const shown = /** @type {Priority[]} */ ([1, 2, 3, 4]).filter((p) => (counts.standing[p] ?? 0) > 0);
    const label = counts.waiting[0] ? w.unacknowledged(counts.waiting[0]) : w.noneUnacknowledged;
    const signs = shown.map((p) => {
      const waiting = counts.waiting[p] ?? 0;
      return h("span", { class: `count ${priorityName(p)}`, title: w.priorities[p] }, alarmIcon(p, { isHollow: waiting === 0, flashes: waiting > 0 }), `×${waiting || counts.standing[p]}`);
    });
    // Where there is room for the gravest alone, how many others there are.
    const of = counts.waiting[0] ? counts.waiting : counts.standing;
    const others = of[0] - (of[shown[0] ?? 0] ?? 0);
    if (others > 0) signs.push(h("span", { class: "others" }, `+${others}`));
    const look = JSON.stringify([counts.waiting, counts.standing]);
    if (badge.dataset["look"] !== look) fill(badge, signs, h("span", { class: "unseen" }, ` (${label})`));
    badge.dataset["look"] = look;
    waiting = counts.waiting[0];
    gravest = shown.find((p) => counts.waiting[p]) ?? 0;
    announce();
  }

  /** A sensor that says nothing raises no alarm of its own without a rule for it: it is said on every page. */
  function showSilence() {
    const { link: state, series } = context.state;
    const count = countSilent(series, state.now(), state.is !== "live").silent;
    silence.hidden = count === 0;
    text(silent, ` ${context.format.number(count)}`);
    attribute(silence, "title", words.fleet.silentOf(count));
  }

  function mark() {
    marked = Date.now();
    const page = w.pages[/** @type {keyof typeof w.pages} */ (context.route.page)] ?? "";
    const title = `${waiting ? `(${waiting}) ` : ""}${page ? `${page} · ` : ""}Vigie`;
    if (document.title !== title) document.title = title;
    favicon(waiting, gravest);
  }

  function showVersion() {
    const { version } = context.state.system ?? {};
    if (version) attribute(/** @type {Element} */ (bar.children[1]), "title", w.version(version));
  }

  function showUser() {
    const { welcome } = context;
    if (!welcome) return;
    const name = context.name();
    const role = welcome.open ? w.open : w.roles[welcome.role] ?? "";
    const whole = [name, role].filter(Boolean).join(" · ");
    text(initials, initialsOf(name ?? ""));
    text(named, name ?? "");
    text(plays, name ? ` · ${role}` : role);
    attribute(user, "title", welcome.open ? `${whole}\n${w.openHelp}` : whole);
  }

  return {
    element,
    /** @param {import("../data/feed.js").Changes} changes */
    update(changes) {
      if (changes.alarms) showAlarms();
      if (changes.system || changes.tick) showVersion();
      if (changes.tick) showUser();
      if (changes.tick || changes.full) showSilence();
      if ((changes.alarms || changes.tick) && Date.now() - marked >= MARK_MS) mark();
      showLink();
    },
    routed() {
      for (const a of links) attribute(a, "aria-current", isOf(a, context.route.page) ? "page" : null);
      showAlarms();
      mark();
      showVersion();
    },
  };
}

/** Two letters of a name: `anne.bo`: `AB`; `test`: `TE`. @param {string} name */
export function initialsOf(name) {
  const [first = "", last = ""] = name.split(/[^\p{L}\d]+/u).filter(Boolean);
  return (last ? [...first].slice(0, 1).concat([...last].slice(0, 1)) : [...first].slice(0, 2)).join("").toUpperCase();
}

/** @param {HTMLElement} link @param {string} page */
const isOf = (link, page) => link.dataset["page"] === (page === "sensor" ? "fleet" : page);

/** Speaks new unacknowledged alarms. @param {Context} context @param {Element} region */
function announcer({ state, words: { common } }, region) {
  /** @type {Map<string, string | null> | null} */
  let known = null;
  /** @type {import("../data/state.js").Alarm[]} */
  let fresh = [];
  let last = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  function speak() {
    timer = undefined;
    const [only] = fresh;
    if (!only) return;
    const gravest = Math.min(...fresh.map(alarmPriority));
    const priority = common.priorities[gravest] ?? "";
    text(region, fresh.length === 1 ? common.newAlarm(priority, only.rule, only.sensor_id, only.location) : common.newAlarms(fresh.length, priority));
    last = Date.now();
    fresh = [];
  }

  return () => {
    const now = new Map();
    for (const [key, alarm] of state.alarms) if (needsAcknowledgement(alarm)) now.set(key, alarm.id);
    for (const [key, id] of now) {
      const alarm = state.alarms.get(key);
      if (known && known.get(key) !== id && alarm) fresh.push(alarm);
    }
    fresh = fresh.slice(-1000); // what is counted, not listed: more would say no more
    known = now;
    if (fresh.length && timer === undefined) timer = setTimeout(speak, Math.max(0, last + ANNOUNCE_MS - Date.now()));
  };
}

let drawn = "";

/** The tab's icon: an eye, and over it how many alarms wait. @param {number} waiting @param {Priority} gravest */
function favicon(waiting, gravest) {
  const look = `${gravest} ${Math.min(waiting, 100)}`;
  const icon = document.querySelector("link[rel=icon]");
  if (look === drawn || !(icon instanceof HTMLLinkElement)) return;
  if (!drawn) icon.dataset["plain"] = icon.href;
  drawn = look;
  const colours = ["", "#b00020", "#9a4a00", "#6b5900", "#0b5e8a"];
  const label = waiting > 99 ? "99" : String(waiting);
  const picture =
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="6" fill="${colours[gravest]}"/>` +
    `<text x="16" y="23.500" font-family="sans-serif" font-weight="700" font-size="${label.length > 1 ? 20 : 24}" text-anchor="middle" fill="#fff">${label}</text></svg>`;
  icon.href = waiting ? `data:image/svg+xml,${encodeURIComponent(picture)}` : icon.dataset["plain"] ?? icon.href;
}
