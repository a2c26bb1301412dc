// The banners at the foot of the window: a dead link to the daemon, and problems of Vigie itself.
//
// Always: a dead link has a banner within 5 s; banners shorten the scroller at its end, so no row changes its place.
// Never: an overlay; the page ends where a banner begins.

import { attribute, h, text } from "./dom.js";
import { keepPlace } from "./place.js";

/** @typedef {import("../app.js").Context} Context */

const QUIET_MS = 5000; // grace period of the first connection

/**
 * @param {Context} context
 * @param {{ retry(): void, link: { state: { offsetKnown(): boolean } }, main: HTMLElement }} given `main`: the scroller above it
 */
export function foot(context, { retry, link, main }) {
  const w = context.words.common;
  const lost = h("section", { class: "banner lost", hidden: true, "aria-label": w.stale }, h("strong", { role: "alert" }), h("button", { type: "button", onclick: retry }, w.retry));
  const wrong = h("section", { class: "banner wrong", hidden: true, "aria-label": w.pages.system }, h("span", { role: "status" }), h("a", { href: "#/system" }, w.see));
  const polite = h("div", { class: "unseen", role: "status" });
  const element = h("div", { class: "bottom" }, wrong, lost, polite);
  const sentence = /** @type {Element} */ (lost.firstElementChild);
  let wasLive = true;

  /** To be called before the text changes, as the text changes the height too. @param {HTMLElement} banner @param {boolean} isHidden */
  function hide(banner, isHidden) {
    if (banner.hidden !== isHidden) keepPlace(main, () => void (banner.hidden = isHidden));
  }

  function showLink() {
    const { link: state, format } = context.state;
    const [now, since] = [state.now(), state.since];
    const isLive = state.is === "live";
    const isKnown = link.state.offsetKnown();
    const isHidden = isLive || (!isKnown && now - since < QUIET_MS);
    const said = !isKnown ? w.never : (state.is === "stale" ? w.silentLink : w.lost)(format.time(since), format.age(now - since));
    hide(lost, isHidden);
    if (isHidden) text(sentence, "");
    // Its age is counted on without being read out at each second: screen readers hear the beginning.
    else if (wasLive || sentence.textContent === "") text(sentence, said);
    else {
      attribute(sentence, "role", null);
      text(sentence, said);
    }
    if (isLive && !wasLive) {
      attribute(sentence, "role", "alert");
      text(polite, w.back);
    }
    wasLive = isLive;
  }

  function showSystem() {
    const { problems = [] } = context.state.system ?? {};
    const isHidden = problems.length === 0 || context.route.page === "system";
    hide(wrong, isHidden);
    text(/** @type {Element} */ (wrong.firstElementChild), isHidden ? "" : w.problems(problems.length, problems[0]?.what ?? ""));
  }

  return {
    element,
    /** @param {import("../data/feed.js").Changes} changes */
    update(changes) {
      if (changes.system || changes.tick) showSystem();
      showLink();
    },
    routed: showSystem,
  };
}
