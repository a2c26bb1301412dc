// What is wrong with the daemon, of what it says about itself. Pure.
//
// Always: the daemon's own problems come first; what follows from its figures is added unless it said so.
// Never: reads a clock.

/** A queue is told when so much of it is taken. */
const NEARLY_FULL = 0.8;

/**
 * @param {any} system As `GET api/v1/system` gives it. @param {any} words The section `system` of the catalogue.
 * @param {number} fewDays Below so many days a disk that fills is a problem.
 * @returns {{ what: string, since: string|null }[]}
 */
export function problemsOf(system, words, fewDays) {
  /** @type {{ what: string, since: string|null }[]} */
  const said = system.problems ?? [];
  return said.length > 0 ? said : derived(system, words, fewDays);
}

const RECENT_MS = 3_600_000;

/**
 * Parts that run again after a failure within the last hour, the last one first.
 * @param {any} tree The supervision tree, as `GET api/v1/system` gives it. @param {number} now
 * @returns {{ name: string, at: number }[]}
 */
export function restartsOf(tree, now) {
  const groups = tree?.groups ?? [];
  const named = groups.flatMap((/** @type {any} */ group) => [...(group.newest ?? []), ...(group.troubled ?? [])]);
  /** @type {Map<string, number>} */
  const found = new Map();
  for (const { name, state, incarnation, last_exit: exit } of [...(tree?.children ?? []), ...named]) {
    const at = Date.parse(exit?.at ?? "");
    if (state === "up" && incarnation > 1 && now - at < RECENT_MS) found.set(name, at);
  }
  return [...found].map(([name, at]) => ({ name, at })).sort((a, b) => b.at - a.at);
}

/** @param {any} system @param {any} words @param {number} fewDays @returns {{ what: string, since: string|null }[]} */
function derived({ tree, broker, queues, receivers, database }, words, fewDays) {
  const w = words.derived;
  const children = [...(tree?.children ?? []), ...(tree?.groups ?? []).flatMap((/** @type {any} */ group) => group.troubled)];
  const failed = children.filter(({ state }) => state === "backing_off" || state === "quarantined" || state === "gave_up");
  const full = Object.entries(queues ?? {}).filter(([, { depth, capacity }]) => capacity > 0 && depth / capacity >= NEARLY_FULL);
  const failing = (receivers ?? []).filter((/** @type {any} */ it) => it.state === "failing");
  const isShort = typeof database?.days_left === "number" && database.days_left < fewDays;
  return [
    ...failed.map(({ name, state, since }) => ({ what: w.child(name, words.states[state]), since })),
    ...(broker?.connected === false ? [{ what: w.notConnected(broker.name), since: broker.since ?? null }] : []),
    ...full.map(([name]) => ({ what: w.queue(words.queues[name] ?? name), since: null })),
    ...failing.map((/** @type {any} */ it) => ({ what: w.receiver(it.name), since: it.last_error?.at ?? null })),
    ...(isShort ? [{ what: w.disk(words.days(Math.floor(database.days_left))), since: null }] : []),
  ];
}
