// Tables as CSV (RFC 4180). Pure.
//
// Always: CRLF, quotes where they are needed. Never: a formula, or a control character, in a cell that went through `safe`.

/** @param {string[][]} rows The header first. @returns {string} */
export function csvOf(rows) {
  return rows.map((row) => `${row.map(field).join(",")}\r\n`).join("");
}

/** @param {string} text @returns {string} */
function field(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Guards a text from outside against formula injection in spreadsheets, by an apostrophe; on one line. @param {string} text */
export function safe(text) {
  const line = text.replace(UNPRINTABLE, (c) => `\\u{${c.charCodeAt(0).toString(16)}}`);
  return /^[=+\-@\t\r＝＋－＠]/.test(text) ? `'${line}` : line;
}
