// Text for a person to paste elsewhere.

/**
 * Copies the text of an element. Without TLS beyond this machine there is no clipboard: then it is selected, for Ctrl+C.
 * @param {Element} element @returns {Promise<boolean>} whether it is in the clipboard
 */
export async function copyText(element) {
  const all = document.createRange();
  all.selectNodeContents(element);
  const isDone = (await navigator.clipboard?.writeText(element.textContent ?? "").then(() => true, () => false)) ?? false;
  getSelection()?.removeAllRanges();
  if (!isDone) getSelection()?.addRange(all);
  return isDone;
}
