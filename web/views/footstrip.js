// The strip at the foot of a list: outcomes, actions on a selection, a flood. Sticky: it overlays the foot of the window.
//
// Always: its height is the scroller's `scroll-padding`, so a row with the keyboard's focus is not covered; it follows the
// rows in the layout, so the last row can be scrolled clear of it; its height in the layout never shrinks, which would
// clamp the scroll position. Never: moves a row under a pointer.

import { h } from "../page/dom.js";

/** @param {...HTMLElement} parts From top to bottom. */
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
    /** Forgets the greatest height: another list is shown. */
    reset: () => void (room = 0),
    close() {
      observer.disconnect();
      element.closest("main")?.style.removeProperty("scroll-padding-bottom");
    },
  };
}
