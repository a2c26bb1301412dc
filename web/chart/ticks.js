// Ticks of a time axis in an IANA time zone, from seconds to years.
//
// Always: ticks ascend, none comes twice, and each stands at a round time of the zone's wall clock, also on days of 23
// or 25 hours. A wall-clock time that a day has twice is labelled with its offset. Instants are milliseconds since 1970.
// Never: reads a clock, the browser's zone or the page.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** 1970-01-05 is the first Monday; weeks are counted from it. */
const FIRST_MONDAY = 4;

/**
 * @typedef {{ unit: "second"|"minute"|"hour"|"day"|"week"|"month"|"year", every: number, ms: number }} Step
 * @typedef {{ at: number, label: string, major: boolean }} Tick `major`: the first of a larger unit, labelled by it.
 */

/** @type {[Step["unit"], number, number[]][]} */
const UNITS = [
  ["second", SECOND, [1, 2, 5, 10, 15, 30]],
  ["minute", MINUTE, [1, 2, 5, 10, 15, 30]],
  ["hour", HOUR, [1, 2, 3, 6, 12]],
  ["day", DAY, [1, 2]],
  ["week", 7 * DAY, [1, 2]],
  ["month", 30.44 * DAY, [1, 2, 3, 6]],
  ["year", 365.25 * DAY, [1, 2, 5, 10, 20, 50, 100]],
];

/** @type {Step[]} */
const STEPS = UNITS.flatMap(([unit, ms, counts]) => counts.map((every) => ({ unit, every, ms: ms * every })));

/** @type {Step} */
const LONGEST = { unit: "year", every: 1000, ms: 1000 * 365.25 * DAY };

/** @type {Map<string, Intl.DateTimeFormat>} Formatters cost 50 µs to make and are few: zones × languages × styles. */
const formats = new Map();

/**
 * @param {string} zone @param {string} language @param {Intl.DateTimeFormatOptions} options
 * @returns {Intl.DateTimeFormat}
 */
function format(zone, language, options) {
  const key = `${zone}|${language}|${JSON.stringify(options)}`;
  let known = formats.get(key);
  if (!known) {
    known = new Intl.DateTimeFormat(language, { timeZone: zone, ...options });
    formats.set(key, known);
  }
  return known;
}

/** @type {Intl.DateTimeFormatOptions} */
const FIELDS = {
  hourCycle: "h23",
  year: "numeric",
  month: "numeric",
  day: "numeric",
  hour: "numeric",
  minute: "numeric",
  second: "numeric",
};

/**
 * Offset of a zone from UTC at an instant, in milliseconds; positive east of Greenwich.
 * @param {number} at @param {string} zone @returns {number}
 */
export function offset(at, zone) {
  /** @type {Record<string, number>} */
  const field = {};
  for (const { type, value } of format(zone, "en-US", FIELDS).formatToParts(at)) field[type] = Number(value);
  const of = (/** @type {string} */ name) => field[name] ?? 0;
  const wall = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
  return wall - Math.floor(at / SECOND) * SECOND;
}

/**
 * Instants at which the zone's wall clock shows a time: none in the hour that spring skips, two in the one that autumn
 * repeats.
 * @param {number} wall The wall-clock time as if it were UTC. @param {string} zone @returns {number[]} Ascending.
 */
export function instants(wall, zone) {
  const offsets = new Set([offset(wall - DAY, zone), offset(wall + DAY, zone)]);
  return [...offsets]
    .map((shift) => wall - shift)
    .filter((at) => at + offset(at, zone) === wall)
    .sort((a, b) => a - b);
}

/**
 * Whether the zone's wall clock shows the same time at another instant too, as clocks are put back.
 * @param {number} at @param {string} zone @returns {boolean}
 */
export function isTwice(at, zone) {
  return instants(Math.floor((at + offset(at, zone)) / SECOND) * SECOND, zone).length > 1;
}

/**
 * The instant at which a wall-clock time is first reached; within a skipped hour, as much after it as the time is in.
 * @param {number} wall @param {string} zone @returns {number}
 */
export function reached(wall, zone) {
  return instants(wall, zone)[0] ?? wall - offset(wall - DAY, zone);
}

/**
 * The smallest step of which a span has at most so many.
 * @param {number} span In milliseconds. @param {number} room Number of labels that fit. @returns {Step}
 */
export function step(span, room) {
  const wanted = span / Math.max(1, room);
  return STEPS.find(({ ms }) => ms >= wanted) ?? LONGEST;
}

/**
 * Ticks within a span, both ends included.
 * @param {number} from @param {number} to
 * @param {{ zone: string, language: string, room: number }} options `room`: number of labels that fit.
 * @returns {Tick[]}
 */
export function ticks(from, to, { zone, language, room }) {
  if (!(to > from && Number.isFinite(to - from))) return [];
  const { unit, every, ms } = step(to - from, room);
  if (unit === "second" || unit === "minute") return clockTicks(from, to, ms, unit, zone, language);
  if (unit === "hour") return hourTicks(from, to, every, zone, language);
  return dateTicks(from, to, unit, every, zone, language);
}

/**
 * @param {number} from @param {number} to @param {number} ms @param {"second"|"minute"} unit
 * @param {string} zone @param {string} language @returns {Tick[]}
 */
function clockTicks(from, to, ms, unit, zone, language) {
  const found = [];
  let at = Math.ceil(from);
  while (at <= to) {
    const past = (((at + offset(at, zone)) % ms) + ms) % ms;
    if (past !== 0) at += ms - past;
    // The clocks may have changed on the way, by half an hour in some zones: the next round time is looked for again.
    else {
      found.push(timeTick(at, unit === "second", zone, language));
      at += ms;
    }
  }
  return found.filter((tick) => tick.at <= to);
}

/**
 * @param {number} from @param {number} to @param {number} every @param {string} zone @param {string} language
 * @returns {Tick[]}
 */
function hourTicks(from, to, every, zone, language) {
  const found = [];
  const first = Math.floor((from + offset(from, zone)) / DAY) * DAY;
  for (let midnight = first; reached(midnight, zone) <= to; midnight += DAY) {
    const start = reached(midnight, zone);
    const hours = [start];
    for (let hour = every; hour < 24; hour += every) {
      const times = instants(midnight + hour * HOUR, zone);
      // A repeated hour has both its ticks where each hour has one, and the first where they stand further apart.
      hours.push(...(every === 1 ? times : times.slice(0, 1)));
    }
    if (every === 1) hours.push(...instants(midnight, zone).slice(1));
    found.push(...hours.map((at) => timeTick(at, false, zone, language)));
  }
  return ascending(found, from, to);
}

/**
 * @param {number} from @param {number} to @param {Step["unit"]} unit @param {number} every
 * @param {string} zone @param {string} language @returns {Tick[]}
 */
function dateTicks(from, to, unit, every, zone, language) {
  const found = [];
  for (let wall = dateBefore(from + offset(from, zone), unit, every); ; wall = nextDate(wall, unit, every)) {
    const at = reached(wall, zone);
    if (at > to) return ascending(found, from, to);
    found.push(dateTick(at, wall, unit, zone, language));
  }
}

/** @param {number} wall @param {Step["unit"]} unit @param {number} every @returns {number} */
function dateBefore(wall, unit, every) {
  const date = new Date(wall);
  if (unit === "year") return utc(Math.floor(date.getUTCFullYear() / every) * every, 0);
  if (unit === "month") return utc(date.getUTCFullYear(), Math.floor(date.getUTCMonth() / every) * every);
  const length = unit === "week" ? 7 * every : every;
  const origin = unit === "week" ? FIRST_MONDAY : 0;
  return (Math.floor((Math.floor(wall / DAY) - origin) / length) * length + origin) * DAY;
}

/** @param {number} wall @param {Step["unit"]} unit @param {number} every @returns {number} */
function nextDate(wall, unit, every) {
  const date = new Date(wall);
  if (unit === "year") return utc(date.getUTCFullYear() + every, 0);
  if (unit === "month") return utc(date.getUTCFullYear(), date.getUTCMonth() + every);
  return wall + every * (unit === "week" ? 7 : 1) * DAY;
}

/** Midnight of a month's first day; years below 100 are years below 100.
 * @param {number} year @param {number} month @returns {number} */
function utc(year, month) {
  const date = new Date(0);
  date.setUTCFullYear(year, month, 1);
  return date.getTime();
}

/** @param {Tick[]} found @param {number} from @param {number} to @returns {Tick[]} */
function ascending(found, from, to) {
  const within = found.filter(({ at }) => at >= from && at <= to).sort((a, b) => a.at - b.at);
  return within.filter(({ at }, i) => i === 0 || at > (within[i - 1]?.at ?? at));
}

/** @param {number} at @param {boolean} hasSeconds @param {string} zone @param {string} language @returns {Tick} */
function timeTick(at, hasSeconds, zone, language) {
  const wall = at + offset(at, zone);
  const midnight = Math.floor(wall / DAY) * DAY;
  if (at === reached(midnight, zone)) return { at, label: dayLabel(at, zone, language), major: true };
  const label = format(zone, language, {
    hourCycle: "h23",
    hour: "2-digit",
    minute: "2-digit",
    ...(hasSeconds ? { second: "2-digit" } : {}),
  }).format(at);
  return { at, label: isTwice(at, zone) ? `${label} ${shortOffset(at, zone)}` : label, major: false };
}

/**
 * @param {number} at @param {number} wall @param {Step["unit"]} unit @param {string} zone @param {string} language
 * @returns {Tick}
 */
function dateTick(at, wall, unit, zone, language) {
  const date = new Date(wall);
  const startsYear = date.getUTCMonth() === 0 && date.getUTCDate() === 1;
  if (unit === "year" || (unit === "month" && startsYear)) {
    return { at, label: String(date.getUTCFullYear()), major: startsYear && unit === "month" };
  }
  if (unit === "month") return { at, label: format(zone, language, { month: "short" }).format(at), major: false };
  return { at, label: dayLabel(at, zone, language), major: date.getUTCDate() === 1 };
}

/** @param {number} at @param {string} zone @param {string} language @returns {string} */
function dayLabel(at, zone, language) {
  // Britain"s order of day and month: the one of the mock-up, of ISO"s readers and of both languages.
  const locale = language.startsWith("en") ? "en-GB" : language;
  return format(zone, locale, { day: "numeric", month: "short" }).format(at);
}

/** `+2`, `−3:30`. @param {number} at @param {string} zone @returns {string} */
function shortOffset(at, zone) {
  const minutes = Math.round(offset(at, zone) / MINUTE);
  const rest = Math.abs(minutes) % 60;
  const hours = Math.floor(Math.abs(minutes) / 60);
  return `${minutes < 0 ? "−" : "+"}${hours}${rest ? `:${String(rest).padStart(2, "0")}` : ""}`;
}

/**
 * An instant in RFC 3339 with the zone's offset: `2026-02-05T10:30:00+01:00`; milliseconds where there are any.
 * @param {number} at @param {string} zone @returns {string}
 */
export function rfc3339(at, zone) {
  const shift = offset(at, zone);
  const wall = new Date(at + shift).toISOString();
  const minutes = Math.round(Math.abs(shift) / MINUTE);
  const pad = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const clock = wall.endsWith(".000Z") ? wall.slice(0, -5) : wall.slice(0, -1);
  return `${clock}${shift < 0 ? "-" : "+"}${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}
