// What a chart shows of time: zoom, pan, the way back, and going on with the clock.
//
// Always: a viewport is a value; each function gives a new one. Its ends are whole milliseconds, 10 s to 20 years apart,
// and end at `now` at the latest, where it goes on with the clock (`live`).
// Never: reads a clock or the page.

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Spans that are offered by name. */
export const PRESETS = Object.freeze({ "5m": 5 * MINUTE, "1h": HOUR, "1d": DAY, "1w": 7 * DAY, "1m": 30 * DAY, "1y": 365 * DAY });

const SHORTEST = 10_000;
const LONGEST = 20 * 365 * DAY;

/** Steps back that are kept: more than anybody counts, and small. */
const MAX_BACK = 50;

/** Share of a span within which its end sticks to the present. */
const STICKY = 0.02;

/**
 * @typedef {{ from: number, to: number, live: boolean }} Shown
 * @typedef {Shown & { back: Shown[] }} Viewport
 */

/**
 * A viewport that ends now and goes on.
 * @param {number} length @param {number} now @returns {Viewport}
 */
export function ending(length, now) {
  return { ...fit(now - length, now, now), back: [] };
}

/** @param {number} from @param {number} to @param {number} now @returns {Viewport} */
export function between(from, to, now) {
  return { ...fit(from, to, now), back: [] };
}

/** Moves both ends into bounds, keeping the length where it can be kept.
 * @param {number} from @param {number} to @param {number} now @returns {Shown} */
function fit(from, to, now) {
  const length = Math.round(Math.min(LONGEST, Math.max(SHORTEST, to - from)));
  const middle = (from + to) / 2;
  const end = Math.round(Math.min(now, middle + length / 2));
  const live = now - end <= length * STICKY;
  const last = live ? Math.round(now) : end;
  return { from: last - length, to: last, live };
}

/**
 * The same, with what is shown put down to be gone back to: before a change, or once before a gesture's many.
 * @param {Viewport} viewport @returns {Viewport}
 */
export function mark({ from, to, live, back }) {
  return { from, to, live, back: [...back, { from, to, live }].slice(-MAX_BACK) };
}

/** Shows another span; the present one can be gone back to.
 * @param {Viewport} viewport @param {number} from @param {number} to @param {number} now @returns {Viewport} */
export function show(viewport, from, to, now) {
  const [a, b] = from <= to ? [from, to] : [to, from];
  return { ...fit(a, b, now), back: mark(viewport).back };
}

/** Shows the newest so many milliseconds.
 * @param {Viewport} viewport @param {number} length @param {number} now @returns {Viewport} */
export function latest(viewport, length, now) {
  return { ...fit(now - length, now, now), back: mark(viewport).back };
}

/**
 * Zooms about an instant, which keeps its place; a live end stays where it is.
 * @param {Viewport} viewport @param {number} about @param {number} factor Below 1: closer. @param {number} now
 * @returns {Viewport}
 */
export function zoom(viewport, about, factor, now) {
  const { from, to, live, back } = viewport;
  const length = Math.min(LONGEST, Math.max(SHORTEST, (to - from) * factor));
  const share = live && to - about < (to - from) * 0.1 ? 1 : (about - from) / (to - from);
  const start = (share === 1 ? to : about) - length * share;
  return { ...fit(start, start + length, now), back };
}

/**
 * @param {Viewport} viewport @param {number} by Milliseconds, positive into the future. @param {number} now
 * @returns {Viewport}
 */
export function pan({ from, to, back }, by, now) {
  return { ...fit(from + by, to + by, now), back };
}

/** Fits two instants to two places at once: both fingers of a pinch keep what they hold.
 * @param {Viewport} viewport
 * @param {[[held: number, share: number], [held: number, share: number]]} fingers Instant held and place now, as a share of the width.
 * @param {number} now @returns {Viewport} */
export function pinch(viewport, fingers, now) {
  const [[a, x], [b, y]] = fingers;
  if (Math.abs(y - x) < 0.01 || a === b) return viewport;
  const length = Math.min(LONGEST, Math.max(SHORTEST, Math.abs((b - a) / (y - x))));
  const from = (a + b) / 2 - ((x + y) / 2) * length;
  return { ...fit(from, from + length, now), back: viewport.back };
}

/** The span before the last change; the viewport itself where there is none.
 * @param {Viewport} viewport @param {number} now @returns {Viewport} */
export function back(viewport, now) {
  const others = viewport.back.filter(({ from, to }) => from !== viewport.from || to !== viewport.to);
  const last = others.at(-1);
  if (!last) return { ...viewport, back: [] };
  const length = last.to - last.from;
  const shown = last.live ? fit(now - length, now, now) : last;
  return { ...shown, back: others.slice(0, -1) };
}

/** Goes on with the clock where it is live.
 * @param {Viewport} viewport @param {number} now @returns {Viewport} */
export function follow(viewport, now) {
  if (!viewport.live) return viewport;
  const length = viewport.to - viewport.from;
  return { ...viewport, from: Math.round(now) - length, to: Math.round(now) };
}

/** Lets go of the clock, or takes it up again at the same length.
 * @param {Viewport} viewport @param {boolean} live @param {number} now @returns {Viewport} */
export function pin(viewport, live, now) {
  return live ? latest(viewport, viewport.to - viewport.from, now) : { ...viewport, live: false };
}

/**
 * A live span without most of the time before its first reading: a sensor that is minutes old fills its chart.
 * @param {Viewport} viewport @param {number} first When the first reading of the span was. @param {number} now
 * @returns {Viewport}
 */
export function trimmed(viewport, first, now) {
  const { from, to, live, back } = viewport;
  if (!live || first < from + (to - from) / 4) return viewport;
  return { ...fit(now - Math.max(5 * MINUTE, (now - first) * 1.1), now, now), back };
}

/**
 * What an address asks for.
 * @param {{ get(name: string): string|null }} query @param {number} now @returns {Viewport}
 */
export function fromQuery(query, now) {
  // A link from an alarm has milliseconds since 1970; what a person writes has a date.
  const time = (/** @type {string} */ name) => {
    const text = query.get(name) ?? "";
    return /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  };
  const [from, to, at] = [time("from"), time("to"), time("at")];
  if (to > from) return between(from, to, now);
  if (at > 0) return between(at - 3 * HOUR, at + 3 * HOUR, now);
  const span = query.get("span") ?? "";
  if (/^\d+s$/.test(span)) return ending(Number.parseInt(span, 10) * 1000, now);
  return ending(PRESETS[/** @type {keyof typeof PRESETS} */ (span)] ?? HOUR, now);
}

/** The address of a viewport: a live one by its length, any other by its ends in UTC.
 * @param {Viewport} viewport @returns {string} */
export function toQuery({ from, to, live }) {
  if (live) return `span=${presetOf({ from, to }) ?? `${Math.round((to - from) / 1000)}s`}`;
  return `from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`;
}

/** @param {{ from: number, to: number }} shown @returns {keyof typeof PRESETS|null} */
export function presetOf({ from, to }) {
  const found = Object.entries(PRESETS).find(([, length]) => Math.abs(to - from - length) < length * 0.005);
  return found ? /** @type {keyof typeof PRESETS} */ (found[0]) : null;
}
