// The link to the daemon: a WebSocket that comes back by itself, and polling where a proxy lets none through.
//
// Always: a frame is acknowledged once it is painted, so a slow page gets fewer, larger ones; 5 s without a frame and
// the link counts as dead. Never: queues anything; after a cut the feed resumes by epoch and sequence.

import { ApiError, get } from "./api.js";
import { hello, receive, tune } from "./feed.js";

/** @typedef {import("./feed.js").Want} Want */

const CONNECT_MS = 10_000;
const DEAD_MS = 5_000; // without a frame; the daemon sends one every 2 s at least
const HANGING_MS = 15_000; // after which a silent socket is given up for another
const POLL_MS = 5_000;
const POLL_DEAD_MS = 12_000; // two polls
const GRACE_MS = 2_000; // a socket that comes back within it has not been away
const BACKOFF_MS = [1_000, 30_000];
const UNPAINTED_ACK_MS = 3_000; // a tab that is not shown paints nothing

/**
 * @param {object} options
 * @param {import("./feed.js").Feed} options.feed
 * @param {Want} options.want what is asked for at first
 * @param {(received: import("./feed.js").Received) => void} options.received
 * @param {() => void} options.changed the link's state is another one
 */
export function openLink({ feed, want, received, changed }) {
  /** @type {WebSocket | null} */
  let socket = null;
  let attempts = 0;
  let lastFrame = 0;
  let since = Date.now();
  let isPolling = false;
  let isClosed = false;
  /** @type {number | null} */
  let offset = null;
  /** @type {import("./state.js").LinkState["is"]} */
  let is = "down";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let retryTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let pollTimer;

  /** @param {unknown} frame */
  function take(frame) {
    const at = Date.now();
    const result = receive(feed, frame);
    lastFrame = at;
    if (result.now !== null) offset = tune(offset, result.now, at);
    if (result.welcome && socket?.readyState === WebSocket.OPEN) attempts = 0;
    watch();
    received(result);
    if (result.ack !== null && !isPolling) acknowledge(result.ack);
  }

  /** @param {number} seq */
  function acknowledge(seq) {
    const to = socket;
    let isDone = false;
    const send = () => {
      if (!isDone && to?.readyState === WebSocket.OPEN) to.send(JSON.stringify({ ack: seq }));
      isDone = true;
    };
    requestAnimationFrame(() => requestAnimationFrame(send)); // the second comes after the first was painted
    setTimeout(send, UNPAINTED_ACK_MS);
  }

  function connect() {
    clearTimeout(retryTimer);
    if (socket || isClosed) return;
    const mine = new WebSocket(address());
    socket = mine;
    const timeout = setTimeout(() => mine.close(), CONNECT_MS);
    let isWelcome = false;
    mine.onopen = () => mine.send(JSON.stringify(hello(feed, want)));
    mine.onmessage = ({ data }) => {
      clearTimeout(timeout);
      if (socket !== mine) return;
      if (!isWelcome) stopPolling();
      isWelcome = true;
      take(JSON.parse(data));
    };
    mine.onclose = ({ code }) => {
      clearTimeout(timeout);
      if (socket === mine) lost(isWelcome && code !== 1008);
    };
  }

  /** @param {boolean} wasWelcome whether another socket may be expected to do */
  function lost(wasWelcome) {
    socket = null;
    if (isClosed) return;
    if (!wasWelcome && !isPolling) poll(); // a proxy without upgrade, or a missing login: its answer decides
    const [least = 0, most = 0] = BACKOFF_MS;
    const delay = Math.min(most, least * 2 ** attempts) * (0.5 + Math.random() / 2);
    attempts += 1;
    retryTimer = setTimeout(connect, delay);
    watch();
  }

  async function poll() {
    clearTimeout(pollTimer);
    try {
      const { epoch, seq } = hello(feed, want);
      const query = epoch === null ? "" : `?epoch=${encodeURIComponent(epoch)}&seq=${seq}`;
      const { welcome, state } = await get(`api/v1/live${query}`);
      if (socket?.readyState === WebSocket.OPEN) return;
      isPolling = true;
      take({ ...welcome, type: "welcome" });
      take({ ...state, type: "state" });
    } catch (error) {
      isPolling &&= !(error instanceof ApiError) || error.status === 0 || error.status >= 500;
    }
    if (isPolling) pollTimer = setTimeout(poll, POLL_MS);
  }

  function stopPolling() {
    clearTimeout(pollTimer);
    isPolling = false;
  }

  function watch() {
    const silent = Date.now() - lastFrame;
    const isUp = isPolling || socket?.readyState === WebSocket.OPEN;
    if (silent > HANGING_MS && !isPolling && socket?.readyState === WebSocket.OPEN) {
      const hanging = socket;
      lost(true);
      hanging.close();
      return;
    }
    const isLive = isPolling ? silent < POLL_DEAD_MS : silent < (isUp ? DEAD_MS : GRACE_MS);
    const next = isLive ? "live" : isUp ? "stale" : "down";
    if (next === is) return;
    if (is === "live") since = lastFrame;
    if (next === "live") since = Date.now();
    is = next;
    changed();
  }

  /** Something may have changed for the better: tries at once. */
  function hurry() {
    if (document.visibilityState === "hidden") return;
    attempts = 0;
    if (!socket) connect();
    watch();
  }

  setInterval(watch, 500);
  document.addEventListener("visibilitychange", hurry);
  window.addEventListener("online", hurry);
  connect();

  return {
    /** @type {import("./state.js").LinkState & { offsetKnown(): boolean, frameAge(): number }} */
    state: {
      get is() {
        return is;
      },
      /** Server's time at which the link came to be as it is. */
      get since() {
        return since + (offset ?? 0);
      },
      now: () => Date.now() + (offset ?? 0),
      offsetKnown: () => offset !== null,
      frameAge: () => Date.now() - lastFrame,
    },
    hurry,
    /** Asks for other things from now on. @param {Want} next */
    want(next) {
      if (JSON.stringify(next) === JSON.stringify(want)) return;
      want = next;
      if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ want }));
    },
    isPolling: () => isPolling,
    /** For good: a login is wanted, after which the page begins anew. */
    close() {
      isClosed = true;
      clearTimeout(retryTimer);
      stopPolling();
      socket?.close();
    },
  };
}

/** Address of the feed: relative to the document, so that it works below any path. */
function address() {
  const url = new URL("api/v1/live", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.hash = "";
  return url.href;
}
