// What the Fleet page shows before anything was heard: three commands that make a reading appear, what the broker
// carries meanwhile, and whether something was rejected. It gives way to the table with the first reading.

import { attribute, fill, h, text } from "../page/dom.js";

const ASK_MS = 3000;

/** @param {import("../app.js").Context} context @returns {import("../app.js").View} */
export function open({ words, api, state, format }) {
  const w = words.first;
  const broker = h("p", { role: "status" }, w.waiting);
  const topics = h("div", { class: "topics" });
  const rejected = h("div", { hidden: true });
  const host = location.hostname || "127.0.0.1";
  const reading = `{"sensor_id":"TEST_1","location":"${w.place}","temperature":21.5}`;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let isClosed = false;

  async function ask() {
    const [found, refused] = await Promise.all([api.get("api/v1/broker").catch(() => state.broker), api.get("api/v1/rejected?limit=8").catch(() => null)]);
    if (isClosed) return;
    if (found) showBroker(found);
    if (refused) showRejected(refused);
    timer = setTimeout(ask, ASK_MS);
  }

  /** What came and could not be used, with why. @param {{ total: number, rejected: { at: string, topic: string, reason: string }[] }} found */
  function showRejected({ total, rejected: newest }) {
    rejected.hidden = false;
    fill(rejected, h("h2", null, w.rejected), h("p", null, total > 0 ? w.rejectedCount(total) : w.rejectedNone),
      newest.map(({ at, topic, reason }) => h("div", { class: "topic" }, h("code", null, topic), h("span", null, reason), h("span", { class: "muted" }, format.time(Date.parse(at))))),
      total > newest.length && h("p", { class: "muted" }, w.rejectedWhere, " ", h("code", null, "SELECT received_at, topic, reason FROM rejected_messages ORDER BY id DESC LIMIT 10")));
  }

  /** @param {any} found */
  function showBroker(found) {
    text(broker, `${found.connected ? w.brokerUp(found.name) : w.brokerDown(found.name)} ${found.connected ? w.waiting : ""}`);
    const heard = (found.topics ?? []).slice(0, 8);
    fill(topics, heard.length > 0 && h("h2", null, w.topics),
      heard.map((/** @type {any} */ topic) => h("div", { class: "topic" },
        h("code", null, topic.topic), h("code", { class: "muted" }, String(topic.payload ?? "")), h("span", { class: "muted" }, topic.last_at ? format.time(Date.parse(topic.last_at)) : ""))));
  }

  void ask();
  const element = h("div", { class: "first" },
    h("h1", null, w.title), h("p", null, w.intro), broker,
    h("h2", null, w.steps),
    step(w.watch, `mosquitto_sub -h ${host} -t '#' -v`, "", w),
    step(w.send, `mosquitto_pub -h ${host} -q 1 -t factory/sensors/temperature -m '${reading}'`, w.sendHelp, w),
    step(w.diagnose, "sqlite3 sensor_data.db 'SELECT received_at, topic, reason FROM rejected_messages ORDER BY id DESC LIMIT 10'", w.diagnoseHelp, w),
    h("p", { class: "muted" }, w.own),
    topics, rejected);
  return {
    element,
    update() {},
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}

/** @param {string} title @param {string} command @param {string} help @param {import("../words.js").Words["first"]} w */
function step(title, command, help, w) {
  const button = h("button", { type: "button", onclick: copy, "aria-label": `${w.copy}: ${command}` }, w.copy);
  const code = h("code", { tabIndex: 0 }, command);
  async function copy() {
    try {
      await navigator.clipboard.writeText(command);
      text(button, w.copied);
    } catch {
      // Without TLS beyond this machine a page may not copy: the text is selected instead.
      getSelection()?.selectAllChildren(code);
    }
    attribute(button, "aria-label", null);
    setTimeout(() => text(button, w.copy), 2000);
  }
  return h("div", { class: "step" }, h("strong", null, title), h("pre", { class: "panel" }, code, button), help && h("p", { class: "muted" }, help));
}
