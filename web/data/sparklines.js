// The last hour of the series in view: fetched once, then continued from the live feed.
//
// Always: bounded; one request in flight; only what is in view is asked for. Never: draws (`gauge.js` does).

/** @typedef {{ t0: number, step: number, min: (number | null)[], max: (number | null)[], mean: (number | null)[], count: number }} Hour
 *   60 buckets of `step` seconds from `t0` ms; the last one runs, with about `count` readings in it */

export const BUCKETS = 60; // of an hour
const KEPT = 600; // series: some screens of rows
const AT_ONCE = 200; // series a request, as the API allows
const WAIT_MS = 120; // for the scrolling to rest
const FAILED_MS = 10_000;

/**
 * Continues an hour by a reading. @param {Hour} hour @param {number} at ms @param {number} value
 */
export function append(hour, at, value) {
  let k = Math.floor((at - hour.t0) / (hour.step * 1000));
  if (k < 0) return;
  if (k >= BUCKETS) {
    const by = k - BUCKETS + 1;
    for (const column of [hour.min, hour.max, hour.mean]) {
      column.splice(0, by);
      while (column.length < BUCKETS) column.push(null);
    }
    hour.t0 += by * hour.step * 1000;
    hour.count = 0;
    k = BUCKETS - 1;
  }
  const [least, most, mean] = [hour.min[k] ?? value, hour.max[k] ?? value, hour.mean[k] ?? value];
  const isLast = k === BUCKETS - 1;
  const weight = isLast ? hour.count + 1 : 2; // a late reading moves its bucket's mean little
  hour.min[k] = Math.min(least, value);
  hour.max[k] = Math.max(most, value);
  hour.mean[k] = mean + (value - mean) / weight;
  if (isLast) hour.count += 1;
}

/** Lowest and highest of an hour; null without readings. @param {Hour | undefined} hour */
export function extremes(hour) {
  if (!hour) return null;
  let [least, most] = [Infinity, -Infinity];
  for (const value of hour.min) if (value !== null && value < least) least = value;
  for (const value of hour.max) if (value !== null && value > most) most = value;
  return least <= most ? { least, most } : null;
}

/** Fits what the API sent to the 60 buckets. @param {any} sent @param {number} t0 @param {number} step @param {number} count @returns {Hour} */
export function hourOf(sent, t0, step, count) {
  const column = (/** @type {unknown} */ values) => {
    const all = Array.isArray(values) ? values.slice(-BUCKETS) : [];
    return /** @type {(number | null)[]} */ ([...Array(BUCKETS - all.length).fill(null), ...all]);
  };
  const missing = BUCKETS - Math.min(BUCKETS, sent?.min?.length ?? 0);
  return { t0: t0 - missing * step * 1000, step, min: column(sent?.min), max: column(sent?.max), mean: column(sent?.mean), count };
}

/**
 * @param {object} options
 * @param {(path: string, options: { signal: AbortSignal }) => Promise<any>} options.get
 * @param {(i: number) => import("./state.js").Series | undefined} options.series
 * @param {(indexes: Set<number>) => void} options.arrived
 */
export function sparklines({ get, series, arrived }) {
  /** @type {Map<number, Hour>} */
  const hours = new Map();
  /** @type {number[]} */
  let wanted = [];
  /** @type {AbortController | null} */
  let request = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  async function fetchWanted() {
    timer = undefined;
    const missing = wanted.filter((i) => !hours.has(i)).slice(0, AT_ONCE);
    if (missing.length === 0 || request) return;
    const mine = (request = new AbortController());
    let wait = 0;
    try {
      const answer = await get(`api/v1/sparklines?series=${missing.join(",")}`, { signal: mine.signal });
      if (mine.signal.aborted) return;
      keep(missing, answer);
      arrived(new Set(missing));
    } catch {
      wait = FAILED_MS; // a sparkline is a comfort: the row does without, and it is tried again
    }
    if (request === mine) request = null;
    if (!mine.signal.aborted) schedule(wait);
  }

  /** @param {number[]} indexes @param {any} answer */
  function keep(indexes, { t0, step, series: found }) {
    for (const i of indexes) {
      const { every, at } = series(i) ?? {};
      const elapsed = ((at ?? 0) - t0) / 1000 - (BUCKETS - 1) * step;
      const count = every ? Math.max(1, Math.round(Math.min(step, Math.max(0, elapsed)) / every)) : 1;
      hours.set(i, hourOf(found?.[i], t0, step, count));
    }
    for (const i of hours.keys()) {
      if (hours.size <= KEPT) break;
      hours.delete(i); // the one fetched first
    }
  }

  /** @param {number} wait */
  function schedule(wait) {
    if (timer === undefined) timer = setTimeout(fetchWanted, wait);
  }

  return {
    of: (/** @type {number} */ i) => hours.get(i),
    /** These are in view. @param {number[]} indexes */
    want(indexes) {
      wanted = indexes;
      if (wanted.some((i) => !hours.has(i))) schedule(WAIT_MS);
    },
    /** @param {number} i */
    heard(i) {
      const [hour, one] = [hours.get(i), series(i)];
      if (hour && one && one.value !== null && one.at !== null) append(hour, one.at, one.value);
    },
    /** What is kept has a gap, or is of other series. */
    forget() {
      hours.clear();
      request?.abort();
      request = null;
      schedule(WAIT_MS);
    },
    close() {
      clearTimeout(timer);
      request?.abort();
    },
  };
}
