// Asks the daemon for what it has heard of devices, again and again.
//
// Always: one question at a time; the more devices, the less often. Never: while the page is hidden.

import { askAgainAfter } from "./heard.js";

/** @typedef {import("./heard.js").Heard} Heard */
/** @typedef {import("./heard.js").Rejected} Rejected */

const REJECTED = 20;

/**
 * @param {typeof import("./api.js")} api @param {(heard: Heard, rejected: Rejected | null) => void} answered `null`: unknown
 * @param {(error: any) => void} failed
 */
export function askHeard(api, answered, failed) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let num = 0;
  let isDue = false;
  const stop = new AbortController();

  async function ask() {
    const options = { signal: stop.signal };
    try {
      /** @type {[Heard, Rejected | null]} */
      const [heard, rejected] = await Promise.all([api.get("api/v1/devices", options), api.get(`api/v1/rejected?limit=${REJECTED}`, options).catch(() => null)]);
      if (stop.signal.aborted) return;
      num = heard.devices.length;
      answered(heard, rejected);
    } catch (error) {
      if (stop.signal.aborted) return;
      failed(error);
    }
    timer = setTimeout(next, askAgainAfter(num));
  }

  function next() {
    isDue = document.visibilityState === "hidden";
    if (!isDue) void ask();
  }

  /** Back from another tab: what was due is asked for at once. */
  const seen = () => void (isDue && next());
  document.addEventListener("visibilitychange", seen);
  void ask();
  return {
    close() {
      stop.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    },
  };
}
