// The search box above a list: `/` goes to it from anywhere, Escape empties it, the arrow down goes into the list.
//
// Always: typing rests before it searches. Never: takes a key from another field, or from a dialog.

import { h } from "./dom.js";

const SEARCH_MS = 120;

/**
 * @param {{ label: string, help: string, value: string, search(text: string): void, down(): void }} given
 *   `help`: what the slash key does; `down`: goes into the list
 */
export function searchBox({ label, help, value, search, down }) {
  const hasKeys = !matchMedia("(pointer: coarse)").matches;
  let typing = 0;
  const typed = () => {
    clearTimeout(typing);
    typing = window.setTimeout(() => search(input.value.trim()), SEARCH_MS);
  };
  const input = h("input", { type: "search", placeholder: hasKeys ? `${label}  /` : label, "aria-label": label, title: hasKeys ? help : "", value, oninput: typed });

  const key = (/** @type {KeyboardEvent} */ event) => {
    const isTyping = event.target instanceof Element && event.target.closest("input, textarea, select, dialog");
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      input.focus();
      input.select();
    } else if (event.key === "Escape" && event.target === input && input.value) {
      input.value = "";
      search("");
    } else if (event.key === "ArrowDown" && event.target === input) {
      event.preventDefault();
      down();
    }
  };
  document.addEventListener("keydown", key);
  return {
    input,
    close() {
      clearTimeout(typing);
      document.removeEventListener("keydown", key);
    },
  };
}
