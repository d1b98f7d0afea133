/** Rows that a press anywhere on them opens, as their link or button does; but where a text was selected, and on what can be pressed itself. */

import { closest } from '../dom.js';

const PRESSED_ITSELF = 'a, button, input, select, label';

/** `opener`: of the link or button in each row of `list`, a list or the body of a table. */
export function openByRow(list, opener) {
  list.classList.add('opens-by-row');
  list.addEventListener('click', (event) => {
    if (closest(event.target, PRESSED_ITSELF) !== null || !getSelection().isCollapsed) return;
    const { ctrlKey, metaKey, shiftKey } = event; // a link is opened in another tab by them
    const opens = closest(event.target, 'tr, li')?.querySelector(opener);
    opens?.dispatchEvent(new MouseEvent('click', { ctrlKey, metaKey, shiftKey, bubbles: true, cancelable: true }));
  });
}
