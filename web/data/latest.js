// Requests of which only the newest counts: it waits a moment for a newer one, and an overtaken one is aborted.
//
// Always: at most one is under way; an answer that was overtaken is never used. Never: tries again.

/**
 * @param {number} delay Milliseconds that a request waits, so that a gesture of many steps asks once.
 */
export function latest(delay) {
  let timer = 0;
  /** @type {AbortController|null} */
  let running = null;

  function cancel() {
    clearTimeout(timer);
    running?.abort();
    running = null;
  }

  return {
    /** Whether an answer is waited for. */
    isWaiting: () => running !== null,
    cancel,
    /**
     * @template T
     * @param {(signal: AbortSignal) => Promise<T>} request @param {(answer: T) => void} done
     * @param {(error: any) => void} failed @param {{ atOnce?: boolean }} [options]
     */
    ask(request, done, failed, { atOnce = false } = {}) {
      cancel();
      const mine = new AbortController();
      running = mine;
      const send = async () => {
        try {
          const answer = await request(mine.signal);
          if (running !== mine) return;
          running = null;
          done(answer);
        } catch (error) {
          if (running !== mine) return;
          running = null;
          failed(error);
        }
      };
      timer = /** @type {any} */ (setTimeout(send, atOnce ? 0 : delay));
    },
  };
}
