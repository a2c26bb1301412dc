// What the Sensor page knows of its series: the history's last answer, the live values since, the alarms' events.
//
// Always: one request of a kind is under way, the newest; live values are kept until an answer has them, and are bounded.
// Never: touches the page.

import { fromAnswer, withTail } from "../data/history.js";
import { latest } from "../data/latest.js";
import { DAY, MINUTE } from "../chart/viewport.js";

const SETTLE_MS = 150; // a gesture rests before its span is asked for
const [SOONEST_MS, LATEST_MS] = [15_000, 300_000]; // between two answers of a live chart, whose tail is a preview
const MAX_TAIL = 2000; // live values since the last answer: 4 a second for longer than LATEST_MS
const TREND_MS = 60_000; // between two requests of the last hour

const NOT_FOUND = 404;

/** Events of alarms in one request. */
export const MAX_EVENTS = 1000;

/** @typedef {import("../data/history.js").History} History */

export class SensorData {
  /** @type {History|null} */ #base = null;
  /** @type {[at: number, value: number][]} */ #tail = [];
  #newest = -Infinity;
  #answered = -Infinity;
  #trended = -Infinity;
  #loads = { history: latest(SETTLE_MS), alarms: latest(SETTLE_MS), trend: latest(0) };
  #api;
  #of;
  /** @type {import("../data/spans.js").Alert[]} */ events = [];
  /** @type {import("../data/marks.js").Window[]} */ planned = [];
  unit = "";

  /** @param {typeof import("../data/api.js")} api @param {{ id: string, quantity: string }} of */
  constructor(api, of) {
    this.#api = api;
    this.#of = of;
  }

  /**
   * Asks for a span's history.
   * @param {{ from: number, to: number }} span @param {number} px Its width: at most one bucket a pixel.
   * @param {{ atOnce: boolean, done(): void, failed(why: string): void }} then
   */
  load({ from, to }, px, { atOnce, done, failed }) {
    const { id, quantity } = this.#of;
    const path = `api/v1/readings?${query({ sensor: id, quantity, from: iso(from), to: iso(to), px: String(px) })}`;
    const answered = (/** @type {any} */ answer) => {
      this.#base = fromAnswer(answer);
      this.unit = answer.unit ?? this.unit;
      this.#answered = performance.now();
      // What the page knows now, the answer has as well, but for a reading on its way: the next answer has that too.
      this.#tail = [];
      done();
    };
    const refused = (/** @type {any} */ error) => {
      this.#answered = performance.now();
      if (error.status === NOT_FOUND) {
        // Nothing was stored yet: a sensor that has just been heard for the first time, or that nobody knows.
        this.#base = { t0: from, step: Math.max(1, (to - from) / px), min: [], max: [], mean: [], n: [] };
        done();
        return;
      }
      failed(error.detail ?? String(error));
    };
    this.#loads.history.ask((signal) => this.#api.get(path, { signal }), answered, refused, { atOnce });
  }

  /**
   * Asks for the events of alarms: those of a while before and after the span too, where an alarm of it may have begun
   * or ended; and for planned maintenance.
   * @param {{ from: number, to: number }} span @param {string} location Of the sensor. @param {number} now @param {(why: string|null) => void} done
   */
  loadAlarms({ from, to }, location, now, done) {
    const around = Math.max(to - from, 7 * DAY);
    const [since, until] = [iso(from - around), iso(Math.min(to + around, now + MINUTE))];
    const path = `api/v1/alerts?${query({ sensor: this.#of.id, since, until, limit: String(MAX_EVENTS) })}`;
    const work = `api/v1/maintenance?${query({ sensor: this.#of.id, location, from: iso(from), to: iso(to) })}`;
    this.#loads.alarms.ask((signal) => Promise.all([this.#api.get(path, { signal }), this.#api.get(work, { signal })]), ([{ alerts }, { windows }]) => {
      this.events = alerts;
      this.planned = windows;
      done(null);
    }, (error) => done(error.detail ?? String(error)));
  }

  /** Asks for the last hour's minutes, once a minute. @param {number} i Index of the series. @param {(minutes: [number, number|null][]) => void} done */
  loadTrend(i, done) {
    if (performance.now() - this.#trended < TREND_MS) return;
    this.#trended = performance.now();
    this.#loads.trend.ask((signal) => this.#api.get(`api/v1/sparklines?series=${i}`, { signal }), ({ t0, step, series }) => {
      done((series[i]?.mean ?? []).map((/** @type {number|null} */ mean, /** @type {number} */ k) => [t0 + k * step * 1000, mean]));
    }, () => done([]));
  }

  /** Whether a live chart should ask again. */
  isDue() {
    const wait = Math.min(LATEST_MS, Math.max(SOONEST_MS, this.#base?.step ?? 0));
    return !this.#loads.history.isWaiting() && performance.now() - this.#answered > wait;
  }

  /** Takes the newest value; whether it is a new one. @param {import("../data/state.js").Series|null} series */
  take(series) {
    if (!series || series.value === null || series.at === null || series.at <= this.#newest) return false;
    this.#newest = series.at;
    this.#tail = [...this.#tail, /** @type {[number, number]} */ ([series.at, series.value])].slice(-MAX_TAIL);
    return true;
  }

  /** The history with its live tail, up to a time. @param {number} until */
  history(until) {
    return this.#base && withTail(this.#base, this.#tail, until);
  }

  close() {
    Object.values(this.#loads).forEach((load) => load.cancel());
  }
}

/** @param {number} at */
const iso = (at) => new Date(at).toISOString();
/** @param {Record<string, string>} fields */
const query = (fields) => new URLSearchParams(fields).toString();
