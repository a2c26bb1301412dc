// The catalogues of words: what people read on the pages, in French and in English.
//
// Always: both languages have the same keys, which a test compares. Never: a word for people outside a catalogue.

/** @typedef {typeof import("./words/en.js").default} Words */

/** Languages there are. */
export const LANGUAGES = /** @type {const} */ (["fr", "en"]);

/**
 * The catalogue of a language: English where there is none. Fetched when it is asked for, so a page loads one.
 * @param {string} language @returns {Promise<Words>}
 */
export async function words(language) {
  return language === "fr" ? (await import("./words/fr.js")).default : (await import("./words/en.js")).default;
}
