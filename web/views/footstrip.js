// The strip at the foot of a list: outcomes, actions on a selection, a flood. It stays at the foot of the window while rows
// scroll.
//
// Always: its height is the scroller's `scroll-padding`, so that a row with the keyboard's focus is clear of it; it is below
// the rows in the page, so that the last row can be scrolled clear of it; there it keeps the most room it had, as a browser
// scrolls back from an end that is no more. Never: moves a row under a pointer.

import { h } from "../page/dom.js";

/** @param {...HTMLElement} parts from top to bottom */
export function footStrip(...parts) {
  const stack = h("div", { class: "stack" }, parts);
  const element = h("div", { class: "strip" }, stack);
  let room = 0;
  const pad = () => {
    room = Math.max(room, stack.offsetHeight);
    element.style.minHeight = room > 0 ? `max(${room}px, var(--strip, 0px))` : "";
    element.closest("main")?.style.setProperty("scroll-padding-bottom", `${stack.offsetHeight}px`);
    const focused = document.activeElement;
    if (focused?.matches(":focus-visible")) focused.closest(".slot")?.scrollIntoView({ block: "nearest" });
  };
  const observer = new ResizeObserver(pad);
  observer.observe(stack);
  return {
    element,
    /** Another list: its end is where it is. */
    reset: () => void (room = 0),
    close() {
      observer.disconnect();
      element.closest("main")?.style.removeProperty("scroll-padding-bottom");
    },
  };
}
