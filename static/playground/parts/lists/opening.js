/**
 * Rows that a press anywhere on them opens, as their link or button does. Not where a text was selected, nor where the press began on what can be
 * pressed, written into or selected itself, or in another row: a browser says of a press that ends elsewhere that it was on what holds both.
 */

import { closest } from '../dom.js';

// An id (`code`) is selected by a double click, whose first click would open the row
const PRESSED_ITSELF = 'a, button, input, select, textarea, label, summary, code, [contenteditable]';
const ROW = 'tr, li';

/** What is told of a run at length: a double click selects a word of it, so that the first click waits so many milliseconds for a second, as long as Windows does. */
const REASON = '.row-reason, .cell-reason';
const SECOND_CLICK = 500;

/** `opener`: of the link or button in each row of `list`, a list or the body of a table. */
export function openByRow(list, opener) {
  let began = null; // on which element the press did; null: it has none, as one by a program
  list.classList.add('opens-by-row');
  list.addEventListener('pointerdown', ({ target }) => {
    began = target;
  });
  list.addEventListener('click', (event) => {
    const ends = [began ?? event.target, event.target];
    began = null;
    const [row, other] = ends.map((end) => closest(end, ROW));
    if (row !== other || ends.some((end) => closest(end, PRESSED_ITSELF) !== null) || !getSelection().isCollapsed) return;
    const open = () => pressOpener(row?.querySelector(opener), event);
    if (closest(event.target, REASON) === null) open();
    else unlessMoreIsPressed(() => row?.isConnected && getSelection().isCollapsed && open());
  });
}

function unlessMoreIsPressed(open) {
  const waits = new AbortController();
  const timer = setTimeout(() => {
    waits.abort();
    open();
  }, SECOND_CLICK);
  const giveUp = () => {
    clearTimeout(timer);
    waits.abort();
  };
  for (const kind of ['pointerdown', 'keydown']) addEventListener(kind, giveUp, { capture: true, signal: waits.signal });
}

// A link is opened in another tab where a key is down.
function pressOpener(opens, { ctrlKey, metaKey, shiftKey }) {
  opens?.dispatchEvent(new MouseEvent('click', { ctrlKey, metaKey, shiftKey, bubbles: true, cancelable: true }));
}
