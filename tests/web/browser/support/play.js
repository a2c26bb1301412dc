// The daemon's side of the feed, played frame by frame, and the few answers of the API that every page asks for: what a
// test has to have exactly, a real plant would have by chance.

export const json = (/** @type {unknown} */ body, status = 200) => ({ status, contentType: "application/json", body: JSON.stringify(body) });
const REJECTED = { total: 2, rejected: [{ at: "2026-11-29T12:00:00Z", topic: "factory/sensors/temperature", reason: "no value: the field temperature is missing" }] };
export const BROKER = { name: "Test broker", connected: true, topics: [{ topic: "plant/7", payload: "21.5", per_s: 1, last_at: "2026-11-29T12:00:00Z" }] };
/** One shape of topics that no table takes, as `GET api/v1/devices` has it. @param {string} shape @param {object} [more] */
export const unclaimed = (shape, more = {}) => ({
  shape, messages: 12, first_seen: "2026-11-29T11:00:00Z", last_seen: new Date().toISOString(), topic: shape.replace("+", "attic"), payload: '{"temp":21.5}', is_cut: false, keys: ["temp"],
  config: `[[devices]]\ntopic = "${shape.replace("+", "{sensor}")}"\nvalues = { temperature = { at = "/temp", unit = "°C" } }\n`, note: null, ...more,
});
export const HEARD = { since: "2026-11-29T10:00:00Z", broker: "127.0.0.1:1883", devices: [], unlisted_readings: 0, rules: [], unclaimed: [unclaimed("shed/+/data")], unlisted_messages: 0 };

/** @param {object} [more] */
export const welcome = (more = {}) => ({
  type: "welcome", version: 1, epoch: "e", build: "", zone: "Europe/Paris", language: "en", now: Date.now(), user: null, role: "operator", open: true, ...more,
});
export const alarm = (/** @type {number} */ k, /** @type {object} */ more = {}) => ({
  id: String(k).padStart(16, "0"), rule: k % 2 ? "too-warm" : "silent", sensor_id: `S${k}`, location: `Hall ${k % 3}`, quantity: "temperature", value: 9, unit: "celsius",
  threshold: 8, alert_type: "HIGH_TEMPERATURE", severity: k === 7 ? "CRITICAL" : "LOW", state: "unacknowledged", since: new Date(Date.now() - k * 1000).toISOString(),
  withheld: null, acknowledged: null, shelved: null, suppressed_by: null, out_of_service: null, runbook: null, ...more,
});

const BEAT_MS = 1000;

/**
 * Plays the daemon's side of the feed, with its beats until one asks for silence.
 * @param {import("playwright-core").Page} page @param {object[]} frames sent after the hello
 * @param {{ user?: string | null, role?: string, open?: boolean }} [who]
 * @returns {Promise<{ send(frame: object): void, silence(isOn: boolean): void }>}
 */
export async function play(page, frames, who) {
  /** @type {import("playwright-core").WebSocketRoute | null} */
  let socket = null;
  let isSilent = false;
  const send = (/** @type {object} */ frame) => socket?.send(JSON.stringify(frame));
  const beats = setInterval(() => void (isSilent || send({ type: "beat", now: Date.now() })), BEAT_MS);
  page.once("close", () => clearInterval(beats));
  await page.routeWebSocket("**/api/v1/live", (route) => {
    socket = route;
    route.onMessage((message) => {
      if (!JSON.parse(String(message)).hello) return;
      for (const frame of [welcome(who), ...frames]) route.send(JSON.stringify(frame));
    });
  });
  await page.route("**/api/v1/broker", (route) => route.fulfill(json(BROKER)));
  await page.route("**/api/v1/system", (route) => route.fulfill(json({ version: "1", problems: [] })));
  await page.route("**/api/v1/devices", (route) => route.fulfill(json(HEARD)));
  await page.route("**/api/v1/rejected*", (route) => route.fulfill(json(REJECTED)));
  await page.route("**/api/v1/sparklines*", (route) => route.fulfill(json({ t0: 0, step: 60, series: {} })));
  return { send, silence: (isOn) => void (isSilent = isOn) };
}

export const EMPTY = { type: "state", seq: 1, now: Date.now(), full: true };
export const series = (/** @type {number} */ i) => ({ i, id: `S${i}`, location: "Hall", quantity: "temperature", unit: "celsius", low: 2, high: 8, every: 2 });
