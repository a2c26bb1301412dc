// The live feed's protocol: frames of the daemon become tables, and say what is to be sent. Pure.
//
// Always: whatever is cut or comes again, the tables equal the daemon's once a whole state has come. A full state is
// gathered aside and replaces the tables with its last part, so a cut in the middle leaves what was, and resumes there.
// Never: touches a socket, a clock or the page.

/** @typedef {import("./state.js").Series} Series */
/** @typedef {import("./state.js").Alarm} Alarm */
/** @typedef {{ series: number, alarms: boolean, system: boolean, broker: boolean }} Want `series`: states a second, 0 … 4 */
/**
 * @typedef {object} Welcome
 * @property {string} epoch @property {string} build @property {string} zone @property {string} language
 * @property {number} now @property {string | null} user @property {"viewer" | "operator"} role
 * @property {boolean} open no login is configured
 */
/**
 * @typedef {object} Tables
 * @property {Series[]} series by index; there may be holes
 * @property {Map<string, Alarm>} alarms by rule and sensor
 * @property {any} system @property {any} broker
 */
/**
 * @typedef {object} Feed
 * @property {string | null} epoch of the tables @property {number} seq up to which they are whole
 * @property {Welcome | null} welcome of the present connection
 * @property {Tables} tables @property {Tables | null} staged a full state that is coming
 */
/**
 * @typedef {object} Changes
 * @property {Set<number>} series indexes whose value, state or description changed
 * @property {boolean} named a series came, or has another name or location
 * @property {boolean} full everything was replaced: indexes mean other series
 * @property {boolean} alarms @property {boolean} system @property {boolean} broker @property {boolean} tick
 */
/** @typedef {{ changes: Changes | null, ack: number | null, welcome: Welcome | null, now: number | null }} Received */

/** @returns {Tables} */
const emptyTables = () => ({ series: [], alarms: new Map(), system: null, broker: null });

/** @returns {Feed} */
export function createFeed() {
  return { epoch: null, seq: 0, welcome: null, tables: emptyTables(), staged: null };
}

/** @returns {Changes} */
export function noChanges() {
  return { series: new Set(), named: false, full: false, alarms: false, system: false, broker: false, tick: false };
}

/** Adds the second's changes to the first's. @param {Changes} into @param {Changes} more */
export function mergeChanges(into, more) {
  if (more.full) into.series.clear();
  for (const i of more.series) into.series.add(i);
  for (const key of /** @type {const} */ (["named", "full", "alarms", "system", "broker", "tick"])) into[key] ||= more[key];
}

/** The first frame of a connection. @param {Feed} feed @param {Want} want */
export function hello(feed, want) {
  feed.staged = null; // its remaining parts went with the last connection
  feed.welcome = null;
  const isKnown = feed.epoch !== null && feed.seq > 0;
  return { hello: 1, epoch: isKnown ? feed.epoch : null, seq: isKnown ? feed.seq : 0, want };
}

/**
 * Takes a frame in. `changes`: what the pages must show; `ack`: the state to acknowledge once it is painted.
 * @param {Feed} feed @param {any} frame @returns {Received}
 */
export function receive(feed, frame) {
  const now = typeof frame?.now === "number" ? frame.now : null;
  /** @type {Received} */
  const nothing = { changes: null, ack: null, welcome: null, now };
  switch (frame?.type) {
    case "welcome":
      feed.welcome = frame;
      return { ...nothing, welcome: frame };
    case "state":
      return { ...nothing, ...takeState(feed, frame) };
    default: // a beat, or what a later version sends
      return nothing;
  }
}

/** @param {Feed} feed @param {any} frame */
function takeState(feed, frame) {
  const epoch = feed.welcome?.epoch ?? feed.epoch;
  // Indexes of another epoch mean other series: its first state is full, whatever it says of itself.
  if (frame.full || (!feed.staged && epoch !== feed.epoch)) feed.staged = emptyTables();
  const changes = noChanges();
  takePart(feed.staged ?? feed.tables, frame, changes);
  if (frame.more) return { changes: feed.staged ? null : changes, ack: null };
  if (feed.staged) {
    feed.tables = feed.staged;
    feed.staged = null;
    Object.assign(changes, everything(feed.tables), { full: true });
  }
  feed.epoch = epoch;
  feed.seq = frame.seq;
  return { changes, ack: frame.seq };
}

/** Changes that have a page drawn anew. @param {Tables} tables @returns {Changes} */
export function everything(tables) {
  const series = new Set(tables.series.filter(Boolean).map(({ i }) => i));
  return { series, named: true, full: false, alarms: true, system: true, broker: true, tick: true };
}

/** @param {Tables} tables @param {any} frame @param {Changes} changes */
function takePart(tables, frame, changes) {
  for (const description of frame.series ?? []) describe(tables, description, changes);
  for (const [i, value, at, state] of frame.values ?? []) {
    const series = tables.series[i];
    if (!series) continue; // values follow their description
    Object.assign(series, { value, at, state, digits: Math.max(series.digits, decimals(value)) });
    changes.series.add(i);
  }
  for (const alarm of frame.alarms ?? []) tables.alarms.set(`${alarm.rule}/${alarm.sensor_id}`, alarm);
  for (const key of frame.gone ?? []) tables.alarms.delete(key);
  changes.alarms ||= Boolean(frame.alarms?.length || frame.gone?.length);
  for (const key of /** @type {const} */ (["system", "broker"])) {
    if (!(key in frame)) continue;
    tables[key] = frame[key];
    changes[key] = true;
  }
}

/** @param {Tables} tables @param {any} description @param {Changes} changes */
function describe(tables, description, changes) {
  const { i, id, location, quantity } = description;
  const known = tables.series[i];
  const isSame = known && known.id === id && known.location === location && known.quantity === quantity;
  changes.named ||= !isSame;
  changes.series.add(i);
  const unknown = { low: null, high: null, every: null, unit: "", value: null, at: null, state: 0, digits: 0 };
  tables.series[i] = Object.assign(known ?? unknown, description);
}

/** Decimals of a number as it came, three at most. @param {number | null} value */
function decimals(value) {
  const text = String(value);
  const point = text.indexOf(".");
  return point < 0 || text.includes("e") ? 0 : Math.min(3, text.length - point - 1);
}

/**
 * The server's clock less the client's, estimated from the frames' times: the quickest frame is nearest to the truth.
 * @param {number | null} offset so far @param {number} serverNow @param {number} clientNow
 */
export function tune(offset, serverNow, clientNow) {
  const seen = serverNow - clientNow;
  // A clock that was set, or a machine that slept, is followed at once; a drift slowly.
  if (offset === null || seen > offset || offset - seen > 3000) return seen;
  return offset + (seen - offset) * 0.05;
}
