// Forgets a sensor that is gone: a button on its page for who may act.
//
// Always: asks for a reason first, and says what was refused and why.

import { askForget } from "../alarms/alarmactions.js";
import { ApiError } from "../data/api.js";
import { h, text } from "../page/dom.js";

/** @param {import("../app.js").Context} context @param {string} id */
export function forgetSensor(context, id) {
  const { api, words } = context;
  const w = words.sensor;
  const said = h("span", { class: "muted", role: "status" });
  const button = h("button", { type: "button", hidden: true, onclick: () => forget() }, w.forgetAsk);

  async function forget() {
    const details = await askForget(words, id);
    const by = details && (await context.who());
    if (!details || !by) return;
    button.disabled = true;
    try {
      await api.post(`api/v1/sensors/${encodeURIComponent(id)}/forget`, { by, ...details });
      text(said, w.forgotten(id));
    } catch (error) {
      const { status, detail } = error instanceof ApiError ? error : { status: 0, detail: String(error) };
      text(said, status === 0 ? words.common.noAnswer : detail);
    }
    button.disabled = false;
  }

  return {
    element: h("div", { class: "tools" }, said, h("span", { class: "grow" }), button),
    /** @param {boolean} isKnown whether there is such a sensor now */
    update(isKnown) {
      button.hidden = !isKnown || !context.canAct();
    },
  };
}
