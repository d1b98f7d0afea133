/** Asks before what cannot be taken back. Test hooks: `#confirm`, `#confirm-yes`, `#confirm-no`. */

import { byId, setText } from '../dom.js';

let last = Promise.resolve(false); // the answer to the question that was put last
let left = 0; // how often a place was left with what was being asked there

/**
 * Resolves to whether the person wants it. `yes`: what the button that does it says. Of two questions the second waits for the answer to the
 * first: with one answer to both, something would be done that nobody wanted.
 */
export function confirmed(question) {
  const before = left;
  last = last.catch(() => false).then(() => before === left && asked(question));
  return last;
}

/** The place is left: what is asked there, or waits to be, is not wanted. */
export function leaveQuestions() {
  left += 1;
  byId('confirm').close();
}

/** Whether a question is there to be answered. */
export function isAsked() {
  return byId('confirm').open;
}

function asked({ title, text, yes, danger = true }) {
  const dialog = byId('confirm');
  setText(byId('confirm-title'), title);
  setText(byId('confirm-text'), text);
  setText(byId('confirm-yes'), yes);
  byId('confirm-yes').classList.toggle('button-danger', danger);
  byId('confirm-yes').classList.toggle('button-primary', !danger);
  dialog.returnValue = 'no';
  dialog.showModal();
  byId('confirm-no').focus();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}
