// Tables as CSV (RFC 4180). Pure.
//
// Always: CRLF, quotes where they are needed. Never: a cell that a spreadsheet would run, if it is made by `safe`.

/** @param {string[][]} rows the first has the names @returns {string} */
export function csvOf(rows) {
  return rows.map((row) => `${row.map(field).join(",")}\r\n`).join("");
}

/** @param {string} text @returns {string} */
function field(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A text that came from outside, as a text: an apostrophe keeps a spreadsheet from taking it for a formula. @param {string} text */
export const safe = (text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
