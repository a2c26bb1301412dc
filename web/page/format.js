// Numbers, units, times and ages as people read them: one formatter for all pages, tables, axes and exports. Pure.
//
// Always: one language and one time zone a formatter; English is written with 24 hours.
// Never: reads a clock; what depends on now is given it.

/** @type {Record<string, string>} */
const LOCALES = { en: "en-GB", fr: "fr-FR" };

/** @type {Record<string, string>} */
const SYMBOLS = {
  celsius: "°C", fahrenheit: "°F", kelvin: "K", percent: "%", hectopascal: "hPa", pascal: "Pa", kilopascal: "kPa",
  bar: "bar", millibar: "mbar", volt: "V", millivolt: "mV", ampere: "A", milliampere: "mA", watt: "W", kilowatt: "kW",
  watthour: "Wh", kilowatthour: "kWh", hertz: "Hz", lux: "lx", decibel: "dB", degree: "°", metre: "m", meter: "m",
  millimetre: "mm", millimeter: "mm", second: "s", minute: "min", litre: "l", liter: "l", hpa: "hPa", pa: "Pa",
};

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * Symbol of a unit: `celsius` → `°C`; a unit without one is its own symbol.
 * @param {string | null | undefined} unit
 */
export function unitSymbol(unit) {
  return unit ? SYMBOLS[unit] ?? SYMBOLS[unit.toLowerCase()] ?? unit : "";
}

/** @typedef {ReturnType<typeof formatter>} Format */

/**
 * Makes the formatter of a language and a zone.
 * @param {string} language `en` or `fr`
 * @param {string} zone IANA name; UTC stands in for one that this browser lacks
 */
export function formatter(language, zone) {
  const locale = LOCALES[language] ?? "en-GB";
  const timeZone = usable(zone);
  const letters = language === "fr" ? { d: "j" } : { d: "d" };
  const plain = new Intl.NumberFormat(locale, { maximumSignificantDigits: 9 });
  /** @type {Map<number, Intl.NumberFormat>} */
  const fixed = new Map();
  /** @param {Intl.DateTimeFormatOptions} options */
  const times = (options) => new Intl.DateTimeFormat(locale, { timeZone, hourCycle: "h23", ...options });
  const clock = times({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const minutes = times({ hour: "2-digit", minute: "2-digit" });
  const day = times({ day: "numeric", month: "short" });
  const year = times({ day: "numeric", month: "short", year: "numeric" });
  const zoneNames = times({ timeZoneName: "short" });
  const dayKey = new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" });

  /** @param {number} n @param {number} [digits] */
  function number(n, digits) {
    if (!Number.isFinite(n)) return "–";
    let format = plain;
    if (digits !== undefined) {
      const wanted = { minimumFractionDigits: digits, maximumFractionDigits: digits };
      format = fixed.get(digits) ?? new Intl.NumberFormat(locale, wanted);
      fixed.set(digits, format);
    }
    return format.format(n).replace("-", "−");
  }

  /** @param {number} ms */
  const time = (ms) => clock.format(ms);
  /** @param {number} ms */
  const dateTime = (ms) => `${year.format(ms)}, ${clock.format(ms)}`;

  return {
    language,
    zone: timeZone,
    /** `38.2`, `−4`, `1,204`; `digits`: that many decimals. */
    number,
    /**
     * The number with its unit's symbol: `38.2 °C`; a dash without a number.
     * @param {number | null | undefined} v @param {string | null} [unit] @param {number} [digits]
     */
    value(v, unit, digits) {
      if (v === null || v === undefined) return "–";
      const symbol = unitSymbol(unit);
      return symbol ? `${number(v, digits)}\u00a0${symbol}` : number(v, digits);
    },
    unitSymbol,
    /** One unit, rounded down: `4 s`, `12 min`, `3 h`, `5 d`. @param {number} ms */
    age(ms) {
      if (ms < MINUTE) return `${Math.max(0, Math.floor(ms / SECOND))}\u00a0s`;
      if (ms < HOUR) return `${Math.floor(ms / MINUTE)}\u00a0min`;
      if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)}\u00a0h`;
      return `${number(Math.floor(ms / DAY))}\u00a0${letters.d}`;
    },
    /** Two units: `1 d 22 h`, `6 h 50 min`, `45 s`. @param {number} ms */
    duration(ms) {
      const steps = /** @type {const} */ ([[DAY, letters.d], [HOUR, "h"], [MINUTE, "min"], [SECOND, "s"]]);
      const first = Math.max(0, steps.findIndex(([length]) => ms >= length));
      const [large, small] = [steps[ms < SECOND ? 3 : first], steps[ms < SECOND ? 4 : first + 1]];
      if (!large) return "–";
      const whole = Math.floor(Math.max(0, ms) / large[0]);
      const rest = small ? Math.floor((ms - whole * large[0]) / small[0]) : 0;
      const head = `${number(whole)}\u00a0${large[1]}`;
      return small && rest > 0 ? `${head} ${rest}\u00a0${small[1]}` : head;
    },
    /** `14:18:22` @param {number} ms */
    time,
    /** `14:18` @param {number} ms */
    minute: (ms) => minutes.format(ms),
    /** `29 Nov 2026, 14:18:22` @param {number} ms */
    dateTime,
    /** `29 Nov 2026` @param {number} ms */
    date: (ms) => year.format(ms),
    /** `29 Nov` @param {number} ms */
    day: (ms) => day.format(ms),
    /**
     * As short as it can be without doubt: the time alone on the day of `now`, else with its day.
     * @param {number} ms @param {number} now
     */
    when(ms, now) {
      if (dayKey.format(ms) === dayKey.format(now)) return time(ms);
      return Math.abs(now - ms) < 300 * DAY ? `${day.format(ms)}, ${minutes.format(ms)}` : dateTime(ms);
    },
    /** Name of the zone at a time: `CET`, `UTC+1`. @param {number} ms */
    zoneName(ms) {
      return zoneNames.formatToParts(ms).find((part) => part.type === "timeZoneName")?.value ?? timeZone;
    },
    /** `1.2 GB`: decimal units, as disks are sold. @param {number} bytes */
    bytes(bytes) {
      const units = language === "fr" ? ["o", "ko", "Mo", "Go", "To"] : ["B", "kB", "MB", "GB", "TB"];
      const power = bytes < 1 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3));
      const n = bytes / 1000 ** power;
      return `${number(n, power > 0 && n < 10 ? 1 : 0)}\u00a0${units[power]}`;
    },
  };
}

/** @param {string} zone */
function usable(zone) {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return "UTC";
  }
}
