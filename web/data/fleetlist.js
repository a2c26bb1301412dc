// The rows of the Fleet page: which series, in which order, below which location; where a value stands in its range. Pure.
//
// Always: 10,000 series are filtered in some milliseconds; names are compared only when one changed.
// Never: reads a clock, or the page.

import { isAbnormal, isOut, isUnacknowledged, priorityOf } from "./state.js";

/** @typedef {import("./state.js").Series} Series */
/** @typedef {import("./state.js").Priority} Priority */
/** @typedef {"all" | "abnormal" | "silent"} Show */
/** @typedef {"location" | "worst" | "name" | "deviation"} Sort */
/** @typedef {{ search: string, show: Show, sort: Sort, fold: boolean }} Query `fold`: locations show their heading alone */
/**
 * @typedef {object} Group
 * @property {string} location @property {number} count @property {number} abnormal @property {number} silent
 * @property {Priority} worst @property {boolean} waits whether something in it is unacknowledged
 * @property {boolean} isOpen
 */
/** @typedef {{ group: Group, i: -1 } | { group: null, i: number }} Row a location's heading, or a series */

export const SHOWS = /** @type {const} */ (["all", "abnormal", "silent"]);
export const SORTS = /** @type {const} */ (["location", "worst", "name", "deviation"]);

/** @param {URLSearchParams} params @returns {Query} */
export function readQuery(params) {
  const show = SHOWS.find((name) => name === params.get("show")) ?? "all";
  const sort = SORTS.find((name) => name === params.get("sort")) ?? "location";
  return { search: (params.get("q") ?? "").slice(0, 200), show, sort, fold: params.get("fold") === "1" };
}

/** The query as the address has it: what is as usual is left out. @param {Query} query */
export function writeQuery({ search, show, sort, fold }) {
  const params = new URLSearchParams();
  if (search) params.set("q", search);
  if (show !== "all") params.set("show", show);
  if (sort !== "location") params.set("sort", sort);
  if (fold) params.set("fold", "1");
  const text = params.toString();
  return text ? `#/fleet?${text}` : "#/fleet";
}

/** Lower case, without accents. @param {string} text */
export const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/**
 * A list of rows over the feed's table. It remembers the order of names; `forget` when a name changed.
 * @param {string} language orders names
 */
export function fleetList(language) {
  const collator = new Intl.Collator(language, { numeric: true, sensitivity: "base" });
  /** @type {{ byLocation: Series[], byName: Series[], texts: Map<Series, string> } | null} */
  let names = null;

  /** @param {Series[]} series */
  function sorted(series) {
    const known = series.filter(Boolean);
    const places = ranks(known.map((s) => s.location), collator);
    const ids = ranks(known.map((s) => s.id), collator);
    const rank = (/** @type {Map<string, number>} */ map, /** @type {string} */ text) => map.get(text) ?? 0;
    const byName = [...known].sort((a, b) => rank(ids, a.id) - rank(ids, b.id) || (a.quantity < b.quantity ? -1 : 1));
    const byLocation = [...byName].sort((a, b) => rank(places, a.location) - rank(places, b.location));
    const texts = new Map(known.map((s) => [s, plain(`${s.id} ${s.location} ${s.quantity}`)]));
    return { byLocation, byName, texts };
  }

  return {
    forget() {
      names = null;
    },
    /**
     * @param {Series[]} series @param {Query} query @param {number} now
     * @param {{ toggled?: Set<string>, isLinkDead?: boolean }} [options] toggled: locations that are folded where others
     *   are not, or the other way round
     */
    rows(series, query, now, { toggled = new Set(), isLinkDead = false } = {}) {
      names ??= sorted(series);
      const { texts, byLocation, byName } = names;
      const needles = plain(query.search).split(/\s+/).filter(Boolean);
      const base = query.sort === "location" ? byLocation : byName;
      const found = base.filter((s) => needles.every((needle) => texts.get(s)?.includes(needle)));
      const isSilent = (/** @type {Series} */ s) => isOut(s, now, isLinkDead);
      const counts = { all: found.length, abnormal: 0, silent: 0 };
      const shown = found.filter((s) => {
        const [abnormal, silent] = [isAbnormal(s.state), isSilent(s)];
        counts.abnormal += Number(abnormal);
        counts.silent += Number(silent);
        return query.show === "all" || (query.show === "abnormal" ? abnormal : silent);
      });
      return { rows: arranged(shown, query, toggled, isSilent), counts, shown: shown.length };
    },
  };
}

/** Places of texts in their order: each distinct text is compared once. @param {string[]} texts @param {Intl.Collator} collator */
function ranks(texts, collator) {
  const distinct = [...new Set(texts)].sort((a, b) => collator.compare(a, b) || (a < b ? -1 : 1));
  return new Map(distinct.map((text, rank) => [text, rank]));
}

/** @param {Series[]} shown @param {Query} query @param {Set<string>} toggled @param {(s: Series) => boolean} isSilent @returns {Row[]} */
function arranged(shown, query, toggled, isSilent) {
  if (query.sort === "location") return grouped(shown, (location) => query.fold === toggled.has(location), isSilent);
  const key = query.sort === "worst" ? badness : query.sort === "deviation" ? deviation : null;
  const keyed = shown.map((s) => ({ i: s.i, key: key ? key(s) : 0 }));
  if (key) keyed.sort((a, b) => b.key - a.key);
  return keyed.map(({ i }) => ({ group: null, i }));
}

/** @param {Series[]} shown @param {(location: string) => boolean} isOpen @param {(s: Series) => boolean} isSilent */
function grouped(shown, isOpen, isSilent) {
  /** @type {Row[]} */
  const rows = [];
  /** @type {Group | null} */
  let group = null;
  for (const s of shown) {
    if (!group || group.location !== s.location) {
      const { location } = s;
      group = { location, count: 0, abnormal: 0, silent: 0, worst: 0, waits: false, isOpen: isOpen(location) };
      rows.push({ group, i: -1 });
    }
    const priority = priorityOf(s.state);
    group.count += 1;
    group.abnormal += Number(isAbnormal(s.state));
    group.silent += Number(isSilent(s));
    if (priority && (!group.worst || priority < group.worst)) group.worst = priority;
    group.waits ||= isUnacknowledged(s.state);
    if (group.isOpen) rows.push({ group: null, i: s.i });
  }
  return rows;
}

/** Greater is worse: the graver alarm, then the unacknowledged one. @param {Series} s */
export function badness(s) {
  const priority = priorityOf(s.state);
  return (priority ? (5 - priority) * 4 : 0) + (isUnacknowledged(s.state) ? 2 : 0) + (s.state & 48 ? 1 : 0);
}

/**
 * How far a value is off: 0 amid its limits, 1 at one of them, more beyond; −1 without value or limit.
 * @param {Series} s
 */
export function deviation({ value, low, high }) {
  if (value === null || (low === null && high === null)) return -1;
  if (low !== null && high !== null) {
    const half = (high - low) / 2;
    return half > 0 ? Math.abs(value - (low + high) / 2) / half : value === low ? 1 : 2;
  }
  const over = high !== null ? value - high : /** @type {number} */ (low) - value;
  const size = Math.max(Math.abs(high ?? low ?? 0), 1);
  return over >= 0 ? 1 + over / size : Math.max(0, 1 + over / size);
}

/**
 * @typedef {{ from: number, to: number, low: number, high: number, isMeasured: boolean }} Scale
 *   ends of the bar, and of the band in it; `isMeasured`: the band is what the last hour had, there being no limits
 */
/**
 * The scale of a row's bar and sparkline: its limits with room beyond them; without limits the range of the last hour.
 * @param {{ low: number | null, high: number | null, value: number | null }} s
 * @param {{ least: number, most: number } | null} hour
 * @returns {Scale | null}
 */
export function scaleOf({ low, high, value }, hour) {
  const least = Math.min(hour?.least ?? Infinity, value ?? Infinity);
  const most = Math.max(hour?.most ?? -Infinity, value ?? -Infinity);
  if (low !== null && high !== null && high > low) {
    const room = (high - low) * 0.4;
    return { from: low - room, to: high + room, low, high, isMeasured: false };
  }
  const limit = high ?? low;
  if (limit !== null) {
    const other = high !== null ? Math.min(least, limit) : Math.max(most, limit);
    const near = Number.isFinite(other) ? other : limit;
    const room = Math.max(Math.abs(limit - near), Math.abs(limit) * 0.1, 0.5) * 0.6;
    const [from, to] = high !== null ? [Math.min(near, limit - room) - room, limit + room] : [limit - room, Math.max(near, limit + room) + room];
    return { from, to, low: low ?? from, high: high ?? to, isMeasured: false };
  }
  if (!Number.isFinite(least) || !Number.isFinite(most)) return null;
  const room = Math.max((most - least) * 0.25, Math.abs(most) * 0.005, 0.05);
  return { from: least - room, to: most + room, low: least, high: most, isMeasured: true };
}

/** Place of a value on a scale: 0 to 1, held at the ends. @param {Scale} scale @param {number} value */
export function placeOn(scale, value) {
  return Math.min(1, Math.max(0, (value - scale.from) / (scale.to - scale.from)));
}

const LIMIT_ROOM = 15; // characters beside the bar

/**
 * Limits of a series: `shown` beside the bar, empty where there is no room; `said` in words, empty without limits.
 * @param {Series} series @param {{ words: import("../words.js").Words, format: import("../page/format.js").Format }} given
 */
export function limitsOf({ low, high, unit }, { words: { fleet: w }, format }) {
  const [from, to] = [low, high].map((limit) => (limit === null ? "" : format.number(limit)));
  const shown = from && to ? `${from} … ${to}` : from ? `≥ ${from}` : to ? `≤ ${to}` : w.noLimits;
  const said = low !== null && high !== null ? w.limits(format.number(low), format.value(high, unit))
    : low !== null ? w.lowLimit(format.value(low, unit)) : high !== null ? w.highLimit(format.value(high, unit)) : "";
  return { shown: shown.length > LIMIT_ROOM ? "" : shown, said };
}
