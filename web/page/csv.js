// Tables as CSV (RFC 4180). Pure.
//
// Always: CRLF, quotes where they are needed. Never: a formula in a cell that went through `safe`.

/** @param {string[][]} rows The header first. @returns {string} */
export function csvOf(rows) {
  return rows.map((row) => `${row.map(field).join(",")}\r\n`).join("");
}

/** @param {string} text @returns {string} */
function field(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Guards a text from outside against formula injection in spreadsheets, by an apostrophe. @param {string} text */
export const safe = (text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
