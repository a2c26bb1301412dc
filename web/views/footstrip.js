// The strip at the foot of a list: outcomes, actions on a selection. It stays at the foot of the window while rows scroll.
//
// Always: its height is the scroller's `scroll-padding`, so that a row with the keyboard's focus is clear of it; it is below
// the rows in the page, so that the last row can be scrolled clear of it. Never: moves a row under a pointer.

import { h } from "../dom.js";

/** @param {...HTMLElement} parts from top to bottom */
export function footStrip(...parts) {
  const stack = h("div", { class: "stack" }, parts);
  const element = h("div", { class: "strip" }, stack);
  const pad = () => {
    element.closest("main")?.style.setProperty("scroll-padding-bottom", `${stack.offsetHeight}px`);
    const focused = document.activeElement;
    if (focused?.matches(":focus-visible")) focused.closest(".slot")?.scrollIntoView({ block: "nearest" });
  };
  const observer = new ResizeObserver(pad);
  observer.observe(stack);
  return {
    element,
    close() {
      observer.disconnect();
      element.closest("main")?.style.removeProperty("scroll-padding-bottom");
    },
  };
}
