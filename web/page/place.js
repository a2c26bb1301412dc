// What a scroller shows keeps its place on the screen while there comes to be less to scroll: a banner at the foot goes,
// the text below a list grows shorter.
//
// A browser scrolls back from an end that is no more, and every row moves. Room at the end (`--room`) keeps the end where
// it was, until it is scrolled out of sight. Never: room that nobody was scrolled to.

/** @type {WeakMap<HTMLElement, number>} pixels of room, by scroller */
const rooms = new WeakMap();

/**
 * @param {HTMLElement | null} scroller @param {() => void} change of what is in or around it, none of it above what is seen
 */
export function keepPlace(scroller, change) {
  const top = scroller?.scrollTop ?? 0;
  change();
  if (!scroller) return;
  const missing = top - scroller.scrollTop; // reading it has the browser lay out the page
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
