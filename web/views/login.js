// The login: name and password for a session cookie. After it the page begins anew.

import { ApiError } from "../data/api.js";
import { h, text } from "../page/dom.js";

/** @param {import("../app.js").Context} context @returns {import("../app.js").View} */
export function open({ words, api }) {
  const w = words.login;
  const name = h("input", { type: "text", name: "username", autocomplete: "username", required: true, autofocus: true, maxLength: 64 });
  const password = h("input", { type: "password", name: "password", autocomplete: "current-password", required: true, maxLength: 1000 });
  const button = h("button", { class: "main" }, w.send);
  const said = h("p", { class: "said", role: "alert" });

  /** @param {Event} event */
  async function send(event) {
    event.preventDefault();
    button.disabled = true;
    text(said, "");
    try {
      await api.post("api/v1/session", { name: name.value.trim(), password: password.value });
      location.reload();
    } catch (error) {
      text(said, reason(error, w));
      password.select();
    } finally {
      button.disabled = false;
    }
  }

  const element = h("form", { class: "login panel", onsubmit: send },
    h("h1", null, w.title),
    h("label", null, h("span", null, w.name), name),
    h("label", null, h("span", null, w.password), password),
    said, button, h("p", { class: "muted" }, w.help));
  queueMicrotask(() => name.focus());
  return { element, update() {}, close() {} };
}

/** @param {unknown} error @param {import("../words.js").Words["login"]} w */
function reason(error, w) {
  const { status, detail } = error instanceof ApiError ? error : { status: 0, detail: "" };
  if (status === 401) return w.wrong;
  if (status === 429) return w.tooMany;
  if (status === 404) return w.missing;
  return status === 0 ? w.unreachable : detail;
}
