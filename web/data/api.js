// Requests to the daemon's API.
//
// Always: relative to the document, JSON in and out, a timeout; a failure is thrown as `{ status, detail }`, status 0
// when there was no answer. Never: retries; whoever asked decides.

const TIMEOUT_MS = 40_000; // the daemon itself waits 35 s for a commit on a busy disk

/** A request that failed. */
export class ApiError extends Error {
  /** @param {number} status HTTP status; 0 without an answer @param {string} detail for people */
  constructor(status, detail) {
    super(detail);
    this.status = status;
    this.detail = detail;
  }
}

/** @type {() => void} */
let onUnauthorized = () => {};

/** Sets the reaction to an answer 401: the login. @param {() => void} action */
export function whenUnauthorized(action) {
  onUnauthorized = action;
}

/** @param {string} path @param {{ signal?: AbortSignal }} [options] @returns {Promise<any>} */
export function get(path, options) {
  return send(path, { method: "GET", signal: options?.signal });
}

/**
 * @param {string} path @param {unknown} body @param {{ signal?: AbortSignal }} [options] @returns {Promise<any>}
 */
export function post(path, body, options) {
  const headers = { "Content-Type": "application/json" };
  return send(path, { method: "POST", headers, body: JSON.stringify(body), signal: options?.signal });
}

/** @param {string} path @returns {Promise<any>} */
export function remove(path) {
  return send(path, { method: "DELETE", headers: { "Content-Type": "application/json" } });
}

/** @param {string} path @param {RequestInit & { signal?: AbortSignal }} init */
async function send(path, init) {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), TIMEOUT_MS);
  init.signal?.addEventListener("abort", () => timeout.abort());
  try {
    const answer = await fetch(path, { ...init, signal: timeout.signal, cache: "no-store" });
    const parsed = await parse(answer);
    if (answer.ok) return parsed;
    if (answer.status === 401 && !path.startsWith("api/v1/session")) onUnauthorized();
    throw new ApiError(answer.status, reason(parsed) ?? `${answer.status} ${answer.statusText}`);
  } catch (error) {
    if (error instanceof ApiError || init.signal?.aborted) throw error;
    throw new ApiError(0, error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
  }
}

/** @param {Response} answer */
async function parse(answer) {
  const body = await answer.text();
  if (!body) return null;
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

/** @param {any} parsed problem details */
function reason(parsed) {
  return parsed?.detail ?? parsed?.title ?? parsed?.error ?? null;
}
