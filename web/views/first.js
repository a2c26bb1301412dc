// What the Fleet page shows before anything was heard: what came and was not read, three commands that make a reading
// appear, and what the broker carries meanwhile. It gives way to the table with the first reading.

import { askHeard } from "../data/heardask.js";
import { copyText } from "../page/copy.js";
import { attribute, fill, h, text } from "../page/dom.js";
import { NotRead } from "./notread.js";

const ASK_MS = 3000;

/** @param {import("../app.js").Context} context @returns {import("../app.js").View} */
export function open(context) {
  const { words, api, state, format } = context;
  const w = words.first;
  const broker = h("p", { role: "status" }, w.waiting);
  const topics = h("div", { class: "topics" });
  const notRead = new NotRead(context);
  const host = location.hostname || "127.0.0.1";
  const reading = `{"sensor_id":"TEST_1","location":"${w.place}","temperature":21.5}`;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let isClosed = false;

  async function ask() {
    const found = await api.get("api/v1/broker").catch(() => state.broker);
    if (isClosed) return;
    if (found) showBroker(found);
    timer = setTimeout(ask, ASK_MS);
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
  const heard = askHeard(api, (found, rejected) => notRead.show(found, rejected), () => {});
  const element = h("div", { class: "first" },
    h("h1", null, w.title), h("p", null, w.intro), broker, notRead.element,
    h("h2", null, w.steps),
    step(w.watch, `mosquitto_sub -h ${host} -t '#' -v`, "", words),
    step(w.send, `mosquitto_pub -h ${host} -q 1 -t factory/sensors/temperature -m '${reading}'`, w.sendHelp, words),
    step(w.diagnose, "sqlite3 sensor_data.db 'SELECT received_at, topic, reason FROM rejected_messages ORDER BY id DESC LIMIT 10'", w.diagnoseHelp, words),
    h("p", { class: "muted" }, w.own),
    topics);
  return {
    element,
    update({ tick }) {
      if (tick) notRead.tick();
    },
    close() {
      isClosed = true;
      heard.close();
      clearTimeout(timer);
    },
  };
}

/** @param {string} title @param {string} command @param {string} help @param {import("../words.js").Words} words */
function step(title, command, help, { common }) {
  const name = `${common.copy}: ${command}`;
  const button = h("button", { type: "button", onclick: copy, "aria-label": name }, common.copy);
  const code = h("code", { tabIndex: 0 }, command);
  async function copy() {
    if (!(await copyText(code))) return;
    say(common.copied, null);
    setTimeout(() => say(common.copy, name), 2000);
  }
  function say(/** @type {string} */ label, /** @type {string | null} */ spoken) {
    text(button, label);
    attribute(button, "aria-label", spoken);
  }
  return h("div", { class: "step" }, h("strong", null, title), h("pre", { class: "panel" }, code, button), help && h("p", { class: "muted" }, help));
}
