// History of one series in buckets: the API's answer, the live tail after it, statistics, gaps, a table, CSV.
//
// Always: buckets have one width and stand in order; merging buckets gives the smallest of the smallest, the greatest of
// the greatest and the mean weighted by count. Times are milliseconds since 1970.
// Never: reads a clock or the page, or changes what it was given.

import { csvOf, safe } from "../page/csv.js";
import { rfc3339 } from "../chart/ticks.js";

/** What a live view may add to an answer before it is asked for again; the answer itself has at most 2,000 buckets. */
const MAX_ADDED = 2000;

/** A bucket with fewer readings than this part of the usual number counts as incomplete. */
const INCOMPLETE = 0.5;

/**
 * @typedef {object} History
 * @property {number} t0 Start of the first bucket.
 * @property {number} step Width of a bucket in milliseconds.
 * @property {(number|null)[]} min @property {(number|null)[]} max @property {(number|null)[]} mean
 * @property {number[]} n Readings in each bucket.
 *
 * @typedef {{ t0: number, step: number, min: (number|null)[], max: (number|null)[], mean: (number|null)[], n: number[] }} Answer
 *   What `GET api/v1/readings` gives; its step is in seconds.
 * @typedef {{ at: number, min: number|null, max: number|null, mean: number|null, n: number }} Bucket
 * @typedef {{ from: number, to: number }} Span
 */

/** @param {Answer} answer @returns {History} */
export function fromAnswer(answer) {
  const { t0, step, min, max, mean, n } = answer;
  return { t0, step: step * 1000, min, max, mean, n };
}

/** @param {{ n: number[] }} history @param {number} i @returns {number} */
const countOf = ({ n }, i) => n[i] ?? 0;

/** @param {History} history @param {number} i @returns {Bucket} */
export function bucket(history, i) {
  return {
    at: history.t0 + i * history.step,
    min: history.min[i] ?? null,
    max: history.max[i] ?? null,
    mean: history.mean[i] ?? null,
    n: countOf(history, i),
  };
}

/**
 * One bucket of several; its time is the first one's.
 * @param {Bucket[]} buckets One at least. @returns {Bucket}
 */
export function merge(buckets) {
  /** @type {Bucket} */
  const all = { at: buckets[0]?.at ?? 0, min: null, max: null, mean: null, n: 0 };
  for (const { min, max, mean, n } of buckets) {
    if (n === 0 || min === null || max === null || mean === null) continue;
    all.min = all.min === null ? min : Math.min(all.min, min);
    all.max = all.max === null ? max : Math.max(all.max, max);
    all.n += n;
    // The mean so far moves by its share: exact for one bucket, and no sum that grows over a year.
    all.mean = all.mean === null ? mean : all.mean + ((mean - all.mean) * n) / all.n;
  }
  return all;
}

/**
 * The history with live readings added, and empty buckets up to a time. The feed leaves out readings that another
 * overtook, so counts of added buckets are lower bounds until the history is asked for again.
 * @param {History} base @param {[at: number, value: number][]} tail In any order. @param {number} until @returns {History}
 */
export function withTail(base, tail, until) {
  const size = base.n.length;
  const end = Math.min(size + MAX_ADDED, Math.ceil((until - base.t0) / base.step));
  const added = Math.max(0, end - size);
  if (added === 0 && tail.length === 0) return base;
  const nulls = () => /** @type {(number|null)[]} */ (new Array(added).fill(null));
  const merged = {
    ...base,
    min: [...base.min, ...nulls()],
    max: [...base.max, ...nulls()],
    mean: [...base.mean, ...nulls()],
    n: [...base.n, ...new Array(added).fill(0)],
  };
  for (const [at, value] of tail) {
    const i = Math.floor((at - base.t0) / base.step);
    if (i < 0 || i >= merged.n.length) continue;
    const { min, max, mean, n } = merge([bucket(merged, i), { at, min: value, max: value, mean: value, n: 1 }]);
    [merged.min[i], merged.max[i], merged.mean[i], merged.n[i]] = [min, max, mean, n];
  }
  return merged;
}

/**
 * Whether a history reaches over a span, but for a bucket at its edges: figures of less would pass for figures of it.
 * @param {History} history @param {Span} span @param {number} now @returns {boolean}
 */
export function covers({ t0, step, n }, { from, to }, now) {
  return t0 <= from + step && t0 + n.length * step >= Math.min(to, now) - step;
}

/**
 * Indexes of the buckets that overlap a span: from the first to before the last.
 * @param {History} history @param {Span} span @returns {[first: number, end: number]}
 */
export function within(history, { from, to }) {
  const { t0, step, n } = history;
  const first = Math.min(n.length, Math.max(0, Math.floor((from - t0) / step)));
  return [first, Math.min(n.length, Math.max(first, Math.ceil((to - t0) / step)))];
}

/**
 * The longest silence that is none: where buckets are narrower than the readings' interval, some of them are empty.
 * @param {History} history @param {number} first @param {number} end @param {number|null} every Smoothed interval, ms.
 * @returns {number} In milliseconds.
 */
function patience(history, first, end, every) {
  const { step } = history;
  const distances = [];
  let previous = -1;
  let readings = 0;
  for (let i = first; i < end; i += 1) {
    const n = countOf(history, i);
    if (n === 0) continue;
    if (previous >= 0) distances.push(i - previous);
    previous = i;
    readings += n;
  }
  const filled = distances.length + 1;
  // Without a known interval: the usual distance of filled buckets, shared by the readings in one.
  const interval = every ?? (readings > 0 ? (step * (median(distances) || 1) * filled) / readings : step);
  return Math.max(3 * interval + 10_000, 1.5 * step);
}

/** @param {number[]} numbers @returns {number} 0 of none. */
function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

/**
 * Times without readings within a span, in order: `none` where nothing was heard for longer than a few intervals,
 * `few` where a bucket has under half of the usual number of readings.
 * @param {History} history @param {Span} span
 * @param {{ every: number|null, now: number }} options `every`: interval of the readings in ms. After `now`: no gap.
 * @returns {{ from: number, to: number, kind: "none"|"few", missing: number }[]} `missing`: milliseconds unheard.
 */
export function gaps(history, span, { every, now }) {
  const { t0, step, n } = history;
  const [first, end] = within(history, span);
  const allowed = patience(history, first, end, every);
  const usual = usualCount(n.slice(first, end));
  const last = Math.min(span.to, now);
  const found = [];
  for (let i = first; i < end; i += 1) {
    const start = i;
    while (i < end && n[i] === 0) i += 1;
    const [from, to] = [Math.max(span.from, t0 + start * step), Math.min(last, t0 + i * step)];
    if (to - from > allowed) found.push({ from, to, kind: /** @type {const} */ ("none"), missing: to - from });
    // The outermost buckets may lie only partly within the span, or go on.
    const isWhole = i > first && i < end - 1;
    if (isWhole && countOf(history, i) < usual * INCOMPLETE) {
      const missing = step * (1 - countOf(history, i) / usual);
      found.push({ from: t0 + i * step, to: t0 + (i + 1) * step, kind: /** @type {const} */ ("few"), missing });
    }
  }
  return found;
}

/** The usual count of a bucket with readings; 0 where it is too small to say that one has few.
 * @param {number[]} n @returns {number} */
function usualCount(n) {
  const usual = median(n.filter((count) => count > 0));
  return usual >= 4 ? usual : 0;
}

/**
 * Statistics of a span; the mean is that of the readings, not of the buckets.
 * @param {History} history @param {Span} span @param {{ every: number|null, now: number }} options
 * @returns {{ min: number|null, max: number|null, mean: number|null, n: number, missing: number }}
 */
export function statistics(history, span, options) {
  const [first, end] = within(history, span);
  if (end === first) return { min: null, max: null, mean: null, n: 0, missing: 0 };
  const buckets = Array.from({ length: end - first }, (_, i) => bucket(history, first + i));
  const { min, max, mean, n } = merge(buckets);
  const missing = gaps(history, span, options).reduce((sum, gap) => sum + gap.missing, 0);
  return { min, max, mean, n, missing };
}

/**
 * The bucket with readings that is nearest to a time.
 * @param {History} history @param {number} at @param {Span} span Where to look. @returns {number} Index; -1: none.
 */
export function nearest(history, at, span) {
  const [first, end] = within(history, span);
  const middle = Math.floor((at - history.t0) / history.step);
  for (let distance = 0; distance <= end - first + Math.abs(middle - first); distance += 1) {
    for (const i of [middle - distance, middle + distance]) {
      if (i >= first && i < end && countOf(history, i) > 0) return i;
    }
  }
  return -1;
}

/**
 * The next bucket with readings in a direction, or the same one at the end.
 * @param {History} history @param {number} i @param {number} by Number of filled buckets, negative to the left.
 * @param {Span} span @returns {number}
 */
export function neighbour(history, i, by, span) {
  const [first, end] = within(history, span);
  let found = i;
  for (let left = Math.abs(by), k = i + Math.sign(by); left > 0 && k >= first && k < end; k += Math.sign(by)) {
    if (countOf(history, k) === 0) continue;
    found = k;
    left -= 1;
  }
  return found;
}

/**
 * The span in at most so many rows, for who can't see the chart.
 * @param {History} history @param {Span} span @param {number} rows @returns {Bucket[]}
 */
export function table(history, span, rows) {
  const [first, end] = within(history, span);
  const size = Math.max(1, Math.ceil((end - first) / rows));
  const found = [];
  for (let i = first; i < end; i += size) {
    const length = Math.min(size, end - i);
    found.push(merge(Array.from({ length }, (_, k) => bucket(history, i + k))));
  }
  return found;
}

/**
 * Slope of the newest readings where it stands out from their scatter.
 * @param {[at: number, value: number][]} points @returns {number|null} Change a minute; `null`: steady or unknown.
 */
export function trend(points) {
  const size = points.length;
  if (size < 4) return null;
  const start = points[0]?.[0] ?? 0;
  const x = points.map(([at]) => (at - start) / 60_000);
  const y = points.map(([, value]) => value);
  const mean = (/** @type {number[]} */ all) => all.reduce((sum, one) => sum + one, 0) / size;
  const [mx, my] = [mean(x), mean(y)];
  const sxx = x.reduce((sum, xi) => sum + (xi - mx) ** 2, 0);
  if (sxx === 0) return null;
  const slope = x.reduce((sum, xi, i) => sum + (xi - mx) * ((y[i] ?? my) - my), 0) / sxx;
  const rest = y.reduce((sum, yi, i) => sum + (yi - my - slope * ((x[i] ?? mx) - mx)) ** 2, 0);
  const error = Math.sqrt(rest / (size - 2) / sxx);
  return Math.abs(slope) > 3 * error && slope !== 0 ? slope : null;
}

/**
 * The span as CSV (RFC 4180): a row a bucket, empty ones too; times with the zone's offset, numbers with a point.
 * @param {History} history @param {Span} span
 * @param {{ zone: string, unit: string, header: [time: string, min: string, mean: string, max: string, n: string] }} options
 *   `unit`: its symbol, named in the header of each value.
 * @returns {string}
 */
export function csv(history, span, { zone, unit, header }) {
  const [time, min, mean, max, n] = header;
  const named = (/** @type {string} */ name) => safe(unit ? `${name} (${unit})` : name);
  const rows = [[time, named(min), named(mean), named(max), n]];
  const [first, end] = within(history, span);
  for (let i = first; i < end; i += 1) {
    const { at, ...of } = bucket(history, i);
    const value = (/** @type {number|null} */ number) => (number === null ? "" : String(number));
    rows.push([rfc3339(at, zone), value(of.min), value(of.mean === null ? null : Number(of.mean.toPrecision(12))), value(of.max), String(of.n)]);
  }
  return csvOf(rows);
}
