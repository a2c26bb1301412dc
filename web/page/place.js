// Scroll anchoring at the end of a scroller, where browsers have none.
//
// When a scroller grows or its content shrinks, the browser clamps the scroll position and every row moves. Padding at the
// end (`--room`) prevents the clamp; it is removed once it is scrolled out of view.
// Always: synchronous, before the next paint. Never: padding without a clamp to prevent.

/** @type {WeakMap<HTMLElement, number>} Padding in pixels, by scroller. */
const rooms = new WeakMap();

/**
 * Applies a change of layout without moving the content in view.
 * @param {HTMLElement | null} scroller @param {() => void} change Of the scroller's height, or of content below the view.
 */
export function keepPlace(scroller, change) {
  const top = scroller?.scrollTop ?? 0;
  change();
  if (!scroller) return;
  const missing = top - scroller.scrollTop; // forces layout, and with it the clamp
  if (missing <= 0) return;
  if (!rooms.has(scroller)) scroller.addEventListener("scroll", () => giveBack(scroller), { passive: true });
  setRoom(scroller, (rooms.get(scroller) ?? 0) + missing);
  scroller.scrollTop = top;
}

/** @param {HTMLElement} scroller */
function giveBack(scroller) {
  const room = rooms.get(scroller) ?? 0;
  const below = scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop;
  if (room > 0 && below >= room) setRoom(scroller, 0);
}

/** @param {HTMLElement} scroller @param {number} room */
function setRoom(scroller, room) {
  rooms.set(scroller, room);
  scroller.style.setProperty("--room", `${room}px`);
}
