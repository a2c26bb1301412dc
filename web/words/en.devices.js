// English texts of the page Devices, and of unread messages.

/** @param {number} n @param {string} one @param {string} many */
const count = (n, one, many) => `${n.toLocaleString("en-GB")} ${n === 1 ? one : many}`;
/** @param {number} n */
const messages = (n) => count(n, "message", "messages");
/** @param {number} n */
const devices = (n) => count(n, "device", "devices");

export default {
  title: "Devices",
  since: (/** @type {string} */ at) => `Received since Vigie started, ${at}.`,
  toRead: (/** @type {number} */ n) => (n === 1 ? "To the device that is read" : `To the ${devices(n)} that are read`),
  unclaimed: "Topics that no table takes",
  unclaimedHelp: "Paste the lines that you want into the configuration, correct names and units, and restart Vigie.",
  unclaimedNone: "No such topic has been received.",
  elsewhere: "Of this broker Vigie subscribes only to what its tables read. This command listens to the rest of it:",
  heard: (/** @type {number} */ n, /** @type {string} */ age) => `${messages(n)}, the last ${age} ago`,
  more: (/** @type {number} */ n) => `and ${count(n, "more shape of topics", "more shapes of topics")}`,
  unlisted: (/** @type {number} */ n) => `and others, of ${messages(n)}`,
  lines: (/** @type {string} */ shape) => `Lines of configuration for ${shape}`,
  showAll: (/** @type {number} */ n) => `Show all ${n.toLocaleString("en-GB")}`,
  showFew: "Show fewer",
  faults: "Not understood",
  rejectedOf: (/** @type {number} */ n, /** @type {number} */ all) => `${n.toLocaleString("en-GB")} of ${messages(all)} rejected`,
  parts: (/** @type {number} */ n) => `${count(n, "value", "values")} not understood`,
  neverThere: "In no message so far:",
  rejectedNone: "No message was rejected.",
  rejectedCount: (/** @type {number} */ n) => `${count(n, "message was rejected", "messages were rejected")} in the life of this database.`,
  rejectedWhere: "The database keeps the newest with topic, payload and reason:",
  tables: "Tables",
  tableColumns: ["Table", "Messages", "Ignored", "Rejected", "Values not understood", "Last"],
  own: "Vigie's own topics",
  read: "Devices that are read",
  search: "Search devices",
  columns: { name: "Device", measures: "Measures", table: "Table", state: "State", age: "Last heard" },
  states: { online: "online", offline: "offline" },
  retained: "retained",
  retainedHelp: "Only retained messages were received: they do not show that it works.",
  shown: (/** @type {number} */ n, /** @type {number} */ all) => (n === all ? devices(n) : `${n.toLocaleString("en-GB")} of ${devices(all)}`),
  unlistedReadings: (/** @type {number} */ n) => `and others, of ${count(n, "reading", "readings")}: vigie readings has them`,
  none: "No device yet.",
  noMatch: "No device matches.",
};
