// What somebody chooses for this browser: language, appearance, zone, name; kept here, never sent.
//
// Always: a broken or forbidden store is the same as an empty one.

import { h } from "./dom.js";
import { remove } from "../data/api.js";
import { LANGUAGES } from "../words.js";

/** @typedef {"language" | "theme" | "zone" | "name" | "server-language" | "server-zone"} Key `server-…`: as the daemon
 *   last had them, for the moment until it is heard again */

/** @param {Key} key */
export function setting(key) {
  try {
    return localStorage.getItem(`vigie.${key}`);
  } catch {
    return null;
  }
}

/** @param {Key} key @param {string | null} value */
export function keep(key, value) {
  try {
    if (value === null || value === "") localStorage.removeItem(`vigie.${key}`);
    else localStorage.setItem(`vigie.${key}`, value);
  } catch {
    // A browser that keeps nothing forgets it with the tab.
  }
}

/** Zone of this browser. */
export const browserZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/**
 * The dialog of all choices; each holds at once.
 * @param {{ words: import("../words.js").Words, welcome: import("../data/feed.js").Welcome | null }} context
 * @param {() => Promise<void>} changed makes the page anew
 */
export function openSettings(context, changed) {
  const { words, welcome } = context;
  const w = words.common;
  /** @param {Key} key @param {string} label @param {[string, string][]} options @param {string} usual */
  const choice = (key, label, options, usual) => {
    const select = h(
      "select", { onchange: () => void choose(key, select.value === usual ? null : select.value) },
      options.map(([value, name]) => h("option", { value, selected: value === (setting(key) ?? usual) }, name)),
    );
    return h("label", null, h("span", null, label), select);
  };
  /** @param {Key} key @param {string | null} value */
  const choose = async (key, value) => {
    keep(key, value);
    await changed();
    if (key !== "language") return;
    dialog.close(); // its own words are of the other language
    openSettings(context, changed);
  };
  const language = welcome?.language ?? document.documentElement.lang;
  const languages = LANGUAGES.map((code) => /** @type {[string, string]} */ ([code, w.languages[code]]));
  const themes = /** @type {const} */ (["auto", "light", "dark"]).map((name) => /** @type {[string, string]} */ ([name, w.themes[name]]));
  /** @type {[string, string][]} */
  const zones = [["plant", w.zones.plant(welcome?.zone ?? "UTC")], ["browser", w.zones.browser(browserZone())], ["utc", w.zones.utc]];
  const name = h("input", { type: "text", maxLength: 60, autocomplete: "off", value: setting("name") ?? "", onchange: () => void choose("name", name.value.trim()) });
  const logOut = async () => {
    await remove("api/v1/session").catch(() => null);
    location.reload();
  };
  const dialog = h(
    "dialog", { class: "settings", "aria-labelledby": "settings-title", onclose: () => dialog.remove() },
    h("form", { method: "dialog" },
      h("h2", { id: "settings-title" }, w.settings),
      choice("language", w.language, languages, language),
      choice("theme", w.theme, themes, "auto"),
      choice("zone", w.zone, zones, "plant"),
      welcome?.open && h("label", null, h("span", null, w.yourName), name, h("small", null, w.yourNameHelp)),
      h("div", { class: "buttons" },
        welcome?.user && h("button", { type: "button", onclick: logOut }, w.logOut),
        h("button", { value: "close" }, w.close))),
  );
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * Who acts: the one who is logged in, or the name given once; asked for if there is none. Null: nobody said.
 * @param {{ words: import("../words.js").Words, welcome: import("../data/feed.js").Welcome | null }} context
 * @returns {Promise<string | null>}
 */
export function whoActs({ words, welcome }) {
  const known = welcome?.user ?? setting("name");
  if (known) return Promise.resolve(known);
  const w = words.common;
  const input = h("input", { type: "text", required: true, maxLength: 60, autocomplete: "name", name: "name" });
  return new Promise((resolve) => {
    const closed = () => {
      const name = dialog.returnValue === "save" ? input.value.trim() : "";
      if (name) keep("name", name);
      dialog.remove();
      resolve(name || null);
    };
    const dialog = h(
      "dialog", { "aria-labelledby": "who-title", onclose: closed },
      h("form", { method: "dialog" },
        h("h2", { id: "who-title" }, w.askName),
        h("p", null, w.askNameWhy),
        h("label", null, h("span", null, w.yourName), input),
        h("div", { class: "buttons" },
          h("button", { type: "button", onclick: () => dialog.close("") }, w.cancel),
          h("button", { value: "save", class: "main" }, w.save))),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
