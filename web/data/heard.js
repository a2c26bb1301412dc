// What has been heard of devices, as `GET api/v1/devices` has it, in the order in which a person reads it. Pure.
//
// Always: what is not read first, each with its reason; 10,000 devices are ordered once, and searched in some milliseconds.
// Never: a reason or a line of configuration of its own; both come from the daemon.

import { plain } from "./fleetlist.js";

/**
 * @typedef {{ quantity: string, unit: string, readings: number, last_seen: string | null }} Measured
 * @typedef {{ sensor_id: string, rule: string, last_seen: string | null, availability: "online" | "offline" | null, quantities: Measured[] }} Device
 * @typedef {{ topic: string, why: string, at: string }} Fault
 * @typedef {object} Rule
 * @property {string} rule @property {number} messages @property {number} ignored @property {number} rejected
 * @property {number} rejected_parts @property {string | null} last_seen @property {Fault | null} last_fault
 * @property {string[]} never_there
 *
 * @typedef {object} Unclaimed
 * @property {string} shape @property {number} messages @property {string} first_seen @property {string} last_seen
 * @property {string} topic @property {string} payload @property {boolean} is_cut @property {string[]} keys
 * @property {string | null} config @property {string | null} note
 *
 * @typedef {object} Heard
 * @property {string} since @property {string | null} broker address of the embedded broker @property {Device[]} devices
 * @property {number} unlisted_readings @property {Rule[]} rules @property {Unclaimed[]} unclaimed
 * @property {number} unlisted_messages
 *
 * @typedef {{ at: string, topic: string, reason: string }} Refused
 * @typedef {{ total: number, rejected: Refused[] }} Rejected as `GET api/v1/rejected` has them
 */
/**
 * @typedef {object} Card
 * @property {string} key @property {string | null} config @property {string | null} note
 * @property {Unclaimed[]} shapes that these lines take, or of which nothing can be read for this reason; the newest first
 */

/**
 * Shapes of topics that no table takes, by the lines that take them: those with lines first, then what was heard last for
 * the first time, so that a device that was just switched on is on top.
 * @param {Unclaimed[]} unclaimed @returns {Card[]}
 */
export function cardsOf(unclaimed) {
  /** @type {Map<string, Card>} */
  const cards = new Map();
  for (const shape of [...unclaimed].sort((a, b) => began(b) - began(a))) {
    const { config, note } = shape;
    const key = JSON.stringify([config, note]);
    const card = cards.get(key);
    if (card) card.shapes.push(shape);
    else cards.set(key, { key, config, note, shapes: [shape] });
  }
  const all = [...cards.values()];
  return [...all.filter(({ config }) => config), ...all.filter(({ config }) => !config)];
}

/** @param {Unclaimed} shape */
const began = (shape) => Date.parse(shape.first_seen) || 0;

/** Tables with something that they did not understand, or that never came. @param {Rule[]} rules */
export const faultyOf = (rules) => rules.filter(({ last_fault: fault, never_there: never }) => fault !== null || never.length > 0);

/**
 * Rejected messages that no table's last fault says already; of messages alike the newest.
 * @param {Refused[]} rejected the newest first @param {Rule[]} rules
 */
export function othersOf(rejected, rules) {
  const faults = rules.flatMap(({ last_fault: fault }) => fault ?? []);
  const known = new Set();
  return rejected.filter(({ topic, reason }) => {
    const key = JSON.stringify([topic, reason]);
    const isKnown = known.has(key) || faults.some((fault) => fault.topic === topic && reason.includes(fault.why));
    known.add(key);
    return !isKnown;
  });
}

const ASK_MS = 3000;
const ASK_MS_A_DEVICE = 2.7; // 10,000 devices are some MB
/** How long to wait before asking again. @param {number} num devices of the last answer */
export const askAgainAfter = (num) => ASK_MS + num * ASK_MS_A_DEVICE;

/**
 * The devices that are read, by name. It remembers their order while they are the same.
 * @param {string} language orders names
 */
export function deviceList(language) {
  const collator = new Intl.Collator(language, { numeric: true, sensitivity: "base" });
  /** Ids as they came, and the place of each row among them. @type {string[]} */
  let ids = [];
  /** @type {number[]} */
  let order = [];

  return {
    /** @param {Device[]} devices */
    ordered(devices) {
      if (devices.length !== ids.length || devices.some((device, k) => device.sensor_id !== ids[k])) {
        ids = devices.map((device) => device.sensor_id);
        order = ids.map((_, k) => k).sort((a, b) => collator.compare(ids[a] ?? "", ids[b] ?? "") || a - b);
      }
      return order.flatMap((k) => devices[k] ?? []);
    },
  };
}

/**
 * Devices that have each word of a search in what their row shows.
 * @param {Device[]} devices @param {string} search @param {(device: Device) => string} shown
 */
export function searched(devices, search, shown) {
  const needles = plain(search).split(/\s+/).filter(Boolean);
  if (needles.length === 0) return devices;
  return devices.filter((device) => {
    const hay = plain(shown(device));
    return needles.every((needle) => hay.includes(needle));
  });
}
