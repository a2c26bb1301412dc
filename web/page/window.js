// Arithmetic of a virtual list: of thousands of rows, which are in view, and which of a few elements shows which. Pure.
//
// Always: all rows are equally high. Never: touches an element.

const OVERSCAN = 8; // rows kept ready above and below: a flick of the wheel finds them drawn

/**
 * Rows to show: from `first` up to but not including `end`.
 * @param {{ top: number, height: number, rowHeight: number, count: number }} view `top`: pixels of the list above the view
 */
export function visible({ top, height, rowHeight, count }) {
  const first = Math.floor(Math.max(0, top) / rowHeight) - OVERSCAN;
  const end = Math.ceil((Math.max(0, top + height)) / rowHeight) + OVERSCAN;
  return { first: Math.max(0, Math.min(first, count)), end: Math.max(0, Math.min(end, count)) };
}

/** Elements needed for a view, so that none is wanted twice. @param {number} height @param {number} rowHeight */
export function poolSize(height, rowHeight) {
  return Math.ceil(Math.max(0, height) / rowHeight) + 1 + 2 * OVERSCAN;
}

/** The element that shows a row: a row keeps its element while it is in view. @param {number} row @param {number} pool */
export const slotOf = (row, pool) => row % pool;

/**
 * Where to scroll so that a row is in view: the least way, null if it is.
 * @param {number} row @param {{ top: number, height: number, rowHeight: number }} view
 */
export function scrollFor(row, { top, height, rowHeight }) {
  const [start, end] = [row * rowHeight, (row + 1) * rowHeight];
  if (start < top) return start;
  return end > top + height ? end - height : null;
}
