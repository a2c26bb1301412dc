// The value axis of a chart: which range it shows, where its ticks stand, and with how many decimals.
//
// Always: the range holds all it is given, its ends are ticks, and it is the same for values that move a little.
// Never: reads the page.

/**
 * @typedef {{ min: number, max: number, step: number, digits: number, ticks: number[] }} Scale `digits`: decimals that
 *   the labels need.
 */

/** Of the smallest range that is worth drawing, in parts of the value: noise of the last digit stays a flat line. */
const FLATTEST = 1e-9;

/**
 * @param {number} low @param {number} high Values that must be within; any two numbers.
 * @param {number} room Number of labels that fit, at least 2. @returns {Scale}
 */
export function scale(low, high, room) {
  let [min, max] = low <= high ? [low, high] : [high, low];
  const least = Math.max(Math.abs(min), Math.abs(max)) * FLATTEST;
  if (max - min <= least) {
    const half = Math.max(Math.abs(min) * 0.02, 0.5);
    [min, max] = [min - half, max + half];
  }
  const step = niceStep((max - min) / Math.max(1, room - 1));
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const [first, last] = [Math.floor(min / step + 1e-9), Math.ceil(max / step - 1e-9)];
  // Ticks by multiplication: adding up would give 0.30000000000000004.
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toFixed(digits)));
  return { min: ticks[0] ?? min, max: ticks.at(-1) ?? max, step, digits, ticks };
}

/** The next 1, 2 or 5 times a power of ten. @param {number} wanted @returns {number} */
function niceStep(wanted) {
  const power = 10 ** Math.floor(Math.log10(wanted));
  const factor = [1, 2, 5, 10].find((nice) => nice * power >= wanted * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/**
 * The range of what is drawn: the buckets of a span, and limits unless those would press the values flat.
 * @param {{ t0: number, step: number, min: (number|null)[], max: (number|null)[] }} history
 * @param {number} first @param {number} end Indexes of the buckets.
 * @param {number[]} limits @returns {[low: number, high: number]|null} `null` where there is nothing to draw.
 */
export function range({ min, max }, first, end, limits) {
  let [low, high] = [Infinity, -Infinity];
  for (let i = first; i < end; i += 1) {
    const [lowest, highest] = [min[i], max[i]];
    if (typeof lowest !== "number" || typeof highest !== "number") continue;
    if (lowest < low) low = lowest;
    if (highest > high) high = highest;
  }
  for (const limit of limits) [low, high] = [Math.min(low, limit), Math.max(high, limit)];
  return low <= high ? [low, high] : null;
}

/**
 * Decimals with which readings of a range are told: three digits of what differs, as a mean has many more.
 * @param {number} low @param {number} high @returns {number}
 */
export function decimals(low, high) {
  const size = Math.max(high - low, Math.max(Math.abs(low), Math.abs(high)) * 1e-3, 1e-9);
  return Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(size))));
}
